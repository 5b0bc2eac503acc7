# SPDX-License-Identifier: GPL-2.0-or-later
"""PCI configuration space of a device."""

from __future__ import annotations

from itertools import chain

from pyvfio import pcicap
from pyvfio.pcicap import PciCapability
from pyvfio.region import Region

PCI_VENDOR_ID = 0x00
PCI_DEVICE_ID = 0x02
PCI_COMMAND = 0x04
PCI_COMMAND_IO = 0x1
PCI_COMMAND_MEMORY = 0x2
PCI_COMMAND_MASTER = 0x4
PCI_COMMAND_INTX_DISABLE = 0x400
PCI_STATUS = 0x06
PCI_CLASS_REVISION = 0x08
PCI_HEADER_TYPE = 0x0E


class ConfigSpace(Region):
    """The region of configuration space, which the kernel guards: it hides or emulates parts."""

    @property
    def vendor_id(self) -> int:
        """Who made it; errors of this and what follows as `read16`."""
        return self.read16(PCI_VENDOR_ID)

    @property
    def device_id(self) -> int:
        """What the maker calls it."""
        return self.read16(PCI_DEVICE_ID)

    @property
    def class_code(self) -> int:
        """Base class, subclass and interface in 24 bits."""
        return self.read32(PCI_CLASS_REVISION) >> 8

    @property
    def command(self) -> int:
        """The command register (PCI_COMMAND_*)."""
        return self.read16(PCI_COMMAND)

    def change_command(self, *, on: int = 0, off: int = 0) -> int:
        """Set and clear bits of the command register; return what it was.

        Raises:
            VfioError: the kernel refused.
        """
        before = self.command
        after = before & ~off | on
        if after != before:
            self.write16(PCI_COMMAND, after)
        return before

    def set_bus_master(self, on: bool) -> None:
        """Let the device read and write memory, which DMA and MSI need, or not.

        Raises:
            VfioError: the kernel refused.
        """
        master = PCI_COMMAND_MASTER
        self.change_command(on=master if on else 0, off=0 if on else master)

    def capabilities(self) -> tuple[PciCapability, ...]:
        """Walk both lists of capabilities.

        Raises:
            VfioError: the kernel refused.
        """
        return tuple(chain(pcicap.standard(self.read8), pcicap.extended(self.read32, self.size)))

    def find(self, number: int) -> PciCapability | None:
        """Return the first capability of conventional PCI's list with this id."""
        found = pcicap.standard(self.read8)
        return next((each for each in found if each.id == number), None)

    def find_extended(self, number: int) -> PciCapability | None:
        """Return the first capability of PCI Express's list with this id."""
        found = pcicap.extended(self.read32, self.size)
        return next((each for each in found if each.id == number), None)
