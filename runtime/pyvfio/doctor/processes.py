# SPDX-License-Identifier: GPL-2.0-or-later
"""Which processes have something of VFIO open, as far as this user may see."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pyvfio.doctor.reading import field, names, text
from pyvfio.doctor.users import name_of
from pyvfio.kernel import Kernel

DEVICE_FILE = "anon_inode:[vfio-device]"
"""What a device that was opened through its group is called in /proc/PID/fd."""
DEVICE_MAPPING = "[vfio-device]"
"""What its regions are called in /proc/PID/maps."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process.

    Attributes:
        command: Its command line, or its name in brackets if it has none.
        user: Whose it is.
        path: What of VFIO it has open.
    """

    pid: int
    command: str
    user: str
    path: str

    def __str__(self) -> str:
        return f"process {self.pid} of {self.user}: {self.command}"


@dataclass(frozen=True, slots=True)
class Holders:
    """Who has a device.

    Attributes:
        certain: Those that have one of its files open.
        possible: Those that have some device of VFIO open or mapped; of which, Linux does not tell.
        blind: Whether there are processes that this user may not look into.
    """

    certain: tuple[Process, ...]
    possible: tuple[Process, ...]
    blind: bool


def holders(kernel: Kernel, paths: Iterable[str]) -> Holders:
    """Find out who has one of these files open."""
    wanted = set(paths)
    certain, possible = [], []
    pids = [name for name in names(kernel, "/proc") if name.isdecimal()]
    # Where /proc is mounted with hidepid=, others' processes are not even listed.
    blind = "1" not in pids
    for pid in pids:
        links = _links(kernel, pid)
        if links is None:
            blind = True
            continue
        open_here = wanted.intersection(links)
        if open_here:
            certain.append(_process(kernel, pid, min(open_here)))
        elif DEVICE_FILE in links:
            possible.append(_process(kernel, pid, DEVICE_FILE))
        elif DEVICE_MAPPING in (text(kernel, f"/proc/{pid}/maps") or ""):
            possible.append(_process(kernel, pid, DEVICE_MAPPING))
    return Holders(tuple(certain), tuple(possible), blind)


def _links(kernel: Kernel, pid: str) -> set[str] | None:
    """Return what a process has open, None if this user may not know."""
    folder = f"/proc/{pid}/fd"
    found = set()
    try:
        for fd in kernel.list_folder(folder):
            try:
                found.add(kernel.read_link(f"{folder}/{fd}"))
            except FileNotFoundError:  # closed meanwhile
                continue
    except (FileNotFoundError, ProcessLookupError):  # ended meanwhile
        return set()
    except OSError:
        return None
    return found


def _process(kernel: Kernel, pid: str, path: str) -> Process:
    words = (text(kernel, f"/proc/{pid}/cmdline") or "").replace("\0", " ").strip()
    command = words or f"[{text(kernel, f'/proc/{pid}/comm') or '?'}]"
    uid = (field(text(kernel, f"/proc/{pid}/status") or "", "Uid") or "").split()
    return Process(int(pid), command, name_of(int(uid[0])) if uid else "?", path)
