# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices without an IOMMU: nothing keeps them from any memory of the machine.

The kernel lets nobody have them like this until the administrator switches that on. Nothing here
does it for them.
"""

from __future__ import annotations

import errno

from pyvfio import errors
from pyvfio.container import Container
from pyvfio.device import Device
from pyvfio.errors import VfioError
from pyvfio.group import Group
from pyvfio.iova import IovaRange
from pyvfio.kernel import Kernel
from pyvfio.sysfs import Place, Sysfs
from pyvfio.uapi import container as uapi

SWITCH = "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"


def switched_on(kernel: Kernel) -> bool | None:
    """Tell whether the administrator allows devices without an IOMMU; None if Linux cannot."""
    try:
        return kernel.read_file(SWITCH).strip() in (b"Y", b"1")
    except OSError:
        return None


def explain(kernel: Kernel, name: str) -> str:
    """Tell what the administrator must do for a device to be had without an IOMMU."""
    risk = "a device without an IOMMU can read and write all memory of the machine"
    match switched_on(kernel):
        case None:
            return (
                "this Linux has no such mode (CONFIG_VFIO_NOIOMMU), or the module vfio is not"
                f" loaded; {risk}"
            )
        case False:
            return (
                f"the mode is off. If the administrator accepts that {risk}, root writes 1 to"
                f" {SWITCH}, and then binds {name} to vfio-pci anew"
            )
    return (
        f"the mode is on, but {name} was bound before that, or is not bound to VFIO, or has an"
        " IOMMU: bind it to vfio-pci anew, or use the IOMMU"
    )


NO_TRANSLATION = (
    "there is no IOMMU that translates: the device uses physical addresses, which Linux does not"
    " give to programs"
)


class NoIommu(Container):
    """A container for devices that have no IOMMU. Ask for it by name; nothing else gives it.

    Regions and interrupts are as everywhere. DMA cannot be mapped, since nothing translates it:
    the device reaches whatever its driver, or an error in that, tells it to. Opening a device
    needs the capability CAP_SYS_RAWIO, and marks the kernel as tainted.
    """

    iommu_type = (uapi.VFIO_NOIOMMU_IOMMU, "VFIO_NOIOMMU_IOMMU")
    kind_name = "noiommu"

    def group_path(self, number: int) -> str:
        """Return the file of a group that VFIO made for a device without an IOMMU."""
        return f"/dev/vfio/noiommu-{number}"

    def open_device(self, where: Place | str, *, vf_token: str | None = None) -> Device:
        """Open a device that has no IOMMU.

        Raises:
            NotAvailable: the administrator has not allowed it, or the device has an IOMMU; the
                advice tells which, and what to do.
            PermissionDenied: this process has not the capability CAP_SYS_RAWIO.
            VfioError: as `Container.open_device`.
            ValueError: `where` names no device.
        """
        name = where if isinstance(where, str) else where.name
        if isinstance(where, str):
            where = self._place(where)
        if not without_iommu(self.kernel, where.group):
            advice = (
                f"{name} has an IOMMU, in whose group {where.group} it is, or is not bound to VFIO:"
                ' use it by the IOMMU (backend="auto")'
            )
            raise self._refused(where.path, advice)
        return super().open_device(where, vf_token=vf_token)

    def _place(self, where: str) -> Place:
        try:
            return Sysfs(self.kernel).place(where)
        except errors.NotAvailable as error:
            # There is no group before the switch is on and the device bound.
            if error.call != "readlink":
                raise
            advice = explain(self.kernel, where)
            raise error.refined(errors.NotAvailable, advice) from error

    def open_group(self, number: int) -> Group:
        """Put a group into the container, or return it if it is there.

        Raises:
            PermissionDenied: this process has not the capability CAP_SYS_RAWIO.
            VfioError: as `Container.open_group`.
        """
        try:
            return super().open_group(number)
        except VfioError as error:
            if error.errno != errno.EPERM:
                raise
            advice = "a device without an IOMMU is for those alone who have CAP_SYS_RAWIO"
            raise error.refined(errors.PermissionDenied, advice) from error

    def page_size(self) -> int:
        """Return the page of memory in bytes."""
        return self.kernel.page_size

    def iova_ranges(self) -> tuple[IovaRange, ...]:
        """Fail, since there is no translation.

        Raises:
            NotAvailable: always.
        """
        raise self._refused(self.path, NO_TRANSLATION)

    def map_dma(self, vaddr: int, iova: int, size: int, *, read: bool, write: bool) -> None:
        """Fail, since there is no translation.

        Raises:
            NotAvailable: always.
        """
        raise self._refused(self.path, NO_TRANSLATION)

    def unmap_dma(self, iova: int, size: int) -> int:
        """Do nothing, since nothing is mapped; return 0."""
        return 0

    def unmap_all_dma(self) -> int:
        """Do nothing, since nothing is mapped; return 0."""
        return 0

    def _refused(self, path: str, advice: str) -> errors.NotAvailable:
        return errors.NotAvailable(errno.ENOTTY, "noiommu", path, advice=advice)


def without_iommu(kernel: Kernel, group: int) -> bool:
    """Tell whether VFIO made a group itself, for a device that has no IOMMU.

    The group's name does not tell: mediated devices have one of the same, and need no IOMMU, since
    their driver does all DMA for them.
    """
    return kernel.exists(f"/sys/class/vfio/noiommu-{group}")
