# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory that devices reach: data on its way there and back, and what is not mapped."""

from __future__ import annotations

import mmap
import os
import time
from collections.abc import Callable

import pytest

from pyvfio import Device, errors
from tests.vm.guest import devices
from tests.vm.guest import nvme as n
from tests.vm.guest.e1000e import E1000e
from tests.vm.guest.edu import BUFFER, DMA_RUN, REACH, Edu
from tests.vm.guest.kernel_log import KernelLog

KIB = 1 << 10
PAGE = 4 * KIB


def test_there_and_back(any_edu: Edu) -> None:
    data = os.urandom(2 * KIB)
    with any_edu.device.dma.allocate(2 * PAGE, below=REACH) as memory:
        memory.memory[: 2 * KIB] = data
        any_edu.send(memory, 2 * KIB)
        any_edu.transfer(BUFFER, memory.iova + PAGE, 2 * KIB, DMA_RUN | 2)
        assert bytes(memory.memory[PAGE : PAGE + 2 * KIB]) == data


def test_memory_of_ones_own_at_an_address_of_ones_own(edu: Edu) -> None:
    with mmap.mmap(-1, PAGE) as memory, edu.device.dma.map(memory, iova=0x123000) as mapping:
        assert mapping.iova == 0x123000
        memory[:5] = b"there"
        edu.send(mapping, 5)
        memory[:5] = bytes(5)
        edu.receive(mapping, 5)
        assert memory[:5] == b"there"


def test_the_same_memory_at_two_addresses(edu: Edu) -> None:
    with (
        mmap.mmap(-1, PAGE) as memory,
        edu.device.dma.map(memory) as one,
        edu.device.dma.map(memory) as other,
    ):
        assert one.iova != other.iova
        memory[:4] = b"once"
        edu.send(one, 4)
        memory[:4] = bytes(4)
        edu.receive(other, 4)
        assert memory[:4] == b"once"


def faults(edu: Edu, iova: int, log: KernelLog, transfer: Callable[[], None]) -> None:
    """See the IOMMU refuse a transfer; again and again, since the kernel tells of few in 5 s."""
    name = edu.device.name.removeprefix("0000:")
    pattern = rf"DMAR: \[DMA .*Request device \[{name}\] fault addr {iova:#x} "
    end = time.monotonic() + 12
    while True:
        transfer()
        try:
            log.wait(pattern, 0.3)
        except TimeoutError:
            if time.monotonic() > end:
                raise
        else:
            return


def test_what_is_unmapped_is_out_of_reach(any_edu: Edu, kernel_log: KernelLog) -> None:
    with mmap.mmap(-1, PAGE) as memory:
        with any_edu.device.dma.map(memory) as mapping:
            memory[:4] = b"spam"
            any_edu.send(mapping, 4)
            memory[:4] = b"eggs"
        faults(any_edu, mapping.iova, kernel_log, lambda: any_edu.receive(mapping, 4))
        assert memory[:4] == b"eggs"


def test_what_was_never_mapped_is_not_read(edu: Edu, kernel_log: KernelLog) -> None:
    iova = 0x800000
    faults(edu, iova, kernel_log, lambda: edu.transfer(iova, BUFFER, 4, DMA_RUN))


def test_what_is_mapped_to_be_read_is_not_written(edu: Edu, kernel_log: KernelLog) -> None:
    with edu.device.dma.allocate(PAGE, write=False) as memory:
        memory.memory[:4] = b"eggs"
        faults(edu, memory.iova, kernel_log, lambda: edu.receive(memory, 4))
        assert bytes(memory.memory[:4]) == b"eggs"
        edu.send(memory, 4)
    with edu.device.dma.allocate(PAGE) as memory:
        edu.receive(memory, 4)
        assert bytes(memory.memory[:4]) == b"eggs"


def test_edu_reaches_28_bits(edu: Edu) -> None:
    """Addresses are the device's to interpret: edu cuts off what is above."""
    with edu.device.dma.allocate(PAGE, below=REACH) as memory:
        assert memory.iova + memory.size <= REACH
    with pytest.raises(errors.IovaExhausted):
        edu.device.dma.allocate(1 << 29, below=REACH)


def test_devices_of_a_container_share_its_memory(edu: Edu) -> None:
    nvme = edu.device.iommu.open_device(devices.address("nvme"))
    with n.driven(nvme) as controller:
        identified = controller.identify()
        edu.transfer(controller.mapping.iova + 4 * PAGE, BUFFER, KIB, DMA_RUN)
    with edu.device.dma.allocate(PAGE) as memory:
        edu.receive(memory, KIB)
        assert bytes(memory.memory[:KIB]) == identified[:KIB]


def test_blocks_of_nvme_come_back(nvme: Device) -> None:
    first, second = os.urandom(n.BLOCK), os.urandom(n.BLOCK)
    with n.driven(nvme) as controller:
        controller.write(3, first)
        controller.write(4, second)
        assert controller.read(3) == first
        assert controller.read(4) == second
        assert controller.read(3) == first


def test_a_frame_of_e1000e_comes_back(nic: E1000e) -> None:
    frame = nic.address() + nic.address() + b"\x88\xb5" + os.urandom(200)
    with nic.device.dma.allocate(4 * PAGE) as memory:
        assert nic.loop(frame, memory)[: len(frame)] == frame
