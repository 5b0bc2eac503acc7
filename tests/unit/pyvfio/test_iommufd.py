# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices one by one, their address spaces and page tables."""

from __future__ import annotations

import errno
import mmap
from collections.abc import Iterator

import pytest

import pyvfio
from pyvfio import Container, Device, Iommufd, IovaRange, errors
from pyvfio.errors import VfioError
from pyvfio.kernel import Argument
from tests.unit.pyvfio.fake.iommufd import VTD
from tests.unit.pyvfio.fake.kernel import FakeKernel
from tests.unit.pyvfio.fake.machine import Machine
from tests.unit.pyvfio.fake.machines import EDU, NIC, OTHER_TWIN, TWIN

BACKENDS = ("iommufd",)
EVERYWHERE = (IovaRange(0, (1 << 64) - 1),)
WINDOWS = (IovaRange(0, 0xFEDFFFFF), IovaRange(0xFEF00000, 0x7FFFFFFFFF))


@pytest.fixture
def iommufd(kernel: FakeKernel) -> Iterator[Iommufd]:
    with Iommufd(kernel) as opened:
        yield opened


@pytest.fixture
def nic(iommufd: Iommufd) -> Device:
    return iommufd.open_device(NIC)


def test_a_device_is_bound_and_attached(iommufd: Iommufd, nic: Device, kernel: FakeKernel) -> None:
    assert (nic.name, nic.device_id, nic.iommu) == (NIC, 1, iommufd)
    assert nic.attached_to is iommufd.ioas
    assert nic.dma is iommufd.dma is iommufd.ioas.dma
    assert nic.page_table_id == 3
    assert iommufd.devices == (nic,)
    assert kernel.leaks().objects == ("Bound", "Space", "Table")
    nic.close()
    assert not iommufd.devices
    assert kernel.leaks().objects == ("Space",)
    assert nic.attached_to is nic.page_table_id is None


def test_nothing_is_allocated_before_it_is_used(iommufd: Iommufd, kernel: FakeKernel) -> None:
    assert kernel.leaks().objects == ()
    first = iommufd.ioas
    assert iommufd.ioas is first
    first.close()
    assert first.closed
    assert iommufd.ioas is not first
    first.close()


@pytest.mark.parametrize("step", ["VFIO_DEVICE_ATTACH_IOMMUFD_PT", "VFIO_DEVICE_GET_INFO"])
def test_a_space_that_no_device_came_to_goes(kernel: FakeKernel, step: str) -> None:
    with Iommufd(kernel) as iommufd:
        iommufd.open_device(NIC)
    with Iommufd(kernel) as iommufd:
        kernel.fail_at = len(kernel.calls) + kernel.calls.index(step)
        with pytest.raises(VfioError, match=step):
            iommufd.open_device(NIC)
        assert kernel.leaks().objects == ()


def test_ranges_change_with_devices(iommufd: Iommufd) -> None:
    assert iommufd.iova_ranges() == EVERYWHERE
    kept = iommufd.dma.allocate(4096)
    nic = iommufd.open_device(NIC)
    assert iommufd.iova_ranges() == iommufd.ioas.iova_ranges() == WINDOWS
    memory = mmap.mmap(-1, 4096)
    with pytest.raises(errors.IovaOutOfRange) as caught:
        nic.dma.map(memory, iova=1 << 50)
    assert (caught.value.ranges, caught.value.call) == (WINDOWS, "IOVA"), "the kernel is not asked"
    assert nic.dma.allocate(4096).iova == kept.iova + 4096
    nic.detach()
    assert iommufd.iova_ranges() == EVERYWHERE
    iommufd.dma.map(memory, iova=1 << 50).unmap()


def test_more_ranges_than_room(machine: Machine, nic: Device) -> None:
    machine.windows = tuple((n << 20, (n << 20) + 0xFFFF) for n in range(20))
    assert nic.iommu.iova_ranges() == tuple(IovaRange(*each) for each in machine.windows)


def test_ranges_that_grow_without_end(
    nic: Device, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = nic.iommu.kernel
    real = kernel.ioctl

    def growing(fd: int, request: int, argument: Argument = 0) -> int:
        machine.windows = (*machine.windows,) * 8
        return real(fd, request, argument)

    monkeypatch.setattr(kernel, "ioctl", growing)
    with pytest.raises(errors.MalformedReply, match="ranges, room for"):
        nic.iommu.iova_ranges()


def test_each_device_may_have_its_own_space(iommufd: Iommufd, kernel: FakeKernel) -> None:
    nic, edu = iommufd.open_device(NIC), iommufd.open_device(EDU)
    assert nic.dma is edu.dma
    assert nic.page_table_id == edu.page_table_id
    own = iommufd.allocate_ioas()
    edu.attach(own)
    assert edu.dma is own.dma
    assert edu.dma is not nic.dma
    with edu.dma.allocate(4096) as one, nic.dma.allocate(4096) as other:
        assert one.iova == other.iova
    edu.attach(own)
    edu.attach(iommufd.ioas)
    own.close()
    assert kernel.leaks().objects == ("Bound", "Bound", "Space", "Table")


def test_a_detached_device_reaches_nothing(nic: Device, iommufd: Iommufd) -> None:
    nic.detach()
    nic.detach()
    with pytest.raises(errors.NotAttached, match="attached to no address space: attach it"):
        nic.dma  # noqa: B018 (looking is what fails)
    nic.attach(iommufd.ioas)
    assert nic.dma is iommufd.dma


def test_page_tables_by_hand(nic: Device, iommufd: Iommufd) -> None:
    with iommufd.allocate_ioas() as space, iommufd.allocate_hwpt(nic, space) as table:
        nic.attach(table)
        assert (nic.attached_to, nic.page_table_id, nic.dma) == (table, table.id, space.dma)
        assert repr(table) == f"Hwpt({table.id})"
        for used in (table, space):
            with pytest.raises(errors.InUse, match=f"{NIC} is attached to it: detach or close"):
                used.close()
            assert not used.closed
        nic.attach(iommufd.ioas)
    assert (table.closed, space.closed) == (True, True)
    assert repr(table) == f"Hwpt({table.id}, closed)"


def test_a_page_table_keeps_its_space(nic: Device, iommufd: Iommufd) -> None:
    space = iommufd.allocate_ioas()
    table = iommufd.allocate_hwpt(nic, space)
    with pytest.raises(errors.InUse, match="a page table was made of it"):
        space.close()
    table.close()
    space.close()


def test_an_iommu_that_tracks_nothing(nic: Device, iommufd: Iommufd) -> None:
    with pytest.raises(errors.NotAvailable, match="has no such page tables") as caught:
        iommufd.allocate_hwpt(nic, dirty_tracking=True)
    assert caught.value.call == "IOMMU_HWPT_ALLOC"
    assert caught.value.arguments == {"dev_id": 1, "pt_id": 2, "flags": 2}


def test_what_the_iommu_can(nic: Device, iommufd: Iommufd, monkeypatch: pytest.MonkeyPatch) -> None:
    info = iommufd.hw_info(nic)
    assert (info.type, info.data, info.max_pasid_log2) == (1, VTD, 0)
    assert not info.dirty_tracking
    longer = VTD * 5
    monkeypatch.setattr("tests.unit.pyvfio.fake.iommufd.VTD", longer)
    assert iommufd.hw_info(nic).data == longer


def test_pasid_is_refused_with_its_reason(nic: Device, iommufd: Iommufd) -> None:
    before = nic.page_table_id
    with pytest.raises(errors.NotAvailable, match=r"need Linux 6\.15") as caught:
        nic.attach(iommufd.ioas, pasid=5)
    assert caught.value.arguments == {"pt_id": 2, "pasid": 5}
    with pytest.raises(errors.NotAvailable, match=r"need Linux 6\.15"):
        nic.detach(pasid=5)
    assert (nic.attached_to, nic.page_table_id) == (iommufd.ioas, before)


def test_a_group_has_no_address_spaces_of_its_own(kernel: FakeKernel, iommufd: Iommufd) -> None:
    with Container(kernel) as container:
        device = container.open_device(EDU)
        assert (device.device_id, device.attached_to, device.page_table_id) == (None, None, None)
        with pytest.raises(errors.NotAvailable, match="opened through its group"):
            device.attach(iommufd.ioas)
        with pytest.raises(errors.NotAvailable, match="opened through its group"):
            device.detach()
        with pytest.raises(errors.NotAvailable, match="not opened through an iommufd"):
            iommufd.hw_info(device)


def test_addresses_that_must_stay(nic: Device, iommufd: Iommufd) -> None:
    space = iommufd.allocate_ioas()
    space.allow_iovas([IovaRange(0xFEE00000, 0xFEE00FFF)])
    with pytest.raises(errors.IovaOutOfRange, match="promised by allow_iovas") as caught:
        nic.attach(space)
    assert caught.value.errno == errno.EADDRINUSE
    assert nic.attached_to is iommufd.ioas
    space.allow_iovas([])
    nic.attach(space)
    with pytest.raises(VfioError, match="IOMMU_IOAS_ALLOW_IOVAS"):
        space.allow_iovas([IovaRange(1 << 50, (1 << 51) - 1)])


def test_a_mapping_where_a_device_can_have_none(iommufd: Iommufd) -> None:
    with iommufd.dma.map(mmap.mmap(-1, 4096), iova=0xFEE00000):
        with pytest.raises(errors.IovaOutOfRange, match="where this device can have no mapping"):
            iommufd.open_device(NIC)
        assert iommufd.devices == ()
    iommufd.open_device(NIC)


def test_memory_is_pinned_when_a_device_comes(iommufd: Iommufd, machine: Machine) -> None:
    machine.memlock = 1 << 16
    machine.files["/proc/self/status"] = "VmLck:\t 0 kB\nVmPin:\t 8 kB\n"
    mapping = iommufd.dma.allocate(1 << 17)
    with pytest.raises(errors.MemlockExceeded) as caught:
        iommufd.open_device(NIC)
    error = caught.value
    assert (error.limit, error.locked, error.errno) == (1 << 16, 8192, errno.ENOMEM)
    assert error.advice.startswith("131072 bytes are to be pinned, 8192 are locked, and RLIMIT_")
    assert error.call == "VFIO_DEVICE_ATTACH_IOMMUFD_PT"
    mapping.unmap()
    nic = iommufd.open_device(NIC)
    nic.dma.allocate(1 << 15)
    with pytest.raises(errors.MemlockExceeded) as caught:
        nic.dma.allocate((1 << 15) + 1)
    assert (caught.value.call, caught.value.path) == ("IOMMU_IOAS_MAP", "/dev/iommu")


def test_a_hole_is_nothing_and_a_part_is_refused(nic: Device) -> None:
    iommu = nic.iommu
    memory = mmap.mmap(-1, 4 * 4096)
    with nic.dma.map(memory, iova=0x10000) as mapping:
        assert iommu.unmap_dma(0x100000, 4096) == 0
        with pytest.raises(VfioError, match="as it was made, not in parts"):
            iommu.unmap_dma(0x11000, 4096)
        iommu.map_dma(mapping.vaddr, 0xC000, 4096, read=True, write=True)
        with pytest.raises(VfioError, match="as it was made, not in parts"):
            iommu.unmap_dma(0xC000, 0x5000)
        assert iommu.unmap_dma(0xC800, 0x800) == 0, "it went before the kernel came to the part"
        iommu.map_dma(mapping.vaddr, 0xC000, 4096, read=True, write=True)
        assert iommu.unmap_dma(0x8000, 0x8000) == 4096
        with pytest.raises(VfioError, match="Invalid argument"):
            iommu.unmap_dma(0x10000, 0)
    iommu.map_dma(1 << 40, 0x2000, 4096, read=True, write=False)
    assert iommu.unmap_all_dma() == 4096
    assert iommu.unmap_all_dma() == 0


@pytest.mark.parametrize(
    ("vaddr", "iova", "size", "kind", "advice"),
    [
        (1 << 40, 0xFEE00000, 4096, errors.IovaOutOfRange, "translates 0x0-0xfedfffff"),
        (1 << 40, (1 << 64) - 4096, 8192, errors.IovaOutOfRange, "translates 0x0-0xfedfffff"),
        (1 << 40, 0x10, 4096, errors.Misaligned, "multiples of 4096"),
        (1 << 40, 0, 0, errors.Misaligned, "size not 0"),
        ((1 << 40) + 1, 0, 4096, errors.Misaligned, "multiples of 4096"),
        (0, 0, 4096, VfioError, "If it is a BAR that is mapped there"),
        (1 << 40, 0x2000, 4096, errors.DmaOverlap, "mapped already"),
    ],
)
def test_the_kernels_refusals_are_explained(
    nic: Device, vaddr: int, iova: int, size: int, kind: type[VfioError], advice: str
) -> None:
    nic.iommu.map_dma(1 << 40, 0x2000, 0x1000, read=True, write=False)
    with pytest.raises(VfioError, match=advice) as caught:
        nic.iommu.map_dma(vaddr, iova, size, read=True, write=True)
    assert type(caught.value) is kind
    assert caught.value.call == "IOMMU_IOAS_MAP"


def test_devices_of_a_group_stay_together(iommufd: Iommufd) -> None:
    first, second = iommufd.open_device(TWIN), iommufd.open_device(OTHER_TWIN)
    assert first.page_table_id == second.page_table_id
    other = iommufd.allocate_ioas()
    first.detach()
    with pytest.raises(VfioError, match="all of a group use one"):
        first.attach(other)
    first.attach(iommufd.ioas)
    first.attach(other)
    assert (second.attached_to, second.page_table_id) == (other, first.page_table_id)
    assert second.dma is other.dma
    iommufd.ioas.close()
    info = first.hot_reset()
    assert [each.device_id for each in info.affected] == [first.device_id, second.device_id]


def test_a_hot_reset_of_a_bus(iommufd: Iommufd, machine: Machine) -> None:
    first = iommufd.open_device(TWIN)
    info = first.hot_reset()
    assert [(each.group, each.device_id) for each in info.affected] == [(-1, 1), (-1, 0)]
    assert info.flags == 3
    assert [machine.functions[each].resets for each in (TWIN, OTHER_TWIN)] == [1, 1]
    machine.functions[OTHER_TWIN].group = 20
    with pytest.raises(errors.HotResetBlocked, match="with the same Container, or the same Iomm"):
        first.hot_reset()
    machine.functions[OTHER_TWIN].driver = None
    with pytest.raises(errors.HotResetBlocked, match=r"04:00\.1 must be bound to vfio-pci too"):
        first.hot_reset()


def test_a_descriptor_that_is_given(kernel: FakeKernel) -> None:
    fd = kernel.open("/dev/iommu")
    with Iommufd(kernel, fd=fd) as iommufd:
        device = iommufd.adopt_device(kernel.open("/dev/vfio/devices/vfio1"))
        assert (device.name, device.fileno() > 0) == (NIC, True)
        device.dma.allocate(4096)
        named = iommufd.adopt_device(kernel.open("/dev/vfio/devices/vfio0"), name="VFIO_FD7")
        assert named.name == "VFIO_FD7"
    assert kernel.leaks().files == ("iommufd",)
    assert kernel.leaks().objects == ()
    kernel.close(fd)


def test_a_descriptor_that_cannot_be_taken_stays_the_callers(iommufd: Iommufd) -> None:
    kernel = iommufd.kernel
    other = iommufd.open_device(NIC)
    fd = kernel.open("/dev/vfio/devices/vfio1")
    with pytest.raises(errors.DeviceBusy) as caught:
        iommufd.adopt_device(fd)
    assert caught.value.path == "/dev/vfio/devices/vfio1"
    kernel.close(fd)
    assert iommufd.devices == (other,)
    with pytest.raises(VfioError) as plain:
        iommufd.adopt_device(1 << 20)
    assert (plain.value.errno, plain.value.path) == (errno.EBADF, "descriptor 1048576")


def test_a_view_that_lives_on_keeps_the_device_but_no_memory(kernel: FakeKernel) -> None:
    device = pyvfio.open_device(NIC, kernel=kernel)
    device.dma.allocate(4096)
    mapped = device.bar(0).map()
    held = mapped.u32[4:8]
    with pytest.raises(errors.MappingInUse):
        device.close()
    left = kernel.leaks()
    assert (left.files, left.dma, left.memory, left.objects) == ((), (), 0, ("Bound",))
    kernel.machine.files["/proc/self/maps"] = "7f00-7f20 rw-s 0 00:05 9 /dev/vfio/devices/vfio1\n"
    with pytest.raises(errors.DeviceBusy, match="a region of a device mapped still"):
        pyvfio.open_device(NIC, kernel=kernel)
    held.release()
    mapped.close()
    pyvfio.open_device(NIC, kernel=kernel).close()


def test_what_is_closed_says_so(kernel: FakeKernel) -> None:
    iommufd = Iommufd(kernel)
    device, space = iommufd.open_device(EDU), iommufd.allocate_ioas()
    mapping = space.dma.allocate(4096)
    iommufd.close()
    iommufd.close()
    assert (device.closed, space.closed, mapping.mapped) == (True, True, False)
    assert repr(iommufd) == "Iommufd(/dev/iommu, closed)"
    for use in (iommufd.fileno, iommufd.allocate_ioas, space.iova_ranges, iommufd.iova_ranges):
        with pytest.raises(errors.Closed, match="closed before"):
            use()


def test_an_iommufd_serves_as_a_container(kernel: FakeKernel) -> None:
    with Container(kernel, path="/dev/iommu") as container:
        device = container.open_device(EDU)
        with device.dma.allocate(4096) as page:
            assert (container.kind, page.iova) == ("type1", 4096)
