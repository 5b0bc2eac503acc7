# SPDX-License-Identifier: GPL-2.0-or-later
"""Files below /dev: whether they are there, and whether the user may open them."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from pyvfio.doctor.case import Case
from pyvfio.doctor.finding import Finding, Seen
from pyvfio.doctor.reading import text
from pyvfio.doctor.users import CAP_SYS_RAWIO, acting_as, group_name, name_of
from pyvfio.errors import VfioError
from pyvfio.handle import Handle

ABSENT = (errno.ENOENT, errno.ENODEV, errno.ENXIO)


@contextmanager
def opened(case: Case, path: str) -> Iterator[Handle | VfioError]:
    """Open a file as the user would, for as long as the with block lasts; or tell why not."""
    answer: Handle | VfioError
    try:
        with acting_as(case.user):
            answer = Handle.open(case.kernel, path)
    except VfioError as error:
        answer = error
    said = f"{answer.strerror}" if isinstance(answer, VfioError) else "ok"
    case.attempts.append(Seen(path, said))
    try:
        yield answer
    finally:
        if isinstance(answer, Handle):
            # Whatever the kernel says to that, it is closed.
            with suppress(VfioError):
                answer.close()


def refused(
    case: Case, error: VfioError, number: str, rules: tuple[str, ...], mode: str = "0600"
) -> Finding:
    """Tell why a file cannot be opened: not there, not this user's, or something else.

    Args:
        case: Whose it is.
        error: What opening it gave.
        number: The file of /sys that tells its device number.
        rules: Lines of a udev rule that make it the user's.
        mode: Its mode, for where it has to be made anew.
    """
    path = error.path
    if error.errno in ABSENT:
        return _missing(case, path, number, mode)
    if "noiommu-" in path and not case.user.can(CAP_SYS_RAWIO):
        return Finding(
            "permission",
            f"{path} is for those who have CAP_SYS_RAWIO",
            (_node(case, path), Seen(path, f"open says {error.strerror}")),
            "Without an IOMMU the device reaches all memory, so only who may do so anyway has it",
            "run the program as root",
        )
    if error.errno == errno.EACCES:
        return _forbidden(case, path, rules)
    seen = [_node(case, path), Seen(path, f"open says {error.strerror}")]
    if error.errno == errno.EPERM:
        return Finding(
            "not-permitted",
            f"{path} may not be opened from here, whatever its mode",
            tuple(seen),
            "EPERM, and not EACCES, is the answer of something that encloses the process: the"
            " device cgroup of a container or of a service, or a security module",
            "let the container have the file (docker run --device, podman run --device), or the"
            " service (DeviceAllow= of systemd)",
            (f"docker run --device {path} ...",),
        )
    return Finding(
        "unexplained",
        f"{path} cannot be opened: {error.strerror}",
        tuple(seen),
        "The kernel gives an answer that is not known here",
        "look into the kernel's log",
        ("dmesg | tail",),
    )


def _missing(case: Case, path: str, number: str, mode: str) -> Finding:
    major_minor = text(case.kernel, number)
    seen = (Seen(path, "does not exist"), Seen(number, major_minor or "does not exist"))
    made: tuple[str, ...] = ()
    if major_minor is not None:
        made = (f"mknod -m {mode} {path} c {major_minor.replace(':', ' ')}",)
    return Finding(
        "node-missing",
        f"{path} is not there",
        seen,
        "The kernel has the device, and no file leads to it: /dev was not filled by devtmpfs or"
        " udev, as in a container, or somebody removed the file",
        "in a container, let it have the file of the host (docker run --device, podman run"
        " --device); else make it, and take it away when the device goes: the kernel leaves what it"
        " did not make",
        made,
    )


def _forbidden(case: Case, path: str, rules: tuple[str, ...]) -> Finding:
    who = case.user.name
    seen = [_node(case, path)]
    allowed = _allowed_by_mode(case, path)
    if allowed:
        return Finding(
            "not-permitted",
            f"{path} may not be opened, though its mode allows it",
            tuple(seen),
            "A folder above it is closed to the user, or a security module keeps them out",
            "look at the folders above it, and into the log of SELinux or AppArmor",
            (f"namei -l {path}", "dmesg | grep -i -e denied -e avc"),
        )
    return Finding(
        "permission",
        f"{who} may not open {path}",
        tuple(seen),
        "It is opened to read and to write, which its owner, its group and its mode do not allow"
        " this user (EACCES)",
        f"give it to {who}; a rule of udev does so whenever the file is made, which is anew each"
        " time that VFIO gets the device",
        (f"chown {who} {path}",),
        rules,
    )


def _node(case: Case, path: str) -> Seen:
    """Tell whose a file is."""
    try:
        node = case.kernel.stat(path)
    except OSError as error:
        return Seen(path, os.strerror(error.errno or 0))
    return Seen(
        path,
        f"mode {stat.S_IMODE(node.st_mode):04o}, owner {name_of(node.st_uid)}, group"
        f" {group_name(node.st_gid)}",
    )


def _allowed_by_mode(case: Case, path: str) -> bool:
    """Tell whether the mode of a file lets the user read and write it."""
    try:
        node = case.kernel.stat(path)
    except OSError:
        return False
    if node.st_uid == case.user.uid:
        return node.st_mode & 0o600 == 0o600
    if node.st_gid in case.user.gids:
        return node.st_mode & 0o060 == 0o060
    return node.st_mode & 0o006 == 0o006
