# SPDX-License-Identifier: GPL-2.0-or-later
"""Which driver a PCI function has, by /sys alone: pyvfio's own way of binding is tested elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PCI = Path("/sys/bus/pci")
VFIO = "vfio-pci"


def folder(address: str) -> Path:
    """What /sys has of the function."""
    return PCI / "devices" / address


def driver(address: str) -> str | None:
    """The name of its driver, None if it has none."""
    link = folder(address) / "driver"
    return link.readlink().name if link.is_symlink() else None


def group(address: str) -> int:
    """The number of its IOMMU group."""
    return int((folder(address) / "iommu_group").readlink().name)


def cdev(address: str) -> str:
    """The file of the function itself.  Raises `FileNotFoundError` when it is not VFIO's."""
    (name,) = os.listdir(folder(address) / "vfio-dev")  # noqa: PTH208 - a missing folder is told
    return f"/dev/vfio/devices/{name}"


def give(address: str, name: str | None) -> None:
    """Take its driver away and give it the one called *name*; None leaves it without.

    What unbinds a driver waits until the driver has let go: with vfio-pci, until whoever has the
    function open closes it.  Raises `OSError` when it does not get the driver.
    """
    if driver(address) is not None:
        (folder(address) / "driver" / "unbind").write_text(address)
    override = folder(address) / "driver_override"
    override.write_text(f"{name or ''}\n")
    if name is not None:
        (PCI / "drivers_probe").write_text(address)
        if driver(address) != name:
            raise OSError(f"{address} did not get {name}: it has {driver(address)}")


@contextmanager
def given(address: str, name: str | None) -> Iterator[None]:
    """Let it have another driver for a while."""
    before = driver(address)
    give(address, name)
    try:
        yield
    finally:
        give(address, before)
