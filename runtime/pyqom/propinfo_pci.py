# SPDX-License-Identifier: GPL-2.0-or-later
"""Kinds of properties that know PCI addresses (hw/core/qdev-properties-system.c)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .cutils import strtol
from .errors import Error
from .propinfo import (
    Property,
    PropertyInfo,
    bad_value,
    default_value,
    field_of,
    qdev_propinfo_get_int32,
    set_field_of,
)
from .series import ByQemu
from .visitors import Visitor, expects

if TYPE_CHECKING:
    from .object import Object

_UNSET = 0xFFFFFFFF


@dataclass(eq=False, slots=True)
class PCIHostDeviceAddress:
    """Where a device sits on the host's PCI buses (include/hw/qdev-properties-system.h)."""

    domain: int = 0
    bus: int = 0
    slot: int = 0
    function: int = 0

    @property
    def is_set(self) -> bool:
        """Whether a user gave an address; vfio-pci starts with all bits set."""
        return {self.domain, self.bus, self.slot, self.function} != {_UNSET}

    def __str__(self) -> str:
        if not self.is_set:
            return "ffff:ff:ff.f"
        return f"{self.domain:04x}:{self.bus:02x}:{self.slot:02x}.{self.function:d}"


# --- host device address --------------------------------------------------------------------------


def _get_host(obj: Object, visitor: Visitor, name: str, opaque: Any) -> None:
    visitor.type_str(name, str(field_of(obj, opaque)))


def _strtoul(text: str, base: int) -> tuple[int, int]:
    """C's strtoul on a 64-bit host: a negative number wraps, a large one saturates."""
    value, length = strtol(text, base)
    largest = (1 << 64) - 1
    return (largest if abs(value) > largest else value & largest), length


def parse_pci_host_devaddr(text: str) -> tuple[int, int, int, int] | None:
    """`[domain:]bus:slot.function` as four numbers, None if it is none (set_pci_host_devaddr).

    All are hexadecimal but the function, which is decimal; what strtoul takes before a number
    (blanks, a sign, 0x) is taken.
    """
    domain = 0
    bus, length = _strtoul(text, 16)
    if length == 0 or text[length : length + 1] != ":":
        return None
    text = text[length + 1 :]
    slot, length = _strtoul(text, 16)
    if length == 0:
        return None
    if text[length : length + 1] == ":":
        domain, bus = bus, slot
        text = text[length + 1 :]
        slot, length = _strtoul(text, 16)
        if length == 0:
            return None
    if text[length : length + 1] != ".":
        return None
    # In QEMU slot and function are unsigned int: what is above 32 bits is cut off.
    slot &= _UNSET
    text = text[length + 1 :]
    function, length = _strtoul(text, 10)
    if length == 0 or length != len(text):
        return None
    function &= _UNSET
    if domain > 0xFFFF or bus > 0xFF or slot > 0x1F or function > 7:
        return None
    return domain, bus, slot, function


def _set_host(obj: Object, visitor: Visitor, name: str, opaque: Any) -> None:
    text = visitor.type_str(name, "")
    parsed = parse_pci_host_devaddr(text)
    if parsed is None:
        raise bad_value(obj, name, text)
    address: PCIHostDeviceAddress = field_of(obj, opaque)
    address.domain, address.bus, address.slot, address.function = parsed


qdev_prop_pci_host_devaddr = PropertyInfo(
    type="str",
    description=ByQemu(
        {
            "7.2": "Address (bus/device/function) of the host device, example: 04:10.0",
            "10.0": "Address (bus:device.function) of the host device, example: 04:10.0",
        }
    ),
    get=_get_host,
    set=_set_host,
)


# --- slot and function ----------------------------------------------------------------------------

# glibc takes "0x" with no digits for 0.
_HEX = re.compile(r"[ \t\n\v\f\r]*([+-]?)(?:0[xX]([0-9a-fA-F]*)|([0-9a-fA-F]+))")


def _scan_hex(text: str, at: int) -> tuple[int, int] | None:
    """What sscanf's %x reads at `at`: the 32-bit number and where it ends."""
    match = _HEX.match(text, at)
    if match is None:
        return None
    value = int(match[2] or match[3] or "0", 16)
    return (-value if match[1] == "-" else value) & _UNSET, match.end()


def parse_pci_devfn(text: str) -> int | None:
    """`slot` or `slot.function`, hexadecimal, as slot * 8 + function; None if it is none."""
    scanned = _scan_hex(text, 0)
    if scanned is None:
        return None
    slot, end = scanned
    function = 0
    if text[end : end + 1] == "." and (second := _scan_hex(text, end + 1)) is not None:
        function, end = second
    if end != len(text) or function > 7 or slot > 31:
        return None
    return slot << 3 | function


def _set_devfn(obj: Object, visitor: Visitor, name: str, opaque: Any) -> None:
    kind = visitor.qtype(name)
    if kind is str:
        text = visitor.type_str(name, "")
        devfn = parse_pci_devfn(text)
        if devfn is None:
            raise bad_value(obj, name, text)
        set_field_of(obj, opaque, devfn)
    elif kind in (int, float):
        value = visitor.type_int32(name, 0)
        if not -1 <= value <= 255:
            raise expects(name or "null", "a value between -1 and 255")
        set_field_of(obj, opaque, value)
    else:
        raise Error(f"Invalid parameter type for '{name or 'null'}', expected int or str")


def _print_devfn(obj: Object, prop: Property) -> str:
    devfn: int = field_of(obj, prop)
    return "<unset>" if devfn == -1 else f"{devfn >> 3:02x}.{devfn & 7:x}"


qdev_prop_pci_devfn = PropertyInfo(
    type=ByQemu({"7.2": "int32", "9.0": "str"}),
    description="Slot and optional function number, example: 06.0 or 06",
    print=_print_devfn,
    get=qdev_propinfo_get_int32,
    set=_set_devfn,
    set_default_value=default_value,
)
