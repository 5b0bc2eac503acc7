# SPDX-License-Identifier: GPL-2.0-or-later
"""-object iommufd and devices that use it: users, descriptors, address spaces, and QEMU's texts when it fails.

Texts and order are those of hw/vfio/iommufd.c and backends/iommufd.c in QEMU 10.0.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hw_vfio import pci
from hw_vfio.backends_iommufd import IOMMUFD_BACKEND, iommufd_backend_disconnect
from pyqom import (
    Error,
    object_add,
    object_del,
    object_new,
    object_property_set_qobject,
    object_unref,
)
from pyqom.pci_config import PCI_INTERRUPT_PIN, PCI_VENDOR_ID
from pyvfio.ioas import Hwpt, Ioas
from pyvfio.uapi import iommufd as uapi
from qomgen_devices.vfio_pci import VFIOPCIDevice
from tests.unit.hw_vfio.made_up import IOMMUFD, Kernel, a_world, backend, folder, plugged
from tests.unit.pyqom.says import refused
from tests.unit.pyvfio.fake.iommufd import IommufdFile
from tests.unit.pyvfio.fake.machine import Machine
from tests.unit.pyvfio.fake.machines import (
    NIC,
    OTHER_TWIN,
    SOURCE,
    TOKEN,
    TWIN,
    VIRTUAL,
    standard,
)


@pytest.fixture
def machine() -> Iterator[Machine]:
    made = standard()
    made.iommufd = True
    made.functions[NIC].config[PCI_INTERRUPT_PIN] = 1
    yield made
    made.close()


@pytest.fixture
def kernel(machine: Machine) -> Kernel:
    return Kernel(machine)


def place(kernel: Kernel, where: Path, address: str) -> Path:
    """The device's folder below /sys."""
    function = kernel.machine.functions[address]
    number = int(kernel.machine.cdev_name(function).removeprefix("vfio"))
    return folder(where, address, function.group, number)


@contextmanager
def device(kernel: Kernel, where: Path, address: str, **properties: Any) -> Iterator[VFIOPCIDevice]:
    """A realized device that uses the world's iommufd object."""
    with plugged(kernel, place(kernel, where, address), iommufd=IOMMUFD, **properties) as vdev:
        yield vdev


@pytest.fixture(params=["10.0", "10.2"])
def world(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """A world with an iommufd object; its warnings."""
    with a_world(request.param) as (_, heard):
        backend()
        yield heard.warnings


@pytest.mark.usefixtures("world")
def test_a_device_uses_the_object(kernel: Kernel, tmp_path: Path) -> None:
    with device(kernel, tmp_path, NIC) as vdev:
        opened = vdev.vbasedev.device
        assert opened is not None
        assert opened.iommu.kind == "iommufd"
        assert isinstance(opened.attached_to, Hwpt)
        assert pci.config_read(vdev, PCI_VENDOR_ID, 4) == 0x10D38086
        assert vdev.vbasedev.devid == opened.device_id
        with opened.dma.allocate(4096) as page:
            assert page.size == 4096
    assert not kernel.leaks()


@pytest.mark.usefixtures("world")
def test_users_are_counted(kernel: Kernel, tmp_path: Path) -> None:
    used = object_add({"qom-type": "iommufd", "id": "used"})
    be = IOMMUFD_BACKEND(used)
    assert (be.fd, be.users, be.owned) == (-1, 0, True)
    in_use = "object 'used' is in use, can not be deleted"
    with plugged(kernel, place(kernel, tmp_path, NIC), iommufd="used"):
        assert be.users == 1
        assert be.fd >= 0
        with (
            refused(in_use),
            plugged(kernel, place(kernel, tmp_path, TWIN), iommufd="used"),
        ):
            assert be.users == 2
            object_del("used")
        assert be.users == 1
        with refused(in_use):
            object_del("used")
    assert (be.fd, be.users) == (-1, 0)
    iommufd_backend_disconnect(used)
    assert be.users == 0
    object_del("used")
    assert not kernel.leaks()


@pytest.mark.usefixtures("world")
def test_devices_share_one_address_space_of_an_object(kernel: Kernel, tmp_path: Path) -> None:
    object_add({"qom-type": "iommufd", "id": "another"})
    with (
        device(kernel, tmp_path, NIC) as first,
        device(kernel, tmp_path, SOURCE) as second,
        plugged(kernel, place(kernel, tmp_path, TWIN), iommufd="another") as third,
    ):
        found = [each.vbasedev.device for each in (first, second, third)]
        spaces = [each.dma for each in found if each is not None]
        assert spaces[0] is spaces[1]
        assert spaces[0] is not spaces[2]
        assert first.vbasedev.hwpt is second.vbasedev.hwpt
        assert len(kernel.iommufds) == 2
    assert not kernel.leaks()


@pytest.mark.usefixtures("world")
def test_the_address_space_lives_as_long_as_a_device(kernel: Kernel, tmp_path: Path) -> None:
    with device(kernel, tmp_path, SOURCE) as second:
        with device(kernel, tmp_path, NIC) as first:
            assert first.vbasedev.device is not None
            assert first.vbasedev.device.dma.allocate(4096).size == 4096
        assert second.vbasedev.device is not None
        assert len(second.vbasedev.device.dma.mappings) == 1
    assert not kernel.leaks()


@pytest.mark.usefixtures("world")
def test_a_mediated_device_has_no_page_table(
    kernel: Kernel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pci, "vfio_device_is_mdev", lambda _: True)
    with device(kernel, tmp_path, NIC, x_balloon_allowed=True) as vdev:
        assert vdev.vbasedev.device is not None
        assert isinstance(vdev.vbasedev.device.attached_to, Ioas)
        assert vdev.vbasedev.hwpt is None
    assert "IOMMU_GET_HW_INFO" not in kernel.calls
    assert not kernel.leaks()


def test_an_iommu_that_tracks_makes_migration_possible(
    kernel: Kernel, machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_it_is = IommufdFile._hw_info
    make = IommufdFile._hwpt_alloc

    def tracks(file: IommufdFile, order: uapi.iommu_hw_info) -> int:
        answer = as_it_is(file, order)
        order.out_capabilities = uapi.IOMMU_HW_CAP_DIRTY_TRACKING
        return answer

    def alloc(file: IommufdFile, order: uapi.iommu_hwpt_alloc) -> int:
        assert order.flags == uapi.IOMMU_HWPT_ALLOC_DIRTY_TRACKING
        order.flags = 0
        return make(file, order)

    machine.functions[SOURCE].extras.logs = False
    with a_world() as (world, _):
        backend()
        with device(kernel, tmp_path, SOURCE):
            assert len(world.migration_blockers) == 1
        monkeypatch.setattr(IommufdFile, "_hw_info", tracks)
        monkeypatch.setattr(IommufdFile, "_hwpt_alloc", alloc)
        with device(kernel, tmp_path, SOURCE) as vdev:
            assert vdev.vbasedev.iommu_dirty_tracking
            assert world.migration_blockers == []


# --- descriptors ----------------------------------------------------------------------------------


def test_an_iommufd_that_is_passed_stays_open(kernel: Kernel, tmp_path: Path) -> None:
    given = kernel.open("/dev/iommu")
    with a_world():
        be = IOMMUFD_BACKEND(backend(fd=str(given)))
        for _ in range(2):
            with device(kernel, tmp_path, NIC):
                assert (be.fd, be.owned, be.users) == (given, False, 1)
            assert (be.fd, be.users) == (given, 0)
            assert kernel.iommufds[0].objects == {}
        object_del(IOMMUFD)
    assert len(kernel.iommufds) == 1
    kernel.close(given)
    assert not kernel.leaks()


@pytest.mark.parametrize("series", ["10.0", "10.2"])
def test_a_device_that_is_passed_is_closed(series: str, kernel: Kernel, tmp_path: Path) -> None:
    path = f"/dev/vfio/devices/{kernel.machine.cdev_name(kernel.machine.functions[NIC])}"
    with a_world(series):
        backend()
        given = kernel.open(path)
        with plugged(kernel, None, "net0", iommufd=IOMMUFD, fd=str(given)) as vdev:
            assert vdev.vbasedev.fd == given
            assert vdev.vbasedev.name == ("net0" if series == "10.2" else f"VFIO_FD{given}")
            assert pci.config_read(vdev, PCI_VENDOR_ID, 4) == 0x10D38086
    assert not kernel.leaks()
    del tmp_path


def test_a_passed_device_needs_an_iommufd(kernel: Kernel, tmp_path: Path) -> None:
    with (
        a_world(),
        refused("Use FD passing only with iommufd backend"),
        plugged(kernel, place(kernel, tmp_path, NIC), fd="7"),
    ):
        pass


@pytest.mark.usefixtures("world")
def test_a_descriptor_that_is_none(kernel: Kernel) -> None:
    text = r"^vfio VFIO_FD9: error bind device fd=9 to iommufd=\d+: Bad file descriptor$"
    with pytest.raises(Error, match=text), plugged(kernel, None, iommufd=IOMMUFD, fd="9"):
        pass
    assert not kernel.leaks()


# --- tokens ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("knows", [False, True])
@pytest.mark.usefixtures("world")
def test_a_virtual_function_with_its_token(
    knows: bool, kernel: Kernel, machine: Machine, tmp_path: Path
) -> None:
    """Linux before 6.17 asks for none here, and QEMU before 11 sends none."""
    machine.bind_tokens = knows
    with device(kernel, tmp_path, VIRTUAL, vf_token=TOKEN) as vdev:
        assert vdev.vbasedev.device is not None
    wrong = TOKEN.replace("0011", "1100")
    for token in ({}, {"vf_token": wrong}):
        if knows:
            with (
                pytest.raises(Error, match=r"error bind device .* Permission denied"),
                device(kernel, tmp_path, VIRTUAL, **token),
            ):
                pass
        else:
            with device(kernel, tmp_path, VIRTUAL, **token):
                pass
    assert not kernel.leaks()


@pytest.mark.usefixtures("world")
def test_a_virtual_function_through_its_group(kernel: Kernel, tmp_path: Path) -> None:
    where = place(kernel, tmp_path, VIRTUAL)
    with plugged(kernel, where, vf_token=TOKEN):
        pass
    group = kernel.machine.functions[VIRTUAL].group
    text = f"vfio {VIRTUAL}: error getting device from group {group}: Permission denied"
    with refused(text), plugged(kernel, where):
        pass
    assert not kernel.leaks()


# --- what goes wrong ------------------------------------------------------------------------------

Spoil = Callable[[Kernel, Path], None]


def no_folder(_: Kernel, where: Path) -> None:
    for each in sorted(where.glob("vfio-dev/**/*"), reverse=True):
        each.unlink() if each.is_file() else each.rmdir()
    (where / "vfio-dev").rmdir()


def nothing_in_it(_: Kernel, where: Path) -> None:
    no_folder(_, where)
    (where / "vfio-dev").mkdir()


def no_number(_: Kernel, where: Path) -> None:
    next(where.glob("vfio-dev/*/dev")).unlink()


def a_strange_number(_: Kernel, where: Path) -> None:
    next(where.glob("vfio-dev/*/dev")).write_text("strange\n")


def another_number(_: Kernel, where: Path) -> None:
    next(where.glob("vfio-dev/*/dev")).write_text("1:3\n")


def not_bound(kernel: Kernel, _: Path) -> None:
    kernel.machine.functions[NIC].driver = None


def no_iommufd(kernel: Kernel, _: Path) -> None:
    kernel.machine.closed.add("/dev/iommu")


SPOILT: list[tuple[Spoil, str]] = [
    (
        no_folder,
        "vfio {0}/vfio-dev: couldn't open directory {0}/vfio-dev: No such file or directory",
    ),
    (nothing_in_it, "vfio {0}/vfio-dev: failed to find vfio-dev/vfioX/dev"),
    (no_number, 'vfio {0}/vfio-dev: failed to load "{0}/vfio-dev/vfio1/dev"'),
    (
        a_strange_number,
        'vfio {0}/vfio-dev: failed to get major:minor for "{0}/vfio-dev/vfio1/dev"',
    ),
    (another_number, "vfio {0}/vfio-dev: Failed to open /dev/vfio/devices/vfio1"),
    (not_bound, "vfio {0}/vfio-dev: Failed to open /dev/vfio/devices/vfio1"),
    (no_iommufd, "Could not open '/dev/iommu': Permission denied"),
]


@pytest.mark.parametrize(("spoil", "text"), SPOILT)
@pytest.mark.usefixtures("world")
def test_a_device_that_cannot_be_opened(
    spoil: Spoil, text: str, kernel: Kernel, tmp_path: Path
) -> None:
    where = place(kernel, tmp_path, NIC)
    spoil(kernel, where)
    with (
        refused(f"vfio {NIC}: {text.format(where)}"),
        plugged(kernel, where, iommufd=IOMMUFD),
    ):
        pass
    assert not kernel.leaks()


REFUSED = {
    "VFIO_DEVICE_BIND_IOMMUFD": r"error bind device fd=\d+ to iommufd=\d+",
    "IOMMU_GET_HW_INFO": "Failed to get hardware info",
    "IOMMU_IOAS_ALLOC": "Failed to allocate ioas",
    "IOMMU_HWPT_ALLOC": "Failed to allocate hwpt",
    "VFIO_DEVICE_ATTACH_IOMMUFD_PT": rf"\[iommufd=\d+\] error attach {NIC} \(\d+\) to id=\d+",
    "VFIO_DEVICE_GET_INFO": "error getting device info",
}


@pytest.mark.parametrize("call", REFUSED)
@pytest.mark.usefixtures("world")
def test_what_the_kernel_refuses(call: str, kernel: Kernel, tmp_path: Path) -> None:
    where = place(kernel, tmp_path, NIC)
    with plugged(kernel, where, iommufd=IOMMUFD):
        number = kernel.calls.index(call) + 1
    kernel.calls.clear()
    kernel.fail_at, kernel.fail_with = number, errno.EIO
    text = rf"^vfio {NIC}: {REFUSED[call]}: Input/output error$"
    with pytest.raises(Error, match=text), plugged(kernel, where, iommufd=IOMMUFD):
        pass
    kernel.fail_at = None
    assert not kernel.leaks()


@pytest.mark.usefixtures("world")
def test_what_could_not_be_opened_can_be_tried_again(kernel: Kernel, tmp_path: Path) -> None:
    where = place(kernel, tmp_path, NIC)
    kernel.machine.closed.add("/dev/iommu")
    with a_world():
        backend()
        vdev = object_new("vfio-pci")
        assert isinstance(vdev, VFIOPCIDevice)
        vdev.vbasedev.kernel, vdev.vbasedev.sysfsdev = kernel, str(where)
        object_property_set_qobject(vdev, "iommufd", IOMMUFD)
        with pytest.raises(Error, match="Permission denied"):
            pci.realize(vdev)
        kernel.machine.closed.clear()
        pci.realize(vdev)
        assert pci.config_read(vdev, PCI_VENDOR_ID, 4) == 0x10D38086
        object_unref(vdev)
    assert not kernel.leaks()


@pytest.mark.usefixtures("world")
def test_a_second_realize_is_refused(kernel: Kernel, tmp_path: Path) -> None:
    with device(kernel, tmp_path, NIC):
        with (
            pytest.raises(Error, match=r"error bind device fd=\d+ to iommufd=\d+: "),
            device(kernel, tmp_path, NIC),
        ):
            pass
        group = kernel.machine.functions[NIC].group
        text = f"vfio {NIC}: Could not open '/dev/vfio/{group}': Device or resource busy"
        with refused(text), plugged(kernel, place(kernel, tmp_path, NIC)):
            pass
    assert not kernel.leaks()


# --- reset ----------------------------------------------------------------------------------------


def test_a_bus_with_another_device_of_this_machine_is_left_alone(
    kernel: Kernel, machine: Machine, tmp_path: Path
) -> None:
    for address in (TWIN, OTHER_TWIN):
        machine.functions[address].resettable = False
        machine.functions[address].driver = "vfio-pci"
    with a_world() as (_, heard):
        backend()
        with device(kernel, tmp_path, TWIN) as first:
            kernel.calls.clear()
            pci.reset(first)
            assert "VFIO_DEVICE_PCI_HOT_RESET" in kernel.calls
            with device(kernel, tmp_path, OTHER_TWIN):
                kernel.calls.clear()
                pci.reset(first)
                assert "VFIO_DEVICE_PCI_HOT_RESET" not in kernel.calls
        assert heard.warnings == []
    assert not kernel.leaks()


def test_monitors_pass_descriptors_by_name(kernel: Kernel) -> None:
    with a_world() as (world, _):
        world.monitor_fds["given"] = given = kernel.open("/dev/iommu")
        made = backend(fd="given")
        be = IOMMUFD_BACKEND(made)
        assert (be.fd, be.owned) == (given, False)
        world.in_monitor = True
        text = "File descriptor named 'no' has not been found"
        with refused(f"Could not parse remote object fd no:{text}"):
            object_property_set_qobject(made, "fd", "no")
        assert (be.fd, be.owned) == (given, False)
        kernel.close(given)
