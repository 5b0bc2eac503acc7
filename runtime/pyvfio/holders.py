# SPDX-License-Identifier: GPL-2.0-or-later
"""Who has a file open, as far as this user may know."""

from __future__ import annotations

from pyvfio.kernel import Kernel

DEVICE_MAPPING = "[vfio-device]"
"""What /proc/PID/maps calls a mapping of a device that was opened through its group."""


def holders(kernel: Kernel, path: str) -> tuple[str, ...]:
    """Return the processes that have a file open, as "PID (name)".

    Those of other users are seen by root alone: nobody found does not mean that there is none.
    """
    found = []
    for pid in _names(kernel, "/proc"):
        if not pid.isdecimal():
            continue
        folder = f"/proc/{pid}/fd"
        if any(_link(kernel, f"{folder}/{fd}") == path for fd in _names(kernel, folder)):
            found.append(f"{pid} ({_read(kernel, f'/proc/{pid}/comm').strip()})")
    return tuple(found)


def maps_a_device(kernel: Kernel) -> bool:
    """Whether this process has a region of a VFIO device mapped."""
    return DEVICE_MAPPING in _read(kernel, "/proc/self/maps")


def locked_memory(kernel: Kernel) -> int | None:
    """Return the bytes that this process has pinned, None if /proc does not tell."""
    for line in _read(kernel, "/proc/self/status").splitlines():
        name, _, value = line.partition(":")
        if name == "VmLck":
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
