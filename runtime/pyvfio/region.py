# SPDX-License-Identifier: GPL-2.0-or-later
"""Regions of a device - BARs, ROM, configuration space - read and written through its descriptor."""

from __future__ import annotations

import errno
import sys
from typing import TYPE_CHECKING, Final

from pyvfio import dmabuf, ioeventfd
from pyvfio.errors import VfioError
from pyvfio.handle import Handle
from pyvfio.info import Area, RegionInfo

if TYPE_CHECKING:
    from pyvfio.ioeventfd import IoEventFd
    from pyvfio.mapping import MappedRegion, Mappings

ORDER: Final = "little"
"""PCI's. What is read from a descriptor is in the order of the bus."""


class Region:
    """A region of a device.

    The calls that name a width are one access of the device of that width: one pread or pwrite,
    which the kernel turns into one access if the offset is a multiple of the width. An exception
    are 64 bits, which Linux before 6.10 makes of two accesses of 32; a mapping makes one.

    Attributes:
        info: What the kernel tells of it.
    """

    def __init__(self, handle: Handle, info: RegionInfo, mappings: Mappings) -> None:
        self.info = info
        self._handle = handle
        self._mappings = mappings

    def __repr__(self) -> str:
        return f"Region({self._handle.path}, index={self.info.index}, size={self.size:#x})"

    @property
    def size(self) -> int:
        """Bytes; 0 if the device has no such region."""
        return self.info.size

    def read8(self, offset: int) -> int:
        """Read 8 bits.

        Raises:
            ValueError: the offset lies outside, or is no multiple of the width.
            VfioError: the kernel refused, or read less.
        """
        return self.load(offset, 1)

    def read16(self, offset: int) -> int:
        """Read 16 bits; errors as `read8`."""
        return self.load(offset, 2)

    def read32(self, offset: int) -> int:
        """Read 32 bits; errors as `read8`."""
        return self.load(offset, 4)

    def read64(self, offset: int) -> int:
        """Read 64 bits; errors as `read8`."""
        return self.load(offset, 8)

    def write8(self, offset: int, value: int) -> None:
        """Write 8 bits; errors as `read8`, and OverflowError if `value` does not fit."""
        self.store(offset, value, 1)

    def write16(self, offset: int, value: int) -> None:
        """Write 16 bits; errors as `write8`."""
        self.store(offset, value, 2)

    def write32(self, offset: int, value: int) -> None:
        """Write 32 bits; errors as `write8`."""
        self.store(offset, value, 4)

    def write64(self, offset: int, value: int) -> None:
        """Write 64 bits; errors as `write8`."""
        self.store(offset, value, 8)

    def load(self, offset: int, width: int) -> int:
        """Read `width` bytes, 1, 2, 4 or 8, as a number; errors as `read8`."""
        self._check(offset, width, width)
        data = self._pread(offset, width)
        if len(data) != width:
            raise self._short("pread", offset, width, len(data))
        return int.from_bytes(data, ORDER)

    def store(self, offset: int, value: int, width: int) -> None:
        """Write a number in `width` bytes, 1, 2, 4 or 8; errors as `write8`."""
        self._check(offset, width, width)
        done = self._pwrite(offset, value.to_bytes(width, ORDER))
        if done != width:
            raise self._short("pwrite", offset, width, done)

    def read(self, offset: int, size: int) -> bytes:
        """Read bytes; the kernel chooses the widths of the accesses.

        Raises:
            ValueError: they lie outside.
            VfioError: the kernel refused, or stopped before the end.
        """
        self._check(offset, size)
        data = bytearray()
        while len(data) < size:
            piece = self._pread(offset + len(data), size - len(data))
            if not piece:
                raise self._short("pread", offset, size, len(data))
            data += piece
        return bytes(data)

    def write(self, offset: int, data: bytes) -> None:
        """Write bytes; the kernel chooses the widths of the accesses.

        Raises:
            ValueError: they lie outside.
            VfioError: the kernel refused, or stopped before the end.
        """
        self._check(offset, len(data))
        done = 0
        while done < len(data):
            count = self._pwrite(offset + done, data[done:])
            if not count:
                raise self._short("pwrite", offset, len(data), done)
            done += count

    def map(self) -> MappedRegion:
        """Map it, or those of its areas that may be mapped, for accesses without system calls.

        Raises:
            VfioError: none of it may be mapped, or the kernel refused (`call` is "mmap").
        """
        return self._mappings.map(self)

    def ioeventfd(self, offset: int, width: int, value: int) -> IoEventFd:
        """Return an eventfd: whenever it is signalled, the kernel writes `value` to a register.

        Args:
            offset: Of the register.
            width: Bytes of the write: 1, 2, 4 or 8.
            value: What is written.

        Raises:
            NotAvailable: the driver of the device does not do that.
            ValueError: the offset lies outside, or is no multiple of the width.
            OverflowError: `value` does not fit.
            VfioError: the kernel refused: this is no BAR, or such an eventfd is there already.
        """
        if width not in ioeventfd.FLAGS:
            raise ValueError(f"{width} bytes: a write is 1, 2, 4 or 8 bytes wide")
        self._check(offset, width, width)
        value.to_bytes(width, ORDER)
        place = self.info.offset + offset
        return ioeventfd.IoEventFd(self._handle, self._mappings, place, offset, width, value)

    def export_dma_buf(self, offset: int = 0, size: int | None = None) -> dmabuf.DmaBuf:
        """Make a dma-buf of a part of it, for DMA between devices (Linux 6.19).

        Args:
            offset: Where it begins, a multiple of a page.
            size: Bytes, a multiple of a page; None for all that follows.

        Raises:
            NotAvailable: Linux, or the driver of the device, cannot do that.
            ValueError: the part lies outside, or is nothing.
            VfioError: the kernel refused.
        """
        size = self.size - offset if size is None else size
        self._check(offset, size)
        if size <= 0:
            raise ValueError(f"{size} bytes at {offset:#x} of {self}")
        return dmabuf.export(self._handle, self.info.index, [Area(offset, size)])

    def _pread(self, offset: int, size: int) -> bytes:
        fd = self._handle.fileno()
        try:
            return self._handle.kernel.pread(fd, size, self.info.offset + offset)
        except OSError as error:
            raise self._failed(error, "pread", offset, size) from error

    def _pwrite(self, offset: int, data: bytes) -> int:
        fd = self._handle.fileno()
        try:
            return self._handle.kernel.pwrite(fd, data, self.info.offset + offset)
        except OSError as error:
            raise self._failed(error, "pwrite", offset, len(data)) from error

    def _check(self, offset: int, size: int, width: int = 1) -> None:
        if offset < 0 or offset + size > self.info.size or offset % width:
            raise ValueError(f"{size} bytes at {offset:#x} of {self}")

    def _shown(self, offset: int, size: int) -> dict[str, object]:
        return {"region": self.info.index, "offset": offset, "size": size}

    def _failed(self, error: OSError, call: str, offset: int, size: int) -> VfioError:
        failed = VfioError.of(error, call, self._handle.path, self._shown(offset, size))
        if failed.errno == errno.EIO:
            advice = "the device does not decode memory or I/O: its command register has them off"
            return failed.refined(VfioError, advice)
        return failed

    def _short(self, call: str, offset: int, size: int, done: int) -> VfioError:
        return VfioError(
            errno.EIO,
            call,
            self._handle.path,
            self._shown(offset, size),
            f"the kernel stopped after {done} bytes",
        )


def swapped(value: int, width: int) -> int:
    """Turn a number of the bus's order into the machine's, or the other way."""
    if sys.byteorder == ORDER:
        return value
    return int.from_bytes(value.to_bytes(width, "big"), "little")
