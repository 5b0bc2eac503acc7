# SPDX-License-Identifier: GPL-2.0-or-later
"""
Writing a plan of `qomgen.integration.plan` into the tree.

Each file is written at once, as `qomgen.publish` does it. The record is there before the first change and final after
the last: killed at any instant, the next run knows what is ours and mends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from qomgen import publish
from qomgen.integration import record
from qomgen.integration.plan import Plan
from qomgen.marks import TEMPORARY


@dataclass(frozen=True, slots=True)
class Done:
    """What a run did, by path below the tree."""

    written: tuple[PurePosixPath, ...]
    removed: tuple[PurePosixPath, ...]
    unchanged: int
    """How many of the project's files were as they should be."""


def carry_out(root: Path, project: str, make: Callable[[], Plan | None]) -> Done | None:
    """
    Make a plan and carry it out, alone in the tree.

    Args:
        root: the top folder of the tree.
        project: the project's name.
        make: makes the plan; None if there is nothing to do it with.

    Raises:
        NotWritten: if the system refuses something; what was written until then is whole, and the next run goes on.
    """
    with publish.alone(root):
        _remove_leftovers(root, project)
        made = make()
        if made is None:
            _forget(root, project)
            return None
        changes = made.changes
        if changes or made.before != made.after:
            _write(made, changes)
    written = tuple(path for path, data in changes.items() if data is not None)
    removed = tuple(path for path, data in changes.items() if data is None)
    kept = {*made.after.files, *(each.file for each in made.after.entries)}
    return Done(written, removed, len(kept - set(changes)))


def _remove_leftovers(root: Path, project: str) -> None:
    """Remove what a killed run was writing: its record tells where."""
    folders = {record.FOLDER}
    before = record.read(root, project)
    if before is not None:
        folders |= {
            path.parent for path in (*before.files, *(each.file for each in before.entries))
        }
    for folder in sorted(folders):
        for path in sorted((root / folder).glob(f".*{TEMPORARY}")):
            with publish.or_say("remove", path):
                path.unlink()


def _write(made: Plan, changes: Mapping[PurePosixPath, bytes | None]) -> None:
    """Write the changes: new files before the build files that name them, and those before what goes."""
    root = made.root
    kept = root / record.path_of(made.project)
    with publish.or_say("write", kept):
        if not (root / record.IGNORE).is_file():
            publish.write(root / record.IGNORE, record.IGNORED)
        publish.write(kept, made.before.merged(made.after).encode())
        publish.sync_folder(kept.parent)
    shared = {each.file for each in (*made.before.entries, *made.after.entries)}
    for path, data in sorted(changes.items(), key=lambda each: (each[0] in shared, each[0])):
        if data is not None:
            with publish.or_say("write", root / path):
                publish.write(root / path, data)
    for path in (path for path, data in changes.items() if data is None):
        with publish.or_say("remove", root / path):
            (root / path).unlink(missing_ok=True)
    for folder in sorted({(root / path).parent for path in changes}):
        with publish.or_say("flush", folder):
            publish.sync_folder(folder)
    for unused in sorted(made.before.folders - made.after.folders, reverse=True):
        _remove_if_empty(root / unused)
    if made.after:
        with publish.or_say("write", kept):
            publish.write(kept, made.after.encode())
            publish.sync_folder(kept.parent)
    else:
        _forget(root, made.project)


def _remove_if_empty(folder: Path) -> None:
    with publish.or_say("remove", folder):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _forget(root: Path, project: str) -> None:
    """Remove the record, and with the last one its folder."""
    folder = root / record.FOLDER
    with publish.or_say("remove", folder):
        (root / record.path_of(project)).unlink(missing_ok=True)
        if folder.is_dir() and {path.name for path in folder.iterdir()} <= {record.IGNORE.name}:
            (root / record.IGNORE).unlink(missing_ok=True)
            folder.rmdir()
            publish.sync_folder(root)
