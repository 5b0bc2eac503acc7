# SPDX-License-Identifier: GPL-2.0-or-later
"""Who wants to open the device: this user, or for root another one."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

from pyvfio.doctor.reading import field, text
from pyvfio.kernel import Kernel

CAP_IPC_LOCK: Final = 14
CAP_SYS_RAWIO: Final = 17


@dataclass(frozen=True, slots=True)
class User:
    """A user.

    Attributes:
        uid: Number.
        gids: Numbers of the groups, the own one first.
        name: As /etc/passwd has it, the number where it has none.
        capabilities: What the kernel allows beside, a bit for each CAP_*.
        self: Whether it is whose process this is, and not one that root asks for.
    """

    uid: int
    gids: tuple[int, ...]
    name: str
    capabilities: int
    self: bool = True

    def can(self, capability: int) -> bool:
        """Whether the kernel allows CAP_*."""
        return bool(self.capabilities >> capability & 1)

    def __str__(self) -> str:
        return f"{self.name} (uid {self.uid}, gids {' '.join(map(str, self.gids))})"


def current(kernel: Kernel) -> User:
    """Return the user of this process, as /proc/self/status tells."""
    status = text(kernel, "/proc/self/status") or ""
    uid, gid = (_effective(field(status, name)) for name in ("Uid", "Gid"))
    groups = [int(word) for word in (field(status, "Groups") or "").split()]
    capabilities = int(field(status, "CapEff") or "0", 16)
    return User(uid, tuple(dict.fromkeys((gid, *groups))), name_of(uid), capabilities)


def _effective(ids: str | None) -> int:
    """Take the second of four: real, effective, saved, and of file accesses."""
    return int((ids or "0 0").split()[1])


def named(who: str) -> User:
    """Return another user, by name or number.

    Raises:
        LookupError: there is no such name.
    """
    try:
        entry = pwd.getpwuid(int(who)) if who.isdecimal() else pwd.getpwnam(who)
    except KeyError:
        if not who.isdecimal():
            raise LookupError(f"there is no user {who}") from None
        return User(int(who), (int(who),), who, 0, self=False)
    gids = os.getgrouplist(entry.pw_name, entry.pw_gid)
    order = tuple(dict.fromkeys((entry.pw_gid, *gids)))
    everything = -1 if entry.pw_uid == 0 else 0
    return User(entry.pw_uid, order, entry.pw_name, everything, self=False)


@contextmanager
def acting_as(user: User) -> Iterator[None]:
    """Open files as another user for a while: the whole process, all of its threads.

    Raises:
        PermissionError: this process is not root's.
    """
    if user.self:
        yield
        return
    uid, gid, groups = os.geteuid(), os.getegid(), os.getgroups()
    with ExitStack() as back:
        os.setgroups(user.gids)
        back.callback(os.setgroups, groups)
        os.setegid(user.gids[0])
        back.callback(os.setegid, gid)
        os.seteuid(user.uid)
        # The first that is undone: only root may undo the rest.
        back.callback(os.seteuid, uid)
        yield


def name_of(uid: int) -> str:
    """Return a user's name, or the number if there is none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def group_name(gid: int) -> str:
    """Return a group's name, or the number if there is none."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
