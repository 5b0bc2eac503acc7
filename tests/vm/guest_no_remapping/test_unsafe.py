# SPDX-License-Identifier: GPL-2.0-or-later
"""Where interrupts are not remapped a device could forge any, and root must allow VFIO all the same."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

import pyvfio
from pyvfio import errors
from tests.vm.guest import binding, devices
from tests.vm.guest.edu import driven

PARAMETER = Path("/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts")


@pytest.fixture
def address() -> Iterator[str]:
    address = devices.address("edu")
    binding.give(address, binding.VFIO)
    yield address
    PARAMETER.write_text("N\n")


def test_the_kernel_refuses_the_iommu(address: str) -> None:
    with pytest.raises(errors.NoInterruptRemapping, match="allow_unsafe_interrupts") as error:
        pyvfio.open_device(address)
    assert error.value.errno == errno.EPERM
    assert error.value.call == "VFIO_SET_IOMMU"


def test_root_may_allow_it(address: str) -> None:
    PARAMETER.write_text("Y\n")
    with (
        pyvfio.open_device(address) as device,
        driven(device) as edu,
        device.msi.enable() as (vector,),
    ):
        edu.interrupt()
        assert vector.wait(5) == 1
        edu.acknowledge()
