# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest's ends of the machine's virtio-serial ports."""

from __future__ import annotations

from pathlib import Path


def port(name: str) -> Path:
    """The device of the port called *name*.  Raises `FileNotFoundError` when there is none."""
    for path in Path("/sys/class/virtio-ports").iterdir():
        if (path / "name").read_text().strip() == name:
            return Path("/dev") / path.name
    raise FileNotFoundError(f"the machine has no virtio-serial port {name}")
