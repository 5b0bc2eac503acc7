# SPDX-License-Identifier: GPL-2.0-or-later
"""The machine is what the other tests take it for."""

from __future__ import annotations

import mmap
from pathlib import Path

from tests.vm.guest import devices

PCI = Path("/sys/bus/pci/devices")


def test_edu_answers() -> None:
    with (PCI / devices.address("edu-on-root-bus") / "resource0").open("r+b") as file:
        registers = mmap.mmap(file.fileno(), 4096)
        assert memoryview(registers).cast("I")[0] == 0x010000ED


def test_both_ways_to_devices_are_there() -> None:
    names = ["/dev/vfio/vfio", "/dev/iommu", "/sys/module/iommufd", "/sys/class/mdev_bus/mtty"]
    assert [name for name in names if not Path(name).exists()] == []
    assert len(list(Path("/dev/vfio/devices").iterdir())) >= len(devices.NAMES)


def test_nobody_allows_what_is_unsafe() -> None:
    for module, parameter in (
        ("vfio", "enable_unsafe_noiommu_mode"),
        ("vfio_iommu_type1", "allow_unsafe_interrupts"),
        ("iommufd", "allow_unsafe_interrupts"),
        ("vfio_pci", "enable_sriov"),
    ):
        assert Path(f"/sys/module/{module}/parameters/{parameter}").read_text() == "N\n"
