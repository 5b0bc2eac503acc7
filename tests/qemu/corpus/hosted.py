# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: ARG001 - an accessor takes what its caller passes
"""Some of QEMU's own PCI devices as far as the corpus asks about them.

VFIO devices do not come to life without hardware. These do, in QEMU and in pyqom, so that there is
something to plug, to look at and to unplug. Guests would find them empty.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyqom import (
    DEVICE_CLASS,
    PCI_DEVICE_CLASS,
    Object,
    ObjectClass,
    PCIDevice,
    Property,
    TypeInfo,
    Visitor,
    at_least,
    device_add_bootindex_property,
    device_class_set_props,
    object_check,
    object_property_add,
    qdev_prop_size,
    qdev_prop_uint8,
    type_register_static,
)

NAMES = ("edu", "ne2k_pci", "pci-testdev", "pvpanic-pci")

_CLASS_NETWORK_ETHERNET = 0x0200


@dataclass(eq=False, slots=True)
class Ne2k(PCIDevice):
    """hw/net/ne2000-pci.c: its bootindex and no more."""

    bootindex: int = 0


def _ne2k_pci_init(obj: Object) -> None:
    nic = object_check(obj, "ne2k_pci", Ne2k)
    device_add_bootindex_property(obj, nic, "bootindex", "bootindex", "/ethernet-phy@0", nic)


def _ne2k_pci_class_init(klass: ObjectClass) -> None:
    DEVICE_CLASS(klass).categories |= {"network"}
    PCI_DEVICE_CLASS(klass).class_id = _CLASS_NETWORK_ETHERNET


@dataclass(eq=False, slots=True)
class Edu(PCIDevice):
    """hw/misc/edu.c: a property of the object, not of the class."""

    dma_mask: int = 0


def _get_dma_mask(obj: Object, visitor: Visitor, name: str, opaque: object) -> None:
    visitor.type_uint64(name, object_check(obj, "edu", Edu).dma_mask)


def _set_dma_mask(obj: Object, visitor: Visitor, name: str, opaque: object) -> None:
    object_check(obj, "edu", Edu).dma_mask = visitor.type_uint64(name, 0)


def _edu_init(obj: Object) -> None:
    object_check(obj, "edu", Edu).dma_mask = (1 << 28) - 1
    object_property_add(obj, "dma_mask", "uint64", _get_dma_mask, _set_dma_mask)


def _misc_class_init(klass: ObjectClass) -> None:
    DEVICE_CLASS(klass).categories |= {"misc"}


@dataclass(eq=False, slots=True)
class Testdev(PCIDevice):
    """hw/misc/pci-testdev.c: a size."""

    membar_size: int = 0


def _testdev_class_init(klass: ObjectClass) -> None:
    _misc_class_init(klass)
    DEVICE_CLASS(klass).desc = "PCI Test Device"
    device_class_set_props(
        DEVICE_CLASS(klass),
        (Property("membar", qdev_prop_size, "membar_size", default=0),),
    )


@dataclass(eq=False, slots=True)
class Pvpanic(PCIDevice):
    """hw/misc/pvpanic-pci.c: a number of 8 bits."""

    events: int = 0


def _pvpanic_class_init(klass: ObjectClass) -> None:
    _misc_class_init(klass)
    events = 0b111 if at_least("10.0") else 0b11
    device_class_set_props(
        DEVICE_CLASS(klass), (Property("events", qdev_prop_uint8, "events", default=events),)
    )


_CONVENTIONAL = ("conventional-pci-device",)

_INFOS = (
    TypeInfo(
        name="ne2k_pci",
        parent="pci-device",
        instance_struct=Ne2k,
        instance_init=_ne2k_pci_init,
        class_init=_ne2k_pci_class_init,
        interfaces=_CONVENTIONAL,
    ),
    TypeInfo(
        name="edu",
        parent="pci-device",
        instance_struct=Edu,
        instance_init=_edu_init,
        class_init=_misc_class_init,
        interfaces=_CONVENTIONAL,
    ),
    TypeInfo(
        name="pci-testdev",
        parent="pci-device",
        instance_struct=Testdev,
        class_init=_testdev_class_init,
        interfaces=_CONVENTIONAL,
    ),
    TypeInfo(
        name="pvpanic-pci",
        parent="pci-device",
        instance_struct=Pvpanic,
        class_init=_pvpanic_class_init,
        interfaces=_CONVENTIONAL,
    ),
)


def register() -> None:
    """Register them in the current world; no other has them."""
    for info in _INFOS:
        type_register_static(info)
