# SPDX-License-Identifier: GPL-2.0-or-later
"""The boards of q35 and pc: host bridge, PCI bus, and who sits on it from the start.

These devices take their places and plug others; they do nothing for a guest.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .bus import qbus_new, qbus_set_hotplug_handler
from .device import qdev_new, qdev_realize, qdev_unrealize
from .errors import Abort
from .hotplug import (
    HOTPLUG_HANDLER_CLASS,
    TYPE_HOTPLUG_HANDLER,
    hotplug_handler_unplug,
    qdev_get_hotplug_handler,
)
from .klass import ObjectClass
from .object import Object, object_unref
from .pci import (
    INTERFACE_CONVENTIONAL_PCI_DEVICE,
    PCI_BUS,
    PCI_DEVICE,
    PCI_DEVICE_CLASS,
    QEMU_PCI_CAP_MULTIFUNCTION,
    PCIBus,
)
from .pci_realize import claim_acpi_index, pci_slot, release_acpi_index
from .property import object_property_set_int
from .qdev import DEVICE_CLASS, DEVICE_GET_CLASS, BusState, DeviceState, MachineState
from .sysbus import TYPE_SYS_BUS_DEVICE, SysBusDevice, sysbus_get_default
from .tree import object_property_add_child, object_unparent
from .typetable import TypeInfo, type_init, type_register_static
from .world import at_least, current

TYPE_ISA_BUS = "ISA"
TYPE_PCI_HOST_BRIDGE = "pci-host-bridge"
TYPE_PCIE_HOST_BRIDGE = "pcie-host-bridge"


@dataclass(eq=False, slots=True)
class PCIHostState(SysBusDevice):
    """A host bridge with its root bus (include/hw/pci/pci_host.h, struct PCIHostState)."""

    bus: PCIBus | None = field(default=None, init=False, repr=False)


# --- ACPI hotplug (hw/acpi/pcihp.c) ---------------------------------------------------------------


def _pre_plug(handler: Object, dev: DeviceState) -> None:
    """7.2 looks after acpi-index here (acpi_pcihp_device_pre_plug_cb)."""
    if not at_least("8.0"):
        claim_acpi_index(PCI_DEVICE(dev))


def _unplug_request(handler: Object, dev: DeviceState) -> None:
    """Ask the guest; who asks again at once is told so (acpi_pcihp_device_unplug_request_cb)."""
    dev.pending_deleted_event = True
    if at_least("8.1"):
        # A guest that was not up yet has lost the request: it may be repeated.
        dev.pending_deleted_expires_ms = current().clock_ms()


def _unplug(handler: Object, dev: DeviceState) -> None:
    """The guest let the device go (acpi_pcihp_device_unplug_cb)."""
    if not at_least("8.0"):
        release_acpi_index(PCI_DEVICE(dev))
    qdev_unrealize(dev)


def acpi_pcihp_eject_slot(bus: PCIBus, slot: int) -> None:
    """What a guest does to answer a request: let go of a slot's devices (acpi_pcihp_eject_slot)."""
    for dev in bus.devices[slot << 3 : (slot + 1) << 3]:
        if dev is not None and DEVICE_GET_CLASS(dev).hotpluggable:
            handler = qdev_get_hotplug_handler(dev)
            if handler is not None:
                dev.pending_deleted_event = False
                hotplug_handler_unplug(handler, dev)
            object_unparent(dev)


def acpi_pcihp_reset() -> None:
    """Carry out what guests were asked for and did not answer (acpi_pcihp_reset)."""
    for kid in sysbus_get_default().children:
        for bus in kid.child.child_bus:
            if isinstance(bus, PCIBus):
                asked = {
                    pci_slot(dev.devfn)
                    for dev in bus.devices
                    if dev is not None and dev.pending_deleted_event
                }
                for slot in sorted(asked):
                    acpi_pcihp_eject_slot(bus, slot)


def _is_hotpluggable_bus(handler: Object, bus: BusState) -> bool:
    """i440FX lets its root bus be hotplugged, q35 does not (acpi_pcihp_is_hotpluggbale_bus)."""
    return handler.klass.type.name == "PIIX4_PM"


def _acpi_class_init(klass: ObjectClass) -> None:
    _board_class_init(klass)
    handler = HOTPLUG_HANDLER_CLASS(klass)
    handler.pre_plug = _pre_plug
    handler.unplug_request = _unplug_request
    handler.unplug = _unplug
    if at_least("8.0"):
        handler.is_hotpluggable_bus = _is_hotpluggable_bus


# --- devices of the boards ------------------------------------------------------------------------


def _board_class_init(klass: ObjectClass) -> None:
    dc = DEVICE_CLASS(klass)
    # They are wired up by the board; -device could not do that.
    dc.user_creatable = False
    dc.hotpluggable = klass.type.name not in _NOT_HOTPLUGGABLE
    if klass.type.name in _ON_BOARD:
        pc = PCI_DEVICE_CLASS(klass)
        pc.vendor_id = 0x8086
        pc.device_id, pc.class_id = _ON_BOARD[klass.type.name]
    dc.categories |= {"bridge"}


# Type: PCI device id and class, of hw/pci-host, hw/isa, hw/ide, hw/acpi and hw/i2c.
_ON_BOARD = {
    "i440FX": (0x1237, 0x0600),
    "PIIX3": (0x7000, 0x0601),
    "piix3-ide": (0x7010, 0x0101),
    "PIIX4_PM": (0x7113, 0x0680),
    "mch": (0x29C0, 0x0600),
    "ICH9-LPC": (0x2918, 0x0601),
    "ich9-ahci": (0x2922, 0x0106),
    "ICH9-SMB": (0x2930, 0x0C05),
}
_HANDLERS = ("PIIX4_PM", "ICH9-LPC")
_ISA_BRIDGES = ("PIIX3", "ICH9-LPC")
_NOT_HOTPLUGGABLE = ("PIIX3", "PIIX4_PM", "ICH9-LPC")

_I440FX_DEVICES = (("i440FX", 0x00), ("PIIX3", 0x08), ("piix3-ide", 0x09), ("PIIX4_PM", 0x0B))
_Q35_DEVICES = (("mch", 0x00), ("ICH9-LPC", 0xF8), ("ich9-ahci", 0xFA), ("ICH9-SMB", 0xFB))


def _build(
    machine: MachineState,
    host: str,
    name: str,
    bus_type: str,
    bus_name: str,
    devices: tuple[tuple[str, int], ...],
) -> None:
    bridge = qdev_new(host)
    if not isinstance(bridge, PCIHostState):
        raise Abort(f"'{host}' is no host bridge")
    object_property_add_child(machine, name, bridge)
    bridge.bus = PCI_BUS(qbus_new(bus_type, bridge, bus_name))
    bridge.bus.is_root = True
    qdev_realize(bridge, sysbus_get_default())
    object_unref(bridge)
    for typename, devfn in devices:
        dev = PCI_DEVICE(qdev_new(typename))
        if devfn & ~7:
            dev.cap_present |= QEMU_PCI_CAP_MULTIFUNCTION
        object_property_set_int(dev, "addr", devfn)
        if typename == "mch":
            object_property_add_child(bridge, "mch", dev)
        if typename in _ISA_BRIDGES:
            qbus_new(TYPE_ISA_BUS, dev, "isa.0")
        qdev_realize(dev, bridge.bus)
        object_unref(dev)
        if typename in _HANDLERS:
            qbus_set_hotplug_handler(bridge.bus, dev)


def build_i440fx(machine: MachineState) -> None:
    """The board of "pc": a conventional PCI bus "pci.0" (pc_init1)."""
    _build(machine, "i440FX-pcihost", "i440fx", "PCI", "pci.0", _I440FX_DEVICES)


def build_q35(machine: MachineState) -> None:
    """The board of "q35": a PCI Express bus "pcie.0" (pc_q35_init)."""
    _build(machine, "q35-pcihost", "q35", "PCIE", "pcie.0", _Q35_DEVICES)


def end_of_board() -> None:
    """7.2 takes q35's root bus out of ACPI's hands when the machine starts.

    Newer ones ask `is_hotpluggable_bus` (acpi_pcihp_disable_root_bus).
    """
    if at_least("8.0"):
        return
    for kid in sysbus_get_default().children:
        if kid.child.klass.type.name == "q35-pcihost":
            for bus in kid.child.child_bus:
                bus.hotplug_handler = None


def _register() -> None:
    type_register_static(TypeInfo(name=TYPE_ISA_BUS, parent="bus"))
    type_register_static(
        TypeInfo(
            name=TYPE_PCI_HOST_BRIDGE,
            parent=TYPE_SYS_BUS_DEVICE,
            instance_struct=PCIHostState,
            abstract=True,
        )
    )
    type_register_static(
        TypeInfo(name=TYPE_PCIE_HOST_BRIDGE, parent=TYPE_PCI_HOST_BRIDGE, abstract=True)
    )
    for name, parent in (
        ("i440FX-pcihost", TYPE_PCI_HOST_BRIDGE),
        ("q35-pcihost", TYPE_PCIE_HOST_BRIDGE),
    ):
        type_register_static(TypeInfo(name=name, parent=parent, class_init=_board_class_init))
    for name in _ON_BOARD:
        handles = name in _HANDLERS
        type_register_static(
            TypeInfo(
                name=name,
                parent="pci-device",
                class_init=_acpi_class_init if handles else _board_class_init,
                interfaces=(INTERFACE_CONVENTIONAL_PCI_DEVICE,)
                + ((TYPE_HOTPLUG_HANDLER,) if handles else ()),
            )
        )


type_init(_register)
