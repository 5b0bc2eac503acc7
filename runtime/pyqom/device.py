# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices: how they are made, realized, unrealized and taken down (hw/core/qdev.c)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from .device_reset import device_class_init_reset
from .errors import Abort, Error
from .globalprops import object_apply_compat_props, qdev_prop_set_globals
from .hotplug import (
    hotplug_handler_plug,
    hotplug_handler_pre_plug,
    qbus_is_hotpluggable,
    qdev_get_hotplug_handler,
)
from .klass import ObjectClass
from .object import (
    Object,
    object_dynamic_cast,
    object_get_typename,
    object_new,
    object_ref,
    object_unref,
)
from .property import (
    object_class_property_add_bool,
    object_property_del,
    object_property_set_bool,
)
from .qdev import (
    BUS_GET_CLASS,
    DEVICE,
    DEVICE_CLASS,
    DEVICE_GET_CLASS,
    TYPE_BUS,
    TYPE_DEVICE,
    BusChild,
    BusState,
    DeviceClass,
    DeviceListener,
    DeviceState,
)
from .resettable import (
    RESET_TYPE_COLD,
    TYPE_RESETTABLE_INTERFACE,
    resettable_assert_reset,
    resettable_change_parent,
    resettable_release_reset,
    resettable_state_clear,
)
from .tree import (
    object_class_property_add_link,
    object_get_canonical_path,
    object_get_root,
    object_property_add_child,
    object_property_add_link,
    object_resolve_path_component,
    object_unparent,
)
from .typetable import TypeInfo, type_init, type_register_static
from .world import MachineInitPhase, current

TYPE_VMSTATE_IF = "vmstate-if"


def device_listener_register(listener: DeviceListener) -> None:
    """Have `listener` called for devices from now on (device_listener_register)."""
    current().device_listeners.append(listener)


def device_listener_unregister(listener: DeviceListener) -> None:
    """Do not call it any more (device_listener_unregister)."""
    current().device_listeners.remove(listener)


# --- buses, from the device's side ----------------------------------------------------------------


def qdev_set_parent_bus(dev: DeviceState, bus: BusState) -> None:
    """Put a device on a bus, or on another one (qdev_set_parent_bus).

    Raises:
        Error: the bus refuses the device's address.
        Abort: the device does not belong on that type of bus.
    """
    bus_type = DEVICE_GET_CLASS(dev).bus_type
    if bus_type is None or object_dynamic_cast(bus, bus_type) is None:
        raise Abort(f"{dev!r} does not go on {bus!r}")
    check = BUS_GET_CLASS(bus).check_address
    if check is not None:
        check(bus, dev)
    old = dev.parent_bus
    if old is not None:
        # Keeps the device alive while it is on no bus.
        object_ref(dev)
        bus_remove_child(old, dev)
    dev.parent_bus = bus
    object_ref(bus)
    bus_add_child(bus, dev)
    if dev.realized:
        resettable_change_parent(dev, bus, old)
    if old is not None:
        object_unref(old)
        object_unref(dev)


def bus_add_child(bus: BusState, dev: DeviceState) -> None:
    """Note a device on a bus, with a reference and a link "child[N]" (bus_add_child)."""
    kid = BusChild(dev, bus.max_index)
    bus.max_index += 1
    object_ref(dev)
    # The newest comes first, as in QEMU's list.
    bus.children.insert(0, kid)
    object_property_add_link(
        bus, f"child[{kid.index}]", object_get_typename(dev), kid, "child", None
    )


def bus_remove_child(bus: BusState, dev: DeviceState) -> None:
    """Forget a device of a bus (bus_remove_child)."""
    for kid in bus.children:
        if kid.child is dev:
            bus.children.remove(kid)
            object_property_del(bus, f"child[{kid.index}]")
            object_unref(dev)
            return


def qdev_get_machine() -> Object:
    """The machine, or what stands in its place (qdev_get_machine).

    Raises:
        Abort: there is no machine yet.
    """
    machine = object_resolve_path_component(object_get_root(), "machine")
    if machine is None:
        raise Abort("there is no machine yet")
    return machine


def machine_get_container(name: str) -> Object:
    """A container of the machine: peripheral, peripheral-anon, unattached."""
    container = object_resolve_path_component(qdev_get_machine(), name)
    if container is None:
        raise Abort(f"the machine has no container '{name}'")
    return container


# --- realize --------------------------------------------------------------------------------------


def qdev_new(typename: str) -> DeviceState:
    """A new device (qdev_new)."""
    return DEVICE(object_new(typename))


def qdev_realize(dev: DeviceState, bus: BusState | None) -> None:
    """Put the device on its bus and bring it to life (qdev_realize).

    Raises:
        Error: what the bus, a hotplug handler or the device's realize had to say.
        Abort: the device is realized or on a bus already, or needs a bus and got none.
    """
    if dev.realized or dev.parent_bus is not None:
        raise Abort(f"{dev!r} is realized or on a bus already")
    if bus is not None:
        qdev_set_parent_bus(dev, bus)
    elif DEVICE_GET_CLASS(dev).bus_type is not None:
        raise Abort(f"{dev!r} needs a bus")
    object_property_set_bool(dev, "realized", True)


def qdev_unrealize(dev: DeviceState) -> None:
    """Take the device out of life (qdev_unrealize)."""
    object_property_set_bool(dev, "realized", False)


def _check_only_migratable(dev: DeviceState, dc: DeviceClass) -> None:
    if current().only_migratable and dc.vmsd is not None and dc.vmsd.unmigratable:
        raise Error(
            f"Device {object_get_typename(dev)} is not migratable, but "
            "--only-migratable was specified"
        )


def _set_realized(obj: Object, value: bool) -> None:
    """The setter of "realized" (device_set_realized)."""
    dev = DEVICE(obj)
    dc = DEVICE_GET_CLASS(dev)
    if dev.hotplugged and not dc.hotpluggable:
        raise Error(f"Device '{object_get_typename(dev)}' does not support hotplugging")
    if value and not dev.realized:
        _realize(dev, dc)
    elif not value and dev.realized:
        _unrealize(dev, dc)


def _realize(dev: DeviceState, dc: DeviceClass) -> None:
    """To life, step by step; what fails takes the steps before it back."""
    with ExitStack() as undo:
        _check_only_migratable(dev, dc)
        _check_has_bus(dev, dc)
        if dev.parent is None:
            _attach(dev)
            undo.callback(_detach, dev)
        handler = qdev_get_hotplug_handler(dev)
        if handler is not None:
            hotplug_handler_pre_plug(handler, dev)
        if dc.realize is not None:
            dc.realize(dev)
        undo.callback(_undo_realize, dev, dc)
        _tell_of_realize(dev)
        dev.canonical_path = object_get_canonical_path(dev)
        resettable_state_clear(dev.reset)
        for bus in list(dev.child_bus):
            object_property_set_bool(bus, "realized", True)
        if dev.hotplugged:
            resettable_assert_reset(dev, RESET_TYPE_COLD)
            resettable_change_parent(dev, dev.parent_bus, None)
            resettable_release_reset(dev, RESET_TYPE_COLD)
        dev.pending_deleted_event = False
        if handler is not None:
            hotplug_handler_plug(handler, dev)
        dev.realized = True
        undo.pop_all()


def _check_has_bus(dev: DeviceState, dc: DeviceClass) -> None:
    if dc.bus_type is not None and dev.parent_bus is None:
        # QEMU goes on and reads through a null pointer (-device T,realized=on).
        raise Error(f"Device '{object_get_typename(dev)}' can not be realized without a bus")


def _attach(dev: DeviceState) -> None:
    """A device without a parent gets a place among the unattached ones."""
    world = current()
    name = f"device[{world.unattached_devices}]"
    object_property_add_child(machine_get_container("unattached"), name, dev)
    world.unattached_devices += 1


def _detach(dev: DeviceState) -> None:
    object_unparent(dev)
    current().unattached_devices -= 1


def _tell_of_realize(dev: DeviceState) -> None:
    for listener in list(current().device_listeners):
        if listener.realize is not None:
            listener.realize(dev)


def _undo_realize(dev: DeviceState, dc: DeviceClass) -> None:
    for bus in list(dev.child_bus):
        object_property_set_bool(bus, "realized", False)
    dev.canonical_path = None
    if dc.unrealize is not None:
        dc.unrealize(dev)


def _unrealize(dev: DeviceState, dc: DeviceClass) -> None:
    dev.realized = False
    for bus in list(dev.child_bus):
        object_property_set_bool(bus, "realized", False)
    if dc.unrealize is not None:
        dc.unrealize(dev)
    dev.pending_deleted_event = True
    for listener in reversed(list(current().device_listeners)):
        if listener.unrealize is not None:
            listener.unrealize(dev)


def _get_realized(obj: Object) -> bool:
    return DEVICE(obj).realized


def _get_hotpluggable(obj: Object) -> bool:
    dev = DEVICE(obj)
    hotpluggable = DEVICE_GET_CLASS(dev).hotpluggable
    return hotpluggable and (dev.parent_bus is None or qbus_is_hotpluggable(dev.parent_bus))


def _get_hotplugged(obj: Object) -> bool:
    return DEVICE(obj).hotplugged


# --- life -----------------------------------------------------------------------------------------


def device_initfn(obj: Object) -> None:
    """A device that is made on a running machine is a hotplugged one (device_initfn)."""
    dev = DEVICE(obj)
    if current().phase >= MachineInitPhase.MACHINE_READY:
        dev.hotplugged = True
    dev.realized = False


def device_post_init(obj: Object) -> None:
    """Compat properties, then the user's globals, which win (device_post_init)."""
    object_apply_compat_props(obj)
    qdev_prop_set_globals(obj, DEVICE(obj).hotplugged)


def device_finalize(obj: Object) -> None:
    """Tell of the end of a device that had been realized (device_finalize)."""
    dev = DEVICE(obj)
    if dev.unplug_blockers:
        raise Abort(f"{dev!r} goes while something blocks its unplug")
    if dev.pending_deleted_event:
        data: dict[str, object] = {"path": dev.canonical_path}
        if dev.id is not None:
            data["device"] = dev.id
        current().event("DEVICE_DELETED", data)
        dev.canonical_path = None
    dev.id = None


def device_unparent(obj: Object) -> None:
    """A device that leaves the tree dies and leaves its bus (device_unparent)."""
    dev = DEVICE(obj)
    if dev.realized:
        qdev_unrealize(dev)
    while dev.child_bus:
        object_unparent(dev.child_bus[0])
    if dev.parent_bus is not None:
        bus = dev.parent_bus
        bus_remove_child(bus, dev)
        dev.parent_bus = None
        object_unref(bus)


def device_class_set_parent_realize(
    dc: DeviceClass, realize: Callable[[DeviceState], None]
) -> Callable[[DeviceState], None] | None:
    """Override realize and return the parent's to chain up to (same name in QEMU)."""
    parent, dc.realize = dc.realize, realize
    return parent


def device_class_set_parent_unrealize(
    dc: DeviceClass, unrealize: Callable[[DeviceState], None]
) -> Callable[[DeviceState], None] | None:
    """Override unrealize and return the parent's to chain up to (same name in QEMU)."""
    parent, dc.unrealize = dc.unrealize, unrealize
    return parent


# --- class ----------------------------------------------------------------------------------------


def device_class_base_init(klass: ObjectClass, data: object) -> None:
    """A class's property table is its own, never the parent's (device_class_base_init)."""
    DEVICE_CLASS(klass).props_ = ()


def device_class_init(klass: ObjectClass) -> None:
    """What holds for every device unless it says otherwise (device_class_init)."""
    dc = DEVICE_CLASS(klass)
    klass.unparent = device_unparent
    dc.hotpluggable = True
    dc.user_creatable = True
    device_class_init_reset(dc)
    object_class_property_add_bool(klass, "realized", _get_realized, _set_realized)
    object_class_property_add_bool(klass, "hotpluggable", _get_hotpluggable, None)
    object_class_property_add_bool(klass, "hotplugged", _get_hotplugged, None)
    object_class_property_add_link(klass, "parent_bus", TYPE_BUS, "parent_bus", None)


def _register() -> None:
    # Devices have a name in the migration stream; pyqom does not migrate.
    type_register_static(TypeInfo(name=TYPE_VMSTATE_IF, parent="interface"))
    type_register_static(
        TypeInfo(
            name=TYPE_DEVICE,
            parent="object",
            instance_struct=DeviceState,
            instance_init=device_initfn,
            instance_post_init=device_post_init,
            instance_finalize=device_finalize,
            class_base_init=device_class_base_init,
            class_init=device_class_init,
            class_struct=DeviceClass,
            abstract=True,
            interfaces=(TYPE_VMSTATE_IF, TYPE_RESETTABLE_INTERFACE),
        )
    )


type_init(_register)
