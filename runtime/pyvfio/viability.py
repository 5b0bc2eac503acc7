# SPDX-License-Identifier: GPL-2.0-or-later
"""Who in an IOMMU group keeps VFIO from having it."""

from __future__ import annotations

from pyvfio import errors
from pyvfio.errors import VfioError
from pyvfio.kernel import Kernel
from pyvfio.sysfs import Sysfs, harmless


def neighbours(kernel: Kernel, group: int) -> dict[str, str | None]:
    """Return who is in a group, and the driver of each; an empty dict where /sys does not tell."""
    try:
        return Sysfs(kernel).neighbours(group)
    except VfioError:
        return {}


def guilty(kernel: Kernel, group: int) -> dict[str, str]:
    """Return the devices of a group that drivers of the host have, and the driver of each."""
    return {
        name: driver
        for name, driver in neighbours(kernel, group).items()
        if driver is not None and not harmless(driver)
    }


def explain(error: VfioError, kernel: Kernel, group: int) -> errors.GroupNotViable:
    """Tell who keeps a group from being viable."""
    found = guilty(kernel, group)
    named = ", ".join(f"{name} ({driver})" for name, driver in found.items())
    members = ", ".join(neighbours(kernel, group)) or "its devices"
    advice = (
        f"group {group} is not viable, since the host drives {named or 'one of ' + members}. Bind"
        " all of the group to vfio-pci, or to no driver: pyvfio bind"
    )
    return error.refined(errors.GroupNotViable, advice, group=group, neighbours=found)
