# SPDX-License-Identifier: GPL-2.0-or-later
"""Hotplug handlers: who plugs and unplugs a device (hw/core/hotplug.c)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from .errors import Error
from .klass import TYPE_INTERFACE, ClassStruct, InterfaceClass, object_class_check
from .object import Object, object_get_typename
from .qdev import DEVICE_GET_CLASS, MACHINE_GET_CLASS, BusState, DeviceState
from .typetable import TypeInfo, type_init, type_register_static
from .world import at_least, current

TYPE_HOTPLUG_HANDLER = "hotplug-handler"

HotplugFn = Callable[[Object, DeviceState], None]


@dataclass(eq=False, slots=True)
class HotplugHandlerClass(ClassStruct):
    """Methods of a hotplug handler (include/hw/hotplug.h).

    `pre_plug` may refuse a device before it is realized, `plug` shows it to the guest.
    `unplug_request` only asks the guest, and `unplug` takes the device away at last.
    `is_hotpluggable_bus` (since 8.1) may rule out a bus that it handles.
    """

    parent_class: InterfaceClass = field(default_factory=InterfaceClass)
    pre_plug: HotplugFn | None = None
    plug: HotplugFn | None = None
    unplug_request: HotplugFn | None = None
    unplug: HotplugFn | None = None
    is_hotpluggable_bus: Callable[[Object, BusState], bool] | None = None


def HOTPLUG_HANDLER_CLASS(klass: ClassStruct) -> HotplugHandlerClass:
    """A class's HotplugHandlerClass."""
    return object_class_check(klass, TYPE_HOTPLUG_HANDLER, HotplugHandlerClass)


def hotplug_handler_pre_plug(handler: Object, dev: DeviceState) -> None:
    """Ask whether the device may be plugged (hotplug_handler_pre_plug)."""
    hook = HOTPLUG_HANDLER_CLASS(handler.klass).pre_plug
    if hook is not None:
        hook(handler, dev)


def hotplug_handler_plug(handler: Object, dev: DeviceState) -> None:
    """Plug a realized device (hotplug_handler_plug)."""
    hook = HOTPLUG_HANDLER_CLASS(handler.klass).plug
    if hook is not None:
        hook(handler, dev)


def hotplug_handler_unplug_request(handler: Object, dev: DeviceState) -> None:
    """Ask the guest to let the device go (hotplug_handler_unplug_request)."""
    hook = HOTPLUG_HANDLER_CLASS(handler.klass).unplug_request
    if hook is not None:
        hook(handler, dev)


def hotplug_handler_unplug(handler: Object, dev: DeviceState) -> None:
    """Take the device away (hotplug_handler_unplug)."""
    hook = HOTPLUG_HANDLER_CLASS(handler.klass).unplug
    if hook is not None:
        hook(handler, dev)


def qbus_is_hotpluggable(bus: BusState) -> bool:
    """Whether devices may come and go on the bus (qbus_is_hotpluggable)."""
    handler = bus.hotplug_handler
    if handler is None:
        return False
    hook = HOTPLUG_HANDLER_CLASS(handler.klass).is_hotpluggable_bus
    return hook is None or hook(handler, bus)


def qdev_get_machine_hotplug_handler(dev: DeviceState) -> Object | None:
    """Whom the machine names for this device (qdev_get_machine_hotplug_handler)."""
    machine = current().machine
    if machine is not None:
        hook = MACHINE_GET_CLASS(machine).get_hotplug_handler
        if hook is not None:
            return hook(machine, dev)
    return None


def qdev_get_hotplug_handler(dev: DeviceState) -> Object | None:
    """Who plugs this device: whom the machine names, else its bus's handler."""
    handler = qdev_get_machine_hotplug_handler(dev)
    if handler is None and dev.parent_bus is not None:
        handler = dev.parent_bus.hotplug_handler
    return handler


def _plug_and_unplug_allowed(dev: DeviceState, bus: BusState | None) -> None:
    """What QEMU asks before it plugs or unplugs (qdev_hotplug_unplug_allowed_common)."""
    typename = object_get_typename(dev)
    if not DEVICE_GET_CLASS(dev).hotpluggable:
        raise Error(f"Device '{typename}' does not support hotplugging")
    if bus is not None:
        if not qbus_is_hotpluggable(bus):
            raise Error(f"Bus '{bus.name}' does not support hotplugging")
    elif qdev_get_machine_hotplug_handler(dev) is None:
        raise Error(f"Device '{typename}' can not be hotplugged on this machine")


def qdev_hotplug_allowed(dev: DeviceState, bus: BusState | None) -> None:
    """Whether the device may be plugged into the running machine (qdev_hotplug_allowed).

    Raises:
        Error: why not.
    """
    if at_least("10.0"):
        _plug_and_unplug_allowed(dev, bus)
    machine = current().machine
    if machine is not None:
        hook = MACHINE_GET_CLASS(machine).hotplug_allowed
        if hook is not None:
            hook(machine, dev)


def qdev_unplug_blocked(dev: DeviceState) -> None:
    """Whether something keeps the device where it is (qdev_unplug_blocked).

    Raises:
        Error: the reason that was given first.
    """
    if dev.unplug_blockers:
        blocker = dev.unplug_blockers[-1]
        raise Error(blocker.desc, error_class=blocker.error_class, hint=blocker.hint)


def qdev_hotunplug_allowed(dev: DeviceState) -> None:
    """Whether the device may be unplugged, since 10.0 (qdev_hotunplug_allowed).

    Raises:
        Error: why not.
    """
    qdev_unplug_blocked(dev)
    _plug_and_unplug_allowed(dev, dev.parent_bus)


def _register() -> None:
    type_register_static(
        TypeInfo(name=TYPE_HOTPLUG_HANDLER, parent=TYPE_INTERFACE, class_struct=HotplugHandlerClass)
    )


type_init(_register)
