# SPDX-License-Identifier: GPL-2.0-or-later
"""The address space that devices share, and how a device comes into it and leaves it.

Twin of QEMU's hw/vfio/container.c. QEMU has one address space a machine, so there is one container a `World`; it is
opened for the first device and closed after the last.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from pyqom import Error, World, current
from pyvfio import Container, errors
from pyvfio.kernel import Kernel
from pyvfio.sysfs import Place

from .device import vfio_device_prepare, vfio_device_unprepare

if TYPE_CHECKING:
    from .device import VFIODevice

_containers: WeakKeyDictionary[World, Container] = WeakKeyDictionary()

DEVICE_HINT = (
    "Verify all devices in group {} are bound to vfio-<bus> or pci-stub and not already in use\n"
)
GROUP_HINT = (
    "Please ensure all devices within the iommu_group are bound to their vfio bus driver.\n"
)


def vfio_container(kernel: Kernel | None = None) -> Container:
    """The container of the current world, opened if there is none.

    Raises:
        Error: VFIO is not there, or may not be used.
    """
    world = current()
    known = _containers.get(world)
    if known is None:
        try:
            known = _containers[world] = Container(kernel)
        except errors.VfioError as error:
            raise translated(error, None) from error
    return known


def vfio_legacy_attach_device(vbasedev: VFIODevice, group: int, vf_token: str | None) -> None:
    """Open the device, its group and the container (same name in QEMU).

    Raises:
        Error: with QEMU's text; pyvfio's advice is the hint.
    """
    if _is_attached(vbasedev):
        raise Error("device is already attached")
    if vbasedev.kernel is None and not Path(f"/dev/vfio/{group}").exists():
        # QEMU opens the group before the container, and its message names the group.
        reason = os.strerror(errno.ENOENT)
        hint = "bind the device, and with it its whole group, to vfio-pci\n"
        raise Error(f"Could not open '/dev/vfio/{group}': {reason}", hint=hint)
    container = vfio_container(vbasedev.kernel)
    folder = Path(vbasedev.sysfsdev or "").resolve()
    try:
        place = Place(str(folder), folder.name, group, None)
        device = container.open_device(place, vf_token=vf_token)
    except errors.VfioError as error:
        _close_unused(container)
        raise translated(error, group) from error
    vfio_device_prepare(vbasedev, device)


def vfio_legacy_detach_device(vbasedev: VFIODevice) -> None:
    """Close the device; its group with the last device of it, the container with the last group."""
    device = vfio_device_unprepare(vbasedev)
    if device is None:
        return
    container = device.iommu
    device.close()
    if isinstance(container, Container):
        _close_unused(container)


def _close_unused(container: Container) -> None:
    for group in container.groups.values():
        if not group.devices:
            group.close()
    if not container.groups:
        for world, known in list(_containers.items()):
            if known is container:
                del _containers[world]
        container.close()


def _is_attached(vbasedev: VFIODevice) -> bool:
    container = _containers.get(current())
    if container is None:
        return False
    name = Path(vbasedev.sysfsdev or "").resolve().name
    return any(
        device.name == name for group in container.groups.values() for device in group.devices
    )


def translated(error: errors.VfioError, group: int | None) -> Error:
    """QEMU's words for what the kernel refused; what to do about it becomes the hint."""
    reason = os.strerror(error.errno or 0)
    advice = f"{error.advice}\n" if error.advice else ""
    if isinstance(error, errors.GroupNotViable):
        return Error(f"group {group} is not viable", hint=GROUP_HINT + advice)
    match error.call:
        case "open":
            return Error(f"Could not open '{error.path}': {reason}", hint=advice)
        case "VFIO_GROUP_GET_DEVICE_FD":
            text = f"error getting device from group {group}: {reason}"
            return Error(text, hint=DEVICE_HINT.format(group) + advice)
        case "VFIO_GROUP_SET_CONTAINER":
            text = f"failed to setup container for group {group}: Failed to set group container: {reason}"
            return Error(text, hint=advice)
        case "VFIO_SET_IOMMU":
            text = f"failed to setup container for group {group}: Failed to set iommu for container: {reason}"
            return Error(text, hint=advice)
    return Error(f"{error.call} failed: {reason}", hint=advice)
