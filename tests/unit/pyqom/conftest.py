# SPDX-License-Identifier: GPL-2.0-or-later
"""Worlds for the tests of pyqom: each test has its own, and its types go with it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pyqom import SERIES, World


@pytest.fixture(params=SERIES)
def any_world(request: pytest.FixtureRequest) -> Iterator[World]:
    """A fresh world, once for each series."""
    with World(request.param) as world:
        yield world


@pytest.fixture
def world() -> Iterator[World]:
    """A fresh world of 10.0."""
    with World("10.0") as world:
        yield world


@pytest.fixture
def old_world() -> Iterator[World]:
    """A fresh world of 7.2."""
    with World("7.2") as world:
        yield world
