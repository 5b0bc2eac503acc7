# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: ARG001 - fixtures work by being named; hooks and casts are as in QEMU
"""Machines: what they are made of and what older versions of them set."""

from __future__ import annotations

import pytest

from pyqom import (
    Abort,
    Error,
    World,
    device_add,
    machine_names,
    machine_ready,
    machine_start,
    object_property_get_qobject,
    object_resolve_path,
    qom_get,
    sysbus_get_default,
)
from pyqom.device import machine_get_container, qdev_get_machine
from pyqom.machine import compat_props
from tests.unit.pyqom import devices
from tests.unit.pyqom.says import refused


@pytest.mark.parametrize(
    ("name", "bus", "type_", "first"),
    [("q35", "/machine/q35/pcie.0", "PCIE", 8), ("pc", "/machine/i440fx/pci.0", "PCI", 16)],
)
def test_a_machine_has_a_pci_bus_where_qemu_has_it(
    name: str, bus: str, type_: str, first: int, any_world: World
) -> None:
    devices.register()
    machine_start(name)
    assert qom_get(bus, "type") == type_
    assert qom_get(bus, "realized") is True
    dev = device_add({"driver": "edu"}, monitor=False)
    assert object_property_get_qobject(dev, "addr") == first
    assert object_property_get_qobject(dev, "parent_bus") == bus
    assert qom_get("/machine/unattached/sysbus", "type") == "System"
    host = "q35" if name == "q35" else "i440fx"
    assert str(qom_get(host, "type")).endswith("-pcihost")
    assert object_resolve_path("/machine/unattached/sysbus")[0] is sysbus_get_default()


def test_phases(any_world: World) -> None:
    seen = [any_world.phase]
    machine_start("none")
    seen.append(any_world.phase)
    machine_ready()
    seen.append(any_world.phase)
    assert [phase.name for phase in seen] == [
        "NO_MACHINE",
        "MACHINE_INITIALIZED",
        "MACHINE_READY",
    ]


def test_before_there_is_a_machine(any_world: World) -> None:
    with refused("there is no machine yet", Abort):
        qdev_get_machine()
    machine_start("none")
    assert machine_get_container("peripheral").klass.name == "container"
    with refused("the machine has no container 'nosuch'", Abort):
        machine_get_container("nosuch")


def test_a_machine_that_is_not_there(any_world: World) -> None:
    with pytest.raises(Error) as caught:
        machine_start("pc-q35-99.0")
    name = "" if any_world.series == "7.2" else ': "pc-q35-99.0"'
    assert str(caught.value) == f"unsupported machine type{name}"
    assert caught.value.hint == "Use -machine help to list supported machines\n"


@pytest.mark.parametrize(("series", "newest"), [("7.2", "7.2"), ("10.0", "10.0"), ("10.2", "10.2")])
def test_a_qemu_has_machines_up_to_its_own_version(series: str, newest: str) -> None:
    with World(series):
        names = machine_names()
        assert {f"pc-q35-{newest}", f"pc-i440fx-{newest}", "pc-q35-7.0", "none"} <= set(names)
        assert ("pc-q35-10.2" in names) == (series == "10.2")


@pytest.mark.parametrize(
    ("version", "series", "expected"),
    [
        ("7.2", "7.2", []),
        ("10.0", "10.0", []),
        ("9.2", "10.0", ["x-migration-multifd-transfer"]),
        ("9.0", "10.0", ["x-migration-multifd-transfer", "x-pcie-ext-tag", "skip-vsc-check"]),
        (
            "7.2",
            "10.0",
            [
                "x-migration-multifd-transfer",
                "x-pcie-ext-tag",
                "skip-vsc-check",
                "x-ramfb-migrate",
                "x-pcie-ari-nextfn-1",
                "x-pcie-err-unc-mask",
            ],
        ),
        ("10.2", "10.2", ["use-legacy-x86-rom"]),
        (
            "10.0",
            "10.2",
            ["use-legacy-x86-rom", "x-migration-load-config-after-iter", "use-legacy-x86-rom"],
        ),
    ],
)
def test_compat_properties(version: str, series: str, expected: list[str]) -> None:
    assert [prop.property for prop in compat_props(version, series)] == expected


def test_an_older_machine_changes_defaults_but_not_a_users_global(world: World) -> None:
    devices.register()
    machine_start("pc-q35-8.0")
    dev = device_add({"driver": "edu"}, monitor=False)
    assert object_property_get_qobject(dev, "x-pcie-ari-nextfn-1") is True
    assert object_property_get_qobject(dev, "x-pcie-ext-tag") is False
    assert object_property_get_qobject(dev, "x-pcie-err-unc-mask") is True
    dev = device_add({"driver": "edu", "x-pcie-ext-tag": True}, monitor=False)
    assert object_property_get_qobject(dev, "x-pcie-ext-tag") is True
