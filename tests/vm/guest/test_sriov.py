# SPDX-License-Identifier: GPL-2.0-or-later
"""Virtual functions of a device whose owner is a process: who knows the owner's token may have one.

The token is of the physical function: its owner sets it, and it holds until that function is taken
from VFIO. Linux asks for it where a device is had through its group; where it is bound to an
iommufd, only since 6.17.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

import pyvfio
from pyvfio import Container, Device, Iommu, errors
from tests.vm.guest import binding, devices
from tests.vm.guest import nvme as n
from tests.vm.guest.backends import Opener

TOKEN = "d0c0ffee-0000-4000-8000-00005ca1ab1e"  # noqa: S105 - no secret
OTHER = "0bad0bad-0000-4000-8000-000000000bad"

PARAMETER = Path("/sys/module/vfio_pci/parameters/enable_sriov")


class Virtual(NamedTuple):
    """The two virtual functions of the NVMe controller, by address, and the controller itself."""

    first: str
    second: str
    physical: Device


@contextmanager
def made() -> Iterator[tuple[str, str]]:
    """Have two virtual functions for a while; their addresses."""
    folder = binding.folder(devices.address("nvme"))
    PARAMETER.write_text("Y\n")
    (folder / "sriov_numvfs").write_text("2\n")
    try:
        first, second = ((folder / f"virtfn{i}").readlink().name for i in range(2))
        yield first, second
    finally:
        (folder / "sriov_numvfs").write_text("0\n")
        PARAMETER.write_text("N\n")


@pytest.fixture
def virtual(nvme: Device) -> Iterator[Virtual]:
    """Virtual functions of a controller that is open, by each way, and has set a token."""
    nvme.features.set_vf_token(TOKEN)
    with made() as (first, second):
        yield Virtual(first, second, nvme)


def legacy(address: str, token: str | None) -> Device:
    """Open a function through its group."""
    return pyvfio.open_device(address, backend="legacy", vf_token=token)


def test_vfio_must_be_told_to_have_virtual_functions(nvme: Device) -> None:
    number = binding.folder(nvme.name) / "sriov_numvfs"
    assert PARAMETER.read_text() == "N\n"
    with pytest.raises(OSError) as error:  # noqa: PT011 - its errno is looked at
        number.write_text("2\n")
    assert error.value.errno == errno.ENOENT
    assert number.read_text() == "0\n"


def test_virtual_functions_are_vfios_from_the_start(virtual: Virtual) -> None:
    addresses = (virtual.first, virtual.second, virtual.physical.name)
    assert {binding.driver(address) for address in addresses} == {binding.VFIO}
    assert len({binding.group(address) for address in addresses}) == 3
    assert len({binding.cdev(address) for address in addresses}) == 3


@pytest.mark.parametrize("token", [None, OTHER])
def test_without_the_token_there_is_none(virtual: Virtual, token: str | None) -> None:
    for address in (virtual.first, virtual.second):
        with pytest.raises(errors.PermissionDenied, match="vf_token") as error:
            legacy(address, token)
        assert error.value.errno == errno.EACCES


@pytest.mark.parametrize("token", [None, OTHER, TOKEN])
def test_an_iommufd_wants_no_token_of_this_kernel(virtual: Virtual, token: str | None) -> None:
    with pyvfio.open_device(virtual.first, backend="iommufd", vf_token=token) as device:
        assert device.config.vendor_id == 0x1B36


def test_with_the_token_it_is_a_device_like_others(virtual: Virtual, open_device: Opener) -> None:
    with open_device(virtual.first, vf_token=TOKEN) as device:
        # A virtual function has no ids of its own: the kernel tells those that its owner gives it.
        assert (device.config.vendor_id, device.config.device_id) == (0x1B36, 0x0010)
        assert device.info.resettable
        device.reset()
        # Its controller waits for the physical one to give it queues, and says that it failed.
        assert device.bar(0).read32(n.REG_STATUS) == n.FAILED


def test_several_are_open_at_once(virtual: Virtual, iommu: Iommu) -> None:
    """In one address space, and beside the physical function, which has its own."""
    first = iommu.open_device(virtual.first, vf_token=TOKEN)
    second = iommu.open_device(virtual.second, vf_token=TOKEN)
    with first.bar(0).map() as one, second.bar(0).map() as two:
        assert one.read32(n.REG_VERSION) == two.read32(n.REG_VERSION)
    first.config.set_bus_master(True)
    second.config.set_bus_master(False)
    assert [bool(each.config.command & 4) for each in (first, second)] == [True, False]
    assert first.dma is second.dma
    with n.driven(virtual.physical) as controller:
        assert controller.identify()


def test_a_virtual_function_is_driven(nvme: Device, open_device: Opener) -> None:
    """Its owner gives it queues and an interrupt; then it does DMA in an address space of its own."""
    nvme.features.set_vf_token(TOKEN)
    with n.driven(nvme) as controller:
        controller.give_up_resources()
    nvme.reset()
    with (
        made() as (address, _),
        open_device(address, vf_token=TOKEN) as device,
        n.driven(nvme) as owner,
        device.msix.enable() as (vector,),
    ):
        owner.switch_on(1)
        with n.driven(device, vector) as controller:
            # They are controllers of one subsystem: all but the number is the same.
            assert controller.identify()[:72] == owner.identify()[:72]
            assert controller.registers.read32(n.REG_STATUS) & n.READY


def test_the_token_may_be_told_when_the_physical_function_is_opened() -> None:
    with (
        legacy(devices.address("nvme"), TOKEN),
        made() as (first, second),
    ):
        legacy(first, TOKEN).close()
        with pytest.raises(errors.PermissionDenied):
            legacy(second, OTHER)


def test_only_what_has_virtual_functions_has_a_token() -> None:
    with pytest.raises(errors.VfioError) as error:
        legacy(devices.address("edu"), TOKEN)
    assert error.value.errno == errno.EINVAL


@pytest.fixture
def unreset() -> Iterator[None]:
    """The controller is not reset when it is closed.

    A reset takes its virtual functions away, which Linux puts back; not so in QEMU 7.2, that shows
    them as there and answers no more for them.
    """
    method = binding.folder(devices.address("nvme")) / "reset_method"
    before = method.read_text()
    method.write_text("\n")
    yield
    method.write_text(before)


@pytest.mark.usefixtures("unreset")
def test_the_owner_comes_back_with_the_token(open_device: Opener) -> None:
    """While somebody has a virtual function, the physical one is for who knows the token."""
    address = devices.address("nvme")
    physical = open_device(address)
    physical.features.set_vf_token(TOKEN)
    with made() as (first, second), legacy(first, TOKEN):
        physical.close()
        # The token stays when its owner goes.
        with pytest.raises(errors.PermissionDenied):
            legacy(second, None)
        for wrong in (None, OTHER):
            with pytest.raises(errors.PermissionDenied) as error:
                legacy(address, wrong)
            assert error.value.errno == errno.EACCES
        legacy(address, TOKEN).close()
        legacy(second, TOKEN).close()
    # Now nobody has one, and a new owner may come.
    legacy(address, None).close()


def test_the_token_goes_with_the_driver() -> None:
    address = devices.address("nvme")
    with legacy(address, None) as physical:
        physical.features.set_vf_token(TOKEN)
    with binding.given(address, None):
        pass
    with Container() as container:
        container.open_device(address)
        with made() as (first, _), pytest.raises(errors.PermissionDenied) as error:
            legacy(first, TOKEN)
        assert error.value.errno == errno.EACCES
