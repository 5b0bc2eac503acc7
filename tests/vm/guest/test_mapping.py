# SPDX-License-Identifier: GPL-2.0-or-later
"""What the kernel says to mappings that cannot be, and what pyvfio makes of it.

`Container.map_dma` hands all to the kernel; `AddressSpace` looks first.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
from collections.abc import Iterator

import pytest

from pyvfio import Container, Device, VfioError, errors
from pyvfio.uapi import container as uapi

PAGE = 4096
MSI_WINDOW = 0xFEE00000
ABOVE = 1 << 39  # what the emulated IOMMU does not translate


@pytest.fixture
def container(edu_device: Device) -> Container:
    """A container with a group in it."""
    assert isinstance(edu_device.iommu, Container)
    return edu_device.iommu


@pytest.fixture
def vaddr() -> Iterator[int]:
    """The address of eight pages."""
    with mmap.mmap(-1, 8 * PAGE) as memory:
        yield ctypes.addressof(ctypes.c_char.from_buffer(memory))


@pytest.mark.parametrize(
    ("offset", "iova", "size", "kind"),
    [
        (1, 0x10000, PAGE, errors.Misaligned),
        (0, 0x10001, PAGE, errors.Misaligned),
        (0, 0x10000, PAGE - 1, errors.Misaligned),
        (0, 0x10000, 0, errors.Misaligned),
        (0, MSI_WINDOW, PAGE, errors.IovaOutOfRange),
        (0, MSI_WINDOW - PAGE, 2 * PAGE, errors.IovaOutOfRange),
        (0, ABOVE, PAGE, errors.IovaOutOfRange),
        (0, ABOVE - PAGE, 2 * PAGE, errors.IovaOutOfRange),
    ],
)
def test_einval(
    container: Container, vaddr: int, offset: int, iova: int, size: int, kind: type[VfioError]
) -> None:
    with pytest.raises(kind) as error:
        container.map_dma(vaddr + offset, iova, size, read=True, write=True)
    assert error.value.errno == errno.EINVAL
    assert not container.dma.mappings


def test_a_mapping_is_for_something(container: Container, vaddr: int) -> None:
    with pytest.raises(VfioError) as error:
        container.map_dma(vaddr, 0x10000, PAGE, read=False, write=False)
    assert error.value.errno == errno.EINVAL


def test_memory_must_be_there(container: Container) -> None:
    with pytest.raises(VfioError, match="no memory at vaddr") as error:
        container.map_dma(0x10000, 0x10000, PAGE, read=True, write=True)
    assert error.value.errno == errno.EFAULT


def test_mappings_do_not_overlap(container: Container, vaddr: int) -> None:
    container.map_dma(vaddr, 0x10000, 2 * PAGE, read=True, write=True)
    for iova in (0x10000, 0x11000, 0xF000):
        with pytest.raises(errors.DmaOverlap) as error:
            container.map_dma(vaddr, iova, 2 * PAGE, read=True, write=True)
        assert error.value.errno == errno.EEXIST


def test_a_mapping_is_taken_away_whole(container: Container, vaddr: int) -> None:
    container.map_dma(vaddr, 0x10000, 4 * PAGE, read=True, write=True)
    for iova, size in ((0x10000, PAGE), (0x12000, 2 * PAGE), (0x11000, PAGE)):
        with pytest.raises(VfioError) as error:
            container.unmap_dma(iova, size)
        assert error.value.errno == errno.EINVAL
    assert container.unmap_dma(0x10000, 4 * PAGE) == 4 * PAGE


def test_where_nothing_is_nothing_is_taken_away(container: Container) -> None:
    assert container.unmap_dma(0x100000, 16 * PAGE) == 0


def test_several_mappings_are_taken_away_at_once(container: Container, vaddr: int) -> None:
    for iova in (0x10000, 0x20000):
        container.map_dma(vaddr, iova, 2 * PAGE, read=True, write=True)
    assert container.unmap_dma(0, 0x100000) == 4 * PAGE


def test_all_mappings_are_taken_away_at_once(container: Container, vaddr: int) -> None:
    for iova in (0x10000, 1 << 32):
        container.map_dma(vaddr, iova, 2 * PAGE, read=True, write=True)
    assert container.unmap_all_dma() == 4 * PAGE


def test_mappings_are_counted(container: Container, vaddr: int) -> None:
    before = container.info().dma_available
    assert before is not None
    container.map_dma(vaddr, 0x10000, PAGE, read=True, write=True)
    assert container.info().dma_available == before - 1


def test_the_address_space_says_it_without_the_kernel(edu_device: Device) -> None:
    dma = edu_device.dma
    with pytest.raises(errors.IovaOutOfRange, match="0x0-0xfedfffff"):
        dma.allocate(PAGE, iova=MSI_WINDOW)
    with pytest.raises(errors.Misaligned):
        dma.allocate(PAGE, iova=0x10001)
    with dma.allocate(PAGE, iova=0x10000), pytest.raises(errors.DmaOverlap):
        dma.allocate(PAGE, iova=0x10000)


def test_dirty_pages_are_tracked(container: Container, vaddr: int) -> None:
    """Of a device that tells nothing, all pages that it may write to count as written."""
    tracking = uapi.vfio_iommu_type1_dirty_bitmap
    container.map_dma(vaddr, 0x10000, 4 * PAGE, read=True, write=True)

    def order(flags: int, data: bytes = b"") -> bytearray:
        header = tracking(ctypes.sizeof(tracking) + len(data), flags)
        buffer = ctypes.create_string_buffer(bytes(header) + data, header.argsz)
        container.handle.ioctl(uapi.VFIO_IOMMU_DIRTY_PAGES, buffer)
        return bytearray(buffer)

    order(uapi.VFIO_IOMMU_DIRTY_PAGES_FLAG_START)
    bits = ctypes.create_string_buffer(8)
    wanted = uapi.vfio_iommu_type1_dirty_bitmap_get(iova=0x10000, size=4 * PAGE)
    wanted.bitmap.pgsize, wanted.bitmap.size = PAGE, len(bits)
    wanted.bitmap.data = ctypes.cast(bits, ctypes.POINTER(ctypes.c_uint64))
    order(uapi.VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP, bytes(wanted))
    assert bits.raw[0] == 0x0F
    order(uapi.VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP)
