# SPDX-License-Identifier: GPL-2.0-or-later
"""IOMMU groups: who is in one, and who may have it."""

from __future__ import annotations

import ctypes
import errno
import functools
import os

import pytest

import pyvfio
from pyvfio import Container, Group, Sysfs, VfioError, errors
from pyvfio.uapi import container as uapi
from pyvfio.uapi import pci
from tests.vm.guest import binding, devices

open_device = functools.partial(pyvfio.open_device, backend="legacy")


def members(name: str) -> list[str]:
    """The functions that share the IOMMU group of a device."""
    return list(Sysfs().group_members(binding.group(devices.address(name))))


@pytest.mark.parametrize("name", ["edu-on-root-bus", "edu", "nvme", "e1000e"])
def test_a_slot_of_its_own_is_a_group(name: str) -> None:
    assert members(name) == [devices.address(name)]


def test_functions_of_a_slot_share_a_group() -> None:
    pair = [devices.address("edu-in-a-pair"), devices.address("e1000e-in-a-pair")]
    assert members("edu-in-a-pair") == pair


def test_a_group_with_a_driver_of_the_host_is_not_viable() -> None:
    neighbour = devices.address("e1000e-in-a-pair")
    with binding.given(neighbour, "e1000e"):
        with pytest.raises(errors.GroupNotViable, match=f"{neighbour}.*e1000e") as error:
            open_device(devices.address("edu-in-a-pair"))
        assert error.value.neighbours == {neighbour: "e1000e"}


def test_a_group_that_is_not_viable_gets_no_container() -> None:
    """What the kernel says itself to somebody who does not ask before."""
    with (
        binding.given(devices.address("e1000e-in-a-pair"), "e1000e"),
        Container() as container,
        Group(container, binding.group(devices.address("edu-in-a-pair"))) as group,
    ):
        assert not group.status().viable
        fd = ctypes.c_int32(container.handle.fileno())
        with pytest.raises(VfioError) as error:
            group.handle.ioctl(uapi.VFIO_GROUP_SET_CONTAINER, fd)
        assert error.value.errno == errno.EPERM


def test_a_neighbour_without_a_driver_does_no_harm() -> None:
    with binding.given(devices.address("e1000e-in-a-pair"), None), Container() as container:
        device = container.open_device(devices.address("edu-in-a-pair"))
        (group,) = container.groups.values()
        assert group.status().viable
        assert group.devices == (device,)


def test_a_driver_of_the_host_cannot_join_an_owned_group() -> None:
    neighbour = devices.address("e1000e-in-a-pair")
    with binding.given(neighbour, None):
        with open_device(devices.address("edu-in-a-pair")):
            override = binding.folder(neighbour) / "driver_override"
            override.write_text("e1000e\n")
            with pytest.raises(OSError, match=os.strerror(errno.EINVAL)):
                (binding.PCI / "drivers_probe").write_text(neighbour)
        assert binding.driver(neighbour) is None


def test_the_name_must_be_of_the_group() -> None:
    with Container() as container:
        group = container.open_group(binding.group(devices.address("edu")))
        with pytest.raises(errors.NotAvailable, match=devices.address("edu")) as error:
            group.open_device(devices.address("nvme"))
        assert error.value.errno == errno.ENODEV


def test_a_hot_reset_wants_the_groups() -> None:
    with Container() as container:
        edu = container.open_device(devices.address("edu"))
        order = pci.vfio_pci_hot_reset.sized(count=0)
        with pytest.raises(VfioError) as error:
            edu.handle.ioctl(pci.VFIO_DEVICE_PCI_HOT_RESET, order)
        assert error.value.errno == errno.EINVAL
