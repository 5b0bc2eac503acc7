# SPDX-License-Identifier: GPL-2.0-or-later
"""Property tables of devices: from `Property` to object properties of a class.

Twin of the plumbing of hw/core/qdev-properties.c.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .errors import Abort, Error
from .klass import OBJECT_CLASS, ObjectClass
from .object import Object, object_get_typename
from .property import (
    ObjectProperty,
    PropertyAccessor,
    object_class_property_add,
    object_class_property_set_description,
)
from .propinfo import Property, PropertyInfo
from .qdev import DEVICE, DeviceClass, DeviceState
from .series import resolve
from .tree import OBJ_PROP_LINK_STRONG, object_class_property_add_link
from .visitors import Visitor
from .world import current


def qdev_prop_set_after_realize(dev: DeviceState, name: str) -> Error:
    """The error for a property that is set too late (qdev_prop_set_after_realize)."""
    kind = f"(type '{object_get_typename(dev)}') after it was realized"
    if dev.id is not None:
        return Error(f"Attempt to set property '{name}' on device '{dev.id}' {kind}")
    return Error(f"Attempt to set property '{name}' on anonymous device {kind}")


def qdev_prop_allow_set_link_before_realize(obj: Object, name: str, target: Object | None) -> None:
    """A link check that refuses a realized device (same name in QEMU)."""
    dev = DEVICE(obj)
    if dev.realized:
        # An anonymous device shows as C prints a null string.
        raise Error(
            f"Attempt to set link property '{name}' on device '{dev.id or '(null)'}' "
            f"(type '{object_get_typename(dev)}') after it was realized"
        )


def _get(obj: Object, visitor: Visitor, name: str, opaque: Any) -> None:
    prop: Property = opaque
    if prop.kind.get is None:
        raise Abort(f"property '{prop.name}' has no getter")
    prop.kind.get(obj, visitor, name, prop)


def _set(obj: Object, visitor: Visitor, name: str, opaque: Any) -> None:
    prop: Property = opaque
    dev = DEVICE(obj)
    if dev.realized and not prop.kind.realized_set_allowed:
        raise qdev_prop_set_after_realize(dev, name)
    if prop.kind.set is None:
        raise Abort(f"property '{prop.name}' has no setter")
    prop.kind.set(obj, visitor, name, prop)


def _get_legacy(obj: Object, visitor: Visitor, name: str, opaque: Any) -> None:
    prop: Property = opaque
    if prop.kind.print is None:
        raise Abort(f"property '{prop.name}' cannot be printed")
    visitor.type_str(name, prop.kind.print(obj, prop))


def _create_link(klass: ObjectClass, name: str, prop: Property) -> ObjectProperty:
    if prop.link_type is None:
        raise Abort(f"link property '{name}' has no link_type")
    return object_class_property_add_link(
        klass,
        name,
        prop.link_type,
        prop.field,
        qdev_prop_allow_set_link_before_realize,
        OBJ_PROP_LINK_STRONG,
    )


qdev_prop_link = PropertyInfo(type="link", create=_create_link)


def _add_legacy_property(dc: DeviceClass, prop: Property) -> None:
    """A twin "legacy-x" for what prints itself or cannot be read (info qtree)."""
    info = prop.kind
    if info.print is None and info.get is not None:
        return
    getter: PropertyAccessor | None = _get_legacy if info.print is not None else None
    object_class_property_add(
        OBJECT_CLASS(dc), f"legacy-{prop.name}", "str", getter, None, None, prop
    )


def _add_property(dc: DeviceClass, prop: Property) -> None:
    info = prop.kind
    klass = OBJECT_CLASS(dc)
    series = current().series
    if info.create is not None:
        op = info.create(klass, prop.name, prop)
    else:
        qom_type = resolve(info.type, series)
        if qom_type is None:
            raise Abort(f"property '{prop.name}' has no type in QEMU {series}")
        op = object_class_property_add(
            klass,
            prop.name,
            qom_type,
            _get if info.get is not None else None,
            _set if info.set is not None else None,
            info.release,
            prop,
        )
    if prop.default is not None:
        if info.set_default_value is None:
            raise Abort(f"property '{prop.name}' is of a kind without defaults")
        info.set_default_value(op, prop)
    op.description = resolve(info.description, series)


def device_class_set_props(dc: DeviceClass, props: Sequence[Property]) -> None:
    """Give a class its property table (device_class_set_props).

    Properties that the current series does not have are left out.

    Raises:
        Abort: a name is taken in the class chain, or since 10.0 the table is empty.
    """
    world = current()
    present = tuple(found for prop in props if (found := prop.for_series(world.series)) is not None)
    if not present and world.at_least("10.0"):
        raise Abort(f"class '{OBJECT_CLASS(dc).type.name}' has an empty property table")
    dc.props_ = present
    for prop in present:
        _add_legacy_property(dc, prop)
        _add_property(dc, prop)


def object_class_property_set_descriptions(klass: ObjectClass, props: Sequence[Property]) -> None:
    """Describe those properties of a table that have a description of their own.

    It stands for the calls of object_class_property_set_description in a class_init.
    """
    series = current().series
    for prop in props:
        found = prop.for_series(series)
        if found is not None and isinstance(found.description, str):
            object_class_property_set_description(klass, found.name, found.description)
