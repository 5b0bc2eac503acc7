# SPDX-License-Identifier: GPL-2.0-or-later
"""Resets of a PCI device: of the function alone, and of all that share its bus or slot."""

from __future__ import annotations

import ctypes
import errno
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyvfio import errors
from pyvfio.address import PciAddress
from pyvfio.errors import VfioError
from pyvfio.handle import Handle
from pyvfio.sysfs import Sysfs, harmless
from pyvfio.uapi import device as dev
from pyvfio.uapi import pci

if TYPE_CHECKING:
    from pyvfio.iommu import Iommu
    from pyvfio.kernel import Kernel


@dataclass(frozen=True, slots=True)
class AffectedDevice:
    """A device that a hot reset resets too (struct vfio_pci_dependent_device).

    Attributes:
        address: Where it sits.
        group: Its IOMMU group on the container's path, -1 on iommufd's.
        device_id: Its number in the iommufd, 0 for one of the same group, -1 for one of others;
            None on the container's path.
    """

    address: PciAddress
    group: int
    device_id: int | None = None


@dataclass(frozen=True, slots=True)
class HotResetInfo:
    """What a hot reset affects (struct vfio_pci_hot_reset_info).

    Attributes:
        affected: All devices that it resets, this one among them.
        flags: VFIO_PCI_HOT_RESET_FLAG_*.
    """

    affected: tuple[AffectedDevice, ...]
    flags: int


def reset(handle: Handle) -> None:
    """Reset the function alone (VFIO_DEVICE_RESET).

    Raises:
        ResetUnsupported: there is no way to; `Device.hot_reset` may do.
        VfioError: the kernel refused: EAGAIN if somebody else is at the device just now.
    """
    try:
        handle.ioctl(dev.VFIO_DEVICE_RESET)
    except VfioError as error:
        if error.errno in (errno.EINVAL, errno.ENOTTY):
            advice = (
                "Linux has no way to reset this function alone (reset_method in its folder below"
                " /sys is empty, or failed): try a hot reset of its bus"
            )
            raise error.refined(errors.ResetUnsupported, advice) from error
        raise


def hot_reset_info(handle: Handle) -> HotResetInfo:
    """Ask what a hot reset affects (VFIO_DEVICE_GET_PCI_HOT_RESET_INFO).

    Raises:
        ResetUnsupported: the device is on a root bus, or nothing can reset its bus.
        VfioError: the kernel refused.
        MalformedReply: the number of devices rises without end.
    """
    request = pci.VFIO_DEVICE_GET_PCI_HOT_RESET_INFO
    fixed = ctypes.sizeof(pci.vfio_pci_hot_reset_info)
    each = ctypes.sizeof(pci.vfio_pci_dependent_device)
    room = 0
    for _attempt in range(4):
        buffer = ctypes.create_string_buffer(fixed + room * each)
        info = pci.vfio_pci_hot_reset_info.from_buffer(buffer)
        info.argsz = len(buffer)
        try:
            handle.ioctl(request, buffer)
        except VfioError as error:
            # The kernel tells how many there are, and wants room for them.
            if error.errno != errno.ENOSPC or info.count <= room:
                raise _explain(error) from error
            room = info.count
            continue
        if info.count > room:
            break
        found = (pci.vfio_pci_dependent_device * info.count).from_buffer(buffer, fixed)
        by_id = bool(info.flags & pci.VFIO_PCI_HOT_RESET_FLAG_DEV_ID)
        return HotResetInfo(tuple(_affected(one, by_id=by_id) for one in found), info.flags)
    raise errors.MalformedReply(
        errno.EPROTO, request.name, handle.path, advice=f"{info.count} devices, room for {room}"
    )


def _affected(one: pci.vfio_pci_dependent_device, *, by_id: bool) -> AffectedDevice:
    address = PciAddress.of_devfn(one.segment, one.bus, one.devfn)
    if by_id:
        return AffectedDevice(address, -1, ctypes.c_int32(one.devid).value)
    return AffectedDevice(address, one.group_id)


def hot_reset(handle: Handle, iommu: Iommu) -> HotResetInfo:
    """Reset the bus or slot of a device (VFIO_DEVICE_PCI_HOT_RESET); tell what was reset.

    Raises:
        HotResetBlocked: it would reset a device that is not this process's, or has no driver of
            VFIO.
        ResetUnsupported: the bus cannot be reset.
        VfioError: the kernel refused.
    """
    info = hot_reset_info(handle)
    request = pci.VFIO_DEVICE_PCI_HOT_RESET
    shown = {"devices": " ".join(str(each.address) for each in info.affected)}
    owned = iommu.hot_reset_owned(info.affected)
    foreign = [each.address for each, ours in zip(info.affected, owned, strict=True) if not ours]
    if foreign:
        refused = VfioError(errno.EPERM, request.name, handle.path, shown)
        if idle := _idle(handle.kernel, foreign):
            raise _bind_first(refused, idle)
        advice = (
            f"it would reset {_named(foreign)} too, which this process does not have: open all of"
            " them with the same Container, or the same Iommufd"
        )
        raise refused.refined(errors.HotResetBlocked, advice, blockers=tuple(foreign))
    fds = iommu.hot_reset_fds(info.affected)
    fixed = ctypes.sizeof(pci.vfio_pci_hot_reset)
    buffer = ctypes.create_string_buffer(fixed + 4 * len(fds))
    order = pci.vfio_pci_hot_reset.from_buffer(buffer)
    order.argsz = len(buffer)
    order.count = len(fds)
    struct.pack_into(f"={len(fds)}i", buffer, fixed, *fds)
    try:
        handle.ioctl(request, buffer, **shown)
    except VfioError as error:
        raise _explain_refusal(error, handle, info) from error
    return info


def _explain(error: VfioError) -> VfioError:
    if error.errno == errno.ENODEV:
        advice = "the device is on a root bus, which cannot be reset"
        return error.refined(errors.ResetUnsupported, advice)
    return error


def _explain_refusal(error: VfioError, handle: Handle, info: HotResetInfo) -> VfioError:
    """Tell who keeps the bus from being reset."""
    if error.errno == errno.ENOTTY:
        advice = "the port above the device did not bring its link up again, or cannot reset it"
        return error.refined(errors.ResetUnsupported, advice)
    if idle := _idle(handle.kernel, [each.address for each in info.affected]):
        return _bind_first(error, idle)
    return error


def _idle(kernel: Kernel, addresses: list[PciAddress]) -> list[PciAddress]:
    """Return those of some functions that have no driver, or one of the host."""
    sysfs = Sysfs(kernel)
    found = []
    for each in addresses:
        try:
            driver = sysfs.pci(each).driver
        except VfioError:
            continue
        if driver is None or not harmless(driver):
            found.append(each)
    return found


def _bind_first(error: VfioError, idle: list[PciAddress]) -> VfioError:
    advice = f"{_named(idle)} must be bound to vfio-pci too: pyvfio bind"
    return error.refined(errors.HotResetBlocked, advice, blockers=tuple(idle))


def _named(addresses: list[PciAddress]) -> str:
    return ", ".join(map(str, addresses))
