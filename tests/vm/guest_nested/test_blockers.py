# SPDX-License-Identifier: GPL-2.0-only
"""Devices that cannot migrate, or must not: pyqom says of them what a real QEMU 10.0 says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pyqom import Error, current, object_del
from pyqom.qmp import qmp_dispatch
from pyvfio.opening import Backend
from tests.vm.guest import binding, devices, mdev, plugs
from tests.vm.guest_nested.innermost import Innermost, QemuError

BACKEND: dict[Backend, tuple[str, tuple[str, ...]]] = {
    "legacy": ("", ()),
    "iommufd": (f",iommufd={plugs.IOMMUFD}", ("-object", f"iommufd,id={plugs.IOMMUFD}")),
}
"""What is added to -device, and what stands before it."""


@pytest.fixture
def folders() -> Iterator[dict[str, str]]:
    """Where the devices are below /sys: one that cannot migrate, and one that can."""
    address = devices.address("edu")
    with binding.given(address, binding.VFIO), mdev.created() as folder:
        yield {"edu": str(binding.folder(address)), "mtty": folder}


def options(text: str) -> dict[str, Any]:
    """Options of the command line, as keywords."""
    pairs = (each.partition("=") for each in text.split(",") if each)
    return {key.replace("-", "_"): value for key, _, value in pairs}


@pytest.mark.parametrize(
    ("name", "backend", "more"),
    [
        ("edu", "legacy", ""),
        ("edu", "iommufd", ""),
        ("edu", "legacy", "enable-migration=off"),
        ("mtty", "legacy", ""),
        ("mtty", "iommufd", "x-device-dirty-page-tracking=off"),
        ("mtty", "legacy", "enable-migration=off"),
    ],
)
def test_what_keeps_the_machine_from_migrating(
    name: str, backend: Backend, more: str, folders: dict[str, str]
) -> None:
    option, before = BACKEND[backend]
    device = f"vfio-pci,sysfsdev={folders[name]}{option}" + (f",{more}" if more else "")
    with Innermost(*before, "-device", device) as machine:
        theirs = machine.qmp("query-migrate")
    with (
        plugs.machine("10.0", backend),
        plugs.plugged(sysfsdev=folders[name], **options(more)),
    ):
        assert qmp_dispatch(current(), "query-migrate", {}) == theirs
    assert bool(theirs) == (name == "edu" or bool(more))


@pytest.mark.parametrize(
    ("name", "more", "migratable"),
    [("edu", "enable-migration=on", False), ("edu", "", True), ("mtty", "", True)],
)
def test_what_is_refused(name: str, more: str, migratable: bool, folders: dict[str, str]) -> None:
    device = f"vfio-pci,sysfsdev={folders[name]}" + (f",{more}" if more else "")
    words = ("-only-migratable",) if migratable else ()
    theirs = ""
    try:
        with Innermost(*words, "-device", device):
            pass
    except QemuError as error:
        theirs = str(error)
    ours = ""
    with plugs.machine("10.0", "legacy"):
        current().only_migratable = migratable
        try:
            with plugs.plugged(sysfsdev=folders[name], **options(more)):
                pass
        except Error as error:
            ours = str(error)
    assert bool(ours) == bool(theirs) == (name == "edu")
    assert theirs.endswith(ours)


def test_an_object_that_is_in_use(folders: dict[str, str]) -> None:
    option, before = BACKEND["iommufd"]
    with (
        Innermost(*before, "-device", f"vfio-pci,sysfsdev={folders['edu']}{option}") as machine,
        pytest.raises(QemuError) as theirs,
    ):
        machine.qmp("object-del", id=plugs.IOMMUFD)
    with (
        plugs.machine("10.0", "iommufd"),
        plugs.plugged(sysfsdev=folders["edu"]),
        pytest.raises(Error) as ours,
    ):
        object_del(plugs.IOMMUFD)
    assert str(ours.value) == str(theirs.value)


def test_a_device_that_is_there_already(folders: dict[str, str]) -> None:
    """Twice in one machine, through its group."""
    device = ("-device", f"vfio-pci,sysfsdev={folders['edu']}")
    with pytest.raises(QemuError) as theirs, Innermost(*device, *device):
        pass
    with (
        plugs.machine("10.0", "legacy"),
        plugs.plugged(sysfsdev=folders["edu"]),
        pytest.raises(Error) as ours,
        plugs.plugged(sysfsdev=folders["edu"]),
    ):
        pass
    assert str(theirs.value).endswith(str(ours.value))
