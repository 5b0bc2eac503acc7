# SPDX-License-Identifier: GPL-2.0-or-later
"""QEMU series such as "10.0", and values that differ between them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Generic, TypeVar, overload

from .errors import Abort

T = TypeVar("T")

SERIES = ("7.2", "10.0", "10.2")
DEFAULT_SERIES = "10.0"

_SERIES = re.compile(r"([1-9][0-9]*|0)\.([1-9][0-9]*|0)")


def parse_series(text: str) -> tuple[int, int]:
    """The two numbers of a series: "10.0" is (10, 0).

    Raises:
        Abort: `text` is not two numbers with a dot between them.
    """
    match = _SERIES.fullmatch(text)
    if match is None:
        raise Abort(f"'{text}' is not a QEMU series such as \"10.0\"")
    return int(match[1]), int(match[2])


class ByQemu(Generic[T]):
    """A value that is not the same in every QEMU series.

    `ByQemu({"7.2": False, "10.2": True})` is False from 7.2 on and True from 10.2 on: the highest
    key that is not above the series asked for counts. Below the lowest key there is no value.
    """

    __slots__ = ("_steps",)

    def __init__(self, values: Mapping[str, T]) -> None:
        if not values:
            raise Abort("ByQemu needs at least one series")
        self._steps = sorted(((parse_series(key), value) for key, value in values.items()), key=_at)

    def at(self, series: str) -> T | None:
        """The value in `series`, None below the lowest key."""
        wanted = parse_series(series)
        found: T | None = None
        for since, value in self._steps:
            if since <= wanted:
                found = value
        return found

    def __repr__(self) -> str:
        steps = {f"{major}.{minor}": value for (major, minor), value in self._steps}
        return f"ByQemu({steps!r})"


def _at(step: tuple[tuple[int, int], object]) -> tuple[int, int]:
    return step[0]


@overload
def resolve(value: ByQemu[T], series: str) -> T | None: ...
@overload
def resolve(value: T | ByQemu[T], series: str) -> T | None: ...
def resolve(value: T | ByQemu[T], series: str) -> T | None:
    """`value` itself, or what a `ByQemu` says for `series`."""
    if isinstance(value, ByQemu):
        return value.at(series)
    return value


def is_present(series: str, since: str | None, until: str | None) -> bool:
    """Whether a thing that came with `since` and went with `until` is there in `series`."""
    wanted = parse_series(series)
    if since is not None and wanted < parse_series(since):
        return False
    return until is None or wanted < parse_series(until)
