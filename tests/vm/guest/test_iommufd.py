# SPDX-License-Identifier: GPL-2.0-or-later
"""Address spaces and page tables of an iommufd, in the kernel's own words; and it as a container."""

from __future__ import annotations

import ctypes
import errno
import mmap
from collections.abc import Iterator

import pytest

from pyvfio import KERNEL, Device, Ioas, Iommufd, IovaRange, errors
from pyvfio.handle import Handle
from pyvfio.uapi import container
from pyvfio.uapi import iommufd as uapi
from tests.vm.guest import binding, devices
from tests.vm.guest import edu as e
from tests.vm.guest.refusal import refused

PAGE = 4096
NO_SUCH_ID = 9999
EVERYTHING = (1 << 64) - 1
MSI_WINDOW = 0xFEE00000

FIXED, READABLE = uapi.IOMMU_IOAS_MAP_FIXED_IOVA, uapi.IOMMU_IOAS_MAP_READABLE
BOTH = READABLE | uapi.IOMMU_IOAS_MAP_WRITEABLE


@pytest.fixture
def iommufd() -> Iterator[Iommufd]:
    """An open /dev/iommu."""
    with Iommufd() as opened:
        yield opened


@pytest.fixture
def device(iommufd: Iommufd) -> Device:
    """Edu, attached to the iommufd's own address space."""
    return iommufd.open_device(devices.address("edu"))


@pytest.fixture
def ioas(iommufd: Iommufd, device: Device) -> Ioas:
    """The address space that edu is attached to."""
    assert device.attached_to is iommufd.ioas
    return iommufd.ioas


@pytest.fixture
def vaddr() -> Iterator[int]:
    """The address of eight pages."""
    with mmap.mmap(-1, 8 * PAGE) as memory:
        yield ctypes.addressof(ctypes.c_char.from_buffer(memory))


def map_pages(
    ioas: Ioas, vaddr: int, iova: int, size: int, flags: int = FIXED | BOTH, number: int = 0
) -> int:
    """Map memory; return at which address."""
    order = uapi.iommu_ioas_map.sized(
        flags=flags, ioas_id=number or ioas.id, user_va=vaddr, length=size, iova=iova
    )
    ioas.iommufd.handle.ioctl(uapi.IOMMU_IOAS_MAP, order)
    return int(order.iova)


def unmap(ioas: Ioas, iova: int, size: int) -> int:
    """Take mappings away; return how many bytes they were."""
    order = uapi.iommu_ioas_unmap.sized(ioas_id=ioas.id, iova=iova, length=size)
    ioas.iommufd.handle.ioctl(uapi.IOMMU_IOAS_UNMAP, order)
    return int(order.length)


def destroy(iommufd: Iommufd, number: int) -> None:
    """Destroy what has this number."""
    iommufd.handle.ioctl(uapi.IOMMU_DESTROY, uapi.iommu_destroy.sized(id=number))


# Address spaces


def test_address_spaces_have_numbers(iommufd: Iommufd) -> None:
    order = uapi.iommu_ioas_alloc.sized()
    iommufd.handle.ioctl(uapi.IOMMU_IOAS_ALLOC, order)
    other = uapi.iommu_ioas_alloc.sized()
    iommufd.handle.ioctl(uapi.IOMMU_IOAS_ALLOC, other)
    assert order.out_ioas_id != other.out_ioas_id
    destroy(iommufd, order.out_ioas_id)
    with refused(errno.ENOENT):
        destroy(iommufd, order.out_ioas_id)


def test_what_is_not_known_is_refused(iommufd: Iommufd) -> None:
    with refused(errno.EOPNOTSUPP):
        iommufd.handle.ioctl(uapi.IOMMU_IOAS_ALLOC, uapi.iommu_ioas_alloc.sized(flags=1))
    longer = ctypes.create_string_buffer(bytes(uapi.iommu_destroy(size=16, id=1)) + b"more....")
    with refused(errno.E2BIG):
        iommufd.handle.ioctl(uapi.IOMMU_DESTROY, longer)
    shorter = uapi.iommu_ioas_alloc(size=4)
    with refused(errno.EINVAL):
        iommufd.handle.ioctl(uapi.IOMMU_IOAS_ALLOC, shorter)


def test_a_device_bounds_its_address_space(iommufd: Iommufd) -> None:
    assert iommufd.ioas.iova_ranges() == (IovaRange(0, EVERYTHING),)
    device = iommufd.open_device(devices.address("edu"))
    bounded = (IovaRange(0, 0xFEDFFFFF), IovaRange(0xFEF00000, 0x7FFFFFFFFF))
    assert iommufd.ioas.iova_ranges() == bounded
    device.detach()
    assert iommufd.ioas.iova_ranges() == (IovaRange(0, EVERYTHING),)


def test_ranges_want_room(ioas: Ioas) -> None:
    """Without, the kernel tells how many there are."""
    order = uapi.iommu_ioas_iova_ranges.sized(ioas_id=ioas.id)
    with refused(errno.EMSGSIZE):
        ioas.iommufd.handle.ioctl(uapi.IOMMU_IOAS_IOVA_RANGES, order)
    assert order.num_iovas == 2


def test_what_is_allowed_keeps_devices_away(iommufd: Iommufd) -> None:
    iommufd.ioas.allow_iovas([IovaRange(MSI_WINDOW, MSI_WINDOW + PAGE - 1)])
    with pytest.raises(errors.IovaOutOfRange) as error:
        iommufd.open_device(devices.address("edu"))
    assert error.value.errno == errno.EADDRINUSE
    iommufd.ioas.allow_iovas([])
    iommufd.open_device(devices.address("edu"))


def test_what_is_mapped_already_keeps_devices_away(iommufd: Iommufd, vaddr: int) -> None:
    iommufd.ioas.map_dma(vaddr, MSI_WINDOW, PAGE, read=True, write=True)
    with pytest.raises(errors.IovaOutOfRange) as error:
        iommufd.open_device(devices.address("edu"))
    assert error.value.errno == errno.EADDRINUSE
    assert iommufd.ioas.unmap_dma(MSI_WINDOW, PAGE) == PAGE
    iommufd.open_device(devices.address("edu"))


# Mappings


@pytest.mark.parametrize(
    ("offset", "iova", "size", "flags", "number"),
    [
        (1, 0x10000, PAGE, FIXED | BOTH, errno.EINVAL),
        (0, 0x10001, PAGE, FIXED | BOTH, errno.EINVAL),
        (0, 0x10000, PAGE - 1, FIXED | BOTH, errno.EINVAL),
        (0, 0x10000, 0, FIXED | BOTH, errno.EINVAL),
        (0, MSI_WINDOW, PAGE, FIXED | BOTH, errno.EINVAL),
        (0, 1 << 39, PAGE, FIXED | BOTH, errno.EINVAL),
        (0, 0x10000, PAGE, FIXED | BOTH | 1 << 31, errno.EOPNOTSUPP),
        (0, 0x10000, PAGE, FIXED, errno.EINVAL),
    ],
)
def test_mappings_that_cannot_be(
    ioas: Ioas, vaddr: int, offset: int, iova: int, size: int, flags: int, number: int
) -> None:
    with refused(number):
        map_pages(ioas, vaddr + offset, iova, size, flags)


def test_memory_must_be_there(ioas: Ioas) -> None:
    with refused(errno.EFAULT):
        map_pages(ioas, 0x10000, 0x10000, PAGE)


def test_an_address_space_must_be_there(ioas: Ioas, vaddr: int) -> None:
    with refused(errno.ENOENT):
        map_pages(ioas, vaddr, 0x10000, PAGE, number=NO_SUCH_ID)


def test_mappings_do_not_overlap(ioas: Ioas, vaddr: int) -> None:
    map_pages(ioas, vaddr, 0x10000, 2 * PAGE)
    for iova in (0x10000, 0x11000, 0xF000):
        with refused(errno.EEXIST):
            map_pages(ioas, vaddr, iova, 2 * PAGE)


def test_the_kernel_finds_an_address(ioas: Ioas, vaddr: int) -> None:
    one = map_pages(ioas, vaddr, 0, 2 * PAGE, BOTH)
    other = map_pages(ioas, vaddr, 0, 2 * PAGE, BOTH)
    assert abs(one - other) >= 2 * PAGE
    for iova in (one, other):
        assert any(each.start <= iova <= each.end for each in ioas.iova_ranges())
    assert unmap(ioas, one, 2 * PAGE) == unmap(ioas, other, 2 * PAGE) == 2 * PAGE


def test_mappings_are_taken_away_whole(ioas: Ioas, vaddr: int) -> None:
    map_pages(ioas, vaddr, 0x10000, 4 * PAGE)
    for iova, size in ((0x10000, PAGE), (0x12000, 2 * PAGE), (0x11000, PAGE), (0x80000, PAGE)):
        with refused(errno.ENOENT):
            unmap(ioas, iova, size)
    assert unmap(ioas, 0, 0x100000) == 4 * PAGE
    map_pages(ioas, vaddr, 0x10000, PAGE)
    map_pages(ioas, vaddr, 0x20000, PAGE)
    assert unmap(ioas, 0, EVERYTHING) == 2 * PAGE
    # All of nothing is no failure, since nobody asked for anything in particular.
    assert unmap(ioas, 0, EVERYTHING) == 0


def test_one_address_space_has_what_is_mapped_in_another(
    iommufd: Iommufd, ioas: Ioas, vaddr: int
) -> None:
    other = iommufd.allocate_ioas()
    map_pages(ioas, vaddr, 0x10000, 2 * PAGE)
    order = uapi.iommu_ioas_copy.sized(
        flags=FIXED | BOTH,
        dst_ioas_id=other.id,
        src_ioas_id=ioas.id,
        length=2 * PAGE,
        dst_iova=0x40000,
        src_iova=0x10000,
    )
    iommufd.handle.ioctl(uapi.IOMMU_IOAS_COPY, order)
    assert unmap(other, 0x40000, 2 * PAGE) == 2 * PAGE


def test_files_are_mapped_by_younger_kernels_alone(ioas: Ioas) -> None:
    with refused(errno.ENOTTY):
        ioas.iommufd.handle.ioctl(uapi.IOMMU_IOAS_MAP_FILE, uapi.iommu_ioas_map_file.sized())


def test_huge_pages_can_be_forbidden(ioas: Ioas) -> None:
    def option(op: int, value: int = 0) -> int:
        order = uapi.iommu_option.sized(
            option_id=uapi.IOMMU_OPTION_HUGE_PAGES, op=op, object_id=ioas.id, val64=value
        )
        ioas.iommufd.handle.ioctl(uapi.IOMMU_OPTION, order)
        return int(order.val64)

    assert option(uapi.IOMMU_OPTION_OP_GET) == 1
    option(uapi.IOMMU_OPTION_OP_SET, 0)
    assert option(uapi.IOMMU_OPTION_OP_GET) == 0


# What DMA sees of it


def test_address_spaces_hold_different_memory_at_one_address(
    iommufd: Iommufd, device: Device
) -> None:
    """What a device reads at an address is what the space that it is attached to has there."""
    iova = 0x200000
    spaces = (iommufd.ioas, iommufd.allocate_ioas())
    with e.driven(device) as edu:
        memories = [space.dma.allocate(PAGE, iova=iova) for space in spaces]
        for memory, text in zip(memories, (b"ham!", b"eggs"), strict=True):
            memory.memory[:4] = text
        for space, memory in zip(spaces, memories, strict=True):
            device.attach(space)
            edu.send(memory, 4)
            edu.transfer(e.BUFFER, iova + 16, 4, e.DMA_RUN | e.DMA_FROM_DEVICE)
        assert [bytes(memory.memory[16:20]) for memory in memories] == [b"ham!", b"eggs"]
    device.attach(iommufd.ioas)


def test_a_detached_device_reaches_nothing(iommufd: Iommufd, device: Device) -> None:
    with e.driven(device) as edu, iommufd.ioas.dma.allocate(PAGE) as memory:
        memory.memory[:4] = b"spam"
        edu.send(memory, 4)
        memory.memory[:4] = b"eggs"
        device.detach()
        with pytest.raises(errors.NotAttached):
            _ = device.dma
        edu.receive(memory, 4)
        assert bytes(memory.memory[:4]) == b"eggs"
        device.attach(iommufd.ioas)
        edu.receive(memory, 4)
        assert bytes(memory.memory[:4]) == b"spam"


# Page tables, and what the IOMMU is


def test_the_iommu_is_intels(iommufd: Iommufd, device: Device) -> None:
    info = iommufd.hw_info(device)
    assert info.type == uapi.IOMMU_HW_INFO_TYPE_INTEL_VTD
    registers = uapi.iommu_hw_info_vtd.from_buffer_copy(info.data)
    # Addresses of 39 bits, in tables of three levels: bits of the capability register.
    assert registers.cap_reg >> 8 & 0b10
    assert registers.cap_reg >> 16 & 0x3F == 38
    assert not info.dirty_tracking


def test_the_iommu_is_that_of_a_device(iommufd: Iommufd) -> None:
    with refused(errno.ENOENT):
        iommufd.handle.ioctl(uapi.IOMMU_GET_HW_INFO, uapi.iommu_hw_info.sized(dev_id=NO_SUCH_ID))


def test_a_page_table_of_ones_own(iommufd: Iommufd, device: Device) -> None:
    table = iommufd.allocate_hwpt(device)
    device.attach(table)
    assert device.page_table_id == table.id
    with e.driven(device) as edu, device.dma.allocate(PAGE) as memory:
        memory.memory[:4] = b"spam"
        edu.send(memory, 4)
        edu.transfer(e.BUFFER, memory.iova + 16, 4, e.DMA_RUN | e.DMA_FROM_DEVICE)
        assert bytes(memory.memory[16:20]) == b"spam"
    with pytest.raises(errors.InUse, match=device.name):
        table.close()
    device.attach(iommufd.ioas)
    table.close()


@pytest.mark.parametrize(("dirty", "nest"), [(True, False), (False, True)])
def test_this_iommu_has_no_better_page_tables(
    iommufd: Iommufd, device: Device, dirty: bool, nest: bool
) -> None:
    with pytest.raises(errors.NotAvailable) as error:
        iommufd.allocate_hwpt(device, dirty_tracking=dirty, nest_parent=nest)
    assert error.value.errno == errno.EOPNOTSUPP


def test_what_is_used_is_not_destroyed(iommufd: Iommufd, device: Device) -> None:
    assert device.device_id is not None
    for number in (iommufd.ioas.id, device.page_table_id or 0, device.device_id):
        with refused(errno.EBUSY):
            destroy(iommufd, number)
    with refused(errno.ENOENT):
        destroy(iommufd, NO_SUCH_ID)


# An iommufd in place of a container


def test_an_iommufd_serves_as_a_container(iommufd: Iommufd, vaddr: int) -> None:
    address = devices.address("edu")
    handle = iommufd.handle
    assert handle.ioctl(container.VFIO_GET_API_VERSION) == container.VFIO_API_VERSION
    with Handle.open(KERNEL, f"/dev/vfio/{binding.group(address)}") as group:
        group.ioctl(container.VFIO_GROUP_SET_CONTAINER, ctypes.c_int32(iommufd.fileno()))
        # The compatible address space is made with the first group.
        order = uapi.iommu_vfio_ioas.sized(op=uapi.IOMMU_VFIO_IOAS_GET)
        handle.ioctl(uapi.IOMMU_VFIO_IOAS, order)
        assert order.ioas_id > 0
        for kind in (container.VFIO_TYPE1_IOMMU, container.VFIO_TYPE1v2_IOMMU):
            assert handle.ioctl(container.VFIO_CHECK_EXTENSION, kind) == 1
        handle.ioctl(container.VFIO_SET_IOMMU, container.VFIO_TYPE1v2_IOMMU)
        name = ctypes.create_string_buffer(address.encode())
        fd = group.ioctl(container.VFIO_GROUP_GET_DEVICE_FD, name)
        with Handle(KERNEL, fd, address):
            mapping = container.vfio_iommu_type1_dma_map.sized(
                flags=container.VFIO_DMA_MAP_FLAG_READ | container.VFIO_DMA_MAP_FLAG_WRITE,
                vaddr=vaddr,
                iova=0x10000,
                size=2 * PAGE,
            )
            handle.ioctl(container.VFIO_IOMMU_MAP_DMA, mapping)
            with refused(errno.EEXIST):
                handle.ioctl(container.VFIO_IOMMU_MAP_DMA, mapping)
            away = container.vfio_iommu_type1_dma_unmap.sized(iova=0x10000, size=2 * PAGE)
            handle.ioctl(container.VFIO_IOMMU_UNMAP_DMA, away)
            assert away.size == 2 * PAGE
        group.ioctl(container.VFIO_GROUP_UNSET_CONTAINER)
