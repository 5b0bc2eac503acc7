# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes into the guest that runs QEMU itself: the program, its libraries, its qtests."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.qemu import archive, binary, cache, objects, projects, tree
from tests.qemu.integrated import Integrated, integrated
from tests.qemu.run import run

from .packages import Missing

SERIES = "10.0"

# What the guest has of its own: the C library, from the same Debian as all that was linked here.
_LIBC = re.compile(r"ld-linux|linux-vdso|lib(c|m|rt|dl|pthread|util|resolv)\.so")


def folder() -> Path:
    """QEMU with generated VFIO types and the new devices of the tests, to be put into a guest.

    It has qemu-system-x86_64 with its firmware, the qtest of each device, and in lib/ the libraries
    that they are linked with.  Raises `Missing` when QEMU can't be had or built here, and
    `CommandError` when building it fails.
    """
    try:
        made = integrated(SERIES, projects.folders(SERIES))
    except (tree.Missing, archive.NotServed, archive.Unreachable) as error:
        raise Missing(str(error)) from error
    return _put_together(made)


def _put_together(made: Integrated) -> Path:
    program = made.program(_generated())
    tests = [made.qtest(f"{name}-test") for name in projects.names(SERIES)]
    libraries = {path for each in (program, *tests) for path in _libraries(each)}
    sources = [program, *tests, *sorted(libraries)]
    key = cache.digest(*(f"{each}" for each in sources), *(each.read_bytes() for each in sources))

    def make(into: Path) -> None:
        for each in (program, *tests):
            shutil.copy(each, into / each.name)
        (into / "lib").mkdir()
        for each in libraries:
            shutil.copy(each, into / "lib" / each.name)
        binary.give_firmware(into)

    return cache.folder(cache.root() / "vm" / "nested" / key, make)


def _generated() -> dict[str, Path]:
    """The objects of QEMU's own files with what is generated in place of what is written there."""
    definitions, declarations = binary.units_here(SERIES)
    names = [defined.part for defined in definitions]
    names += [declared.part for declared in declarations]
    return binary.replaced(SERIES, objects.generated(SERIES, names))


def _libraries(program: Path) -> Iterator[Path]:
    """What *program* is linked with, the C library apart."""
    for name, path in re.findall(r"^\s*(\S+) => (\S+) \(", run(["ldd", program]), re.MULTILINE):
        if not _LIBC.match(name):
            yield Path(path)
