# SPDX-License-Identifier: GPL-2.0-or-later
"""Low power: nothing may be mapped, and a wake-up is told."""

from __future__ import annotations

import errno
from collections.abc import Iterator

import pytest

import pyvfio
from pyvfio import Device, errors
from tests.unit.pyvfio.fake.kernel import FakeKernel
from tests.unit.pyvfio.fake.machine import Machine
from tests.unit.pyvfio.fake.machines import NIC


@pytest.fixture
def nic(kernel: FakeKernel) -> Iterator[Device]:
    with pyvfio.open_device(NIC, kernel=kernel) as device:
        yield device


def asleep(kernel: FakeKernel) -> bool:
    return any(name == "low power" for _who, name, _number in kernel.leaks().irqs)


def test_a_device_sleeps_and_wakes(nic: Device, kernel: FakeKernel) -> None:
    with nic.low_power() as sleep:
        assert asleep(kernel)
        assert sleep.wakeup is None
        assert nic.config.vendor_id == 0x8086, "a call wakes it for as long as it takes"
        assert asleep(kernel)
        with pytest.raises(errors.VfioError) as caught:
            nic.low_power()
        assert caught.value.errno == errno.EINVAL
    assert not asleep(kernel)
    sleep.close()


def test_nothing_is_mapped_while_it_sleeps(nic: Device, kernel: FakeKernel) -> None:
    with nic.bar(0).map():
        with pytest.raises(errors.MappingInUse, match="SIGBUS") as caught:
            nic.low_power()
        assert caught.value.arguments == {"regions": [0]}
        assert not asleep(kernel)
    with nic.low_power():
        with pytest.raises(errors.VfioError, match="leave that first") as refused:
            nic.bar(0).map()
        assert (refused.value.errno, refused.value.call) == (errno.EBUSY, "mmap")
    with nic.bar(0).map():
        pass


def test_who_is_refused_may_map_again(nic: Device, kernel: FakeKernel) -> None:
    for wakeup in (False, True):
        kernel.calls.clear()
        kernel.fail_at = 1
        with pytest.raises(errors.VfioError):
            nic.low_power(wakeup=wakeup)
        kernel.fail_at = None
        nic.bar(0).map().close()


def test_a_wake_up_is_told(nic: Device, kernel: FakeKernel) -> None:
    with nic.low_power(wakeup=True) as sleep:
        assert sleep.wakeup is not None
        assert sleep.wakeup.poll() == 0
        assert nic.config.vendor_id == 0x8086
        assert sleep.wakeup.wait(5.0) == 1
        assert not asleep(kernel), "it stays awake"
    assert sleep.wakeup.closed


def test_it_ends_with_the_device(nic: Device, kernel: FakeKernel) -> None:
    with nic.low_power(wakeup=True):
        nic.close()
        assert not kernel.leaks()


def test_a_driver_that_leaves_power_alone(kernel: FakeKernel, machine: Machine) -> None:
    machine.functions[NIC].extras.low_power = False
    with (
        pyvfio.open_device(NIC, kernel=kernel) as nic,
        pytest.raises(errors.NotAvailable, match="leaves its power alone"),
    ):
        nic.low_power()
