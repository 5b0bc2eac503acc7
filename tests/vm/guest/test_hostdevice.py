# SPDX-License-Identifier: GPL-2.0-or-later
"""What `qomgen new --from-device` reads in /sys is what the device tells through VFIO."""

from __future__ import annotations

import sys
from collections.abc import Generator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[3] / "generator"))

from pyvfio import Device
from qomgen.scaffold import hostdevice
from tests.vm.guest import devices
from tests.vm.guest.forked import become_user, forked


def test_ids_bars_capabilities_and_vectors(device: Device) -> None:
    found = hostdevice.read(device.name)
    assert (found.vendor, found.device) == (device.config.vendor_id, device.config.device_id)
    assert found.class_code == device.config.read32(0x08) >> 8
    sizes = {number: device.region_info(number).size for number in range(6)}
    assert {bar.number: bar.size for bar in found.bars} == {n: s for n, s in sizes.items() if s}
    plain = [each.id for each in device.config.capabilities() if not each.extended]
    assert [number for number, _ in found.capabilities or ()] == plain
    assert (found.msix_vectors or 0) == device.irq_info(2).count


def test_there_are_devices_with_msix_and_without() -> None:
    sizes = [hostdevice.read(devices.address(name)).msix_vectors for name in devices.TESTED]
    assert None in sizes
    assert len(set(sizes)) > 2


@pytest.mark.parametrize("name", devices.TESTED)
def test_who_is_not_root_learns_all_but_capabilities(name: str) -> None:
    whole = hostdevice.read(devices.address(name))

    def reading() -> Generator[hostdevice.HostDevice]:
        become_user()
        yield hostdevice.read(devices.address(name))

    with forked(reading) as child:
        found = child.value()
    assert (found.vendor, found.device, found.bars) == (whole.vendor, whole.device, whole.bars)
    assert found.capabilities in (None, ())
    assert bool(found.capabilities is None) == bool(whole.capabilities)
