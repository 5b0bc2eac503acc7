# SPDX-License-Identifier: GPL-2.0-or-later
"""Who has a file open, as far as this user may know."""

from __future__ import annotations

from pyvfio.kernel import Kernel

DEVICE_MAPPINGS = ("[vfio-device]", "/dev/vfio/devices/")
"""What /proc/PID/maps calls a mapping of a device, opened through its group or by itself."""


def holders(kernel: Kernel, path: str, *, others: bool = False) -> tuple[str, ...]:
    """Return the processes that have a file open, as "PID (name)"; without this one if `others`.

    Those of other users are seen by root alone: nobody found does not mean that there is none.
    """
    found = []
    own = _link(kernel, "/proc/self") if others else ""
    for pid in _names(kernel, "/proc"):
        if not pid.isdecimal() or pid == own:
            continue
        folder = f"/proc/{pid}/fd"
        if any(_link(kernel, f"{folder}/{fd}") == path for fd in _names(kernel, folder)):
            found.append(f"{pid} ({_read(kernel, f'/proc/{pid}/comm').strip()})")
    return tuple(found)


def maps_a_device(kernel: Kernel) -> bool:
    """Whether this process has a region of a VFIO device mapped."""
    maps = _read(kernel, "/proc/self/maps")
    return any(each in maps for each in DEVICE_MAPPINGS)


def locked_memory(kernel: Kernel) -> int | None:
    """Return the bytes that count against RLIMIT_MEMLOCK, None if /proc does not tell.

    A container's mappings are among them; an iommufd's are counted for the user, not here.
    """
    return _status(kernel, "VmLck")


def pinned_memory(kernel: Kernel) -> int | None:
    """Return the bytes that this process has pinned for devices, None if /proc does not tell."""
    return _status(kernel, "VmPin")


def _status(kernel: Kernel, wanted: str) -> int | None:
    for line in _read(kernel, "/proc/self/status").splitlines():
        name, _, value = line.partition(":")
        if name == wanted:
            return int(value.split()[0]) * 1024
    return None


# A process may end while it is looked at, and others' may be closed to us: neither is a failure.


def _names(kernel: Kernel, path: str) -> list[str]:
    try:
        return kernel.list_folder(path)
    except OSError:
        return []


def _link(kernel: Kernel, path: str) -> str:
    try:
        return kernel.read_link(path)
    except OSError:
        return ""


def _read(kernel: Kernel, path: str) -> str:
    try:
        return kernel.read_file(path).decode(errors="replace")
    except OSError:
        return ""
