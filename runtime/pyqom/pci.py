# SPDX-License-Identifier: GPL-2.0-or-later
"""The structs of PCI devices and buses; their types are in pci_device (hw/pci/pci.c)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from .errors import Abort
from .klass import ClassStruct, object_class_check
from .object import Object, object_check, object_dynamic_cast
from .qdev import BusClass, BusState, DeviceClass, DeviceState

TYPE_PCI_DEVICE = "pci-device"
TYPE_PCI_BUS = "PCI"
TYPE_PCIE_BUS = "PCIE"
TYPE_CXL_BUS = "CXL"
INTERFACE_PCIE_DEVICE = "pci-express-device"
INTERFACE_CONVENTIONAL_PCI_DEVICE = "conventional-pci-device"
INTERFACE_CXL_DEVICE = "cxl-device"

# Bits of PCIDevice.cap_present (include/hw/pci/pci.h).
QEMU_PCI_CAP_MSI = 1 << 0
QEMU_PCI_CAP_MSIX = 1 << 1
QEMU_PCI_CAP_EXPRESS = 1 << 2
QEMU_PCI_CAP_MULTIFUNCTION_BITNR = 3
QEMU_PCI_CAP_MULTIFUNCTION = 1 << QEMU_PCI_CAP_MULTIFUNCTION_BITNR
QEMU_PCIE_LNKSTA_DLLLA_BITNR = 8
QEMU_PCIE_EXTCAP_INIT_BITNR = 9
QEMU_PCIE_CAP_CXL = 1 << 10
QEMU_PCIE_ERR_UNC_MASK_BITNR = 11
QEMU_PCIE_ARI_NEXTFN_1_BITNR = 12
QEMU_PCIE_EXT_TAG_BITNR = 13
QEMU_PCI_SKIP_RESET_ON_CPR = 1 << 15

PCI_ANY_ID = 0xFFFFFFFF


@dataclass(eq=False, slots=True)
class PCIDevice(DeviceState):
    """A PCI device (include/hw/pci/pci_device.h, struct PCIDevice).

    `devfn` is slot * 8 + function, -1 until the bus chose one. `name` is C's `name`, the type's.
    `config` is configuration space as the guest sees it and `wmask` the bits it may write there,
    `w1cmask` those that it clears by writing 1; those of `cmask` must be equal for the device to
    take over another one's state. `msi_cap` and `msix_cap` are offsets in `config`, 0 where there
    is no such capability; `msix_table` and `msix_pba` are the guest's. `irq_state` has a bit for
    each pin that is up.
    """

    cap_present: int = field(default=0, init=False, repr=False)
    devfn: int = field(default=0, init=False, repr=False)
    name: str = field(default="", init=False, repr=False)
    config: bytearray = field(default_factory=bytearray, init=False, repr=False)
    cmask: bytearray = field(default_factory=bytearray, init=False, repr=False)
    wmask: bytearray = field(default_factory=bytearray, init=False, repr=False)
    w1cmask: bytearray = field(default_factory=bytearray, init=False, repr=False)
    msi_cap: int = field(default=0, init=False, repr=False)
    msix_cap: int = field(default=0, init=False, repr=False)
    msix_table: bytearray = field(default_factory=bytearray, init=False, repr=False)
    msix_pba: bytearray = field(default_factory=bytearray, init=False, repr=False)
    irq_state: int = field(default=0, init=False, repr=False)
    romfile: str | None = field(default=None, init=False, repr=False)
    romsize: int = field(default=0, init=False, repr=False)
    rom_bar: int = field(default=0, init=False, repr=False)
    failover_pair_id: str | None = field(default=None, init=False, repr=False)
    acpi_index: int = field(default=0, init=False, repr=False)
    max_bounce_buffer_size: int = field(default=0, init=False, repr=False)
    sriov_pf: str | None = field(default=None, init=False, repr=False)


@dataclass(eq=False, slots=True)
class PCIDeviceClass(ClassStruct):
    """A class of PCI devices (include/hw/pci/pci_device.h, struct PCIDeviceClass).

    A PCI device overrides `realize` and `exit` here, never DeviceClass's. `config_read(dev,
    address, length)` gives a number, `config_write(dev, address, value, length)` takes one.
    """

    parent_class: DeviceClass = field(default_factory=DeviceClass)
    realize: Callable[[PCIDevice], None] | None = None
    exit: Callable[[PCIDevice], None] | None = None
    config_read: Callable[[PCIDevice, int, int], int] | None = None
    config_write: Callable[[PCIDevice, int, int, int], None] | None = None
    vendor_id: int = 0
    device_id: int = 0
    revision: int = 0
    class_id: int = 0
    subsystem_vendor_id: int = 0
    subsystem_id: int = 0
    romfile: str | None = None


@dataclass(eq=False, slots=True)
class PCIBus(BusState):
    """A PCI bus with 256 places (include/hw/pci/pci_bus.h, struct PCIBus).

    `bridge` is C's `parent_dev`: the bridge that the bus is behind, None for a root bus.
    """

    is_root: bool = field(default=False, init=False, repr=False)
    devfn_min: int = field(default=0, init=False, repr=False)
    slot_reserved_mask: int = field(default=0, init=False, repr=False)
    bridge: PCIDevice | None = field(default=None, init=False, repr=False)
    devices: list[PCIDevice | None] = field(
        default_factory=lambda: [None] * 256, init=False, repr=False
    )


@dataclass(eq=False, slots=True)
class PCIBusClass(ClassStruct):
    """A class of PCI buses (include/hw/pci/pci_bus.h, struct PCIBusClass)."""

    parent_class: BusClass = field(default_factory=BusClass)


def PCI_DEVICE(obj: Object) -> PCIDevice:
    """The object as a PCIDevice."""
    return object_check(obj, TYPE_PCI_DEVICE, PCIDevice)


def PCI_DEVICE_CLASS(klass: ClassStruct) -> PCIDeviceClass:
    """The class's PCIDeviceClass."""
    return object_class_check(klass, TYPE_PCI_DEVICE, PCIDeviceClass)


def PCI_DEVICE_GET_CLASS(obj: Object) -> PCIDeviceClass:
    """The PCIDeviceClass of the object's class."""
    return PCI_DEVICE_CLASS(obj.klass)


def PCI_BUS(obj: Object) -> PCIBus:
    """The object as a PCIBus."""
    return object_check(obj, TYPE_PCI_BUS, PCIBus)


def pci_get_bus(dev: PCIDevice) -> PCIBus:
    """The bus a device is on (pci_get_bus).

    Raises:
        Abort: on none.
    """
    if dev.parent_bus is None:
        raise Abort(f"{dev!r} is on no bus")
    return PCI_BUS(dev.parent_bus)


def pci_bus_is_express(bus: PCIBus) -> bool:
    """Whether the bus is a PCI Express one (pci_bus_is_express)."""
    return object_dynamic_cast(bus, TYPE_PCIE_BUS) is not None
