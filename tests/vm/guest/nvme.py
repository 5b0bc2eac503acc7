# SPDX-License-Identifier: GPL-2.0-or-later
"""A driver of an NVMe controller, as little as reads and writes a block (NVM Express Base 1.4).

All queues and all data are in one piece of memory that the controller reaches: its commands it
reads from there by DMA, its completions it writes there.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager

from pyvfio import Device, DmaMapping, EventFd, MappedRegion

REG_CAPABILITIES = 0x00
REG_VERSION = 0x08
REG_MASK_SET, REG_MASK_CLEAR = 0x0C, 0x10
REG_CONFIGURATION = 0x14
REG_STATUS = 0x1C
REG_ADMIN_SIZES = 0x24
REG_ADMIN_SUBMISSION = 0x28
REG_ADMIN_COMPLETION = 0x30
REG_DOORBELLS = 0x1000

# Entries of 64 and of 16 bytes, pages of 4 KiB.
CONFIGURATION = 6 << 16 | 4 << 20 | 1
READY, FAILED = 1, 2

ADMIN_CREATE_SUBMISSION, ADMIN_CREATE_COMPLETION, ADMIN_IDENTIFY = 0x01, 0x05, 0x06
ADMIN_VIRTUALIZATION = 0x1C
IO_WRITE, IO_READ = 0x01, 0x02

# What Identify tells of, and what the virtualization command does with resources of two kinds.
OF_CONTROLLER, OF_SECONDARY_CONTROLLERS = 0x01, 0x15
TAKE_FOR_ITSELF, GIVE_TO_SECONDARY, SWITCH_ON = 0x1, 0x8, 0x9
QUEUES, INTERRUPTS = 0, 1

BLOCK = 512
PATIENCE = 5.0  # seconds

_PAGE = 4096
_ENTRIES = 8
_COMMAND = struct.Struct("<BBHI16xQQ6I")  # opcode, flags, id, namespace, data, -, dwords 10 to 15
_COMPLETION = struct.Struct("<IIHHHH")  # result, -, head, queue, id, status and phase


class NvmeError(Exception):
    """The controller refused a command; the text has its status."""


class _Queue:
    """A pair of rings in two pages; *number* 0 is the controller's own."""

    def __init__(self, controller: Nvme, number: int) -> None:
        self.number = number
        self._controller = controller
        self._tail = 0
        self._head = 0
        self._phase = 1
        page = 2 * number
        self.submission, self.completion = page * _PAGE, (page + 1) * _PAGE
        self._memory = controller.mapping.memory
        self._doorbells = REG_DOORBELLS + 8 * number

    def command(
        self, opcode: int, namespace: int = 0, data: int = 0, *dwords: int, irq: EventFd | None
    ) -> None:
        """Give a command and await its end, by interrupt if there is one, else by looking."""
        words = (*dwords, *[0] * (6 - len(dwords)))
        entry = _COMMAND.pack(opcode, 0, self._tail, namespace, data, 0, *words)
        at = self.submission + self._tail * 64
        self._memory[at : at + 64] = entry
        self._tail = (self._tail + 1) % _ENTRIES
        self._controller.registers.write32(self._doorbells, self._tail)
        if irq is not None:
            irq.wait(PATIENCE)
        self._complete()

    def _complete(self) -> None:
        end = time.monotonic() + PATIENCE
        while True:
            at = self.completion + self._head * 16
            *_, status = _COMPLETION.unpack_from(self._memory, at)
            if status & 1 == self._phase:
                break
            if time.monotonic() > end:
                raise TimeoutError("the controller does not complete its command")
            time.sleep(0.001)
        self._head = (self._head + 1) % _ENTRIES
        if self._head == 0:
            self._phase ^= 1
        self._controller.registers.write32(self._doorbells + 4, self._head)
        if status >> 1:
            raise NvmeError(f"status {status >> 1:#x}")


class Nvme:
    """A controller that is enabled; *irq* signals the completions of all its queues."""

    def __init__(
        self, registers: MappedRegion, mapping: DmaMapping, irq: EventFd | None = None
    ) -> None:
        self.registers = registers
        self.mapping = mapping
        self.irq = irq
        self._data = 4 * _PAGE
        self._enable(on=False)
        admin = _Queue(self, 0)
        registers.write32(REG_ADMIN_SIZES, (_ENTRIES - 1) << 16 | _ENTRIES - 1)
        registers.write64(REG_ADMIN_SUBMISSION, mapping.iova + admin.submission)
        registers.write64(REG_ADMIN_COMPLETION, mapping.iova + admin.completion)
        self._enable(on=True)
        self._admin = admin
        self._io: _Queue | None = None

    def _enable(self, *, on: bool) -> None:
        self.registers.write32(REG_CONFIGURATION, CONFIGURATION if on else 0)
        end = time.monotonic() + PATIENCE
        while bool(self.registers.read32(REG_STATUS) & READY) is not on:
            if time.monotonic() > end:
                raise TimeoutError(f"the controller does not turn {'on' if on else 'off'}")
            time.sleep(0.001)

    @property
    def data(self) -> memoryview:
        """The page that commands read and write."""
        return self.mapping.memory[self._data : self._data + _PAGE]

    def _command(self, queue: _Queue, opcode: int, namespace: int, *dwords: int) -> None:
        data = self.mapping.iova + self._data
        queue.command(opcode, namespace, data, *dwords, irq=self.irq)

    def identify(self, what: int = OF_CONTROLLER) -> bytes:
        """What the controller says of itself: 4 KiB."""
        self._command(self._admin, ADMIN_IDENTIFY, 0, what)
        return bytes(self.data)

    def give_up_resources(self) -> None:
        """Leave what can be had by several controllers to others, from the next reset on."""
        for kind in (QUEUES, INTERRUPTS):
            self._virtualize(TAKE_FOR_ITSELF, kind=kind)

    def switch_on(self, function: int) -> None:
        """Let a virtual function (1 is the first) have what a controller needs, and be one."""
        secondary = self._secondary(function)
        self._virtualize(GIVE_TO_SECONDARY, secondary, QUEUES, 2)
        self._virtualize(GIVE_TO_SECONDARY, secondary, INTERRUPTS, 1)
        self._virtualize(SWITCH_ON, secondary)

    def _secondary(self, function: int) -> int:
        """The number of the controller that is a virtual function."""
        found = self.identify(OF_SECONDARY_CONTROLLERS)
        for at in range(32, 32 + 32 * found[0], 32):
            number, _, virtual = struct.unpack_from("<HH4xH", found, at)
            if virtual == function:
                return int(number)
        raise NvmeError(f"there is no controller of virtual function {function}")

    def _virtualize(self, action: int, controller: int = 0, kind: int = 0, count: int = 0) -> None:
        words = (controller << 16 | kind << 8 | action, count)
        self._command(self._admin, ADMIN_VIRTUALIZATION, 0, *words)

    def write(self, block: int, data: bytes) -> None:
        """Write one block of the first namespace."""
        self.data[:BLOCK] = data
        self._command(self._io_queue(), IO_WRITE, 1, block)

    def read(self, block: int) -> bytes:
        """Read one block of the first namespace."""
        self.data[:BLOCK] = bytes(BLOCK)
        self._command(self._io_queue(), IO_READ, 1, block)
        return bytes(self.data[:BLOCK])

    def _io_queue(self) -> _Queue:
        if self._io is None:
            queue = _Queue(self, 1)
            size = (_ENTRIES - 1) << 16 | queue.number
            # In one piece (1), with interrupts (2) of vector 0; then: in one piece, and the
            # number of the ring of its completions.
            for opcode, ring, how in (
                (ADMIN_CREATE_COMPLETION, queue.completion, 0b11),
                (ADMIN_CREATE_SUBMISSION, queue.submission, queue.number << 16 | 1),
            ):
                base = self.mapping.iova + ring
                self._admin.command(opcode, 0, base, size, how, irq=self.irq)
            self._io = queue
        return self._io


@contextmanager
def driven(device: Device, irq: EventFd | None = None) -> Iterator[Nvme]:
    """Map the registers of a controller, and memory for it."""
    device.config.set_bus_master(True)
    with device.bar(0).map() as registers, device.dma.allocate(5 * _PAGE) as mapping:
        yield Nvme(registers, mapping, irq)
