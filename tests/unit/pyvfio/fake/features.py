# SPDX-License-Identifier: GPL-2.0-or-later
"""VFIO_DEVICE_FEATURE in the made-up kernel."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import uuid
from collections.abc import Callable, Iterator
from itertools import pairwise

from pyvfio.uapi import feature as uapi
from tests.unit.pyvfio.fake.bits import Memory, fail, mark
from tests.unit.pyvfio.fake.extras import PAGE, Extras
from tests.unit.pyvfio.fake.files import File
from tests.unit.pyvfio.fake.migration import RUNNING, MigratingDevice

HEADER = ctypes.sizeof(uapi.vfio_device_feature)
GET, SET, PROBE = (
    uapi.VFIO_DEVICE_FEATURE_GET,
    uapi.VFIO_DEVICE_FEATURE_SET,
    uapi.VFIO_DEVICE_FEATURE_PROBE,
)


class DmaBufFile(File):
    """A part of a region, as a dma-buf."""


class Features:
    """The features of an open device.

    Attributes:
        migration: Its state of migration.
        asleep: Whether it may go to sleep.
        wakeup: The eventfd that tells when it has woken, -1 for none.
        logged: The ranges whose writes are logged, None if none are.
    """

    def __init__(self, extras: Extras, name: str, install: Callable[[File], int]) -> None:
        self.extras = extras
        self.name = name
        self.migration = MigratingDevice(extras.held, name, install)
        self.asleep = False
        self.wakeup = -1
        self.logged: list[tuple[int, int]] | None = None
        self._install = install
        migrates, logs = bool(extras.held.flags), extras.logs
        # By number: whether it is there, what can be done, the size of its data, and how.
        self._known: dict[int, tuple[bool, int, int, Callable[[int, Memory], int]]] = {
            0: (extras.physical, SET, 16, self._token),
            1: (migrates, GET, 8, self._flags),
            2: (migrates, GET | SET, 8, self._state),
            3: (extras.low_power, SET, 0, self._sleep),
            4: (extras.low_power, SET, 8, self._sleep_until),
            5: (extras.low_power, SET, 0, self._wake),
            6: (logs, SET, 24, self._log_start),
            7: (logs, SET, 0, self._log_stop),
            8: (logs, GET, 32, self._log_report),
            9: (migrates, GET, 8, self._data_size),
            11: (extras.dma_buf, GET, 16, self._dma_buf),
        }

    def on(self) -> Iterator[tuple[str, str, int]]:
        """Yield what is on, for the list of what was left."""
        if self.migration.state != RUNNING:
            yield self.name, "migration state", self.migration.state
        if self.asleep:
            yield self.name, "low power", self.wakeup
        if self.logged is not None:
            yield self.name, "DMA logging", len(self.logged)

    def ioctl(self, memory: Memory) -> int:
        """Answer VFIO_DEVICE_FEATURE."""
        order = uapi.vfio_device_feature.from_buffer(memory)
        flags = order.flags & ~uapi.VFIO_DEVICE_FEATURE_MASK
        if flags & ~(GET | SET | PROBE) or (
            flags & PROBE == 0 and flags & (GET | SET) == GET | SET
        ):
            fail(errno.EINVAL)
        there, can, size, do = self._known.get(
            order.flags & uapi.VFIO_DEVICE_FEATURE_MASK, (False, 0, 0, None)
        )
        if not there or do is None:
            fail(errno.ENOTTY)
        if flags & (GET | SET) & ~can:
            fail(errno.EINVAL)
        if flags & PROBE:
            return 0
        if not flags & (GET | SET) or order.argsz - HEADER < size:
            fail(errno.EINVAL)
        return do(flags, memory[HEADER:])

    def access(self) -> None:
        """Wake the device, since it is accessed."""
        if self.asleep and self.wakeup >= 0:
            self.asleep = False
            os.eventfd_write(self.wakeup, 1)

    def _token(self, _flags: int, data: Memory) -> int:
        self.extras.set_token = uuid.UUID(bytes=bytes(data[:16]))
        return 0

    def _flags(self, _flags: int, data: Memory) -> int:
        uapi.vfio_device_feature_migration.from_buffer(data).flags = self.extras.held.flags
        return 0

    def _state(self, flags: int, data: Memory) -> int:
        told = uapi.vfio_device_feature_mig_state.from_buffer(data)
        wanted, told.data_fd = told.device_state, -1
        if flags & GET:
            told.device_state = self.migration.state
        else:
            told.data_fd = self.migration.set_state(wanted)
        return 0

    def _data_size(self, _flags: int, data: Memory) -> int:
        told = uapi.vfio_device_feature_mig_data_size.from_buffer(data)
        told.stop_copy_length = self.migration.data_size()
        return 0

    def _sleep(self, _flags: int, _data: Memory) -> int:
        return self._enter(-1)

    def _sleep_until(self, _flags: int, data: Memory) -> int:
        fd = uapi.vfio_device_low_power_entry_with_wakeup.from_buffer(data).wakeup_eventfd
        if fd < 0:
            fail(errno.EINVAL)
        return self._enter(fd)

    def _enter(self, wakeup: int) -> int:
        if self.asleep:
            fail(errno.EINVAL)
        self.asleep, self.wakeup = True, wakeup
        return 0

    def _wake(self, _flags: int, _data: Memory) -> int:
        self.asleep, self.wakeup = False, -1
        return 0

    def _log_start(self, _flags: int, data: Memory) -> int:
        order = uapi.vfio_device_feature_dma_logging_control.from_buffer(data)
        if order.num_ranges == 0:
            fail(errno.EINVAL)
        if order.num_ranges > PAGE // 16:
            fail(errno.E2BIG)
        text = ctypes.string_at(order.ranges, 16 * order.num_ranges)
        ranges = [(iova, iova + length) for iova, length in struct.iter_unpack("=QQ", text)]
        if any((start | end) & (order.page_size - 1) for start, end in ranges):
            fail(errno.EINVAL)
        inorder = sorted(ranges)
        if any(one[1] > two[0] for one, two in pairwise(inorder)):
            fail(errno.EINVAL)
        if self.logged is not None:
            fail(errno.EBUSY)
        self.logged = ranges
        order.page_size = self.extras.log_page_size
        return 0

    def _log_stop(self, _flags: int, _data: Memory) -> int:
        self.logged = None
        return 0

    def _log_report(self, _flags: int, data: Memory) -> int:
        asked = uapi.vfio_device_feature_dma_logging_report.from_buffer(data)
        size = asked.page_size
        if size < PAGE or size & (size - 1) or self.logged is None:
            fail(errno.EINVAL)
        found = {each for each in self.extras.written if 0 <= each - asked.iova < asked.length}
        self.extras.written -= found
        mark(asked.bitmap, {(each - asked.iova) // size for each in found})
        return 0

    def _dma_buf(self, _flags: int, data: Memory) -> int:
        fixed = ctypes.sizeof(uapi.vfio_device_feature_dma_buf)
        order = uapi.vfio_device_feature_dma_buf.from_buffer(data)
        if order.flags or order.nr_ranges == 0 or len(data) < fixed + 16 * order.nr_ranges:
            fail(errno.EINVAL)
        ranges = list(struct.iter_unpack("=QQ", bytes(data[fixed : fixed + 16 * order.nr_ranges])))
        if any((offset | length) % PAGE or not length for offset, length in ranges):
            fail(errno.EINVAL)
        return self._install(DmaBufFile(f"dma-buf of {self.name}"))
