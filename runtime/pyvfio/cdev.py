# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices that are opened by themselves, /dev/vfio/devices/vfioN, and tied to an iommufd."""

from __future__ import annotations

import ctypes
import errno
from typing import TYPE_CHECKING, TypeAlias
from uuid import UUID

from pyvfio import errors, viability
from pyvfio.errors import VfioError
from pyvfio.handle import Handle
from pyvfio.holders import holders, maps_a_device
from pyvfio.ioas import Hwpt, Ioas
from pyvfio.sysfs import Place, Sysfs
from pyvfio.uapi import device as uapi

if TYPE_CHECKING:
    from pyvfio.iommufd import Iommufd
    from pyvfio.kernel import Kernel

PageTable: TypeAlias = "Ioas | Hwpt"
"""What a device can be attached to."""

FIRST_BIND = uapi.vfio_device_bind_iommufd.token_uuid_ptr.offset
"""Size of the struct before Linux 6.17."""
FIRST_ATTACH = uapi.vfio_device_attach_iommufd_pt.pasid.offset
FIRST_DETACH = uapi.vfio_device_detach_iommufd_pt.pasid.offset
"""Sizes of the structs before Linux 6.15."""


UNSAFE = (
    "Switch interrupt remapping on in the firmware; where devices are trusted, root may set"
    " allow_unsafe_interrupts of the module iommufd"
)


def open_cdev(kernel: Kernel, place: Place) -> Handle:
    """Open a device's own file, which can do nothing until it is bound to an iommufd.

    Raises:
        NotAvailable: the device is not bound to VFIO, or this Linux has no such files.
        PermissionDenied: this user may not open it.
        VfioError: the kernel refused.
    """
    path = Sysfs(kernel).cdev(place)
    if path is None:
        whose = "no driver" if place.driver is None else f"driver {place.driver}"
        raise errors.NotAvailable(
            errno.ENOENT,
            "open",
            f"{place.path}/vfio-dev",
            advice=f"{place.name} ({whose}) is not bound to VFIO (pyvfio bind), or this Linux has"
            " no files of single devices (CONFIG_VFIO_DEVICE_CDEV)",
        )
    try:
        return Handle.open(kernel, path)
    except VfioError as error:
        raise _explain_open(error, place.name) from error


def _explain_open(error: VfioError, name: str) -> VfioError:
    match error.errno:
        case errno.ENOENT | errno.ENODEV | errno.ENXIO:
            advice = f"{name} has no file here: it went away, or this /dev does not show it"
            return error.refined(errors.NotAvailable, advice)
        case errno.EACCES | errno.EPERM:
            advice = (
                f"this user may not open {error.path}: give it to them (chown, or a udev rule for"
                ' SUBSYSTEM=="vfio-dev")'
            )
            return error.refined(errors.PermissionDenied, advice)
    return error


class Binding:
    """A device's tie to an iommufd, which ends when its file is closed.

    Attributes:
        device_id: The device's number in the iommufd.
        group: Number of its IOMMU group, None if that is not known.
        target: What it is attached to, None if nothing.
        page_table: Id of the page table that it uses, 0 if none.
    """

    def __init__(self, handle: Handle, iommufd: Iommufd, device_id: int, group: int | None) -> None:
        self.device_id = device_id
        self.group = group
        self.target: PageTable | None = None
        self.page_table = 0
        self._handle = handle
        self._iommufd = iommufd

    def attach(self, target: PageTable, pasid: int | None = None) -> None:
        """Attach the device, or attach it to something else (VFIO_DEVICE_ATTACH_IOMMUFD_PT).

        In the latter case those of its IOMMU group that are attached go along: the IOMMU cannot
        tell them apart.

        Raises:
            NotAvailable: PASID is asked for, which the kernel or the device has not.
            IovaOutOfRange: something is mapped where this device can have no mapping.
            MemlockExceeded: what is mapped would be pinned now, and may not.
            VfioError: the kernel refused: EINVAL if another device of the group is elsewhere.
        """
        order = uapi.vfio_device_attach_iommufd_pt(argsz=FIRST_ATTACH, pt_id=target.id)
        if pasid is not None:
            order.argsz = ctypes.sizeof(order)
            order.flags, order.pasid = uapi.VFIO_DEVICE_ATTACH_PASID, pasid
        shown = {"pt_id": target.id} | ({} if pasid is None else {"pasid": pasid})
        try:
            self._handle.ioctl(uapi.VFIO_DEVICE_ATTACH_IOMMUFD_PT, order, **shown)
        except VfioError as error:
            if pasid is not None:
                raise self._explain_pasid(error) from error
            raise self._explain_attach(error, target) from error
        if pasid is None:
            mates = () if self.target is None else self._iommufd.attached_of_group(self.group)
            for each in {self, *mates}:
                before, each.target, each.page_table = each.target, target, order.pt_id
                _refresh(before, target)

    def _explain_attach(self, error: VfioError, target: PageTable) -> VfioError:
        space = target.ioas if isinstance(target, Hwpt) else target
        match error.errno:
            case errno.ENOMEM:
                return space.explain_memlock(error, space.mapped_size)
            case errno.EADDRINUSE:
                advice = (
                    "something is mapped where this device can have no mapping, such as at its"
                    " interrupts' addresses, or is promised by allow_iovas: unmap it, attach, and"
                    " look at iova_ranges"
                )
                return error.refined(errors.IovaOutOfRange, advice)
            case errno.EFAULT:
                advice = "memory that is mapped in the address space is no memory any more"
                return error.refined(VfioError, advice)
            case errno.EINVAL:
                advice = (
                    "its IOMMU cannot use this page table, or another device of its IOMMU group is"
                    " attached to another one: all of a group use one"
                )
                return error.refined(VfioError, advice)
            case errno.ENOENT:
                advice = "the iommufd has nothing of this id that a device can be attached to"
                return error.refined(VfioError, advice)
        return error

    def _explain_pasid(self, error: VfioError) -> VfioError:
        if error.errno in (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOTTY):
            advice = (
                "page tables for a PASID need Linux 6.15, a device and an IOMMU that have PASIDs"
                " (hw_info.max_pasid_log2), and a page table that was allocated for it"
            )
            return error.refined(errors.NotAvailable, advice)
        return error

    def detach(self, pasid: int | None = None) -> None:
        """Let the device reach no memory; nothing happens if it does not.

        Raises:
            NotAvailable: PASID is asked for, which the kernel or the device has not.
            VfioError: the kernel refused; it stays attached then.
        """
        if pasid is None and self.target is None:
            return
        order = uapi.vfio_device_detach_iommufd_pt(argsz=FIRST_DETACH)
        shown: dict[str, object] = {}
        if pasid is not None:
            order.argsz = ctypes.sizeof(order)
            order.flags, order.pasid = uapi.VFIO_DEVICE_DETACH_PASID, pasid
            shown = {"pasid": pasid}
        try:
            self._handle.ioctl(uapi.VFIO_DEVICE_DETACH_IOMMUFD_PT, order, **shown)
        except VfioError as error:
            if pasid is not None:
                raise self._explain_pasid(error) from error
            raise
        if pasid is None:
            self._forget()

    def release(self) -> None:
        """Detach the device since it is to be closed, which ends the rest.

        Raises:
            VfioError: the kernel refused.
        """
        try:
            self.detach()
        finally:
            self._forget()

    def _forget(self) -> None:
        before, self.target, self.page_table = self.target, None, 0
        _refresh(before)


def _refresh(*targets: PageTable | None) -> None:
    """Let address spaces ask anew what can be mapped, since a device has come or gone."""
    for target in targets:
        if target is not None and not target.closed:
            target.dma.refresh()


def bind(
    handle: Handle, iommufd: Iommufd, place: Place | None, vf_token: str | None = None
) -> Binding:
    """Tie an open device to an iommufd (VFIO_DEVICE_BIND_IOMMUFD).

    Linux before 6.17 asks for no token here, be it a virtual function of an owner who has set one.

    Args:
        handle: The device's file.
        iommufd: Where to.
        place: Where the device is, for messages; None if that is not known.
        vf_token: UUID that the owner of the physical function has set, for its virtual ones.

    Raises:
        DeviceBusy: somebody else has bound it, has its group open, or has another of its group.
        GroupNotViable: a device of the group belongs to a driver of the host.
        NoInterruptRemapping: the IOMMU leaves devices free to forge interrupts.
        PermissionDenied: the token is missing or wrong.
        VfioError: the kernel refused.
    """
    try:
        number = _bind(handle, iommufd, vf_token)
    except VfioError as error:
        raise _explain_bind(error, handle, place, vf_token) from error
    return Binding(handle, iommufd, number, None if place is None else place.group)


def _bind(handle: Handle, iommufd: Iommufd, vf_token: str | None) -> int:
    plain = uapi.vfio_device_bind_iommufd(argsz=FIRST_BIND, iommufd=iommufd.fileno())
    shown = {"iommufd": iommufd.path}
    request = uapi.VFIO_DEVICE_BIND_IOMMUFD
    if vf_token is None:
        handle.ioctl(request, plain, **shown)
        return int(plain.out_devid)
    try:
        raw = UUID(vf_token).bytes
    except ValueError as error:
        advice = f"the vf_token {vf_token!r} is no UUID"
        raise VfioError(errno.EINVAL, request.name, handle.path, shown, advice) from error
    token = ctypes.create_string_buffer(raw, len(raw))
    order = uapi.vfio_device_bind_iommufd.sized(
        flags=uapi.VFIO_DEVICE_BIND_FLAG_TOKEN,
        iommufd=iommufd.fileno(),
        token_uuid_ptr=ctypes.addressof(token),
    )
    try:
        handle.ioctl(request, order, vf_token=vf_token, **shown)
    except VfioError as error:
        if error.errno != errno.EINVAL or _knows_tokens(handle, iommufd):
            raise
        handle.ioctl(request, plain, **shown)
        return int(plain.out_devid)
    return int(order.out_devid)


def _knows_tokens(handle: Handle, iommufd: Iommufd) -> bool:
    """Tell whether the kernel looks at tokens: one at address 0 is EFAULT to it then."""
    order = uapi.vfio_device_bind_iommufd.sized(
        flags=uapi.VFIO_DEVICE_BIND_FLAG_TOKEN, iommufd=iommufd.fileno()
    )
    try:
        handle.ioctl(uapi.VFIO_DEVICE_BIND_IOMMUFD, order)
    except VfioError as error:
        return error.errno != errno.EINVAL
    return True


def _explain_bind(
    error: VfioError, handle: Handle, place: Place | None, vf_token: str | None
) -> VfioError:
    match error.errno:
        case errno.EACCES:
            advice = (
                "this virtual function wants the vf_token of its physical function's owner"
                if vf_token is None
                else "the vf_token is not the one that the physical function's owner has set"
            )
            return error.refined(errors.PermissionDenied, advice)
        case errno.EBADF | errno.EBADFD:
            return error.refined(VfioError, "what was given as an iommufd is none")
        case errno.EINVAL:
            return _explain_bound(error, handle)
        case errno.EBUSY:
            return _explain_group_open(error, handle, place)
        case errno.EPERM:
            return _explain_ownership(error, handle, place)
    return error


def _explain_bound(error: VfioError, handle: Handle) -> VfioError:
    """Tell who has bound a device, which can be bound once."""
    if error.advice:
        return error
    found = holders(handle.kernel, handle.path, others=True)
    if found:
        advice = f"the device is open in process {', '.join(found)}"
    elif maps_a_device(handle.kernel):
        advice = (
            "the device is bound to an iommufd already: this process has a region of a device"
            " mapped still, which keeps it. Close the mapping, and release the views of it"
        )
    elif "vf_token" in error.arguments:
        advice = "the device wants no vf_token, or is bound to an iommufd already"
        return error.refined(VfioError, advice)
    else:
        advice = (
            "the device is bound to an iommufd already, by this process or by one that this user"
            " cannot see; or its IOMMU cannot keep its writes coherent with the caches"
        )
    return error.refined(errors.DeviceBusy, advice, holders=found)


def _explain_group_open(error: VfioError, handle: Handle, place: Place | None) -> VfioError:
    """Tell who has the group of a device open, which excludes the device's own file."""
    found = () if place is None else holders(handle.kernel, f"/dev/vfio/{place.group}")
    whose = "" if place is None else f" {place.group}"
    who = f" in process {', '.join(found)}" if found else ""
    advice = f"the device's IOMMU group{whose} is open{who}: a group and its devices' own files exclude each other"
    return error.refined(errors.DeviceBusy, advice, holders=found)


def _explain_ownership(error: VfioError, handle: Handle, place: Place | None) -> VfioError:
    """Tell why the kernel gives a device to nobody (EPERM), or not to this iommufd."""
    kernel = handle.kernel
    if place is not None and viability.guilty(kernel, place.group):
        return viability.explain(error, kernel, place.group)
    members = {} if place is None else viability.neighbours(kernel, place.group)
    others = [name for name in members if place is not None and name != place.name]
    if others:
        advice = (
            f"{', '.join(others)} of the same IOMMU group may be bound to another iommufd: all of a"
            " group belong to one. Otherwise the IOMMU does not remap interrupts: "
        )
        return error.refined(errors.NoInterruptRemapping, advice + UNSAFE)
    return error.refined(
        errors.NoInterruptRemapping,
        "the IOMMU does not remap interrupts, so the device could forge any. " + UNSAFE,
    )
