# SPDX-License-Identifier: GPL-2.0-or-later
"""The C that a new device starts with; what a real QEMU makes of it is in tests/qemu/test_new_device.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from qomgen import pipeline
from qomgen.catalog import Catalog
from qomgen.diagnostics import Diagnostics
from qomgen.scaffold import cfiles, samples

from .conftest import CHECKOUT

TEMPLATES = CHECKOUT / "templates"
BASE = CHECKOUT / "device_specs"
MY_ACCEL = CHECKOUT / "tests" / "data" / "specs" / "my-accel.yaml"

PLAIN = """\
type: clock
doc: Tells the time.
license: GPL-2.0-or-later
parent: pci-device
source: hw/misc/clock.c
targets: [c]
includes: [qemu/osdep.h, hw/pci/msi.h, hw/qdev-properties.h, qemu/module.h]
build: {set: system, when: CONFIG_CLOCK_PCI, kconfig: CLOCK_PCI, depends: [PCI]}
interfaces: [conventional-pci-device]
instance_struct:
  name: Clock
  fields:
    parent_obj: PCIDevice
    mmio: MemoryRegion
    scratch: uint32_t
    hours: uint8_t
properties:
  hours: {kind: uint8, field: hours, default: 24}
class_init:
  - DeviceClass: {desc: Tells the time, categories: [misc], reset: clock_reset}
  - PCIDeviceClass:
      {realize: clock_realize, exit: clock_exit, vendor_id: 0x1234, device_id: 0x5678, class_id: 0x0880}
"""


@pytest.fixture
def catalogs(tmp_path: Path) -> Callable[[str], list[Catalog]]:
    """A function that reads one spec, beside qomgen's own."""

    def read(text: str) -> list[Catalog]:
        (tmp_path / "spec.yaml").write_text(text, encoding="utf-8")
        found = Diagnostics()
        specs = pipeline.load([tmp_path], found, base=[BASE])
        made = pipeline.catalogs(specs, found)
        found.raise_if_any()
        return list(made.values())

    return read


def test_one_text_for_all_series(catalogs: Callable[[str], list[Catalog]]) -> None:
    for spec, name in ((PLAIN, "clock"), (_my_accel(), "my-accel")):
        for make in (cfiles.behaviour, cfiles.qtest):
            texts = {make(catalog, name, TEMPLATES, (0x1234, 0x5678)) for catalog in catalogs(spec)}
            assert len(texts) == 1


def _my_accel() -> str:
    # Its hooks in Python are of no interest here.
    text = MY_ACCEL.read_text(encoding="utf-8")
    return text.replace("python: {hooks: my_accel}", "targets: [c]")


def test_a_passed_through_device_looks_at_its_id(
    catalogs: Callable[[str], list[Catalog]],
) -> None:
    catalog = catalogs(_my_accel())[0]
    with_id = cfiles.behaviour(catalog, "my-accel", TEMPLATES, (0x1AF4, 0x10E0))
    assert "#define MY_ACCEL_VENDOR_ID 0x1AF4\n#define MY_ACCEL_DEVICE_ID 0x10E0\n" in with_id
    without = cfiles.behaviour(catalog, "my-accel", TEMPLATES)
    assert "VENDOR_ID" not in without
    for text in (with_id, without):
        assert "my_accel_parent_realize(pdev, errp);" in text
        assert "my_accel_parent_reset(dev);" in text
        assert '#include "pci.h"\n#include "my-accel.h.inc"\n' in text
        assert text.endswith('\n#include "my-accel.c.inc"\n')


def test_an_emulated_device_has_the_id_of_its_class(
    catalogs: Callable[[str], list[Catalog]],
) -> None:
    text = cfiles.qtest(catalogs(PLAIN)[0], "clock", TEMPLATES)
    assert "qpci_io_readl(dev, bar, 0x00), ==, 0x56781234);" in text
    assert '{ "hours", "24", "255", "255", "256",' in text


def test_what_there_is_no_behaviour_for(catalogs: Callable[[str], list[Catalog]]) -> None:
    catalog, *_ = catalogs(PLAIN.replace(", reset: clock_reset", ""))
    with pytest.raises(cfiles.NoScaffold, match="no hook for realize or for reset"):
        cfiles.behaviour(catalog, "clock", TEMPLATES)
    *_, catalog = catalogs(PLAIN)
    with pytest.raises(cfiles.NoScaffold, match="'iommufd' is no PCI device"):
        cfiles.behaviour(catalog, "iommufd", TEMPLATES)


@pytest.mark.parametrize("kind", samples.KINDS)
def test_of_two_good_values_one_is_not_the_default(kind: str) -> None:
    known = samples.KINDS[kind]
    reads = {each.read for each in known.good} - {known.unset}
    assert reads
    # Kinds that take a default can have any of the good values for it.
    assert len(reads) > 1 or known.unset is not None or kind == "uuid"


def test_the_variable_that_names_a_device_of_the_host() -> None:
    assert cfiles.host_variable("edu-passthru") == "EDU_PASSTHRU_HOST"
