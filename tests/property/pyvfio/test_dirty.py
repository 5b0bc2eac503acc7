# SPDX-License-Identifier: GPL-2.0-or-later
"""Bitmaps of dirty pages, beside sets of pages."""

from __future__ import annotations

import ctypes

from hypothesis import given, settings
from hypothesis import strategies as st

from pyvfio.dirty import DirtyBitmap


@settings(deadline=None)
@given(
    first=st.integers(0, 1 << 30),
    order=st.integers(12, 21),
    dirty=st.sets(st.integers(0, 199)),
    pages=st.integers(1, 200),
)
def test_a_bitmap_beside_a_set(first: int, order: int, dirty: set[int], pages: int) -> None:
    """The kernel sets bit n for page n, and leaves nothing else."""
    page = 1 << order
    iova = first * page
    bitmap = DirtyBitmap(iova, pages * page, page)
    assert not bitmap
    bits = (ctypes.c_uint8 * bitmap.bytes).from_address(bitmap.address)
    for place in dirty:
        # Linux may set bits behind the last page, too.
        if place < 8 * bitmap.bytes:
            bits[place // 8] |= 1 << place % 8
    expected = sorted(iova + place * page for place in dirty if place < pages)
    assert list(bitmap) == expected
    assert bitmap.count == len(expected)
    assert bool(bitmap) == bool(expected)
    assert bitmap.bytes % 8 == 0
    for place in range(pages):
        inside = iova + place * page + page - 1
        assert (inside in bitmap) == (place in dirty)
    assert repr(bitmap).endswith(f"{len(expected)} of {pages} pages)")
    assert iova - 1 not in bitmap
    assert iova + pages * page not in bitmap
    assert sum(each.size for each in bitmap.ranges()) == len(expected) * page
    assert all(each.start in bitmap and each.end in bitmap for each in bitmap.ranges())
    both = DirtyBitmap(iova, pages * page, page)
    both.add(bitmap)
    both.add(bitmap)
    assert list(both) == expected
