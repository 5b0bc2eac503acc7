# SPDX-License-Identifier: GPL-2.0-or-later
"""Counters that the kernel signals interrupts with, and waiting for them."""

from __future__ import annotations

import asyncio
import errno

from pyvfio import errors
from pyvfio.errors import VfioError
from pyvfio.handle import Handle
from pyvfio.kernel import KERNEL, Kernel


class EventFd(Handle):
    """A counter (eventfd(2)): each signal adds one, reading takes all.

    Raises:
        VfioError: none could be made (`call` is "eventfd").
    """

    def __init__(self, kernel: Kernel | None = None, path: str = "eventfd") -> None:
        kernel = kernel or KERNEL
        try:
            fd = kernel.eventfd()
        except OSError as error:
            raise VfioError.of(error, "eventfd", path) from error
        super().__init__(kernel, fd, path)

    def poll(self) -> int:
        """Take the count without waiting, 0 if nothing came.

        Raises:
            VfioError: the kernel refused.
        """
        fd = self.fileno()
        try:
            return self.kernel.eventfd_read(fd)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise VfioError.of(error, "read", self.path) from error

    def signal(self, count: int = 1) -> None:
        """Add to the counter, as an interrupt does.

        Raises:
            VfioError: the kernel refused.
        """
        fd = self.fileno()
        try:
            self.kernel.eventfd_write(fd, count)
        except OSError as error:
            raise VfioError.of(error, "write", self.path, {"count": count}) from error

    def wait(self, timeout: float | None = None) -> int:
        """Wait for a signal, for `timeout` seconds at most, and take the count.

        Raises:
            InterruptTimeout: none came.
            VfioError: the kernel refused.
        """
        fd = self.fileno()
        try:
            came = self.kernel.poll(fd, timeout)
        except OSError as error:
            raise VfioError.of(error, "poll", self.path) from error
        count = self.poll() if came else 0
        if count == 0:
            raise self._late(timeout)
        return count

    async def wait_async(self, timeout: float | None = None) -> int:
        """Wait as `wait` does, in an asyncio loop.

        One task at a time may wait for a counter.

        Raises:
            InterruptTimeout: none came.
            VfioError: the kernel refused.
        """
        if count := self.poll():
            return count
        loop = asyncio.get_running_loop()
        came = asyncio.Event()
        fd = self.fileno()
        loop.add_reader(fd, came.set)
        try:
            async with asyncio.timeout(timeout):
                while True:
                    await came.wait()
                    came.clear()
                    if count := self.poll():
                        return count
        except VfioError:
            raise
        except TimeoutError as error:
            raise self._late(timeout) from error
        finally:
            loop.remove_reader(fd)

    def _late(self, timeout: float | None) -> errors.InterruptTimeout:
        """Tell that nothing came."""
        return errors.InterruptTimeout(
            errno.ETIMEDOUT,
            "wait",
            self.path,
            {"timeout": timeout},
            "nothing came; is the interrupt enabled in the device, and bus mastering on for MSI?",
        )
