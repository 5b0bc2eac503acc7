# SPDX-License-Identifier: GPL-2.0-or-later
"""Addresses that devices use: ranges of them, and who has which."""

from __future__ import annotations

import errno
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from pyvfio import errors

CALL = "IOVA"


@dataclass(frozen=True, order=True, slots=True)
class IovaRange:
    """Addresses from `start` to `end`, both among them (struct vfio_iova_range)."""

    start: int
    end: int

    @property
    def size(self) -> int:
        """How many addresses there are."""
        return self.end - self.start + 1

    def __str__(self) -> str:
        return f"{self.start:#x}-{self.end:#x}"


def describe(ranges: Iterable[IovaRange]) -> str:
    """Write ranges as messages do."""
    return ", ".join(map(str, ranges)) or "none"


def merged(ranges: Iterable[IovaRange]) -> tuple[IovaRange, ...]:
    """Return ranges in order, those that touch or overlap made one."""
    whole: list[IovaRange] = []
    for each in sorted(ranges):
        if whole and each.start <= whole[-1].end + 1:
            before = whole.pop()
            whole.append(IovaRange(before.start, max(before.end, each.end)))
        else:
            whole.append(each)
    return tuple(whole)


def within(wanted: IovaRange, ranges: Iterable[IovaRange]) -> bool:
    """Whether one of the ranges holds all of another."""
    return any(each.start <= wanted.start and wanted.end <= each.end for each in ranges)


class IovaAllocator:
    """Hands out addresses within windows, the lowest that fits first.

    Address 0 is never handed out, since drivers and devices take it for none; it may be reserved.

    Args:
        windows: Where DMA can be mapped.
        page_size: Bytes, a power of two. All sizes and addresses are multiples of it.
    """

    def __init__(self, windows: Iterable[IovaRange], page_size: int = 4096) -> None:
        self.page_size = page_size
        self.windows = merged(windows)
        self._free: list[IovaRange] = []
        for window in self.windows:
            start = -(-window.start // page_size) * page_size
            end = (window.end + 1) // page_size * page_size - 1
            if start < end:
                self._free.append(IovaRange(start, end))

    @property
    def free_ranges(self) -> tuple[IovaRange, ...]:
        """What nobody has, in order, without neighbours that touch."""
        return tuple(self._free)

    def allocate(self, size: int, *, alignment: int = 0, below: int | None = None) -> int:
        """Take the lowest free addresses that fit.

        Args:
            size: Bytes, a multiple of the page size.
            alignment: Power of two that the address is a multiple of; 0 for the page size.
            below: The end lies below this: `1 << 32` for a device of 32 bits.

        Raises:
            Misaligned: the size is 0 or no multiple of the page size, or the alignment no power
                of two.
            IovaExhausted: there is no such place.
        """
        self._check(size=size)
        if alignment & (alignment - 1) or alignment < 0:
            raise self._misaligned(f"alignment {alignment:#x} is no power of two", size=size)
        alignment = max(alignment, self.page_size)
        for free in self._free:
            start = -(-max(free.start, 1) // alignment) * alignment
            end = start + size - 1
            if below is not None and end >= below:
                break
            if end <= free.end:
                self._take(IovaRange(start, end))
                return start
        limit = "" if below is None else f" below {below:#x}"
        raise errors.IovaExhausted(
            errno.ENOSPC,
            CALL,
            arguments={"size": size, "alignment": alignment},
            advice=f"no room{limit}; free are {describe(self._free)}",
        )

    def reserve(self, iova: int, size: int) -> None:
        """Take these very addresses.

        Raises:
            Misaligned: an address or a size is no multiple of the page size.
            IovaOutOfRange: they do not lie in a window.
            DmaOverlap: somebody has them, or some of them.
        """
        self._check(size=size, iova=iova)
        wanted = IovaRange(iova, iova + size - 1)
        if not within(wanted, self.windows):
            error = errors.IovaOutOfRange(
                errno.EINVAL,
                CALL,
                arguments={"iova": iova, "size": size},
                advice=f"the IOMMU translates {describe(self.windows)}",
            )
            error.ranges = self.windows
            raise error
        place = bisect_right(self._free, iova, key=lambda free: free.start) - 1
        if place < 0 or wanted.end > self._free[place].end:
            raise errors.DmaOverlap(
                errno.EEXIST,
                CALL,
                arguments={"iova": iova, "size": size},
                advice=f"it is mapped already, or a part of it; free are {describe(self._free)}",
            )
        self._take(wanted)

    def free(self, iova: int, size: int) -> None:
        """Give addresses back.

        Raises:
            Misaligned: an address or a size is no multiple of the page size.
            ValueError: nobody had them, or not all of them.
        """
        self._check(size=size, iova=iova)
        back = IovaRange(iova, iova + size - 1)
        place = bisect_left(self._free, iova, key=lambda free: free.start)
        before = self._free[place - 1] if place > 0 else None
        after = self._free[place] if place < len(self._free) else None
        if (
            not within(back, self.windows)
            or (before is not None and before.end >= back.start)
            or (after is not None and after.start <= back.end)
        ):
            raise ValueError(f"{back} was not taken")
        start, end = back.start, back.end
        if after is not None and after.start == end + 1:
            end = self._free.pop(place).end
        if before is not None and before.end + 1 == start:
            place -= 1
            start = self._free.pop(place).start
        self._free.insert(place, IovaRange(start, end))

    def _take(self, wanted: IovaRange) -> None:
        """Split the free range that holds `wanted`."""
        place = bisect_right(self._free, wanted.start, key=lambda free: free.start) - 1
        free = self._free.pop(place)
        if wanted.end < free.end:
            self._free.insert(place, IovaRange(wanted.end + 1, free.end))
        if free.start < wanted.start:
            self._free.insert(place, IovaRange(free.start, wanted.start - 1))

    def _check(self, *, size: int, iova: int = 0) -> None:
        mask = self.page_size - 1
        if size <= 0 or size & mask:
            raise self._misaligned(f"size {size:#x} is no multiple of it", size=size)
        if iova < 0 or iova & mask:
            raise self._misaligned(f"address {iova:#x} is no multiple of it", size=size, iova=iova)

    def _misaligned(self, advice: str, **arguments: int) -> errors.Misaligned:
        advice = f"pages are {self.page_size:#x} bytes, and {advice}"
        return errors.Misaligned(errno.EINVAL, CALL, arguments=arguments, advice=advice)
