# SPDX-License-Identifier: GPL-2.0-or-later
"""On the host: the tests in guest/ and its like run in machines.  Not a part of the guest."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import nested
from .image import project
from .machine import Iommu, Machine, Results
from .plugin import GuestTests

_HERE = Path(__file__).resolve().parent

_guest_tests = pytest.StashKey[GuestTests]()


def pytest_configure(config: pytest.Config) -> None:
    """Let the guests run what is their own."""
    plugin = GuestTests(_HERE / "guest", lambda command: Machine(command, project()))
    config.pluginmanager.register(plugin)
    config.stash[_guest_tests] = plugin
    config.pluginmanager.register(
        GuestTests(
            _HERE / "guest_no_iommu",
            lambda command: Machine(command, project(), iommu=Iommu.NONE),
        )
    )
    config.pluginmanager.register(
        GuestTests(
            _HERE / "guest_no_remapping",
            lambda command: Machine(command, project(), iommu=Iommu.NO_REMAPPING),
        )
    )
    config.pluginmanager.register(
        GuestTests(
            _HERE / "guest_nested",
            lambda command: Machine(command, {**project(), **_nested()}),
        )
    )


def _nested() -> dict[str, Path]:
    """What the guest that runs QEMU has besides."""
    return {"tests/vm/guest_nested": _HERE / "guest_nested", "nested": nested.folder()}


@pytest.fixture
def results(request: pytest.FixtureRequest) -> Results:
    """What the guest left after its last test."""
    return request.config.stash[_guest_tests].results(request.session)
