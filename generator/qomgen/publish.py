# SPDX-License-Identifier: GPL-2.0-or-later
"""
Writing a plan: the only stage that touches the disk.

Each file is written beside its place, flushed and renamed over it. Killed at any instant, a file is the old one or the
new one, and the next run mends the rest. Identical files are left alone, times and all.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from qomgen.marks import TEMPORARY
from qomgen.plan import Drift, Plan, compare


class ForeignFiles(Exception):
    """At the place of an output stands something that qomgen did not write; nothing was written."""

    def __init__(self, drift: Drift) -> None:
        super().__init__(", ".join(str(path) for path in drift.foreign))
        self.drift = drift


class NotWritten(Exception):
    """The system refused something; the message says what, where and why. Files written until then are complete."""


@dataclass(frozen=True, slots=True)
class Published:
    """What a run did."""

    written: tuple[PurePosixPath, ...]
    removed: tuple[PurePosixPath, ...]
    unchanged: int


def publish(plan: Plan, output: Path) -> Published:
    """
    Make `output` equal to `plan`.

    Raises:
        ForeignFiles: if that would overwrite a file that is not marked as generated; nothing is written then.
        NotWritten: if a file can't be read, written or removed; what was renamed until then is complete.
    """
    with or_say("make the folder", output):
        _make(output)
    with alone(output):
        _remove_leftovers(plan, output)
        with or_say("read what is in", output):
            drift = compare(plan, output)
        if drift.foreign:
            raise ForeignFiles(drift)
        written = tuple(sorted([*drift.missing, *drift.changed]))
        for path in written:
            with or_say("write", output / path):
                write(output / path, plan.files[path])
        for path in drift.extra:
            with or_say("remove", output / path):
                (output / path).unlink()
        for folder in sorted({(output / path).parent for path in (*written, *drift.extra)}):
            with or_say("flush", folder):
                sync_folder(folder)
    return Published(written, tuple(drift.extra), len(plan.files) - len(written))


@contextmanager
def or_say(what: str, path: Path) -> Iterator[None]:
    """Turn an OSError into a sentence; of what goes through a descriptor it does not know the path itself."""
    try:
        yield
    except OSError as error:
        raise NotWritten(f"can't {what} {path}: {error.strerror or error}") from error


@contextmanager
def alone(output: Path) -> Iterator[None]:
    """Keep other runs out of `output`; the kernel drops the lock with the process."""
    with or_say("lock", output):
        descriptor = os.open(output, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with or_say("lock", output):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _remove_leftovers(plan: Plan, output: Path) -> None:
    """Remove what a killed run was writing. Under the lock nobody else is writing it now."""
    found = {path for folder in plan.scope for path in (output / folder).rglob(f".*{TEMPORARY}")}
    for folder in {(output / path).parent for path in plan.files}:
        found.update(folder.glob(f".*{TEMPORARY}"))
    for path in sorted(found):
        with or_say("remove", path):
            path.unlink()


def _make(folder: Path) -> None:
    # Where it is there already, mkdir could fail for another reason first: a read-only file system.
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)


def write(target: Path, data: bytes) -> None:
    """
    Write a file beside its place, flush it, and rename it over what is there; its folder is made if need be.

    Raises:
        OSError: if the system refuses any of that; what was there is whole then, and nothing is left beside it.
    """
    _make(target.parent)
    temporary = target.with_name(f".{target.name}{TEMPORARY}")
    # O_EXCL: never through a link that somebody laid there.
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            _keep_mode(target, descriptor)
            os.fsync(descriptor)
        temporary.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _keep_mode(target: Path, descriptor: int) -> None:
    """A new file's mode is the umask's to say; one that was there keeps its own."""
    with contextlib.suppress(FileNotFoundError):
        mode = stat.S_IMODE(target.stat().st_mode)
        # Not every file system can be asked for a mode: ask only if need be.
        if mode != stat.S_IMODE(os.fstat(descriptor).st_mode):
            os.fchmod(descriptor, mode)


def sync_folder(folder: Path) -> None:
    """Make renames in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems can't flush a folder.
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(descriptor)
