# SPDX-License-Identifier: GPL-2.0-or-later
"""
Writing a plan: the only stage that touches the disk.

Each file is written beside its place, flushed and renamed over it. Killed at any instant, a file is the old one or the
new one, and the next run mends the rest. Identical files are left alone, times and all.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from qomgen.plan import Drift, Plan, compare

TEMPORARY = ".qomgen-tmp"
"""How the names of files end that are being written."""


class ForeignFiles(Exception):
    """At the place of an output stands something that qomgen did not write; nothing was written."""

    def __init__(self, drift: Drift) -> None:
        super().__init__(", ".join(str(path) for path in drift.foreign))
        self.drift = drift


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
        OSError: if a file can't be read or written; what was renamed until then is complete.
    """
    output.mkdir(parents=True, exist_ok=True)
    with _alone(output):
        drift = compare(plan, output)
        if drift.foreign:
            raise ForeignFiles(drift)
        _remove_leftovers(plan, output)
        written = tuple(sorted([*drift.missing, *drift.changed]))
        for path in written:
            _write(output / path, plan.files[path])
        for path in drift.extra:
            (output / path).unlink()
    return Published(written, tuple(drift.extra), len(plan.files) - len(written))


@contextmanager
def _alone(output: Path) -> Iterator[None]:
    """Keep other runs out of `output`; the kernel drops the lock with the process."""
    descriptor = os.open(output, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _remove_leftovers(plan: Plan, output: Path) -> None:
    """Remove what a killed run was writing. Under the lock nobody else is writing it now."""
    for folder in {(output / path).parent for path in plan.files}:
        for found in folder.glob(f".*{TEMPORARY}"):
            found.unlink()


def _write(target: Path, data: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}{TEMPORARY}")
    with temporary.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(target)
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """Make a rename in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
