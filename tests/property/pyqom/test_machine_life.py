# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever a user does to a machine, its tree stays whole and nothing is left behind."""

from __future__ import annotations

import gc
import weakref
from contextlib import suppress
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pyqom import (
    SERIES,
    BusState,
    DeviceState,
    Error,
    Object,
    PCIDevice,
    World,
    bus_cold_reset,
    device_add,
    device_del,
    device_eject,
    machine_ready,
    machine_start,
    object_add,
    object_del,
    object_get_canonical_path,
    object_get_root,
    object_resolve_path,
    qom_set,
    sysbus_get_default,
)
from pyqom.cmdline import shut_down
from pyqom.pci import pci_get_bus
from pyqom.tree import object_child_foreach, object_child_foreach_recursive
from tests.unit.pyqom import devices
from tests.unit.pyqom.devices import Backend, Kinds

IDS = st.sampled_from(["a", "b", "c", "d"])
BUSES = st.sampled_from([None, "pci.0", "tiny-bus.0", "a.0", "b.0", "nosuch"])
DRIVERS = st.sampled_from(
    ["nic", "nic-nohotplug", "kinds", "edu", "controller", "tiny", "pci-device", "nosuch"]
)
PROPERTIES = st.fixed_dictionaries(
    {},
    optional={
        "bootindex": st.integers(-1, 4),
        "addr": st.sampled_from(["2", "3", "3.1", "4.7", "20"]),
        "multifunction": st.booleans(),
        "fail": st.booleans(),
        "backend": IDS,
        "acpi-index": st.integers(0, 3),
        "romsize": st.sampled_from([16, 3]),
        "u8": st.integers(-1, 256),
    },
)


def _ignore(text: str) -> None:
    """Warnings are not what this is about."""


class MachineLife(RuleBasedStateMachine):
    """A machine, the things users do to it, and what must hold after each."""

    def __init__(self) -> None:
        super().__init__()
        self.world: World | None = None
        self.seen: list[weakref.ref[Object]] = []

    @initialize(series=st.sampled_from(SERIES))
    def start(self, series: str) -> None:
        self.world = World(series)
        self.world.__enter__()
        self.world.warn = _ignore
        devices.register()
        machine_start("pc")

    def teardown(self) -> None:
        if self.world is None:
            return
        try:
            shut_down()
            assert self.world.boot_order == []
            gc.collect()
            live = [ref() for ref in self.seen]
            assert [each for each in live if each is not None and each.ref > 0] == []
            del live
            gc.collect()
            assert [ref for ref in self.seen if ref() is not None] == []
        finally:
            self.world.__exit__(None, None, None)

    # --- what users do ----------------------------------------------------------------------------

    @rule(driver=DRIVERS, bus=BUSES, name=st.none() | IDS, properties=PROPERTIES)
    def add_device(
        self, driver: str, bus: str | None, name: str | None, properties: dict[str, Any]
    ) -> None:
        options: dict[str, Any] = {"driver": driver, **properties}
        options |= {"bus": bus} if bus is not None else {}
        options |= {"id": name} if name is not None else {}
        with suppress(Error):
            self.seen.append(weakref.ref(device_add(options, monitor=False)))

    @rule(name=IDS)
    def ask_for_unplug(self, name: str) -> None:
        with suppress(Error):
            device_del(name)

    @rule(name=IDS)
    def let_go(self, name: str) -> None:
        with suppress(Error):
            device_eject(name)

    @rule(name=IDS, path=st.sampled_from(["", "/x", "nowhere"]))
    def add_object(self, name: str, path: str) -> None:
        with suppress(Error):
            made = object_add({"qom-type": "backend", "id": name, "path": path})
            self.seen.append(weakref.ref(made))

    @rule(name=IDS)
    def delete_object(self, name: str) -> None:
        with suppress(Error):
            object_del(name)

    @rule(
        name=IDS,
        setting=st.sampled_from(
            [
                ("bootindex", 2),
                ("bootindex", -1),
                ("realized", False),
                ("realized", True),
                ("u8", 1),
                ("backend", "a"),
                ("speed", 1),
                ("hotplugged", True),
            ]
        ),
    )
    def set_property(self, name: str, setting: tuple[str, bool | int | str]) -> None:
        with suppress(Error):
            qom_set(f"/machine/peripheral/{name}", *setting)

    @rule()
    def reset(self) -> None:
        bus_cold_reset(sysbus_get_default())

    @rule()
    def run(self) -> None:
        machine_ready()

    # --- what must hold ---------------------------------------------------------------------------

    @invariant()
    def the_tree_is_whole(self) -> None:
        for obj in object_child_foreach_recursive(object_get_root()):
            assert obj.parent is not None
            assert obj in list(object_child_foreach(obj.parent))
            path = object_get_canonical_path(obj)
            assert path is not None
            assert object_resolve_path(path) == (obj, False)

    @invariant()
    def devices_and_buses_agree(self) -> None:
        for obj in object_child_foreach_recursive(object_get_root()):
            if isinstance(obj, DeviceState):
                on = (
                    [] if obj.parent_bus is None else [kid.child for kid in obj.parent_bus.children]
                )
                assert on.count(obj) == (obj.parent_bus is not None)
                if obj.parent_bus is not None:
                    assert obj.realized or obj.id is not None
                if isinstance(obj, PCIDevice) and obj.realized:
                    assert pci_get_bus(obj).devices[obj.devfn] is obj
                assert obj.reset.count == 0
            if isinstance(obj, BusState):
                assert all(kid.child.parent_bus is obj for kid in obj.children)
                assert all(kid.child.parent is not None for kid in obj.children)

    @invariant()
    def references_are_accounted_for(self) -> None:
        everything = list(object_child_foreach_recursive(object_get_root()))
        for obj in everything:
            expected = 1
            if isinstance(obj, DeviceState) and obj.parent_bus is not None:
                expected += 1
            if isinstance(obj, BusState):
                expected += len(obj.children) + (obj is sysbus_get_default())
            if isinstance(obj, Backend):
                expected += sum(
                    isinstance(each, Kinds) and each.backend is obj for each in everything
                )
            assert obj.ref == expected, obj

    @invariant()
    def boot_indices_are_unique_and_of_the_living(self) -> None:
        if self.world is None:
            return
        order = [entry.bootindex for entry in self.world.boot_order]
        assert order == sorted(set(order))
        assert all(entry.dev.ref > 0 for entry in self.world.boot_order)


TestMachineLife = MachineLife.TestCase
TestMachineLife.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
