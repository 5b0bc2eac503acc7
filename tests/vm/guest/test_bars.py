# SPDX-License-Identifier: GPL-2.0-or-later
"""Registers: through the device's descriptor, and mapped."""

from __future__ import annotations

import struct

import pytest

from pyvfio import Device, errors
from tests.vm.guest import e1000e
from tests.vm.guest import edu as e
from tests.vm.guest import nvme as n
from tests.vm.guest.e1000e import E1000e
from tests.vm.guest.edu import Edu


def test_mapped_and_read_are_the_same(any_edu: Edu) -> None:
    assert any_edu.registers.read32(e.REG_ID) == e.ID
    assert any_edu.device.bar(0).read32(e.REG_ID) == e.ID
    assert any_edu.registers.u32[0] == e.ID


def test_mapped_and_written_are_the_same(any_edu: Edu) -> None:
    bar = any_edu.device.bar(0)
    bar.write32(e.REG_LIVENESS, 0x12345678)
    assert any_edu.registers.read32(e.REG_LIVENESS) == 0xEDCBA987
    any_edu.registers.write32(e.REG_LIVENESS, 0xFFFF0000)
    assert bar.read32(e.REG_LIVENESS) == 0x0000FFFF
    any_edu.registers.u32[e.REG_LIVENESS // 4] = 0
    assert bar.read32(e.REG_LIVENESS) == 0xFFFFFFFF


def test_edu_computes(any_edu: Edu) -> None:
    assert any_edu.factorial(6) == 720


def test_accesses_have_their_width(any_edu: Edu) -> None:
    """Edu knows 32 bits, and 64 where DMA is; where it knows no 64 it answers ones, else zeros."""
    bar, mapped = any_edu.device.bar(0), any_edu.registers
    for region in (bar, mapped):
        assert region.read8(e.REG_ID) == 0
        assert region.read16(e.REG_ID) == 0
        assert region.read64(e.REG_ID) == 0xFFFFFFFFFFFFFFFF
        region.write64(e.REG_DMA_SOURCE, 0x1122334455667788)
        assert region.read64(e.REG_DMA_SOURCE) == 0x1122334455667788


def test_offsets_are_checked(any_edu: Edu) -> None:
    for region in (any_edu.device.bar(0), any_edu.registers):
        for offset in (2, -4, region_size := 1 << 20, region_size - 2):
            with pytest.raises(ValueError, match=r"4 bytes at "):
                region.read32(offset)


def test_nvme_tells_its_version(nvme: Device) -> None:
    with nvme.bar(0).map() as registers:
        assert registers.read32(n.REG_VERSION) == nvme.bar(0).read32(n.REG_VERSION)
        assert registers.read32(n.REG_VERSION) >> 16 == 1
        assert registers.read64(n.REG_CAPABILITIES) == nvme.bar(0).read64(n.REG_CAPABILITIES)


def test_the_msix_table_is_mapped_too(nvme: Device) -> None:
    """The kernel lets it be seen; what it holds is of no use to a user."""
    capability = nvme.config.find(0x11)
    assert capability is not None
    table = nvme.config.read32(capability.offset + 4)
    bar = nvme.bar(table & 7)
    assert bar.info.msix_mappable
    with bar.map() as registers:
        (area,) = registers.areas
        assert (area.offset, area.size) == (0, bar.size)
        masked = registers.read32((table & ~7) + 12)
        assert masked & 1


def test_e1000e_has_io_ports(nic: E1000e) -> None:
    """Its third BAR: a register's address is written to the first port, its value is at the second."""
    ports = nic.device.bar(2)
    ports.write32(0, e1000e.REG_STATUS)
    assert ports.read32(4) == nic.registers.read32(e1000e.REG_STATUS)
    with pytest.raises(errors.VfioError, match="mmap"):
        ports.map()


def test_e1000e_has_its_address(nic: E1000e) -> None:
    assert nic.address()[:3] == struct.pack("3B", 0x52, 0x54, 0x00)
