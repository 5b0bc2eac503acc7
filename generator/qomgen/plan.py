# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a run would write: every path with its bytes, complete before the disk is touched.

The first lines of each output mark it as generated, so that orphans and hand edits are found without a manifest.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from qomgen import problems
from qomgen.diagnostics import Diagnostic, SourceFile, Span
from qomgen.marks import MARK_WITHIN, is_marked

_NO_NEWLINE = "\n\\ No newline at end of file\n"


@dataclass(frozen=True, slots=True)
class Plan:
    """The outputs of one run, below one folder."""

    files: dict[PurePosixPath, bytes]
    scope: tuple[PurePosixPath, ...] = ()
    """Folders that this run answers for: a marked file there that is not in `files` is an orphan."""
    inputs: tuple[Path, ...] = ()
    """Everything read to make them."""
    modules: dict[str, Path | None] = field(default_factory=dict)
    """Where each hook module was found that was looked for."""


@dataclass(frozen=True, slots=True)
class Drift:
    """How a folder differs from a plan."""

    missing: list[PurePosixPath] = field(default_factory=list)
    changed: list[PurePosixPath] = field(default_factory=list)
    extra: list[PurePosixPath] = field(default_factory=list)
    foreign: list[PurePosixPath] = field(default_factory=list)
    """At the path of an output stands something that qomgen did not write."""

    def __bool__(self) -> bool:
        return bool(self.missing or self.changed or self.extra or self.foreign)

    def diagnostics(self, output: Path) -> list[Diagnostic]:
        """The drift as diagnostics, in order of path."""
        found: list[Diagnostic] = []
        for rule, paths in (
            (problems.FileMissing, self.missing),
            (problems.FileChanged, self.changed),
            (problems.FileExtra, self.extra),
            (problems.FileForeign, self.foreign),
        ):
            found.extend(rule(Span.start_of(SourceFile(str(output / path), ""))) for path in paths)
        return sorted(found, key=lambda each: each.key)


def compare(plan: Plan, output: Path) -> Drift:
    """
    How `output` differs from `plan`.

    Raises:
        OSError: if a file there can't be read.
    """
    drift = Drift()
    for path, data in plan.files.items():
        target = output / path
        if not target.is_file():
            # A folder or a broken link in the way is no output of ours either.
            (drift.foreign if target.is_symlink() or target.exists() else drift.missing).append(
                path
            )
        elif (there := target.read_bytes()) != data:
            # qomgen makes no links: what stands behind one is somebody else's.
            ours = is_marked(there) and not target.is_symlink()
            (drift.changed if ours else drift.foreign).append(path)
    drift.extra.extend(orphans(plan, output))
    return drift


def orphans(plan: Plan, output: Path) -> Iterator[PurePosixPath]:
    """Marked files in the plan's scope that are not in the plan."""
    for folder in plan.scope:
        for found in sorted((output / folder).rglob("*")):
            path = PurePosixPath(found.relative_to(output).as_posix())
            if path in plan.files or "__pycache__" in path.parts or not found.is_file():
                continue
            with found.open("rb") as stream:
                if is_marked(stream.read(MARK_WITHIN)):
                    yield path


def unified_diff(plan: Plan, drift: Drift, output: Path) -> str:
    """What `qomgen generate` would change, as a unified diff."""
    chunks = []
    for path in sorted({*drift.missing, *drift.changed, *drift.extra}):
        target = output / path
        before = target.read_bytes() if path not in drift.missing else b""
        after = plan.files.get(path, b"")
        old, new = str(target), str(target)
        if path in drift.missing:
            old = "/dev/null"
        if path in drift.extra:
            new = "/dev/null"
        lines = difflib.unified_diff(
            before.decode("utf-8", "replace").splitlines(keepends=True),
            after.decode("utf-8", "replace").splitlines(keepends=True),
            old,
            new,
        )
        chunks += [line if line.endswith("\n") else line + _NO_NEWLINE for line in lines]
    return "".join(chunks)
