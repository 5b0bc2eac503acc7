# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's log, as it grows: what dmesg would print, read from /dev/kmsg."""

from __future__ import annotations

import os
import re
import select
import time
from types import TracebackType
from typing import Self

_RECORD = 8192  # bytes; a record may be that long, and a shorter read fails

# What the kernel writes when it finds itself in the wrong.
_COMPLAINT = re.compile(r"WARNING:|BUG:|Oops|UBSAN|general protection|refcount_t|Call Trace")


class KernelLog:
    """The lines that come after its making."""

    def __init__(self) -> None:
        self._handle = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
        os.lseek(self._handle, 0, os.SEEK_END)
        self._lines: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._handle)

    def lines(self) -> list[str]:
        """All lines so far."""
        while True:
            try:
                record = os.read(self._handle, _RECORD).decode(errors="replace")
            except BlockingIOError:
                return self._lines
            # priority,number,time,flags;text, and then lines of KEY=value
            self._lines.append(record.partition(";")[2].splitlines()[0])

    def complaints(self) -> list[str]:
        """The lines in which the kernel complains of itself."""
        return [line for line in self.lines() if _COMPLAINT.search(line)]

    def wait(self, pattern: str, seconds: float = 5.0) -> str:
        """The first line in which *pattern* (a regular expression) is found.

        Raises `TimeoutError`, with all lines, when none comes.
        """
        end = time.monotonic() + seconds
        while True:
            for line in self.lines():
                if re.search(pattern, line):
                    return line
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"no line has {pattern!r} in it: {self.lines()}")
            select.select([self._handle], [], [], left)
