# SPDX-License-Identifier: GPL-2.0-or-later
"""What every part of the made-up kernel is made of: how it fails, and memory that it writes to."""

from __future__ import annotations

import ctypes
import os
from typing import NoReturn, TypeAlias

Memory: TypeAlias = "bytearray | memoryview"


def fail(number: int) -> NoReturn:
    """Fail as the kernel does."""
    raise OSError(number, os.strerror(number))


def mark(address: int, places: set[int]) -> None:
    """Set bits of a bitmap in memory, as the kernel does: those that are set stay so."""
    for place in places:
        byte = ctypes.c_uint8.from_address(address + place // 8)
        byte.value |= 1 << place % 8
