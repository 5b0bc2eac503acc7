# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a PCI function sits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

_ADDRESS = re.compile(r"(?:([0-9a-fA-F]{4,8}):)?([0-9a-fA-F]{2}):([0-9a-fA-F]{2})\.([0-7])")


@dataclass(frozen=True, order=True, slots=True)
class PciAddress:
    """Domain, bus, device and function, written `0000:00:10.0`."""

    domain: int
    bus: int
    device: int
    function: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `0000:00:10.0`, or `00:10.0` of domain 0.

        Raises:
            ValueError: it is no such address.
        """
        found = _ADDRESS.fullmatch(text)
        if found is None or int(found[3], 16) > 0x1F:
            raise ValueError(f"{text!r} is no PCI address like 0000:00:10.0")
        return cls(int(found[1] or "0", 16), int(found[2], 16), int(found[3], 16), int(found[4]))

    @classmethod
    def of_devfn(cls, domain: int, bus: int, devfn: int) -> Self:
        """Make one of the number that holds device and function (PCI_SLOT, PCI_FUNC)."""
        return cls(domain, bus, devfn >> 3, devfn & 7)

    @property
    def devfn(self) -> int:
        """Device and function in one number (PCI_DEVFN)."""
        return self.device << 3 | self.function

    def __str__(self) -> str:
        return f"{self.domain:04x}:{self.bus:02x}:{self.device:02x}.{self.function}"
