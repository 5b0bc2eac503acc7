# SPDX-License-Identifier: GPL-2.0-or-later
"""What every part of the interface is made of: requests and structs."""

from __future__ import annotations

import ctypes
from typing import Any, ClassVar, NamedTuple, Self

VFIO_TYPE = ord(";")
VFIO_BASE = 100
IOMMUFD_TYPE = ord(";")


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

    @classmethod
    def iommufd(cls, name: str, command: int) -> Ioctl:
        """Make `_IO(IOMMUFD_TYPE, command)`: neither does iommufd, which tells sizes in structs."""
        return cls(name, IOMMUFD_TYPE << 8 | command)


class Struct(ctypes.Structure):
    """A struct of the header. One that ends in a flexible array holds it as an array of none."""

    _size_field_: ClassVar[str] = "argsz"

    @classmethod
    def sized(cls, **values: Any) -> Self:
        """Make one that tells its size in its first field, as the kernel wants to know."""
        values[cls._size_field_] = ctypes.sizeof(cls)
        return cls(**values)

    def __repr__(self) -> str:
        values = ", ".join(f"{field[0]}={getattr(self, field[0])!r}" for field in self._fields_)
        return f"{type(self).__name__}({values})"
