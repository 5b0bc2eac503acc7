# SPDX-License-Identifier: GPL-2.0-or-later
"""One call from a device's address to the device, by the best way that there is."""

from __future__ import annotations

import errno
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pyvfio.address import PciAddress
from pyvfio.container import CONTAINER, Container
from pyvfio.device import Device
from pyvfio.errors import NotAvailable
from pyvfio.iommu import Iommu
from pyvfio.iommufd import IOMMU, Iommufd
from pyvfio.kernel import Kernel
from pyvfio.noiommu import NoIommu, without_iommu
from pyvfio.sysfs import Place, Sysfs

Backend: TypeAlias = Literal["iommufd", "legacy", "noiommu"]
"""How a device is had: by itself through an iommufd, through its group and a container, or
without an IOMMU.
"""


@dataclass(frozen=True, slots=True)
class BackendChoice:
    """A way to a device, and why it was taken.

    Attributes:
        backend: The way: "iommufd" or "legacy".
        reason: Why, for people.
    """

    backend: Backend
    reason: str

    def __str__(self) -> str:
        return f"{self.backend}: {self.reason}"


def choose_backend(where: PciAddress | str, kernel: Kernel | None = None) -> BackendChoice:
    """Tell by which way `open_device` would open a device; nothing is opened.

    That is iommufd where the kernel has it, the device has a file of its own, and this user may
    open both; else the group and a container. A device without an IOMMU is never chosen.

    Raises:
        NotAvailable: there is no such device, or it has no IOMMU.
        ValueError: `where` is no address and no folder.
        VfioError: /sys cannot be read.
    """
    sysfs = Sysfs(kernel)
    return _choose(sysfs, _place(sysfs, where))


def _place(sysfs: Sysfs, where: PciAddress | str) -> Place:
    """Find a device, and refuse one that has no IOMMU: such are had on demand alone."""
    place = sysfs.place(where)
    if without_iommu(sysfs.kernel, place.group):
        advice = (
            f"{place.name} has no IOMMU, so that nothing keeps it from any memory of the machine:"
            ' it can be had with backend="noiommu" alone'
        )
        raise NotAvailable(errno.ENODEV, "open_device", place.path, advice=advice)
    return place


def _choose(sysfs: Sysfs, place: Place) -> BackendChoice:
    kernel = sysfs.kernel
    path = sysfs.cdev(place)
    if not kernel.exists(IOMMU):
        return BackendChoice("legacy", f"there is no {IOMMU} (CONFIG_IOMMUFD, module iommufd)")
    if path is None or not kernel.exists(path):
        why = "not bound to VFIO, or CONFIG_VFIO_DEVICE_CDEV is off"
        return BackendChoice("legacy", f"{place.name} has no file of its own ({why})")
    closed = [each for each in (IOMMU, path) if not kernel.may_open(each)]
    if closed:
        group = f"/dev/vfio/{place.group}"
        what = f"this user may not open {' and '.join(closed)}"
        if all(kernel.may_open(each) for each in (CONTAINER, group)):
            return BackendChoice("legacy", f"{what}, but {group}")
        return BackendChoice("iommufd", f"{what}, nor {group}")
    return BackendChoice("iommufd", f"there are {IOMMU}, and {path} of {place.name}")


def open_device(
    where: PciAddress | str,
    *,
    iommu: Iommu | None = None,
    backend: Backend | Literal["auto"] = "auto",
    vf_token: str | None = None,
    kernel: Kernel | None = None,
) -> Device:
    """Open a device that is bound to a driver of VFIO.

    Args:
        where: Its PCI address, or its folder below /sys (QEMU's sysfsdev).
        iommu: The address space for it, None for one of its own that is closed with it.
        backend: By which way, if no `iommu` is given; "auto" for what `choose_backend` tells.
            "noiommu" gives the device all memory of the machine.
        vf_token: UUID that the owner of the physical function has set, for its virtual ones.
        kernel: The kernel, that of `iommu` if one is given.

    Raises:
        VfioError: NotAvailable, PermissionDenied, DeviceBusy, GroupNotViable,
            NoInterruptRemapping, or as it comes.
        ValueError: `where` is no address and no folder, or `backend` is none, or is not that of
            `iommu`.
    """
    if iommu is not None:
        kind = {"iommufd": "iommufd", "noiommu": "noiommu"}.get(iommu.kind, "legacy")
        if backend not in ("auto", kind):
            raise ValueError(f"backend {backend!r}: what is given as iommu is {kind}")
        return iommu.open_device(_named(where), vf_token=vf_token)
    sysfs = Sysfs(kernel)
    if backend == "noiommu":
        return _open_with(NoIommu(kernel), _named(where), vf_token)
    place = _place(sysfs, where)
    chosen = _choose(sysfs, place).backend if backend == "auto" else backend
    match chosen:
        case "iommufd":
            return _open_with(Iommufd(kernel), place, vf_token)
        case "legacy":
            return _open_with(Container(kernel), place, vf_token)
    raise ValueError(f"backend {backend!r}: there are auto, iommufd, legacy and noiommu")


def _named(where: PciAddress | str) -> str:
    return where if isinstance(where, str) else str(where)


def _open_with(own: Iommu, where: Place | str, vf_token: str | None) -> Device:
    """Open a device with an address space that is closed with it."""
    with ExitStack() as undo:
        undo.callback(own.close)
        device = own.open_device(where, vf_token=vf_token)
        device.close_with(own)
        undo.pop_all()
    return device
