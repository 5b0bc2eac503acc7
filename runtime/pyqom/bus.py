# SPDX-License-Identifier: GPL-2.0-or-later
"""Buses (hw/core/bus.c)."""

from __future__ import annotations

from .device import qdev_unrealize
from .errors import Abort
from .klass import ObjectClass
from .object import Object, object_get_typename, object_new, object_unref
from .property import (
    object_property_add_bool,
    object_property_set_bool,
)
from .qdev import BUS, BUS_CLASS, BUS_GET_CLASS, TYPE_BUS, BusClass, BusState, DeviceState
from .resettable import (
    RESET_TYPE_COLD,
    RESETTABLE_CLASS,
    TYPE_RESETTABLE_INTERFACE,
    ChildCallback,
    ResettableState,
    ResetType,
    resettable_reset,
)
from .tree import (
    ObjectPropertyLinkFlags,
    object_property_add_child,
    object_property_add_link,
    object_property_allow_set_link,
    object_property_set_link,
    object_unparent,
)
from .typetable import TypeInfo, type_init, type_register_static

QDEV_HOTPLUG_HANDLER_PROPERTY = "hotplug-handler"


def qbus_set_hotplug_handler(bus: BusState, handler: Object) -> None:
    """Name who plugs devices on this bus (qbus_set_hotplug_handler)."""
    object_property_set_link(bus, QDEV_HOTPLUG_HANDLER_PROPERTY, handler)


def qbus_new(typename: str, parent: DeviceState, name: str | None = None) -> BusState:
    """A new bus below a device, which owns it (qbus_new).

    Without a name it is called after the device's id, "id.0", or after the type, "pci.0".
    """
    bus = BUS(object_new(typename))
    bus.parent_dev = parent
    if name is not None:
        bus.name = name
    elif parent.id is not None:
        bus.name = f"{parent.id}.{len(parent.child_bus)}"
    else:
        klass = BUS_GET_CLASS(bus)
        bus.name = f"{object_get_typename(bus)}.{klass.automatic_ids}".lower()
        klass.automatic_ids += 1
    parent.child_bus.insert(0, bus)
    object_property_add_child(parent, bus.name, bus)
    object_unref(bus)
    return bus


def qbus_realize(bus: BusState) -> None:
    """Bring a bus to life (qbus_realize)."""
    object_property_set_bool(bus, "realized", True)


def qbus_unrealize(bus: BusState) -> None:
    """Take a bus out of life, and the devices on it (qbus_unrealize)."""
    object_property_set_bool(bus, "realized", False)


def bus_cold_reset(bus: BusState) -> None:
    """Reset a bus and all that is on it (bus_cold_reset)."""
    resettable_reset(bus, RESET_TYPE_COLD)


def _get_realized(obj: Object) -> bool:
    return BUS(obj).realized


def _set_realized(obj: Object, value: bool) -> None:
    bus = BUS(obj)
    klass = BUS_GET_CLASS(bus)
    if value and not bus.realized:
        if klass.realize is not None:
            klass.realize(bus)
    elif not value and bus.realized:
        for kid in list(bus.children):
            qdev_unrealize(kid.child)
        if klass.unrealize is not None:
            klass.unrealize(bus)
    bus.realized = value


def _reset_state(obj: Object) -> ResettableState:
    return BUS(obj).reset


def _reset_children(obj: Object, callback: ChildCallback, reset_type: ResetType) -> None:
    for kid in list(BUS(obj).children):
        callback(kid.child, reset_type)


def bus_unparent(obj: Object) -> None:
    """A bus that leaves the tree takes its devices along (bus_unparent)."""
    bus = BUS(obj)
    if bus.parent_dev is None:
        raise Abort("the system bus never goes")
    while bus.children:
        object_unparent(bus.children[0].child)
    bus.parent_dev.child_bus.remove(bus)
    bus.parent_dev = None


def qbus_initfn(obj: Object) -> None:
    """What each bus has: a link to its hotplug handler, and realized (qbus_initfn)."""
    object_property_add_link(
        obj,
        QDEV_HOTPLUG_HANDLER_PROPERTY,
        "hotplug-handler",
        obj,
        "hotplug_handler",
        object_property_allow_set_link,
        ObjectPropertyLinkFlags.NONE,
    )
    object_property_add_bool(obj, "realized", _get_realized, _set_realized)


def _default_fw_dev_path(dev: DeviceState) -> str:
    return object_get_typename(dev)


def bus_class_init(klass: ObjectClass) -> None:
    """What holds for every bus unless it says otherwise (bus_class_init)."""
    bc = BUS_CLASS(klass)
    rc = RESETTABLE_CLASS(klass)
    klass.unparent = bus_unparent
    bc.get_fw_dev_path = _default_fw_dev_path
    rc.get_state = _reset_state
    rc.child_foreach = _reset_children


def _register() -> None:
    type_register_static(
        TypeInfo(
            name=TYPE_BUS,
            parent="object",
            instance_struct=BusState,
            class_struct=BusClass,
            instance_init=qbus_initfn,
            class_init=bus_class_init,
            abstract=True,
            interfaces=(TYPE_RESETTABLE_INTERFACE,),
        )
    )


type_init(_register)
