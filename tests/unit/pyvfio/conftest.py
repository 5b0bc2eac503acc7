# SPDX-License-Identifier: GPL-2.0-or-later
"""A made-up machine and its kernel for each test, which must leave nothing open."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.pyvfio.fake.kernel import FakeKernel
from tests.unit.pyvfio.fake.machine import Machine
from tests.unit.pyvfio.fake.machines import standard


@pytest.fixture
def machine() -> Iterator[Machine]:
    made = standard()
    yield made
    made.close()


@pytest.fixture
def kernel(machine: Machine) -> Iterator[FakeKernel]:
    made = FakeKernel(machine)
    yield made
    assert not made.leaks(), made.leaks()
