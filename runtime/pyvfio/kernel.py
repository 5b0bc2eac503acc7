# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel as an object: all that this package asks of Linux goes through one of these.

Every constructor takes one, so that a test may hand in a kernel whose calls fail when it says so.
"""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import resource
import select
from pathlib import Path
from typing import TypeAlias

Argument: TypeAlias = "ctypes.Structure | ctypes.Array[ctypes.c_char] | ctypes.c_int32 | int"
"""What an ioctl takes: memory that the kernel reads and writes, or a number."""


MappedMemory: TypeAlias = mmap.mmap
"""What mmap gives: a buffer that cannot be unmapped while somebody uses it."""


class Kernel:
    """The running Linux. Each method is one call and raises the OSError that it failed with."""

    @property
    def page_size(self) -> int:
        """Bytes in a page of memory."""
        return mmap.PAGESIZE

    def open(self, path: str, flags: int = os.O_RDWR) -> int:
        """Open a file and return its descriptor, which children do not inherit (open(2))."""
        return os.open(path, flags | os.O_CLOEXEC)

    def close(self, fd: int) -> None:
        """Close a descriptor: afterwards it is closed, whatever was raised (close(2))."""
        os.close(fd)

    def ioctl(self, fd: int, request: int, argument: Argument = 0) -> int:
        """Ask a driver and return its answer, which is not negative (ioctl(2))."""
        while True:
            try:
                return fcntl.ioctl(fd, request, argument)
            except InterruptedError:
                # Python runs the signal's handler before it comes here; nothing was done yet.
                continue

    def read(self, fd: int, size: int) -> bytes:
        """Read up to `size` bytes of a stream, none at its end (read(2))."""
        return os.read(fd, size)

    def write(self, fd: int, data: bytes | memoryview) -> int:
        """Write to a stream and return how many bytes were written (write(2))."""
        return os.write(fd, data)

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        """Read up to `size` bytes at `offset` (pread(2))."""
        return os.pread(fd, size, offset)

    def pwrite(self, fd: int, data: bytes | memoryview, offset: int) -> int:
        """Write at `offset` and return how many bytes were written (pwrite(2))."""
        return os.pwrite(fd, data, offset)

    def mmap(self, fd: int, size: int, prot: int, offset: int = 0) -> MappedMemory:
        """Map a file, or memory of one's own if `fd` is -1, shared with nobody but the device.

        A child made by fork does not get the mapping (mmap(2), madvise(2)).
        """
        flags = mmap.MAP_SHARED if fd >= 0 else mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        mapping = mmap.mmap(fd, size, flags=flags, prot=prot, offset=offset)
        try:
            # After a fork, copy on write would give the device's page to one of the two at random.
            mapping.madvise(mmap.MADV_DONTFORK)
        except OSError:
            mapping.close()
            raise
        return mapping

    def munmap(self, mapping: MappedMemory) -> None:
        """Take a mapping away (munmap(2)).

        Raises:
            BufferError: a memoryview or a ctypes object still uses its memory.
        """
        mapping.close()

    def eventfd(self) -> int:
        """Make a counter that the kernel can signal; reading it never blocks (eventfd(2))."""
        return os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def eventfd_read(self, fd: int) -> int:
        """Take a counter's value and set it to 0; BlockingIOError if it is 0 (read(2))."""
        return os.eventfd_read(fd)

    def eventfd_write(self, fd: int, value: int) -> None:
        """Add to a counter (write(2))."""
        os.eventfd_write(fd, value)

    def poll(self, fd: int, timeout: float | None) -> bool:
        """Wait until a descriptor can be read, for `timeout` seconds at most (poll(2))."""
        poller = select.poll()
        poller.register(fd, select.POLLIN)
        # Rounded up: a wait of half a millisecond is no poll.
        wait = None if timeout is None else -int(-max(timeout, 0) * 1000 // 1)
        return bool(poller.poll(wait))

    def memlock_limit(self) -> int | None:
        """Bytes that this process may pin, None for no limit (getrlimit(2))."""
        soft, _hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)
        return None if soft == resource.RLIM_INFINITY else soft

    def read_file(self, path: str) -> bytes:
        """Return what is in a file of /sys or /proc."""
        return Path(path).read_bytes()

    def write_file(self, path: str, text: str) -> None:
        """Write a file of /sys, which must be there, in one piece: its driver acts on it."""
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, text.encode())
        finally:
            os.close(fd)

    def list_folder(self, path: str) -> list[str]:
        """Return the names in a folder, sorted."""
        return sorted(os.listdir(path))  # noqa: PTH208 (a Path for each name takes longer)

    def read_link(self, path: str) -> str:
        """Return where a symbolic link points (readlink(2))."""
        return os.readlink(path)  # noqa: PTH115 (a link of /proc/PID/fd need not be a path)

    def real_path(self, path: str) -> str:
        """Return a path without symbolic links; FileNotFoundError if there is nothing."""
        return os.path.realpath(path, strict=True)

    def stat(self, path: str) -> os.stat_result:
        """Return whose a file is, and who may open it (stat(2))."""
        return os.stat(path)  # noqa: PTH116 (a call of the kernel's, as all here are)

    def exists(self, path: str) -> bool:
        """Whether there is something at a path that this process may look at."""
        return Path(path).exists()

    def may_open(self, path: str) -> bool:
        """Whether this process's rights allow to read and write a file (access(2))."""
        return os.access(path, os.R_OK | os.W_OK, effective_ids=True)


KERNEL = Kernel()
"""The kernel that is used where none is given."""
