# SPDX-License-Identifier: GPL-2.0-or-later
"""Resets: of a function alone, and of all that is behind a port (hot reset)."""

from __future__ import annotations

import ctypes
import errno
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pyvfio import Device, Iommu, PciAddress, VfioError, errors
from pyvfio.opening import Backend
from pyvfio.uapi import pci
from tests.vm.guest import binding, devices, e1000e
from tests.vm.guest import nvme as n
from tests.vm.guest.backends import Opener
from tests.vm.guest.e1000e import E1000e
from tests.vm.guest.edu import Edu


@contextmanager
def reset_method(name: str, method: str) -> Iterator[None]:
    """Let Linux reset a device in this way alone."""
    path = binding.folder(devices.address(name)) / "reset_method"
    before = path.read_text()
    path.write_text(method)
    yield
    path.write_text(before)


def test_function_level_reset_of_nvme(nvme: Device) -> None:
    with n.driven(nvme) as controller:
        assert controller.identify()
        assert controller.registers.read32(n.REG_STATUS) & n.READY
        nvme.reset()
        # The kernel has put configuration space back, so that registers can be read.
        assert controller.registers.read32(n.REG_STATUS) & n.READY == 0
        assert controller.registers.read32(n.REG_CONFIGURATION) == 0
    with n.driven(nvme) as controller:
        assert controller.identify()


def test_bus_reset_of_e1000e(nic: E1000e) -> None:
    with reset_method("e1000e", "bus"):
        nic.registers.write32(e1000e.REG_VECTORS, e1000e.VECTORS)
        nic.device.reset()
        assert nic.registers.read32(e1000e.REG_VECTORS) == 0


def test_power_management_reset_of_e1000e(nic: E1000e) -> None:
    """It goes through; QEMU 7.2's e1000e keeps its registers in it."""
    with reset_method("e1000e", "pm"):
        nic.device.reset()
        assert nic.registers.read32(e1000e.REG_RECEIVE_ADDRESS) != 0


def test_bus_reset_of_edu(edu: Edu) -> None:
    edu.device.reset()
    assert edu.factorial(4) == 24


@pytest.mark.parametrize("name", ["edu-on-root-bus", "edu-in-a-pair"])
def test_what_cannot_be_reset_alone(name: str, open_device: Opener) -> None:
    with open_device(devices.address(name)) as device:
        with pytest.raises(errors.ResetUnsupported, match="hot reset") as error:
            device.reset()
        assert error.value.errno == errno.EINVAL


@pytest.mark.parametrize("name", ["edu", "nvme", "e1000e"])
def test_a_hot_reset_of_one(name: str, open_device: Opener) -> None:
    with open_device(devices.address(name)) as device:
        info = device.hot_reset_info()
        group = binding.group(devices.address(name))
        (affected,) = info.affected
        assert affected.address == PciAddress.parse(devices.address(name))
        # By its number in the iommufd, else by its group.
        expected = (-1, device.device_id) if device.device_id else (group, None)
        assert (affected.group, affected.device_id) == expected
        assert device.hot_reset() == info


def test_a_hot_reset_reaches_the_device(nic: E1000e) -> None:
    nic.registers.write32(e1000e.REG_VECTORS, e1000e.VECTORS)
    nic.device.hot_reset()
    assert nic.registers.read32(e1000e.REG_VECTORS) == 0


def test_a_hot_reset_of_two(iommu: Iommu) -> None:
    names = ("edu-in-a-pair", "e1000e-in-a-pair")
    edu, nic = (iommu.open_device(devices.address(name)) for name in names)
    affected = {str(each.address) for each in edu.hot_reset_info().affected}
    assert affected == {devices.address(name) for name in names}
    with e1000e.driven(nic) as neighbour:
        neighbour.registers.write32(e1000e.REG_VECTORS, e1000e.VECTORS)
        edu.hot_reset()
        assert neighbour.registers.read32(e1000e.REG_VECTORS) == 0


# Whose a neighbour without a driver is, iommufd's list tells before anything is tried.
BLOCKED = {"legacy": errno.EINVAL, "iommufd": errno.EPERM}


def test_a_neighbour_without_a_driver_keeps_the_bus_from_being_reset(
    backend: Backend, open_device: Opener
) -> None:
    neighbour = devices.address("e1000e-in-a-pair")
    with (
        binding.given(neighbour, None),
        open_device(devices.address("edu-in-a-pair")) as device,
    ):
        with pytest.raises(errors.HotResetBlocked, match=neighbour) as error:
            device.hot_reset()
        assert error.value.errno == BLOCKED[backend]
        assert error.value.blockers == (PciAddress.parse(neighbour),)


def test_there_is_no_hot_reset_on_a_root_bus(open_device: Opener) -> None:
    with open_device(devices.address("edu-on-root-bus")) as device:
        with pytest.raises(errors.ResetUnsupported, match="root bus") as error:
            device.hot_reset()
        assert error.value.errno == errno.ENODEV


def test_the_list_wants_room(edu: Edu) -> None:
    """Without, the kernel tells how many there are."""
    info = pci.vfio_pci_hot_reset_info.sized()
    with pytest.raises(VfioError) as error:
        edu.device.handle.ioctl(pci.VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, info)
    assert error.value.errno == errno.ENOSPC
    assert info.count == 1
    assert ctypes.sizeof(info) == info.argsz
