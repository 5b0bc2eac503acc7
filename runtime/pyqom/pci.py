# SPDX-License-Identifier: GPL-2.0-or-later
"""PCI: devices, their common properties, and buses with slots (hw/pci/pci.c)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .cutils import UINT32_MAX
from .errors import Abort
from .klass import (
    TYPE_INTERFACE,
    ClassStruct,
    ObjectClass,
    object_class_check,
    object_class_dynamic_cast,
    object_class_is_abstract,
)
from .object import Object, object_check, object_dynamic_cast
from .property import object_class_property_set_description
from .propinfo import (
    Property,
    PropertyInfo,
    qdev_prop_bit,
    qdev_prop_int32,
    qdev_prop_size32,
    qdev_prop_string,
    qdev_prop_uint32,
)
from .propinfo_pci import qdev_prop_pci_devfn
from .qdev import DEVICE_CLASS, BusClass, BusState, DeviceClass, DeviceState
from .qdev_properties import device_class_set_props
from .series import ByQemu
from .typetable import TypeInfo, type_init, type_register_static
from .visitors import Visitor
from .world import at_least

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

_DEFAULT_MAX_BOUNCE_BUFFER_SIZE = 4096


@dataclass(eq=False, slots=True)
class PCIDevice(DeviceState):
    """A PCI device (include/hw/pci/pci_device.h, struct PCIDevice).

    `devfn` is slot * 8 + function, -1 until the bus chose one. `name` is C's `name`, the type's.
    """

    cap_present: int = field(default=0, init=False, repr=False)
    devfn: int = field(default=0, init=False, repr=False)
    name: str = field(default="", init=False, repr=False)
    config: bytearray = field(default_factory=bytearray, init=False, repr=False)
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


def _get_busnr(obj: Object, visitor: Visitor, name: str, opaque: Any) -> None:
    visitor.type_uint8(name, 0)


prop_pci_busnr = PropertyInfo(type="busnr", get=_get_busnr)


def _bit(name: str, bit: int, default: bool, since: str | None = None) -> Property:
    return Property(name, qdev_prop_bit, "cap_present", bit=bit, default=default, since=since)


PCI_PROPS = (
    Property("addr", qdev_prop_pci_devfn, "devfn", default=-1),
    Property("romfile", qdev_prop_string, "romfile"),
    Property("romsize", qdev_prop_uint32, "romsize", default=UINT32_MAX),
    Property(
        "rombar",
        ByQemu({"7.2": qdev_prop_uint32, "10.0": qdev_prop_int32}),
        "rom_bar",
        default=ByQemu({"7.2": 1, "10.0": -1}),
    ),
    _bit("multifunction", QEMU_PCI_CAP_MULTIFUNCTION_BITNR, False),
    _bit("x-pcie-lnksta-dllla", QEMU_PCIE_LNKSTA_DLLLA_BITNR, True),
    _bit("x-pcie-extcap-init", QEMU_PCIE_EXTCAP_INIT_BITNR, True),
    Property("failover_pair_id", qdev_prop_string, "failover_pair_id"),
    Property("acpi-index", qdev_prop_uint32, "acpi_index", default=0),
    _bit("x-pcie-err-unc-mask", QEMU_PCIE_ERR_UNC_MASK_BITNR, True, since="8.1"),
    _bit("x-pcie-ari-nextfn-1", QEMU_PCIE_ARI_NEXTFN_1_BITNR, False, since="8.1"),
    Property(
        "x-max-bounce-buffer-size",
        qdev_prop_size32,
        "max_bounce_buffer_size",
        default=_DEFAULT_MAX_BOUNCE_BUFFER_SIZE,
        since="9.2",
    ),
    Property("sriov-pf", qdev_prop_string, "sriov_pf", since="10.1"),
    _bit("x-pcie-ext-tag", QEMU_PCIE_EXT_TAG_BITNR, True, since="9.2"),
    Property("busnr", prop_pci_busnr, "devfn", since="9.1"),
)


def pci_device_class_init(klass: ObjectClass) -> None:
    """What holds for every PCI device (pci_device_class_init)."""
    dc = DEVICE_CLASS(klass)
    dc.bus_type = TYPE_PCI_BUS
    device_class_set_props(dc, PCI_PROPS)
    if at_least("9.2"):
        object_class_property_set_description(
            klass,
            "x-max-bounce-buffer-size",
            "Maximum buffer size allocated for bounce buffers used for mapped access to indirect "
            "DMA memory",
        )


def pci_device_class_base_init(klass: ObjectClass, data: object) -> None:
    """A PCI device says of which kind it is by an interface (pci_device_class_base_init).

    Raises:
        Abort: a class that is not abstract has none of the three.
    """
    if not object_class_is_abstract(klass) and not any(
        object_class_dynamic_cast(klass, interface)
        for interface in (
            INTERFACE_CONVENTIONAL_PCI_DEVICE,
            INTERFACE_PCIE_DEVICE,
            INTERFACE_CXL_DEVICE,
        )
    ):
        raise Abort(f"PCI device type '{klass.type.name}' is neither PCI, PCIe nor CXL")


def _register() -> None:
    type_register_static(
        TypeInfo(name=TYPE_PCI_BUS, parent="bus", instance_struct=PCIBus, class_struct=PCIBusClass)
    )
    type_register_static(TypeInfo(name=TYPE_PCIE_BUS, parent=TYPE_PCI_BUS))
    type_register_static(TypeInfo(name=TYPE_CXL_BUS, parent=TYPE_PCIE_BUS))
    for name in (INTERFACE_CONVENTIONAL_PCI_DEVICE, INTERFACE_CXL_DEVICE, INTERFACE_PCIE_DEVICE):
        type_register_static(TypeInfo(name=name, parent=TYPE_INTERFACE))
    type_register_static(
        TypeInfo(
            name=TYPE_PCI_DEVICE,
            parent="device",
            instance_struct=PCIDevice,
            class_struct=PCIDeviceClass,
            class_init=pci_device_class_init,
            class_base_init=pci_device_class_base_init,
            abstract=True,
        )
    )


type_init(_register)
