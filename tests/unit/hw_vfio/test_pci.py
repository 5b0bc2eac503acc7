# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: ARG001 - fixtures work by being named
"""hw_vfio.pci up to the kernel: what names a device, in QEMU's order, and the end of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hw_vfio import pci
from hw_vfio.device import (
    VFIODevice,
    basename,
    vfio_device_get_name,
    vfio_device_is_mdev,
    vfio_device_set_fd,
)
from pyqom import (
    PCI_DEVICE_GET_CLASS,
    QEMU_PCI_CAP_EXPRESS,
    QEMU_PCI_SKIP_RESET_ON_CPR,
    Error,
    World,
    device_add,
    device_cold_reset,
    machine_ready,
    object_add,
    object_new,
    object_property_get_qobject,
    object_property_set_qobject,
    object_unref,
)
from pyqom.visitors import JSONValue
from qomgen_devices.vfio_pci import VFIOPCIDevice
from tests.unit.pyqom.says import refused


def new() -> VFIOPCIDevice:
    made = object_new("vfio-pci")
    assert isinstance(made, VFIOPCIDevice)
    return made


def add(**options: JSONValue) -> None:
    device_add(
        {"driver": "vfio-pci", **{key.replace("_", "-"): value for key, value in options.items()}},
        monitor=False,
    )


def test_a_new_device_names_no_host_device(any_world: World) -> None:
    vdev = new()
    assert not vdev.host.is_set
    assert object_property_get_qobject(vdev, "host") == "ffff:ff:ff.f"
    assert vdev.nv_gpudirect_clique == 0xFF
    assert vdev.cap_present & QEMU_PCI_CAP_EXPRESS
    assert bool(vdev.cap_present & QEMU_PCI_SKIP_RESET_ON_CPR) == (any_world.series == "10.2")
    assert vdev.vbasedev.fd == (0 if any_world.series == "7.2" else -1)


def test_hooks_are_bound(any_world: World) -> None:
    pdc = PCI_DEVICE_GET_CLASS(new())
    assert (pdc.realize, pdc.exit) == (pci.realize, pci.exit)
    assert (pdc.config_read, pdc.config_write) == (pci.config_read, pci.config_write)


def test_no_host_device(any_world: World) -> None:
    with pytest.raises(Error) as caught:
        add()
    assert str(caught.value) == "No provided host device"
    by_fd = "" if any_world.series == "7.2" else "or -device vfio-pci,fd=DEVICE_FD "
    assert caught.value.hint == (
        f"Use -device vfio-pci,host=DDDD:BB:DD.F {by_fd}or -device vfio-pci,"
        "sysfsdev=PATH_TO_DEVICE\n"
    )


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"host": "1:2.3"}, "/sys/bus/pci/devices/0000:01:02.3"),
        ({"sysfsdev": "/nosuch"}, "/nosuch"),
        ({"sysfsdev": "/nosuch", "host": "1:2.3"}, "/nosuch"),
        ({"sysfsdev": ""}, ""),
    ],
)
def test_a_host_device_that_is_not_there(
    options: dict[str, JSONValue], path: str, any_world: World
) -> None:
    with refused(f"vfio {path}: no such host device: No such file or directory"):
        add(**options)


@pytest.fixture
def sysfsdev(tmp_path: Path) -> Path:
    """A folder like that of a device in IOMMU group 7."""
    device = tmp_path / "0000:01:00.0"
    device.mkdir()
    (device / "iommu_group").symlink_to("../../kernel/iommu_groups/7")
    return device


def test_a_device_without_a_group(sysfsdev: Path, any_world: World) -> None:
    (sysfsdev / "iommu_group").unlink()
    with refused("vfio 0000:01:00.0: no iommu_group found: No such file or directory"):
        add(sysfsdev=str(sysfsdev))


def test_a_device_with_a_strange_group(sysfsdev: Path, any_world: World) -> None:
    (sysfsdev / "iommu_group").unlink()
    (sysfsdev / "iommu_group").symlink_to("/strange")
    with pytest.raises(Error, match="failed to read /strange"):
        add(sysfsdev=str(sysfsdev))


def test_balloons_are_for_mediated_devices(sysfsdev: Path, any_world: World) -> None:
    with refused(
        "vfio 0000:01:00.0: x-balloon-allowed only potentially compatible with mdev devices"
    ):
        add(sysfsdev=str(sysfsdev), x_balloon_allowed=True)
    (sysfsdev / "subsystem").symlink_to("/sys/bus/mdev")
    with pytest.raises(Error, match="Could not open '/dev/vfio/"):
        add(sysfsdev=str(sysfsdev), x_balloon_allowed=True)


def test_a_group_that_is_not_bound_to_vfio(sysfsdev: Path, any_world: World) -> None:
    group = sysfsdev.joinpath("iommu_group").readlink().name
    path = f"/dev/vfio/{group}"
    with refused(f"vfio 0000:01:00.0: Could not open '{path}': No such file or directory"):
        add(sysfsdev=str(sysfsdev))


def test_a_device_that_is_not_open_answers_nothing(any_world: World) -> None:
    vdev = new()
    with pytest.raises(Error, match="is not open"):
        pci.config_read(vdev, 0, 4)
    with pytest.raises(Error, match="is not open"):
        pci.config_write(vdev, 0, 0, 4)
    device_cold_reset(vdev)


def test_a_hotplugged_device_needs_a_hotplug_bus(any_world: World) -> None:
    machine_ready()
    with refused("Bus 'pcie.0' does not support hotplugging"):
        device_add({"driver": "vfio-pci", "host": "1:2.3"})


# --- file descriptors -----------------------------------------------------------------------------


@pytest.mark.parametrize(("series", "kind"), [("10.0", "remote object"), ("10.2", "object")])
def test_a_descriptor_that_is_none(series: str, kind: str) -> None:
    with World(series):
        vdev = new()
        with refused(f"Could not parse {kind} fd xyz:Invalid file descriptor number 'xyz'"):
            object_property_set_qobject(vdev, "fd", "xyz")
        assert vdev.vbasedev.fd == -1


def test_a_descriptor_beats_every_name(world: World) -> None:
    vdev = new()
    object_property_set_qobject(vdev, "fd", "7")
    assert vdev.vbasedev.fd == 7
    with refused("Property 'vfio-pci.fd' is not readable"):
        object_property_get_qobject(vdev, "fd")
    with refused("Use FD passing only with iommufd backend"):
        add(fd="7", host="1:2.3", sysfsdev="/nosuch")


def test_names_of_passed_devices() -> None:
    for series, expected in (("10.0", "VFIO_FD7"), ("10.2", "net0")):
        with World(series):
            vdev = new()
            vdev.id = "net0"
            vbasedev = VFIODevice(fd=7, iommufd=vdev, dev=vdev)
            vfio_device_get_name(vbasedev)
            assert vbasedev.name == expected
            vdev.id = None
            vbasedev.name = None
            vfio_device_get_name(vbasedev)
            assert vbasedev.name == "VFIO_FD7"


def test_an_iommufd_object_is_linked(world: World) -> None:
    backend = object_add({"qom-type": "iommufd", "id": "i0"})
    with refused("vfio /nosuch: no such host device: No such file or directory"):
        add(sysfsdev="/nosuch", iommufd="i0")
    assert backend.ref == 1
    with refused("Device 'nosuch' not found"):
        add(iommufd="nosuch")
    with refused("Invalid parameter type for 'iommufd', expected: iommufd"):
        add(iommufd="/machine")


# --- small things ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (16, "Property x-nv-gpudirect-clique: valid range 0-15"),
        (256, "Parameter 'x-nv-gpudirect-clique' expects uint8_t"),
    ],
)
def test_clique_ids(value: int, text: str, any_world: World) -> None:
    vdev = new()
    assert object_property_get_qobject(vdev, "x-nv-gpudirect-clique") == 255
    object_property_set_qobject(vdev, "x-nv-gpudirect-clique", 15)
    with refused(text):
        object_property_set_qobject(vdev, "x-nv-gpudirect-clique", value)
    assert vdev.nv_gpudirect_clique == 15


def test_one_property_may_change_on_a_realized_device(world: World) -> None:
    vdev = new()
    vdev.realized = True
    object_property_set_qobject(vdev, "x-migration-multifd-transfer", "off")
    with refused(
        "Attempt to set property 'enable-migration' on anonymous device (type 'vfio-pci') after it"
        " was realized"
    ):
        object_property_set_qobject(vdev, "enable-migration", "off")
    vdev.realized = False


def test_finalize_forgets_what_the_module_kept(any_world: World) -> None:
    vdev = new()
    vdev.vbasedev.name = "x"
    object_unref(vdev)
    kept: list[object] = [vdev.vbasedev.name, vdev.vbasedev.dev, vdev.vbasedev.ops]
    assert kept == [None] * 3


def test_set_fd_keeps_the_old_one_in_10_0(world: World) -> None:
    vbasedev = VFIODevice(fd=3)
    with pytest.raises(Error):
        vfio_device_set_fd(vbasedev, "x")
    assert vbasedev.fd == 3


def test_mediated_devices_are_known_by_their_subsystem(tmp_path: Path) -> None:
    assert not vfio_device_is_mdev(VFIODevice())
    assert not vfio_device_is_mdev(VFIODevice(sysfsdev=str(tmp_path)))
    (tmp_path / "subsystem").symlink_to("/sys/bus/mdev")
    assert vfio_device_is_mdev(VFIODevice(sysfsdev=str(tmp_path)))


@pytest.mark.parametrize(
    ("path", "name"), [("/a/b", "b"), ("/a/b/", "b"), ("b", "b"), ("/", "/"), ("", ".")]
)
def test_base_names(path: str, name: str) -> None:
    """g_path_get_basename."""
    assert basename(path) == name
