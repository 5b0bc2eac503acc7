# SPDX-License-Identifier: GPL-2.0-or-later
"""The machine is what the other tests take it for."""

from __future__ import annotations

import mmap
from pathlib import Path

from tests.vm.guest import devices

PCI = Path("/sys/bus/pci/devices")


def test_edu_answers() -> None:
    with (PCI / devices.address("edu-on-root-bus") / "resource0").open("r+b") as file:
        registers = mmap.mmap(file.fileno(), 4096)
        assert memoryview(registers).cast("I")[0] == 0x010000ED
