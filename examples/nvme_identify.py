# SPDX-License-Identifier: GPL-2.0-or-later
"""Ask an NVMe controller who it is, from a process without privileges.

    python3 nvme_identify.py 0000:02:00.0

A whole driver in user space, as small as one can be: it resets the controller, gives it a queue in
memory that it reaches by DMA, sends one command, and is told of its end by an MSI-X interrupt.
Numbers are those of the NVM Express Base Specification 1.4.
"""

from __future__ import annotations

import argparse
import struct
import sys
import time

import pyvfio

# Registers in BAR 0 (section 3.1).
CAPABILITIES, CONFIGURATION, STATUS = 0x00, 0x14, 0x1C
ADMIN_SIZES, ADMIN_SUBMISSION, ADMIN_COMPLETION, DOORBELLS = 0x24, 0x28, 0x30, 0x1000

# Commands of 1 << 6 bytes, completions of 1 << 4, pages of 4 KiB, on.
ENABLE = 6 << 16 | 4 << 20 | 1
READY = 1

PAGE = 4096
ENTRIES = 2
COMMAND = struct.Struct("<BBHI16xQQ6I")  # opcode, flags, id, namespace, two pages, dwords 10 to 15
COMPLETION = struct.Struct("<IIHHHH")  # result, -, head, queue, id, status and phase
IDENTIFY, CONTROLLER = 0x06, 1


def enable(registers: pyvfio.MappedRegion, *, on: bool) -> None:
    """Switch the controller on or off, and wait for as long as it says that it may take."""
    registers.write32(CONFIGURATION, ENABLE if on else 0)
    patience = (registers.read64(CAPABILITIES) >> 24 & 0xFF) * 0.5  # seconds
    end = time.monotonic() + patience
    while registers.read32(STATUS) & READY != on:
        if time.monotonic() > end:
            raise TimeoutError(f"the controller is not {'on' if on else 'off'} in {patience} s")
        time.sleep(0.001)


def identify(device: pyvfio.Device) -> bytes:
    """Return what the controller tells of itself: 4 KiB (figure 247)."""
    device.config.set_bus_master(True)  # without it there is neither DMA nor MSI-X
    with (
        device.bar(0).map() as registers,
        device.dma.allocate(3 * PAGE) as queue,
        device.msix.enable() as (finished,),
    ):
        submission, completion, answer = (queue.iova + page * PAGE for page in range(3))
        enable(registers, on=False)
        registers.write32(ADMIN_SIZES, (ENTRIES - 1) << 16 | ENTRIES - 1)
        registers.write64(ADMIN_SUBMISSION, submission)
        registers.write64(ADMIN_COMPLETION, completion)
        enable(registers, on=True)

        COMMAND.pack_into(queue.memory, 0, IDENTIFY, 0, 0, 0, answer, 0, CONTROLLER, 0, 0, 0, 0, 0)
        registers.write32(DOORBELLS, 1)  # the submission queue ends in front of entry 1
        finished.wait(5)

        *_, status = COMPLETION.unpack_from(queue.memory, PAGE)
        stride = 4 << (registers.read64(CAPABILITIES) >> 32 & 0xF)
        registers.write32(DOORBELLS + stride, 1)  # what was completed is taken
        if status >> 1:
            raise RuntimeError(f"the controller refuses: status {status >> 1:#x}")
        answered = bytes(queue.memory[2 * PAGE :])
        enable(registers, on=False)
        return answered


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description="Ask an NVMe controller who it is.")
    parser.add_argument("address", help="0000:02:00.0")
    ways = ("auto", "iommufd", "legacy")
    parser.add_argument("--backend", choices=ways, default="auto", help="(%(default)s)")
    given = parser.parse_args()
    try:
        with pyvfio.open_device(given.address, backend=given.backend) as device:
            told = identify(device)
    except pyvfio.VfioError as error:
        sys.stderr.write(f"{error}\nWhat is in the way: pyvfio doctor {given.address}\n")
        return 1
    serial, model, firmware = (
        told[start:end].decode("ascii").strip() for start, end in ((4, 24), (24, 64), (64, 72))
    )
    print(f"serial {serial}, model {model}, firmware {firmware}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
