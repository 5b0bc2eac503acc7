# SPDX-License-Identifier: GPL-2.0-or-later
"""A wrong spec must turn the proof red: one wrong thing at a time in a copy of device_specs/.

Oracle: QEMU's own source and compiler flags (tests/qemu/tree.py).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from qomgen import pipeline
from tests.qemu import headers, objects, units
from tests.qemu.tree import Tree

pytestmark = pytest.mark.objects

_SPECS = Path(__file__).parents[2] / "device_specs"

# A node of a YAML document as ruamel.yaml's round trip has it: a mapping, a sequence or a scalar.
Node = Any
Edit = Callable[[Node], None]


def _at(document: Node, path: tuple[str | int, ...]) -> Node:
    for key in path:
        document = document[key]
    return document


def _put(*path: str | int, value: object) -> Edit:
    """Give another value to what is there."""

    def edit(document: Node) -> None:
        holder = _at(document, path[:-1])
        assert holder[path[-1]] != value, f"{path} is {value!r} already"
        holder[path[-1]] = value

    return edit


def _swap(*path: str | int, keys: tuple[str, str]) -> Edit:
    """Let two entries of a mapping change places."""

    def edit(document: Node) -> None:
        holder = _at(document, path)
        first, second = (list(holder).index(key) for key in keys)
        assert first < second
        later = holder.pop(keys[1])
        earlier = holder.pop(keys[0])
        holder.insert(first, keys[1], later)
        holder.insert(second, keys[0], earlier)

    return edit


def _exchange(*path: str | int, keys: tuple[str, str], member: str) -> Edit:
    """Exchange one member of two entries of a mapping."""

    def edit(document: Node) -> None:
        first, second = (_at(document, path)[key] for key in keys)
        first[member], second[member] = second[member], first[member]

    return edit


def _remove(*path: str | int) -> Edit:
    def edit(document: Node) -> None:
        del _at(document, path[:-1])[path[-1]]

    return edit


def _move(*path: str | int, source: int, target: int) -> Edit:
    """Move one item of a sequence."""

    def edit(document: Node) -> None:
        items = _at(document, path)
        items.insert(target, items.pop(source))

    return edit


# name -> (unit, series, spec, edit)
_DEFINITIONS: dict[str, tuple[str, str, str, Edit]] = {
    "default-of-an-integer": (
        "vfio-pci",
        "10.0",
        "vfio-pci.yaml",
        _put("properties", "x-intx-mmap-timeout-ms", "default", value=1101),
    ),
    "default-of-a-bool": (
        "vfio-pci",
        "10.0",
        "vfio-pci.yaml",
        _put("properties", "skip-vsc-check", "default", value=False),
    ),
    "default-of-an-enum": (
        "vfio-pci",
        "10.0",
        "vfio-pci.yaml",
        _put("properties", "display", "default", value="on"),
    ),
    "two-fields-swapped": (
        "vfio-pci",
        "10.0",
        "vfio-pci.yaml",
        _exchange("properties", keys=("x-no-kvm-msi", "x-no-kvm-msix"), member="field"),
    ),
    "two-bits-swapped": (
        "vfio-pci",
        "10.0",
        "vfio-pci.yaml",
        _exchange("properties", keys=("x-vga", "x-req"), member="bit"),
    ),
    "order-of-properties": (
        "vfio-pci",
        "10.0",
        "vfio-pci.yaml",
        _swap("properties", keys=("xres", "yres")),
    ),
    "property-removed": (
        "vfio-pci",
        "10.0",
        "vfio-pci.yaml",
        _remove("properties", "x-no-mmap"),
    ),
    "property-of-another-series": (
        "vfio-pci",
        "7.2",
        "vfio-pci.yaml",
        _put("properties", "x-no-mmap", "since", value="8.0"),
    ),
    "description": (
        "vfio-pci",
        "10.0",
        "vfio-pci.yaml",
        _put("properties", "sysfsdev", "description", value="Host sysfs path of the device"),
    ),
    "hotpluggable": (
        "vfio-pci",
        "10.0",
        "vfio-pci-nohotplug.yaml",
        _put("class_init", 1, "DeviceClass", "hotpluggable", value=True),
    ),
    "order-of-class-init": (
        "vfio-pci",
        "10.0",
        "vfio-pci.yaml",
        _move("class_init", source=0, target=1),
    ),
    "initial-value": (
        "vfio-pci",
        "10.0",
        "vfio-pci.yaml",
        _put("instance_init", "steps", 1, "set", "host.bus", value=0xFFFFFFFE),
    ),
    "argument-of-a-call": (
        "vfio-pci",
        "10.0",
        "vfio-pci.yaml",
        _put("instance_init", "steps", 2, "args", 4, value=True),
    ),
    "interface": (
        "vfio-pci",
        "10.0",
        "vfio-pci.yaml",
        _put("interfaces", "by-qemu", "7.2", value=["pci-express-device"]),
    ),
    "abstract": (
        "vfio-pci",
        "10.2",
        "vfio-pci-device.yaml",
        _put("abstract", value=False),
    ),
    "timeout": (
        "vfio-user-pci",
        "10.2",
        "vfio-user-pci.yaml",
        _put("properties", "x-msg-timeout", "default", value=5001),
    ),
    "ccw-default": (
        "vfio-ccw",
        "10.0",
        "vfio-ccw.yaml",
        _put("properties", "force-orb-pfch", "default", value=True),
    ),
    "ap-hotpluggable": (
        "vfio-ap",
        "10.0",
        "vfio-ap.yaml",
        _put("class_init", 2, "DeviceClass", "hotpluggable", value=False),
    ),
    "iommufd-not-owned": (
        "iommufd",
        "10.0",
        "iommufd.yaml",
        _put("instance_init", 0, "set", "owned", value=False),
    ),
    "host-iommu-device-concrete": (
        "host-iommu-device",
        "10.0",
        "host-iommu-device.yaml",
        _put("abstract", value=False),
    ),
    "igd-category": (
        "vfio-pci-igd-lpc-bridge",
        "10.0",
        "vfio-pci-igd-lpc-bridge.yaml",
        _put("class_init", 0, "DeviceClass", "categories", value=["misc"]),
    ),
    "name-of-another-type": (
        "vfio-iommu-iommufd",
        "10.0",
        "vfio-iommu-iommufd.yaml",
        _put(
            *("class_init", 0, "VFIOIOMMUClass", "hiod_typename", "by-qemu", "9.1", "type_name"),
            value="host-iommu-device-iommufd",
        ),
    ),
}

_DECLARATIONS: dict[str, tuple[str, str, str, Edit]] = {
    "two-fields-swapped": (
        "vfio-pci",
        "10.0",
        "structs/VFIOPCIDevice.yaml",
        _swap("fields", keys=("vendor_id", "device_id")),
    ),
    "flag": (
        "vfio-pci",
        "10.0",
        "structs/VFIOPCIDevice.yaml",
        _put("fields", "features", "flags", "VFIO_FEATURE_ENABLE_REQ", value=4),
    ),
    "ccw-fields-swapped": (
        "vfio-ccw",
        "7.2",
        "vfio-ccw.yaml",
        _swap("instance_struct", "fields", keys=("io_region_size", "io_region_offset")),
    ),
    "iommufd-fields-swapped": (
        "iommufd",
        "10.0",
        "iommufd.yaml",
        _swap("instance_struct", "fields", keys=("fd", "users")),
    ),
    "hooks-of-a-class-swapped": (
        "host-iommu-device",
        "10.0",
        "host-iommu-device.yaml",
        _swap("class_struct", "fields", keys=("get_iova_ranges", "get_page_size_mask")),
    ),
}


def _generated(folder: Path, series: str, spec: str, edit: Edit | None) -> dict[str, str]:
    """The C parts for *series*, made from a copy of all specs with *edit* done to one of them."""
    specs = folder / "device_specs"
    shutil.copytree(_SPECS, specs)
    if edit:
        yaml = YAML()
        yaml.width = 4096
        document = yaml.load(specs / spec)
        edit(document)
        yaml.dump(document, specs / spec)
    plan = pipeline.build([specs], versions=[series], targets={"c"})
    return {path.name: data.decode() for path, data in plan.files.items()}


@pytest.mark.parametrize("name", _DEFINITIONS)
def test_a_wrong_definition_makes_another_object(
    name: str, tmp_path: Path, series_or_reason: Callable[[str], Tree]
) -> None:
    unit, series, spec, edit = _DEFINITIONS[name]
    series_or_reason(series)
    where = units.definition(unit, series)
    assert where is not None
    parts = _generated(tmp_path, series, spec, edit)
    assert not objects.prove(where, series, parts).identical


@pytest.mark.parametrize("name", _DECLARATIONS)
def test_a_wrong_declaration_makes_other_objects(
    name: str, tmp_path: Path, series_or_reason: Callable[[str], Tree]
) -> None:
    unit, series, spec, edit = _DECLARATIONS[name]
    series_or_reason(series)
    where = units.declaration(unit, series)
    assert where is not None
    parts = _generated(tmp_path, series, spec, edit)
    assert not headers.prove(where, series, parts).identical


def test_every_unit_has_a_control() -> None:
    assert {unit for unit, *_ in _DEFINITIONS.values()} == set(units.units())


@pytest.mark.parametrize("series", units.ALL)
def test_a_copy_makes_what_is_committed(series: str, tmp_path: Path) -> None:
    """Else the controls might differ for another reason than the edit."""
    parts = _generated(tmp_path, series, "", None)
    assert parts == objects.generated(series, parts)


def test_words_do_not_matter(tmp_path: Path, series_or_reason: Callable[[str], Tree]) -> None:
    series_or_reason("10.0")
    where = units.definition("vfio-pci", "10.0")
    assert where is not None
    edit = _put("instance_init", "steps", 4, "doc", value="Other words.")
    parts = _generated(tmp_path, "10.0", "vfio-pci.yaml", edit)
    assert parts != objects.generated("10.0", parts)
    assert objects.prove(where, "10.0", parts).identical
