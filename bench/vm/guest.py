# SPDX-License-Identifier: GPL-2.0-or-later
"""In the guest: what pyvfio takes for what native.c does, and what a bare memoryview takes.

Writes /out/bench.json: name -> nanoseconds of one round, the least of several tries.
"""

from __future__ import annotations

import json
import mmap
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pyvfio
from tests.vm.guest import binding, devices

TRIES = 5
PAGE = 4096
LIVENESS = 0x04
"""A register of edu that can be read and written."""

Loop: TypeAlias = Callable[[int], None]
"""Does something as often as it is told, with nothing else in between."""

NATIVE = "/qomgen/bench/native"
RESULTS = Path("/out/bench.json")


def least(loop: Loop, rounds: int) -> float:
    """Nanoseconds of one round of *loop*."""

    def once() -> int:
        start = time.perf_counter_ns()
        loop(rounds)
        return time.perf_counter_ns() - start

    return min(once() for _ in range(TRIES)) / rounds


def native(address: str) -> dict[str, float]:
    """What the C program measures."""
    group = f"/dev/vfio/{binding.group(address)}"
    printed = subprocess.run([NATIVE, group, address], check=True, capture_output=True, text=True)
    return {
        f"c {name}": float(value)
        for name, value in (line.split() for line in printed.stdout.splitlines())
    }


def loads(view: memoryview, place: int) -> Loop:
    """Read an element."""

    def loop(rounds: int) -> None:
        for _ in range(rounds):
            view[place]

    return loop


def stores(view: memoryview, place: int) -> Loop:
    """Write an element."""

    def loop(rounds: int) -> None:
        for _ in range(rounds):
            view[place] = 1

    return loop


def reads(function: Callable[[int], int], offset: int) -> Loop:
    """Call what reads a register."""

    def loop(rounds: int) -> None:
        for _ in range(rounds):
            function(offset)

    return loop


def writes(function: Callable[[int, int], None], offset: int) -> Loop:
    """Call what writes a register."""

    def loop(rounds: int) -> None:
        for _ in range(rounds):
            function(offset, 1)

    return loop


def python(address: str) -> dict[str, float]:
    """What pyvfio takes, and what a bare memoryview does."""
    with (
        pyvfio.open_device(address) as device,
        device.bar(0).map() as registers,
        device.msi.enable() as (vector,),
        mmap.mmap(-1, PAGE) as memory,
    ):
        bar, dma, msi = device.bar(0), device.dma, device.msi
        place = LIVENESS // 4

        def maps(rounds: int) -> None:
            for _ in range(rounds):
                with dma.map(memory):
                    pass

        def loopbacks(rounds: int) -> None:
            for _ in range(rounds):
                msi.trigger(0)
                vector.wait(5)

        with (
            mmap.mmap(device.fileno(), bar.info.size, offset=bar.info.offset) as mapping,
            memoryview(mapping) as octets,
            octets.cast("I") as bare,
        ):
            of_bare = {
                "bare load": least(loads(bare, place), 20000),
                "bare store": least(stores(bare, place), 20000),
            }
        return of_bare | {
            "view load": least(loads(registers.u32, place), 20000),
            "view store": least(stores(registers.u32, place), 20000),
            "call load": least(reads(registers.read32, LIVENESS), 5000),
            "call store": least(writes(registers.write32, LIVENESS), 5000),
            "call pread": least(reads(bar.read32, LIVENESS), 2000),
            "call config": least(reads(device.config.read16, 0), 2000),
            "call map": least(maps, 300),
            "call irq": least(loopbacks, 500),
        }


def main() -> None:
    """Measure C, then Python."""
    address = devices.address("edu")
    binding.give(address, binding.VFIO)
    RESULTS.write_text(json.dumps({**native(address), **python(address)}))


if __name__ == "__main__":
    main()
