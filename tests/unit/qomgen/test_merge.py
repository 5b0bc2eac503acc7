# SPDX-License-Identifier: GPL-2.0-or-later
"""Several series seen as one, and taken apart again: each finds what it had."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qomgen import merge
from qomgen.merge import Interval
from qomgen.series import Series

ALL = [Series(7, 2), Series(9, 0), Series(10, 0), Series(10, 2)]
SEVEN, NINE, TEN, TEN_TWO = ALL


def chosen(steps: tuple[tuple[Series, str], ...], series: Series) -> str:
    """The value of the highest step not above `series`, as a ByQemu chooses."""
    return [value for since, value in steps if since <= series][-1]


@given(st.dictionaries(st.sampled_from(ALL), st.sampled_from("abc"), min_size=1))
def test_a_varying_value_is_each_series_own(values: dict[Series, str]) -> None:
    varying = merge.varying(values)
    assert all(chosen(varying.steps, series) == value for series, value in values.items())
    assert varying.value == values[max(values)]
    assert varying.constant == (len(set(values.values())) == 1)
    neighbours = zip(varying.steps, varying.steps[1:], strict=False)
    assert all(one[1] != other[1] for one, other in neighbours)


def covers(interval: Interval, series: Series) -> bool:
    return (interval.since is None or interval.since <= series) and (
        interval.until is None or series < interval.until
    )


@given(st.sets(st.sampled_from(ALL)))
def test_intervals_cover_the_series_and_no_other(has: set[Series]) -> None:
    intervals = list(merge.intervals(sorted(has), ALL))
    assert {each for each in ALL if any(covers(interval, each) for interval in intervals)} == has
    assert len(intervals) <= 2


@pytest.mark.parametrize(
    ("has", "intervals"),
    [
        ([], []),
        (ALL, [Interval()]),
        ([SEVEN], [Interval(None, NINE)]),
        ([NINE, TEN], [Interval(NINE, TEN_TWO)]),
        ([TEN, TEN_TWO], [Interval(TEN, None)]),
        ([SEVEN, TEN_TWO], [Interval(None, NINE), Interval(TEN_TWO, None)]),
    ],
)
def test_intervals(has: list[Series], intervals: list[Interval]) -> None:
    assert list(merge.intervals(has, ALL)) == intervals


ROWS = st.dictionaries(st.sampled_from(ALL), st.lists(st.sampled_from("abcdef"), unique=True))


@given(ROWS)
def test_each_series_finds_its_own_list(rows: dict[Series, list[str]]) -> None:
    merged = merge.sequences(rows, ALL, str)
    for series in ALL:
        assert [item for item, has in merged if series in has] == rows.get(series, [])
    assert all(has == sorted(has) for _, has in merged)


def test_what_stays_in_order_stands_once() -> None:
    rows = {SEVEN: ["a", "c"], TEN: ["a", "b", "c"], TEN_TWO: ["b", "c", "d"]}
    assert merge.sequences(rows, ALL, str) == [
        ("a", [SEVEN, TEN]),
        ("b", [TEN, TEN_TWO]),
        ("c", [SEVEN, TEN, TEN_TWO]),
        ("d", [TEN_TWO]),
    ]


def test_what_moved_stands_at_both_places() -> None:
    merged = merge.sequences({SEVEN: ["a", "b"], TEN: ["b", "a"]}, ALL, str)
    assert sorted(item for item, _ in merged) in (["a", "a", "b"], ["a", "b", "b"])


def test_the_newest_of_equal_rows_is_kept() -> None:
    merged = merge.sequences({SEVEN: ["a old"], TEN: ["a new"]}, ALL, lambda row: row[0])
    assert merged == [("a new", [SEVEN, TEN])]
