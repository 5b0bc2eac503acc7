# SPDX-License-Identifier: GPL-2.0-or-later
"""Configuration space as the guest sees it: reads, and writes through a mask (hw/pci/pci.c)."""

from __future__ import annotations

from .pci import QEMU_PCI_CAP_EXPRESS, PCIDevice

PCI_CONFIG_SPACE_SIZE = 0x100
PCIE_CONFIG_SPACE_SIZE = 0x1000

# Registers and bits of every PCI device (linux/pci_regs.h, QEMU's copy of it).
PCI_VENDOR_ID = 0x00
PCI_DEVICE_ID = 0x02
PCI_COMMAND = 0x04
PCI_COMMAND_IO = 0x1
PCI_COMMAND_MEMORY = 0x2
PCI_COMMAND_MASTER = 0x4
PCI_COMMAND_SERR = 0x100
PCI_COMMAND_INTX_DISABLE = 0x400
PCI_STATUS = 0x06
PCI_STATUS_CAP_LIST = 0x10
PCI_STATUS_ERRORS = 0xF900
"""Parity, target and master abort, system error: what has happened until a 1 is written."""

PCI_REVISION_ID = 0x08
PCI_CLASS_PROG = 0x09
PCI_CLASS_DEVICE = 0x0A
PCI_CACHE_LINE_SIZE = 0x0C
PCI_HEADER_TYPE = 0x0E
PCI_HEADER_TYPE_MULTI_FUNCTION = 0x80
PCI_BASE_ADDRESS_0 = 0x10
PCI_SUBSYSTEM_VENDOR_ID = 0x2C
PCI_SUBSYSTEM_ID = 0x2E
PCI_ROM_ADDRESS = 0x30
PCI_CAPABILITY_LIST = 0x34
PCI_INTERRUPT_LINE = 0x3C
PCI_INTERRUPT_PIN = 0x3D
PCI_CONFIG_HEADER_SIZE = 0x40


def pci_init_config(dev: PCIDevice, size: int) -> None:
    """Give a device `size` bytes of configuration space and the masks of a plain one.

    The masks are those of pci_init_cmask, pci_init_wmask and pci_init_w1cmask.
    """
    dev.config = bytearray(size)
    dev.wmask = bytearray(PCI_CONFIG_HEADER_SIZE) + bytearray(
        b"\xff" * (size - PCI_CONFIG_HEADER_SIZE)
    )
    dev.wmask[PCI_CACHE_LINE_SIZE] = 0xFF
    dev.wmask[PCI_INTERRUPT_LINE] = 0xFF
    command = PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER
    command |= PCI_COMMAND_INTX_DISABLE | PCI_COMMAND_SERR
    dev.wmask[PCI_COMMAND : PCI_COMMAND + 2] = command.to_bytes(2, "little")
    dev.w1cmask = bytearray(size)
    pci_set_word(dev.w1cmask, PCI_STATUS, PCI_STATUS_ERRORS)
    dev.cmask = bytearray(size)
    for register in (PCI_VENDOR_ID, PCI_DEVICE_ID, PCI_CLASS_DEVICE):
        pci_set_word(dev.cmask, register, 0xFFFF)
    dev.cmask[PCI_STATUS] = PCI_STATUS_CAP_LIST
    for register in (PCI_REVISION_ID, PCI_CLASS_PROG, PCI_HEADER_TYPE, PCI_CAPABILITY_LIST):
        dev.cmask[register] = 0xFF


def pci_config_size(dev: PCIDevice) -> int:
    """Bytes of configuration space that a guest sees: 4096 for PCI Express, else 256 (same name in QEMU)."""
    return (
        PCIE_CONFIG_SPACE_SIZE if dev.cap_present & QEMU_PCI_CAP_EXPRESS else PCI_CONFIG_SPACE_SIZE
    )


def pci_claim_capability(dev: PCIDevice, position: int, size: int) -> None:
    """Let a capability be read only, and equal in devices that take over state (pci_add_capability)."""
    dev.wmask[position : position + size] = bytes(size)
    dev.cmask[position : position + size] = b"\xff" * size


def pci_default_read_config(dev: PCIDevice, address: int, length: int) -> int:
    """What QEMU's own copy holds (same name in QEMU)."""
    return int.from_bytes(dev.config[address : address + length], "little")


def pci_default_write_config(dev: PCIDevice, address: int, value: int, length: int) -> None:
    """Write the bits of QEMU's own copy that the mask lets through (same name in QEMU)."""
    for index, byte in enumerate(value.to_bytes(length, "little")):
        mask = dev.wmask[address + index]
        dev.config[address + index] = (dev.config[address + index] & ~mask) | (byte & mask)


def pci_set_word(data: bytearray, address: int, value: int) -> None:
    """Store 16 bits, little-endian (same name in QEMU)."""
    data[address : address + 2] = value.to_bytes(2, "little")


def pci_get_word(data: bytearray, address: int) -> int:
    """Load 16 bits, little-endian (same name in QEMU)."""
    return int.from_bytes(data[address : address + 2], "little")
