# SPDX-License-Identifier: GPL-2.0-or-later
"""Finding buses by path, by name and by type (system/qdev-monitor.c)."""

from __future__ import annotations

from .errors import DeviceNotFound, Error
from .object import object_dynamic_cast, object_get_typename
from .qdev import BUS_GET_CLASS, BusState, DeviceState
from .world import at_least


def qbus_is_full(bus: BusState) -> bool:
    """Whether the bus takes no more devices (qbus_is_full)."""
    most = BUS_GET_CLASS(bus).max_dev
    return bus.full or bool(most and len(bus.children) >= most)


def qbus_find_recursive(
    bus: BusState, name: str | None, bus_type: str | None = None
) -> BusState | None:
    """The first bus of that name or type at or below `bus`, one with room if there is one."""
    if name is not None:
        match = bus.name == name
    else:
        match = bus_type is not None and object_dynamic_cast(bus, bus_type) is not None
    if match and not qbus_is_full(bus):
        return bus
    pick = bus if match else None
    for kid in bus.children:
        for child in kid.child.child_bus:
            found = qbus_find_recursive(child, name, bus_type)
            if found is not None and not qbus_is_full(found):
                return found
            pick = pick or found
    return pick


def qdev_find_default_bus(root: BusState, bus_type: str, driver: str) -> BusState:
    """A bus for a device that named none (qdev_find_default_bus).

    Raises:
        Error: there is none, or no room on any.
    """
    bus = qbus_find_recursive(root, None, bus_type)
    if bus is not None and not qbus_is_full(bus):
        return bus
    if bus is not None and at_least("10.2"):
        raise Error(f"A '{bus_type}' bus was found but is full")
    raise Error(f"No '{bus_type}' bus found for device '{driver}'")


def _find_dev(bus: BusState, name: str) -> DeviceState | None:
    """A device of the bus by its id, else by its type (qbus_find_dev)."""
    for kid in bus.children:
        if kid.child.id == name:
            return kid.child
    for kid in bus.children:
        if object_get_typename(kid.child) == name:
            return kid.child
    return None


def _device_hint(bus: BusState) -> str:
    names = (
        f'"{object_get_typename(kid.child)}"' + (f'/"{kid.child.id}"' if kid.child.id else "")
        for kid in bus.children
    )
    return _hint(f'devices at "{bus.name}":', list(names))


def _bus_hint(dev: DeviceState) -> str:
    name = dev.id or object_get_typename(dev)
    return _hint(f'child buses at "{name}":', [f'"{bus.name}"' for bus in dev.child_bus])


def _hint(head: str, names: list[str]) -> str:
    return head + (" " + ", ".join(names) if names else "") + "\n"


def _child_bus(dev: DeviceState, element: str, name: str | None) -> BusState:
    """A device's bus by name, or its only one (part of qbus_find)."""
    if name is None:
        if len(dev.child_bus) == 1:
            return dev.child_bus[0]
        if dev.child_bus:
            raise Error(f"Device '{element}' has multiple child buses", hint=_bus_hint(dev))
        raise Error(f"Device '{element}' has no child bus")
    for bus in dev.child_bus:
        if bus.name == name:
            return bus
    raise Error(f"Bus '{name}' not found", hint=_bus_hint(dev))


def qbus_find(root: BusState, path: str) -> BusState:
    """The bus that a `bus=` names: a name, or a path of devices and buses (qbus_find).

    Raises:
        Error: something on the way is not there, or the bus is full.
    """
    parts = [part for part in path.split("/") if part]
    if path.startswith("/"):
        bus = root
    else:
        start = parts.pop(0) if parts else ""
        found = qbus_find_recursive(root, start)
        if found is None:
            raise Error(f"Bus '{start}' not found")
        bus = found
    while parts:
        element = parts.pop(0)
        dev = _find_dev(bus, element)
        if dev is None:
            raise DeviceNotFound(f"Device '{element}' not found", hint=_device_hint(bus))
        bus = _child_bus(dev, element, parts.pop(0) if parts else None)
    if qbus_is_full(bus):
        raise Error(f"Bus '{path}' is full")
    return bus
