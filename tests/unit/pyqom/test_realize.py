# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: ARG001, ARG005 - fixtures work by being named; hooks and casts are as in QEMU
"""Realize and unrealize: their order, and that a failure takes everything back."""

from __future__ import annotations

import pytest

from pyqom import (
    BUS_GET_CLASS,
    DEVICE_CLASS,
    PCI_BUS,
    PCI_DEVICE_CLASS,
    Abort,
    DeviceListener,
    DeviceState,
    Error,
    ObjectClass,
    TypeInfo,
    VMStateDescription,
    World,
    device_listener_register,
    device_listener_unregister,
    machine_ready,
    machine_start,
    object_get_canonical_path,
    object_new,
    object_property_add_child,
    object_property_get_bool,
    object_property_set_bool,
    object_property_set_qobject,
    object_resolve_path,
    object_unparent,
    object_unref,
    qbus_set_hotplug_handler,
    qdev_new,
    qdev_realize,
    qdev_unrealize,
    type_register_static,
)
from pyqom.device import qdev_set_parent_bus
from pyqom.hotplug import HOTPLUG_HANDLER_CLASS
from pyqom.pci import PCIBus, pci_get_bus
from pyqom.pci_realize import pci_dev_path
from tests.unit.pyqom import devices
from tests.unit.pyqom.devices import Controller, Edu, Nic, log
from tests.unit.pyqom.says import refused


@pytest.fixture
def bus(any_world: World) -> PCIBus:
    devices.register()
    machine_start("pc")
    return root_bus()


def root_bus() -> PCIBus:
    obj, _ = object_resolve_path("/machine/i440fx/pci.0")
    assert obj is not None
    return PCI_BUS(obj)


def nic(**properties: bool | int | str) -> Nic:
    made = object_new("nic")
    assert isinstance(made, Nic)
    for name, value in properties.items():
        object_property_set_qobject(made, name.replace("_", "-"), value)
    return made


def places(bus: PCIBus) -> dict[int, str]:
    return {devfn: dev.name for devfn, dev in enumerate(bus.devices) if dev is not None}


BOARD = {0x00: "i440FX", 0x08: "PIIX3", 0x09: "piix3-ide", 0x0B: "PIIX4_PM"}


def test_a_realized_device_has_its_place(bus: PCIBus) -> None:
    made = nic()
    qdev_realize(made, bus)
    assert object_property_get_bool(made, "realized")
    assert places(bus) == BOARD | {0x10: "nic"}
    assert pci_get_bus(made) is bus
    assert made.parent is not None
    path = object_get_canonical_path(made)
    assert path is not None
    assert path.startswith("/machine/unattached/device[")
    assert made.canonical_path == path
    assert object_resolve_path(f"{bus.name}/child[{bus.max_index - 1}]") == (made, False)
    assert pci_dev_path(made) == "0000:00:02.0"


def test_a_device_that_fails_leaves_nothing(bus: PCIBus, any_world: World) -> None:
    before = (bus.ref, len(bus.children), any_world.unattached_devices, set(bus.properties))
    made = nic(fail=True)
    with refused("the card is broken"):
        qdev_realize(made, bus)
    assert not made.realized
    assert places(bus) == BOARD
    assert made.parent is None
    assert made.parent_bus is None
    assert made.ref == 1
    assert (bus.ref, len(bus.children), any_world.unattached_devices, set(bus.properties)) == before
    assert log == ["nic realize"]
    object_unref(made)


def test_any_exception_is_taken_back_not_only_errors(bus: PCIBus) -> None:
    def class_init(klass: ObjectClass) -> None:
        def realize(dev: object) -> None:
            raise KeyboardInterrupt

        PCI_DEVICE_CLASS(klass).realize = realize

    type_register_static(TypeInfo(name="nervous", parent="nic", class_init=class_init))
    made = qdev_new("nervous")
    with pytest.raises(KeyboardInterrupt):
        qdev_realize(made, bus)
    assert places(bus) == BOARD
    assert made.parent_bus is None


def test_unrealize_gives_the_place_back(bus: PCIBus) -> None:
    made = nic()
    qdev_realize(made, bus)
    qdev_unrealize(made)
    assert places(bus) == BOARD
    assert log == ["nic realize", "nic exit"]
    object_property_set_bool(made, "realized", False)
    object_property_set_bool(made, "realized", True)
    assert places(bus) == BOARD | {0x10: "nic"}


def test_the_end_of_a_device_unrealizes_it_first(bus: PCIBus) -> None:
    made = nic()
    qdev_realize(made, bus)
    object_unref(made)
    object_unparent(made)
    assert log == ["nic realize", "nic exit", "nic finalize"]
    assert places(bus) == BOARD
    assert made.ref == 0


def test_what_realize_asserts(bus: PCIBus) -> None:
    made = nic()
    qdev_realize(made, bus)
    with pytest.raises(Abort, match="realized or on a bus already"):
        qdev_realize(made, bus)
    with pytest.raises(Abort, match="needs a bus"):
        qdev_realize(nic(), None)
    with pytest.raises(Abort, match="does not go on"):
        qdev_realize(qdev_new("tiny"), bus)


def test_realized_without_a_bus_is_refused_where_qemu_crashes(bus: PCIBus) -> None:
    with refused("Device 'nic' can not be realized without a bus"):
        object_property_set_bool(nic(), "realized", True)


def test_only_migratable(bus: PCIBus, any_world: World) -> None:
    def class_init(klass: ObjectClass) -> None:
        DEVICE_CLASS(klass).vmsd = VMStateDescription("fixed", unmigratable=True)

    type_register_static(TypeInfo(name="fixed", parent="nic", class_init=class_init))
    qdev_realize(qdev_new("fixed"), bus)
    any_world.only_migratable = True
    with refused("Device fixed is not migratable, but --only-migratable was specified"):
        qdev_realize(qdev_new("fixed"), bus)


def test_listeners_hear_of_it_and_backwards_of_the_end(bus: PCIBus) -> None:
    heard: list[str] = []

    def listener(name: str) -> DeviceListener:
        return DeviceListener(
            lambda dev: heard.append(f"{name} realize"),
            lambda dev: heard.append(f"{name} unrealize"),
        )

    first, second = listener("first"), listener("second")
    device_listener_register(first)
    device_listener_register(second)
    made = nic()
    qdev_realize(made, bus)
    qdev_unrealize(made)
    device_listener_unregister(first)
    assert heard == ["first realize", "second realize", "second unrealize", "first unrealize"]


def test_a_bus_behind_a_device_lives_and_dies_with_it(bus: PCIBus) -> None:
    made = qdev_new("controller")
    assert isinstance(made, Controller)
    assert made.tiny is not None
    qdev_realize(made, bus)
    assert made.tiny.realized
    tiny = qdev_new("tiny")
    qdev_realize(tiny, made.tiny)
    object_unparent(made)
    assert not tiny.realized
    assert log == ["tiny realize", "tiny unrealize"]
    assert made.child_bus == []


def test_a_bus_that_fails_takes_the_device_back(bus: PCIBus) -> None:
    def fail(child_bus: object) -> None:
        raise Error("no power on the bus")

    made = qdev_new("controller")
    assert isinstance(made, Controller)
    assert made.tiny is not None
    BUS_GET_CLASS(made.tiny).realize = fail
    with refused("no power on the bus"):
        qdev_realize(made, bus)
    assert not made.realized
    assert places(bus) == BOARD


@pytest.mark.parametrize(
    ("hook", "exits"), [("pre_plug", []), ("plug", ["nic realize", "nic exit"])]
)
def test_a_hotplug_handler_may_refuse(hook: str, exits: list[str], bus: PCIBus) -> None:
    def refuse(handler: object, dev: DeviceState) -> None:
        raise Error("the handler refuses")

    def class_init(klass: ObjectClass) -> None:
        setattr(HOTPLUG_HANDLER_CLASS(klass), hook, refuse)

    type_register_static(
        TypeInfo(
            name="gate", parent="object", class_init=class_init, interfaces=("hotplug-handler",)
        )
    )
    gate = object_new("gate")
    root, _ = object_resolve_path("/objects")
    assert root is not None
    object_property_add_child(root, "gate", gate)
    qbus_set_hotplug_handler(bus, gate)
    made = nic()
    with refused("the handler refuses"):
        qdev_realize(made, bus)
    assert log == exits
    assert places(bus) == BOARD
    assert not made.realized


def test_moving_to_another_bus(bus: PCIBus) -> None:
    made = qdev_new("controller")
    other = qdev_new("controller")
    assert isinstance(made, Controller)
    assert isinstance(other, Controller)
    assert made.tiny is not None
    assert other.tiny is not None
    tiny = qdev_new("tiny")
    qdev_set_parent_bus(tiny, made.tiny)
    qdev_set_parent_bus(tiny, other.tiny)
    assert (len(made.tiny.children), len(other.tiny.children)) == (0, 1)
    assert tiny.parent_bus is other.tiny


# --- places on a PCI bus (do_pci_register_device) -------------------------------------------------


def put(bus: PCIBus, **properties: bool | int | str) -> Nic:
    made = nic(**properties)
    qdev_realize(made, bus)
    return made


@pytest.mark.parametrize(
    ("first", "second", "text"),
    [
        (
            {"addr": "3"},
            {"addr": "3"},
            "PCI: slot 3 function 0 not available for nic, in use by nic,id=(null)",
        ),
        (
            {"addr": "3.0"},
            {"addr": "3.1"},
            "PCI: single function device can't be populated in function 3.1",
        ),
        (
            {"addr": "3.1"},
            {"addr": "3.0"},
            "PCI: 3.0 indicates single function, but 3.1 is already populated.",
        ),
        ({"acpi-index": 5}, {"acpi-index": 5}, "a PCI device with acpi-index = 5 already exist"),
        ({}, {"acpi-index": 16384}, "acpi-index should be less or equal to 16383"),
        ({}, {"romsize": 3}, "ROM size 3 is not a power of two"),
        ({}, {"romfile": "/nosuch/rom"}, 'failed to find romfile "/nosuch/rom"'),
        ({}, {"failover_pair_id": "x"}, "failover primary device must be on PCIExpress bus"),
    ],
)
def test_what_a_pci_bus_refuses(
    first: dict[str, int | str], second: dict[str, int | str], text: str, bus: PCIBus
) -> None:
    if first:
        put_properties(bus, first)
    before = places(bus)
    with refused(text):
        put_properties(bus, second)
    assert places(bus) == before


def put_properties(bus: PCIBus, properties: dict[str, int | str]) -> None:
    made = qdev_new("nic")
    for name, value in properties.items():
        object_property_set_qobject(made, name, value)
    qdev_realize(made, bus)


def test_function_0_may_say_that_there_are_more(bus: PCIBus) -> None:
    put(bus, addr="3.0", multifunction=True)
    put(bus, addr="3.1")
    put(bus, addr="3.7")
    assert {0x18, 0x19, 0x1F} <= set(places(bus))


def test_a_full_bus(bus: PCIBus) -> None:
    for _ in range(30):
        put(bus)
    with refused("PCI: no slot/function available for nic, all in use or reserved"):
        put(bus)


def test_reserved_slots(bus: PCIBus) -> None:
    bus.slot_reserved_mask = 1 << 2
    with refused("PCI: slot 2 function 0 not available for nic, reserved"):
        put(bus, addr="2")
    put(bus)
    assert 0x18 in places(bus)


def test_a_busy_place_names_who_is_there(bus: PCIBus) -> None:
    first = nic(addr="3")
    first.id = "eth0"
    qdev_realize(first, bus)
    with refused("PCI: slot 3 function 0 not available for nic, in use by nic,id=eth0"):
        put(bus, addr="3")


def test_an_acpi_index_comes_back_with_its_device(bus: PCIBus, any_world: World) -> None:
    first = put(bus, **{"acpi-index": 5})
    if any_world.series == "7.2":
        # Only an unplug gives it back there, not the end of the device.
        object_unparent(first)
        assert any_world.acpi_indices == [5]
        return
    object_unparent(first)
    put(bus, **{"acpi-index": 5})


def test_configuration_space_says_who_it_is(bus: PCIBus) -> None:
    edu = qdev_new("edu")
    assert isinstance(edu, Edu)
    pdc = PCI_DEVICE_CLASS(edu.klass)
    pdc.vendor_id, pdc.device_id, pdc.class_id = 0x1234, 0x11E8, 0x00FF
    object_property_set_bool(edu, "multifunction", True)
    qdev_realize(edu, bus)
    assert len(edu.config) == 256
    assert edu.config[0:4].hex() == "3412e811"
    assert edu.config[10:12].hex() == "ff00"
    assert edu.config[0x0E] == 0x80
    assert edu.config[0x2C:0x30].hex() == "f41a0011"


def test_express_devices_have_more_of_it(bus: PCIBus) -> None:
    type_register_static(
        TypeInfo(
            name="express",
            parent="pci-device",
            instance_struct=Edu,
            interfaces=("pci-express-device",),
        )
    )
    made = qdev_new("express")
    qdev_realize(made, bus)
    assert isinstance(made, Edu)
    assert len(made.config) == 4096


@pytest.mark.parametrize(
    ("content", "romsize", "text"),
    [
        (b"", None, 'romfile "{}" is empty'),
        (b"x" * 5, 4, 'romfile "{}" (5 bytes) is too large for ROM size 4'),
        (b"x" * 5, None, None),
    ],
)
def test_option_roms(
    content: bytes,
    romsize: int | None,
    text: str | None,
    bus: PCIBus,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("rom") / "rom.bin"
    path.write_bytes(content)
    made = nic(romfile=str(path))
    if romsize is not None:
        object_property_set_qobject(made, "romsize", romsize)
    if text is None:
        qdev_realize(made, bus)
        assert made.romsize == 8
        return
    with refused(text.format(path)):
        qdev_realize(made, bus)
    assert log == ["nic realize", "nic exit"]


# --- hotplug --------------------------------------------------------------------------------------


def test_a_hotplugged_device_is_reset_when_it_comes(bus: PCIBus) -> None:
    cold = put(bus)
    machine_ready()
    hot = put(bus)
    assert (cold.hotplugged, cold.resets) == (False, 0)
    assert (hot.hotplugged, hot.resets) == (True, 1)


def test_a_device_that_cannot_be_hotplugged_is_refused(bus: PCIBus) -> None:
    machine_ready()
    with refused("Device 'nic-nohotplug' does not support hotplugging"):
        qdev_realize(qdev_new("nic-nohotplug"), bus)


def test_function_0_must_come_last(bus: PCIBus) -> None:
    machine_ready()
    put(bus, addr="3.1")
    put(bus, addr="3.0", multifunction=True)
    with refused(
        "PCI: slot 3 function 0 already occupied by nic, new func nic cannot be exposed to guest."
    ):
        put(bus, addr="3.2")
