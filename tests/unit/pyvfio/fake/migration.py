# SPDX-License-Identifier: GPL-2.0-or-later
"""Migration in the made-up kernel: a device whose state is some bytes, which it streams.

It behaves as the sample driver mtty does (samples/vfio-mdev in Linux's tree), but for the end of
what can be copied before: there this one keeps to the header, and reading gives ENOMSG.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable
from types import MappingProxyType

from pyvfio.uapi import feature as uapi
from tests.unit.pyvfio.fake.bits import Memory, fail
from tests.unit.pyvfio.fake.extras import Held
from tests.unit.pyvfio.fake.files import File

ERROR = uapi.VFIO_DEVICE_STATE_ERROR
STOP = uapi.VFIO_DEVICE_STATE_STOP
RUNNING = uapi.VFIO_DEVICE_STATE_RUNNING
STOP_COPY = uapi.VFIO_DEVICE_STATE_STOP_COPY
RESUMING = uapi.VFIO_DEVICE_STATE_RESUMING
RUNNING_P2P = uapi.VFIO_DEVICE_STATE_RUNNING_P2P
PRE_COPY = uapi.VFIO_DEVICE_STATE_PRE_COPY
PRE_COPY_P2P = uapi.VFIO_DEVICE_STATE_PRE_COPY_P2P

SAVING = (PRE_COPY, PRE_COPY_P2P, STOP_COPY)
NEEDED = {ERROR: 0, RUNNING_P2P: 3, PRE_COPY: 5, PRE_COPY_P2P: 7}
"""The flags that a device must have to know a state; 1 for those that are not named."""

# From the state of the line to that of the column, which state comes next (Linux 6.12 says so):
# 1, 2, 3 ... are the numbers above, 0 that there is no way.
_NEXT = """
    to    1 2 3 4 5 6 7
    1     1 5 3 4 5 5 5
    2     5 2 5 5 5 6 5
    3     1 1 3 1 1 0 0
    4     1 1 1 4 1 1 1
    5     1 2 1 1 5 2 7
    6     2 2 7 2 2 6 7
    7     5 5 3 5 5 6 7
"""
NEXT = {
    (int(line.split()[0]), new): int(line.split()[new])
    for line in _NEXT.strip().splitlines()[1:]
    for new in range(1, 8)
}

HEADER = struct.Struct("=8sI")
MAGIC = b"made up\n"


class MigrationFile(File):
    """A stream. Its position and its content are the device's."""

    requests = MappingProxyType(
        {uapi.VFIO_MIG_GET_PRECOPY_INFO.number: uapi.VFIO_MIG_GET_PRECOPY_INFO.name}
    )

    def __init__(self, migration: MigratingDevice, name: str, content: bytes) -> None:
        super().__init__(name)
        self.migration = migration
        self.content = content
        self.place = 0
        self.disabled = False

    def ioctl(self, name: str, number: int, memory: Memory) -> int:
        del name, number
        info = uapi.vfio_precopy_info.from_buffer(memory)
        if self.migration.state not in (PRE_COPY, PRE_COPY_P2P):
            fail(errno.EINVAL)
        info.initial_bytes = len(self.content) - self.place
        info.dirty_bytes = 0
        return 0

    def read(self, size: int) -> bytes:
        if self.disabled:
            fail(errno.ENODEV)
        found = self.content[self.place : self.place + size]
        if not found and self.migration.state != STOP_COPY:
            fail(errno.ENOMSG)
        self.place += len(found)
        return found

    def write(self, data: bytes) -> int:
        if self.disabled:
            fail(errno.ENODEV)
        size = len(self.migration.held.data)
        if len(self.content) + len(data) > HEADER.size + size:
            fail(errno.ENOMEM)
        known = len(self.content) >= HEADER.size
        self.content += data
        if known or len(self.content) < HEADER.size:
            return len(data)
        if HEADER.unpack_from(self.content) != (MAGIC, size):
            fail(errno.EFAULT)
        return len(data)


class MigratingDevice:
    """The state of migration of an open device."""

    def __init__(self, held: Held, name: str, install: Callable[[File], int]) -> None:
        self.held = held
        self.state = RUNNING
        self._name = name
        self._install = install
        self._file: MigrationFile | None = None

    def knows(self, state: int) -> bool:
        """Tell whether the device knows a state."""
        needed = NEEDED.get(state, 1)
        return state <= PRE_COPY_P2P and self.held.flags & needed == needed

    def data_size(self) -> int:
        """Tell how much there is to save."""
        return HEADER.size + len(self.held.data)

    def set_state(self, new: int) -> int:
        """Go to a state; return the descriptor of its stream, -1 if none was made."""
        fd = -1
        while self.state != new:
            step = new if self.knows(new) and new != ERROR else 0
            if step:
                step = NEXT.get((self.state, new), 0)
            while step and not self.knows(step):
                step = NEXT[step, new]
            if not step:
                fail(errno.EINVAL)
            fd = self._step(step)
            self.state = step
        return fd

    def _step(self, new: int) -> int:
        old = self.state
        if self.held.cannot_stop and new == STOP and old != RESUMING:
            fail(errno.EIO)
        if old == RESUMING:
            self._take()
        if new in SAVING and old in SAVING:
            assert self._file is not None
            if new == STOP_COPY:
                self._file.content += self.held.data
            return -1
        self.end_session()
        if new not in (*SAVING, RESUMING):
            return -1
        content = b""
        if new in SAVING:
            content = HEADER.pack(MAGIC, len(self.held.data))
            content += self.held.data if new == STOP_COPY else b""
        self._file = MigrationFile(self, f"stream of {self._name}", content)
        return self._install(self._file)

    def _take(self) -> None:
        """Take what was written."""
        assert self._file is not None
        if len(self._file.content) < self.data_size():
            if self.held.breaks:
                self.state = ERROR
                self.end_session()
            fail(errno.EINVAL)
        self.held.data = self._file.content[HEADER.size :]

    def end_session(self) -> None:
        """Let the stream be of no more use."""
        if self._file is not None:
            self._file.disabled = True
            self._file = None

    def reset(self) -> None:
        """Be as after VFIO_DEVICE_RESET. As with mtty what it holds is left alone."""
        self.end_session()
        self.state = RUNNING
