# SPDX-License-Identifier: GPL-2.0-or-later
"""The measured layouts against the Python structs: every twin has its place, in C's order and width.

What was measured is confirmed by the compiler in QEMU's trees (tests/qemu/test_facts.py).
"""

from __future__ import annotations

import dataclasses
import json
from itertools import pairwise
from pathlib import Path

import pytest

from pyqom import PCIDevice
from qomgen import layout
from qomgen.series import Series
from qomgen_devices import _struct_layouts, vfio_pci

from .conftest import CHECKOUT

SPECS = CHECKOUT / "device_specs"
SERIES = ("7.2", "10.0", "10.2")


def places(series: str) -> dict[str, tuple[int, int]]:
    rows = {name: each.at(series) for name, each in _struct_layouts.FIELDS["VFIOPCIDevice"].items()}
    return {name: place for name, place in rows.items() if place is not None}


def twins() -> list[str]:
    inherited = {field.name for field in dataclasses.fields(PCIDevice)}
    return [
        field.name
        for field in dataclasses.fields(vfio_pci.VFIOPCIDevice)
        if field.name not in inherited
    ]


def test_every_twin_has_a_place() -> None:
    known = {name for series in SERIES for name in places(series)}
    assert set(twins()) <= known


@pytest.mark.parametrize("series", SERIES)
def test_fields_stand_in_cs_order_and_do_not_overlap(series: str) -> None:
    rows = places(series)
    ordered = [rows[name] for name in twins() if name in rows]
    for (offset, size), (following, _) in pairwise(ordered):
        assert offset + size <= following
    whole = _struct_layouts.SIZES["VFIOPCIDevice"].at(series)
    assert whole is not None
    assert sum(ordered[-1]) <= whole


@pytest.mark.parametrize("series", SERIES)
def test_a_path_lies_within_the_struct_that_it_runs_through(series: str) -> None:
    rows = places(series)
    for name, (offset, size) in rows.items():
        outer, _, inner = name.rpartition(".")
        if inner and outer:
            assert rows[outer][0] <= offset
            assert offset + size <= sum(rows[outer])


@pytest.mark.parametrize("series", SERIES)
def test_widths_are_those_of_the_c_types(series: str) -> None:
    widths = {"uint8_t": 1, "uint32_t": 4, "int32_t": 4}
    source = (CHECKOUT / "generated/python/qomgen_devices/vfio_pci.py").read_text("utf-8")
    struct = source[source.index("class VFIOPCIDevice") : source.index("vfio_pci_migration")]
    rows = places(series)
    checked = 0
    for line in struct.splitlines():
        name, _, rest = line.strip().partition(": ")
        ctype = "bool" if rest.startswith("bool") else rest.partition("# ")[2]
        if name in rows and ctype in (widths | {"bool": 1}):
            assert rows[name][1] == (widths | {"bool": 1})[ctype], name
            checked += 1
    assert checked > 15


def test_a_table_written_and_read_is_the_same(tmp_path: Path) -> None:
    known = layout.read([SPECS], Series(10, 0))
    file = layout.path(tmp_path, Series(10, 0))
    file.parent.mkdir()
    file.write_text(layout.write(known, "nowhere"), encoding="utf-8")
    assert layout.read([tmp_path], Series(10, 0)) == known


@pytest.mark.parametrize("text", ["[]", "{", '{"structs": {"A": {"size": "x", "fields": {}}}}'])
def test_a_broken_table_is_named(tmp_path: Path, text: str) -> None:
    file = layout.path(tmp_path, Series(10, 0))
    file.parent.mkdir()
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"qemu-10\.0\.json is no table of layouts"):
        layout.read([tmp_path], Series(10, 0))


def test_tables_carry_a_license() -> None:
    for file in (SPECS / "layouts").iterdir():
        assert json.loads(file.read_text("utf-8"))["license"] == "GPL-2.0-only"
