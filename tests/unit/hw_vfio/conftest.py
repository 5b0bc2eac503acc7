# SPDX-License-Identifier: GPL-2.0-or-later
"""Worlds in which the generated VFIO types are registered."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import qomgen_devices
from pyqom import SERIES, World, machine_start

# Importing the package registers its types in every world from then on.
assert qomgen_devices.vfio_pci is not None


@pytest.fixture(params=SERIES)
def any_world(request: pytest.FixtureRequest) -> Iterator[World]:
    """A fresh world with a machine q35, once for each series."""
    with World(request.param) as world:
        machine_start("q35")
        yield world


@pytest.fixture
def world() -> Iterator[World]:
    """A fresh world of 10.0 with a machine q35."""
    with World("10.0") as world:
        machine_start("q35")
        yield world
