# SPDX-License-Identifier: GPL-2.0-or-later
"""On the host: the tests in guest/ and guest_no_remapping/ run in machines.  Not a part of the guest."""

from __future__ import annotations

from pathlib import Path

import pytest

from .image import project
from .machine import Machine, Results
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
            _HERE / "guest_no_remapping",
            lambda command: Machine(command, project(), remapping=False),
        )
    )


@pytest.fixture
def results(request: pytest.FixtureRequest) -> Results:
    """What the guest left after its last test."""
    return request.config.stash[_guest_tests].results(request.session)
