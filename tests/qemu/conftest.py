# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests on real QEMU trees share: getting a series, and saying which oracle answered."""

from __future__ import annotations

import functools
from collections.abc import Callable

import pytest

from tests.qemu import archive, tree
from tests.qemu.run import run

_MARKERS = (
    "objects: compiles single objects in a configured QEMU tree",
    "binary: builds and runs QEMU itself (minutes, the first time)",
)

# Debian's sid moves on, and then nobody serves the series; stable suites stay.
_MAY_VANISH = frozenset({"10.2"})

_oracles = pytest.StashKey[set[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Make the marks known that choose parts of this folder."""
    for marker in _MARKERS:
        config.addinivalue_line("markers", marker)
    config.stash[_oracles] = set()


@functools.cache
def _compiler() -> str:
    return run(["cc", "--version"]).splitlines()[0]


@pytest.fixture
def series_or_reason(request: pytest.FixtureRequest) -> Callable[[str], tree.Tree]:
    """A function that gets QEMU's tree of a series, or ends the test saying why there is none."""

    def get(series: str) -> tree.Tree:
        try:
            found = tree.source(series)
        except tree.Missing as error:
            pytest.skip(str(error))
        except archive.NotServed as error:
            if series in _MAY_VANISH:
                # Not a skip: nothing that one could install would bring it back.
                pytest.xfail(str(error))
            raise
        suite = archive.SUITES[series]
        request.config.stash[_oracles].add(
            f"QEMU {found.version} (Debian {suite}'s source), {_compiler()}"
        )
        return found

    return get


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Name the oracles that answered in this run."""
    used: set[str] = config.stash[_oracles]
    for oracle in sorted(used):
        terminalreporter.line(f"oracle: {oracle}")
