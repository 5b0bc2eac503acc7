# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices for the tests, each open for one test."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import pytest

import pyvfio
from pyvfio import Container, Device, Iommu, Iommufd
from pyvfio.opening import Backend
from tests.vm.guest import binding, devices, e1000e, mdev
from tests.vm.guest.backends import BACKENDS, Opener
from tests.vm.guest.e1000e import E1000e
from tests.vm.guest.edu import Edu, driven


@pytest.fixture(scope="session", autouse=True)
def _bound() -> None:
    """All devices are vfio-pci's, unless a test takes one away for a while."""
    for name in devices.NAMES:
        binding.give(devices.address(name), binding.VFIO)


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Backend:
    """Each way to a device in turn."""
    found: Backend = request.param
    return found


@pytest.fixture
def open_device(backend: Backend) -> Opener:
    """What opens devices by that way."""
    return functools.partial(pyvfio.open_device, backend=backend)


@pytest.fixture
def iommu(backend: Backend) -> Iterator[Iommu]:
    """An address space without a device yet."""
    with Container() if backend == "legacy" else Iommufd() as opened:
        yield opened


@pytest.fixture(params=devices.TESTED)
def device(request: pytest.FixtureRequest, open_device: Opener) -> Iterator[Device]:
    """Each device in turn."""
    with open_device(devices.address(request.param)) as opened:
        yield opened


@pytest.fixture(params=devices.EDUS)
def any_edu(request: pytest.FixtureRequest, open_device: Opener) -> Iterator[Edu]:
    """Each edu in turn."""
    with open_device(devices.address(request.param)) as opened, driven(opened) as edu:
        yield edu


@pytest.fixture
def edu_device(open_device: Opener) -> Iterator[Device]:
    """The edu behind a port, with nothing of it mapped."""
    with open_device(devices.address("edu")) as opened:
        yield opened


@pytest.fixture
def edu(open_device: Opener) -> Iterator[Edu]:
    """The edu behind a port."""
    with open_device(devices.address("edu")) as opened, driven(opened) as edu:
        yield edu


@pytest.fixture
def nvme(open_device: Opener) -> Iterator[Device]:
    """The NVMe controller."""
    with open_device(devices.address("nvme")) as opened:
        yield opened


@pytest.fixture
def nic(open_device: Opener) -> Iterator[E1000e]:
    """The e1000e that is alone behind its port."""
    with open_device(devices.address("e1000e")) as opened, e1000e.driven(opened) as nic:
        yield nic


@pytest.fixture
def mtty() -> Iterator[str]:
    """The folder below /sys of a device that migrates: two serial ports of the kernel's own."""
    with mdev.created() as folder:
        yield folder


@pytest.fixture
def other_mtty() -> Iterator[str]:
    """That of another one of the same kind."""
    with mdev.created() as folder:
        yield folder
