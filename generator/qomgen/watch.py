# SPDX-License-Identifier: GPL-2.0-or-later
"""
Waiting for files to change.

Files are looked at, not subscribed to: a few hundred calls of stat() each half second cost nothing, and see what comes
over a network or from another container, which inotify does not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

INTERVAL = 0.5
"""Seconds between two looks."""

Snapshot: TypeAlias = dict[Path, tuple[int, int, int]]
"""Of each file its inode, size in bytes and time of change in nanoseconds."""


_SUFFIXES = frozenset({".yaml", ".json", ".py", ".inc"})
"""Of specs, of layouts, and of templates."""


def files(folders: Iterable[Path]) -> set[Path]:
    """The specs, layouts and templates below `folders`."""
    found = (path for folder in folders for path in folder.rglob("*"))
    return {path for path in found if path.suffix in _SUFFIXES}


def modules(folders: Iterable[Path]) -> set[Path]:
    """
    The modules in `folders` and in their packages.

    Not all below: such a folder is often a whole project, with an environment, and with what is generated in it.
    """
    found: set[Path] = set()
    for folder in folders:
        found.update(folder.glob("*.py"), folder.glob("[!.]*/*.py"))
    return found


def snapshot(files: Iterable[Path]) -> Snapshot:
    """What `files` are like now; those that are not there are left out."""
    found: Snapshot = {}
    for path in files:
        try:
            status = path.stat()
        except OSError:
            # Gone since it was listed, or not to be looked at: reading it is what tells of that.
            continue
        found[path] = (status.st_ino, status.st_size, status.st_mtime_ns)
    return found


def changes(
    files: Callable[[], Iterable[Path]], wait: Callable[[float], None] = time.sleep
) -> Iterator[frozenset[Path]]:
    """
    The files that changed, came or went since the last time, as soon as there are any and they are at rest.

    The first time it is all of them, at once. What changes while the caller is at work is told of the next time.

    Args:
        files: lists the files to look at; asked anew each time.
        wait: takes the seconds to wait.
    """
    seen: Snapshot = {}
    is_first = True
    while True:
        now = snapshot(files())
        if now == seen and not is_first:
            wait(INTERVAL)
            continue
        # An editor may write several files, or one in several steps.
        while not is_first and (later := _after(INTERVAL / 5, files, wait)) != now:
            now = later
        is_first = False
        changed = {path for path in {*seen, *now} if seen.get(path) != now.get(path)}
        seen = now
        if changed:
            yield frozenset(changed)


def _after(
    seconds: float, files: Callable[[], Iterable[Path]], wait: Callable[[float], None]
) -> Snapshot:
    wait(seconds)
    return snapshot(files())
