# SPDX-License-Identifier: GPL-2.0-or-later
"""An open descriptor: what it is of, and calls on it whose failures say so."""

from __future__ import annotations

import errno
import mmap
from typing import Self

from pyvfio import errors
from pyvfio.closing import Closing
from pyvfio.errors import VfioError
from pyvfio.kernel import Argument, Kernel
from pyvfio.uapi.base import Ioctl


class Handle(Closing):
    """A descriptor that is closed once, with the path that messages name it by.

    Attributes:
        kernel: Whose descriptor it is.
        path: The file that it is of, or what stands for one: `0000:00:10.0`.
    """

    def __init__(self, kernel: Kernel, fd: int, path: str) -> None:
        self.kernel = kernel
        self.path = path
        self._fd = fd

    @classmethod
    def open(cls, kernel: Kernel, path: str) -> Self:
        """Open a file to read and write.

        Raises:
            VfioError: the kernel refused (`call` is "open").
        """
        try:
            return cls(kernel, kernel.open(path), path)
        except OSError as error:
            raise VfioError.of(error, "open", path) from error

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._fd < 0

    def fileno(self) -> int:
        """Return the descriptor.

        Raises:
            Closed: there is none any more.
        """
        if self._fd < 0:
            raise errors.Closed(errno.EBADF, "fileno", self.path, advice="it was closed before")
        return self._fd

    def close(self) -> None:
        """Close it; a second time does nothing.

        Raises:
            VfioError: the kernel reported a failure. The descriptor is closed nevertheless.
        """
        fd, self._fd = self._fd, -1
        if fd < 0:
            return
        try:
            self.kernel.close(fd)
        except OSError as error:
            raise VfioError.of(error, "close", self.path) from error

    def release(self) -> int:
        """Give the descriptor up without closing it, and return it; -1 if there is none."""
        fd, self._fd = self._fd, -1
        return fd

    def ioctl(self, request: Ioctl, argument: Argument = 0, **shown: object) -> int:
        """Ask, and return the answer. `shown` are the arguments that a message shall tell.

        Raises:
            VfioError: the kernel refused.
        """
        fd = self.fileno()
        try:
            return self.kernel.ioctl(fd, request.number, argument)
        except OSError as error:
            raise VfioError.of(error, request.name, self.path, shown) from error

    def mmap(self, size: int, prot: int, offset: int) -> mmap.mmap:
        """Map a part of it.

        Raises:
            VfioError: the kernel refused (`call` is "mmap").
        """
        fd = self.fileno()
        try:
            return self.kernel.mmap(fd, size, prot, offset)
        except OSError as error:
            shown = {"offset": offset, "size": size}
            raise VfioError.of(error, "mmap", self.path, shown) from error
