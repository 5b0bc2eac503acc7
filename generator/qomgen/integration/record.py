# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a project has put into a QEMU tree, kept in the tree: `.qomgen/PROJECT.json`.

By it a second run knows its own files and entries from hand edits, a newer one replaces them, and all can be taken
back. It is written before the first change and tells of both the old and the new then, so that whatever a killed run
leaves is known to the next. git ignores the folder.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

FOLDER = PurePosixPath(".qomgen")
IGNORE = FOLDER / ".gitignore"
IGNORED = b"# All that qomgen keeps here is of this tree alone.\n*\n"

_FORMAT = 1


class BadRecord(Exception):
    """A record can't be read; the message says which and why."""


def digest(data: bytes) -> str:
    """What a record knows a content by."""
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True, slots=True)
class PlacedFile:
    """A file that was put into the tree."""

    digests: frozenset[str]
    """Of what it may hold: one, and two while a run is changing it."""
    replaced: bytes | None = None
    """What stood there before and was not ours."""
    origin: str = ""
    """Where it comes from, for people: a path of the project."""


@dataclass(frozen=True, slots=True)
class PlacedEntry:
    """An entry that was put into a build file."""

    file: PurePosixPath
    kind: str
    """kconfig, sources, qtest, subdir or source."""
    name: str
    """What it is for: a symbol, a C file, a test, a folder."""
    texts: tuple[str, ...]
    """What may stand there: one text, and two while a run is changing it; see `qemutree.Insertion`."""

    @property
    def key(self) -> tuple[PurePosixPath, str, str]:
        """By what it is known."""
        return (self.file, self.kind, self.name)


@dataclass(slots=True)
class Record:
    """All that one project has put into one tree."""

    files: dict[PurePosixPath, PlacedFile] = field(default_factory=dict)
    entries: list[PlacedEntry] = field(default_factory=list)
    folders: set[PurePosixPath] = field(default_factory=set)
    """Folders that were not there before."""

    def __bool__(self) -> bool:
        return bool(self.files or self.entries or self.folders)

    def merged(self, other: Record) -> Record:
        """What is true while the tree goes from this to `other`."""
        files = dict(self.files)
        for path, placed in other.files.items():
            before = files.get(path)
            known = placed.digests | (before.digests if before else frozenset())
            files[path] = PlacedFile(known, placed.replaced, placed.origin)
        entries = {each.key: each for each in self.entries}
        for each in other.entries:
            texts = entries[each.key].texts if each.key in entries else ()
            both = tuple(dict.fromkeys((*texts, *each.texts)))
            entries[each.key] = PlacedEntry(each.file, each.kind, each.name, both)
        return Record(files, list(entries.values()), self.folders | other.folders)

    def encode(self) -> bytes:
        """The record as it is kept."""
        data = {
            "qomgen": _FORMAT,
            "files": {
                str(path): {
                    "sha256": sorted(each.digests),
                    "origin": each.origin,
                    "replaced": None if each.replaced is None else _as_text(each.replaced),
                }
                for path, each in sorted(self.files.items())
            },
            "entries": [
                {
                    "file": str(each.file),
                    "kind": each.kind,
                    "name": each.name,
                    "texts": list(each.texts),
                }
                for each in self.entries
            ],
            "folders": sorted(map(str, self.folders)),
        }
        return (json.dumps(data, indent=1) + "\n").encode("ascii")


def _as_text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def decode(data: bytes, name: str) -> Record:
    """
    A record from what is kept.

    Args:
        data: the content of the file.
        name: what to call it in an error.

    Raises:
        BadRecord: if it is none.
    """
    try:
        read: Any = json.loads(data)
        if read["qomgen"] != _FORMAT:
            raise BadRecord(f"{name} was written by another version of qomgen, which can undo it")
        return Record(
            {
                _below(path): PlacedFile(
                    frozenset(each["sha256"]),
                    None if each["replaced"] is None else base64.b64decode(each["replaced"]),
                    each["origin"],
                )
                for path, each in read["files"].items()
            },
            [
                PlacedEntry(_below(each["file"]), each["kind"], each["name"], tuple(each["texts"]))
                for each in read["entries"]
            ],
            {_below(path) for path in read["folders"]},
        )
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
        raise BadRecord(f"{name} is no record of qomgen: {error}") from error


def _below(path: str) -> PurePosixPath:
    """A path below the tree: a record that leads out of it is none of ours."""
    found = PurePosixPath(path)
    if found.is_absolute() or ".." in found.parts or not found.parts:
        raise ValueError(f"'{path}' is not below the tree")
    return found


def path_of(project: str) -> PurePosixPath:
    """Where the record of a project lies, below the tree."""
    return FOLDER / f"{project}.json"


def projects(root: Path) -> list[str]:
    """The projects of which the tree at `root` has a record."""
    return sorted(path.stem for path in (root / FOLDER).glob("*.json"))


def read(root: Path, project: str) -> Record | None:
    """
    The record of a project in the tree at `root`; None if there is none.

    Raises:
        BadRecord: if it can't be understood.
        OSError: if it can't be read.
    """
    path = root / path_of(project)
    return decode(path.read_bytes(), str(path)) if path.is_file() else None


def parents(paths: Iterable[PurePosixPath]) -> set[PurePosixPath]:
    """All folders above `paths`, below the tree."""
    top = PurePosixPath()
    return {folder for path in paths for folder in path.parents if folder != top}
