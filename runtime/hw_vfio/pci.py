# SPDX-License-Identifier: GPL-2.0-only
"""vfio-pci: the behaviour behind the generated types.

Twin of QEMU's hw/vfio/pci.c; a function is named after the class member that it fills.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pyqom import (
    ByQemu,
    DeviceState,
    Error,
    Object,
    PCIDevice,
    PropertyInfo,
    Visitor,
    at_least,
    field_of,
    object_dynamic_cast_assert,
    set_field_of,
)

from .device import (
    VFIODevice,
    VFIODeviceOps,
    basename,
    vfio_device_get_name,
    vfio_device_is_mdev,
    vfio_device_stat,
)

if TYPE_CHECKING:
    from qomgen_devices.vfio_pci import VFIOPCIDevice


@dataclass(eq=False, slots=True)
class VFIOINTx:
    """State of the INTx interrupt (struct VFIOINTx).

    `mmap_timeout` is in milliseconds: how long BARs stay unmapped after an interrupt that nobody ended.
    """

    mmap_timeout: int = 0


def VFIO_PCI(obj: Object) -> VFIOPCIDevice:
    """The object as a VFIOPCIDevice, which vfio-pci has and since 10.1 a base of it."""
    typename = "vfio-pci-device" if at_least("10.2") else "vfio-pci"
    return cast("VFIOPCIDevice", object_dynamic_cast_assert(obj, typename))


def _get_object(vbasedev: VFIODevice) -> Object | None:
    return vbasedev.dev


vfio_pci_ops = VFIODeviceOps(vfio_get_object=_get_object)


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
        _attach(vbasedev, takes_fd)
    except Error as error:
        error.prepend(f"vfio {vbasedev.name}: ")
        raise


def _attach(vbasedev: VFIODevice, takes_fd: bool) -> None:
    """What comes before the kernel is asked, and the refusal to ask it."""
    if not takes_fd:
        _group(vbasedev)
    vbasedev.mdev = vfio_device_is_mdev(vbasedev)
    if vbasedev.ram_block_discard_allowed and not vbasedev.mdev:
        raise Error("x-balloon-allowed only potentially compatible with mdev devices")
    if takes_fd and vbasedev.iommufd is None:
        _group(vbasedev)
    raise Error("this release of pyqom does not open VFIO devices yet")


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
    """Let go of interrupts and regions (vfio_exitfn)."""
    VFIO_PCI(pci_dev)


def config_read(pci_dev: PCIDevice, address: int, length: int) -> int:
    """Read configuration space (vfio_pci_read_config).

    Raises:
        Error: the device is not open.
    """
    raise Error(f"vfio {VFIO_PCI(pci_dev).vbasedev.name}: the device is not open")


def config_write(pci_dev: PCIDevice, address: int, value: int, length: int) -> None:
    """Write configuration space (vfio_pci_write_config).

    Raises:
        Error: the device is not open.
    """
    raise Error(f"vfio {VFIO_PCI(pci_dev).vbasedev.name}: the device is not open")


def reset(dev: DeviceState) -> None:
    """Reset the device if it is open (vfio_pci_reset)."""
    VFIO_PCI(dev)


def instance_finalize(obj: Object) -> None:
    """Give back what instance_init and realize took (vfio_instance_finalize).

    Strings and links are released already: only what this module keeps counts.
    """
    vbasedev = VFIO_PCI(obj).vbasedev
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
