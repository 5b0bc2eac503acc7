# SPDX-License-Identifier: GPL-2.0-or-later
"""A project that is brought into a QEMU tree."""

from __future__ import annotations

from qomgen.diagnostics import Diagnostic


class NoBuild(Diagnostic):
    """
    A unit does not say how QEMU builds its C file.

    `qomgen integrate` makes the entries of meson.build and Kconfig from `build:`: `set`, the meson source set;
    `when`, the symbols under which the file is built; `kconfig`, the symbol to define; `depends`, what that depends on.
    """

    id = "QG601"
    message = "unit '{unit}' does not say how QEMU builds it"
    default_hint = (
        "add a line such as 'build: {{set: system, when: CONFIG_X, kconfig: X, depends: [PCI]}}'"
    )


class NoSource(Diagnostic):
    """
    A unit does not say which C file includes what is generated of it.

    `qomgen integrate` puts the generated files beside that file.
    """

    id = "QG602"
    message = "unit '{unit}' does not say which C file includes it"
    default_hint = "add a line such as 'source: hw/misc/{unit}.c'"


class SourceNotWritten(Diagnostic):
    """
    The C file that a unit names as its `source:` is neither among the hand-written files nor in the QEMU tree.

    It holds the hooks (realize and its kin) and includes the generated .c.inc. `qomgen new` writes a first one.
    """

    id = "QG603"
    message = "nobody has written {source}, which is to include {unit}.c.inc"
    default_hint = "write {file}"


class NotIncluded(Diagnostic):
    """The hand-written C file of a unit does not include the generated .c.inc: the type would not be in the binary."""

    id = "QG604"
    message = "this file does not include {file}"
    default_hint = "add '#include \"{file}\"' after the hooks that it uses"


class UnusedSymbol(Diagnostic):
    """
    A unit defines a Kconfig symbol and is not built under it.

    `kconfig: X` defines the symbol, and the file is built under CONFIG_X. Where `when` names other symbols only,
    switching X off would change nothing.
    """

    id = "QG605"
    message = "unit '{unit}' defines {symbol}, and is built when {when}"
    default_hint = "write 'when: CONFIG_{symbol}', or leave out 'kconfig' to build it under a symbol that QEMU has"


class SymbolTwice(Diagnostic):
    """Two units define one Kconfig symbol, and say different things of what it depends on or when it is on."""

    id = "QG606"
    message = "unit '{unit}' defines {symbol} otherwise than unit '{other}' does"
    default_hint = "give both the same 'depends', or the one a symbol of its own"


class NotBuilt(Diagnostic):
    """
    No unit builds this hand-written C file.

    A C file is built with the unit in whose folder it stands; of several there, with the one by whose file's name its
    own begins (hw/misc/my-dev-dma.c with hw/misc/my-dev.c). What another C file includes is called .c.inc in QEMU.
    """

    id = "QG607"
    message = "no unit builds this file"
    default_hint = "put it beside the C file of its unit, with a name that begins as that one does"


class WhoseTest(Diagnostic):
    """
    It can't be told which unit a qtest tests.

    A file qemu/tests/qtest/NAME-test.c belongs to the unit or the type NAME, and is built where that is.
    """

    id = "QG608"
    message = "it can't be told which unit this tests: {units}"
    default_hint = "name it after the unit or one of its types, with -test.c"
