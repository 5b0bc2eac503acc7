# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes to a device that the kernel makes when an eventfd is signalled (VFIO_DEVICE_IOEVENTFD)."""

from __future__ import annotations

import errno
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from pyvfio import errors
from pyvfio.errors import VfioError
from pyvfio.eventfd import EventFd
from pyvfio.handle import Handle
from pyvfio.uapi import device as uapi

if TYPE_CHECKING:
    from pyvfio.mapping import Mappings

FLAGS: Final = {
    1: uapi.VFIO_DEVICE_IOEVENTFD_8,
    2: uapi.VFIO_DEVICE_IOEVENTFD_16,
    4: uapi.VFIO_DEVICE_IOEVENTFD_32,
    8: uapi.VFIO_DEVICE_IOEVENTFD_64,
}
"""By width in bytes."""


class IoEventFd(EventFd):
    """An eventfd: whenever it is signalled, the kernel writes a value to a register.

    `Region.ioeventfd` makes it. A program, KVM or another driver can ring a doorbell of the device
    through it without coming here. Closing it, or leaving its with block, ends that.

    Attributes:
        offset: Of the register in the region.
        width: Of the write in bytes.
        value: That is written.
    """

    def __init__(
        self, handle: Handle, mappings: Mappings, place: int, offset: int, width: int, value: int
    ) -> None:
        self.offset = offset
        self.width = width
        self.value = value
        self._device = handle
        self._place = place
        self._mappings = mappings
        super().__init__(handle.kernel, f"{handle.path} ioeventfd {offset:#x}")
        with ExitStack() as undo:
            undo.callback(super().close)
            self._assign(self.fileno())
            undo.pop_all()
        mappings.keep(self)

    def close(self) -> None:
        """Let nothing be written any more, and close the eventfd.

        Raises:
            VfioError: the kernel refused; then all stays as it is.
        """
        if not self.closed:
            self._assign(-1)
        self._mappings.drop(self)
        super().close()

    def abandon(self) -> None:
        """Close the eventfd alone, since the device is closed.

        Raises:
            VfioError: the kernel reported a failure. It is closed nevertheless.
        """
        self._mappings.drop(self)
        super().close()

    def _assign(self, fd: int) -> None:
        """Tie the write to an eventfd, or with -1 untie it."""
        order = uapi.vfio_device_ioeventfd.sized(
            flags=FLAGS[self.width], offset=self._place, data=self.value, fd=fd
        )
        shown = {"offset": self.offset, "width": self.width, "data": self.value, "fd": fd}
        try:
            self._device.ioctl(uapi.VFIO_DEVICE_IOEVENTFD, order, **shown)
        except VfioError as error:
            raise explain(error, self.width) from error


def explain(error: VfioError, width: int) -> VfioError:
    """Tell why there is no such eventfd."""
    match error.errno:
        case errno.ENOTTY:
            return error.refined(errors.NotAvailable, "the driver of the device has no ioeventfds")
        case errno.EINVAL:
            advice = "the kernel writes to BARs alone, and not to the table of MSI-X"
            if width == 8:
                advice += "; and Linux before 6.10 not 64 bits at once"
        case errno.EEXIST:
            advice = "an eventfd writes this value there already"
        case errno.ENOSPC:
            advice = "the device has as many ioeventfds as Linux allows (1000)"
        case _:
            return error
    return error.refined(VfioError, advice)
