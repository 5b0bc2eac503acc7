# SPDX-License-Identifier: GPL-2.0-or-later

"""The generated types tell of themselves what real QEMU binaries tell of theirs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import qomgen_devices
from pyqom import (
    World,
    device_help,
    device_list_properties,
    devices_help,
    qom_list_properties,
    qom_list_types,
)

CAPTURES = Path(__file__).parents[2] / "data" / "captures"
BINARIES = {"7.2": "qemu72", "10.0": "qemu100_x86_64"}
TYPES = ["vfio-pci", "vfio-pci-nohotplug"]

assert qomgen_devices.vfio_pci is not None  # registers the types


def by_name(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(records, key=lambda record: str(record["name"]))


@pytest.mark.parametrize("typename", TYPES)
@pytest.mark.parametrize("series", list(BINARIES))
@pytest.mark.parametrize("command", ["device-list-properties", "qom-list-properties"])
def test_properties(command: str, series: str, typename: str) -> None:
    """Oracle: QMP of QEMU 7.2.22 and 10.0.13."""
    text = (CAPTURES / f"{BINARIES[series]}_{command}.json").read_text()
    expected = json.loads(text)[typename]["return"]
    function = (
        device_list_properties if command == "device-list-properties" else qom_list_properties
    )
    with World(series):
        assert by_name(function(typename)) == by_name(expected)


@pytest.mark.parametrize("typename", TYPES)
@pytest.mark.parametrize("series", list(BINARIES))
def test_help(series: str, typename: str) -> None:
    """Oracle: what `-device T,help` of the same binaries printed, byte for byte."""
    text = (CAPTURES / f"{BINARIES[series]}_device_{typename}_help.txt").read_text()
    with World(series):
        assert "# rc=0\n" + device_help(typename) == text


@pytest.mark.parametrize("series", ["7.2", "10.0", "10.2"])
def test_category_bus_and_description(series: str) -> None:
    with World(series):
        lines = devices_help().split("Misc devices:\n")[1].split("\n\n")[0].splitlines()
    for typename in TYPES:
        assert f'name "{typename}", bus PCI, desc "VFIO-based PCI device assignment"' in lines


def test_parents_by_series() -> None:
    found = {}
    for series in ("7.2", "10.0", "10.2"):
        with World(series):
            found[series] = {
                record["name"]: record.get("parent") for record in qom_list_types("vfio-pci")
            }
    old = {"vfio-pci": "pci-device", "vfio-pci-nohotplug": "vfio-pci"}
    assert found == {"7.2": old, "10.0": old, "10.2": old | {"vfio-pci": "vfio-pci-device"}}


def test_what_10_2_has_of_its_own() -> None:
    """From the tree of 10.2.2, of which there is no capture."""
    with World("10.2"):
        records = {record["name"]: record for record in device_list_properties("vfio-pci")}
        base = {record["name"] for record in qom_list_properties("vfio-pci-device")}
    assert records["x-igd-opregion"]["default-value"] is True
    assert records["x-migration-max-queued-buffers-size"]["default-value"] == (1 << 64) - 1
    assert records["x-pci-class-code"]["default-value"] == 0xFFFFFFFF
    assert records["enable-migration"]["description"].startswith("Enable device migration.")
    assert "host" not in base
    assert "sriov-pf" in base
