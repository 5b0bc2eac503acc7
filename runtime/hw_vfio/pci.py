# SPDX-License-Identifier: GPL-2.0-only
"""vfio-pci: the behaviour behind the generated types.

Twin of QEMU's hw/vfio/pci.c; a function is named after the class member that it fills.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pyqom import (
    ByQemu,
    DeviceState,
    Error,
    Object,
    OnOffAuto,
    PCIDevice,
    PropertyInfo,
    Visitor,
    at_least,
    current,
    field_of,
    object_dynamic_cast_assert,
    set_field_of,
)
from pyqom.pci_config import (
    PCI_COMMAND,
    PCI_COMMAND_INTX_DISABLE,
    PCI_COMMAND_IO,
    PCI_COMMAND_MASTER,
    PCI_COMMAND_MEMORY,
    PCI_INTERRUPT_PIN,
    pci_default_write_config,
    pci_get_word,
    pci_set_word,
)
from pyvfio import Device, VfioError

from . import config
from .container import vfio_legacy_attach_device, vfio_legacy_detach_device
from .device import (
    VFIODevice,
    VFIODeviceOps,
    basename,
    vfio_device_get_name,
    vfio_device_is_mdev,
    vfio_device_list,
    vfio_device_stat,
)
from .interrupts import (
    vfio_disable_interrupts,
    vfio_intx_enable,
    vfio_msi_disable,
    vfio_msi_enable,
    vfio_msix_disable,
    vfio_msix_enable,
    vfio_register_notifiers,
    vfio_unregister_notifiers,
)
from .iommufd import iommufd_cdev_attach, iommufd_cdev_detach
from .migration import (
    vfio_migration_exit,
    vfio_migration_realize,
    vfio_migration_was_reset,
)
from .pci_vmstate import vfio_pci_config_state, vfio_pci_load_config
from .qemu_file import Writer
from .region import vfio_bars_prepare, vfio_bars_register

if TYPE_CHECKING:
    from qomgen_devices.vfio_pci import VFIOPCIDevice


VFIO_FEATURE_ENABLE_REQ = 1 << 1
"""The bit of x-req in VFIOPCIDevice.features (hw/vfio/pci.h)."""


def VFIO_PCI(obj: Object) -> VFIOPCIDevice:
    """The object as a VFIOPCIDevice, which vfio-pci has and since 10.1 a base of it."""
    typename = "vfio-pci-device" if at_least("10.2") else "vfio-pci"
    return cast("VFIOPCIDevice", object_dynamic_cast_assert(obj, typename))


def _get_object(vbasedev: VFIODevice) -> Object | None:
    return vbasedev.dev


def _save_config(vbasedev: VFIODevice, file: Writer) -> None:
    vfio_pci_config_state(vbasedev).write(file)


vfio_pci_ops = VFIODeviceOps(
    vfio_get_object=_get_object,
    vfio_save_config=_save_config,
    vfio_load_config=vfio_pci_load_config,
    vfio_config=vfio_pci_config_state,
)


def realize(pci_dev: PCIDevice) -> None:
    """Find and open the host's device (vfio_realize, since 10.2 vfio_pci_realize).

    Raises:
        Error: no device is named, it is not there, or it cannot be opened.
    """
    vdev = VFIO_PCI(pci_dev)
    vbasedev = vdev.vbasedev
    takes_fd = at_least("9.0")
    if vbasedev.sysfsdev is None and not (takes_fd and vbasedev.fd >= 0):
        if not vdev.host.is_set:
            by_fd = "or -device vfio-pci,fd=DEVICE_FD " if takes_fd else ""
            raise Error(
                "No provided host device",
                hint=f"Use -device vfio-pci,host=DDDD:BB:DD.F {by_fd}"
                "or -device vfio-pci,sysfsdev=PATH_TO_DEVICE\n",
            )
        vbasedev.sysfsdev = f"/sys/bus/pci/devices/{vdev.host}"
    if takes_fd:
        vfio_device_get_name(vbasedev)
    else:
        vfio_device_stat(vbasedev)
        vbasedev.name = basename(vbasedev.sysfsdev or "")
        vbasedev.ops = vfio_pci_ops
        vbasedev.dev = pci_dev
    try:
        _open(vdev, takes_fd)
    except Error as error:
        error.prepend(f"vfio {vbasedev.name}: ")
        raise
    if not at_least("8.0") and vdev.failover_pair_id is None:
        with ExitStack() as undo:
            undo.callback(_release, vdev)
            vfio_migration_realize(vbasedev)
            undo.pop_all()


def _open(vdev: VFIOPCIDevice, takes_fd: bool) -> None:
    """Attach the device and set up what the guest sees, or nothing (the rest of vfio_realize)."""
    vbasedev = vdev.vbasedev
    group = _group(vbasedev) if not takes_fd else -1
    vbasedev.mdev = vfio_device_is_mdev(vbasedev)
    if vbasedev.ram_block_discard_allowed and not vbasedev.mdev:
        raise Error("x-balloon-allowed only potentially compatible with mdev devices")
    token = None if vdev.vf_token.is_null else str(vdev.vf_token)
    if vbasedev.iommufd is not None:
        iommufd_cdev_attach(vbasedev, vbasedev.iommufd, token)
    else:
        if takes_fd:
            group = _group(vbasedev)
        vfio_legacy_attach_device(vbasedev, group, token)
    with ExitStack() as undo:
        undo.callback(_release, vdev)
        if not vbasedev.device or not vbasedev.device.info.pci:
            raise Error("this isn't a PCI device")
        config.setup(vdev)
        vfio_bars_prepare(vdev)
        vfio_bars_register(vdev)
        config.setup_bars(vdev)
        config.add_capabilities(vdev)
        if config.read(vdev, PCI_INTERRUPT_PIN, 1):
            vfio_intx_enable(vdev)
        _check_display(vdev)
        if at_least("8.0") and vdev.failover_pair_id is None:
            vfio_migration_realize(vbasedev)
        vfio_register_notifiers(vdev, wants_req=bool(vdev.features & VFIO_FEATURE_ENABLE_REQ))
        undo.pop_all()


def _check_display(vdev: VFIOPCIDevice) -> None:
    """Refuse what needs a display; there is none here, as for a device without a graphics plane."""
    if vdev.enable_ramfb:
        raise Error("ramfb=on requires display=on")
    if vdev.display_xres or vdev.display_yres:
        raise Error("xres and yres properties require display=on")
    if vdev.ramfb_migrate == OnOffAuto.ON:
        current().warn("x-ramfb-migrate=on but ramfb=off. Forcing x-ramfb-migrate to off.\n")
        vdev.ramfb_migrate = OnOffAuto.OFF
    if at_least("8.2") and vdev.vbasedev.enable_migration == OnOffAuto.OFF:
        vdev.ramfb_migrate = OnOffAuto.OFF


def _release(vdev: VFIOPCIDevice) -> None:
    """Give back what was taken so far, last taken first."""
    with ExitStack() as each:
        each.callback(_detach, vdev.vbasedev)
        each.callback(vfio_migration_exit, vdev.vbasedev)
        each.callback(vdev.bars.close)
        each.callback(vfio_disable_interrupts, vdev)
        each.callback(vfio_unregister_notifiers, vdev)
    vdev.emulated_config_bits = None


def _detach(vbasedev: VFIODevice) -> None:
    """Close the device, whichever way it was opened (vfio_device_detach)."""
    if vbasedev.container is not None:
        iommufd_cdev_detach(vbasedev)
    else:
        vfio_legacy_detach_device(vbasedev)


def _group(vbasedev: VFIODevice) -> int:
    """The number of the device's IOMMU group (vfio_device_groupid)."""
    link = Path(f"{vbasedev.sysfsdev}/iommu_group")
    try:
        path = str(link.readlink())
    except OSError as error:
        raise Error(f"no iommu_group found: {os.strerror(error.errno or 0)}") from error
    try:
        return int(basename(path))
    except ValueError as error:
        raise Error(f"failed to read {path}: {os.strerror(0)}") from error


def exit(pci_dev: PCIDevice) -> None:  # noqa: A001 - the class member's name
    """Let go of interrupts and regions (vfio_exitfn); the device itself is closed at the end of its object.

    Raises:
        pyvfio.errors.MappingInUse: somebody still holds a view of a BAR.
    """
    vdev = VFIO_PCI(pci_dev)
    vfio_unregister_notifiers(vdev)
    vfio_disable_interrupts(vdev)
    vdev.bars.close()
    vfio_migration_exit(vdev.vbasedev)


def config_read(pci_dev: PCIDevice, address: int, length: int) -> int:
    """Read 1, 2 or 4 bytes of configuration space as the guest sees it (vfio_pci_read_config).

    Raises:
        Error: the device is not open, or the kernel refused.
    """
    return config.read(VFIO_PCI(pci_dev), address, length)


def config_write(pci_dev: PCIDevice, address: int, value: int, length: int) -> None:
    """Write 1, 2 or 4 bytes of configuration space; may switch MSI or MSI-X (vfio_pci_write_config).

    Raises:
        Error: the device is not open, or the kernel refused.
    """
    vdev = VFIO_PCI(pci_dev)
    # Everything goes to the kernel, which filters what may not be written.
    try:
        config.config_space(vdev).write(address, value.to_bytes(length, "little"))
    except VfioError as error:
        text = (
            f"vfio_pci_write_config({vdev.vbasedev.name}, 0x{address:x}, 0x{value:x}, 0x{length:x})"
        )
        raise Error(f"{text} failed: {error.strerror}") from error
    before = _msi_enabled(vdev), _msix_enabled(vdev)
    pci_default_write_config(vdev, address, value, length)
    msi, msix = _msi_enabled(vdev), _msix_enabled(vdev)
    if before[0] and not msi:
        vfio_msi_disable(vdev)
    if before[1] and not msix:
        vfio_msix_disable(vdev)
    if msi and not before[0]:
        vfio_msi_enable(vdev)
    if msix and not before[1]:
        vfio_msix_enable(vdev)


def _msi_enabled(vdev: VFIOPCIDevice) -> bool:
    flags = config.PCI_MSI_FLAGS
    return bool(
        vdev.msi_cap
        and pci_get_word(vdev.config, vdev.msi_cap + flags) & config.PCI_MSI_FLAGS_ENABLE
    )


def _msix_enabled(vdev: VFIOPCIDevice) -> bool:
    flags = config.PCI_MSIX_FLAGS
    return bool(
        vdev.msix_cap
        and pci_get_word(vdev.config, vdev.msix_cap + flags) & config.PCI_MSIX_FLAGS_ENABLE
    )


def reset(dev: DeviceState) -> None:
    """Reset the device: by itself, by its bus, at last by power management (vfio_pci_reset).

    A device that can do none of it is left as it is, as in QEMU, with a warning.
    """
    vdev = VFIO_PCI(dev)
    device = vdev.vbasedev.device
    if device is None:
        return
    vfio_disable_interrupts(vdev)
    _stop(vdev)
    _reset_somehow(vdev, device)
    vfio_migration_was_reset(vdev.vbasedev)
    if vdev.msi_cap:
        _clear(vdev, vdev.msi_cap + config.PCI_MSI_FLAGS, config.PCI_MSI_FLAGS_ENABLE)
    if vdev.msix_cap:
        _clear(vdev, vdev.msix_cap + config.PCI_MSIX_FLAGS, config.PCI_MSIX_FLAGS_ENABLE)
    vfio_intx_enable(vdev)


def _clear(vdev: VFIOPCIDevice, position: int, bit: int) -> None:
    pci_set_word(vdev.config, position, pci_get_word(vdev.config, position) & ~bit)


def _stop(vdev: VFIOPCIDevice) -> None:
    """Wake the device and cut it off from memory and interrupts (vfio_pci_pre_reset)."""
    if vdev.pm_cap:
        control = vdev.pm_cap + config.PCI_PM_CTRL
        state = config.read(vdev, control, 2)
        if state & config.PCI_PM_CTRL_STATE_MASK:
            config_write(vdev, control, state & ~config.PCI_PM_CTRL_STATE_MASK, 2)
    off = PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE
    config_write(vdev, PCI_COMMAND, config.read(vdev, PCI_COMMAND, 2) & ~off, 2)


def _reset_somehow(vdev: VFIOPCIDevice, device: Device) -> None:
    """Try what there is, in QEMU's order: function level, bus, power management."""
    works = vdev.vbasedev.reset_works
    if works and (vdev.has_flr or not vdev.has_pm_reset) and _works(device.reset):
        return
    if _hot_reset_one(vdev, device):
        return
    if works and vdev.has_pm_reset:
        _works(device.reset)


def _hot_reset_one(vdev: VFIOPCIDevice, device: Device) -> bool:
    """Reset the bus if no other device of this machine is on it (vfio_pci_hot_reset_one).

    Unless power management can reset the device, what is in the way is told.
    """
    name = vdev.vbasedev.name
    try:
        affected = device.hot_reset_info().affected
    except VfioError:
        _unless_pm(vdev, f"vfio: Cannot reset device {name}, no available reset mechanism.")
        return False
    owned = device.iommu.hot_reset_owned(affected)
    for each, ours in zip(affected, owned, strict=True):
        if not ours:
            what = f"group {each.group}" if each.device_id is None else f"device {each.address}"
            text = f"vfio: Cannot reset device {name}, depends on {what} which is not owned."
            _unless_pm(vdev, text)
            return False
    present = {
        other.devid if other.container is not None else other.name
        for other in vfio_device_list()
        if other is not vdev.vbasedev and other.dev is not None and other.dev.realized
    }
    found = {str(one.address) if one.device_id is None else one.device_id for one in affected}
    return not present & found and _works(device.hot_reset)


def _unless_pm(vdev: VFIOPCIDevice, text: str) -> None:
    if not vdev.has_pm_reset:
        current().warn(f"{text}\n")


def _works(reset_it: Callable[[], object]) -> bool:
    try:
        reset_it()
    except VfioError:
        # The next way is tried; vfio_pci_reset() does not tell either.
        return False
    return True


def instance_finalize(obj: Object) -> None:
    """Give back what instance_init and realize took (vfio_instance_finalize).

    Strings and links are released already: only what this module keeps counts.
    """
    vdev = VFIO_PCI(obj)
    _release(vdev)
    vbasedev = vdev.vbasedev
    vbasedev.name = None
    vbasedev.dev = None
    vbasedev.ops = None


# --- x-nv-gpudirect-clique (hw/vfio/pci-quirks.c) -------------------------------------------------


def _get_clique(obj: Object, visitor: Visitor, name: str, opaque: Any) -> None:
    visitor.type_uint8(name, field_of(obj, opaque))


def _set_clique(obj: Object, visitor: Visitor, name: str, opaque: Any) -> None:
    value = visitor.type_uint8(name, 0)
    if value > 0xF:
        raise Error(f"Property {name}: valid range 0-15")
    set_field_of(obj, opaque, value)


qdev_prop_nv_gpudirect_clique = PropertyInfo(
    type=ByQemu({"7.2": "uint4", "10.0": "uint8"}),
    description="NVIDIA GPUDirect Clique ID (0 - 15)",
    get=_get_clique,
    set=_set_clique,
)
