# SPDX-License-Identifier: GPL-2.0-or-later
"""Interrupts through eventfds: by pin (INTx), by message (MSI), by a table of messages (MSI-X)."""

from __future__ import annotations

import asyncio
import errno

import pytest

from pyvfio import Device, EventFd, VfioError, errors
from pyvfio.uapi import device as dev
from pyvfio.uapi import pci
from tests.vm.guest import e1000e
from tests.vm.guest import nvme as n
from tests.vm.guest.e1000e import E1000e
from tests.vm.guest.edu import Edu

SOON, NEVER = 5.0, 0.2  # seconds to wait for what comes, and for what does not


def nothing(eventfd: EventFd) -> bool:
    """Tell that no interrupt comes."""
    try:
        eventfd.wait(NEVER)
    except errors.InterruptTimeout:
        return True
    return False


def test_intx_fires_once_and_is_masked(any_edu: Edu) -> None:
    with any_edu.device.intx.enable() as line:
        any_edu.interrupt(1)
        assert line.wait(SOON) == 1
        # It is masked now, and what comes is not seen until it is unmasked.
        any_edu.interrupt(2)
        assert nothing(line)
        assert any_edu.acknowledge() == 3


def test_intx_comes_again_while_the_device_holds_its_line(any_edu: Edu) -> None:
    with any_edu.device.intx.enable() as line:
        any_edu.interrupt()
        line.wait(SOON)
        any_edu.device.intx.unmask()
        assert line.wait(SOON) == 1
        any_edu.acknowledge()
        any_edu.device.intx.unmask()
        assert nothing(line)


def test_intx_is_masked_and_unmasked(any_edu: Edu) -> None:
    with any_edu.device.intx.enable() as line:
        any_edu.device.intx.mask()
        any_edu.interrupt()
        assert nothing(line)
        any_edu.device.intx.unmask()
        assert line.wait(SOON) == 1
        any_edu.acknowledge()


def test_intx_is_masked_and_unmasked_by_value(edu: Edu) -> None:
    """The kernel's third way to say so: a byte for each interrupt."""

    def order(action: int) -> None:
        flags = dev.VFIO_IRQ_SET_DATA_BOOL | action
        edu.device.set_irqs(pci.VFIO_PCI_INTX_IRQ_INDEX, flags, 0, 1, b"\1")

    with edu.device.intx.enable() as line:
        order(dev.VFIO_IRQ_SET_ACTION_MASK)
        edu.interrupt()
        assert nothing(line)
        order(dev.VFIO_IRQ_SET_ACTION_UNMASK)
        assert line.wait(SOON) == 1
        edu.acknowledge()


def test_intx_is_unmasked_by_an_eventfd(any_edu: Edu) -> None:
    with any_edu.device.intx.enable() as line, EventFd() as served:
        any_edu.device.intx.resample(served)
        any_edu.interrupt()
        line.wait(SOON)
        served.signal()
        assert line.wait(SOON) == 1  # the line is still up
        any_edu.acknowledge()
        served.signal()
        assert nothing(line)
        any_edu.device.intx.resample(None)


def test_only_one_kind_is_on(any_edu: Edu) -> None:
    with any_edu.device.intx.enable():
        with pytest.raises(errors.IrqError, match="INTx of this device is on") as error:
            any_edu.device.msi.enable()
        assert error.value.errno == errno.EINVAL
    with any_edu.device.msi.enable(), pytest.raises(errors.IrqError, match="MSI of this device"):
        any_edu.device.intx.enable()


def test_what_is_off_cannot_be_masked(any_edu: Edu) -> None:
    for call in (any_edu.device.intx.mask, any_edu.device.intx.unmask):
        with pytest.raises(VfioError) as error:
            call()
        assert error.value.errno == errno.EINVAL


def test_msi(any_edu: Edu) -> None:
    with any_edu.device.msi.enable() as (vector,):
        for bits in (1, 2):
            any_edu.interrupt(bits)
            assert vector.wait(SOON) == 1
            assert any_edu.acknowledge() == bits
    any_edu.interrupt()
    any_edu.acknowledge()


def test_loopback(device: Device) -> None:
    """The kernel signals the eventfd itself, for tests of what hears it."""
    kind = device.msi if device.msi.info.count else device.msix
    with kind.enable() as (vector,):
        kind.trigger(0)
        assert vector.wait(SOON) == 1
    with device.intx.enable() as line:
        device.intx.trigger()
        assert line.wait(SOON) == 1


def test_edu_has_one_message(any_edu: Edu) -> None:
    with pytest.raises(errors.IrqError, match="has 1 of MSI") as error:
        any_edu.device.msi.enable(2)
    assert error.value.errno == errno.EINVAL
    with pytest.raises(errors.IrqError, match="has no MSI-X"):
        any_edu.device.msix.enable()


def test_asyncio(edu: Edu) -> None:
    async def serve(count: int) -> list[int]:
        served = []
        with edu.device.msi.enable() as (vector,):
            for bits in range(1, count + 1):
                edu.interrupt(bits)
                await vector.wait_async(SOON)
                served.append(edu.acknowledge())
        return served

    assert asyncio.run(serve(3)) == [1, 2, 3]


def test_interrupt_when_dma_is_done(edu: Edu) -> None:
    with edu.device.msi.enable() as (vector,), edu.device.dma.allocate(4096) as page:
        edu.send(page, 16, flags=4)
        assert vector.wait(SOON) == 1
        assert edu.acknowledge() == 0x100


def test_intx_of_e1000e(nic: E1000e) -> None:
    with nic.device.intx.enable() as line:
        for _ in range(3):
            nic.interrupt()
            assert line.wait(SOON) == 1
            assert nic.acknowledge() & e1000e.CAUSE_LINK
            nic.device.intx.unmask()
        assert nothing(line)


def test_msi_of_e1000e(nic: E1000e) -> None:
    with nic.device.msi.enable() as (vector,):
        for _ in range(3):
            nic.interrupt()
            # It says so again with each register that is written meanwhile.
            assert vector.wait(SOON) >= 1
            nic.acknowledge()
        nic.quiet()


def test_each_vector_of_e1000e(nic: E1000e) -> None:
    nic.registers.write32(e1000e.REG_VECTORS, e1000e.VECTORS)
    with nic.device.msix.enable(5) as vectors:
        for number, cause in enumerate(e1000e.CAUSES_OF_VECTORS):
            nic.interrupt(cause)
            assert vectors[number].wait(SOON) == 1
            assert [each.poll() for each in vectors] == [0] * 5
            nic.acknowledge()
        nic.quiet()


def test_vectors_come_and_go_in_ranges(nic: E1000e) -> None:
    """Since Linux 6.10 vectors can be added while others are on."""
    nic.registers.write32(e1000e.REG_VECTORS, e1000e.VECTORS)
    msix = nic.device.msix
    with msix.enable(2) as first:
        with msix.enable(2, start=3) as last:
            assert msix.assigned == {0, 1, 3, 4}
            msix.trigger(0, 4)
            assert first[0].wait(SOON) == last[1].wait(SOON) == 1
            assert first[1].poll() == last[0].poll() == 0
        assert msix.assigned == {0, 1}
        nic.interrupt(e1000e.CAUSES_OF_VECTORS[1])
        assert first[1].wait(SOON) == 1
        nic.quiet()
    assert not msix.enabled


def test_there_are_no_more_vectors_than_the_device_has(nic: E1000e) -> None:
    with pytest.raises(errors.IrqError, match="has 5 of MSI-X") as error:
        nic.device.msix.enable(6)
    assert error.value.errno == errno.EINVAL


def test_msix_of_nvme(nvme: Device) -> None:
    """Its first vector tells that the controller has completed a command."""
    with nvme.msix.enable(nvme.msix.count) as vectors, n.driven(nvme, vectors[0]) as controller:
        assert controller.identify()[:2] == (0x1B36).to_bytes(2, "little")
        assert all(each.poll() == 0 for each in vectors[1:])


def test_intx_of_nvme(nvme: Device) -> None:
    """Its pin is up until the completion is taken."""
    with nvme.intx.enable() as line, n.driven(nvme, line) as controller:
        for _ in range(3):
            assert controller.identify()[:2] == (0x1B36).to_bytes(2, "little")
            nvme.intx.unmask()
        assert nothing(line)


def test_err_and_req_can_be_set_up(nvme: Device) -> None:
    with nvme.err.enable() as error, nvme.req.enable() as request:
        nvme.err.trigger()
        assert error.wait(SOON) == 1
        nvme.req.trigger()
        assert request.wait(SOON) == 1
