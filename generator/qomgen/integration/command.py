# SPDX-License-Identifier: GPL-2.0-or-later
"""The command `qomgen integrate`: options, what it reads, and what it says."""

from __future__ import annotations

import argparse
import difflib
import re
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from qomgen import pipeline
from qomgen.cli import CLEAN, DRIFT
from qomgen.diagnostics import Diagnostics, visible
from qomgen.integration import parts, patch, qemutree, writer
from qomgen.integration import plan as integrate
from qomgen.integration import record as records
from qomgen.paths import data_folder

HAND = Path("qemu")
"""The folder of hand-written files, laid out as QEMU's tree is."""

_NO_NEWLINE = "\n\\ No newline at end of file\n"


class NothingThere(Exception):
    """There is nothing to bring in or to take back; the message says why."""


ERRORS = (
    NothingThere,
    patch.PatchError,
    qemutree.NotQemu,
    records.BadRecord,
)
"""Errors whose message is a sentence for the user."""


def add_options(command: argparse.ArgumentParser) -> None:
    """The options of the command."""
    command.add_argument("tree", type=Path, metavar="QEMU_TREE", help="QEMU's source")
    command.add_argument(
        "--hand",
        type=Path,
        default=HAND,
        metavar="DIR",
        help="the folder of hand-written files, laid out as QEMU's tree is (default: qemu)",
    )
    command.add_argument(
        "--qemu",
        metavar="SERIES",
        help="the series to generate for (default: what the tree's VERSION says)",
    )
    command.add_argument(
        "--project",
        metavar="NAME",
        help="what the tree's record calls this project (default: as pyproject.toml does, else as its folder)",
    )
    command.add_argument(
        "--force",
        action="store_true",
        help="lose hand edits in the tree; replace files there that are not from this project, until --undo",
    )
    way = command.add_mutually_exclusive_group()
    way.add_argument(
        "--dry-run",
        action="store_true",
        help="write nothing; show as a diff what would change. Exit code 1 if there is anything",
    )
    way.add_argument(
        "--patch",
        type=Path,
        metavar="DIR",
        help="leave the tree alone; write patches for 'git am' into DIR",
    )
    command.add_argument(
        "--undo",
        action="store_true",
        help="take everything back that this project put into the tree",
    )


def run(arguments: argparse.Namespace, folders: Sequence[Path], base: Sequence[Path]) -> int:
    """
    Run the command; the result is the exit code.

    Args:
        arguments: the parsed command line.
        folders: spec folders of the project.
        base: spec folders that are known and not generated.

    Raises:
        SpecErrors: if the specs or the hand-written files are wrong.
        TreeTroubles: if something in the tree is in the way.
        NotWritten: if the system refuses something.
    """
    root: Path = arguments.tree
    project = _file_name(arguments.project or project_name(Path()))

    def make() -> integrate.Plan | None:
        if arguments.undo:
            return integrate.plan_undo(root, project, force=arguments.force)
        return _plan(arguments, project, folders, base)

    if arguments.undo:
        if arguments.patch is not None:
            raise NothingThere(
                "--undo takes back what is in the tree, and --patch puts nothing there"
            )
        if not root.is_dir():
            raise qemutree.NotQemu(f"there is no folder '{root}'")
        if records.read(root, project) is None and not arguments.dry_run:
            writer.carry_out(root, project, make)
            others = ", ".join(records.projects(root))
            there = f"; there is something of {others}: --project names one" if others else ""
            raise NothingThere(f"'{root}' has nothing of the project '{project}'{there}")
    if arguments.dry_run:
        made = make()
        changes = made.changes if made is not None else {}
        sys.stdout.write(diff(made.draft, changes) if made is not None else "")
        if not changes:
            sys.stdout.write("nothing would change\n")
        return DRIFT if changes else CLEAN
    if arguments.patch is not None:
        return _patch(make(), arguments.patch, force=arguments.force)
    done = writer.carry_out(root, project, make)
    assert done is not None
    for verb, paths in (("wrote", done.written), ("removed", done.removed)):
        for path in paths:
            sys.stdout.write(f"{verb} {visible(str(root / path))}\n")
    counts = f"{len(done.written)} written, {len(done.removed)} removed, {done.unchanged} unchanged"
    sys.stdout.write(f"{counts}\n")
    return CLEAN


def _plan(
    arguments: argparse.Namespace,
    project: str,
    folders: Sequence[Path],
    base: Sequence[Path],
) -> integrate.Plan:
    if arguments.specs is None and not Path("device_specs").is_dir():
        raise NothingThere(
            "here is no project: run this in a folder with device_specs, or name some with --specs"
        )
    tree = qemutree.open_tree(arguments.tree, arguments.qemu)
    found = Diagnostics()
    specs = pipeline.load(folders, found, base=base)
    catalogs = pipeline.catalogs(specs, found)
    found.raise_if_any()
    catalog = catalogs[tree.series]
    generated = pipeline.c_files(catalog, data_folder("templates"))
    hand = parts.read_hand(arguments.hand)
    made = parts.read(specs.documents, catalog, generated, hand, found)
    found.raise_if_any()
    if not made:
        raise NothingThere(f"no spec gives anything for QEMU {tree.series}")
    return integrate.plan(tree, project, made, hand, force=arguments.force)


def _patch(made: integrate.Plan | None, folder: Path, *, force: bool) -> int:
    assert made is not None
    patch.check_clean(made)
    patches = patch.series(made, patch.author(made.root))
    for path in patch.write(patches, folder, force=force):
        sys.stdout.write(f"wrote {path}\n")
    if not patches:
        sys.stdout.write("no patches: the tree lacks nothing of this project\n")
    return CLEAN


def project_name(folder: Path) -> str:
    """What the project in `folder` is called: as its pyproject.toml says, else as the folder is."""
    name = folder.resolve().name
    file = folder / "pyproject.toml"
    if file.is_file():
        try:
            said = tomllib.loads(file.read_text("utf-8")).get("project", {}).get("name")
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, AttributeError):
            said = None
        if isinstance(said, str) and said:
            name = said
    return name


def _file_name(project: str) -> str:
    """A project's name as a file may have it: all but letters, digits, `-`, `_` and `.` become `-`."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", project).lstrip(".") or "project"


def diff(draft: qemutree.Draft, changes: Mapping[PurePosixPath, bytes | None]) -> str:
    """`changes` as a unified diff against what is on the disk, with paths below the tree."""
    chunks: list[str] = []
    for path, data in changes.items():
        there = draft.on_disk(path)
        old = f"a/{path}" if there is not None else "/dev/null"
        new = f"b/{path}" if data is not None else "/dev/null"
        lines = difflib.unified_diff(_lines(there), _lines(data), old, new)
        chunks += [line if line.endswith("\n") else line + _NO_NEWLINE for line in lines]
    return "".join(chunks)


def _lines(data: bytes | None) -> list[str]:
    """Lines as diffs have them: ended by line feeds alone."""
    text = (data or b"").decode("utf-8", "replace")
    return re.findall(r"[^\n]*\n|[^\n]+", text)
