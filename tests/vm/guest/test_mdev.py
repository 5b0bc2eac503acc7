# SPDX-License-Identifier: GPL-2.0-or-later
"""Mediated devices: made by the kernel, and had like others, though no IOMMU is theirs."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyvfio import IovaRange, PciAddress, errors
from tests.vm.guest import mdev
from tests.vm.guest.backends import Opener

EVERYTHING = (1 << 64) - 1
PAGE = 4096


def test_it_is_found_by_its_folder(mtty: str, open_device: Opener) -> None:
    with open_device(mtty) as device:
        assert device.name == Path(mtty).name
        assert device.config.vendor_id == mdev.VENDOR
        assert device.bar(0).size == 8
        assert not device.bar(0).info.mappable


def test_it_has_no_bounds(mtty: str, open_device: Opener) -> None:
    """What it reads and writes of memory the kernel reads and writes for it."""
    with open_device(mtty) as device:
        assert device.iommu.iova_ranges() == (IovaRange(0, EVERYTHING),)
        with device.dma.allocate(PAGE, iova=1 << 50) as memory:
            assert memory.iova == 1 << 50


def test_ports_loop_back(mtty: str, open_device: Opener) -> None:
    """A port that is told to (bit 4 of register 4) receives what it sends, as a 16550 does."""
    with open_device(mtty) as device:
        for number in range(2):
            port = device.bar(number)
            port.write8(4, 0x10)
            port.write8(0, ord("q"))
            assert port.read8(5) & 1, "something was received"
            assert port.read8(0) == ord("q")


def test_a_single_port_has_no_second_one(open_device: Opener) -> None:
    with mdev.created(ports=1) as folder, open_device(folder) as device:
        assert [device.bar(number).size for number in (0, 1)] == [8, 0]


def test_two_are_two(mtty: str, other_mtty: str, open_device: Opener) -> None:
    with open_device(mtty) as one, open_device(other_mtty) as other:
        one.bar(0).write8(7, 0x5A)  # the scratch register
        other.bar(0).write8(7, 0xA5)
        assert (one.bar(0).read8(7), other.bar(0).read8(7)) == (0x5A, 0xA5)


def test_it_is_no_pci_function(mtty: str, open_device: Opener) -> None:
    with open_device(mtty) as device, pytest.raises(ValueError, match=device.name):
        PciAddress.parse(device.name)
    with open_device(mtty) as device, pytest.raises(errors.VfioError):
        device.hot_reset()
