# SPDX-License-Identifier: GPL-2.0-or-later
"""What is saved of a device, as a file: it tells where it ends, and whether it is whole.

The data of the device is in pieces, since nobody knows before how much it is, and a stream may
continue with something else behind it. All numbers are little endian:

    8 bytes     "VFIO-MIG"
    4 bytes     version of this layout: 1
    pieces      4 bytes of length, not 0, and as many of data
    4 bytes     0: the end of the pieces
    8 bytes     how many bytes of data there were
    32 bytes    SHA-256 of all bytes of data
"""

from __future__ import annotations

import errno
import hashlib
import struct
from collections.abc import Iterator
from typing import Final, Protocol

from pyvfio.errors import BadStream

MAGIC: Final = b"VFIO-MIG"
VERSION: Final = 1
LONGEST_PIECE: Final = 1 << 20
"""Bytes. Longer data is cut into several pieces, so that a length that is wrong is found out."""


class Sink(Protocol):
    """Where it is written to: a binary file, or what writes like one."""

    def write(self, data: bytes, /) -> int | None:
        """Take bytes; return how many were taken, None for none by now."""


class Source(Protocol):
    """Where it is read from: a binary file, or what reads like one."""

    def read(self, size: int, /) -> bytes | None:
        """Return up to `size` bytes, none at the end."""


class Writer:
    """Writes the data of a device to a file. Call `finish` at its end.

    Attributes:
        size: Bytes of data so far.
    """

    def __init__(self, sink: Sink) -> None:
        self.size = 0
        self._sink = sink
        self._digest = hashlib.sha256()
        self._put(MAGIC + struct.pack("<I", VERSION))

    def write(self, data: bytes) -> None:
        """Add data.

        Raises:
            OSError: the file refused.
        """
        for start in range(0, len(data), LONGEST_PIECE):
            piece = data[start : start + LONGEST_PIECE]
            self._put(struct.pack("<I", len(piece)))
            self._put(piece)
            self._digest.update(piece)
            self.size += len(piece)

    def finish(self) -> None:
        """Write the end.

        Raises:
            OSError: the file refused.
        """
        self._put(struct.pack("<IQ", 0, self.size) + self._digest.digest())

    def _put(self, data: bytes) -> None:
        # What is not buffered (a socket, a pipe) may take less than all.
        while data:
            taken = self._sink.write(data)
            if taken is None:
                raise BlockingIOError(errno.EAGAIN, "the file takes nothing by now")
            data = data[taken:]


def pieces(source: Source) -> Iterator[bytes]:
    """Yield the data of a file piece by piece; what follows in the file is left there.

    Raises:
        BadStream: it is none such, ends too early or was changed. That is told before the first
            piece if it shows there, or else behind the last: who has used the data must undo it.
        OSError: the file could not be read.
    """
    if _take(source, len(MAGIC)) != MAGIC:
        raise _bad("it does not begin as such a stream does")
    (version,) = struct.unpack("<I", _take(source, 4))
    if version != VERSION:
        raise _bad(f"it is of version {version}, and {VERSION} is what can be read")
    digest = hashlib.sha256()
    size = 0
    while length := struct.unpack("<I", _take(source, 4))[0]:
        if length > LONGEST_PIECE:
            raise _bad(f"a piece at byte {size} of the data is {length} bytes long")
        piece = _take(source, length)
        digest.update(piece)
        size += length
        yield piece
    (told,) = struct.unpack("<Q", _take(source, 8))
    if told != size:
        raise _bad(f"there should be {told} bytes of data, and there are {size}")
    if _take(source, digest.digest_size) != digest.digest():
        raise _bad("the data is not what was saved: its SHA-256 is another one")


def _take(source: Source, size: int) -> bytes:
    """Read all of `size` bytes."""
    data = bytearray()
    while len(data) < size:
        part = source.read(size - len(data))
        if part is None:
            raise BlockingIOError(errno.EAGAIN, "the file has nothing by now")
        if not part:
            raise _bad("it is cut off")
        data += part
    return bytes(data)


def _bad(advice: str) -> BadStream:
    return BadStream(errno.EBADMSG, "read", "the saved state of a device", advice=advice)
