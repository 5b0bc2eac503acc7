# SPDX-License-Identifier: GPL-2.0-only
"""-object iommufd and what uses it: descriptors that are passed, virtual functions, mediated devices."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import pyvfio
from hw_vfio.backends_iommufd import IOMMUFD_BACKEND
from pyqom import Error, object_add, object_del
from pyqom.pci_config import PCI_VENDOR_ID
from pyvfio import Hwpt, Ioas
from pyvfio.opening import Backend
from tests.vm.guest import binding, devices, edu, mdev, plugs
from tests.vm.guest.backends import BACKENDS
from tests.vm.guest.plugs import plugged, read

TOKEN = "d0c0ffee-0000-4000-8000-00005ca1ab1e"  # noqa: S105 - not a secret
OTHER = "0bad0bad-0000-4000-8000-000000000bad"
PARAMETER = Path("/sys/module/vfio_pci/parameters/enable_sriov")

EDU_IDS = edu.DEVICE << 16 | edu.VENDOR


@pytest.fixture(params=["10.0", "10.2"])
def machine(request: pytest.FixtureRequest) -> Iterator[str]:
    """A machine with an iommufd, of each series that knows one."""
    with plugs.machine(request.param, "iommufd"):
        yield request.param


@pytest.mark.usefixtures("machine")
def test_an_object_is_in_use_as_long_as_a_device_is() -> None:
    mine = IOMMUFD_BACKEND(object_add({"qom-type": "iommufd", "id": "mine"}))
    assert (mine.fd, mine.users) == (-1, 0)
    with plugged("edu", iommufd="mine") as first, plugged("nvme", iommufd="mine"):
        link = f"/proc/self/fd/{mine.fd}"
        assert os.readlink(link) == "/dev/iommu"  # noqa: PTH115 - it need not be a path
        assert mine.users == 2
        assert first.vbasedev.device is not None
        assert isinstance(first.vbasedev.device.attached_to, Hwpt)
        with pytest.raises(Error, match=r"^object 'mine' is in use, can not be deleted$"):
            object_del("mine")
    assert (mine.fd, mine.users) == (-1, 0)
    object_del("mine")


@pytest.mark.usefixtures("machine")
def test_an_iommufd_that_is_passed_stays_open() -> None:
    given = os.open("/dev/iommu", os.O_RDWR | os.O_CLOEXEC)
    try:
        mine = IOMMUFD_BACKEND(object_add({"qom-type": "iommufd", "id": "mine", "fd": str(given)}))
        for _ in range(2):
            with plugged("edu", iommufd="mine") as vdev:
                assert read(vdev, PCI_VENDOR_ID, 4) == EDU_IDS
            assert mine.fd == given
        object_del("mine")
        os.fstat(given)
    finally:
        os.close(given)


def test_a_device_that_is_passed_belongs_to_the_object(machine: str) -> None:
    """As QEMU has it: -object iommufd,fd=N -device vfio-pci,fd=M."""
    iommufd = os.open("/dev/iommu", os.O_RDWR | os.O_CLOEXEC)
    try:
        object_add({"qom-type": "iommufd", "id": "mine", "fd": str(iommufd)})
        given = os.open(binding.cdev(devices.address("edu")), os.O_RDWR | os.O_CLOEXEC)
        with plugged(fd=str(given), iommufd="mine") as vdev:
            assert read(vdev, PCI_VENDOR_ID, 4) == EDU_IDS
            assert vdev.vbasedev.name == f"VFIO_FD{given}"
        with pytest.raises(OSError, match="Bad file descriptor") as caught:
            os.fstat(given)
        assert caught.value.errno == errno.EBADF
        named = os.open(binding.cdev(devices.address("edu")), os.O_RDWR | os.O_CLOEXEC)
        with plugged(fd=str(named), iommufd="mine", id="mine0") as vdev:
            assert vdev.vbasedev.name == ("mine0" if machine == "10.2" else f"VFIO_FD{named}")
    finally:
        os.close(iommufd)


@pytest.mark.usefixtures("machine")
def test_what_is_passed_may_be_no_device() -> None:
    given = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    text = (
        rf"^vfio VFIO_FD{given}: error bind device fd={given} to iommufd=\d+: Inappropriate ioctl"
    )
    with pytest.raises(Error, match=text), plugged(fd=str(given)):
        pass
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(given)


@pytest.mark.usefixtures("machine")
def test_a_passed_device_needs_an_object() -> None:
    with (
        plugs.machine("10.0", "legacy"),
        pytest.raises(Error, match=r"^Use FD passing only with iommufd backend$"),
        plugged("edu", fd="0"),
    ):
        pass


# Virtual functions


@pytest.fixture
def virtual() -> Iterator[str]:
    """The address of a virtual function of the NVMe controller, whose owner has set a token."""
    PARAMETER.write_text("Y\n")
    with pyvfio.open_device(devices.address("nvme"), backend="legacy") as physical:
        physical.features.set_vf_token(TOKEN)
        folder = binding.folder(devices.address("nvme"))
        (folder / "sriov_numvfs").write_text("2\n")
        yield (folder / "virtfn0").readlink().name
        (folder / "sriov_numvfs").write_text("0\n")
    PARAMETER.write_text("N\n")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("series", ["10.0", "10.2"])
def test_a_virtual_function_with_its_token(virtual: str, series: str, backend: Backend) -> None:
    with plugs.machine(series, backend), plugged(host=virtual, vf_token=TOKEN) as vdev:
        assert read(vdev, PCI_VENDOR_ID, 4) == 0x00101B36


@pytest.mark.parametrize("token", [None, OTHER])
def test_a_virtual_function_without_it_through_its_group(virtual: str, token: str | None) -> None:
    options = {} if token is None else {"vf_token": token}
    group = binding.group(virtual)
    text = f"vfio {virtual}: error getting device from group {group}: Permission denied"
    with (
        plugs.machine("10.0", "legacy"),
        pytest.raises(Error, match=f"^{text}$") as caught,
        plugged(host=virtual, **options),
    ):
        pass
    assert "vf_token" in caught.value.hint


def test_linux_before_6_17_asks_for_no_token_of_a_device_by_itself(virtual: str) -> None:
    release = tuple(int(part) for part in os.uname().release.split(".")[:2])
    with plugs.machine("10.0", "iommufd"):
        if release < (6, 17):
            with plugged(host=virtual, vf_token=OTHER) as vdev:
                assert read(vdev, PCI_VENDOR_ID, 4) == 0x00101B36
        else:
            with pytest.raises(Error, match="Permission denied"), plugged(host=virtual):
                pass


# Mediated devices


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("series", ["10.0", "10.2"])
def test_a_mediated_device(mtty: str, series: str, backend: Backend) -> None:
    with plugs.machine(series, backend), plugged(sysfsdev=mtty, x_balloon_allowed=True) as vdev:
        assert read(vdev, PCI_VENDOR_ID, 2) == mdev.VENDOR
        assert vdev.vbasedev.mdev
        assert vdev.vbasedev.device is not None
        if backend == "iommufd":
            assert isinstance(vdev.vbasedev.device.attached_to, Ioas)


def test_a_mediated_device_by_its_link(mtty: str) -> None:
    link = f"/sys/bus/mdev/devices/{Path(mtty).name}"
    with plugs.machine("10.0", "iommufd"), plugged(sysfsdev=link) as vdev:
        assert vdev.vbasedev.name == Path(mtty).name
        assert vdev.vbasedev.mdev
