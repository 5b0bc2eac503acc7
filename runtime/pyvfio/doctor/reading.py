# SPDX-License-Identifier: GPL-2.0-or-later
"""Files of /sys and /proc for somebody who takes what there is: None is for what cannot be read."""

from __future__ import annotations

from pathlib import PurePosixPath

from pyvfio.kernel import Kernel


def text(kernel: Kernel, path: str) -> str | None:
    """Return what is in a file, without white space around it."""
    try:
        return kernel.read_file(path).decode(errors="replace").strip()
    except OSError:
        return None


def raw(kernel: Kernel, path: str) -> bytes | None:
    """Return the bytes of a file."""
    try:
        return kernel.read_file(path)
    except OSError:
        return None


def target(kernel: Kernel, path: str) -> str | None:
    """Return the last part of what a link points to."""
    try:
        return PurePosixPath(kernel.read_link(path)).name
    except OSError:
        return None


def names(kernel: Kernel, path: str) -> list[str]:
    """Return the names in a folder, none if there is no such folder."""
    try:
        return kernel.list_folder(path)
    except OSError:
        return []


def field(status: str, name: str) -> str | None:
    """Return what stands behind `Name:` in a file like /proc/self/status."""
    for line in status.splitlines():
        key, colon, value = line.partition(":")
        if colon and key == name:
            return value.strip()
    return None
