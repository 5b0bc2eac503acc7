# SPDX-License-Identifier: GPL-2.0-or-later
"""What every part of the interface is made of: requests and structs."""

from __future__ import annotations

import ctypes
from typing import Any, NamedTuple, Self

VFIO_TYPE = ord(";")
VFIO_BASE = 100


class Ioctl(NamedTuple):
    """A request to the kernel: its number, and the name that messages call it by.

    Two requests may share a number: what 112 asks depends on the descriptor that is asked.
    """

    name: str
    number: int

    @classmethod
    def vfio(cls, name: str, offset: int) -> Ioctl:
        """Make `_IO(VFIO_TYPE, VFIO_BASE + offset)`: VFIO puts no sizes into its numbers."""
        return cls(name, VFIO_TYPE << 8 | VFIO_BASE + offset)


class Struct(ctypes.Structure):
    """A struct of the header. One that ends in a flexible array holds it as an array of none."""

    @classmethod
    def sized(cls, **values: Any) -> Self:
        """Make one whose `argsz` tells its size, as the kernel wants to know."""
        return cls(argsz=ctypes.sizeof(cls), **values)

    def __repr__(self) -> str:
        values = ", ".join(f"{field[0]}={getattr(self, field[0])!r}" for field in self._fields_)
        return f"{type(self).__name__}({values})"
