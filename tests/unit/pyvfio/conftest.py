# SPDX-License-Identifier: GPL-2.0-or-later
"""A made-up machine and its kernel for each test, which must leave nothing open."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.pyvfio.fake.kernel import FakeKernel
from tests.unit.pyvfio.fake.machine import Machine
from tests.unit.pyvfio.fake.machines import standard


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of a module that says so by each way to a device: ``BACKENDS = (...)``."""
    backends = getattr(metafunc.module, "BACKENDS", None)
    if backends is not None and "machine" in metafunc.fixturenames:
        metafunc.parametrize("machine", backends, indirect=True)


@pytest.fixture
def machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """The standard machine; one with iommufd, which is taken where it is, if that is asked for."""
    made = standard()
    made.iommufd = getattr(request, "param", "legacy") == "iommufd"
    yield made
    made.close()


@pytest.fixture
def kernel(machine: Machine) -> Iterator[FakeKernel]:
    made = FakeKernel(machine)
    yield made
    assert not made.leaks(), made.leaks()


ORACLES: list[str] = []
"""What answered, and to how many questions."""

STEPS: list[tuple[str, int, int]] = []
"""Operation, its calls that failed in turn, and how often something was left."""


@pytest.fixture
def oracles() -> list[str]:
    """Where a test names its oracle."""
    return ORACLES


@pytest.fixture
def steps() -> list[tuple[str, int, int]]:
    """Where the test of faults tells what it did."""
    return STEPS


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the oracles that answered, and tell how much of faults was tried."""
    for oracle in ORACLES:
        terminalreporter.line(oracle)
    if STEPS:
        calls = sum(each[1] for each in STEPS)
        leaks = sum(each[2] for each in STEPS)
        terminalreporter.line(f"faults: {len(STEPS)} operations, {calls} steps, {leaks} leaks")
