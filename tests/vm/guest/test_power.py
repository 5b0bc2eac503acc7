# SPDX-License-Identifier: GPL-2.0-or-later
"""Low power: calls wake a device, a wake-up is told, and what is mapped ends the process."""

from __future__ import annotations

import errno
import mmap
import os
import signal
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from pyvfio import Device, errors
from pyvfio.features import Feature
from tests.vm.guest import binding, devices
from tests.vm.guest.backends import Opener
from tests.vm.guest.edu import ID, REG_ID, Edu, driven

PATIENCE = 5.0  # seconds


def status(name: str) -> str:
    """Return what the kernel says of a device's power."""
    folder = binding.folder(devices.address(name))
    return (Path(folder) / "power/runtime_status").read_text().strip()


def awaited(name: str, wanted: str) -> None:
    """Wait until the kernel says something of a device's power."""
    end = time.monotonic() + PATIENCE
    while status(name) != wanted:
        assert time.monotonic() < end, status(name)
        time.sleep(0.01)


def test_a_device_may_sleep(device: Device) -> None:
    for feature in (
        Feature.LOW_POWER_ENTRY,
        Feature.LOW_POWER_ENTRY_WITH_WAKEUP,
        Feature.LOW_POWER_EXIT,
    ):
        assert device.features.supports(feature, set=True)
        assert not device.features.supports(feature, get=True)
    vendor = device.config.vendor_id
    with device.low_power() as sleep:
        assert sleep.wakeup is None
        assert device.config.vendor_id == vendor, "a call wakes it"
        with pytest.raises(errors.VfioError) as caught:
            device.low_power()
        assert caught.value.errno == errno.EINVAL
    with device.low_power():
        pass


def test_the_kernel_says_so(open_device: Opener) -> None:
    with open_device(devices.address("edu")) as device:
        assert status("edu") == "active"
        with device.low_power():
            awaited("edu", "suspended")
            assert device.bar(0).read32(REG_ID) == ID
            awaited("edu", "suspended")
        assert status("edu") == "active"
        with driven(device) as edu:
            assert edu.factorial(5) == 120


def test_a_wake_up_is_told(open_device: Opener) -> None:
    with open_device(devices.address("edu")) as device:
        with device.low_power(wakeup=True) as sleep:
            awaited("edu", "suspended")
            assert sleep.wakeup is not None
            assert sleep.wakeup.poll() == 0
            assert device.bar(0).read32(REG_ID) == ID
            assert sleep.wakeup.wait(PATIENCE) == 1
            # It stays awake, until it is let sleep again.
            time.sleep(0.2)
            assert status("edu") == "active"
        assert sleep.wakeup.closed
        with device.low_power(wakeup=True):
            awaited("edu", "suspended")


def test_nothing_is_mapped(edu: Edu) -> None:
    device = edu.device
    with pytest.raises(errors.MappingInUse, match="SIGBUS"):
        device.low_power()
    assert edu.factorial(4) == 24


def test_nothing_can_be_mapped(edu_device: Device) -> None:
    with edu_device.low_power(), pytest.raises(errors.VfioError, match="leave that first"):
        edu_device.bar(0).map()
    with driven(edu_device) as edu:
        assert edu.factorial(4) == 24


def test_what_is_mapped_would_end_the_process(open_device: Opener) -> None:
    """Why nothing may be: in a child, past our checks, the kernel ends who touches it."""

    def touch() -> Generator[bytes]:
        with open_device(devices.address("edu")) as device:
            offset = device.bar(0).info.offset
            memory = mmap.mmap(device.fileno(), 4096, offset=offset)
            device.features.set(Feature.LOW_POWER_ENTRY)
            yield memory[:4]

    pid = os.fork()
    if pid == 0:
        try:
            next(touch())
        finally:
            os._exit(0)
    _pid, end = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(end)
    assert os.WTERMSIG(end) == signal.SIGBUS


def test_it_ends_with_the_device(open_device: Opener) -> None:
    with open_device(devices.address("edu")) as device:
        sleep = device.low_power(wakeup=True)
        awaited("edu", "suspended")
    assert sleep.wakeup is not None
    assert sleep.wakeup.closed


def test_a_driver_that_leaves_power_alone(mtty: str, open_device: Opener) -> None:
    with open_device(mtty) as device, pytest.raises(errors.NotAvailable, match="power alone"):
        device.low_power()
