# SPDX-License-Identifier: GPL-2.0-or-later
"""The structs of devices, buses and machines; what they do is in device, bus and machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .errors import Error
from .klass import ClassStruct, ObjectClass, object_class_check
from .object import Object, object_check
from .resettable import ResettableState

if TYPE_CHECKING:
    from .globalprops import GlobalProperty
    from .propinfo import Property

TYPE_DEVICE = "device"
TYPE_BUS = "bus"
TYPE_MACHINE = "machine"


@dataclass(frozen=True, eq=False, slots=True)
class VMStateDescription:
    """How a device's state migrates; pyqom only needs to know whether it may.

    `name` is the section's name in the migration stream.
    """

    name: str = ""
    unmigratable: bool = False


@dataclass(eq=False, slots=True)
class DeviceState(Object):
    """A device (include/hw/qdev-core.h, struct DeviceState)."""

    id: str | None = field(default=None, init=False, repr=False)
    canonical_path: str | None = field(default=None, init=False, repr=False)
    realized: bool = field(default=False, init=False, repr=False)
    pending_deleted_event: bool = field(default=False, init=False, repr=False)
    hotplugged: bool = field(default=False, init=False, repr=False)
    allow_unplug_during_migration: bool = field(default=False, init=False, repr=False)
    parent_bus: BusState | None = field(default=None, init=False, repr=False)
    child_bus: list[BusState] = field(default_factory=list, init=False, repr=False)
    reset: ResettableState = field(default_factory=ResettableState, init=False, repr=False)
    pending_deleted_expires_ms: int = field(default=0, init=False, repr=False)
    unplug_blockers: list[Error] = field(default_factory=list, init=False, repr=False)


@dataclass(eq=False, slots=True)
class DeviceClass(ClassStruct):
    """A class of devices (include/hw/qdev-core.h, struct DeviceClass).

    `categories` are words of DEVICE_CATEGORIES; `bus_type` is the type of bus such a device sits
    on. `legacy_reset` is set with `device_class_set_legacy_reset`. `realize` raises Error.
    """

    parent_class: ObjectClass = field(default_factory=ObjectClass)
    categories: frozenset[str] = frozenset()
    fw_name: str | None = None
    desc: str | None = None
    props_: tuple[Property, ...] = ()
    user_creatable: bool = False
    hotpluggable: bool = False
    legacy_reset: Callable[[DeviceState], None] | None = None
    realize: Callable[[DeviceState], None] | None = None
    unrealize: Callable[[DeviceState], None] | None = None
    sync_config: Callable[[DeviceState], None] | None = None
    vmsd: VMStateDescription | None = None
    bus_type: str | None = None


@dataclass(eq=False, slots=True)
class DeviceListener:
    """Who wants to know of devices that come and go (include/hw/qdev-core.h)."""

    realize: Callable[[DeviceState], None] | None = None
    unrealize: Callable[[DeviceState], None] | None = None


@dataclass(eq=False, slots=True)
class BusChild:
    """A device's place on a bus (include/hw/qdev-core.h, struct BusChild)."""

    child: DeviceState
    index: int


@dataclass(eq=False, slots=True)
class BusState(Object):
    """A bus (include/hw/qdev-core.h, struct BusState).

    `parent_dev` is C's `parent`: the device that the bus hangs on. `children` has the newest
    device first.
    """

    parent_dev: DeviceState | None = field(default=None, init=False, repr=False)
    name: str = field(default="", init=False, repr=False)
    hotplug_handler: Object | None = field(default=None, init=False, repr=False)
    max_index: int = field(default=0, init=False, repr=False)
    realized: bool = field(default=False, init=False, repr=False)
    full: bool = field(default=False, init=False, repr=False)
    children: list[BusChild] = field(default_factory=list, init=False, repr=False)
    reset: ResettableState = field(default_factory=ResettableState, init=False, repr=False)


@dataclass(eq=False, slots=True)
class BusClass(ClassStruct):
    """A class of buses (include/hw/qdev-core.h, struct BusClass).

    `max_dev` is the most devices it takes, 0 for no limit; `automatic_ids` counts the buses that
    were named after the type.
    """

    parent_class: ObjectClass = field(default_factory=ObjectClass)
    get_dev_path: Callable[[DeviceState], str | None] | None = None
    get_fw_dev_path: Callable[[DeviceState], str | None] | None = None
    check_address: Callable[[BusState, DeviceState], None] | None = None
    realize: Callable[[BusState], None] | None = None
    unrealize: Callable[[BusState], None] | None = None
    reset: Callable[[BusState], None] | None = None
    max_dev: int = 0
    automatic_ids: int = 0


@dataclass(eq=False, slots=True)
class MachineState(Object):
    """A machine (include/hw/boards.h, struct MachineState)."""


@dataclass(eq=False, slots=True)
class MachineClass(ClassStruct):
    """A class of machines (include/hw/boards.h, struct MachineClass).

    `init` builds the board. `get_hotplug_handler` may name who plugs a device in place of the
    bus's own handler; `hotplug_allowed` raises Error if it is not.
    """

    parent_class: ObjectClass = field(default_factory=ObjectClass)
    desc: str | None = None
    init: Callable[[MachineState], None] | None = None
    compat_props: tuple[GlobalProperty, ...] = ()
    get_hotplug_handler: Callable[[MachineState, DeviceState], Object | None] | None = None
    hotplug_allowed: Callable[[MachineState, DeviceState], None] | None = None


def DEVICE(obj: Object) -> DeviceState:
    """The object as a DeviceState."""
    return object_check(obj, TYPE_DEVICE, DeviceState)


def DEVICE_CLASS(klass: ClassStruct) -> DeviceClass:
    """The class as a DeviceClass."""
    return object_class_check(klass, TYPE_DEVICE, DeviceClass)


def DEVICE_GET_CLASS(obj: Object) -> DeviceClass:
    """The object's class as a DeviceClass."""
    return DEVICE_CLASS(obj.klass)


def BUS(obj: Object) -> BusState:
    """The object as a BusState."""
    return object_check(obj, TYPE_BUS, BusState)


def BUS_CLASS(klass: ClassStruct) -> BusClass:
    """The class as a BusClass."""
    return object_class_check(klass, TYPE_BUS, BusClass)


def BUS_GET_CLASS(obj: Object) -> BusClass:
    """The object's class as a BusClass."""
    return BUS_CLASS(obj.klass)


def MACHINE_CLASS(klass: ClassStruct) -> MachineClass:
    """The class as a MachineClass."""
    return object_class_check(klass, TYPE_MACHINE, MachineClass)


def MACHINE_GET_CLASS(obj: Object) -> MachineClass:
    """The object's class as a MachineClass."""
    return MACHINE_CLASS(obj.klass)
