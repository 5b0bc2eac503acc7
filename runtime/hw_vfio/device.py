# SPDX-License-Identifier: GPL-2.0-or-later
"""What all VFIO devices share: VFIODevice and its set-up.

Twin of QEMU's hw/vfio/device.c (up to 10.0 hw/vfio/helpers.c and common.c).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakKeyDictionary

from pyqom import DeviceState, Error, Object, OnOffAuto, World, at_least, current
from pyqom.monitor import monitor_fd_param
from pyvfio import Device, Kernel

if TYPE_CHECKING:
    from .iommufd import VFIOIOASHwpt, VFIOIOMMUFDContainer
    from .migration import VFIOMigration
    from .qemu_file import Reader, Writer

VFIO_DEVICE_TYPE_PCI = 0
VFIO_DEVICE_TYPE_PLATFORM = 1
VFIO_DEVICE_TYPE_CCW = 2
VFIO_DEVICE_TYPE_AP = 3


@dataclass(frozen=True, eq=False, slots=True)
class VFIODeviceOps:
    """What a kind of VFIO device does its own way (struct VFIODeviceOps).

    `vfio_load_config` reads a configuration and checks it; `vfio_config`, which QEMU has not, is the present one.
    """

    vfio_compute_needs_reset: Callable[[VFIODevice], None] | None = None
    vfio_hot_reset_multi: Callable[[VFIODevice], int] | None = None
    vfio_eoi: Callable[[VFIODevice], None] | None = None
    vfio_get_object: Callable[[VFIODevice], Object | None] | None = None
    vfio_save_config: Callable[[VFIODevice, Writer], None] | None = None
    vfio_load_config: Callable[[VFIODevice, Reader], VFIOConfigState] | None = None
    vfio_config: Callable[[VFIODevice], VFIOConfigState] | None = None


class VFIOConfigState(Protocol):
    """A configuration that fits the device that it is for, which gets with `apply`."""

    def apply(self) -> None:
        """Let the device have it.

        Raises:
            Error: the kernel refused.
        """


@dataclass(eq=False, slots=True)
class VFIODevice:
    """State of one VFIO device, whatever its bus (struct VFIODevice).

    `sysfsdev` is the device's folder below /sys, `name` what messages call it, `fd` its open file
    descriptor, -1 until there is one. `iommufd` is the object of `-object iommufd` if one is used.
    `device` is what pyvfio opened, through `kernel` if that is not the process's own; `reset_works`
    says that the kernel can reset it.
    `enable_migration` is a boolean in 7.2 and OnOffAuto since 8.1. `migration` is there if the
    device can migrate, `migration_blocker` if it must not. `dirty_pages_supported` says that the
    device tells where it wrote to, `iommu_dirty_tracking` that its IOMMU does.
    `container` and `hwpt` are what it uses of an iommufd, and `devid` its number there.
    """

    sysfsdev: str | None = None
    name: str | None = None
    dev: DeviceState | None = field(default=None, repr=False)
    fd: int = 0
    type: int = 0
    mdev: bool = False
    no_mmap: bool = False
    ram_block_discard_allowed: bool = False
    enable_migration: Any = OnOffAuto.AUTO
    migration_multifd_transfer: OnOffAuto = OnOffAuto.AUTO
    migration_load_config_after_iter: OnOffAuto = OnOffAuto.AUTO
    migration_max_queued_buffers_size: int = 0
    migration_events: bool = False
    pre_copy_dirty_page_tracking: OnOffAuto = OnOffAuto.AUTO
    device_dirty_page_tracking: OnOffAuto = OnOffAuto.AUTO
    iommufd: Object | None = None
    ops: VFIODeviceOps | None = field(default=None, repr=False)
    device: Device | None = field(default=None, repr=False)
    reset_works: bool = False
    migration: VFIOMigration | None = field(default=None, repr=False)
    migration_blocker: Error | None = field(default=None, repr=False)
    dirty_pages_supported: bool = False
    iommu_dirty_tracking: bool = False
    container: VFIOIOMMUFDContainer | None = field(default=None, repr=False)
    hwpt: VFIOIOASHwpt | None = field(default=None, repr=False)
    devid: int = 0
    kernel: Kernel | None = field(default=None, repr=False)


_devices: WeakKeyDictionary[World, list[VFIODevice]] = WeakKeyDictionary()


def vfio_device_list() -> list[VFIODevice]:
    """The attached devices of the current world, the latest first (same name in QEMU)."""
    return _devices.setdefault(current(), [])


def vfio_device_prepare(vbasedev: VFIODevice, device: Device) -> None:
    """Keep the open device, and know it among the attached ones (vfio_device_prepare)."""
    vbasedev.device = device
    vbasedev.fd = device.fileno()
    vbasedev.reset_works = device.info.resettable
    vfio_device_list().insert(0, vbasedev)


def vfio_device_unprepare(vbasedev: VFIODevice) -> Device | None:
    """Know it no more, and hand over the open device, if there is one (vfio_device_unprepare)."""
    device, vbasedev.device = vbasedev.device, None
    vbasedev.fd = -1
    for devices in _devices.values():
        if vbasedev in devices:
            devices.remove(vbasedev)
    return device


def vfio_device_init(
    vbasedev: VFIODevice, kind: int, ops: VFIODeviceOps, dev: DeviceState, ram_discard: bool
) -> None:
    """Say what a VFIO device is before it has a file descriptor (vfio_device_init)."""
    vbasedev.type = kind
    vbasedev.ops = ops
    vbasedev.dev = dev
    vbasedev.fd = -1
    vbasedev.ram_block_discard_allowed = ram_discard


def vfio_device_set_fd(vbasedev: VFIODevice, text: str) -> None:
    """Take an open device by its number or by a monitor's name for it (vfio_device_set_fd).

    Raises:
        Error: `text` is no descriptor.
    """
    try:
        vbasedev.fd = monitor_fd_param(text)
    except Error as error:
        kind = "object fd" if at_least("10.1") else "remote object fd"
        error.prepend(f"Could not parse {kind} {text}:")
        if at_least("10.1"):
            # QEMU stores what it got, a failure too.
            vbasedev.fd = -1
        raise


def vfio_device_stat(vbasedev: VFIODevice) -> None:
    """See whether the device's folder is there.

    Raises:
        Error: `vfio <sysfsdev>: no such host device: <reason>`.
    """
    try:
        # Not Path(""), which is the current folder.
        os.stat(vbasedev.sysfsdev or "")  # noqa: PTH116 - see above
    except OSError as error:
        raise Error(
            f"vfio {vbasedev.sysfsdev}: no such host device: {os.strerror(error.errno or 0)}"
        ) from error


def vfio_device_get_name(vbasedev: VFIODevice) -> None:
    """Find the device and name it, since 9.0 (vfio_device_get_name).

    Raises:
        Error: no such folder, or a file descriptor without an iommufd object.
    """
    if vbasedev.fd < 0:
        vfio_device_stat(vbasedev)
        if vbasedev.name is None:
            vbasedev.name = basename(vbasedev.sysfsdev or "")
        return
    if vbasedev.iommufd is None:
        raise Error("Use FD passing only with iommufd backend")
    if vbasedev.name is None:
        if at_least("10.1") and vbasedev.dev is not None and vbasedev.dev.id is not None:
            vbasedev.name = vbasedev.dev.id
        else:
            vbasedev.name = f"VFIO_FD{vbasedev.fd}"


def vfio_device_is_mdev(vbasedev: VFIODevice) -> bool:
    """Whether the device is a mediated one (vfio_device_is_mdev)."""
    if vbasedev.sysfsdev is None:
        return False
    return os.path.realpath(f"{vbasedev.sysfsdev}/subsystem") == "/sys/bus/mdev"


def basename(path: str) -> str:
    """The last part of a path, "." for an empty one (g_path_get_basename)."""
    if path == "":
        return "."
    return path.rstrip("/").rpartition("/")[2] or "/"
