# SPDX-License-Identifier: GPL-2.0-or-later
"""Serial ports that exist in the kernel alone, can be had through VFIO, and migrate.

The kernel's sample mtty makes them (samples/vfio-mdev/mtty.c): instances of a mediated device,
each known by a UUID.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PARENT = Path("/sys/class/mdev_bus/mtty")

VENDOR = 0x4348
"""Its vendor as PCI has it; the kernel shows it with a configuration space like PCI's."""


def create(ports: int = 2) -> str:
    """Make an instance of one port or of two; return its folder below /sys.

    Raises `OSError` when there are 24 ports already.
    """
    name = str(uuid.uuid4())
    (_PARENT / "mdev_supported_types" / f"mtty-{ports}" / "create").write_text(name)
    return str(_PARENT.resolve() / name)


def remove(folder: str) -> None:
    """Take an instance away, which waits until whoever has it open closes it."""
    (Path(folder) / "remove").write_text("1\n")


@contextmanager
def created(ports: int = 2) -> Iterator[str]:
    """Have an instance for a while; its folder below /sys is what `pyvfio.open_device` takes."""
    folder = create(ports)
    try:
        yield folder
    finally:
        remove(folder)
