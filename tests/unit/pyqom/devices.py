# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: ARG001 - fixtures work by being named; hooks and casts are as in QEMU
"""Device types for tests, small and named for what they show; `register()` brings them.

They belong to the current world, so that no test sees another's.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pyqom import (
    BUS_CLASS,
    DEVICE_CLASS,
    PCI_DEVICE_CLASS,
    RESETTABLE_CLASS,
    UINT64_MAX,
    USER_CREATABLE_CLASS,
    BusState,
    DeviceState,
    Error,
    Object,
    ObjectClass,
    OffAutoPCIBAR,
    OnOffAuto,
    PCIDevice,
    PCIHostDeviceAddress,
    Property,
    QemuUUID,
    ResetType,
    TypeInfo,
    Visitor,
    device_add_bootindex_property,
    device_class_set_props,
    object_check,
    object_class_property_add_str,
    object_property_add,
    qbus_new,
    qdev_prop_array,
    qdev_prop_bit,
    qdev_prop_bit64,
    qdev_prop_bool,
    qdev_prop_int32,
    qdev_prop_int64,
    qdev_prop_link,
    qdev_prop_off_auto_pcibar,
    qdev_prop_on_off_auto,
    qdev_prop_pci_host_devaddr,
    qdev_prop_size,
    qdev_prop_size32,
    qdev_prop_string,
    qdev_prop_uint8,
    qdev_prop_uint16,
    qdev_prop_uint32,
    qdev_prop_uint64,
    qdev_prop_uint64_checkmask,
    qdev_prop_uuid,
    type_register_static,
)

# What hooks did, in order: "<type> <hook>".  register() empties it.
log: list[str] = []


@dataclass(eq=False, slots=True)
class Kinds(PCIDevice):
    """One field for each kind of property."""

    bits: int = 0
    bits64: int = 0
    flag: bool = False
    u8: int = 0
    u16: int = 0
    u32: int = 0
    u64: int = 0
    i32: int = 0
    i64: int = 0
    size: int = 0
    size32: int = 0
    masked: int = 0
    text: str | None = None
    way: OnOffAuto = OnOffAuto.AUTO
    bar: OffAutoPCIBAR = OffAutoPCIBAR.OFF
    uuid: QemuUUID = field(default_factory=QemuUUID)
    token: QemuUUID = field(default_factory=QemuUUID)
    host: PCIHostDeviceAddress = field(default_factory=PCIHostDeviceAddress)
    backend: Object | None = None
    numbers: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    bootindex: int = 0


KINDS_PROPERTIES = (
    Property("bit", qdev_prop_bit, "bits", bit=3, default=True),
    Property("bit64", qdev_prop_bit64, "bits64", bit=63, default=False),
    Property("flag", qdev_prop_bool, "flag", default=False),
    Property("u8", qdev_prop_uint8, "u8", default=8),
    Property("u16", qdev_prop_uint16, "u16", default=16),
    Property("u32", qdev_prop_uint32, "u32", default=32),
    Property("u64", qdev_prop_uint64, "u64", default=UINT64_MAX),
    Property("i32", qdev_prop_int32, "i32", default=-1),
    Property("i64", qdev_prop_int64, "i64", default=-2),
    Property("size", qdev_prop_size, "size", default=4096),
    Property("size32", qdev_prop_size32, "size32", default=512),
    Property("masked", qdev_prop_uint64_checkmask, "masked", bitmask=0xF0),
    Property("text", qdev_prop_string, "text"),
    Property("way", qdev_prop_on_off_auto, "way", default="on"),
    Property("bar", qdev_prop_off_auto_pcibar, "bar", default="bar2"),
    Property("uuid", qdev_prop_uuid, "uuid", default="auto"),
    Property("token", qdev_prop_uuid, "token"),
    Property("host", qdev_prop_pci_host_devaddr, "host"),
    Property("backend", qdev_prop_link, "backend", link_type="backend"),
    Property("numbers", qdev_prop_array, "numbers", default=(), array_info=qdev_prop_uint16),
    Property("names", qdev_prop_array, "names", default=(), array_info=qdev_prop_string),
)


def _kinds_class_init(klass: ObjectClass) -> None:
    device_class_set_props(DEVICE_CLASS(klass), KINDS_PROPERTIES)
    DEVICE_CLASS(klass).desc = "Every kind of property"


def _kinds_init(obj: Object) -> None:
    kinds = object_check(obj, "kinds", Kinds)
    device_add_bootindex_property(obj, kinds, "bootindex", "bootindex", None, kinds)


@dataclass(eq=False, slots=True)
class Nic(PCIDevice):
    """A device with a bootindex and two properties, which can be told to fail."""

    bootindex: int = 0
    speed: int = 0
    fail: bool = False
    resets: int = 0


def _nic_class_init(klass: ObjectClass) -> None:
    dc = DEVICE_CLASS(klass)
    pdc = PCI_DEVICE_CLASS(klass)
    device_class_set_props(
        dc,
        (
            Property("speed", qdev_prop_uint32, "speed", default=1000),
            Property("fail", qdev_prop_bool, "fail", default=False),
        ),
    )
    dc.categories |= {"network"}
    dc.desc = "A network card"
    pdc.realize = _nic_realize
    pdc.exit = _nic_exit
    RESETTABLE_CLASS(klass).phases.hold = _nic_reset


def _nic_init(obj: Object) -> None:
    nic = object_check(obj, "nic", Nic)
    device_add_bootindex_property(obj, nic, "bootindex", "bootindex", None, nic)


def _nic_realize(dev: PCIDevice) -> None:
    log.append("nic realize")
    if object_check(dev, "nic", Nic).fail:
        raise Error("the card is broken")


def _nic_exit(dev: PCIDevice) -> None:
    log.append("nic exit")


def _nic_reset(obj: Object, reset_type: ResetType) -> None:
    object_check(obj, "nic", Nic).resets += 1


def _nic_finalize(obj: Object) -> None:
    log.append("nic finalize")


@dataclass(eq=False, slots=True)
class Edu(PCIDevice):
    """A device with a property of its own kind, not of a table."""

    dma_mask: int = 0


def _edu_get_dma_mask(obj: Object, visitor: Visitor, name: str, opaque: object) -> None:
    visitor.type_uint64(name, object_check(obj, "edu", Edu).dma_mask)


def _edu_set_dma_mask(obj: Object, visitor: Visitor, name: str, opaque: object) -> None:
    object_check(obj, "edu", Edu).dma_mask = visitor.type_uint64(name, 0)


def _edu_init(obj: Object) -> None:
    object_property_add(obj, "dma_mask", "uint64", _edu_get_dma_mask, _edu_set_dma_mask)


def _edu_class_init(klass: ObjectClass) -> None:
    DEVICE_CLASS(klass).categories |= {"misc"}


@dataclass(eq=False, slots=True)
class Controller(PCIDevice):
    """A device with a bus "tiny" behind it, which takes two devices."""

    tiny: BusState | None = None


def _controller_init(obj: Object) -> None:
    controller = object_check(obj, "controller", Controller)
    controller.tiny = qbus_new("tiny-bus", controller)


@dataclass(eq=False, slots=True)
class TinyDevice(DeviceState):
    """A device on such a bus."""

    weight: int = 0


def _tiny_class_init(klass: ObjectClass) -> None:
    dc = DEVICE_CLASS(klass)
    dc.bus_type = "tiny-bus"
    dc.realize = _tiny_realize
    dc.unrealize = _tiny_unrealize
    device_class_set_props(dc, (Property("weight", qdev_prop_uint8, "weight", default=1),))


def _tiny_realize(dev: DeviceState) -> None:
    log.append("tiny realize")


def _tiny_unrealize(dev: DeviceState) -> None:
    log.append("tiny unrealize")


@dataclass(eq=False, slots=True)
class Backend(Object):
    """A user-creatable object that a device links to."""

    path: str = ""
    busy: bool = False
    broken: bool = False


def _backend_class_init(klass: ObjectClass) -> None:
    uc = USER_CREATABLE_CLASS(klass)
    uc.complete = _backend_complete
    uc.can_be_deleted = _backend_can_be_deleted
    object_class_property_add_str(klass, "path", _backend_get_path, _backend_set_path)


def _backend_get_path(obj: Object) -> str:
    return object_check(obj, "backend", Backend).path


def _backend_set_path(obj: Object, value: str) -> None:
    object_check(obj, "backend", Backend).path = value


def _backend_complete(obj: Object) -> None:
    if object_check(obj, "backend", Backend).path == "nowhere":
        raise Error("the backend has no place")


def _backend_can_be_deleted(obj: Object) -> bool:
    return not object_check(obj, "backend", Backend).busy


def _bus_class_init(klass: ObjectClass) -> None:
    BUS_CLASS(klass).max_dev = 2


def _nohotplug_class_init(klass: ObjectClass) -> None:
    DEVICE_CLASS(klass).hotpluggable = False


CONVENTIONAL = ("conventional-pci-device",)

INFOS = (
    TypeInfo(
        name="kinds",
        parent="pci-device",
        instance_struct=Kinds,
        class_init=_kinds_class_init,
        instance_init=_kinds_init,
        interfaces=CONVENTIONAL,
    ),
    TypeInfo(
        name="nic",
        parent="pci-device",
        instance_struct=Nic,
        class_init=_nic_class_init,
        instance_init=_nic_init,
        instance_finalize=_nic_finalize,
        interfaces=CONVENTIONAL,
    ),
    TypeInfo(name="nic-nohotplug", parent="nic", class_init=_nohotplug_class_init),
    TypeInfo(
        name="edu",
        parent="pci-device",
        instance_struct=Edu,
        instance_init=_edu_init,
        class_init=_edu_class_init,
        interfaces=CONVENTIONAL,
    ),
    TypeInfo(
        name="controller",
        parent="pci-device",
        instance_struct=Controller,
        instance_init=_controller_init,
        interfaces=CONVENTIONAL,
    ),
    TypeInfo(name="tiny-bus", parent="bus", class_init=_bus_class_init),
    TypeInfo(name="tiny", parent="device", instance_struct=TinyDevice, class_init=_tiny_class_init),
    TypeInfo(
        name="backend",
        parent="object",
        instance_struct=Backend,
        class_init=_backend_class_init,
        interfaces=("user-creatable",),
    ),
)


def register() -> None:
    """Register the types in the current world."""
    log.clear()
    for info in INFOS:
        type_register_static(info)
