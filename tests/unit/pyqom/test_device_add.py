# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: ARG001 - fixtures work by being named; hooks and casts are as in QEMU
"""device_add, device_del and what a user meets on the way (system/qdev-monitor.c)."""

from __future__ import annotations

import pytest

from pyqom import (
    HOTPLUG_HANDLER_CLASS,
    Abort,
    Error,
    GlobalProperty,
    TypeInfo,
    World,
    device_add,
    device_del,
    device_eject,
    machine_ready,
    machine_start,
    object_add,
    object_class_by_name,
    object_del,
    object_get_canonical_path,
    object_property_get_int,
    object_property_get_qobject,
    object_resolve_path,
    object_unparent,
    object_unref,
    qbus_new,
    qdev_device_add_from_qdict,
    qdev_new,
    qdev_prop_check_globals,
    qdev_prop_register_global,
    qdev_unplug,
    qom_set,
    type_register_static,
)
from pyqom.device import machine_get_container, qdev_get_machine
from pyqom.globalprops import object_register_sugar_prop, object_set_accelerator_compat_props
from pyqom.qdev import DeviceState
from pyqom.qdict import qdict_order
from pyqom.visitors import JSONValue
from tests.unit.pyqom import devices
from tests.unit.pyqom.devices import Controller, Kinds, log
from tests.unit.pyqom.says import refused


@pytest.fixture(autouse=True)
def pc(any_world: World) -> None:
    devices.register()
    machine_start("pc")


def add(**options: JSONValue) -> DeviceState:
    """As -device with JSON: strict, and the machine's reference alone stays."""
    return device_add({key.replace("_", "-"): value for key, value in options.items()}, False)


def add_text(**options: str) -> DeviceState:
    """As -device key=value."""
    dev = qdev_device_add_from_qdict(
        {key.replace("_", "-"): value for key, value in options.items()}, False
    )
    object_unref(dev)
    return dev


# --- the order of the checks ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "Parameter 'driver' is missing"),
        ({"driver": 5}, "Parameter 'driver' is missing"),
        ({"driver": "nosuch", "bus": "nosuch"}, "'nosuch' is not a valid device model name"),
        ({"driver": "backend"}, "'backend' is not a valid device model name"),
        ({"driver": "pci-device"}, "Parameter 'driver' expects a non-abstract device type"),
        ({"driver": "i440FX"}, "Parameter 'driver' expects a pluggable device type"),
        ({"driver": "nic", "bus": "nosuch", "nosuch": 1}, "Bus 'nosuch' not found"),
        ({"driver": "nic", "bus": "/"}, "Device 'nic' can't go on System bus"),
        ({"driver": "tiny"}, "No 'tiny-bus' bus found for device 'tiny'"),
        ({"driver": "nic", "nosuch": 1}, "Property 'nic.nosuch' not found"),
        ({"driver": "nic", "fail": True}, "the card is broken"),
    ],
)
def test_what_is_wrong_first(options: dict[str, JSONValue], text: str) -> None:
    with refused(text):
        device_add(options, monitor=False)


def test_a_device_with_an_id_is_a_peripheral() -> None:
    dev = add(driver="nic", id="n1")
    assert object_get_canonical_path(dev) == "/machine/peripheral/n1"
    assert dev.ref == 2  # the tree's and the bus's
    with refused("Duplicate device ID 'n1'"):
        add(driver="nic", id="n1")


def test_devices_without_are_numbered() -> None:
    paths = [object_get_canonical_path(add(driver="nic")) for _ in range(2)]
    assert paths == [f"/machine/peripheral-anon/device[{number}]" for number in range(2)]


def test_a_device_that_fails_is_gone(any_world: World) -> None:
    before = set(machine_get_container("peripheral").properties)
    with pytest.raises(Error):
        add(driver="nic", id="n1", bootindex=3, fail=True)
    assert set(machine_get_container("peripheral").properties) == before
    assert any_world.boot_order == []
    assert log[-1] == "nic finalize"
    add(driver="nic", id="n1", bootindex=3)


def test_the_first_wrong_property_in_qemus_order_is_told() -> None:
    """By the hash of the names, not by the order given (captured from 7.2 and 10.0)."""
    names = ["xres", "display", "x-vga", "bootindex", "nosuch"]
    assert qdict_order(names) == qdict_order(reversed(names))
    with refused("Parameter 'u8' expects integer"):
        add_text(driver="kinds", flag="x", u8="x", way="x")


def test_text_is_read_as_text_and_json_strictly() -> None:
    dev = add_text(driver="kinds", u8="0x10", flag="on", size="4k")
    assert isinstance(dev, Kinds)
    assert (dev.u8, dev.flag, dev.size) == (16, True, 4096)
    with refused("Parameter 'u8' expects uint64"):
        add(driver="kinds", u8="0x10")


def test_the_monitor_of_7_2_makes_strings_of_json(any_world: World) -> None:
    wishes: dict[str, JSONValue] = {"driver": "kinds", "u8": "16", "flag": "on", "way": True}
    if any_world.series == "7.2":
        dev = device_add(wishes)
        assert isinstance(dev, Kinds)
        assert (dev.u8, dev.flag) == (16, True)
        with refused("Parameter 'u8' expects integer"):
            device_add({"driver": "kinds", "u8": 1.5})
        with refused("Parameter 'id' expects an identifier"):
            device_add({"driver": "kinds", "id": "0bad"})
        assert device_add({"driver": "kinds", "id": 5}).id is None
    else:
        with pytest.raises(Error):
            device_add(wishes)
        assert device_add({"driver": "kinds", "id": "0bad"}).id == "0bad"


# --- buses ----------------------------------------------------------------------------------------


@pytest.fixture
def controller() -> Controller:
    dev = add(driver="controller", id="c1")
    assert isinstance(dev, Controller)
    return dev


@pytest.mark.parametrize("bus", ["tiny-bus.0", "/i440FX-pcihost/pci.0/c1/tiny-bus.0", "pci.0/c1"])
def test_buses_are_named_or_have_paths(bus: str, controller: Controller) -> None:
    assert controller.tiny is not None
    assert controller.tiny.name == "tiny-bus.0"
    assert add(driver="tiny", bus=bus).parent_bus is controller.tiny


@pytest.mark.parametrize(
    ("bus", "text"),
    [
        ("c1", "Bus 'c1' not found"),
        ("pci.0/nosuch", "Device 'nosuch' not found"),
        ("pci.0/c1/nosuch", "Bus 'nosuch' not found"),
        ("pci.0/i440FX", "Device 'i440FX' has no child bus"),
    ],
)
def test_paths_that_lead_nowhere(bus: str, text: str, controller: Controller) -> None:
    with refused(text):
        add(driver="tiny", bus=bus)


def test_hints_list_what_is_there(controller: Controller) -> None:
    with pytest.raises(Error) as caught:
        add(driver="tiny", bus="pci.0/nosuch")
    assert caught.value.hint.startswith('devices at "pci.0": "controller"/"c1", "PIIX4_PM"')
    with pytest.raises(Error) as caught:
        add(driver="tiny", bus="pci.0/c1/nosuch")
    assert caught.value.hint == 'child buses at "c1": "tiny-bus.0"\n'


def test_a_bus_takes_so_many_devices(any_world: World, controller: Controller) -> None:
    for _ in range(2):
        add(driver="tiny")
    with refused("Bus 'tiny-bus.0' is full"):
        add(driver="tiny", bus="tiny-bus.0")
    text = (
        "A 'tiny-bus' bus was found but is full"
        if any_world.series == "10.2"
        else "No 'tiny-bus' bus found for device 'tiny'"
    )
    with refused(text):
        add(driver="tiny")


def test_of_several_buses_one_with_room_is_found(controller: Controller) -> None:
    for _ in range(2):
        add(driver="tiny")
    add(driver="controller", id="c2")
    dev = add(driver="tiny")
    assert dev.parent_bus is not None
    assert dev.parent_bus.parent_dev is not None
    assert dev.parent_bus.parent_dev.id == "c2"


def test_a_bus_is_called_after_its_devices_id() -> None:
    dev = qdev_new("edu")
    dev.id = "e1"
    assert [qbus_new("tiny-bus", dev).name for _ in range(2)] == ["e1.0", "e1.1"]


# --- defaults from outside ------------------------------------------------------------------------


def test_precedence_of_defaults(any_world: World) -> None:
    """Table < accelerator < machine < sugar < -global < the device's own options."""
    assert object_property_get_int(add(driver="nic"), "speed") == 1000
    object_set_accelerator_compat_props([GlobalProperty("nic", "speed", "1")])
    assert object_property_get_int(add(driver="nic"), "speed") == 1
    any_world.compat_props[1].append(GlobalProperty("nic", "speed", "2"))
    assert object_property_get_int(add(driver="nic"), "speed") == 2
    object_register_sugar_prop("nic", "speed", "3")
    assert object_property_get_int(add(driver="nic"), "speed") == 3
    qdev_prop_register_global(GlobalProperty("device", "speed", "4", optional=True))
    assert object_property_get_int(add(driver="nic"), "speed") == 4
    assert object_property_get_int(add(driver="nic", speed=5), "speed") == 5


def test_globals_are_for_subtypes_too_and_optional_ones_for_who_has_them() -> None:
    qdev_prop_register_global(GlobalProperty("nic", "speed", "0x10"))
    qdev_prop_register_global(GlobalProperty("pci-device", "speed", "9", optional=True))
    assert object_property_get_int(add(driver="nic-nohotplug"), "speed") == 9
    add(driver="edu")


def test_a_global_that_does_not_fit(any_world: World) -> None:
    qdev_prop_register_global(GlobalProperty("nic", "speed", "fast"))
    with refused("can't apply global nic.speed=fast: Parameter 'speed' expects uint64"):
        add(driver="nic")
    warnings: list[str] = []
    any_world.warn = warnings.append
    machine_ready()
    assert object_property_get_int(add(driver="nic"), "speed") == 1000
    assert warnings == ["can't apply global nic.speed=fast: Parameter 'speed' expects uint64"]


def test_globals_that_did_nothing(any_world: World) -> None:
    warnings: list[str] = []
    any_world.warn = warnings.append
    qdev_prop_register_global(GlobalProperty("nic-nohotplug", "speed", "9"))
    add(driver="nic-nohotplug")
    assert not qdev_prop_check_globals()
    for driver in ("nosuch", "backend", "nic", "nic-nohotplug"):
        qdev_prop_register_global(GlobalProperty(driver, "speed", "1"))
    assert qdev_prop_check_globals()
    assert warnings == [
        "global nosuch.speed has invalid class name",
        "global backend.speed has invalid class name",
        "global nic-nohotplug.speed=1 not used",
    ]


# --- hotplug --------------------------------------------------------------------------------------


def test_a_type_without_hotplug(any_world: World) -> None:
    machine_ready()
    text = (
        "Parameter 'driver' expects a pluggable device type"
        if any_world.series == "7.2"
        else "Device 'nic-nohotplug' does not support hotplugging"
    )
    with refused(text):
        device_add({"driver": "nic-nohotplug"})


def test_a_bus_without_hotplug(controller: Controller) -> None:
    machine_ready()
    with refused("Bus 'tiny-bus.0' does not support hotplugging"):
        device_add({"driver": "tiny"})


def test_q35_has_no_hotplug_on_its_root_bus(any_world: World) -> None:
    with World(any_world.series):
        devices.register()
        machine_start("q35")
        dev = device_add({"driver": "nic", "id": "n1"}, monitor=False)
        machine_ready()
        for wish in ({"driver": "nic"}, {"driver": "nic", "bus": "pcie.0"}):
            with refused("Bus 'pcie.0' does not support hotplugging"):
                device_add(wish)
        with refused("Bus 'pcie.0' does not support hotplugging"):
            device_del("n1")
        assert not object_property_get_qobject(dev, "hotpluggable")


def test_a_device_without_a_bus_needs_a_machine_that_takes_it() -> None:
    type_register_static(TypeInfo(name="loose", parent="device"))
    add(driver="loose")
    machine_ready()
    with refused("Device 'loose' can not be hotplugged on this machine"):
        device_add({"driver": "loose"})


# --- unplug ---------------------------------------------------------------------------------------


def test_the_guest_lets_a_device_go(any_world: World) -> None:
    events: list[tuple[str, dict[str, object]]] = []
    any_world.event = lambda name, data: events.append((name, data))
    machine_ready()
    device_add({"driver": "nic", "id": "n1", "acpi-index": 7})
    device_del("n1")
    assert object_resolve_path("/machine/peripheral/n1")[0] is not None
    device_eject("n1")
    assert object_resolve_path("/machine/peripheral/n1")[0] is None
    assert events == [
        ("DEVICE_DELETED", {"path": "/machine/peripheral/n1", "device": "n1"}),
    ]
    assert any_world.acpi_indices == []
    device_add({"driver": "nic", "id": "n1", "acpi-index": 7})


def test_asking_twice(any_world: World) -> None:
    """Since 8.1 the request may be repeated, as a booting guest misses it."""
    machine_ready()
    device_add({"driver": "nic", "id": "n1"})
    device_del("n1")
    if any_world.series == "7.2":
        with refused("Device n1 is already in the process of unplug"):
            device_del("n1")
    else:
        device_del("n1")
        any_world.clock_ms = lambda: 0
        with refused("Device n1 is already in the process of unplug"):
            device_del("n1")


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("nosuch", "Device 'nosuch' not found", "DeviceNotFound"),
        ("/machine", None, "GenericError"),
        ("c1", "Device 'nic-nohotplug' does not support hotplugging", "GenericError"),
    ],
)
def test_what_device_del_refuses(name: str, text: str | None, kind: str, any_world: World) -> None:
    add(driver="nic-nohotplug", id="c1")
    machine_ready()
    with pytest.raises(Error) as caught:
        device_del(name)
    if text is None:
        a = "a hotpluggable device" if any_world.series == "7.2" else "a device"
        text = f"/machine is not {a}"
    assert (str(caught.value), caught.value.error_class) == (text, kind)


def test_a_blocker_keeps_a_device() -> None:
    machine_ready()
    dev = device_add({"driver": "nic", "id": "n1"})
    dev.unplug_blockers.append(Error("it is in use"))
    with refused("it is in use"):
        device_del("n1")
    dev.unplug_blockers.clear()


def test_nobody_asked_for_it() -> None:
    machine_ready()
    device_add({"driver": "nic", "id": "n1"})
    with refused("Device n1 is not in the process of unplug"):
        device_eject("n1")


def test_without_an_asynchronous_handler_a_device_goes_at_once() -> None:
    klass = object_class_by_name("PIIX4_PM")
    assert klass is not None
    HOTPLUG_HANDLER_CLASS(klass).unplug_request = None  # only this world's
    machine_ready()
    dev = device_add({"driver": "nic", "id": "n1"})
    qdev_unplug(dev)
    assert log[-2:] == ["nic exit", "nic finalize"]


# --- live objects ---------------------------------------------------------------------------------


def test_a_realized_device_may_change_its_bootindex() -> None:
    add(driver="nic", id="n1", bootindex=3)
    with refused("The bootindex 3 has already been used"):
        qom_set("n1", "bootindex", 3)
    qom_set("n1", "bootindex", -1)
    add(driver="nic", bootindex=3)
    with refused(
        "Attempt to set property 'speed' on device 'n1' (type 'nic') after it was realized"
    ):
        qom_set("n1", "speed", 5)


def test_links_keep_their_backend() -> None:
    object_add({"qom-type": "backend", "id": "b1"})
    dev = add(driver="kinds", id="k1", backend="b1")
    assert isinstance(dev, Kinds)
    backend = dev.backend
    assert backend is not None
    object_del("b1")
    assert backend.ref == 1
    object_unparent(dev)
    assert backend.ref == 0


def test_one_machine_a_world() -> None:
    with pytest.raises(Abort, match="has a machine already"):
        machine_start("pc")
    assert qdev_get_machine().klass.name.startswith("pc-i440fx-")
