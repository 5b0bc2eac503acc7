# SPDX-License-Identifier: GPL-2.0-or-later
"""A driver of edu, QEMU's device for teaching (docs/specs/edu.rst in QEMU's tree)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from pyvfio import Device, DmaMapping, MappedRegion

ID = 0x010000ED
VENDOR, DEVICE = 0x1234, 0x11E8

REG_ID = 0x00
REG_LIVENESS = 0x04
REG_FACTORIAL = 0x08
REG_STATUS = 0x20
REG_IRQ_STATUS = 0x24
REG_IRQ_RAISE = 0x60
REG_IRQ_ACK = 0x64
REG_DMA_SOURCE = 0x80
REG_DMA_DESTINATION = 0x88
REG_DMA_COUNT = 0x90
REG_DMA_COMMAND = 0x98

STATUS_COMPUTING = 0x01
STATUS_IRQ_WHEN_DONE = 0x80
DMA_RUN, DMA_FROM_DEVICE, DMA_IRQ_WHEN_DONE = 0x1, 0x2, 0x4
IRQ_OF_DMA = 0x100

BUFFER = 0x40000
"""Where DMA finds the device's own memory of 4 KiB.  Leave its last byte alone: QEMU 7.2 aborts."""

REACH = 1 << 28
"""What DMA addresses lie below."""

PATIENCE = 5.0  # seconds


class Edu:
    """An edu whose registers are mapped."""

    def __init__(self, device: Device, registers: MappedRegion) -> None:
        self.device = device
        self.registers = registers

    def factorial(self, number: int) -> int:
        """Let the device compute *number*! in 32 bits."""
        self.registers.write32(REG_FACTORIAL, number)
        self._wait(REG_STATUS, STATUS_COMPUTING)
        return self.registers.read32(REG_FACTORIAL)

    def interrupt(self, bits: int = 1) -> None:
        """Let the device raise its interrupt, for the reasons *bits*."""
        self.registers.write32(REG_IRQ_RAISE, bits)

    def acknowledge(self) -> int:
        """End the interrupt; return what its reasons were."""
        bits = self.registers.read32(REG_IRQ_STATUS)
        self.registers.write32(REG_IRQ_ACK, bits)
        return bits

    def settle(self) -> None:
        """Wait for the end of a transfer, during which nothing can be set, and of its interrupt."""
        self._wait(REG_DMA_COMMAND, DMA_RUN)
        self.acknowledge()

    def send(self, mapping: DmaMapping, count: int, *, flags: int = 0) -> None:
        """Let the device read *count* bytes of memory into its buffer."""
        self.transfer(mapping.iova, BUFFER, count, DMA_RUN | flags)

    def receive(self, mapping: DmaMapping, count: int, *, flags: int = 0) -> None:
        """Let the device write *count* bytes of its buffer to memory."""
        self.transfer(BUFFER, mapping.iova, count, DMA_RUN | DMA_FROM_DEVICE | flags)

    def transfer(self, source: int, destination: int, count: int, command: int) -> None:
        """Let the device copy, and wait until it says that it has (a tenth of a second)."""
        self.registers.write64(REG_DMA_SOURCE, source)
        self.registers.write64(REG_DMA_DESTINATION, destination)
        self.registers.write64(REG_DMA_COUNT, count)
        self.registers.write64(REG_DMA_COMMAND, command)
        self._wait(REG_DMA_COMMAND, DMA_RUN)

    def _wait(self, register: int, bit: int) -> None:
        end = time.monotonic() + PATIENCE
        while self.registers.read32(register) & bit:
            if time.monotonic() > end:
                raise TimeoutError(f"register {register:#x} has bit {bit:#x} still")
            time.sleep(0.005)


@contextmanager
def driven(device: Device) -> Iterator[Edu]:
    """Map the registers of an edu, which may do DMA, with nothing left of who had it before."""
    device.config.set_bus_master(True)
    with device.bar(0).map() as registers:
        edu = Edu(device, registers)
        edu.settle()
        yield edu
