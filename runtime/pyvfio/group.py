# SPDX-License-Identifier: GPL-2.0-or-later
"""IOMMU groups: devices that cannot be told apart by the IOMMU, and so go to one owner."""

from __future__ import annotations

import ctypes
import errno
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyvfio import errors, viability
from pyvfio.closing import Closing
from pyvfio.device import Device
from pyvfio.errors import VfioError
from pyvfio.handle import Handle
from pyvfio.holders import holders, maps_a_device
from pyvfio.sysfs import Sysfs
from pyvfio.uapi import container as uapi

if TYPE_CHECKING:
    from pyvfio.container import Container


@dataclass(frozen=True, slots=True)
class GroupStatus:
    """How a group is (struct vfio_group_status).

    Attributes:
        viable: No driver of the host has a device of it.
        container_set: It is in a container.
    """

    viable: bool
    container_set: bool


class Group(Closing):
    """An open /dev/vfio/NUMBER. A container makes it: `Container.open_group`.

    Attributes:
        container: The container that it is for.
        number: Its number.
        close_with_last: Whether it closes when the last of its devices does.
    """

    def __init__(self, container: Container, number: int) -> None:
        self.container = container
        self.number = number
        self.kernel = container.kernel
        self.close_with_last = False
        self._devices: list[Device] = []
        try:
            self.handle = Handle.open(self.kernel, container.group_path(number))
        except VfioError as error:
            raise self._explain_open(error) from error

    @property
    def path(self) -> str:
        """The file that it was opened by."""
        return self.handle.path

    @property
    def devices(self) -> tuple[Device, ...]:
        """Its devices that are open."""
        return tuple(self._devices)

    def fileno(self) -> int:
        """Return the descriptor.

        Raises:
            Closed: there is none any more.
        """
        return self.handle.fileno()

    def status(self) -> GroupStatus:
        """Ask how it is (VFIO_GROUP_GET_STATUS).

        Raises:
            VfioError: the kernel refused.
        """
        status = uapi.vfio_group_status.sized()
        self.handle.ioctl(uapi.VFIO_GROUP_GET_STATUS, status)
        return GroupStatus(
            viable=bool(status.flags & uapi.VFIO_GROUP_FLAGS_VIABLE),
            container_set=bool(status.flags & uapi.VFIO_GROUP_FLAGS_CONTAINER_SET),
        )

    def set_container(self) -> None:
        """Put it into its container (VFIO_GROUP_SET_CONTAINER).

        Raises:
            GroupNotViable: a driver of the host has a device of it.
            VfioError: the kernel refused.
        """
        shown = {"container": self.container.path}
        if not self.status().viable:
            refused = VfioError(errno.EPERM, uapi.VFIO_GROUP_GET_STATUS.name, self.path, shown)
            raise viability.explain(refused, self.kernel, self.number)
        # The kernel wants the descriptor in memory.
        fd = ctypes.c_int32(self.container.handle.fileno())
        try:
            self.handle.ioctl(uapi.VFIO_GROUP_SET_CONTAINER, fd, **shown)
        except VfioError as error:
            if error.errno == errno.EPERM:
                raise viability.explain(error, self.kernel, self.number) from error
            raise

    def open_device(self, name: str, *, vf_token: str | None = None) -> Device:
        """Open one of its devices (VFIO_GROUP_GET_DEVICE_FD).

        Args:
            name: As in the group's folder below /sys: `0000:00:10.0`.
            vf_token: UUID that the owner of the physical function has set, for its virtual ones.

        Raises:
            NotAvailable: there is no such device in the group, or it is not bound to VFIO.
            PermissionDenied: the token is missing or wrong.
            VfioError: the kernel refused.
        """
        asked = name if vf_token is None else f"{name} vf_token={vf_token}"
        text = ctypes.create_string_buffer(asked.encode())
        try:
            fd = self.handle.ioctl(uapi.VFIO_GROUP_GET_DEVICE_FD, text, name=name)
        except VfioError as error:
            raise self._explain_device(error, name, vf_token) from error
        handle = Handle(self.kernel, fd, name)
        with ExitStack() as undo:
            undo.callback(handle.close)
            device = Device(handle, self.container, closed=self._discard)
            undo.pop_all()
        self._devices.append(device)
        return device

    def _discard(self, device: Device) -> None:
        if device in self._devices:
            self._devices.remove(device)
            if self.close_with_last and not self._devices:
                self.close()

    def close_devices(self) -> None:
        """Close the devices that are open, the last first.

        Raises:
            VfioError: the kernel reported a failure, the last if there were several.
        """
        with ExitStack() as all_of_them:
            for device in self._devices:
                all_of_them.callback(device.close)

    def close(self) -> None:
        """Close its devices and itself, which takes it out of the container.

        Raises:
            VfioError: the kernel reported a failure, the last if there were several.
        """
        with ExitStack() as last:
            last.callback(self.container.discard, self)
            last.callback(self.handle.close)
            last.callback(self.container.leaving, self)
            last.callback(self.close_devices)

    def _explain_open(self, error: VfioError) -> VfioError:
        match error.errno:
            case errno.ENOENT | errno.ENODEV | errno.ENXIO:
                members = ", ".join(
                    f"{name} ({driver or 'no driver'})"
                    for name, driver in viability.neighbours(self.kernel, self.number).items()
                )
                advice = f"no device of group {self.number} is bound to vfio-pci"
                if members:
                    advice += f"; in it are {members}. Bind them: pyvfio bind"
                return error.refined(errors.NotAvailable, advice)
            case errno.EACCES | errno.EPERM:
                advice = (
                    f"this user may not open {error.path}: give it to them (chown, or a udev rule"
                    ' for SUBSYSTEM=="vfio")'
                )
                return error.refined(errors.PermissionDenied, advice)
            case errno.EBUSY:
                return self._explain_busy(error)
        return error

    def _explain_busy(self, error: VfioError) -> VfioError:
        found = holders(self.kernel, error.path)
        single = () if found else self._holders_of_devices()
        if found:
            advice = f"the group is open in process {', '.join(found)}"
        elif single:
            advice = (
                f"a device of the group is open by itself, for an iommufd, in process"
                f" {', '.join(single)}: the two ways exclude each other"
            )
        elif maps_a_device(self.kernel):
            advice = (
                "this process has a region of a device mapped still, which keeps its group: close"
                " the mapping, and release the views that were made of it"
            )
        else:
            advice = (
                "somebody has the group open, whom this user cannot see; or one of its devices is"
                " open through iommufd"
            )
        return error.refined(errors.DeviceBusy, advice, holders=found or single)

    def _holders_of_devices(self) -> tuple[str, ...]:
        """Return the processes that have a device of the group open by its own file."""
        sysfs = Sysfs(self.kernel)
        folder = f"{sysfs.root}/kernel/iommu_groups/{self.number}/devices"
        found: dict[str, None] = {}
        for name in viability.neighbours(self.kernel, self.number):
            try:
                path = sysfs.cdev(sysfs.place(f"{folder}/{name}"))
            except VfioError:
                continue
            if path is not None:
                found |= dict.fromkeys(holders(self.kernel, path))
        return tuple(found)

    def _explain_device(self, error: VfioError, name: str, vf_token: str | None) -> VfioError:
        match error.errno:
            case errno.ENODEV:
                members = (
                    ", ".join(viability.neighbours(self.kernel, self.number))
                    or "nothing that /sys shows"
                )
                advice = f"{name} is not bound to VFIO, or not in the group, which holds {members}"
                return error.refined(errors.NotAvailable, advice)
            case errno.EACCES:
                advice = (
                    "this virtual function wants the vf_token of its physical function's owner"
                    if vf_token is None
                    else "the vf_token is not the one that the physical function's owner has set"
                )
                return error.refined(errors.PermissionDenied, advice)
            case errno.EBUSY:
                advice = "the device is open already"
                return error.refined(errors.DeviceBusy, advice)
        return error
