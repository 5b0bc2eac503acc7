# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes that eventfds make, in the made-up kernel."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

from pyvfio.uapi import device as uapi
from tests.unit.pyvfio.fake.bits import fail
from tests.unit.pyvfio.fake.machine import Function

MOST = 1000
ENTRY = 16
"""Bytes of MSI-X's table for each vector; here the table begins its BAR."""


class IoEventFds:
    """Those of an open device: by (BAR, offset, width, value) the eventfd."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self.fds: dict[tuple[int, int, int, int], int] = {}

    def assign(self, order: uapi.vfio_device_ioeventfd, shift: int) -> int:
        """Answer VFIO_DEVICE_IOEVENTFD."""
        width = order.flags
        if width not in (1, 2, 4, 8) or order.fd < -1:
            fail(errno.EINVAL)
        index, offset = order.offset >> shift, order.offset & (1 << shift) - 1
        bar = self.function.bars.get(index)
        if index > 5 or bar is None or offset + width > bar.size:
            fail(errno.EINVAL)
        if bar.msix and offset < ENTRY * self.function.msix:
            fail(errno.EINVAL)
        what = (index, offset, width, order.data)
        if what in self.fds:
            if order.fd >= 0:
                fail(errno.EEXIST)
            del self.fds[what]
            return 0
        if order.fd < 0:
            fail(errno.ENODEV)
        if len(self.fds) >= MOST:
            fail(errno.ENOSPC)
        self.fds[what] = order.fd
        return 0

    def on(self) -> Iterator[tuple[str, str, int]]:
        """Yield what is on, for the list of what was left."""
        for index, offset, width, _value in self.fds:
            yield self.function.address, f"ioeventfd {index} {width}", offset

    def run(self) -> None:
        """Do what the kernel does at once: write for each eventfd that was signalled."""
        for (index, offset, width, value), fd in self.fds.items():
            try:
                os.eventfd_read(fd)
            except BlockingIOError:
                continue
            os.pwrite(self.function.bars[index].fd, value.to_bytes(width, "little"), offset)
