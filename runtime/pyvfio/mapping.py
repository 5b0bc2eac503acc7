# SPDX-License-Identifier: GPL-2.0-or-later
"""Regions in this process's memory: a load or a store is an access of the device."""

from __future__ import annotations

import errno
import mmap
from contextlib import ExitStack
from typing import Final, Literal, Protocol, TypeAlias

from pyvfio.closing import Closing
from pyvfio.errors import Closed, MappingInUse, VfioError
from pyvfio.handle import Handle
from pyvfio.info import Area
from pyvfio.region import Region, swapped

Format: TypeAlias = Literal["B", "H", "I", "Q"]
FORMATS: Final[dict[int, Format]] = {1: "B", 2: "H", 4: "I", 8: "Q"}
"""By width in bytes, what memoryview.cast calls a number of that width."""


class MappedArea:
    """A mapped part of a region, as memory.

    The views are typed: an element that is read or written is one access of the device of the
    element's width. They are in the machine's byte order, which is PCI's on all that are little
    endian. A slice, or bytes() of a view, copies in widths of its own choosing: for registers take
    single elements.

    Attributes:
        offset: Where in the region it begins.
        size: Bytes.
    """

    def __init__(self, handle: Handle, region: Region, area: Area) -> None:
        self.offset = area.offset
        self.size = area.size
        self._kernel = handle.kernel
        self._path = handle.path
        self._index = region.info.index
        prot = mmap.PROT_READ * region.info.readable | mmap.PROT_WRITE * region.info.writable
        self._memory = handle.mmap(area.size, prot, region.info.offset + area.offset)
        bytes_of_it = memoryview(self._memory)
        self.views = {
            width: bytes_of_it[: area.size // width * width].cast(letter)
            for width, letter in FORMATS.items()
        }
        bytes_of_it.release()

    @property
    def u8(self) -> memoryview:
        """View of bytes."""
        return self.views[1]

    @property
    def u16(self) -> memoryview:
        """View of words of 16 bits: element 2 is at offset 4."""
        return self.views[2]

    @property
    def u32(self) -> memoryview:
        """View of words of 32 bits: element 2 is at offset 8."""
        return self.views[4]

    @property
    def u64(self) -> memoryview:
        """View of words of 64 bits: element 2 is at offset 16."""
        return self.views[8]

    def close(self) -> None:
        """Unmap it; the views cannot be used any more.

        Raises:
            MappingInUse: something made of a view lives on, and with it the mapping.
        """
        try:
            for view in self.views.values():
                view.release()
            self._kernel.munmap(self._memory)
        except BufferError as error:
            raise MappingInUse(
                errno.EBUSY,
                "munmap",
                self._path,
                {"region": self._index, "offset": self.offset, "size": self.size},
                "a slice or an array made of this mapping's views lives on. Release it (or del the"
                " last name of it) and close again: until then the device stays busy, and its"
                " group too",
            ) from error


class MappedRegion(Closing):
    """A region whose mappable areas are mapped. `Region.map` makes it.

    Single accesses by offset are checked, and go through the descriptor where nothing is mapped.
    For speed take the views of an area.

    Attributes:
        region: What is mapped.
    """

    def __init__(self, owner: Mappings, handle: Handle, region: Region) -> None:
        self.region = region
        self._owner = owner
        self._open = True
        areas: list[MappedArea] = []
        with ExitStack() as undo:
            for area in region.info.mmap_areas():
                mapped = MappedArea(handle, region, area)
                undo.callback(mapped.close)
                areas.append(mapped)
            undo.pop_all()
        self._areas = areas

    def __repr__(self) -> str:
        return f"MappedRegion({self.region}, {'open' if self._open else 'closed'})"

    @property
    def areas(self) -> tuple[MappedArea, ...]:
        """What is mapped, in order."""
        return tuple(self._areas)

    def area(self, offset: int) -> MappedArea:
        """Return the area that holds an offset of the region.

        Raises:
            ValueError: that is not mapped.
        """
        for area in self._areas:
            if area.offset <= offset < area.offset + area.size:
                return area
        raise ValueError(f"offset {offset:#x} of {self} is not mapped")

    @property
    def u8(self) -> memoryview:
        """View of the bytes of the whole region.

        Raises:
            ValueError: not all of it is mapped: take an `area`.
        """
        return self._whole().u8

    @property
    def u16(self) -> memoryview:
        """View of the whole region in words of 16 bits; errors as `u8`."""
        return self._whole().u16

    @property
    def u32(self) -> memoryview:
        """View of the whole region in words of 32 bits; errors as `u8`."""
        return self._whole().u32

    @property
    def u64(self) -> memoryview:
        """View of the whole region in words of 64 bits; errors as `u8`."""
        return self._whole().u64

    def read8(self, offset: int) -> int:
        """Read 8 bits in one access.

        Raises:
            ValueError: the offset lies outside, or is no multiple of the width.
            Closed: it was closed.
            VfioError: it is not mapped there, and the kernel refused to read.
        """
        return self.load(offset, 1)

    def read16(self, offset: int) -> int:
        """Read 16 bits in one access; errors as `read8`."""
        return self.load(offset, 2)

    def read32(self, offset: int) -> int:
        """Read 32 bits in one access; errors as `read8`."""
        return self.load(offset, 4)

    def read64(self, offset: int) -> int:
        """Read 64 bits in one access; errors as `read8`."""
        return self.load(offset, 8)

    def write8(self, offset: int, value: int) -> None:
        """Write 8 bits in one access; errors as `read8`, and ValueError if it does not fit."""
        self.store(offset, value, 1)

    def write16(self, offset: int, value: int) -> None:
        """Write 16 bits in one access; errors as `write8`."""
        self.store(offset, value, 2)

    def write32(self, offset: int, value: int) -> None:
        """Write 32 bits in one access; errors as `write8`."""
        self.store(offset, value, 4)

    def write64(self, offset: int, value: int) -> None:
        """Write 64 bits in one access; errors as `write8`."""
        self.store(offset, value, 8)

    def close(self) -> None:
        """Unmap all of it; a second time does nothing.

        Raises:
            MappingInUse: something made of a view lives on. The rest is unmapped; close again
                when that is gone.
        """
        self._open = False
        with ExitStack() as all_of_them:
            for area in self._areas:
                all_of_them.callback(self._close_area, area)
        self._owner.forget(self)

    def _close_area(self, area: MappedArea) -> None:
        area.close()
        self._areas.remove(area)

    def _whole(self) -> MappedArea:
        if self._open and self._areas and self._areas[0].size == self.region.size:
            return self._areas[0]
        raise ValueError(f"{self} is not mapped as a whole: take an area")

    def _find(self, offset: int, width: int) -> tuple[memoryview | None, int]:
        """Return the view that holds a word and the word's place, or None if it is not mapped."""
        if not self._open:
            raise Closed(errno.EBADF, "access", repr(self), advice="the mapping was closed")
        if offset % width or not 0 <= offset <= self.region.size - width:
            raise ValueError(f"{width} bytes at {offset:#x} of {self}")
        for area in self._areas:
            if area.offset <= offset < area.offset + area.size:
                view = area.views[width]
                place = (offset - area.offset) // width
                return (view, place) if place < len(view) else (None, 0)
        return None, 0

    def load(self, offset: int, width: int) -> int:
        """Read `width` bytes, 1, 2, 4 or 8, in one access; errors as `read8`."""
        view, place = self._find(offset, width)
        if view is None:
            return self.region.load(offset, width)
        return swapped(view[place], width)

    def store(self, offset: int, value: int, width: int) -> None:
        """Write `width` bytes, 1, 2, 4 or 8, in one access; errors as `write8`."""
        view, place = self._find(offset, width)
        if view is None:
            self.region.store(offset, value, width)
        else:
            view[place] = swapped(value, width)


class Part(Protocol):
    """Something of a device that ends with it."""

    def close(self) -> None:
        """Tell the kernel that it ends."""

    def abandon(self) -> None:
        """Let go of what it has, since the device is closed."""


class Mappings:
    """The mappings of a device that are open, and what else of it ends when it is closed."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._mapped: list[MappedRegion] = []
        self._parts: list[Part] = []
        self._forbidden = ""

    def map(self, region: Region) -> MappedRegion:
        """Map a region.

        Raises:
            VfioError: none of it may be mapped now, or the kernel refused.
        """
        if self._forbidden:
            shown = {"region": region.info.index}
            raise VfioError(errno.EBUSY, "mmap", self._handle.path, shown, self._forbidden)
        if not region.info.mmap_areas():
            raise VfioError(
                errno.EINVAL,
                "mmap",
                self._handle.path,
                {"region": region.info.index, "size": region.size},
                "none of this region may be mapped: read and write it by calls",
            )
        mapped = MappedRegion(self, self._handle, region)
        self._mapped.append(mapped)
        return mapped

    def forget(self, mapped: MappedRegion) -> None:
        """Know no more of a mapping that was closed."""
        if mapped in self._mapped:
            self._mapped.remove(mapped)

    def forbid(self, why: str) -> None:
        """Let nothing be mapped from now on, since an access would end the process.

        Raises:
            MappingInUse: something is mapped.
        """
        if self._mapped:
            indices = sorted({mapped.region.info.index for mapped in self._mapped})
            raise MappingInUse(
                errno.EBUSY,
                "map",
                self._handle.path,
                {"regions": indices},
                "these regions are mapped, and an access to them would end this process (SIGBUS):"
                " close the mappings before",
            )
        self._forbidden = why

    def allow(self) -> None:
        """Let regions be mapped again."""
        self._forbidden = ""

    def keep(self, part: Part) -> None:
        """Know of something that is to end with the device."""
        self._parts.append(part)

    def drop(self, part: Part) -> None:
        """Know no more of something that has ended."""
        if part in self._parts:
            self._parts.remove(part)

    def close(self) -> None:
        """Unmap all, and end what ends with the device.

        Raises:
            MappingInUse: something made of a view lives on, the last if there are several.
            VfioError: the kernel reported a failure, the last if there were several.
        """
        with ExitStack() as all_of_them:
            for mapped in self._mapped:
                all_of_them.callback(mapped.close)
            for part in self._parts:
                all_of_them.callback(part.abandon)
                all_of_them.callback(part.close)
