# SPDX-License-Identifier: GPL-2.0-or-later
"""Tracking of dirty pages in a container of the made-up kernel.

Its IOMMU does not tell who wrote where, so all that is mapped is dirty, each time it is asked: as
with most of real ones.
"""

from __future__ import annotations

import ctypes
import errno

from pyvfio.uapi import container as uapi
from tests.unit.pyvfio.fake.bits import Memory, fail, mark
from tests.unit.pyvfio.fake.machine import PAGE

FIXED = ctypes.sizeof(uapi.vfio_iommu_type1_dirty_bitmap)
LONGEST = 1 << 28
WORD = 64


class DirtyPages:
    """What a container tracks.

    Attributes:
        on: Whether it does.
        dma: What is mapped: address and size.
    """

    def __init__(self, dma: dict[int, int]) -> None:
        self.on = False
        self.dma = dma
        self._left: dict[int, int] = {}

    def ioctl(self, memory: Memory) -> int:
        """Answer VFIO_IOMMU_DIRTY_PAGES."""
        order = uapi.vfio_iommu_type1_dirty_bitmap.from_buffer(memory)
        match order.flags:
            case uapi.VFIO_IOMMU_DIRTY_PAGES_FLAG_START:
                if not self.on:
                    self._left.clear()
                self.on = True
            case uapi.VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP:
                self.on = False
            case uapi.VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP:
                size = ctypes.sizeof(uapi.vfio_iommu_type1_dirty_bitmap_get)
                if order.argsz - FIXED < size:
                    fail(errno.EINVAL)
                asked = uapi.vfio_iommu_type1_dirty_bitmap_get.from_buffer_copy(memory, FIXED)
                self._get(asked)
            case _:
                fail(errno.EINVAL)
        return 0

    def _get(self, asked: uapi.vfio_iommu_type1_dirty_bitmap_get) -> None:
        start, end = asked.iova, asked.iova + asked.size
        if asked.size == 0 or (start | asked.size) % PAGE or not self.on:
            fail(errno.EINVAL)
        self.check(asked.bitmap, asked.size)
        cut = [i for i, n in self.dma.items() if i < start < i + n or i < end < i + n]
        if cut:
            fail(errno.EINVAL)
        self.report(asked.bitmap, start, end)

    def check(self, bitmap: uapi.vfio_bitmap, size: int) -> None:
        """Refuse a bitmap of other pages, or one that is too short or too long."""
        needed = -(-(size // PAGE) // 64) * 8
        if bitmap.pgsize != PAGE or not needed <= bitmap.size <= LONGEST:
            fail(errno.EINVAL)

    def report(self, bitmap: uapi.vfio_bitmap, start: int, end: int) -> None:
        """Set the bits of what is mapped."""
        address = ctypes.cast(bitmap.data, ctypes.c_void_p).value or 0
        for iova, size in self.dma.items():
            if start <= iova < end:
                first, pages = (iova - start) // PAGE, size // PAGE
                shift = first % WORD
                bits = self._left.get(iova, 0) | (1 << pages) - 1
                if shift:
                    bits = bits << shift & (1 << pages + shift) - 1
                places = range(bits.bit_length())
                mark(address, {first - shift + place for place in places if bits >> place & 1})
                # Linux shifts its own bits to where they are wanted, and clears them at the old
                # place: what was shifted beyond is left, and told the next time.
                self._left[iova] = bits >> pages << pages
