# SPDX-License-Identifier: GPL-2.0-or-later
"""A file of saved state, as QEMU lays it out: numbers in network order, sections of devices.

Twin of QEMU's migration/qemu-file.c and of the frame that migration/savevm.c puts around devices.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from pyqom import Error

# migration/savevm.h
QEMU_VM_FILE_MAGIC: Final = 0x5145564D
QEMU_VM_FILE_VERSION_COMPAT: Final = 2
QEMU_VM_FILE_VERSION: Final = 3
QEMU_VM_EOF: Final = 0x00
QEMU_VM_SECTION_START: Final = 0x01
QEMU_VM_SECTION_PART: Final = 0x02
QEMU_VM_SECTION_END: Final = 0x03
QEMU_VM_SECTION_FULL: Final = 0x04
QEMU_VM_SUBSECTION: Final = 0x05
QEMU_VM_VMDESCRIPTION: Final = 0x06
QEMU_VM_CONFIGURATION: Final = 0x07
QEMU_VM_SECTION_FOOTER: Final = 0x7E

LONGEST_DESCRIPTION: Final = 1 << 20
"""Bytes of JSON behind the sections that are read at most."""


class Sink(Protocol):
    """Where a file is written to: a binary file, or what writes like one."""

    def write(self, data: bytes, /) -> int | None:
        """Take bytes; return how many were taken, None for none by now."""


class Source(Protocol):
    """Where a file is read from: a binary file, or what reads like one."""

    def read(self, size: int, /) -> bytes | None:
        """Return up to `size` bytes, none at the end, None for none by now."""


@dataclass(frozen=True, slots=True)
class Section:
    """The head of a section: whose state follows.

    `section_id` is its number in the file; `idstr` and `instance_id` name the device, and
    `version_id` is the version of its layout.
    """

    section_id: int
    idstr: str
    instance_id: int = 0
    version_id: int = 1


class Writer:
    """Writes a file of saved state (qemu_put_*). `size` is how many bytes were written."""

    def __init__(self, sink: Sink) -> None:
        self.size = 0
        self._sink = sink
        self._digest = hashlib.sha256()

    def put_buffer(self, data: bytes) -> None:
        """Write bytes (qemu_put_buffer).

        Raises:
            OSError: the file refused.
        """
        self._digest.update(data)
        self.size += len(data)
        # What is not buffered (a pipe, a socket) may take less than all.
        while data:
            taken = self._sink.write(data)
            if taken is None:
                raise BlockingIOError(errno.EAGAIN, "the file takes nothing by now")
            data = data[taken:]

    def put_byte(self, value: int) -> None:
        """Write 8 bits (qemu_put_byte)."""
        self.put_buffer(bytes((value,)))

    def put_be32(self, value: int) -> None:
        """Write 32 bits (qemu_put_be32)."""
        self.put_buffer(struct.pack(">I", value))

    def put_be64(self, value: int) -> None:
        """Write 64 bits (qemu_put_be64)."""
        self.put_buffer(struct.pack(">Q", value))

    def put_header(self) -> None:
        """Begin the file (qemu_savevm_state_header with send-configuration=off)."""
        self.put_be32(QEMU_VM_FILE_MAGIC)
        self.put_be32(QEMU_VM_FILE_VERSION)

    def put_section(self, kind: int, section: Section) -> None:
        """Begin a section (save_section_header)."""
        self.put_byte(kind)
        self.put_be32(section.section_id)
        if kind in (QEMU_VM_SECTION_START, QEMU_VM_SECTION_FULL):
            name = section.idstr.encode()
            self.put_byte(len(name))
            self.put_buffer(name)
            self.put_be32(section.instance_id)
            self.put_be32(section.version_id)

    def put_footer(self, section: Section) -> None:
        """End a section (save_section_footer)."""
        self.put_byte(QEMU_VM_SECTION_FOOTER)
        self.put_be32(section.section_id)

    def put_end(self, description: Mapping[str, Any]) -> None:
        """End the file: the description, in JSON, that QEMU puts behind the sections and skips.

        To it comes `sha256`, of all bytes before, from which `Reader.get_end` sees that nothing changed.
        """
        self.put_byte(QEMU_VM_EOF)
        told = {**description, "sha256": self._digest.hexdigest()}
        text = json.dumps(told).encode()
        self.put_byte(QEMU_VM_VMDESCRIPTION)
        self.put_be32(len(text))
        self.put_buffer(text)


class Reader:
    """Reads a file of saved state (qemu_get_*). It reads no further than it must.

    Raises:
        Error: the file ends too early, or cannot be read.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._digest = hashlib.sha256()
        self._peeked = b""

    def get_buffer(self, size: int) -> bytes:
        """Read all of `size` bytes (qemu_get_buffer)."""
        data = bytearray(self._peeked[:size])
        self._peeked = self._peeked[size:]
        while len(data) < size:
            data += self._more(size - len(data))
        self._digest.update(data)
        return bytes(data)

    def _more(self, size: int) -> bytes:
        try:
            part = self._source.read(size)
        except OSError as error:
            raise _failed(error.errno or errno.EIO) from error
        if not part:
            raise _failed(errno.EIO if part is not None else errno.EAGAIN)
        return part

    def peek_byte(self) -> int:
        """Look at the next 8 bits (qemu_peek_byte)."""
        if not self._peeked:
            self._peeked = self._more(1)
        return self._peeked[0]

    def get_byte(self) -> int:
        """Read 8 bits (qemu_get_byte)."""
        return self.get_buffer(1)[0]

    def get_be32(self) -> int:
        """Read 32 bits (qemu_get_be32)."""
        return int(struct.unpack(">I", self.get_buffer(4))[0])

    def get_be64(self) -> int:
        """Read 64 bits (qemu_get_be64)."""
        return int(struct.unpack(">Q", self.get_buffer(8))[0])

    def get_header(self) -> None:
        """Read the beginning of a file (qemu_loadvm_state_header).

        Raises:
            Error: it is no such file, or of another version.
        """
        if self.get_be32() != QEMU_VM_FILE_MAGIC:
            raise Error("Not a migration stream")
        version = self.get_be32()
        if version == QEMU_VM_FILE_VERSION_COMPAT:
            raise Error("SaveVM v2 format is obsolete and don't work anymore")
        if version != QEMU_VM_FILE_VERSION:
            raise Error("Unsupported migration stream version")

    def get_section(self) -> Section:
        """Read the head of a START or FULL section, behind its kind."""
        section_id = self.get_be32()
        name = self.get_buffer(self.get_byte())
        try:
            idstr = name.decode()
        except UnicodeDecodeError as error:
            raise Error(f"Unable to read ID string for section {section_id}") from error
        return Section(section_id, idstr, self.get_be32(), self.get_be32())

    def check_footer(self, section: Section) -> None:
        """Read the end of a section (check_section_footer).

        Raises:
            Error: it is not there, or another section's.
        """
        if self.get_byte() != QEMU_VM_SECTION_FOOTER:
            raise Error(f"Missing section footer for {section.idstr}")
        found = self.get_be32()
        if found != section.section_id:
            raise Error(
                f"Mismatched section id in footer for {section.idstr} - read 0x{found:x}"
                f" expected 0x{section.section_id:x}"
            )

    def get_end(self) -> Mapping[str, Any]:
        """Read what is behind the sections, and return the description.

        Raises:
            Error: there is none, or its `sha256` is not that of what was read.
        """
        found = self._digest.hexdigest()
        kind = self.get_byte()
        if kind != QEMU_VM_VMDESCRIPTION:
            raise Error(f"Expected vmdescription section, but got {kind}")
        size = self.get_be32()
        if size > LONGEST_DESCRIPTION:
            raise Error(f"a description of {size} bytes stands behind the saved state")
        try:
            told = json.loads(self.get_buffer(size))
        except ValueError as error:
            raise Error("the description behind the saved state is no JSON") from error
        if not isinstance(told, dict):
            raise Error("the description behind the saved state is no JSON object")
        # QEMU's own files have no such sum.
        if told.get("sha256", found) != found:
            raise Error("the saved state was changed: its SHA-256 is another one")
        return told


def _failed(code: int) -> Error:
    return Error(f"load of migration failed: {os.strerror(code)}")
