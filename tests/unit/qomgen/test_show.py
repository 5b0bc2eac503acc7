# SPDX-License-Identifier: GPL-2.0-or-later
"""What `list`, `show` and `profiles` tell people."""

from __future__ import annotations

import pytest

from qomgen import pipeline, show
from qomgen.diagnostics import Diagnostics
from qomgen.profile import profiles
from qomgen.series import Series

from .conftest import CHECKOUT

SEVEN, TEN, TEN_TWO = Series(7, 2), Series(10, 0), Series(10, 2)


@pytest.fixture(scope="module")
def catalogs() -> show.Catalogs:
    found = Diagnostics()
    made = pipeline.catalogs(pipeline.load([CHECKOUT / "device_specs"], found), found)
    found.raise_if_any()
    return made


def test_tables_are_aligned() -> None:
    assert show.table([["a", "bb", "c"], ["aaa", "b", "long one"], ["", "", ""]]) == (
        "a    bb  c\naaa  b   long one\n\n"
    )
    assert show.table([]) == ""


def test_listing_leaves_out_what_qemu_has(catalogs: show.Catalogs) -> None:
    names = [line.split()[0] for line in show.listing(catalogs).splitlines()]
    assert names[0] == "TYPE"
    assert names[1:] == sorted(names[1:])
    assert {"vfio-pci", "vfio-pci-nohotplug", "iommufd"} <= set(names)
    assert not {"device", "pci-device", "object"} & set(names)


def test_a_type_shows_what_it_inherits(catalogs: show.Catalogs) -> None:
    lines = show.type_(catalogs[TEN], "vfio-pci-nohotplug").splitlines()
    facts = {line[:10].strip(): line[12:] for line in lines[:8]}
    assert facts["type"] == "vfio-pci-nohotplug"
    assert facts["QEMU"] == "10.0"
    assert facts["chain"] == "vfio-pci-nohotplug < vfio-pci < pci-device < device < object"
    assert facts["abstract"] == "no"
    (row,) = (line.split(maxsplit=5) for line in lines if line.startswith("host "))
    assert row[:5] == ["host", "pci-host-devaddr", "-", "1.3", "vfio-pci"]
    (row,) = (line.split(maxsplit=6) for line in lines if line.startswith("fd "))
    assert row[:6] == ["fd", "class", "str", "-", "9.0", "vfio-pci"]
    (row,) = (line.split() for line in lines if line.startswith("ramfb "))
    assert row[:5] == ["ramfb", "bool", "false", "3.1", "vfio-pci-nohotplug"]


def changes(catalogs: show.Catalogs, name: str, old: Series, new: Series) -> set[str]:
    return set(show.difference(catalogs, name, old, new).splitlines()[2:])


def test_differences(catalogs: show.Catalogs) -> None:
    found = changes(catalogs, "vfio-pci", SEVEN, TEN)
    assert "+class property fd: str" in found
    assert any(
        line.startswith("+property vf-token: uuid-nodefault, field vf_token") for line in found
    )
    assert not any(line.startswith(("-parent", "+parent", " ", "@@")) for line in found)
    found = changes(catalogs, "vfio-pci", TEN, TEN_TWO)
    assert {"-parent: pci-device", "+parent: vfio-pci-device"} <= found
    assert "-class_init: PCIDeviceClass.realize = vfio_realize" in found


def test_a_type_that_came_and_one_that_stayed(catalogs: show.Catalogs) -> None:
    found = changes(catalogs, "vfio-pci-device", TEN, TEN_TWO)
    assert found
    assert all(line.startswith("+") for line in found)
    same = show.difference(catalogs, "vfio-pci-igd-lpc-bridge", SEVEN, SEVEN)
    assert same == "vfio-pci-igd-lpc-bridge is the same in QEMU 7.2 and 7.2\n"


def test_a_profile_shows_every_fact_with_its_reason() -> None:
    lines = show.profile(profiles()[TEN_TWO]).splitlines()
    assert lines[0] == "QEMU 10.2"
    assert lines[1].split(maxsplit=2)[:2] == ["const_class_data", "yes"]
    assert all(len(line.split(maxsplit=2)) == 3 for line in lines[1:])
