# SPDX-License-Identifier: GPL-2.0-or-later
"""Containers and groups before there is a device: what the kernel wants in which order."""

from __future__ import annotations

import ctypes
import errno
import mmap
from collections.abc import Iterator

import pytest

from pyvfio import Container, Group, IovaRange, VfioError
from pyvfio.uapi import container as uapi
from tests.vm.guest import binding, devices

PAGE = 4096
NESTING = 6
"""VFIO_TYPE1_NESTING_IOMMU, of no use to anybody, and gone since."""


def refused(error: pytest.ExceptionInfo[VfioError], number: int) -> bool:
    """Tell whether the kernel refused with this errno."""
    return error.value.errno == number


@pytest.mark.parametrize(
    ("extension", "answer"),
    [
        (uapi.VFIO_TYPE1_IOMMU, 1),
        (uapi.VFIO_TYPE1v2_IOMMU, 1),
        (uapi.VFIO_UNMAP_ALL, 1),
        (NESTING, 1),
        # Without IOMMU: not built into Debian's kernel.
        (uapi.VFIO_NOIOMMU_IOMMU, 0),
        (uapi.VFIO_UPDATE_VADDR, 0),
        (99, 0),
    ],
)
def test_extensions(extension: int, answer: int) -> None:
    with Container() as container:
        assert container.check_extension(extension) == answer


def test_version() -> None:
    with Container() as container:
        assert container.handle.ioctl(uapi.VFIO_GET_API_VERSION) == uapi.VFIO_API_VERSION


def test_an_iommu_needs_a_group() -> None:
    with Container() as container, pytest.raises(VfioError) as error:
        container.handle.ioctl(uapi.VFIO_SET_IOMMU, uapi.VFIO_TYPE1v2_IOMMU)
    assert refused(error, errno.EINVAL)


def test_a_mapping_needs_an_iommu() -> None:
    with Container() as container, pytest.raises(VfioError) as error:
        container.map_dma(0, 0x1000, 0x1000, read=True, write=True)
    assert refused(error, errno.EINVAL)


@pytest.fixture
def group_of_edu() -> int:
    return binding.group(devices.address("edu"))


def test_an_iommu_is_of_a_known_type(group_of_edu: int) -> None:
    with Container() as container, Group(container, group_of_edu) as group:
        group.set_container()
        with pytest.raises(VfioError) as error:
            container.handle.ioctl(uapi.VFIO_SET_IOMMU, 99)
    assert refused(error, errno.ENODEV)


def test_a_device_needs_a_container(group_of_edu: int) -> None:
    with (
        Container() as container,
        Group(container, group_of_edu) as group,
        pytest.raises(VfioError) as error,
    ):
        group.open_device(devices.address("edu"))
    assert refused(error, errno.EINVAL)


def test_a_device_needs_an_iommu(group_of_edu: int) -> None:
    with Container() as container, Group(container, group_of_edu) as group:
        group.set_container()
        with pytest.raises(VfioError) as error:
            group.open_device(devices.address("edu"))
    assert refused(error, errno.EINVAL)


def test_a_group_is_in_one_container(group_of_edu: int) -> None:
    with Container() as container, Container() as other:
        group = container.open_group(group_of_edu)
        assert group.status().container_set
        fd = ctypes.c_int32(other.handle.fileno())
        with pytest.raises(VfioError) as error:
            group.handle.ioctl(uapi.VFIO_GROUP_SET_CONTAINER, fd)
    assert refused(error, errno.EINVAL)


def test_a_group_leaves_its_container_after_its_devices(group_of_edu: int) -> None:
    with Container() as container:
        group = container.open_group(group_of_edu)
        with group.open_device(devices.address("edu")):
            with pytest.raises(VfioError) as error:
                group.handle.ioctl(uapi.VFIO_GROUP_UNSET_CONTAINER)
            assert refused(error, errno.EBUSY)
        group.handle.ioctl(uapi.VFIO_GROUP_UNSET_CONTAINER)
        assert not group.status().container_set


@pytest.fixture
def container() -> Iterator[Container]:
    """A container with a group in it."""
    with Container() as opened:
        opened.open_device(devices.address("edu"))
        yield opened


@pytest.fixture
def vaddr() -> Iterator[int]:
    """The address of eight pages."""
    with mmap.mmap(-1, 8 * PAGE) as memory:
        yield ctypes.addressof(ctypes.c_char.from_buffer(memory))


def test_what_the_iommu_can(container: Container) -> None:
    info = container.info()
    # Pages of 4 KiB, 2 MiB and 1 GiB; 39 bits of address but for where MSIs are written.
    assert info.page_sizes == 0x40201000
    assert info.iova_ranges == (IovaRange(0, 0xFEDFFFFF), IovaRange(0xFEF00000, 0x7FFFFFFFFF))
    assert info.dma_available == 65535
    assert info.dirty_tracking is not None
    assert info.dirty_tracking.page_sizes == 0x1000


def test_several_groups_share_one_container() -> None:
    names = ("edu", "edu-on-root-bus", "nvme")
    with Container() as container:
        opened = [container.open_device(devices.address(name)) for name in names]
        assert len(container.groups) == 3
        assert len({device.config.vendor_id for device in opened}) == 2


def test_mappings_are_counted(container: Container, vaddr: int) -> None:
    before = container.info().dma_available
    assert before is not None
    container.map_dma(vaddr, 0x10000, PAGE, read=True, write=True)
    assert container.info().dma_available == before - 1


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
