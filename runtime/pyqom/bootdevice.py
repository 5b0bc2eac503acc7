# SPDX-License-Identifier: GPL-2.0-or-later
"""Boot order: the property "bootindex", unique in a machine (system/bootdevice.c)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .errors import Abort, Error
from .fields import field_at
from .object import Object
from .property import ObjectProperty, object_property_add, object_property_set_int
from .qdev import DeviceState
from .visitors import Visitor
from .world import current


@dataclass(eq=False, slots=True)
class BootEntry:
    """A device's place in the boot order; `suffix` tells parts of one device apart."""

    bootindex: int
    dev: DeviceState
    suffix: str | None


@dataclass(eq=False, slots=True)
class BootIndexProperty:
    """Where a bootindex is kept, and whose it is."""

    struct: Any
    path: str
    suffix: str | None
    dev: DeviceState


def check_boot_index(bootindex: int) -> None:
    """Refuse an index that is taken, by whichever device (check_boot_index).

    Raises:
        Error: also if it is the device's own, set again.
    """
    if bootindex >= 0 and any(each.bootindex == bootindex for each in current().boot_order):
        raise Error(f"The bootindex {bootindex} has already been used")


def del_boot_device_path(dev: DeviceState, suffix: str | None) -> None:
    """Take a device out of the boot order (del_boot_device_path)."""
    order = current().boot_order
    for entry in order:
        if entry.dev is dev and (suffix is None or entry.suffix == suffix):
            order.remove(entry)
            return


def add_boot_device_path(bootindex: int, dev: DeviceState, suffix: str | None) -> None:
    """Put a device at its place in the boot order; a negative index takes it out.

    Raises:
        Abort: the index is taken, which QEMU ends with exit(1).
    """
    del_boot_device_path(dev, suffix)
    if bootindex < 0:
        return
    order = current().boot_order
    at = len(order)
    for position, entry in enumerate(order):
        if entry.bootindex == bootindex:
            raise Abort(f"Two devices with same boot index {bootindex}")
        if entry.bootindex > bootindex:
            at = position
            break
    order.insert(at, BootEntry(bootindex, dev, suffix))


def _get(obj: Object, visitor: Visitor, name: str, opaque: Any) -> None:
    prop: BootIndexProperty = opaque
    visitor.type_int32(name, field_at(prop.path).get(prop.struct))


def _set(obj: Object, visitor: Visitor, name: str, opaque: Any) -> None:
    prop: BootIndexProperty = opaque
    bootindex = visitor.type_int32(name, 0)
    check_boot_index(bootindex)
    field_at(prop.path).set(prop.struct, bootindex)
    add_boot_device_path(bootindex, prop.dev, prop.suffix)


def _release(obj: Object, name: str, opaque: Any) -> None:
    prop: BootIndexProperty = opaque
    del_boot_device_path(prop.dev, prop.suffix)


def device_add_bootindex_property(
    obj: Object, struct: Any, path: str, name: str, suffix: str | None, dev: DeviceState
) -> ObjectProperty:
    """Add a bootindex to one object, kept in field `path` of `struct`; it starts at -1.

    It may be changed at any time, also on a realized device (device_add_bootindex_property).
    """
    prop = object_property_add(
        obj, name, "int32", _get, _set, _release, BootIndexProperty(struct, path, suffix, dev)
    )
    object_property_set_int(obj, name, -1)
    return prop
