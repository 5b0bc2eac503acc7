# SPDX-License-Identifier: GPL-2.0-or-later
"""
Several QEMU series seen as one: what a Python module prints, since it carries them all.

A value that differs becomes a `Varying`; a thing that only some series have gets an interval.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Generic, TypeVar

from qomgen.series import Series

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Interval:
    """From `since` (None: the oldest series) up to but without `until` (None: no end)."""

    since: Series | None = None
    until: Series | None = None


@dataclass(frozen=True, slots=True)
class Varying(Generic[T]):
    """A value by the series from which it holds, oldest first; one entry if it never changes."""

    steps: tuple[tuple[Series, T], ...]

    @property
    def constant(self) -> bool:
        """Whether it never changes."""
        return len(self.steps) == 1

    @property
    def value(self) -> T:
        """The value in the newest series."""
        return self.steps[-1][1]


@dataclass(frozen=True, slots=True)
class Present(Generic[T]):
    """A thing and the series that have it."""

    item: T
    interval: Interval


def varying(values: Mapping[Series, T]) -> Varying[T]:
    """`values`, without repeating what does not change."""
    steps: list[tuple[Series, T]] = []
    for series in sorted(values):
        if not steps or steps[-1][1] != values[series]:
            steps.append((series, values[series]))
    return Varying(tuple(steps))


def intervals(has: Sequence[Series], all_series: Sequence[Series]) -> Iterator[Interval]:
    """The stretches of `all_series` (ascending) that `has` covers."""
    start: int | None = None
    for index, series in enumerate(all_series):
        if series in has and start is None:
            start = index
        if series not in has and start is not None:
            yield Interval(all_series[start] if start else None, series)
            start = None
    if start is not None:
        yield Interval(all_series[start] if start else None, None)


def sequences(
    rows: Mapping[Series, Sequence[T]], all_series: Sequence[Series], key: Callable[[T], Hashable]
) -> list[tuple[T, list[Series]]]:
    """
    One list that holds the lists of all series, each in its own order.

    Args:
        rows: the list of each series.
        all_series: the series in ascending order.
        key: what makes two rows the same.

    Returns:
        Each row once, with the series that have it; a row that moved between series stands at both places.
    """
    merged: list[tuple[T, list[Series]]] = []
    for series in all_series:
        new = list(rows.get(series, ()))
        matcher = SequenceMatcher(
            None, [key(item) for item, _ in merged], [key(item) for item in new], autojunk=False
        )
        result: list[tuple[T, list[Series]]] = []
        for tag, low, high, new_low, new_high in matcher.get_opcodes():
            if tag == "equal":
                result += [
                    (new[new_low + offset], [*merged[low + offset][1], series])
                    for offset in range(high - low)
                ]
            else:
                result += merged[low:high]
                result += [(item, [series]) for item in new[new_low:new_high]]
        merged = result
    return merged
