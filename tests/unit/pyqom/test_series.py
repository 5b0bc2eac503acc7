# SPDX-License-Identifier: GPL-2.0-or-later
"""Series and values that differ between them."""

from __future__ import annotations

import pytest

from pyqom import Abort, ByQemu, World, at_least, current
from pyqom.series import is_present, parse_series, resolve


@pytest.mark.parametrize(
    ("series", "value"), [("7.2", "a"), ("9.0", "b"), ("9.10", "b"), ("10.0", "c"), ("11.1", "c")]
)
def test_the_highest_key_not_above_counts(series: str, value: str) -> None:
    assert ByQemu({"10.0": "c", "7.2": "a", "9.0": "b"}).at(series) == value


def test_below_the_lowest_key_there_is_nothing() -> None:
    assert ByQemu({"8.0": 1}).at("7.2") is None
    assert resolve(ByQemu({"8.0": 1}), "7.2") is None
    assert resolve(1, "7.2") == 1


@pytest.mark.parametrize("text", ["10", "10.", ".0", "x.y", "10.0.1", "010.0", ""])
def test_what_is_no_series(text: str) -> None:
    with pytest.raises(Abort, match="not a QEMU series"):
        parse_series(text)


def test_a_thing_is_there_from_since_and_before_until() -> None:
    assert [is_present(s, "8.0", "10.0") for s in ("7.2", "8.0", "9.2", "10.0")] == [
        False,
        True,
        True,
        False,
    ]


def test_worlds_nest() -> None:
    with World("7.2") as outer:
        assert current() is outer
        with World("10.2"):
            assert at_least("10.2")
        assert not at_least("8.0")
        assert current() is outer


def test_a_world_knows_its_series() -> None:
    with pytest.raises(Abort):
        World("latest")
