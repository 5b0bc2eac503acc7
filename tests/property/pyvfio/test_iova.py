# SPDX-License-Identifier: GPL-2.0-or-later
"""The allocator of DMA addresses, beside a model that counts pages."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pyvfio import errors
from pyvfio.iova import IovaAllocator, IovaRange

PAGE = 16
PAGES = 64


class Model(RuleBasedStateMachine):
    """Windows within 64 small pages. The model is a set of free pages."""

    def __init__(self) -> None:
        super().__init__()
        self.allocator: IovaAllocator | None = None
        self.free: set[int] = set()
        self.usable: set[int] = set()
        self.taken: dict[int, int] = {}

    @precondition(lambda self: self.allocator is None)
    @rule(cuts=st.lists(st.integers(0, PAGE * PAGES), max_size=6))
    def open(self, cuts: list[int]) -> None:
        """Make windows between every two of some addresses, which no page need begin at."""
        edges = sorted(cuts)
        pairs = zip(edges[::2], edges[1::2], strict=False)
        windows = [IovaRange(start, end - 1) for start, end in pairs if start < end]
        self.allocator = IovaAllocator(reversed(windows), PAGE)
        inside = {address for each in windows for address in range(each.start, each.end + 1)}
        pages = range(PAGES)
        self.usable = {p for p in pages if set(range(p * PAGE, p * PAGE + PAGE)) <= inside}
        self.free = set(self.usable)

    def _fits(self, page: int, count: int) -> bool:
        return set(range(page, page + count)) <= self.free

    @precondition(lambda self: self.allocator is not None)
    @rule(
        count=st.integers(1, 8),
        order=st.integers(0, 4),
        below=st.none() | st.integers(0, PAGE * PAGES),
    )
    def allocate(self, count: int, order: int, below: int | None) -> None:
        """Take the lowest place that fits, and never page 0 at address 0."""
        assert self.allocator is not None
        step = 1 << order
        end = PAGES if below is None else below // PAGE
        places = [p for p in range(step, PAGES, step) if self._fits(p, count) and p + count <= end]
        if not places:
            with pytest.raises(errors.IovaExhausted):
                self.allocator.allocate(count * PAGE, alignment=step * PAGE, below=below)
            return
        iova = self.allocator.allocate(count * PAGE, alignment=step * PAGE, below=below)
        assert iova == places[0] * PAGE
        self._take(places[0], count)

    @precondition(lambda self: self.allocator is not None)
    @rule(page=st.integers(0, PAGES + 2), count=st.integers(1, 8))
    def reserve(self, page: int, count: int) -> None:
        """Take these very pages."""
        assert self.allocator is not None
        wanted = set(range(page, page + count))
        if not wanted <= self.usable:
            with pytest.raises(errors.IovaOutOfRange):
                self.allocator.reserve(page * PAGE, count * PAGE)
        elif not self._fits(page, count):
            with pytest.raises(errors.DmaOverlap):
                self.allocator.reserve(page * PAGE, count * PAGE)
        else:
            self.allocator.reserve(page * PAGE, count * PAGE)
            self._take(page, count)

    def _take(self, page: int, count: int) -> None:
        self.free -= set(range(page, page + count))
        self.taken[page] = count

    @precondition(lambda self: bool(self.taken))
    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        """Free what was taken; a second time is refused."""
        assert self.allocator is not None
        page = data.draw(st.sampled_from(sorted(self.taken)))
        count = self.taken.pop(page)
        self.allocator.free(page * PAGE, count * PAGE)
        self.free |= set(range(page, page + count))
        with pytest.raises(ValueError, match="was not taken"):
            self.allocator.free(page * PAGE, count * PAGE)

    @precondition(lambda self: self.allocator is not None)
    @rule(
        iova=st.integers(0, 2 * PAGE * PAGES),
        size=st.integers(-PAGE, 4 * PAGE),
    )
    def misaligned(self, iova: int, size: int) -> None:
        """Refuse what has no whole pages, and change nothing."""
        assert self.allocator is not None
        if size > 0 and size % PAGE == 0 and iova % PAGE == 0:
            return
        with pytest.raises(errors.Misaligned):
            self.allocator.reserve(iova, size)
        with pytest.raises(errors.Misaligned):
            self.allocator.free(iova, size)

    @invariant()
    def free_ranges_are_the_free_pages(self) -> None:
        """They are in order, whole pages, and do not touch."""
        if self.allocator is None:
            return
        ranges = self.allocator.free_ranges
        pages = {page for r in ranges for page in range(r.start // PAGE, (r.end + 1) // PAGE)}
        assert pages == self.free
        assert all(r.start % PAGE == 0 and r.size % PAGE == 0 for r in ranges)
        assert all(a.end + 1 < b.start for a, b in pairwise(ranges))


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
