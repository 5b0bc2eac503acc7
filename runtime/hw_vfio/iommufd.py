# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices that are opened by themselves and share address spaces of an iommufd object.

Twin of QEMU's hw/vfio/iommufd.c. There is one container for an object of `-object iommufd`, with one address
space and as many page tables as the IOMMUs of its devices need; it goes with the last device.

What QEMU maps of the guest's memory, a user of the Python object maps through `Device.dma`.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from pyqom import Error, Object, current
from pyvfio import Device, Hwpt, Ioas, Iommufd, Kernel, VfioError
from pyvfio.kernel import KERNEL

from .backends_iommufd import iommufd_backend_connect, iommufd_backend_disconnect
from .device import vfio_device_prepare, vfio_device_unprepare

if TYPE_CHECKING:
    from .device import VFIODevice

_NUMBERS = re.compile(r"\s*([+-]?\d+):\s*([+-]?\d+)")
"""What sscanf takes for "%d:%d"."""


@dataclass(eq=False, slots=True)
class VFIOIOASHwpt:
    """A page table of a container, and the devices that use it (struct VFIOIOASHwpt)."""

    hwpt: Hwpt
    device_list: list[VFIODevice] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class VFIOIOMMUFDContainer:
    """The address space of an iommufd object's devices (struct VFIOIOMMUFDContainer).

    `be` is the object and `iommufd` what it has open; `ioas` is the address space. `dirty_pages_supported`
    says that the IOMMU of a device in it can tell which pages were written to.
    """

    be: Object
    iommufd: Iommufd
    ioas: Ioas
    hwpt_list: list[VFIOIOASHwpt] = field(default_factory=list)
    device_list: list[VFIODevice] = field(default_factory=list)
    dirty_pages_supported: bool = False


_containers: WeakKeyDictionary[Object, VFIOIOMMUFDContainer] = WeakKeyDictionary()


def iommufd_cdev_attach(vbasedev: VFIODevice, backend: Object, vf_token: str | None) -> None:
    """Open the device, unless its descriptor was given, and let it use the object's address space.

    If this fails, the descriptor is closed, a given one too, as in QEMU (same name there).

    Raises:
        Error: with QEMU's text; pyvfio's advice is the hint.
    """
    kernel = vbasedev.kernel or KERNEL
    if vbasedev.fd < 0:
        vbasedev.fd = iommufd_cdev_getfd(kernel, vbasedev.sysfsdev or "")
    fd, vbasedev.fd = vbasedev.fd, -1
    with ExitStack() as undo:
        undo.callback(_quietly, lambda: kernel.close(fd))
        iommufd = iommufd_backend_connect(backend, vbasedev.kernel)
        undo.callback(_quietly, lambda: iommufd_backend_disconnect(backend))
        try:
            device = iommufd.adopt_device(fd, name=vbasedev.name, vf_token=vf_token, attach=False)
        except VfioError as error:
            raise _translated(error, vbasedev, fd, iommufd) from error
        undo.pop_all()
    with ExitStack() as undo:
        undo.callback(_quietly, lambda: iommufd_backend_disconnect(backend))
        undo.callback(_quietly, device.close)
        try:
            container = _attach(vbasedev, device, backend, iommufd)
        except VfioError as error:
            raise _translated(error, vbasedev, fd, iommufd) from error
        undo.pop_all()
    vbasedev.devid = device.device_id or 0
    vbasedev.container = container
    container.device_list.append(vbasedev)
    vfio_device_prepare(vbasedev, device)


def _attach(
    vbasedev: VFIODevice, device: Device, backend: Object, iommufd: Iommufd
) -> VFIOIOMMUFDContainer:
    """Let the device use the object's address space, which is made for the first one.

    Raises:
        VfioError: the kernel refused.
    """
    # Asked before there is an address space, as by QEMU up to 10.0. A mediated device has no IOMMU.
    tracks = not vbasedev.mdev and iommufd.hw_info(device).dirty_tracking
    container = _containers.get(backend)
    with ExitStack() as undo:
        if container is None:
            container = VFIOIOMMUFDContainer(backend, iommufd, iommufd.ioas)
            _containers[backend] = container
        undo.callback(_quietly, lambda: _container_destroy(container))
        if vbasedev.mdev:
            device.attach(container.ioas)
        else:
            _attach_hwpt(vbasedev, device, container, tracks)
        undo.pop_all()
    return container


def iommufd_cdev_detach(vbasedev: VFIODevice) -> None:
    """Close the device, and with the last one the address space and the object's file (same name in QEMU).

    Raises:
        VfioError: the kernel reported a failure; all is closed nevertheless.
    """
    container, vbasedev.container = vbasedev.container, None
    device = vfio_device_unprepare(vbasedev)
    if container is None or device is None:
        return
    container.device_list.remove(vbasedev)
    with ExitStack() as last:
        last.callback(iommufd_backend_disconnect, container.be)
        last.callback(_container_destroy, container)
        last.callback(_leave_hwpt, vbasedev, container)
        last.callback(device.close)


def iommufd_cdev_getfd(kernel: Kernel, sysfs_path: str) -> int:
    """Open the device's own file, /dev/vfio/devices/vfioN (same name in QEMU).

    Raises:
        Error: there is none, or it cannot be opened.
    """
    folder = f"{sysfs_path}/vfio-dev"
    try:
        return _open_cdev_of(kernel, folder)
    except Error as error:
        error.prepend(f"vfio {folder}: ")
        raise


def _open_cdev_of(kernel: Kernel, folder: str) -> int:
    try:
        names = sorted(each.name for each in Path(folder).iterdir())
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise Error(f"couldn't open directory {folder}: {reason}") from error
    name = next((each for each in names if each.startswith("vfio")), None)
    if name is None:
        raise Error("failed to find vfio-dev/vfioX/dev")
    told = f"{folder}/{name}/dev"
    try:
        text = Path(told).read_text(encoding="ascii", errors="replace")
    except OSError as error:
        raise Error(f'failed to load "{told}"') from error
    numbers = _NUMBERS.match(text)
    if numbers is None:
        raise Error(f'failed to get major:minor for "{told}"')
    major, minor = int(numbers[1]), int(numbers[2])
    path = f"/dev/vfio/devices/{name}"
    # QEMU asks udev's second name for the device if the first is not there or another one's.
    for each in (path, f"/dev/char/{major}:{minor}"):
        try:
            return _open_cdev(kernel, each, os.makedev(major, minor))
        except OSError:
            continue
    raise Error(f"Failed to open {path}")


def _open_cdev(kernel: Kernel, path: str, number: int) -> int:
    """Open a character device (open_cdev_internal).

    Raises:
        OSError: it cannot be opened, or is not the one of that number.
    """
    found = kernel.stat(path)
    if not stat.S_ISCHR(found.st_mode) or found.st_rdev != number:
        raise OSError(errno.ENXIO, os.strerror(errno.ENXIO), path)
    return kernel.open(path)


def _attach_hwpt(
    vbasedev: VFIODevice, device: Device, container: VFIOIOMMUFDContainer, tracks: bool
) -> None:
    """Give the device a page table that fits its IOMMU (iommufd_cdev_autodomains_get).

    Raises:
        VfioError: the kernel refused.
    """
    for known in container.hwpt_list:
        try:
            device.attach(known.hwpt)
        except VfioError as error:
            # Of another kind of IOMMU.
            if error.errno != errno.EINVAL:
                raise
            continue
        _join(vbasedev, known)
        return
    hwpt = container.iommufd.allocate_hwpt(device, dirty_tracking=tracks)
    with ExitStack() as undo:
        undo.callback(hwpt.close)
        device.attach(hwpt)
        undo.pop_all()
    made = VFIOIOASHwpt(hwpt)
    container.hwpt_list.insert(0, made)
    _join(vbasedev, made)
    container.dirty_pages_supported |= tracks
    if container.dirty_pages_supported and not tracks:
        text = f"IOMMU instance for device {vbasedev.name} doesn't support dirty tracking\n"
        current().warn(text)


def _join(vbasedev: VFIODevice, hwpt: VFIOIOASHwpt) -> None:
    vbasedev.hwpt = hwpt
    hwpt.device_list.append(vbasedev)
    vbasedev.iommu_dirty_tracking = hwpt.hwpt.dirty_tracking


def _leave_hwpt(vbasedev: VFIODevice, container: VFIOIOMMUFDContainer) -> None:
    """Let the page table go with its last device (iommufd_cdev_autodomains_put)."""
    hwpt, vbasedev.hwpt = vbasedev.hwpt, None
    vbasedev.iommu_dirty_tracking = False
    if hwpt is None:
        return
    hwpt.device_list.remove(vbasedev)
    if not hwpt.device_list:
        container.hwpt_list.remove(hwpt)
        hwpt.hwpt.close()


def _container_destroy(container: VFIOIOMMUFDContainer) -> None:
    """Let the address space go with the last device (iommufd_cdev_container_destroy)."""
    if container.device_list:
        return
    _containers.pop(container.be, None)
    container.ioas.close()


def _translated(error: VfioError, vbasedev: VFIODevice, fd: int, iommufd: Iommufd) -> Error:
    """QEMU's words for what the kernel refused; what to do about it becomes the hint."""
    # Where pyvfio has looked up a descriptor that is none, QEMU has bound it in vain.
    missing = error.call == "readlink" and error.errno in (errno.ENOENT, errno.EBADF)
    reason = os.strerror(errno.EBADF if missing else error.errno or 0)
    hint = f"{error.advice}\n" if error.advice else ""
    number = -1 if iommufd.handle.closed else iommufd.fileno()
    match error.call:
        case _ if missing or error.call == "VFIO_DEVICE_BIND_IOMMUFD":
            text = f"error bind device fd={fd} to iommufd={number}"
        case "VFIO_DEVICE_ATTACH_IOMMUFD_PT":
            where = error.arguments.get("pt_id", 0)
            text = f"[iommufd={number}] error attach {vbasedev.name} ({fd}) to id={where}"
        case "IOMMU_IOAS_ALLOC":
            text = "Failed to allocate ioas"
        case "IOMMU_HWPT_ALLOC":
            text = "Failed to allocate hwpt"
        case "IOMMU_GET_HW_INFO":
            text = "Failed to get hardware info"
        case "VFIO_DEVICE_GET_INFO":
            text = "error getting device info"
        case call:
            text = f"{call} failed"
    return Error(f"{text}: {reason}", hint=hint)


def _quietly(close: Callable[[], None]) -> None:
    """Close something on the way out of a failure, which counts more than one here."""
    with suppress(OSError):
        close()
