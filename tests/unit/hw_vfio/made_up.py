# SPDX-License-Identifier: GPL-2.0-or-later
"""vfio-pci devices of a made-up kernel, plugged into a machine."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyqom import (
    Object,
    World,
    machine_start,
    object_add,
    object_property_set_qobject,
    object_unparent,
    object_unref,
    qdev_new,
    qdev_realize,
)
from pyqom.qbus_find import qbus_find
from pyqom.qdev_monitor import qdev_set_id
from pyqom.sysbus import sysbus_get_default
from pyqom.visitors import JSONValue
from qomgen_devices.vfio_pci import VFIOPCIDevice
from tests.unit.pyvfio.fake.kernel import FakeKernel

IOMMUFD = "iommufd0"
MAJOR = 511
"""Of the devices' own files."""


class Kernel(FakeKernel):
    """The made-up kernel, which also tells of the devices' own files what they are."""

    def stat(self, path: str) -> os.stat_result:
        self._step("stat")
        if path not in self.machine.cdevs():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        number = os.makedev(MAJOR, int(path.rpartition("vfio")[2]))
        told = (stat.S_IFCHR | 0o600, *[0] * 9)
        return os.stat_result(told, {"st_rdev": number})


class Heard:
    """What a world says: warnings, and QMP's events."""

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.events: list[tuple[str, dict[str, Any]]] = []

    def event(self, name: str, data: dict[str, object]) -> None:
        self.events.append((name, data))

    @property
    def states(self) -> list[str]:
        """The states of migration that were told."""
        return [data["device-state"] for name, data in self.events if name == "VFIO_MIGRATION"]


def folder(where: Path, address: str, group: int, cdev: int | None = None) -> Path:
    """Make a folder like the one that /sys has of a device, and return it."""
    made = where / address
    made.mkdir(exist_ok=True)
    link = made / "iommu_group"
    if not link.is_symlink():
        link.symlink_to(f"../iommu_groups/{group}")
    if cdev is not None:
        (made / "vfio-dev" / f"vfio{cdev}").mkdir(parents=True, exist_ok=True)
        (made / "vfio-dev" / f"vfio{cdev}" / "dev").write_text(f"{MAJOR}:{cdev}\n")
    return made


@contextmanager
def a_world(series: str = "10.0") -> Iterator[tuple[World, Heard]]:
    """A world with a machine, and what it says."""
    heard = Heard()
    with World(series, warn=heard.warnings.append, event=heard.event) as world:
        machine_start("q35")
        yield world, heard


def backend(**options: JSONValue) -> Object:
    """An object of -object iommufd."""
    return object_add({"qom-type": "iommufd", "id": IOMMUFD, **options})


@contextmanager
def plugged(
    kernel: FakeKernel, sysfsdev: Path | None, name: str | None = None, **properties: Any
) -> Iterator[VFIOPCIDevice]:
    """A realized vfio-pci on the bus of the current world's machine, unplugged at the end."""
    vdev = qdev_new("vfio-pci")
    assert isinstance(vdev, VFIOPCIDevice)
    vdev.vbasedev.kernel = kernel
    if sysfsdev is not None:
        vdev.vbasedev.sysfsdev = str(sysfsdev)
    try:
        qdev_set_id(vdev, name)
        for key, value in properties.items():
            object_property_set_qobject(vdev, key.replace("_", "-"), value)
        qdev_realize(vdev, qbus_find(sysbus_get_default(), "pcie.0"))
        yield vdev
    finally:
        object_unparent(vdev)
        object_unref(vdev)
