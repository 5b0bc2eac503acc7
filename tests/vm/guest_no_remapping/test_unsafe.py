# SPDX-License-Identifier: GPL-2.0-or-later
"""Where interrupts are not remapped a device could forge any, and root must allow VFIO all the same."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

import pyvfio
from pyvfio import errors
from pyvfio.opening import Backend
from tests.vm.guest import binding, devices
from tests.vm.guest.backends import BACKENDS
from tests.vm.guest.edu import driven

CALLS = {"legacy": "VFIO_SET_IOMMU", "iommufd": "VFIO_DEVICE_BIND_IOMMUFD"}
"""What each way fails at."""

MODULES = {"legacy": "vfio_iommu_type1", "iommufd": "iommufd"}
"""Whose parameter allows it."""


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Backend:
    """Each way to a device in turn."""
    found: Backend = request.param
    return found


@pytest.fixture
def parameter(backend: Backend) -> Iterator[Path]:
    """Where root may allow it."""
    path = Path("/sys/module") / MODULES[backend] / "parameters" / "allow_unsafe_interrupts"
    assert path.read_text() == "N\n"
    yield path
    path.write_text("N\n")


@pytest.fixture
def address() -> str:
    """The address of an edu."""
    address = devices.address("edu")
    binding.give(address, binding.VFIO)
    return address


def test_the_kernel_refuses_the_iommu(address: str, backend: Backend, parameter: Path) -> None:
    with pytest.raises(errors.NoInterruptRemapping, match="allow_unsafe_interrupts") as error:
        pyvfio.open_device(address, backend=backend)
    assert error.value.errno == errno.EPERM
    assert error.value.call == CALLS[backend]
    assert MODULES[backend] in str(error.value)
    assert parameter.read_text() == "N\n", "nobody but root allows it"


def test_root_may_allow_it(address: str, backend: Backend, parameter: Path) -> None:
    parameter.write_text("Y\n")
    with (
        pyvfio.open_device(address, backend=backend) as device,
        driven(device) as edu,
        device.msi.enable() as (vector,),
    ):
        edu.interrupt()
        assert vector.wait(5) == 1
        edu.acknowledge()
