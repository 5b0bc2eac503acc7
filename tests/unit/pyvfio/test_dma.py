# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory for devices: where it is mapped, and whose it is."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Iterator

import pytest

import pyvfio
from pyvfio import Container, errors
from pyvfio.device import Device
from pyvfio.iova import IovaRange
from tests.unit.pyvfio.fake.kernel import FakeKernel
from tests.unit.pyvfio.fake.machine import Machine
from tests.unit.pyvfio.fake.machines import EDU, NIC, NIC_GROUP

BACKENDS = ("legacy", "iommufd")


@pytest.fixture
def nic(kernel: FakeKernel) -> Iterator[Device]:
    with pyvfio.open_device(NIC, kernel=kernel) as device:
        yield device


def test_where_dma_can_be(nic: Device) -> None:
    assert nic.iommu.iova_ranges() == (
        IovaRange(0, 0xFEDFFFFF),
        IovaRange(0xFEF00000, 0x7FFFFFFFFF),
    )
    assert nic.iommu.page_size() == 4096


def test_info_of_a_container(kernel: FakeKernel) -> None:
    with Container(kernel) as container:
        container.open_group(NIC_GROUP)
        info = container.info()
    assert (info.page_sizes, info.page_size, info.dma_available) == (0x40201000, 4096, 65535)
    assert info.dirty_tracking is not None
    assert info.dirty_tracking.page_sizes == 4096
    assert [each.id for each in info.capabilities] == [1, 2, 3]


def test_allocated_memory(nic: Device, kernel: FakeKernel) -> None:
    with nic.dma.allocate(5000) as first, nic.dma.allocate(1, below=1 << 32) as second:
        assert (first.iova, first.size, second.iova, second.size) == (4096, 8192, 12288, 4096)
        assert bytes(first.memory) == bytes(8192)
        first.memory[4:8] = b"spam"
        assert ctypes.string_at(first.vaddr, 8) == b"\0\0\0\0spam"
        words = first.memory.cast("I")
        words[0] = 1
        assert first.memory[0] == 1
        words.release()
        assert nic.dma.mappings == (first, second)
        assert kernel.leaks().dma == ((4096, 8192), (12288, 4096))
    assert not nic.dma.mappings
    assert (kernel.leaks().dma, kernel.leaks().memory) == ((), 0)


def test_memory_of_ones_own_stays_while_it_is_mapped(nic: Device) -> None:
    memory = mmap.mmap(-1, 8192)
    with nic.dma.map(memory, iova=1 << 32, write=False) as mapping:
        assert mapping.vaddr % 4096 == 0
        mapping.memory[0] = 7
        assert memory[0] == 7
        with pytest.raises(BufferError):
            memory.close()
    memory.close()
    with pytest.raises(ValueError, match="no memory"):
        mapping.memory  # noqa: B018 (looking is what fails)


def test_memory_that_has_no_whole_pages(nic: Device) -> None:
    with pytest.raises(errors.Misaligned, match="pages are 0x1000 bytes, and size 0x3"):
        nic.dma.map(bytearray(3))
    memory = mmap.mmap(-1, 8192)
    with pytest.raises(errors.Misaligned, match="multiples of 4096"):
        nic.dma.map(memoryview(memory)[8:4104])
    with pytest.raises(errors.Misaligned, match="address 0x3"):
        nic.dma.map(memory, iova=3)
    with pytest.raises(TypeError, match="not writable"):
        nic.dma.map(memoryview(bytes(4096)))
    assert nic.dma.addresses.free_ranges[0] == IovaRange(0, 0xFEDFFFFF)


def test_memory_by_its_address(nic: Device) -> None:
    memory = mmap.mmap(-1, 4096)
    vaddr = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    with nic.dma.map_address(vaddr, 4096) as mapping:
        assert repr(mapping) == f"DmaMapping(iova=0x1000, vaddr={vaddr:#x}, size=0x1000)"
        with pytest.raises(ValueError, match="has no memory to show"):
            mapping.memory  # noqa: B018 (looking is what fails)


def test_there_is_no_room(nic: Device) -> None:
    with nic.dma.allocate(4096, below=0x2000), pytest.raises(errors.IovaExhausted) as caught:
        nic.dma.allocate(4096, below=0x2000)
    assert "no room below 0x2000; free are 0x0-0xfff, 0x2000-0xfedfffff" in str(caught.value)


def test_unmap_all(nic: Device, kernel: FakeKernel) -> None:
    mappings = [nic.dma.allocate(4096) for _ in range(3)]
    nic.iommu.map_dma(mappings[0].vaddr, 1 << 30, 4096, read=True, write=True)
    nic.dma.unmap_all()
    assert kernel.leaks().dma == ()
    assert [each.mapped for each in mappings] == [False] * 3
    with pytest.raises(KeyError):
        nic.dma.unmap(mappings[0])
    mappings[0].unmap()
    assert nic.dma.allocate(4096).iova == 4096


def test_a_refused_unmapping_leaves_it_mapped(nic: Device, kernel: FakeKernel) -> None:
    mapping = nic.dma.allocate(4096)
    kernel.calls.clear()
    kernel.fail_at = 1
    with pytest.raises(errors.VfioError, match=r"VFIO_IOMMU_UNMAP_DMA|IOMMU_IOAS_UNMAP"):
        mapping.unmap()
    assert mapping.mapped
    mapping.memory[0] = 1
    mapping.unmap()


def test_windows_are_asked_for_anew_with_each_group(kernel: FakeKernel, machine: Machine) -> None:
    with Container(kernel) as container:
        nic = container.open_device(NIC)
        kept = nic.dma.allocate(4096)
        machine.windows = ((0, 0xFFFF),)
        edu = container.open_device(EDU)
        assert edu.dma is nic.dma
        with pytest.raises(errors.IovaOutOfRange):
            edu.dma.allocate(4096, iova=0x10000)
        assert edu.dma.allocate(4096).iova == kept.iova + 4096
        machine.windows = ((0, 0x1FFFF),)
        edu.close()
        assert nic.dma.allocate(4096, iova=0x10000).mapped


def test_devices_of_one_container_share_what_is_mapped(kernel: FakeKernel) -> None:
    with Container(kernel) as container:
        first = pyvfio.open_device(NIC, iommu=container)
        second = pyvfio.open_device(EDU, iommu=container)
        mapping = first.dma.allocate(4096)
        first.close()
        assert mapping.mapped
        assert second.dma.mappings == (mapping,)
        assert list(container.groups) == [3]
