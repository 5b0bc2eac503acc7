# SPDX-License-Identifier: GPL-2.0-only
"""Machines of pyqom, and devices of this machine that are plugged into them as vfio-pci."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pyqom import (
    PCI_DEVICE_GET_CLASS,
    World,
    device_add,
    machine_start,
    object_add,
    object_get_objects_root,
    object_resolve_path_component,
    object_unparent,
)
from pyqom.pci_config import PCI_COMMAND, PCI_COMMAND_IO, PCI_COMMAND_MASTER, PCI_COMMAND_MEMORY
from pyvfio.opening import Backend
from qomgen_devices.vfio_pci import VFIOPCIDevice
from tests.vm.guest import devices

IOMMUFD = "iommufd0"
"""Id of the object that devices use which are not had through their groups."""


@contextmanager
def machine(series: str, backend: Backend) -> Iterator[list[str]]:
    """A machine of a QEMU series, and what it warns of; with iommufd its devices use that."""
    warnings: list[str] = []
    with World(series, warn=warnings.append):
        machine_start("q35")
        if backend == "iommufd":
            object_add({"qom-type": "iommufd", "id": IOMMUFD})
        yield warnings


@contextmanager
def plugged(name: str | None = None, **options: str | int) -> Iterator[VFIOPCIDevice]:
    """A realized vfio-pci of the device *name*, unplugged at the end.

    It uses the machine's iommufd, if there is one, unless the options say otherwise.
    """
    if name is not None and not {"host", "sysfsdev", "fd"} & options.keys():
        options["host"] = devices.address(name)
    if object_resolve_path_component(object_get_objects_root(), IOMMUFD) is not None:
        options.setdefault("iommufd", IOMMUFD)
    words = {key.replace("_", "-"): value for key, value in options.items()}
    vdev = device_add({"driver": "vfio-pci", **words})
    assert isinstance(vdev, VFIOPCIDevice)
    try:
        yield vdev
    finally:
        object_unparent(vdev)


def write(vdev: VFIOPCIDevice, address: int, value: int, length: int) -> None:
    hook = PCI_DEVICE_GET_CLASS(vdev).config_write
    assert hook is not None
    hook(vdev, address, value, length)


def read(vdev: VFIOPCIDevice, address: int, length: int) -> int:
    hook = PCI_DEVICE_GET_CLASS(vdev).config_read
    assert hook is not None
    return hook(vdev, address, length)


def switch_on(vdev: VFIOPCIDevice) -> None:
    """Let BARs answer and the device reach memory, as a guest does."""
    command = read(vdev, PCI_COMMAND, 2)
    switches = PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER
    write(vdev, PCI_COMMAND, command | switches, 2)
