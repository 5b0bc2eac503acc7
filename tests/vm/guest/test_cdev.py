# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices' own files, /dev/vfio/devices/vfioN: from opening one to DMA, in the kernel's own words."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
from collections.abc import Iterator

import pytest

import pyvfio
from pyvfio import KERNEL, Container, Device, Group, Iommufd, PciAddress, errors
from pyvfio.handle import Handle
from pyvfio.uapi import device as dev
from pyvfio.uapi import pci
from tests.vm.guest import binding, devices
from tests.vm.guest import edu as e
from tests.vm.guest.refusal import refused

NO_SUCH_ID = 9999
UNKNOWN_FLAG = 1 << 31


@pytest.fixture
def iommufd() -> Iterator[Iommufd]:
    """An open /dev/iommu."""
    with Iommufd() as opened:
        yield opened


@pytest.fixture
def cdev() -> Iterator[Handle]:
    """The file of edu, open and not bound."""
    with Handle.open(KERNEL, binding.cdev(devices.address("edu"))) as opened:
        yield opened


@pytest.fixture
def device(iommufd: Iommufd) -> Device:
    """Edu, bound and attached."""
    return iommufd.open_device(devices.address("edu"))


def bind(cdev: Handle, fd: int, flags: int = 0) -> int:
    """Bind a device to an iommufd; return its number there."""
    order = dev.vfio_device_bind_iommufd.sized(flags=flags, iommufd=fd)
    # Linux knows the struct's last field since 6.17.
    order.argsz = dev.vfio_device_bind_iommufd.token_uuid_ptr.offset
    cdev.ioctl(dev.VFIO_DEVICE_BIND_IOMMUFD, order)
    return int(order.out_devid)


def attach(handle: Handle, page_table: int, flags: int = 0) -> int:
    """Attach a device to an address space or a page table; return which page table it has."""
    order = dev.vfio_device_attach_iommufd_pt.sized(flags=flags, pt_id=page_table)
    order.argsz = dev.vfio_device_attach_iommufd_pt.pasid.offset
    handle.ioctl(dev.VFIO_DEVICE_ATTACH_IOMMUFD_PT, order)
    return int(order.pt_id)


def detach(handle: Handle) -> None:
    """Detach a device."""
    order = dev.vfio_device_detach_iommufd_pt.sized()
    order.argsz = dev.vfio_device_detach_iommufd_pt.pasid.offset
    handle.ioctl(dev.VFIO_DEVICE_DETACH_IOMMUFD_PT, order)


# Before it is bound


def test_each_device_has_a_file() -> None:
    files = [binding.cdev(devices.address(name)) for name in devices.NAMES]
    assert len(set(files)) == len(devices.NAMES)
    assert all(os.path.exists(file) for file in files)  # noqa: PTH110 - names, not paths


def test_an_open_file_is_of_no_use_yet(cdev: Handle) -> None:
    with refused(errno.EINVAL):
        cdev.ioctl(dev.VFIO_DEVICE_GET_INFO, dev.vfio_device_info.sized())
    with refused(errno.EINVAL):
        cdev.mmap(4096, mmap.PROT_READ, 0)
    with pytest.raises(OSError, match=os.strerror(errno.EINVAL)):
        os.pread(cdev.fileno(), 4, pci.VFIO_PCI_CONFIG_REGION_INDEX << 40)
    with refused(errno.EINVAL):
        attach(cdev, 1)
    with refused(errno.EINVAL):
        detach(cdev)


def test_a_file_may_be_opened_twice_and_bound_once(cdev: Handle, iommufd: Iommufd) -> None:
    with Handle.open(KERNEL, cdev.path) as other:
        assert bind(cdev, iommufd.fileno()) > 0
        with refused(errno.EINVAL):
            bind(other, iommufd.fileno())
        with refused(errno.EINVAL):
            bind(cdev, iommufd.fileno())


# Binding


def test_it_is_bound_to_an_iommufd_alone(cdev: Handle) -> None:
    with open("/dev/null", "rb") as other, refused(errno.EBADFD):  # noqa: PTH123 - a device
        bind(cdev, other.fileno())
    with refused(errno.EINVAL):
        bind(cdev, -1)


def test_flags_of_bind_are_known(cdev: Handle, iommufd: Iommufd) -> None:
    with refused(errno.EINVAL):
        bind(cdev, iommufd.fileno(), UNKNOWN_FLAG)
    assert bind(cdev, iommufd.fileno()) > 0


def test_a_bound_device_answers_before_it_is_attached(cdev: Handle, iommufd: Iommufd) -> None:
    bind(cdev, iommufd.fileno())
    info = dev.vfio_device_info.sized()
    cdev.ioctl(dev.VFIO_DEVICE_GET_INFO, info)
    assert info.num_regions == pci.VFIO_PCI_NUM_REGIONS
    with cdev.mmap(4096, mmap.PROT_READ, 0) as registers:
        assert int.from_bytes(registers[:4], "little") == e.ID


def test_a_neighbour_on_a_driver_of_the_host_forbids_it(iommufd: Iommufd) -> None:
    edu, neighbour = devices.address("edu-in-a-pair"), devices.address("e1000e-in-a-pair")
    with binding.given(neighbour, "e1000e"):
        with Handle.open(KERNEL, binding.cdev(edu)) as cdev, refused(errno.EPERM):
            bind(cdev, iommufd.fileno())
        with pytest.raises(errors.GroupNotViable, match=f"{neighbour}.*e1000e") as error:
            iommufd.open_device(edu)
        assert error.value.neighbours == {neighbour: "e1000e"}
    iommufd.open_device(edu)


def test_a_neighbour_without_a_driver_does_no_harm(iommufd: Iommufd) -> None:
    with (
        binding.given(devices.address("e1000e-in-a-pair"), None),
        iommufd.open_device(devices.address("edu-in-a-pair")) as device,
    ):
        assert device.bar(0).read32(e.REG_ID) == e.ID


def test_who_has_the_group_open_has_the_device(cdev: Handle, iommufd: Iommufd) -> None:
    address = devices.address("edu")
    with Container() as container:
        with Group(container, binding.group(address)), refused(errno.EBUSY):
            bind(cdev, iommufd.fileno())
        with (
            container.open_device(address),
            pytest.raises(errors.DeviceBusy, match="exclude each other"),
        ):
            iommufd.open_device(address)
    bind(cdev, iommufd.fileno())


def test_who_has_the_device_bound_has_the_group(device: Device) -> None:
    number = binding.group(device.name)
    with refused(errno.EBUSY):
        Handle.open(KERNEL, f"/dev/vfio/{number}")
    with Container() as container, pytest.raises(errors.DeviceBusy) as error:
        container.open_device(device.name)
    assert error.value.errno == errno.EBUSY
    device.close()
    pyvfio.open_device(device.name, backend="legacy").close()


def test_a_group_goes_to_one_iommufd(iommufd: Iommufd) -> None:
    edu = iommufd.open_device(devices.address("edu-in-a-pair"))
    neighbour = devices.address("e1000e-in-a-pair")
    with Iommufd() as other, Handle.open(KERNEL, binding.cdev(neighbour)) as cdev:
        with refused(errno.EPERM):
            bind(cdev, other.fileno())
        assert bind(cdev, iommufd.fileno()) != edu.device_id


def test_a_driver_of_the_host_cannot_join_an_owned_group(iommufd: Iommufd) -> None:
    neighbour = devices.address("e1000e-in-a-pair")
    with binding.given(neighbour, None):
        with iommufd.open_device(devices.address("edu-in-a-pair")):
            override = binding.folder(neighbour) / "driver_override"
            override.write_text("e1000e\n")
            with pytest.raises(OSError, match=os.strerror(errno.EINVAL)):
                (binding.PCI / "drivers_probe").write_text(neighbour)
        assert binding.driver(neighbour) is None


# Attaching


def test_attaching_tells_the_page_table(device: Device, iommufd: Iommufd) -> None:
    first = attach(device.handle, iommufd.ioas.id)
    assert first != iommufd.ioas.id
    assert attach(device.handle, iommufd.ioas.id) == first == device.page_table_id


def test_one_address_space_replaces_another(device: Device, iommufd: Iommufd) -> None:
    other = iommufd.allocate_ioas()
    before = device.page_table_id
    assert attach(device.handle, other.id) != before
    device.attach(iommufd.ioas)


def test_there_must_be_something_to_attach_to(device: Device) -> None:
    with refused(errno.ENOENT):
        attach(device.handle, NO_SUCH_ID)
    with refused(errno.EINVAL):
        attach(device.handle, device.page_table_id or 0, UNKNOWN_FLAG)
    device_id = device.device_id
    assert device_id is not None
    with refused(errno.EINVAL):  # it is there, and no page table
        attach(device.handle, device_id)


def test_detaching_twice_is_once(device: Device) -> None:
    detach(device.handle)
    detach(device.handle)
    device.detach()


def test_there_are_no_pasids(device: Device, iommufd: Iommufd) -> None:
    with pytest.raises(errors.NotAvailable, match=r"6\.15") as error:
        device.attach(iommufd.ioas, pasid=1)
    assert error.value.errno == errno.EINVAL
    with pytest.raises(errors.NotAvailable, match=r"6\.15"):
        device.detach(pasid=1)


def test_a_group_uses_one_address_space(iommufd: Iommufd) -> None:
    """Its devices cannot be told apart by the IOMMU, so that where one goes the other must be."""
    names = ("edu-in-a-pair", "e1000e-in-a-pair")
    edu, nic = (iommufd.open_device(devices.address(name)) for name in names)
    assert edu.page_table_id == nic.page_table_id
    other = iommufd.allocate_ioas()
    edu.detach()
    with pytest.raises(errors.VfioError, match="all of a group use one") as error:
        edu.attach(other)
    assert error.value.errno == errno.EINVAL
    nic.detach()
    edu.attach(other)
    nic.attach(other)


def test_those_of_a_group_go_along(iommufd: Iommufd) -> None:
    """The one that is not named is elsewhere too, in the kernel and here."""
    one = iommufd.open_device(devices.address("edu-in-a-pair"))
    other = iommufd.open_device(devices.address("e1000e-in-a-pair"))
    left, taken = iommufd.ioas, iommufd.allocate_ioas()
    one.attach(taken)
    assert (other.attached_to, other.page_table_id) == (taken, one.page_table_id)
    assert other.dma is taken.dma
    left.close()
    with pytest.raises(errors.InUse):
        taken.close()
    one.detach()
    with pytest.raises(errors.InUse):
        taken.close()
    other.detach()
    taken.close()


# A file that somebody else has opened


def test_a_passed_file_becomes_a_device(iommufd: Iommufd) -> None:
    fd = os.open(binding.cdev(devices.address("edu")), os.O_RDWR)
    with iommufd.adopt_device(fd) as device, e.driven(device) as edu:
        assert edu.factorial(5) == 120
        assert device.name == devices.address("edu")
        with device.dma.allocate(4096) as memory:
            memory.memory[:4] = b"mine"
            edu.send(memory, 4)
    with pytest.raises(OSError, match=os.strerror(errno.EBADF)):
        os.fstat(fd)


def test_a_passed_iommufd_stays_open() -> None:
    fd = os.open("/dev/iommu", os.O_RDWR)
    with Iommufd(fd=fd) as iommufd:
        assert iommufd.open_device(devices.address("edu")).bar(0).read32(e.REG_ID) == e.ID
    with Iommufd(fd=fd) as again:
        again.open_device(devices.address("edu"))
    os.close(fd)


# Hot resets: the kernel knows by itself whose devices are


def test_a_hot_reset_needs_no_groups(device: Device) -> None:
    info = device.hot_reset_info()
    assert info.flags == pci.VFIO_PCI_HOT_RESET_FLAG_DEV_ID | (
        pci.VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED
    )
    (affected,) = info.affected
    assert affected.device_id == device.device_id
    order = pci.vfio_pci_hot_reset.sized(count=0)
    device.handle.ioctl(pci.VFIO_DEVICE_PCI_HOT_RESET, order)
    assert device.bar(0).read32(e.REG_ID) == e.ID


def test_a_hot_reset_takes_no_descriptors(device: Device) -> None:
    size = ctypes.sizeof(pci.vfio_pci_hot_reset)
    order = pci.vfio_pci_hot_reset(argsz=size + 4, count=1)
    fd = device.fileno().to_bytes(4, "little")
    with refused(errno.EINVAL):
        device.handle.ioctl(
            pci.VFIO_DEVICE_PCI_HOT_RESET, ctypes.create_string_buffer(bytes(order) + fd, size + 4)
        )


def test_devices_of_a_group_that_are_not_open_are_ours_too(iommufd: Iommufd) -> None:
    """The iommufd owns the group. Its second device has a driver, and nobody else can have it."""
    edu = iommufd.open_device(devices.address("edu-in-a-pair"))
    info = edu.hot_reset_info()
    assert info.flags & pci.VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED
    numbers = {each.address: each.device_id for each in info.affected}
    neighbour = PciAddress.parse(devices.address("e1000e-in-a-pair"))
    assert numbers[neighbour] == pci.VFIO_PCI_DEVID_OWNED
    assert numbers[PciAddress.parse(edu.name)] == edu.device_id
    edu.hot_reset()
