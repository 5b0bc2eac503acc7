# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: ARG001 - fixtures work by being named; hooks and casts are as in QEMU
"""What types tell of themselves; the base of PCI against what real binaries answered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pyqom import (
    Error,
    World,
    device_help,
    device_list_properties,
    devices_help,
    machine_start,
    object_class_get_list,
    object_get_canonical_path,
    object_get_root,
    qom_get,
    qom_list,
    qom_list_get,
    qom_list_properties,
    qom_list_types,
)
from pyqom.introspect import object_property_help
from pyqom.tree import object_child_foreach_recursive
from tests.unit.pyqom import devices
from tests.unit.pyqom.says import refused

CAPTURES = Path(__file__).parents[2] / "data" / "captures"
BINARIES = {"7.2": "qemu72", "10.0": "qemu100_x86_64"}


def captured(series: str, command: str) -> dict[str, Any]:
    text = (CAPTURES / f"{BINARIES[series]}_{command}.json").read_text()
    answers: dict[str, Any] = json.loads(text)
    return answers


def by_name(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(records, key=lambda record: str(record["name"]))


@pytest.mark.parametrize("series", list(BINARIES))
@pytest.mark.parametrize("typename", ["device", "pci-device"])
def test_the_base_has_the_binarys_properties(series: str, typename: str) -> None:
    """Oracle: qom-list-properties of QEMU 7.2.22 and 10.0.13 (tests/data/captures)."""
    with World(series):
        expected = captured(series, "qom-list-properties")[typename]["return"]
        assert by_name(qom_list_properties(typename)) == by_name(expected)


@pytest.mark.parametrize("series", list(BINARIES))
def test_a_plain_pci_device_has_the_binarys_properties(series: str) -> None:
    """Oracle: what the binaries said of edu, whose only own property is dma_mask."""
    with World(series):
        devices.register()
        for command, function in (
            ("qom-list-properties", qom_list_properties),
            ("device-list-properties", device_list_properties),
        ):
            expected = captured(series, command)["edu"]["return"]
            assert by_name(function("edu")) == by_name(expected)


@pytest.mark.parametrize("series", list(BINARIES))
@pytest.mark.parametrize("typename", ["no-such-type", "device", "pci-device"])
def test_refusals_are_the_binarys(series: str, typename: str) -> None:
    expected = captured(series, "device-list-properties")[typename]["error"]
    with World(series):
        with pytest.raises(Error) as caught:
            device_list_properties(typename)
        assert {"class": caught.value.error_class, "desc": str(caught.value)} == expected


def test_more_refusals(any_world: World) -> None:
    with refused("Class 'nosuch' not found"):
        qom_list_properties("nosuch")
    with refused("Parameter 'typename' expects a QOM type"):
        qom_list_properties("user-creatable")
    with refused("Device '/nosuch' not found"):
        qom_list("/nosuch")
    with refused("Device 'nosuch' not found"):
        qom_get("nosuch", "type")


def test_types_are_listed_with_parent_and_abstractness(any_world: World) -> None:
    devices.register()
    assert qom_list_types("nic") == [
        {"name": "nic", "parent": "pci-device"},
        {"name": "nic-nohotplug", "parent": "nic"},
    ]
    everything = {record["name"]: record for record in qom_list_types(abstract=True)}
    assert everything["object"] == {"name": "object", "abstract": True}
    assert everything["pci-device"] == {
        "name": "pci-device",
        "parent": "device",
        "abstract": True,
    }
    assert everything["user-creatable"]["abstract"]
    # Other tests of this process may have brought types of a device package.
    assert {"name": "backend", "parent": "object"} in qom_list_types("user-creatable")


def test_asking_leaves_nothing_behind(any_world: World) -> None:
    """device-introspect-test.c: the tree is the same after every question."""
    devices.register()
    machine_start("q35")

    def tree() -> list[str]:
        return [each.klass.name for each in object_child_foreach_recursive(object_get_root())]

    before = (tree(), list(any_world.boot_order))
    for klass in object_class_get_list(None, include_abstract=True):
        if klass.type.name in ("PCI", "PCIE", "CXL", "ISA", "System", "tiny-bus"):
            continue
        try:
            qom_list_properties(klass.type.name)
            device_list_properties(klass.type.name)
            device_help(klass.type.name)
        except Error:
            continue
    devices_help()
    assert (tree(), list(any_world.boot_order)) == before


def test_values_of_several_objects_at_once() -> None:
    """qom-list-get came with 10.2."""
    with World("10.2"):
        machine_start("q35")
        answer = qom_list_get(["/machine/q35/pcie.0", "/objects"])
        records = {each["name"]: each for each in answer[0]["properties"]}
        assert records["realized"] == {"name": "realized", "type": "bool", "value": True}
        assert answer[1] == {
            "properties": [{"name": "type", "type": "string", "value": "container"}]
        }
        with refused("Device '/nosuch' not found"):
            qom_list_get(["/", "/nosuch"])


def test_every_object_of_a_machine_answers(any_world: World) -> None:
    """qom-test.c: each property of each object is listed and read; it may fail, not crash."""
    machine_start("pc")
    seen = 0
    for obj in object_child_foreach_recursive(object_get_root()):
        path = object_get_canonical_path(obj)
        assert path is not None
        for record in qom_list(path):
            try:
                qom_get(path, record["name"])
            except Error:
                continue
            seen += 1
    assert seen > 50


@pytest.mark.parametrize(
    ("record", "old", "new"),
    [
        ({"name": "x", "type": "str"}, "  x=<str>", None),
        ({"name": "x", "type": "str", "description": "A"}, "  x=<str>                - A", None),
        (
            {"name": "x", "type": "bool", "default-value": True},
            "  x=<bool>               -  (default: true)",
            "  x=<bool>               -  (default: on)",
        ),
        (
            {"name": "x", "type": "E", "description": "A", "default-value": "off"},
            '  x=<E>                  - A (default: "off")',
            "  x=<E>                  - A (default: off)",
        ),
        (
            {"name": "much-too-long-a-name", "type": "int", "default-value": -1},
            "  much-too-long-a-name=<int> -  (default: -1)",
            None,
        ),
        (
            {"name": "x", "type": "list", "default-value": []},
            "  x=<list>               -  (default: [])",
            None,
        ),
    ],
)
def test_lines_of_help(record: dict[str, Any], old: str, new: str | None) -> None:
    """object_property_help; since 10.0 words stand without quotes."""
    for series, expected in (("7.2", old), ("10.0", new or old)):
        with World(series):
            assert object_property_help(record) == expected


def test_help_for_devices(any_world: World) -> None:
    """qdev_print_devinfos: by category, only what users may add, sorted without case."""
    devices.register()
    sections = dict(
        section.split(" devices:\n") for section in devices_help().lstrip("\n").split("\n\n")
    )
    assert sections["Network"] == (
        'name "nic", bus PCI, desc "A network card"\n'
        'name "nic-nohotplug", bus PCI, desc "A network card"'
    )
    assert 'name "edu", bus PCI' in sections["Misc"].split("\n")
    assert sections["Uncategorized"].split("\n") == [
        'name "controller", bus PCI',
        'name "kinds", bus PCI, desc "Every kind of property"',
        'name "tiny", bus tiny-bus',
        "",
    ]
    assert "mch" not in devices_help()
    assert device_help("tiny").startswith("tiny options:\n  weight=<uint8>")
