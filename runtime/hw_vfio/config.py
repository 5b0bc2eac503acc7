# SPDX-License-Identifier: GPL-2.0-only
"""Configuration space of a passthrough device: bits that QEMU answers beside those of the device.

From QEMU's hw/vfio/pci.c: `emulated_config_bits` says which bits come from QEMU's own copy; all others are the
device's, through the kernel, which hides and emulates parts of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyqom import QEMU_PCI_CAP_EXPRESS, QEMU_PCI_CAP_MULTIFUNCTION, Error, at_least
from pyqom.pci import QEMU_PCI_CAP_MSI, QEMU_PCI_CAP_MSIX
from pyqom.pci_config import (
    PCI_BASE_ADDRESS_0,
    PCI_CAPABILITY_LIST,
    PCI_CONFIG_SPACE_SIZE,
    PCI_DEVICE_ID,
    PCI_HEADER_TYPE,
    PCI_HEADER_TYPE_MULTI_FUNCTION,
    PCI_ROM_ADDRESS,
    PCI_STATUS,
    PCI_STATUS_CAP_LIST,
    PCI_SUBSYSTEM_ID,
    PCI_SUBSYSTEM_VENDOR_ID,
    PCI_VENDOR_ID,
    pci_claim_capability,
    pci_config_size,
    pci_default_read_config,
    pci_get_word,
    pci_init_config,
    pci_set_word,
)
from pyvfio import VfioError

if TYPE_CHECKING:
    from pyvfio import ConfigSpace
    from qomgen_devices.vfio_pci import VFIOPCIDevice

PCI_ANY_ID = 0xFFFFFFFF

# linux/pci_regs.h
PCI_CAP_LIST_NEXT = 1
PCI_CAP_ID_PM = 0x01
PCI_CAP_ID_MSI = 0x05
PCI_CAP_ID_VNDR = 0x09
PCI_CAP_ID_EXP = 0x10
PCI_CAP_ID_MSIX = 0x11
PCI_CAP_ID_AF = 0x13
PCI_PM_SIZEOF = 8
PCI_PM_CTRL = 4
PCI_PM_CTRL_STATE_MASK = 0x3
PCI_PM_CTRL_NO_SOFT_RESET = 0x8
PCI_MSI_FLAGS = 2
PCI_MSI_FLAGS_ENABLE = 0x1
PCI_MSI_FLAGS_QMASK = 0xE
PCI_MSI_FLAGS_QSIZE = 0x70
PCI_MSI_FLAGS_64BIT = 0x80
PCI_MSI_FLAGS_MASKBIT = 0x100
PCI_MSIX_FLAGS = 2
PCI_MSIX_FLAGS_QSIZE = 0x7FF
PCI_MSIX_FLAGS_MASKALL = 0x4000
PCI_MSIX_FLAGS_ENABLE = 0x8000
PCI_MSIX_ENTRY_SIZE = 16
PCI_MSIX_ENTRY_VECTOR_CTRL = 12
PCI_MSIX_ENTRY_CTRL_MASKBIT = 1
PCI_EXP_DEVCAP = 4
PCI_EXP_DEVCAP_FLR = 1 << 28
PCI_AF_CAP = 3
PCI_AF_CAP_TP = 0x1
PCI_AF_CAP_FLR = 0x2
MSIX_CAP_LENGTH = 12
_MSI_WMASK = (PCI_MSI_FLAGS_QSIZE | PCI_MSI_FLAGS_ENABLE).to_bytes(
    2, "little"
) + b"\xfc\xff\xff\xff"
MAX_CAPABILITIES = 48
"""As many as fit behind the header at 4 bytes each; a longer chain runs in a circle."""


def config_space(vdev: VFIOPCIDevice) -> ConfigSpace:
    """Configuration space of the open device.

    Raises:
        Error: it is not open.
    """
    device = vdev.vbasedev.device
    if device is None:
        raise Error(f"vfio {vdev.vbasedev.name}: the device is not open")
    return device.config


def emulated(vdev: VFIOPCIDevice) -> bytearray:
    """Which bits QEMU answers.

    Raises:
        Error: the device is not open.
    """
    if vdev.emulated_config_bits is None:
        raise Error(f"vfio {vdev.vbasedev.name}: the device is not open")
    return vdev.emulated_config_bits


def read(vdev: VFIOPCIDevice, address: int, length: int) -> int:
    """Read 1, 2 or 4 bytes as the guest sees them (vfio_pci_read_config).

    Raises:
        Error: the device is not open, or the kernel refused.
    """
    ours = int.from_bytes(emulated(vdev)[address : address + length], "little")
    everything = (1 << 8 * length) - 1
    value = pci_default_read_config(vdev, address, length) & ours
    if ours != everything:
        try:
            theirs = int.from_bytes(config_space(vdev).read(address, length), "little")
        except VfioError as error:
            text = f"vfio_pci_read_config({vdev.vbasedev.name}, 0x{address:x}, 0x{length:x}) failed"
            raise Error(f"{text}: {error.strerror}") from error
        value |= theirs & ~ours
    return value


def add_emulated_word(vdev: VFIOPCIDevice, position: int, value: int) -> None:
    """Answer 16 bits for the device, unwritable (vfio_add_emulated_word)."""
    pci_set_word(vdev.config, position, value)
    pci_set_word(vdev.wmask, position, 0)
    pci_set_word(emulated(vdev), position, 0xFFFF)


def setup(vdev: VFIOPCIDevice) -> None:
    """Copy configuration space and decide which bits are QEMU's (the middle of vfio_realize).

    Raises:
        Error: the copy failed, or an override is out of range.
    """
    space = config_space(vdev)
    vdev.config_size = space.size
    vdev.config_offset = space.info.offset
    if space.size == PCI_CONFIG_SPACE_SIZE:
        vdev.cap_present &= ~QEMU_PCI_CAP_EXPRESS
    # A device may have less than the guest sees: the rest is zero.
    size = pci_config_size(vdev)
    pci_init_config(vdev, size)
    try:
        known = space.read(0, min(size, space.size))
        vdev.config[: len(known)] = known
    except VfioError as error:
        raise Error(f"failed to read device config space: {error.strerror}") from error
    bits = vdev.emulated_config_bits = bytearray(max(size, space.size))
    bits[PCI_ROM_ADDRESS : PCI_ROM_ADDRESS + 4] = b"\xff" * 4
    bits[PCI_BASE_ADDRESS_0 : PCI_BASE_ADDRESS_0 + 24] = b"\xff" * 24
    _override_ids(vdev)
    # Whether there are more functions is QEMU's to say.
    bits[PCI_HEADER_TYPE] = PCI_HEADER_TYPE_MULTI_FUNCTION
    if vdev.cap_present & QEMU_PCI_CAP_MULTIFUNCTION:
        vdev.config[PCI_HEADER_TYPE] |= PCI_HEADER_TYPE_MULTI_FUNCTION
    else:
        vdev.config[PCI_HEADER_TYPE] &= ~PCI_HEADER_TYPE_MULTI_FUNCTION & 0xFF
    # The host's addresses mean nothing here.
    vdev.config[PCI_BASE_ADDRESS_0 : PCI_BASE_ADDRESS_0 + 24] = bytes(24)
    vdev.config[PCI_ROM_ADDRESS : PCI_ROM_ADDRESS + 4] = bytes(4)


def _override_ids(vdev: VFIOPCIDevice) -> None:
    if vdev.vendor_id != PCI_ANY_ID:
        if vdev.vendor_id >= 0xFFFF:
            raise Error("invalid PCI vendor ID provided")
        add_emulated_word(vdev, PCI_VENDOR_ID, vdev.vendor_id)
    else:
        vdev.vendor_id = pci_get_word(vdev.config, PCI_VENDOR_ID)
    if vdev.device_id != PCI_ANY_ID:
        if vdev.device_id > 0xFFFF:
            raise Error("invalid PCI device ID provided")
        add_emulated_word(vdev, PCI_DEVICE_ID, vdev.device_id)
    else:
        vdev.device_id = pci_get_word(vdev.config, PCI_DEVICE_ID)
    for name, value, position in (
        ("vendor", vdev.sub_vendor_id, PCI_SUBSYSTEM_VENDOR_ID),
        ("device", vdev.sub_device_id, PCI_SUBSYSTEM_ID),
    ):
        if value != PCI_ANY_ID:
            if value > 0xFFFF:
                raise Error(f"invalid PCI subsystem {name} ID provided")
            add_emulated_word(vdev, position, value)


def setup_bars(vdev: VFIOPCIDevice) -> None:
    """Let each BAR be sized as the guest does: bits below its size read as zero (pci_register_bar)."""
    for number, bar in vdev.bars.items():
        start = PCI_BASE_ADDRESS_0 + 4 * number
        width = 8 if bar.mem64 else 4
        mask = ~(bar.size - 1) & ((1 << 8 * width) - 1)
        vdev.wmask[start : start + width] = mask.to_bytes(width, "little")
        vdev.config[start : start + width] = bar.type_bits.to_bytes(width, "little")


def add_capabilities(vdev: VFIOPCIDevice) -> None:
    """Take over the list of capabilities: the links and all of MSI and MSI-X are QEMU's.

    Raises:
        Error: the list runs in a circle.
    """
    if not vdev.config[PCI_STATUS] & PCI_STATUS_CAP_LIST or not vdev.config[PCI_CAPABILITY_LIST]:
        return
    bits = emulated(vdev)
    bits[PCI_CAPABILITY_LIST] = 0xFF
    bits[PCI_STATUS] |= PCI_STATUS_CAP_LIST
    position = vdev.config[PCI_CAPABILITY_LIST] & ~3
    seen: set[int] = set()
    while position:
        if position in seen or len(seen) == MAX_CAPABILITIES:
            raise Error(f"the list of PCI capabilities comes back to 0x{position:x}")
        seen.add(position)
        position = vdev.config[position + PCI_CAP_LIST_NEXT] & ~3
    for position in seen:
        bits[position + PCI_CAP_LIST_NEXT] = 0xFF
        # How long one is, nobody says: it ends where the next one in space begins.
        end = min((each for each in seen if each > position), default=PCI_CONFIG_SPACE_SIZE)
        _add_capability(vdev, vdev.config[position], position, end - position)


def _add_capability(vdev: VFIOPCIDevice, kind: int, position: int, size: int) -> None:
    bits = emulated(vdev)
    pci_claim_capability(vdev, position, _claimed(vdev, kind, position, size))
    if kind == PCI_CAP_ID_MSI:
        vdev.msi_cap_size = _msi_size(vdev, position)
        vdev.msi_cap = position
        vdev.cap_present |= QEMU_PCI_CAP_MSI
        bits[position : position + vdev.msi_cap_size] = b"\xff" * vdev.msi_cap_size
        flags = pci_get_word(vdev.config, position + PCI_MSI_FLAGS)
        pci_set_word(vdev.config, position + PCI_MSI_FLAGS, flags & ~PCI_MSI_FLAGS_ENABLE)
        writable = _MSI_WMASK + b"\xff" * 4 * bool(flags & PCI_MSI_FLAGS_64BIT) + b"\xff\xff"
        if flags & PCI_MSI_FLAGS_MASKBIT:
            writable += b"\0\0" + b"\xff" * 4
        start = position + PCI_MSI_FLAGS
        vdev.wmask[start : start + len(writable)] = writable
    elif kind == PCI_CAP_ID_MSIX:
        vdev.msix_cap = position
        vdev.cap_present |= QEMU_PCI_CAP_MSIX
        bits[position : position + MSIX_CAP_LENGTH] = b"\xff" * MSIX_CAP_LENGTH
        flags = pci_get_word(vdev.config, position + PCI_MSIX_FLAGS) & PCI_MSIX_FLAGS_QSIZE
        pci_set_word(vdev.config, position + PCI_MSIX_FLAGS, flags)
        pci_set_word(
            vdev.wmask, position + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_MASKALL | PCI_MSIX_FLAGS_ENABLE
        )
        entry = bytearray(PCI_MSIX_ENTRY_SIZE)
        entry[PCI_MSIX_ENTRY_VECTOR_CTRL] = PCI_MSIX_ENTRY_CTRL_MASKBIT
        vdev.msix_table = entry * (flags + 1)
        vdev.msix_pba = bytearray((flags + 8) // 8)
    elif kind == PCI_CAP_ID_PM:
        vdev.pm_cap = position
        state = pci_get_word(vdev.config, position + PCI_PM_CTRL)
        vdev.has_pm_reset = not state & PCI_PM_CTRL_NO_SOFT_RESET
        if at_least("10.0"):
            pci_set_word(vdev.wmask, position + PCI_PM_CTRL, PCI_PM_CTRL_STATE_MASK)
    elif kind == PCI_CAP_ID_EXP:
        capabilities = int.from_bytes(
            vdev.config[position + PCI_EXP_DEVCAP : position + PCI_EXP_DEVCAP + 4], "little"
        )
        vdev.has_flr = vdev.has_flr or bool(capabilities & PCI_EXP_DEVCAP_FLR)
    elif kind == PCI_CAP_ID_AF:
        flags = vdev.config[position + PCI_AF_CAP]
        both = PCI_AF_CAP_TP | PCI_AF_CAP_FLR
        vdev.has_flr = vdev.has_flr or flags & both == both
    elif kind == PCI_CAP_ID_VNDR and vdev.skip_vsc_check:
        # What the vendor keeps there may differ; the header may not.
        vdev.cmask[position + 3 : position + size] = bytes(max(size - 3, 0))


def _msi_size(vdev: VFIOPCIDevice, position: int) -> int:
    flags = pci_get_word(vdev.config, position + PCI_MSI_FLAGS)
    size = 0x0A + 0x0A * bool(flags & PCI_MSI_FLAGS_MASKBIT)
    return size + 0x4 * bool(flags & PCI_MSI_FLAGS_64BIT)


def _claimed(vdev: VFIOPCIDevice, kind: int, position: int, size: int) -> int:
    """How much of its room a capability takes for itself."""
    if kind == PCI_CAP_ID_MSI:
        return _msi_size(vdev, position)
    if kind == PCI_CAP_ID_MSIX:
        return MSIX_CAP_LENGTH
    if kind == PCI_CAP_ID_PM and at_least("10.0"):
        return PCI_PM_SIZEOF
    return size
