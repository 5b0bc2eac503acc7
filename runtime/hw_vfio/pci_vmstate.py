# SPDX-License-Identifier: GPL-2.0-only
"""Configuration of a vfio-pci device in a file of saved state, byte for byte as QEMU lays it out.

Twin of vmstate_vfio_pci_config in QEMU's hw/vfio/pci.c, and of vmstate_pci_device (hw/pci/pci.c) and msix_save
(hw/pci/msix.c), of which it consists:

    be32        2, the version of a PCI device's state
    bytes       configuration space: 256, or 4096 for PCI Express
    4 x be32    the pins INTA to INTD: 1 if the pin is up
    bytes       with MSI-X: 16 for each vector (the guest's table), then a bit for each vector that is pending

The MSI-X table of a device is not emulated here: what is saved of it is what was loaded, at first all vectors masked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from pyqom import PCI_DEVICE_GET_CLASS, Error
from pyqom.pci_config import PCI_COMMAND, PCI_INTERRUPT_PIN, pci_get_word

from .config import (
    PCI_MSI_FLAGS,
    PCI_MSI_FLAGS_ENABLE,
    PCI_MSIX_FLAGS,
    PCI_MSIX_FLAGS_ENABLE,
)
from .interrupts import (
    PCI_NUM_PINS,
    vfio_disable_interrupts,
    vfio_intx_enable,
    vfio_msi_enable,
    vfio_msix_enable,
)
from .qemu_file import QEMU_VM_SUBSECTION, Reader, Writer

if TYPE_CHECKING:
    from qomgen_devices.vfio_pci import VFIOPCIDevice

    from .device import VFIODevice

PCI_DEVICE_VERSION = 2


@dataclass(frozen=True, slots=True)
class PCIConfigState:
    """A configuration that fits the device `vdev`: what a file holds, or what the device has now.

    `irq_state` has a bit for each pin that is up.
    """

    vdev: VFIOPCIDevice
    config: bytes
    irq_state: int
    msix_table: bytes
    msix_pba: bytes

    def write(self, file: Writer) -> None:
        """Write it to a file.

        Raises:
            OSError: the file refused.
        """
        file.put_be32(PCI_DEVICE_VERSION)
        file.put_buffer(self.config)
        for pin in range(PCI_NUM_PINS):
            file.put_be32(self.irq_state >> pin & 1)
        file.put_buffer(self.msix_table)
        file.put_buffer(self.msix_pba)

    def apply(self) -> None:
        """Let the device have it (the second half of vfio_pci_load_config).

        Raises:
            Error: the kernel refused.
        """
        vdev = self.vdev
        vfio_disable_interrupts(vdev)
        vdev.config[:] = self.config
        vdev.irq_state = self.irq_state
        vdev.msix_table[:] = self.msix_table
        vdev.msix_pba[:] = self.msix_pba
        write = PCI_DEVICE_GET_CLASS(vdev).config_write
        if write is not None:
            write(vdev, PCI_COMMAND, pci_get_word(vdev.config, PCI_COMMAND), 2)
        if _enabled(vdev, vdev.msi_cap, PCI_MSI_FLAGS, PCI_MSI_FLAGS_ENABLE):
            vfio_msi_enable(vdev)
        elif _enabled(vdev, vdev.msix_cap, PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE):
            vfio_msix_enable(vdev)
        elif vdev.config[PCI_INTERRUPT_PIN]:
            vfio_intx_enable(vdev)


def _enabled(vdev: VFIOPCIDevice, capability: int, register: int, bit: int) -> bool:
    return bool(capability and pci_get_word(vdev.config, capability + register) & bit)


def _vdev(vbasedev: VFIODevice) -> VFIOPCIDevice:
    return cast("VFIOPCIDevice", vbasedev.dev)


def vfio_pci_config_state(vbasedev: VFIODevice) -> PCIConfigState:
    """What the device has now."""
    vdev = _vdev(vbasedev)
    table, pending = bytes(vdev.msix_table), bytes(vdev.msix_pba)
    return PCIConfigState(vdev, bytes(vdev.config), vdev.irq_state, table, pending)


def vfio_pci_load_config(vbasedev: VFIODevice, file: Reader) -> PCIConfigState:
    """Read a configuration, and see whether the device may take it over (the first half of vfio_pci_load_config).

    Raises:
        Error: it is another kind of device's, or none.
    """
    vdev = _vdev(vbasedev)
    version = file.get_be32()
    if version > PCI_DEVICE_VERSION:
        signed = version - (version >> 31 << 32)
        text = f"Invalid value {signed} expecting positive value <= {PCI_DEVICE_VERSION}"
        raise Error(text)
    config = file.get_buffer(len(vdev.config))
    _check_config(vdev, config)
    irq_state = 0
    for pin in range(PCI_NUM_PINS):
        up = file.get_be32()
        if up > 1:
            raise Error(f"irq state {up}: must be 0 or 1.")
        irq_state |= up << pin
    table = file.get_buffer(len(vdev.msix_table))
    pending = file.get_buffer(len(vdev.msix_pba))
    if file.peek_byte() == QEMU_VM_SUBSECTION:
        # QEMU has one for ramfb, which needs a display.
        raise Error(
            f"{vbasedev.name}: a part of the configuration is for a display, which there is none of"
        )
    return PCIConfigState(vdev, config, irq_state, table, pending)


def _check_config(vdev: VFIOPCIDevice, config: bytes) -> None:
    """Compare what must be equal in both devices (get_pci_config_device)."""
    for index, (new, old) in enumerate(zip(config, vdev.config, strict=True)):
        cmask, wmask, w1cmask = vdev.cmask[index], vdev.wmask[index], vdev.w1cmask[index]
        if (new ^ old) & cmask & ~wmask & ~w1cmask:
            raise Error(
                f"get_pci_config_device: Bad config data: i=0x{index:x} read: {new:x} device: {old:x}"
                f" cmask: {cmask:x} wmask: {wmask:x} w1cmask:{w1cmask:x}"
            )
