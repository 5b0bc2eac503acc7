# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a new project is asked for: its device's name, parent, PCI id, properties and QEMU series.

Everything is checked here, against what qomgen knows of QEMU, before anything is made of it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from qomgen import model
from qomgen.catalog import Catalog
from qomgen.diagnostics import did_you_mean, visible
from qomgen.naming import PACKAGE, python_module
from qomgen.profile import IntegerDefault, Kind
from qomgen.pysource import HookFinder, HookRef
from qomgen.reserved import C_KEYWORDS, PYTHON_KEYWORDS
from qomgen.series import Series
from qomgen.source import Hex

PARENTS: Mapping[str, str] = {
    "vfio-pci": "a device of the host, passed through, with quirks of its own",
    "vfio-pci-device": "a device of the host without vfio-pci's own properties (QEMU 10.2 and later)",
    "pci-device": "an emulated PCI device",
}
"""The parents that a new device may have, and what it then is."""

PciId: TypeAlias = tuple[int, int]
"""Vendor and device, 16 bits each."""

EXPERIMENTAL_ID: PciId = (0x1234, 0x0001)
"""What an emulated device gets unless told otherwise: no vendor has 1234, and QEMU's own edu uses it too."""

KINDS: Mapping[str, str] = {
    "bool": "on or off",
    "bit": "on or off, one bit of a field of 32",
    "bit64": "on or off, one bit of a field of 64",
    "uint8": "a number from 0 to 255",
    "uint16": "a number from 0 to 65535",
    "uint32": "a number from 0 to 4294967295",
    "uint64": "a number from 0 to 18446744073709551615",
    "int32": "a number from -2147483648 to 2147483647",
    "int64": "a number from -9223372036854775808 to 9223372036854775807",
    "size": "bytes, also 4K or 1G",
    "size32": "bytes below 4G, also 4K",
    "string": "any text",
    "on-off-auto": "on, off or auto",
    "off-auto-pcibar": "off, auto or bar0 to bar5",
    "uuid": "a UUID, or auto for a random one",
    "uuid-nodefault": "a UUID",
    "pci-devfn": "slot and function on the bus, such as 06.0",
    "pci-host-devaddr": "the address of a PCI device of the host",
    "bootindex": "the place in the boot order",
}
"""The kinds of properties that both C and Python have, and what their values are."""

_UNUSUAL: Mapping[str, str] = {
    "link": "it needs a type to point at",
    "raw": "only QEMU's own types have it",
    **dict.fromkeys(
        ("unsigned", "unsigned-nodefault", "signed", "signed-nodefault"),
        "it needs a PropertyInfo written by hand",
    ),
    **dict.fromkeys(
        ("chr", "netdev", "drive", "drive-iothread", "audiodev"),
        "it needs a backend, which pyqom has not",
    ),
    **dict.fromkeys(
        (
            "blocksize",
            "ccw-loadparm",
            "macaddr",
            "pcie-link-speed",
            "pcie-link-width",
            "reserved-region",
        ),
        "pyqom has it not",
    ),
}
"""Kinds that a spec may have and a new project not, and why."""

_STARTS: Mapping[str, str] = {
    "on-off-auto": "auto",
    "off-auto-pcibar": "off",
    "pci-devfn": "-1",
    **dict.fromkeys(("bool", "bit", "bit64"), "false"),
}
"""Defaults of kinds that need one, where 0 is none."""

_OF_KIND = {"vfio-pci-device": ("host", "sysfsdev")}
"""Properties that a new device of some parents has besides those asked for."""

_LONGEST = 40
"""Characters of a type's name; of it come names of files, macros and functions."""

_LONGEST_PROPERTY = 64


class BadAnswer(ValueError):
    """An answer that nothing can be made of; the message says which, why, and what is possible."""


@dataclass(frozen=True, slots=True)
class Property:
    """A property that is asked for."""

    name: str
    kind: str
    default: model.Constant | None
    """None: the kind has none."""
    field: str
    """The field of the instance struct that holds it; several bits share one."""
    bit: int | None = None


@dataclass(frozen=True, slots=True)
class Answers:
    """All that a project is made of."""

    name: str
    parent: str
    pci_id: PciId | None
    properties: tuple[Property, ...]
    series: tuple[Series, ...] | None
    """The QEMU series to generate C for; None: all that are known."""

    @property
    def package(self) -> str:
        """The Python package of what is written by hand."""
        return python_module(self.name)

    @property
    def devices(self) -> str:
        """The Python package of what is generated."""
        return f"{self.package}_devices"

    @property
    def kind(self) -> str:
        """What its templates are called after."""
        return {"pci-device": "plain", "vfio-pci-device": "bare"}.get(self.parent, "passthrough")

    @property
    def is_passthrough(self) -> bool:
        """Whether the device is one of the host."""
        return self.parent != "pci-device"


def name(text: str, catalogs: Iterable[Catalog] = ()) -> str:
    """
    The name of a new type.

    Raises:
        BadAnswer: if it is none, or taken.
    """
    shown = visible(text)
    if not re.fullmatch(r"(?=..)[a-z][a-z0-9]*(-[a-z0-9]+)*", text):
        raise BadAnswer(
            f"'{shown}' is no name for a type: two or more small letters, digits and single hyphens, with a letter"
            " first, such as 'my-accel'"
        )
    if len(text) > _LONGEST:
        raise BadAnswer(f"'{shown}' is too long for a name: {_LONGEST} characters at most")
    package = python_module(text)
    taken = {
        *sys.stdlib_module_names,
        *C_KEYWORDS,
        *PYTHON_KEYWORDS,
        *("tests", "generated", "qemu", "qomgen", "pyqom", "pyvfio", "hw_vfio", "device_specs"),
        PACKAGE,
    }
    if package in taken or f"{package}_devices" in taken:
        raise BadAnswer(
            f"'{shown}' can be no name: '{package}' means something else in C or Python"
        )
    if any(text in catalog.types for catalog in catalogs):
        raise BadAnswer(f"'{shown}' can be no name: QEMU has a type of that name")
    return text


def parent(text: str) -> str:
    """
    The parent of a new type.

    Raises:
        BadAnswer: if it is none of `PARENTS`.
    """
    if text not in PARENTS:
        hint = did_you_mean(text, PARENTS)
        told = "; ".join(f"{each} ({what})" for each, what in PARENTS.items())
        raise BadAnswer(
            f"'{visible(text)}' is no parent for a new device{f'; {hint}' if hint else ''}: there are {told}"
        )
    return text


def pci_id(text: str) -> PciId:
    """
    A PCI id: `1234:11e8`.

    Raises:
        BadAnswer: if it is none.
    """
    match = re.fullmatch(r"(?:0x)?([0-9a-fA-F]{1,4}):(?:0x)?([0-9a-fA-F]{1,4})", text)
    if match is None:
        raise BadAnswer(
            f"'{visible(text)}' is no PCI id: vendor and device in hexadecimal, such as 1234:11e8 (lspci -n shows them)"
        )
    vendor, device = (int(each, 16) for each in match.groups())
    if 0xFFFF in (vendor, device) or not vendor:
        raise BadAnswer(f"'{text}' is no PCI id: no vendor has 0000, and ffff means no device")
    return vendor, device


def properties(
    texts: Sequence[str], parent: str, catalogs: Sequence[Catalog]
) -> tuple[Property, ...]:
    """
    Properties, each `name:kind` or `name:kind=default`.

    Args:
        texts: what was asked for, in order.
        parent: the parent's name; what it has can't be declared again.
        catalogs: what is known of QEMU, a catalog a series.

    Raises:
        BadAnswer: if one is wrong.
    """
    found: list[Property] = []
    fields = _inherited_fields(parent, catalogs)
    bits = {"bit": 0, "bit64": 0}
    for text in texts:
        read = _property(text, parent, catalogs)
        if any(each.name == read.name for each in found):
            raise BadAnswer(f"property '{read.name}' is asked for twice")
        if read.kind == "bootindex" and any(each.kind == "bootindex" for each in found):
            raise BadAnswer(f"property '{read.name}': a device has one place in the boot order")
        if read.kind in bits:
            # Bits share a field.
            bit = bits[read.kind]
            bits[read.kind] += 1
            if bit >= (64 if read.kind == "bit64" else 32):
                raise BadAnswer(f"property '{read.name}': no more than {bit} fit in one field")
            field = "flags" if read.kind == "bit" else "flags64"
            found.append(Property(read.name, read.kind, read.default, _free(field, fields), bit))
            continue
        field = _free(read.field, fields | {each.field for each in found} | {"flags", "flags64"})
        found.append(Property(read.name, read.kind, read.default, field))
    return tuple(found)


def _property(text: str, parent: str, catalogs: Sequence[Catalog]) -> Property:
    shown = visible(text)
    match = re.fullmatch(r"([^:=]*):([^:=]*)(?:=(.*))?", text, re.DOTALL)
    if match is None:
        raise BadAnswer(f"property '{shown}': write NAME:KIND=DEFAULT, such as queues:uint32=8")
    named, kind, default = match.groups()
    if not re.fullmatch(r"[a-z][a-z0-9]*([\-_][a-z0-9]+)*", named):
        raise BadAnswer(
            f"property '{shown}': '{visible(named)}' is no name for a property: small letters, digits and single"
            " hyphens, with a letter first, such as 'max-queues'"
        )
    if len(named) > _LONGEST_PROPERTY:
        raise BadAnswer(f"property '{shown}': a name has {_LONGEST_PROPERTY} characters at most")
    if kind not in KINDS:
        raise BadAnswer(f"property '{shown}': {_no_kind(kind)}")
    if named in _OF_KIND.get(parent, ()):
        raise BadAnswer(f"property '{shown}': a {parent} of one's own has '{named}' anyway")
    for catalog in catalogs:
        above = catalog.types.get(parent)
        for ancestor in catalog.chain(above) if above else ():
            if any(each.name == named for each in ancestor.all_properties):
                raise BadAnswer(
                    f"property '{shown}': {ancestor.name} has a property '{named}' already"
                )
            has_bootindex = any(each.kind == "bootindex" for each in ancestor.properties)
            if kind == "bootindex" and has_bootindex:
                raise BadAnswer(f"property '{shown}': {ancestor.name} has a bootindex already")
    known = catalogs[-1].kinds[kind]
    value = _default(shown, known, default, catalogs[-1])
    field = python_module(named)
    # x- says that a property may go; of the field it says nothing.
    return Property(named, kind, value, re.sub("^x_(?=[a-z])", "", field))


def _no_kind(kind: str) -> str:
    shown = visible(kind)
    if kind in _UNUSUAL:
        return (
            f"a property of kind '{kind}' is not made by 'new': {_UNUSUAL[kind]}; write it into the spec afterwards,"
            " where the kind allows it"
        )
    hint = did_you_mean(kind, KINDS)
    told = ", ".join(KINDS)
    return f"there is no kind '{shown}'{f'; {hint}' if hint else ''}: there are {told}"


def _default(shown: str, kind: Kind, text: str | None, catalog: Catalog) -> model.Constant | None:
    """The default of a property; a kind that needs one has one that changes nothing."""
    if kind.default is None:
        if text:
            why = "starts at -1" if kind.name == "bootindex" else "has no default in QEMU"
            raise BadAnswer(
                f"property '{shown}': a {kind.name} {why}; leave out '={visible(text)}'"
            )
        return None
    text = _STARTS.get(kind.name, "0") if text is None else text
    wrong = f"property '{shown}': '{visible(text)}' is no default for a {kind.name}: "
    if kind.default == "bool":
        words = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}
        if text not in words:
            raise BadAnswer(f"{wrong}write true or false")
        return words[text]
    if isinstance(kind.default, IntegerDefault):
        return _integer(wrong, kind.default, text, is_size=kind.name.startswith("size"))
    members = catalog.enums[kind.default].members
    if text not in members:
        hint = did_you_mean(text, members)
        raise BadAnswer(f"{wrong}write {', '.join(members)}{f'; {hint}' if hint else ''}")
    return text


def _integer(wrong: str, bounds: IntegerDefault, text: str, *, is_size: bool) -> int:
    suffixes = "KMGTPE"
    match = re.fullmatch(r"(-?(?:0x[0-9a-fA-F]{1,20}|[0-9]{1,20}))([KMGTPE]?)", text)
    if match is None or (match[2] and not is_size):
        also = " or 4K" if is_size else ""
        raise BadAnswer(f"{wrong}write a number, such as 8 or 0x10{also}")
    digits, suffix = match.groups()
    number = int(digits, 16 if "0x" in digits else 10)
    if suffix:
        number <<= 10 * (suffixes.index(suffix) + 1)
    if not bounds.minimum <= number <= bounds.maximum:
        raise BadAnswer(f"{wrong}it goes from {bounds.minimum} to {bounds.maximum}")
    return Hex(number) if "0x" in digits else number


def _inherited_fields(parent: str, catalogs: Sequence[Catalog]) -> set[str]:
    """Names that a field can't have: those of C, of Python, and of the fields of all ancestors."""
    taken = {*C_KEYWORDS, *PYTHON_KEYWORDS, "parent_obj", "mmio", "scratch", "linux", "unix"}
    finder = HookFinder(())
    for catalog in catalogs:
        above = catalog.types.get(parent)
        for ancestor in catalog.chain(above) if above else ():
            struct = catalog.instance_struct(ancestor)
            if struct is not None:
                taken |= {field.name for field in struct.fields}
                taken |= finder.attributes(HookRef("pyqom", struct.name)) or frozenset()
    return taken


def _free(field: str, taken: set[str]) -> str:
    """`field`, or that with something behind it that makes it a name of its own."""
    while field in taken:
        field += "_prop"
    return field


def series(
    texts: Sequence[str], parent: str, catalogs: Iterable[Catalog]
) -> tuple[Series, ...] | None:
    """
    The QEMU series to generate for; none given: all.

    Raises:
        BadAnswer: if one is not known, or lacks the parent.
    """
    by_text = {str(each.series): each.series for each in catalogs}
    for catalog in catalogs:
        if str(catalog.series) in texts and parent not in catalog.types:
            raise BadAnswer(f"QEMU {catalog.series} has no {parent}")
    for text in texts:
        if text not in by_text:
            raise BadAnswer(
                f"'{visible(text)}' is no QEMU series that qomgen knows: there are {', '.join(by_text)}"
            )
    return tuple(sorted({by_text[text] for text in texts})) or None
