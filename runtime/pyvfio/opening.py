# SPDX-License-Identifier: GPL-2.0-or-later
"""One call from a device's address to the device."""

from __future__ import annotations

from contextlib import ExitStack

from pyvfio.address import PciAddress
from pyvfio.container import Container
from pyvfio.device import Device
from pyvfio.iommu import Iommu
from pyvfio.kernel import Kernel
from pyvfio.sysfs import Sysfs


def open_device(
    where: PciAddress | str,
    *,
    iommu: Iommu | None = None,
    vf_token: str | None = None,
    kernel: Kernel | None = None,
) -> Device:
    """Open a device that is bound to a driver of VFIO.

    Args:
        where: Its PCI address, or its folder below /sys (QEMU's sysfsdev).
        iommu: The address space for it, None for one of its own that is closed with it.
        vf_token: UUID that the owner of the physical function has set, for its virtual ones.
        kernel: The kernel, that of `iommu` if one is given.

    Raises:
        VfioError: NotAvailable, PermissionDenied, DeviceBusy, GroupNotViable,
            NoInterruptRemapping, or as it comes.
        ValueError: `where` is no address and no folder.
    """
    place = Sysfs(kernel if iommu is None else iommu.kernel).place(where)
    if iommu is not None:
        return iommu.open_device(place, vf_token=vf_token)
    with ExitStack() as undo:
        own = Container(kernel)
        undo.callback(own.close)
        device = own.open_device(place, vf_token=vf_token)
        device.close_with(own)
        undo.pop_all()
    return device
