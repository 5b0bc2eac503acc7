# SPDX-License-Identifier: GPL-2.0-or-later
"""device_add and device_del: devices that a user asks for (system/qdev-monitor.c)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack

from .board import acpi_pcihp_eject_slot
from .device import machine_get_container, qdev_new, qdev_realize
from .errors import Abort, DeviceNotFound, Error
from .hotplug import (
    HOTPLUG_HANDLER_CLASS,
    hotplug_handler_unplug,
    hotplug_handler_unplug_request,
    qbus_is_hotpluggable,
    qdev_get_hotplug_handler,
    qdev_get_machine_hotplug_handler,
    qdev_hotplug_allowed,
    qdev_hotunplug_allowed,
    qdev_unplug_blocked,
)
from .ids import check_id
from .klass import object_class_by_name, object_class_dynamic_cast, object_class_is_abstract
from .monitor import monitor_command
from .object import object_dynamic_cast, object_get_typename, object_unref
from .pci import PCIDevice, pci_get_bus
from .pci_realize import pci_slot
from .property import object_property_set
from .qbus_find import qbus_find, qdev_find_default_bus
from .qdev import (
    DEVICE_CLASS,
    DEVICE_GET_CLASS,
    TYPE_DEVICE,
    BusState,
    DeviceClass,
    DeviceState,
)
from .qdict import qdict_order
from .sysbus import TYPE_SYS_BUS_DEVICE, sysbus_get_default
from .tree import (
    object_property_add_child,
    object_property_try_add_child,
    object_resolve_path_at,
    object_unparent,
)
from .visitors import JSONValue, KeyvalInputVisitor, QObjectInputVisitor, expects
from .world import MachineInitPhase, at_least, current

Options = Mapping[str, JSONValue]


def _is_ready() -> bool:
    return current().phase >= MachineInitPhase.MACHINE_READY


def qdev_get_device_class(driver: str) -> DeviceClass:
    """The class behind `driver`, if a user may have such a device (qdev_get_device_class).

    Raises:
        Error: no device type, an abstract one, or one that only a board can have.
    """
    klass = object_class_by_name(driver)
    if klass is None or object_class_dynamic_cast(klass, TYPE_DEVICE) is None:
        raise Error(f"'{driver}' is not a valid device model name")
    if object_class_is_abstract(klass):
        raise expects("driver", "a non-abstract device type")
    dc = DEVICE_CLASS(klass)
    # 7.2 says the same of a type that cannot be hotplugged, once the machine runs.
    if not dc.user_creatable or (not at_least("10.0") and _is_ready() and not dc.hotpluggable):
        raise expects("driver", "a pluggable device type")
    if object_class_dynamic_cast(klass, TYPE_SYS_BUS_DEVICE) is not None:
        raise expects("driver", "a dynamic sysbus device type for the machine")
    return dc


def _find_bus(driver: str, dc: DeviceClass, options: Options) -> BusState | None:
    path = options.get("bus")
    if isinstance(path, str):
        bus = qbus_find(sysbus_get_default(), path)
        if dc.bus_type is None or object_dynamic_cast(bus, dc.bus_type) is None:
            raise Error(f"Device '{driver}' can't go on {object_get_typename(bus)} bus")
        return bus
    if dc.bus_type is not None:
        return qdev_find_default_bus(sysbus_get_default(), dc.bus_type, driver)
    return None


def _check_hotplug(dev: DeviceState, bus: BusState | None) -> None:
    if not _is_ready():
        return
    qdev_hotplug_allowed(dev, bus)
    if not at_least("10.0") and bus is None and qdev_get_machine_hotplug_handler(dev) is None:
        typename = object_get_typename(dev)
        raise Error(f"Device '{typename}' can not be hotplugged on this machine")


def qdev_set_id(dev: DeviceState, name: str | None) -> None:
    """Give the device its place in the tree, by its id or anonymously (qdev_set_id).

    Raises:
        Error: the id is taken.
    """
    if name is not None:
        try:
            object_property_try_add_child(machine_get_container("peripheral"), name, dev)
        except Error as error:
            raise Error(f"Duplicate device ID '{name}'") from error
        dev.id = name
        return
    world = current()
    number = world.anonymous_devices
    world.anonymous_devices += 1
    object_property_add_child(machine_get_container("peripheral-anon"), f"device[{number}]", dev)


def object_set_properties_from_keyval(dev: DeviceState, options: Options, from_json: bool) -> None:
    """Set the properties in QEMU's order, the first error ends it (same name in QEMU)."""
    visitor = (QObjectInputVisitor if from_json else KeyvalInputVisitor)(options)
    visitor.start_struct(None)
    try:
        for name in qdict_order(options):
            object_property_set(dev, name, visitor)
        visitor.check_struct()
    finally:
        visitor.end_struct()


def qdev_device_add_from_qdict(options: Options, from_json: bool) -> DeviceState:
    """Make a device, set its properties and realize it (qdev_device_add_from_qdict).

    `options` are `driver`, `bus`, `id` and properties; JSON values, or strings without
    `from_json`. The reference that comes back is the caller's.

    Raises:
        Error: what is wrong first, in QEMU's order; nothing of the device stays then.
    """
    driver = options.get("driver")
    if not isinstance(driver, str):
        raise Error("Parameter 'driver' is missing")
    dc = qdev_get_device_class(driver)
    bus = _find_bus(driver, dc, options)
    if not at_least("10.0") and _is_ready() and bus is not None and not qbus_is_hotpluggable(bus):
        raise Error(f"Bus '{bus.name}' does not support hotplugging")
    dev = qdev_new(driver)
    with ExitStack() as undo:
        undo.callback(object_unref, dev)
        undo.callback(object_unparent, dev)
        _check_hotplug(dev, bus)
        name = options.get("id")
        qdev_set_id(dev, name if isinstance(name, str) else None)
        properties = {key: options[key] for key in qdict_order(options)}
        for key in ("driver", "bus", "id"):
            properties.pop(key, None)
        object_set_properties_from_keyval(dev, properties, from_json)
        qdev_realize(dev, bus)
        undo.pop_all()
    return dev


def _as_strings(options: Options) -> dict[str, JSONValue]:
    """What QemuOpts make of JSON: strings of all but objects, lists and null."""
    strings: dict[str, JSONValue] = {}
    for key in qdict_order(options):
        value = options[key]
        if key == "id" and not isinstance(value, str):
            continue
        if isinstance(value, bool):
            strings[key] = "on" if value else "off"
        elif isinstance(value, float):
            strings[key] = f"{value:.17g}"
        elif isinstance(value, (int, str)):
            strings[key] = str(value)
    return strings


def device_add(options: Options, monitor: bool = True) -> DeviceState:
    """QMP's device_add; the device is returned, QMP only says {} (qmp_device_add).

    7.2 turns the JSON values into strings first, so that types are not strict. `monitor` is
    False for JSON on the command line, which 7.2 took strictly too and which knows no names of
    file descriptors.

    Raises:
        Error: as `qdev_device_add_from_qdict`.
    """
    with monitor_command(monitor):
        if at_least("8.0") or not monitor:
            dev = qdev_device_add_from_qdict(options, True)
        else:
            name = options.get("id")
            if isinstance(name, str):
                check_id(name)
            dev = qdev_device_add_from_qdict(_as_strings(options), False)
    object_unref(dev)
    return dev


# --- device_del -----------------------------------------------------------------------------------


def find_device_state(name: str) -> DeviceState:
    """The device with an id, or at a path (find_device_state).

    Raises:
        Error: (DeviceNotFound) nothing there, or no device.
    """
    obj = object_resolve_path_at(machine_get_container("peripheral"), name)
    if obj is None:
        raise DeviceNotFound(f"Device '{name}' not found")
    if not isinstance(obj, DeviceState):
        kind = "a device" if at_least("10.0") else "a hotpluggable device"
        raise Error(f"{name} is not {kind}")
    return obj


def qdev_unplug(dev: DeviceState) -> None:
    """Take a device away, or ask the guest to let it go (qdev_unplug).

    Raises:
        Error: something blocks it, or the device or its bus cannot be hotplugged.
    """
    if at_least("10.0"):
        qdev_hotunplug_allowed(dev)
    else:
        qdev_unplug_blocked(dev)
        if dev.parent_bus is not None and not qbus_is_hotpluggable(dev.parent_bus):
            raise Error(f"Bus '{dev.parent_bus.name}' does not support hotplugging")
        if not DEVICE_GET_CLASS(dev).hotpluggable:
            raise Error(f"Device '{object_get_typename(dev)}' does not support hotplugging")
    handler = qdev_get_hotplug_handler(dev)
    if handler is None:
        raise Abort(f"{dev!r} can be unplugged and nobody does it")
    if HOTPLUG_HANDLER_CLASS(handler.klass).unplug_request is not None:
        hotplug_handler_unplug_request(handler, dev)
    else:
        hotplug_handler_unplug(handler, dev)
        object_unparent(dev)


def device_del(name: str) -> None:
    """QMP's device_del: request that a device goes (qmp_device_del).

    On a machine with ACPI the device goes when the guest ejects it: `device_eject`.

    Raises:
        Error: no such device, asked already, or it cannot be unplugged.
    """
    dev = find_device_state(name)
    if dev.pending_deleted_event and (
        dev.pending_deleted_expires_ms == 0 or dev.pending_deleted_expires_ms > current().clock_ms()
    ):
        raise Error(f"Device {name} is already in the process of unplug")
    qdev_unplug(dev)


def device_eject(name: str) -> None:
    """What a guest does to answer device_del: let go of all in the device's slot.

    Raises:
        Error: no such device, or nobody asked for it.
    """
    dev = find_device_state(name)
    if not dev.pending_deleted_event:
        raise Error(f"Device {name} is not in the process of unplug")
    if not isinstance(dev, PCIDevice):
        raise Abort(f"{dev!r} is no PCI device, and yet a guest was asked for it")
    acpi_pcihp_eject_slot(pci_get_bus(dev), pci_slot(dev.devfn))
