# SPDX-License-Identifier: GPL-2.0-or-later
"""The ways to a device, each of which all of its tests take."""

from __future__ import annotations

from typing import Protocol

from pyvfio import Device
from pyvfio.opening import Backend

BACKENDS: tuple[Backend, ...] = ("legacy", "iommufd")
"""Through its group and a container; and by itself, through an iommufd."""


class Opener(Protocol):
    """`pyvfio.open_device`, by one of them."""

    def __call__(self, where: str, *, vf_token: str | None = None) -> Device:
        """Open the device at an address, or at a folder below /sys."""
