# SPDX-License-Identifier: GPL-2.0-or-later
"""How a PCI device gets its place on a bus, is realized and leaves (hw/pci/pci.c)."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from .cutils import UINT32_MAX
from .errors import Error
from .klass import object_class_dynamic_cast
from .object import Object, object_get_typename
from .pci import (
    INTERFACE_CONVENTIONAL_PCI_DEVICE,
    INTERFACE_CXL_DEVICE,
    INTERFACE_PCIE_DEVICE,
    PCI_DEVICE,
    PCI_DEVICE_GET_CLASS,
    QEMU_PCI_CAP_EXPRESS,
    QEMU_PCI_CAP_MULTIFUNCTION,
    QEMU_PCIE_CAP_CXL,
    PCIBus,
    PCIDevice,
    PCIDeviceClass,
    pci_bus_is_express,
    pci_get_bus,
)
from .qdev import DeviceState
from .world import at_least, current

# What systemd takes as the number of a device on the board.
ONBOARD_INDEX_MAX = 16 * 1024 - 1

_CLASS_NETWORK_ETHERNET = 0x0200
_SUBVENDOR_REDHAT_QUMRANET = 0x1AF4
_SUBDEVICE_QEMU = 0x1100
_ROM_MAX = 2 << 30


def pci_slot(devfn: int) -> int:
    """The slot in slot * 8 + function (PCI_SLOT)."""
    return devfn >> 3 & 0x1F


def pci_func(devfn: int) -> int:
    """The function in slot * 8 + function (PCI_FUNC)."""
    return devfn & 7


def claim_acpi_index(dev: PCIDevice) -> None:
    """Take the device's acpi-index, which only one device may have.

    pci_qdev_realize does it, in 7.2 the ACPI hotplug handler's pre_plug. As in QEMU an index
    stays taken when what comes after it fails.

    Raises:
        Error: it is too large, or taken.
    """
    if dev.acpi_index > ONBOARD_INDEX_MAX:
        raise Error(f"acpi-index should be less or equal to {ONBOARD_INDEX_MAX}")
    if dev.acpi_index:
        taken = current().acpi_indices
        if dev.acpi_index in taken:
            raise Error(f"a PCI device with acpi-index = {dev.acpi_index} already exist")
        taken.append(dev.acpi_index)


def release_acpi_index(dev: PCIDevice) -> None:
    """Give the device's acpi-index back."""
    if dev.acpi_index in current().acpi_indices:
        current().acpi_indices.remove(dev.acpi_index)


def pci_qdev_realize(qdev: DeviceState) -> None:
    """DeviceClass.realize of all PCI devices (pci_qdev_realize).

    Raises:
        Error: the bus has no place, the device's realize fails, or an option does not fit.
    """
    dev = PCI_DEVICE(qdev)
    pc = PCI_DEVICE_GET_CLASS(dev)
    if at_least("8.0"):
        claim_acpi_index(dev)
    if dev.romsize != UINT32_MAX and dev.romsize.bit_count() != 1:
        raise Error(f"ROM size {dev.romsize} is not a power of two")
    klass = dev.klass
    # A device that can be both, as vfio-pci, says so by itself.
    if object_class_dynamic_cast(klass, INTERFACE_PCIE_DEVICE) and not object_class_dynamic_cast(
        klass, INTERFACE_CONVENTIONAL_PCI_DEVICE
    ):
        dev.cap_present |= QEMU_PCI_CAP_EXPRESS
    if object_class_dynamic_cast(klass, INTERFACE_CXL_DEVICE):
        dev.cap_present |= QEMU_PCIE_CAP_CXL
    _register_device(dev, pc)
    with ExitStack() as undo:
        undo.callback(_unregister_device, dev)
        if pc.realize is not None:
            pc.realize(dev)
        undo.pop_all()
        undo.callback(pci_qdev_unrealize, dev)
        if dev.failover_pair_id is not None:
            _check_failover(dev)
        if dev.romfile is None:
            dev.romfile = pc.romfile
        _check_option_rom(dev)
        undo.pop_all()


def pci_qdev_unrealize(qdev: DeviceState) -> None:
    """DeviceClass.unrealize of all PCI devices (pci_qdev_unrealize)."""
    dev = PCI_DEVICE(qdev)
    pc = PCI_DEVICE_GET_CLASS(dev)
    if pc.exit is not None:
        pc.exit(dev)
    _unregister_device(dev)
    if at_least("8.0"):
        release_acpi_index(dev)


# --- a place on the bus ---------------------------------------------------------------------------


def _available(bus: PCIBus, devfn: int) -> bool:
    return bus.devices[devfn] is None


def _reserved(bus: PCIBus, devfn: int) -> bool:
    return bool(bus.slot_reserved_mask >> pci_slot(devfn) & 1)


def _choose_place(bus: PCIBus, name: str, devfn: int) -> int:
    if devfn < 0:
        for candidate in range(bus.devfn_min, len(bus.devices), 8):
            if _available(bus, candidate) and not _reserved(bus, candidate):
                return candidate
        raise Error(f"PCI: no slot/function available for {name}, all in use or reserved")
    place = f"slot {pci_slot(devfn)} function {pci_func(devfn)}"
    if _reserved(bus, devfn):
        raise Error(f"PCI: {place} not available for {name}, reserved")
    other = bus.devices[devfn]
    if other is not None:
        raise Error(
            f"PCI: {place} not available for {name}, in use by {other.name},"
            f"id={other.id if other.id is not None else '(null)'}"
        )
    return devfn


def pci_get_function_0(dev: PCIDevice) -> PCIDevice | None:
    """Function 0 of the device's slot (pci_get_function_0)."""
    return pci_get_bus(dev).devices[pci_slot(dev.devfn) << 3]


def _register_device(dev: PCIDevice, pc: PCIDeviceClass) -> None:
    """Put the device in its place and lay its configuration space (do_pci_register_device)."""
    bus = pci_get_bus(dev)
    name = object_get_typename(dev)
    asked = dev.devfn
    if bus.is_root and bus.bridge is not None:
        raise Error(f"PCI: Only PCI/PCIe bridges can be plugged into {bus.bridge.name}")
    devfn = _choose_place(bus, name, asked)
    # A guest looks at the other functions when function 0 comes, so that must come last. 7.2 asks
    # it only of a device that was given an address.
    if dev.hotplugged and (at_least("8.0") or asked >= 0):
        first = pci_get_function_0(dev)
        if first is not None:
            raise Error(
                f"PCI: slot {pci_slot(first.devfn)} function 0 already occupied by {first.name},"
                f" new func {name} cannot be exposed to guest."
            )
    dev.devfn = devfn
    dev.name = name
    dev.config = _config_space(dev, pc)
    _check_multifunction(bus, dev)
    bus.devices[devfn] = dev


def _unregister_device(dev: PCIDevice) -> None:
    pci_get_bus(dev).devices[dev.devfn] = None
    dev.config = bytearray()


def pci_config_size(dev: PCIDevice) -> int:
    """Bytes of configuration space: 4096 with PCI Express, else 256 (pci_config_size)."""
    return 4096 if dev.cap_present & QEMU_PCI_CAP_EXPRESS else 256


def _config_space(dev: PCIDevice, pc: PCIDeviceClass) -> bytearray:
    config = bytearray(pci_config_size(dev))
    config[0:2] = pc.vendor_id.to_bytes(2, "little")
    config[2:4] = pc.device_id.to_bytes(2, "little")
    config[8] = pc.revision
    config[10:12] = pc.class_id.to_bytes(2, "little")
    vendor, device = pc.subsystem_vendor_id, pc.subsystem_id
    if not vendor and not device:
        vendor, device = _SUBVENDOR_REDHAT_QUMRANET, _SUBDEVICE_QEMU
    config[0x2C:0x2E] = vendor.to_bytes(2, "little")
    config[0x2E:0x30] = device.to_bytes(2, "little")
    if dev.cap_present & QEMU_PCI_CAP_MULTIFUNCTION:
        config[0x0E] |= 0x80
    return config


def _check_multifunction(bus: PCIBus, dev: PCIDevice) -> None:
    """Function 0 says whether there are others (pci_init_multifunction)."""
    slot = pci_slot(dev.devfn)
    if pci_func(dev.devfn):
        first = bus.devices[slot << 3]
        if first is not None and not first.cap_present & QEMU_PCI_CAP_MULTIFUNCTION:
            raise Error(
                "PCI: single function device can't be populated in function"
                f" {slot:x}.{pci_func(dev.devfn):x}"
            )
        return
    if dev.cap_present & QEMU_PCI_CAP_MULTIFUNCTION:
        return
    for function in range(1, 8):
        if bus.devices[slot << 3 | function] is not None:
            raise Error(
                f"PCI: {slot:x}.0 indicates single function, but {slot:x}.{function:x} is already"
                " populated."
            )


# --- after realize --------------------------------------------------------------------------------


def _check_failover(dev: PCIDevice) -> None:
    if not pci_bus_is_express(pci_get_bus(dev)):
        raise Error("failover primary device must be on PCIExpress bus")
    if int.from_bytes(dev.config[10:12], "little") != _CLASS_NETWORK_ETHERNET:
        raise Error("failover primary device is not an Ethernet device")
    if dev.cap_present & QEMU_PCI_CAP_MULTIFUNCTION or pci_func(dev.devfn):
        raise Error("failover: primary device must be in its own PCI slot")
    dev.allow_unplug_during_migration = True


def _check_option_rom(dev: PCIDevice) -> None:
    """What pci_add_option_rom says of a ROM file; pyqom has no guest to run it."""
    if not dev.romfile:
        return
    if not dev.rom_bar:
        if dev.hotplugged:
            raise Error("Hot-plugged device without ROM bar can't have an option ROM")
        return
    try:
        size = Path(dev.romfile).stat().st_size
    except OSError as error:
        raise Error(f'failed to find romfile "{dev.romfile}"') from error
    if size == 0:
        raise Error(f'romfile "{dev.romfile}" is empty')
    if size > _ROM_MAX:
        raise Error(f'romfile "{dev.romfile}" too large (size cannot exceed 2 GiB)')
    if dev.romsize == UINT32_MAX:
        dev.romsize = 1 << (size - 1).bit_length()
    elif size > dev.romsize:
        raise Error(
            f'romfile "{dev.romfile}" ({size} bytes) is too large for ROM size {dev.romsize}'
        )


def pci_default_read_config(dev: PCIDevice, address: int, length: int) -> int:
    """Read configuration space as it lies there (pci_default_read_config)."""
    return int.from_bytes(dev.config[address : address + length], "little")


def pci_dev_path(dev: Object) -> str:
    """Domain:00:slot.function, with a slot for each bridge above (pcibus_get_dev_path)."""
    path = ""
    each: PCIDevice | None = PCI_DEVICE(dev)
    while each is not None:
        path = f":{pci_slot(each.devfn):02x}.{pci_func(each.devfn):x}{path}"
        each = pci_get_bus(each).bridge
    return f"0000:00{path}"
