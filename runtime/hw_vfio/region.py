# SPDX-License-Identifier: GPL-2.0-only
"""BARs of a passthrough device.

Twin of QEMU's hw/vfio/region.c and of vfio_bars_prepare() and its kin in hw/vfio/pci.c.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyqom import Error
from pyqom.pci_config import PCI_BASE_ADDRESS_0, PCI_COMMAND, PCI_COMMAND_IO, PCI_COMMAND_MEMORY
from pyvfio import VfioError

from . import config

if TYPE_CHECKING:
    from pyvfio import MappedRegion, Region
    from qomgen_devices.vfio_pci import VFIOPCIDevice

PCI_ROM_SLOT = 6
PCI_BASE_ADDRESS_SPACE_IO = 0x1
PCI_BASE_ADDRESS_MEM_TYPE_64 = 0x4
PCI_BASE_ADDRESS_IO_MASK = ~0x3
PCI_BASE_ADDRESS_MEM_MASK = ~0xF


@dataclass(eq=False, slots=True)
class VFIOBAR:
    """A BAR (struct VFIOBAR): its region, mapped if it may be.

    `size` is in bytes; `type_bits` are the low bits of the register, which say what it is.
    """

    region: Region
    size: int
    type_bits: int
    mapped: MappedRegion | None = None

    @property
    def ioport(self) -> bool:
        """Whether it is in I/O space."""
        return bool(self.type_bits & PCI_BASE_ADDRESS_SPACE_IO)

    @property
    def mem64(self) -> bool:
        """Whether its address has 64 bits."""
        return not self.ioport and bool(self.type_bits & PCI_BASE_ADDRESS_MEM_TYPE_64)

    def close(self) -> None:
        """Unmap it.

        Raises:
            pyvfio.errors.MappingInUse: a view of it lives on.
        """
        if self.mapped is not None:
            self.mapped.close()
            self.mapped = None


class VFIOBARs(dict[int, VFIOBAR]):
    """The BARs that the device has, by number (VFIOPCIDevice.bars)."""

    def close(self) -> None:
        """Unmap all.

        Raises:
            pyvfio.errors.MappingInUse: a view of one lives on.
        """
        for bar in self.values():
            bar.close()
        self.clear()


def vfio_bars_prepare(vdev: VFIOPCIDevice) -> None:
    """Find the BARs and what they are (vfio_bars_prepare).

    Raises:
        Error: the kernel refused.
    """
    device = vdev.vbasedev.device
    if device is None:
        raise Error(f"vfio {vdev.vbasedev.name}: the device is not open")
    for number in range(PCI_ROM_SLOT):
        try:
            region = device.bar(number)
            if not region.size:
                continue
            register = device.config.read32(PCI_BASE_ADDRESS_0 + 4 * number)
        except VfioError as error:
            raise Error(f"failed to get region {number} info: {error.strerror}") from error
        is_io = register & PCI_BASE_ADDRESS_SPACE_IO
        mask = PCI_BASE_ADDRESS_IO_MASK if is_io else PCI_BASE_ADDRESS_MEM_MASK
        vdev.bars[number] = VFIOBAR(region, region.size, register & ~mask)


def vfio_bars_register(vdev: VFIOPCIDevice) -> None:
    """Map the BARs that the kernel lets a process map, unless x-no-mmap is on (vfio_bars_register).

    Raises:
        Error: the kernel refused.
    """
    if vdev.vbasedev.no_mmap:
        return
    for number, bar in vdev.bars.items():
        if not bar.region.info.mappable or not bar.region.info.mmap_areas():
            continue
        try:
            bar.mapped = bar.region.map()
        except VfioError as error:
            raise Error(f"failed to mmap region {number}: {error.strerror}") from error


def vfio_region_read(vdev: VFIOPCIDevice, number: int, address: int, size: int) -> int:
    """Read `size` (1, 2, 4 or 8) bytes of a BAR (vfio_region_read).

    Raises:
        Error: there is no such BAR, or the guest has not switched its decoding on.
        pyvfio.VfioError: the kernel refused.
    """
    bar = _decoded(vdev, number)
    return (bar.mapped or bar.region).load(address, size)


def vfio_region_write(vdev: VFIOPCIDevice, number: int, address: int, data: int, size: int) -> None:
    """Write `size` (1, 2, 4 or 8) bytes of a BAR (vfio_region_write); errors as `vfio_region_read`."""
    bar = _decoded(vdev, number)
    (bar.mapped or bar.region).store(address, data, size)


def _decoded(vdev: VFIOPCIDevice, number: int) -> VFIOBAR:
    """A BAR, if the command register lets it answer: touching another would kill the process (SIGBUS)."""
    bar = vdev.bars.get(number)
    if bar is None:
        raise Error(f"vfio {vdev.vbasedev.name}: there is no BAR {number}")
    wanted = PCI_COMMAND_IO if bar.ioport else PCI_COMMAND_MEMORY
    if not config.read(vdev, PCI_COMMAND, 2) & wanted:
        what = "I/O" if bar.ioport else "memory"
        raise Error(
            f"vfio {vdev.vbasedev.name}: BAR {number} does not answer: bit {wanted:#x} of the command register,"
            f" {what} decoding, is off"
        )
    return bar
