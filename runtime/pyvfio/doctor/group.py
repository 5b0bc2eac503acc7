# SPDX-License-Identifier: GPL-2.0-or-later
"""The device's IOMMU group: whether it can be had, who else is in it, and who has it."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import Final

from pyvfio.doctor.case import Case
from pyvfio.doctor.finding import Finding, Seen
from pyvfio.doctor.nodes import opened
from pyvfio.doctor.processes import Holders, Process, holders
from pyvfio.doctor.reading import target, text
from pyvfio.errors import VfioError
from pyvfio.sysfs import harmless, is_vfio
from pyvfio.uapi import container as uapi


@dataclass(frozen=True, slots=True)
class GroupState:
    """What opening the device's group told.

    Attributes:
        error: Why it could not be opened, None if it could, or if there is none.
        viable: Whether the kernel says that no driver of the host has a device of it, None if it
            could not be asked.
    """

    error: VfioError | None = None
    viable: bool | None = None

    @property
    def idle(self) -> bool:
        """Whether it is certain that nobody has it."""
        return self.viable is not None

    @property
    def busy(self) -> bool:
        """Whether it is certain that somebody has it."""
        return self.error is not None and self.error.errno == errno.EBUSY


def open_group(case: Case) -> GroupState:
    """Open the group and ask how it is, for which it is the doctor's for a moment."""
    if case.group_node is None or case.group_number is None:
        return GroupState()
    with opened(case, case.group_node) as group:
        if isinstance(group, VfioError):
            return GroupState(group)
        status = uapi.vfio_group_status.sized()
        try:
            group.ioctl(uapi.VFIO_GROUP_GET_STATUS, status)
        except VfioError:
            return GroupState()
        return GroupState(viable=bool(status.flags & uapi.VFIO_GROUP_FLAGS_VIABLE))


def not_viable(case: Case, group: GroupState) -> Finding | None:
    """Tell which device of the group the host has; the kernel's own word counts, if it gave one."""
    if group.viable or case.group is None:
        return None
    others = case.members[1:]
    drivers = {folder: target(case.kernel, f"{folder}/driver") for folder in others}
    guilty = {folder: driver for folder, driver in drivers.items() if not harmless(driver)}
    # The device itself may be the one that the host has, which is told elsewhere.
    if not guilty and (group.viable is None or not harmless(case.driver)):
        return None
    named = ", ".join(f"{_name(folder)} ({driver})" for folder, driver in guilty.items())
    seen = [Seen(f"{folder}/driver", str(driver)) for folder, driver in guilty.items()]
    if group.viable is not None:
        seen.append(Seen(case.group_node or "", "VFIO_GROUP_GET_STATUS says: not viable"))
    return Finding(
        "group-not-viable",
        f"the host drives {named or 'another device'} of group {case.group}",
        tuple(seen),
        "The IOMMU cannot tell the devices of a group apart, so that they go to one owner: all of"
        " them to VFIO, or to no driver. Ports above them do not count",
        "take them from the host, which must be able to do without; devices that share a group may"
        " be apart in other slots, or with ACS switched on in the firmware",
        tuple(f"pyvfio bind {_name(folder)}" for folder in guilty),
    )


def _name(folder: str) -> str:
    return folder.rpartition("/")[2]


def busy(case: Case, group: GroupState) -> Finding | None:
    """Tell who has the device."""
    if group.idle:
        return None
    found = holders(case.kernel, case.nodes())
    # The kernel enables a device when it is opened, and lets it sleep when it is closed.
    used = [folder for folder in case.members if _enabled(case, folder)]
    has_group = any(each.path == case.group_node for each in found.certain)
    if not (group.busy or has_group or used):
        return None
    seen = []
    if group.error is not None and group.busy:
        seen.append(Seen(group.error.path, f"open says {group.error.strerror}"))
    for folder in used:
        seen += [Seen(f"{folder}/enable", "1"), Seen(f"{folder}/{_STATUS}", "active")]
    seen += [Seen(f"/proc/{each.pid}/fd", each.path) for each in (*found.certain, *found.possible)]
    summary, commands = _accuse(found)
    return Finding(
        "busy",
        summary,
        tuple(seen),
        "A group, and a device, belongs to one process at a time; another that opens it is told"
        " EBUSY. It stays taken as long as a mapping of a region or a copy of a descriptor lives",
        "end that process, or let it close the device" if found.certain else "find out whose it is",
        commands,
    )


_STATUS: Final = "power/runtime_status"


def _enabled(case: Case, folder: str) -> bool:
    driver = target(case.kernel, f"{folder}/driver")
    enabled = text(case.kernel, f"{folder}/enable")
    awake = text(case.kernel, f"{folder}/{_STATUS}") == "active"
    return is_vfio(driver) and enabled not in (None, "0") and awake


def _accuse(found: Holders) -> tuple[str, tuple[str, ...]]:
    """Tell who it is, and which commands help."""
    if found.certain:
        return f"in use by {_listed(found.certain)}", tuple(
            f"kill {each.pid}" for each in found.certain
        )
    look = ("fuser -v /dev/vfio/* /dev/vfio/devices/*",)
    if found.possible:
        return f"in use, perhaps by {_listed(found.possible)}", look
    if found.blind:
        return "in use by somebody whose processes this user cannot see", look
    return "in use, though no process has one of its files open: perhaps a mapping lives", look


def _listed(processes: tuple[Process, ...]) -> str:
    return "; by ".join(map(str, processes))
