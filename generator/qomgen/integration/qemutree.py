# SPDX-License-Identifier: GPL-2.0-or-later
"""
A QEMU source tree: which series it is, what it holds, and what it would hold.

Nothing here writes. A `Draft` is the tree with changes laid over it; `qomgen.integration.plan` writes them.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from qomgen.diagnostics import visible
from qomgen.pipeline import UnknownSeries
from qomgen.profile import profiles
from qomgen.series import Series

_VERSION = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})\.([0-9]{1,4})(?:\.[0-9]+)?")

_DEVELOPMENT = 50
"""The third number of a version from which on the tree is on its way to the next series."""


class NotQemu(Exception):
    """The folder is no QEMU source tree; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something in the tree that is in the way."""

    path: PurePosixPath
    text: str
    hint: str | None = None
    line: int | None = None


class TreeTroubles(Exception):
    """What is in the way in the tree, all of it; nothing was written."""

    def __init__(self, root: Path, found: list[Trouble]) -> None:
        super().__init__("\n".join(each.text for each in found))
        self.root = root
        self.found = tuple(found)

    def __str__(self) -> str:
        """A paragraph a trouble: its place in the tree, what it is, and how to go on."""
        lines = []
        for each in self.found:
            place = visible(str(self.root / each.path))
            place += f":{each.line}" if each.line is not None else ""
            lines.append(f"{place}: error: {visible(each.text)}")
            if each.hint:
                lines.append(f"      = hint: {visible(each.hint)}")
        plural = "" if len(self.found) == 1 else "s"
        return "\n".join([*lines, f"{len(self.found)} error{plural}; nothing was written"])


@dataclass(frozen=True, slots=True)
class QemuTree:
    """A QEMU source tree."""

    root: Path
    version: str
    """As in its file VERSION: "10.0.13"."""
    series: Series


def open_tree(root: Path, series: str | None = None) -> QemuTree:
    """
    The tree at `root`.

    Args:
        root: its top folder.
        series: generate for this QEMU series, whatever the tree says; None for the tree's own.

    Raises:
        NotQemu: if there is no QEMU source.
        UnknownSeries: if no profile knows the series.
        OSError: if the tree can't be read.
    """
    for needed in ("VERSION", "meson.build", "Kconfig", "hw/Kconfig"):
        if not (root / needed).is_file():
            raise NotQemu(f"'{root}' is no QEMU source tree: it has no {needed}")
    version = (root / "VERSION").read_text("utf-8", "replace").strip()
    known = {str(each): each for each in profiles()}
    told = ", ".join(known)
    if series is not None:
        if series not in known:
            raise UnknownSeries(f"no profile for QEMU '{series}'; there are {told}")
        return QemuTree(root, version, known[series])
    match = _VERSION.fullmatch(version)
    if match is None:
        raise NotQemu(f"'{root / 'VERSION'}' says '{visible(version)}', which is no QEMU version")
    major, minor, patch = (int(part) for part in match.groups())
    name = f"{major}.{minor}"
    if patch >= _DEVELOPMENT:
        raise UnknownSeries(
            f"'{root}' is QEMU {version}, on the way to the series after {name}; there are profiles for {told}:"
            " name the one to generate for with --qemu"
        )
    if name not in known:
        raise UnknownSeries(
            f"'{root}' is QEMU {version}, and no profile knows {name}; there are {told}."
            " If the tree is near to one of them, name it with --qemu"
        )
    return QemuTree(root, version, known[name])


@dataclass(slots=True)
class Draft:
    """A tree as it would be: what is on the disk with changes laid over it."""

    root: Path
    changes: dict[PurePosixPath, bytes | None] = field(default_factory=dict)
    """The content of files that were touched; None for a file that is to go."""
    _disk: dict[PurePosixPath, bytes | None] = field(default_factory=dict, repr=False)

    def on_disk(self, path: PurePosixPath) -> bytes | None:
        """
        What the file holds now; None if there is none.

        Raises:
            OSError: if it can't be read; something that is no file is such a case.
        """
        if path not in self._disk:
            target = self.root / path
            there = target.exists() or target.is_symlink()
            self._disk[path] = target.read_bytes() if there else None
        return self._disk[path]

    def read(self, path: PurePosixPath) -> bytes | None:
        """What the file would hold; None if it would not be there."""
        return self.changes[path] if path in self.changes else self.on_disk(path)

    def write(self, path: PurePosixPath, data: bytes | None) -> None:
        """Lay a change over the tree; None removes the file."""
        self.on_disk(path)
        self.changes[path] = data

    def copy(self) -> Draft:
        """The same, to be changed apart from this one."""
        return Draft(self.root, dict(self.changes), self._disk)

    def differences(self, before: Draft | None = None) -> dict[PurePosixPath, bytes | None]:
        """The files in which this differs from `before`, and from the disk if that is None."""
        was = before.read if before is not None else self.on_disk
        paths = {*self.changes, *(before.changes if before is not None else ())}
        return {path: self.read(path) for path in sorted(paths) if self.read(path) != was(path)}


# Text files that are shared with QEMU


class Unreadable(Exception):
    """A file of the tree is not the text that it should be; `trouble` says where and why."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.text)
        self.trouble = trouble


def text_of(draft: Draft, path: PurePosixPath) -> str:
    """
    The text of a build file.

    Raises:
        Unreadable: if there is none, or it is none of UTF-8 with Unix line ends.
    """
    data = draft.read(path)
    if data is None:
        raise Unreadable(Trouble(path, "this file is missing, and an entry belongs there"))
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Unreadable(Trouble(path, f"this is no UTF-8: {error.reason}")) from error
    if "\r" in text:
        line = text[: text.index("\r")].count("\n") + 1
        reason = "here is a carriage return; entries are made for Unix line ends"
        raise Unreadable(Trouble(path, reason, line=line))
    return text


@dataclass(frozen=True, slots=True)
class Insertion:
    """
    A text at a place of a file.

    It begins with the line end of the line before it and lacks its own, so that a file without a last line end is as
    good as any. At the start of a file it is the other way round.
    """

    offset: int
    text: str

    @classmethod
    def after_line(cls, lines: list[str], index: int, added: list[str]) -> Insertion:
        """`added` as lines after the one with `index` (from 0, -1 for the start), of a text split at line ends."""
        if index < 0:
            return cls(0, "".join(f"{line}\n" for line in added))
        offset = sum(len(line) + 1 for line in lines[: index + 1]) - 1
        return cls(offset, "".join(f"\n{line}" for line in added))

    def applied(self, text: str) -> str:
        """`text` with it."""
        return text[: self.offset] + self.text + text[self.offset :]


def find_inserted(text: str, inserted: str) -> list[tuple[int, int]]:
    """Where `inserted`, the text of an `Insertion`, stands as whole lines in `text`: from and to, to be taken out."""
    found = []
    at = text.find(inserted)
    while at >= 0:
        end = at + len(inserted)
        # Its other end is a line end of its own.
        beside = text[end : end + 1] if inserted.startswith("\n") else text[at - 1 : at]
        if beside in ("", "\n"):
            found.append((at, end))
        at = text.find(inserted, at + 1)
    return found or _found_first(text, inserted)


def _found_first(text: str, inserted: str) -> list[tuple[int, int]]:
    """As `find_inserted`, where all that stood above was taken away: then what separated the two stands below."""
    lines = inserted.lstrip("\n")
    start = len(text) - len(text.lstrip("\n"))
    missing = len(inserted) - len(lines) - start
    if missing <= 0 or not text.startswith(lines, start):
        return []
    rest = text[start + len(lines) :]
    below = len(rest) - len(rest.lstrip("\n"))
    if rest and not below:
        return []
    return [(0, start + len(lines) + min(missing, below))]


def kconfig_files(draft: Draft) -> Iterator[tuple[PurePosixPath, str]]:
    """
    Every Kconfig file that the tree's own one reads, as scripts/minikconf.py follows `source`, with its text.

    Raises:
        Unreadable: if one is missing, elsewhere, or no text.
    """
    waiting = [PurePosixPath("Kconfig")]
    seen: set[PurePosixPath] = set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        text = text_of(draft, path)
        yield path, text
        for name in reversed(re.findall(r"^source[ \t]+(\S+)", text, re.MULTILINE)):
            below = PurePosixPath(posixpath.normpath(path.parent / name.strip('"')))
            if below.is_absolute() or ".." in below.parts:
                raise Unreadable(Trouble(path, f"this reads '{name}', which is not below the tree"))
            if draft.read(below) is None:
                raise Unreadable(Trouble(path, f"this reads '{name}', which is not there"))
            waiting.append(below)
