# SPDX-License-Identifier: GPL-2.0-or-later
"""Answers that may be longer than asked for, and the chains of capabilities at their end."""

from __future__ import annotations

import ctypes
import errno
import struct
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from pyvfio.errors import MalformedReply
from pyvfio.handle import Handle
from pyvfio.uapi.base import Ioctl, Struct
from pyvfio.uapi.container import vfio_info_cap_header

Reply = TypeVar("Reply", bound=Struct)

HEADER = ctypes.sizeof(vfio_info_cap_header)
LONGEST_REPLY = 1 << 20
"""Bytes. The longest that Linux is known to give are lists of areas, of some kilobytes."""


@dataclass(frozen=True, slots=True)
class Capability:
    """One capability of an answer (struct vfio_info_cap_header).

    Attributes:
        id: What it is. Device, region and container each have numbers of their own.
        version: Of its layout.
        data: What follows the header, up to the next capability or the end of the answer.
    """

    id: int
    version: int
    data: bytes

    def unpack(self, layout: str, offset: int = 0) -> tuple[int, ...]:
        """Read numbers at `offset` of the data.

        Raises:
            MalformedReply: it is too short.
        """
        layout = f"={layout}"
        if offset + struct.calcsize(layout) > len(self.data):
            raise malformed(f"capability {self.id} ends after {len(self.data)} bytes of data")
        return struct.unpack_from(layout, self.data, offset)


def malformed(advice: str) -> MalformedReply:
    """Make an error of an answer that makes no sense."""
    return MalformedReply(errno.EPROTO, "capability chain", advice=advice)


def parse_chain(reply: bytes, first: int, fixed: int) -> tuple[Capability, ...]:
    """Read a chain that begins at offset `first` of an answer, behind `fixed` bytes of struct.

    Unknown capabilities are kept. Each offset is read once at most, so the walk ends whatever the
    answer holds.

    Raises:
        MalformedReply: the chain leaves the answer, enters the struct or runs in a circle.
    """
    offsets: list[int] = []
    seen: set[int] = set()
    offset = first
    while offset != 0:
        if offset in seen:
            raise malformed(f"the chain comes back to offset {offset}")
        if offset < fixed or offset + HEADER > len(reply):
            raise malformed(f"offset {offset} lies outside of {fixed}..{len(reply)}")
        seen.add(offset)
        offsets.append(offset)
        offset = vfio_info_cap_header.from_buffer_copy(reply, offset).next
    ends = sorted({*offsets, len(reply)})
    following = dict(pairwise(ends))
    chain = []
    for offset in offsets:
        if following[offset] - offset < HEADER:
            raise malformed(f"the capability at offset {offset} runs into the next one")
        header = vfio_info_cap_header.from_buffer_copy(reply, offset)
        data = reply[offset + HEADER : following[offset]]
        chain.append(Capability(header.id, header.version, data))
    return tuple(chain)


def query(handle: Handle, request: Ioctl, kind: type[Reply], **given: int) -> tuple[Reply, bytes]:
    """Ask for a struct that the kernel may follow with capabilities; ask again with room for them.

    Returns:
        The struct, and the whole answer with it.

    Raises:
        VfioError: the kernel refused.
        MalformedReply: it wants more room each time, or more than LONGEST_REPLY.
    """
    size = ctypes.sizeof(kind)
    for _attempt in range(4):
        buffer = ctypes.create_string_buffer(size)
        reply = kind.from_buffer(buffer)
        reply.argsz = size
        for name, value in given.items():
            setattr(reply, name, value)
        handle.ioctl(request, buffer, **given)
        wanted = int(reply.argsz)
        if wanted <= size:
            return reply, buffer.raw
        if wanted > LONGEST_REPLY:
            break
        size = wanted
    raise MalformedReply(
        errno.EPROTO,
        request.name,
        handle.path,
        given,
        f"the answer is {size} bytes long, and then {wanted}",
    )
