# SPDX-License-Identifier: GPL-2.0-or-later
"""A driver of e1000e, as little as sends a frame to itself (Intel's manual of the 82574)."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager

from pyvfio import Device, DmaMapping, MappedRegion

VENDOR, DEVICE = 0x8086, 0x10D3

REG_STATUS = 0x0008
REG_CAUSE = 0x00C0
REG_CAUSE_SET = 0x00C8
REG_MASK_SET = 0x00D0
REG_MASK_CLEAR = 0x00D8
REG_VECTORS = 0x00E4
REG_RECEIVE_CONTROL = 0x0100
REG_TRANSMIT_CONTROL = 0x0400
REG_RECEIVE_RING = 0x2800
REG_TRANSMIT_RING = 0x3800
REG_RECEIVE_ADDRESS = 0x5400
# Behind the start of a ring's registers: low and high address, length, head, tail.
RING_LOW, RING_HIGH, RING_LENGTH, RING_HEAD, RING_TAIL = 0x00, 0x04, 0x08, 0x10, 0x18

RECEIVE_ENABLE, RECEIVE_ALL_UNICAST, RECEIVE_LOOPBACK = 1 << 1, 1 << 3, 1 << 6
TRANSMIT_ENABLE, TRANSMIT_PAD = 1 << 1, 1 << 3

CAUSE_LINK = 1 << 2
# What MSI-X tells apart: two receive queues, two transmit queues, the rest.
CAUSES_OF_VECTORS = tuple(1 << bit for bit in range(20, 25))
# Vector n for the n-th of them, each with the bit that makes it valid.
VECTORS = sum((8 | number) << 4 * number for number in range(5))

_DESCRIPTOR = struct.Struct("<QHHBBH")  # address, length, checksum or command, status, -, -
_END_OF_PACKET, _INSERT_CHECKSUM, _REPORT = 0x1, 0x2, 0x8
_DONE = 0x1

PATIENCE = 5.0  # seconds
_PAGE = 4096
_RING = 8  # descriptors: 128 bytes, the smallest ring
_TRANSMIT, _RECEIVE, _SENT, _RECEIVED = 0, _PAGE, 2 * _PAGE, 3 * _PAGE


class E1000e:
    """An e1000e whose registers are mapped."""

    def __init__(self, device: Device, registers: MappedRegion) -> None:
        self.device = device
        self.registers = registers

    def interrupt(self, cause: int = CAUSE_LINK) -> None:
        """Let the device raise its interrupt for *cause*, as if that had come."""
        self.registers.write32(REG_MASK_SET, cause)
        self.registers.write32(REG_CAUSE_SET, cause)

    def acknowledge(self) -> int:
        """End the interrupt; return its causes."""
        causes = self.registers.read32(REG_CAUSE)
        self.registers.write32(REG_CAUSE, causes)
        return causes

    def quiet(self) -> None:
        """Mask all interrupts and end those that are pending.

        Do so before MSI-X is switched off: after an interrupt the device holds a second one back
        for 128 us, and QEMU 7.2 aborts if MSI-X is off when that time is over.
        """
        self.registers.write32(REG_MASK_CLEAR, 0xFFFFFFFF)
        self.acknowledge()
        time.sleep(0.005)

    def address(self) -> bytes:
        """The MAC address."""
        low, high = (self.registers.read32(REG_RECEIVE_ADDRESS + at) for at in (0, 4))
        return struct.pack("<IH", low, high & 0xFFFF)

    def loop(self, frame: bytes, mapping: DmaMapping) -> bytes:
        """Send *frame*, which comes back inside the device; return what was received.

        *mapping* is four pages that the device reaches.
        """
        memory = mapping.memory
        self._ring(REG_TRANSMIT_RING, mapping.iova + _TRANSMIT)
        self._ring(REG_RECEIVE_RING, mapping.iova + _RECEIVE)
        flags = RECEIVE_ENABLE | RECEIVE_ALL_UNICAST | RECEIVE_LOOPBACK
        self.registers.write32(REG_RECEIVE_CONTROL, flags)
        self.registers.write32(REG_TRANSMIT_CONTROL, TRANSMIT_ENABLE | TRANSMIT_PAD)

        memory[_SENT : _SENT + len(frame)] = frame
        command = (_END_OF_PACKET | _INSERT_CHECKSUM | _REPORT) << 8
        _DESCRIPTOR.pack_into(memory, _RECEIVE, mapping.iova + _RECEIVED, 0, 0, 0, 0, 0)
        sent = (mapping.iova + _SENT, len(frame), command, 0, 0, 0)
        _DESCRIPTOR.pack_into(memory, _TRANSMIT, *sent)
        self.registers.write32(REG_RECEIVE_RING + RING_TAIL, 1)
        self.registers.write32(REG_TRANSMIT_RING + RING_TAIL, 1)

        end = time.monotonic() + PATIENCE
        while not memory[_RECEIVE + 12] & _DONE:
            if time.monotonic() > end:
                raise TimeoutError("the frame does not come back")
            time.sleep(0.005)
        _, length, *_ = _DESCRIPTOR.unpack_from(memory, _RECEIVE)
        return bytes(memory[_RECEIVED : _RECEIVED + length])

    def _ring(self, registers: int, iova: int) -> None:
        for offset, value in (
            (RING_LOW, iova & 0xFFFFFFFF),
            (RING_HIGH, iova >> 32),
            (RING_LENGTH, _RING * _DESCRIPTOR.size),
            (RING_HEAD, 0),
            (RING_TAIL, 0),
        ):
            self.registers.write32(registers + offset, value)


@contextmanager
def driven(device: Device) -> Iterator[E1000e]:
    """Map the registers of an e1000e, which may do DMA, with all interrupts masked."""
    device.config.set_bus_master(True)
    with device.bar(0).map() as registers:
        nic = E1000e(device, registers)
        nic.quiet()
        yield nic
        nic.quiet()
