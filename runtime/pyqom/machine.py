# SPDX-License-Identifier: GPL-2.0-or-later
"""Machines: q35 and pc with an empty PCI bus, and what older machine versions changed.

The boards have their host bridge and the devices that take places on its bus, and nothing behind
those: enough that a device is put, plugged and found where QEMU would have it
(hw/core/machine.c, hw/i386/pc_q35.c, hw/i386/pc_piix.c; QEMU is started with -nodefaults).
"""

from __future__ import annotations

from . import pci_device as pci_device  # noqa: PLC0414 - registers the PCI types
from .board import acpi_pcihp_reset, build_i440fx, build_q35, end_of_board
from .bus import bus_cold_reset
from .errors import Abort, Error
from .globalprops import (
    GlobalProperty,
    object_set_machine_compat_props,
    qdev_prop_check_globals,
)
from .hotplug import TYPE_HOTPLUG_HANDLER
from .klass import ObjectClass, object_class_by_name, object_class_get_list
from .object import object_new, object_unref
from .qdev import MACHINE_CLASS, TYPE_MACHINE, MachineClass, MachineState
from .series import SERIES, parse_series
from .sysbus import sysbus_get_default
from .tree import (
    object_get_root,
    object_property_add_child,
    object_property_add_new_container,
    object_resolve_path_component,
)
from .typetable import TypeInfo, type_init, type_register_static
from .world import MachineInitPhase, World, current

_PC_MACHINE = "generic-pc-machine"
_PCI = "pci-device"
_NOHOTPLUG = "vfio-pci-nohotplug"

# What a machine of that version or an older one sets (hw_compat_X_Y, those that touch PCI and
# VFIO); the last column is the first QEMU that knows the property.
_COMPAT = (
    ("10.0", "vfio-pci", "x-migration-load-config-after-iter", "off", "10.1"),
    ("10.0", _NOHOTPLUG, "use-legacy-x86-rom", "true", "10.1"),
    ("9.2", "vfio-pci", "x-migration-multifd-transfer", "off", "10.0"),
    ("9.1", _PCI, "x-pcie-ext-tag", "false", "9.2"),
    ("9.0", "vfio-pci", "skip-vsc-check", "false", "9.1"),
    ("8.1", _NOHOTPLUG, "x-ramfb-migrate", "off", "8.2"),
    ("8.0", _PCI, "x-pcie-ari-nextfn-1", "on", "8.1"),
    ("7.2", _PCI, "x-pcie-err-unc-mask", "off", "8.0"),
)

# Versions of q35 and pc that are offered, as far as the QEMU has them.
_VERSIONS = ("7.0", "7.1", "7.2", "8.0", "8.1", "8.2", "9.0", "9.1", "9.2", "10.0", "10.1", "10.2")


def compat_props(version: str, series: str) -> tuple[GlobalProperty, ...]:
    """What a machine of `version` sets in QEMU `series`, newest version's first."""
    found = [
        GlobalProperty(driver, name, value)
        for upto, driver, name, value, known in _COMPAT
        if parse_series(version) <= parse_series(upto)
        and parse_series(known) <= parse_series(series)
    ]
    if parse_series(series) >= parse_series("10.2"):
        # pc_q35_compat_defaults and pc_compat_defaults: PCs boot with a VGA BIOS.
        found.insert(0, GlobalProperty(_NOHOTPLUG, "use-legacy-x86-rom", "true"))
    return tuple(found)


def machine_start(name: str = "q35") -> MachineState:
    """Make the machine of this world, as far as before -device (qemu_init).

    `name` is "q35", "pc" or "none", or one of a version, such as "pc-q35-9.2". The machine's
    compat properties count from here on.

    Raises:
        Error: there is no such machine.
        Abort: the world has a machine already.
    """
    world = current()
    if world.machine is not None:
        raise Abort("this world has a machine already")
    klass = _find_machine(name, world)
    machine = object_new(klass.parent_class.type.name)
    if not isinstance(machine, MachineState):
        raise Abort(f"'{name}' is no machine")
    root = object_get_root()
    object_property_add_child(root, "machine", machine)
    object_unref(machine)
    for container in ("unattached", "peripheral", "peripheral-anon"):
        object_property_add_new_container(machine, container)
    unattached = object_resolve_path_component(machine, "unattached")
    if unattached is None:
        raise Abort("the machine has no container for unattached devices")
    object_property_add_child(unattached, "sysbus", sysbus_get_default())
    world.machine = machine
    object_set_machine_compat_props(klass.compat_props)
    world.phase = MachineInitPhase.MACHINE_INITIALIZED
    if klass.init is not None:
        klass.init(machine)
    return machine


def machine_ready() -> None:
    """The machine runs from here on: new devices are hotplugged (qdev_machine_creation_done)."""
    qdev_prop_check_globals()
    end_of_board()
    current().phase = MachineInitPhase.MACHINE_READY


def system_reset() -> None:
    """Reset all devices; those that a guest was asked to let go are gone then (QMP's system_reset)."""
    bus_cold_reset(sysbus_get_default())
    acpi_pcihp_reset()


def _find_machine(name: str, world: World) -> MachineClass:
    stem = {"q35": "pc-q35-", "pc": "pc-i440fx-"}.get(name)
    wanted = name if stem is None else f"{stem}{world.series}"
    klass = object_class_by_name(f"{wanted}-machine")
    if klass is None or klass.type.abstract:
        raise Error(
            (
                f'unsupported machine type: "{name}"'
                if world.at_least("8.0")
                else "unsupported machine type"
            ),
            hint="Use -machine help to list supported machines\n",
        )
    return MACHINE_CLASS(klass)


def machine_names() -> list[str]:
    """The machines that can be started by their full names."""
    return sorted(
        klass.type.name.removesuffix("-machine")
        for klass in object_class_get_list(TYPE_MACHINE, False)
    )


def _machine_info(board: str, version: str) -> TypeInfo:
    def class_init(klass: ObjectClass) -> None:
        mc = MACHINE_CLASS(klass)
        mc.compat_props = compat_props(version, current().series)
        mc.init = build_q35 if board == "q35" else build_i440fx

    return TypeInfo(
        name=f"pc-{board}-{version}-machine",
        parent=_PC_MACHINE,
        class_init=class_init,
        since=version if parse_series(version) > parse_series(SERIES[0]) else None,
    )


def _register() -> None:
    type_register_static(
        TypeInfo(
            name=TYPE_MACHINE,
            parent="object",
            instance_struct=MachineState,
            class_struct=MachineClass,
            abstract=True,
        )
    )
    type_register_static(TypeInfo(name="none-machine", parent=TYPE_MACHINE))
    type_register_static(TypeInfo(name="x86-machine", parent=TYPE_MACHINE, abstract=True))
    type_register_static(
        TypeInfo(
            name=_PC_MACHINE,
            parent="x86-machine",
            abstract=True,
            interfaces=(TYPE_HOTPLUG_HANDLER,),
        )
    )
    for board in ("q35", "i440fx"):
        for version in _VERSIONS:
            type_register_static(_machine_info(board, version))


type_init(_register)
