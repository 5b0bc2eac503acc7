# SPDX-License-Identifier: GPL-2.0-or-later
"""The two lists of capabilities in PCI configuration space, read with bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

CONFIG_SIZE = 0x100
"""Bytes of configuration space in conventional PCI; PCI Express has 0x1000."""

FIRST_STANDARD = 0x40
PCI_STATUS = 0x06
PCI_STATUS_CAP_LIST = 0x10
PCI_CAPABILITY_LIST = 0x34

STANDARD_NAMES: Final = {
    0x01: "power management",
    0x02: "AGP",
    0x03: "vital product data",
    0x04: "slot identification",
    0x05: "MSI",
    0x06: "CompactPCI hot swap",
    0x07: "PCI-X",
    0x09: "vendor specific",
    0x0A: "debug port",
    0x0D: "subsystem of bridge",
    0x0F: "secure device",
    0x10: "PCI Express",
    0x11: "MSI-X",
    0x12: "SATA",
    0x13: "advanced features",
    0x14: "enhanced allocation",
}
EXTENDED_NAMES: Final = {
    0x01: "advanced error reporting",
    0x02: "virtual channel",
    0x03: "device serial number",
    0x04: "power budgeting",
    0x0B: "vendor specific",
    0x0D: "access control services",
    0x0E: "alternative routing-ID",
    0x0F: "address translation services",
    0x10: "SR-IOV",
    0x13: "page requests",
    0x15: "resizable BAR",
    0x16: "dynamic power allocation",
    0x17: "TPH requester",
    0x18: "latency tolerance reporting",
    0x19: "secondary PCI Express",
    0x1B: "PASID",
    0x1D: "downstream port containment",
    0x1E: "L1 PM substates",
    0x1F: "precision time measurement",
    0x23: "designated vendor specific",
    0x25: "data link feature",
    0x26: "physical layer 16 GT/s",
    0x27: "lane margining",
    0x2A: "physical layer 32 GT/s",
}


@dataclass(frozen=True, slots=True)
class PciCapability:
    """One capability of a PCI function.

    Attributes:
        id: What it is; the numbers of the two lists mean different things.
        offset: Where it begins in configuration space.
        version: Of its layout; 0 in the list of conventional PCI, which has none.
        extended: Whether it is of PCI Express's list, behind the first 256 bytes.
    """

    id: int
    offset: int
    version: int
    extended: bool

    @property
    def name(self) -> str:
        """What people call it."""
        names = EXTENDED_NAMES if self.extended else STANDARD_NAMES
        return names.get(self.id, f"capability {self.id:#x}")


def standard(read8: Callable[[int], int]) -> Iterator[PciCapability]:
    """Walk the list of conventional PCI.

    It ends where it points below 0x40, or back: a device that was taken away reads as ones.
    """
    if not read8(PCI_STATUS) & PCI_STATUS_CAP_LIST:
        return
    seen = set()
    offset = read8(PCI_CAPABILITY_LIST) & ~3
    while offset >= FIRST_STANDARD and offset not in seen:
        seen.add(offset)
        number = read8(offset)
        if number == 0xFF:
            return
        yield PciCapability(number, offset, 0, extended=False)
        offset = read8(offset + 1) & ~3


def extended(read32: Callable[[int], int], size: int) -> Iterator[PciCapability]:
    """Walk the list of PCI Express, which begins behind the first 256 bytes.

    It ends where it points in front of these, behind `size`, or back.
    """
    seen = set()
    offset = CONFIG_SIZE
    while CONFIG_SIZE <= offset <= size - 4 and offset not in seen:
        seen.add(offset)
        header = read32(offset)
        if header in (0, 0xFFFFFFFF):
            return
        # Number 0 hides a capability from the list, and what follows it is still there.
        if header & 0xFFFF:
            yield PciCapability(header & 0xFFFF, offset, header >> 16 & 0xF, extended=True)
        offset = header >> 20 & ~3
