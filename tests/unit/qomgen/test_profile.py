# SPDX-License-Identifier: GPL-2.0-or-later
"""Profiles and kinds: data that ships, whole and released. That they are true is asked of QEMU's trees (tests/qemu)."""

from __future__ import annotations

from dataclasses import fields

import pytest

from qomgen import profile
from qomgen.pipeline import UnknownSeries, choose
from qomgen.profile import Facts, IntegerDefault
from qomgen.series import Series

SEVEN, TEN, TEN_TWO = Series(7, 2), Series(10, 0), Series(10, 2)

RELEASED = {
    # const: class data, interfaces, properties; end of list, empty tables; resets: legacy, parent; names checked.
    SEVEN: (False, False, False, True, True, False, True, False),
    TEN: (False, False, True, False, False, True, False, True),
    TEN_TWO: (True, True, True, False, False, True, False, True),
}
"""A profile is not edited once it is released: whoever generated with it would get other files from the same specs."""


@pytest.mark.parametrize("series", RELEASED, ids=str)
def test_a_released_profile_stays_as_it_is(series: Series) -> None:
    facts = profile.profiles()[series].facts
    assert tuple(getattr(facts, each.name) for each in fields(Facts)) == RELEASED[series]


def test_profiles_are_in_order() -> None:
    assert list(profile.profiles()) == [SEVEN, TEN, TEN_TWO]


@pytest.mark.parametrize("series", RELEASED, ids=str)
def test_every_fact_has_a_reason(series: Series) -> None:
    reasons = profile.profiles()[series].reasons
    assert reasons.keys() == {each.name for each in fields(Facts)}
    assert all(len(reason) > 20 for reason in reasons.values())


@pytest.mark.parametrize(
    ("series", "nearest"),
    [("7.2", SEVEN), ("8.0", SEVEN), ("9.2", SEVEN), ("10.0", TEN), ("10.1", TEN), ("11.0", TEN_TWO), ("6.0", SEVEN)],
)  # fmt: skip
def test_the_nearest_profile_is_at_or_below(series: str, nearest: Series) -> None:
    assert profile.nearest(Series.parse(series)).series == nearest


@pytest.mark.parametrize(
    ("series", "header", "spelled"),
    [
        (TEN, "system/iommufd.h", "system/iommufd.h"),
        (SEVEN, "system/iommufd.h", "sysemu/iommufd.h"),
        (SEVEN, "system.h", "system.h"),
        (SEVEN, "hw/system/x.h", "hw/system/x.h"),
    ],
)
def test_headers_that_moved(series: Series, header: str, spelled: str) -> None:
    assert profile.profiles()[series].header(header) == spelled


def test_an_unknown_series_names_the_known() -> None:
    with pytest.raises(
        UnknownSeries, match=r"no profile for QEMU '10'; there are 7\.2, 10\.0, 10\.2"
    ):
        choose(["7.2", "10"])


def test_series_are_chosen_once_and_in_order() -> None:
    assert choose(["10.2", "7.2", "10.2"]) == (SEVEN, TEN_TWO)
    assert choose(None) == (SEVEN, TEN, TEN_TWO)


def test_kinds() -> None:
    kinds = profile.kinds(TEN)
    uint32 = kinds["uint32"]
    assert (uint32.macro, uint32.info, str(uint32.field)) == (
        "DEFINE_PROP_UINT32",
        "qdev_prop_uint32",
        "uint32_t",
    )
    assert uint32.default == IntegerDefault(0, 0xFFFFFFFF)
    assert uint32.in_table
    assert not kinds["bootindex"].in_table
    assert kinds["on-off-auto"].default == "OnOffAuto"


@pytest.mark.parametrize("series", RELEASED, ids=str)
def test_every_kind_is_whole(series: Series) -> None:
    for kind in profile.kinds(series).values():
        assert kind.macro is None or kind.macro.startswith("DEFINE_PROP"), kind
        assert set(kind.then) <= {"default", "bit", "target", "pointer", "info", "type"}, kind
        assert ("default" in kind.then) <= (kind.default is not None), kind
        if isinstance(kind.default, IntegerDefault):
            assert kind.default.minimum <= 0 < kind.default.maximum, kind
