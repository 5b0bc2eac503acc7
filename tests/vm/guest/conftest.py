# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices for the tests, each open for one test; and no test leaves anything behind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import pyvfio
from pyvfio import Device
from tests.vm.guest import binding, devices, e1000e
from tests.vm.guest.e1000e import E1000e
from tests.vm.guest.edu import Edu, driven


@pytest.fixture(scope="session", autouse=True)
def _bound() -> None:
    """All devices are vfio-pci's, unless a test takes one away for a while."""
    for name in devices.NAMES:
        binding.give(devices.address(name), binding.VFIO)


def _open_files() -> dict[str, str]:
    """What this process has open, but for /proc itself."""
    found = {}
    for link in Path("/proc/self/fd").iterdir():
        try:
            found[link.name] = os.readlink(link)  # noqa: PTH115 - a target may be no path
        except FileNotFoundError:  # the folder that is being listed
            continue
    return found


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """The test closes what it opens, and unmaps what it maps of devices."""
    before = _open_files()
    yield
    assert _open_files() == before
    assert "[vfio-device]" not in Path("/proc/self/maps").read_text()


@pytest.fixture(params=devices.TESTED)
def device(request: pytest.FixtureRequest) -> Iterator[Device]:
    """Each device in turn."""
    with pyvfio.open_device(devices.address(request.param)) as opened:
        yield opened


@pytest.fixture(params=devices.EDUS)
def any_edu(request: pytest.FixtureRequest) -> Iterator[Edu]:
    """Each edu in turn."""
    with pyvfio.open_device(devices.address(request.param)) as opened, driven(opened) as edu:
        yield edu


@pytest.fixture
def edu_device() -> Iterator[Device]:
    """The edu behind a port, with nothing of it mapped."""
    with pyvfio.open_device(devices.address("edu")) as opened:
        yield opened


@pytest.fixture
def edu() -> Iterator[Edu]:
    """The edu behind a port."""
    with pyvfio.open_device(devices.address("edu")) as opened, driven(opened) as edu:
        yield edu


@pytest.fixture
def nvme() -> Iterator[Device]:
    """The NVMe controller."""
    with pyvfio.open_device(devices.address("nvme")) as opened:
        yield opened


@pytest.fixture
def nic() -> Iterator[E1000e]:
    """The e1000e that is alone behind its port."""
    with pyvfio.open_device(devices.address("e1000e")) as opened, e1000e.driven(opened) as nic:
        yield nic
