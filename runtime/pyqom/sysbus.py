# SPDX-License-Identifier: GPL-2.0-or-later
"""The system bus, where all other buses hang, and its devices (hw/core/sysbus.c)."""

from __future__ import annotations

from dataclasses import dataclass, field

from .klass import ClassStruct, ObjectClass
from .object import object_new
from .qdev import BUS, DEVICE_CLASS, BusState, DeviceClass, DeviceState
from .typetable import TypeInfo, type_init, type_register_static
from .world import current

TYPE_SYSTEM_BUS = "System"
TYPE_SYS_BUS_DEVICE = "sys-bus-device"
TYPE_DYNAMIC_SYS_BUS_DEVICE = "dynamic-sysbus-device"


@dataclass(eq=False, slots=True)
class SysBusDevice(DeviceState):
    """A device of the system bus (include/hw/sysbus.h, struct SysBusDevice)."""


@dataclass(eq=False, slots=True)
class SysBusDeviceClass(ClassStruct):
    """A class of such devices (include/hw/sysbus.h, struct SysBusDeviceClass)."""

    parent_class: DeviceClass = field(default_factory=DeviceClass)


def sysbus_get_default() -> BusState:
    """The one system bus; no device is its parent (sysbus_get_default)."""
    world = current()
    if world.main_system_bus is None:
        bus = BUS(object_new(TYPE_SYSTEM_BUS))
        bus.name = "main-system-bus"
        world.main_system_bus = bus
    return world.main_system_bus


def _sys_bus_device_class_init(klass: ObjectClass) -> None:
    dc = DEVICE_CLASS(klass)
    dc.bus_type = TYPE_SYSTEM_BUS
    # Its connections cannot be made by -device; machines that can say so of single types.
    dc.user_creatable = False


def _dynamic_class_init(klass: ObjectClass) -> None:
    dc = DEVICE_CLASS(klass)
    dc.user_creatable = True
    dc.hotpluggable = False


def _register() -> None:
    type_register_static(TypeInfo(name=TYPE_SYSTEM_BUS, parent="bus"))
    type_register_static(
        TypeInfo(
            name=TYPE_SYS_BUS_DEVICE,
            parent="device",
            instance_struct=SysBusDevice,
            class_struct=SysBusDeviceClass,
            class_init=_sys_bus_device_class_init,
            abstract=True,
        )
    )
    type_register_static(
        TypeInfo(
            name=TYPE_DYNAMIC_SYS_BUS_DEVICE,
            parent=TYPE_SYS_BUS_DEVICE,
            class_init=_dynamic_class_init,
            abstract=True,
            since="10.0",
        )
    )


type_init(_register)
