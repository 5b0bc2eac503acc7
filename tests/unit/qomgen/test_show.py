# SPDX-License-Identifier: GPL-2.0-or-later
"""What `list`, `show` and `profiles` tell people."""

from __future__ import annotations

import dataclasses
from dataclasses import fields, is_dataclass

import pytest

from qomgen import pipeline, show
from qomgen.catalog import Catalog
from qomgen.diagnostics import Diagnostics, Span
from qomgen.profile import profiles
from qomgen.series import Series
from qomgen.source import Mapping

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
    assert "+fd.set: vfio_device_set_fd(field vbasedev, value, errp)" in found
    assert any(line.startswith("+class property fd: str, guard ") for line in found)
    assert any(
        line.startswith("+property vf-token: uuid-nodefault, field vf_token") for line in found
    )
    assert not any(line.startswith(("-parent", "+parent", " ", "@@")) for line in found)
    found = changes(catalogs, "vfio-pci", TEN, TEN_TWO)
    assert {"-parent: pci-device", "+parent: vfio-pci-device"} <= found
    assert "-class_init: PCIDeviceClass.realize = vfio_realize" in found
    assert {"-instance_init: vfio_instance_init", "+instance_init: vfio_pci_init"} <= found
    assert "+C info: vfio_pci_info" in found
    (igd,) = (line for line in found if line.startswith("+property x-igd-opregion:"))
    assert "default true" in igd


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


def stripped(value: object) -> object:
    """A model value without its places in the source."""
    if isinstance(value, Span | Mapping):
        return None
    if isinstance(value, tuple):
        return tuple(stripped(each) for each in value)
    if is_dataclass(value) and not isinstance(value, type):
        return (type(value), *(stripped(getattr(value, each.name)) for each in fields(value)))
    return value


def known(catalog: Catalog, name: str) -> object:
    """All that a catalog has of one type."""
    found = catalog.types.get(name)
    if found is None:
        return None
    structs = []
    if catalog.struct_owner(found) is found:
        structs.append(catalog.instance_struct(found))
    if catalog.class_owner(found) is found:
        structs.append(catalog.class_struct(found))
    own = [struct.fields for struct in structs if struct]
    # Where a type says nothing, the doc and the license are of no interest to whoever compares.
    return stripped(
        (dataclasses.replace(found, doc=None, license=None, written_places=frozenset()), tuple(own))
    )


@pytest.mark.parametrize(("old", "new"), [(SEVEN, TEN), (TEN, TEN_TWO), (SEVEN, TEN_TWO)])
def test_whatever_changed_is_told(catalogs: show.Catalogs, old: Series, new: Series) -> None:
    for name in {name for catalog in catalogs.values() for name in catalog.types}:
        is_same = known(catalogs[old], name) == known(catalogs[new], name)
        told = show.difference(catalogs, name, old, new)
        if not is_same:
            assert "is the same" not in told, name
