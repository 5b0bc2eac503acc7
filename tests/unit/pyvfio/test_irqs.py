# SPDX-License-Identifier: GPL-2.0-or-later
"""Interrupts are switched on and off the way the kernel means it."""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import Iterator

import pytest

import pyvfio
from pyvfio import errors
from pyvfio.device import Device
from pyvfio.eventfd import EventFd
from tests.unit.pyvfio.fake.device import INTX, MSIX, DeviceFile
from tests.unit.pyvfio.fake.kernel import FakeKernel
from tests.unit.pyvfio.fake.machine import Machine
from tests.unit.pyvfio.fake.machines import DISK, EDU, NIC

BACKENDS = ("legacy", "iommufd")


@pytest.fixture
def nic(kernel: FakeKernel) -> Iterator[Device]:
    with pyvfio.open_device(NIC, kernel=kernel) as device:
        yield device


def inside(device: Device) -> DeviceFile:
    """Return what the kernel has of a device."""
    kernel = device.handle.kernel
    assert isinstance(kernel, FakeKernel)
    file = kernel.file(device.fileno())
    assert isinstance(file, DeviceFile)
    return file


def test_irq_info(nic: Device) -> None:
    flags = {
        irq.name: (irq.info.count, irq.info.eventfd, irq.info.maskable, irq.info.noresize)
        for irq in nic.irqs
    }
    assert flags == {
        "INTx": (1, True, True, False),
        "MSI": (1, True, False, True),
        "MSI-X": (5, True, False, True),
        "ERR": (1, True, False, True),
        "REQ": (1, True, False, True),
    }
    assert nic.intx.info.automasked
    with pytest.raises(errors.VfioError, match=r"VFIO_DEVICE_GET_IRQ_INFO\(index=5\)"):
        nic.irq_info(5)


def test_intx(nic: Device) -> None:
    kernel_side = inside(nic)
    with nic.intx.enable() as line:
        assert nic.intx.enabled
        kernel_side.signal(INTX)
        assert line.wait(1.0) == 1
        nic.intx.mask()
        assert kernel_side.masked
        nic.intx.unmask()
        assert not kernel_side.masked
        with EventFd(nic.handle.kernel) as resample:
            nic.intx.resample(resample)
            assert kernel_side.resample == resample.fileno()
            with pytest.raises(errors.VfioError) as caught:
                nic.intx.resample(resample)
            assert caught.value.errno == errno.EBUSY
            nic.intx.resample(None)
        assert kernel_side.resample is None
        with pytest.raises(errors.IrqError, match="it is on already"):
            nic.intx.enable()
    assert not nic.intx.enabled
    assert line.closed
    assert list(kernel_side.irqs()) == []
    for use in (nic.intx.mask, nic.intx.unmask, nic.intx.trigger):
        with pytest.raises(errors.VfioError, match=r"VFIO_DEVICE_SET_IRQS\(index=0, action="):
            use()


def test_kinds_exclude_each_other(nic: Device) -> None:
    with nic.intx.enable():
        with pytest.raises(errors.IrqError) as caught:
            nic.msi.enable()
        assert str(caught.value) == (
            "VFIO_DEVICE_SET_IRQS(index=1, action=TRIGGER, start=0, count=1) on 0000:01:00.0:"
            " Invalid argument: INTx of this device is on: switch it off first"
        )
        with nic.req.enable():
            assert nic.req.enabled, "it is none of the device's"
    with nic.msix.enable(), pytest.raises(errors.IrqError, match="MSI-X of this device is on"):
        nic.intx.enable()


def test_a_kind_that_the_device_has_not(kernel: FakeKernel) -> None:
    with pyvfio.open_device(EDU, kernel=kernel) as edu:
        with pytest.raises(errors.IrqError, match="the device has no MSI-X"):
            edu.msix.enable()
        with pytest.raises(errors.IrqError, match="the device has no ERR"):
            edu.err.enable()
        with pytest.raises(errors.IrqError, match=r"the device has 1 of MSI$"):
            edu.msi.enable(2)


def test_vectors_in_ranges(nic: Device) -> None:
    kernel_side = inside(nic)
    first = nic.msix.enable(2, reserve=5)
    second = nic.msix.enable(2, start=3)
    assert (first.numbers, second.numbers) == (range(2), range(3, 5))
    assert nic.msix.assigned == {0, 1, 3, 4}
    assert kernel_side.prepared == 5
    with pytest.raises(errors.IrqError, match=r"vectors \[1, 3\] are on already"):
        nic.msix.enable(3, start=1)
    nic.msix.trigger(1, 4)
    assert [each.poll() for each in (*first, *second)] == [0, 1, 0, 1]
    second.close()
    assert [each.closed for each in (*first, *second)] == [False, False, True, True]
    assert sorted(kernel_side.fds) == [(MSIX, 0), (MSIX, 1)]
    assert kernel_side.kind == MSIX, "the others stay on"
    nic.msix.trigger(3)
    again = nic.msix.enable(1, start=4)
    kernel_side.signal(MSIX, 4)
    assert again[0].wait(1.0) == 1
    first.close()
    again.close()
    assert kernel_side.kind is None, "with the last one all of it goes"
    assert not nic.msix.enabled
    assert [len(first), len(first[0:1])] == [2, 1]


def test_vectors_that_cannot_be_added(nic: Device) -> None:
    with nic.msix.enable(2):
        with pytest.raises(errors.IrqError) as caught:
            nic.msix.enable(1, start=2)
        assert caught.value.advice == (
            "vectors cannot be added to MSI-X of this device while it is on: reserve them when the"
            " first is enabled, or disable all before"
        )
        with pytest.raises(errors.IrqError, match="the device has 5 of MSI-X"):
            nic.msix.enable(9, start=2)


def test_vectors_that_come_and_go(kernel: FakeKernel, machine: Machine) -> None:
    machine.functions[DISK].driver = "vfio-pci"
    with pyvfio.open_device(DISK, kernel=kernel) as disk:
        assert not disk.msix.info.noresize
        with disk.msix.enable(1) as first, disk.msix.enable(2, start=7) as more:
            disk.msix.trigger(0, 8)
            assert [each.poll() for each in (*first, *more)] == [1, 0, 1]


def test_fewer_vectors_than_asked_for(nic: Device, machine: Machine) -> None:
    machine.functions[NIC].spare = 3
    with pytest.raises(errors.IrqError) as caught:
        nic.msix.enable(5)
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.advice == "the host has no more than 3 vectors for MSI-X of this device"
    assert not nic.msix.enabled
    nic.msix.enable(3).close()


def test_eventfds_of_ones_own(nic: Device) -> None:
    kernel_side = inside(nic)
    with EventFd(nic.handle.kernel) as mine:
        nic.msix.assign(1, [mine, None, mine.fileno()])
        assert nic.msix.assigned == {1, 3}
        nic.msix.trigger(1, 2, 3)
        assert mine.wait(1.0) == 2
        nic.msix.unassign(range(1, 4))
        assert nic.msix.enabled
        assert kernel_side.fds == {}
        nic.msix.disable()
        assert kernel_side.kind is None
        nic.intx.assign(mine.fileno())
        kernel_side.signal(INTX)
        assert mine.poll() == 1
        nic.intx.disable()
        assert not mine.closed


def test_the_hosts_requests(nic: Device) -> None:
    with nic.req.enable() as asked, nic.err.enable() as wrong:
        nic.req.trigger()
        assert (asked.poll(), wrong.poll()) == (1, 0)
    assert list(inside(nic).irqs()) == []


def test_a_refused_switching_off_leaves_it_on(nic: Device, kernel: FakeKernel) -> None:
    line = nic.intx.enable()
    kernel.calls.clear()
    kernel.fail_at = 1
    with pytest.raises(errors.VfioError):
        line.close()
    assert nic.intx.enabled
    assert not line.closed
    line.close()
    assert not nic.intx.enabled


def test_orders_in_the_kernels_words(nic: Device) -> None:
    with EventFd(nic.handle.kernel) as mine:
        nic.set_irqs(0, 4 | 32, 0, 1, mine.fileno().to_bytes(4, "little"))
        nic.set_irqs(0, 1 | 32, 0, 1)
        assert mine.poll() == 1
        nic.set_irqs(0, 1 | 32, 0, 0)


def test_waiting(kernel: FakeKernel) -> None:
    with EventFd(kernel, "mine") as counter:
        assert counter.poll() == 0
        with pytest.raises(errors.InterruptTimeout) as caught:
            counter.wait(0.001)
        assert isinstance(caught.value, TimeoutError)
        assert str(caught.value).startswith("wait(timeout=0.001) on mine: Connection timed out")
        counter.signal(3)
        assert counter.wait() == 3
    with pytest.raises(errors.Closed):
        counter.wait(0)


def test_waiting_in_a_loop(kernel: FakeKernel) -> None:
    async def both(first: EventFd, second: EventFd) -> list[int]:
        waiting = [asyncio.create_task(each.wait_async(5.0)) for each in (first, second)]
        await asyncio.sleep(0)
        second.signal(2)
        await asyncio.sleep(0.01)
        assert [task.done() for task in waiting] == [False, True]
        first.signal(1)
        return await asyncio.gather(*waiting)

    async def late(counter: EventFd) -> None:
        with pytest.raises(errors.InterruptTimeout):
            await counter.wait_async(0.001)
        counter.signal()
        assert await counter.wait_async(0) == 1

    with EventFd(kernel) as first, EventFd(kernel) as second:
        started = time.monotonic()
        assert asyncio.run(both(first, second)) == [1, 2]
        assert time.monotonic() - started < 4
        asyncio.run(late(first))
