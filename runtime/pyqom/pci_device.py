# SPDX-License-Identifier: GPL-2.0-or-later
"""The types of PCI: devices with their common properties, buses, interfaces (hw/pci/pci.c)."""

from __future__ import annotations

from typing import Any

from .cutils import UINT32_MAX
from .errors import Abort
from .klass import (
    TYPE_INTERFACE,
    ObjectClass,
    object_class_dynamic_cast,
    object_class_is_abstract,
)
from .object import Object
from .pci import (
    INTERFACE_CONVENTIONAL_PCI_DEVICE,
    INTERFACE_CXL_DEVICE,
    INTERFACE_PCIE_DEVICE,
    QEMU_PCI_CAP_MULTIFUNCTION_BITNR,
    QEMU_PCIE_ARI_NEXTFN_1_BITNR,
    QEMU_PCIE_ERR_UNC_MASK_BITNR,
    QEMU_PCIE_EXT_TAG_BITNR,
    QEMU_PCIE_EXTCAP_INIT_BITNR,
    QEMU_PCIE_LNKSTA_DLLLA_BITNR,
    TYPE_CXL_BUS,
    TYPE_PCI_BUS,
    TYPE_PCI_DEVICE,
    TYPE_PCIE_BUS,
    PCIBus,
    PCIBusClass,
    PCIDevice,
    PCIDeviceClass,
)
from .pci_realize import pci_dev_path, pci_qdev_realize, pci_qdev_unrealize
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
from .qdev import BUS_CLASS, DEVICE_CLASS
from .qdev_properties import device_class_set_props
from .series import ByQemu
from .typetable import TypeInfo, type_init, type_register_static
from .visitors import Visitor
from .world import at_least

_DEFAULT_MAX_BOUNCE_BUFFER_SIZE = 4096


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
    dc.realize = pci_qdev_realize
    dc.unrealize = pci_qdev_unrealize
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


def pci_bus_class_init(klass: ObjectClass) -> None:
    """What holds for every PCI bus (pci_bus_class_init)."""
    BUS_CLASS(klass).get_dev_path = pci_dev_path


def _register() -> None:
    type_register_static(
        TypeInfo(
            name=TYPE_PCI_BUS,
            parent="bus",
            instance_struct=PCIBus,
            class_struct=PCIBusClass,
            class_init=pci_bus_class_init,
        )
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
