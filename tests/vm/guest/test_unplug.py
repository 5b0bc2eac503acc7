# SPDX-License-Identifier: GPL-2.0-or-later
"""The host wants a device back: its driver is taken away, or the device itself."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator

import pytest

from tests.vm.guest import binding, devices
from tests.vm.guest.backends import Opener
from tests.vm.guest.edu import ID
from tests.vm.guest.forked import forked
from tests.vm.guest.monitor import Monitor

SOON = 10.0  # seconds


def unbinding(address: str) -> Generator[None]:
    """Take the driver away, which waits until nobody has the device open."""
    yield
    binding.give(address, None)


def test_req_tells_that_the_driver_is_to_go(open_device: Opener) -> None:
    address = devices.address("edu")
    with forked(lambda: unbinding(address)) as child:
        child.value()
        with open_device(address) as device, device.req.enable() as request:
            child.go_on()
            assert request.wait(SOON) == 1
            assert device.bar(0).read32(0) == ID  # it is still ours ...
            assert child.runs()
        child.finish()  # ... until we let go
    assert binding.driver(address) is None
    binding.give(address, binding.VFIO)


@pytest.fixture(scope="session")
def _qemu() -> Iterator[Monitor]:
    with Monitor() as monitor:
        yield monitor


@pytest.fixture
def monitor(_qemu: Monitor) -> Iterator[Monitor]:
    """QEMU, in which the spare edu is plugged again after the test."""
    yield _qemu
    if devices.address_if_there(devices.SPARE) is None:
        plug(_qemu)


def plug(monitor: Monitor) -> str:
    """Plug the spare edu in, for vfio-pci; return its address."""
    monitor.ask("device_add", driver="edu", id=devices.SPARE, bus="port-spare")
    end = time.monotonic() + SOON
    while True:
        # Its folder comes before what is in it.
        try:
            address = devices.address(devices.SPARE)
            binding.give(address, binding.VFIO)
        except (LookupError, OSError):
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return address


def test_a_device_that_nobody_has_is_unplugged(monitor: Monitor) -> None:
    folder = binding.folder(devices.address(devices.SPARE))
    monitor.ask("device_del", id=devices.SPARE)
    monitor.await_event("DEVICE_DELETED", device=devices.SPARE)
    assert not folder.exists()


def test_a_device_that_is_open_is_unplugged_when_it_is_closed(
    monitor: Monitor, open_device: Opener
) -> None:
    address = devices.address(devices.SPARE)
    with open_device(address) as device, device.req.enable() as request:
        monitor.ask("device_del", id=devices.SPARE)
        assert request.wait(SOON) >= 1
        assert device.bar(0).read32(0) == ID
    monitor.await_event("DEVICE_DELETED", device=devices.SPARE)
    assert not binding.folder(address).exists()


def test_what_is_plugged_can_be_used(monitor: Monitor, open_device: Opener) -> None:
    monitor.ask("device_del", id=devices.SPARE)
    monitor.await_event("DEVICE_DELETED", device=devices.SPARE)
    with open_device(plug(monitor)) as device:
        assert device.bar(0).read32(0) == ID
