# SPDX-License-Identifier: GPL-2.0-or-later
"""What the kernel says to mappings that cannot be, and what pyvfio makes of it.

`Iommu.map_dma` hands all to the kernel; `AddressSpace` looks first.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
from collections.abc import Iterator

import pytest

from pyvfio import Device, Iommu, VfioError, errors
from pyvfio.opening import Backend

PAGE = 4096
MSI_WINDOW = 0xFEE00000
ABOVE = 1 << 39  # what the emulated IOMMU does not translate


@pytest.fixture
def iommu(edu_device: Device) -> Iommu:
    """An address space with a device in it."""
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
    iommu: Iommu, vaddr: int, offset: int, iova: int, size: int, kind: type[VfioError]
) -> None:
    with pytest.raises(kind) as error:
        iommu.map_dma(vaddr + offset, iova, size, read=True, write=True)
    assert error.value.errno == errno.EINVAL
    assert not iommu.dma.mappings


def test_a_mapping_is_for_something(iommu: Iommu, vaddr: int) -> None:
    with pytest.raises(VfioError) as error:
        iommu.map_dma(vaddr, 0x10000, PAGE, read=False, write=False)
    assert error.value.errno == errno.EINVAL


def test_memory_must_be_there(iommu: Iommu) -> None:
    with pytest.raises(VfioError, match="no memory at vaddr") as error:
        iommu.map_dma(0x10000, 0x10000, PAGE, read=True, write=True)
    assert error.value.errno == errno.EFAULT


def test_mappings_do_not_overlap(iommu: Iommu, vaddr: int) -> None:
    iommu.map_dma(vaddr, 0x10000, 2 * PAGE, read=True, write=True)
    for iova in (0x10000, 0x11000, 0xF000):
        with pytest.raises(errors.DmaOverlap) as error:
            iommu.map_dma(vaddr, iova, 2 * PAGE, read=True, write=True)
        assert error.value.errno == errno.EEXIST


PARTLY = {"legacy": errno.EINVAL, "iommufd": errno.ENOENT}


def test_a_mapping_is_taken_away_whole(iommu: Iommu, backend: Backend, vaddr: int) -> None:
    iommu.map_dma(vaddr, 0x10000, 4 * PAGE, read=True, write=True)
    for iova, size in ((0x10000, PAGE), (0x12000, 2 * PAGE), (0x11000, PAGE)):
        with pytest.raises(VfioError) as error:
            iommu.unmap_dma(iova, size)
        assert error.value.errno == PARTLY[backend]
    assert iommu.unmap_dma(0x10000, 4 * PAGE) == 4 * PAGE


def test_where_nothing_is_nothing_is_taken_away(iommu: Iommu) -> None:
    assert iommu.unmap_dma(0x100000, 16 * PAGE) == 0


def test_several_mappings_are_taken_away_at_once(iommu: Iommu, vaddr: int) -> None:
    for iova in (0x10000, 0x20000):
        iommu.map_dma(vaddr, iova, 2 * PAGE, read=True, write=True)
    assert iommu.unmap_dma(0, 0x100000) == 4 * PAGE


def test_all_mappings_are_taken_away_at_once(iommu: Iommu, vaddr: int) -> None:
    for iova in (0x10000, 1 << 32):
        iommu.map_dma(vaddr, iova, 2 * PAGE, read=True, write=True)
    assert iommu.unmap_all_dma() == 4 * PAGE


def test_the_address_space_says_it_without_the_kernel(edu_device: Device) -> None:
    dma = edu_device.dma
    with pytest.raises(errors.IovaOutOfRange, match="0x0-0xfedfffff"):
        dma.allocate(PAGE, iova=MSI_WINDOW)
    with pytest.raises(errors.Misaligned):
        dma.allocate(PAGE, iova=0x10001)
    with dma.allocate(PAGE, iova=0x10000), pytest.raises(errors.DmaOverlap):
        dma.allocate(PAGE, iova=0x10000)
