# SPDX-License-Identifier: GPL-2.0-or-later
"""Eventfds that write to a register: the kernel makes the access, of the width that was asked for."""

from __future__ import annotations

import errno
import os
import time

import pytest

from pyvfio import Device, errors
from tests.vm.guest import edu as e
from tests.vm.guest.backends import Opener
from tests.vm.guest.e1000e import E1000e
from tests.vm.guest.edu import Edu
from tests.vm.guest.forked import forked

REG_RAL = 0x5440
"""e1000e: a register of 32 bits (of an address to receive for) that keeps what is written."""

MSIX_TABLE = 0x2000
"""NVMe: in BAR 0."""


def liveness(value: int) -> int:
    """Return what edu answers."""
    return ~value & 0xFFFFFFFF


def signalled(fd: int) -> None:
    """Signal what may be of no use any more, and let the kernel do what it would."""
    os.eventfd_write(fd, 1)
    time.sleep(0.2)


def test_a_signal_is_a_write(edu: Edu) -> None:
    bar = edu.device.bar(0)
    edu.registers.write32(e.REG_LIVENESS, 0)
    with bar.ioeventfd(e.REG_LIVENESS, 4, 0x12345678) as eventfd:
        assert edu.registers.read32(e.REG_LIVENESS) == liveness(0)
        eventfd.signal()
        assert edu.registers.read32(e.REG_LIVENESS) == liveness(0x12345678)
        kept = os.dup(eventfd.fileno())
    assert eventfd.closed
    edu.registers.write32(e.REG_LIVENESS, 0)
    signalled(kept)
    os.close(kept)
    assert edu.registers.read32(e.REG_LIVENESS) == liveness(0)


def test_values_tell_them_apart(edu: Edu) -> None:
    """Each value of a register is an eventfd of its own, as a doorbell of each queue is."""
    bar = edu.device.bar(0)
    with bar.ioeventfd(e.REG_LIVENESS, 4, 1) as one, bar.ioeventfd(e.REG_LIVENESS, 4, 2) as two:
        with pytest.raises(errors.VfioError, match="writes this value there already") as caught:
            bar.ioeventfd(e.REG_LIVENESS, 4, 1)
        assert caught.value.errno == errno.EEXIST
        for eventfd, value in ((one, 1), (two, 2), (one, 1)):
            eventfd.signal()
            assert edu.registers.read32(e.REG_LIVENESS) == liveness(value)
        one.close()
        two.signal()
        assert edu.registers.read32(e.REG_LIVENESS) == liveness(2)


def test_a_signal_starts_a_computation(edu: Edu) -> None:
    with edu.device.bar(0).ioeventfd(e.REG_FACTORIAL, 4, 6) as eventfd:
        eventfd.signal()
        end = time.monotonic() + e.PATIENCE
        while edu.registers.read32(e.REG_FACTORIAL) != 720:
            assert time.monotonic() < end
            time.sleep(0.005)


def test_another_process_rings(edu: Edu) -> None:
    """Who has the eventfd needs nothing of the device."""
    with edu.device.bar(0).ioeventfd(e.REG_LIVENESS, 4, 77) as eventfd:

        def ring():  # type: ignore[no-untyped-def]  # a generator of one step
            eventfd.signal()
            yield True

        with forked(ring) as child:
            assert child.value()
            child.finish()
        assert edu.registers.read32(e.REG_LIVENESS) == liveness(77)


@pytest.mark.parametrize(
    ("width", "value", "seen"),
    [(1, 0x5A, 0x5A), (2, 0x1234, 0x1234), (4, 0x8765_4321, 0x8765_4321)],
)
def test_widths(width: int, value: int, seen: int, nic: E1000e) -> None:
    bar = nic.device.bar(0)
    bar.write32(REG_RAL, 0)
    with bar.ioeventfd(REG_RAL, width, value) as eventfd:
        eventfd.signal()
        assert bar.read32(REG_RAL) == seen


def test_64_bits(edu: Edu) -> None:
    with edu.device.bar(0).ioeventfd(e.REG_DMA_SOURCE, 8, 0x1_2345_6789) as eventfd:
        eventfd.signal()
        assert edu.registers.read64(e.REG_DMA_SOURCE) == 0x1_2345_6789


def test_what_cannot_be_written(nvme: Device) -> None:
    for region, offset in (
        (nvme.config, 4),
        (nvme.bar(0), MSIX_TABLE),
    ):
        with pytest.raises(errors.VfioError, match="BARs alone") as caught:
            region.ioeventfd(offset, 4, 0)
        assert caught.value.errno == errno.EINVAL
    nvme.bar(0).ioeventfd(MSIX_TABLE - 4, 4, 0).close()


def test_a_driver_without(mtty: str, open_device: Opener) -> None:
    with open_device(mtty) as device, pytest.raises(errors.NotAvailable) as caught:
        device.bar(0).ioeventfd(7, 1, 0)
    assert caught.value.errno == errno.ENOTTY


def test_they_end_with_the_device(edu_device: Device) -> None:
    eventfd = edu_device.bar(0).ioeventfd(e.REG_LIVENESS, 4, 1)
    edu_device.close()
    assert eventfd.closed
