# SPDX-License-Identifier: GPL-2.0-or-later
"""
Brings a project into a tree again and again, and stops it at each step that it takes on the disk.

Run by test_integrate_killed.py with fault.c preloaded. Each run is a process of its own, forked when the specs are
read; what is printed is JSON: a row a run.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qomgen import pipeline, quick
from qomgen.diagnostics import Diagnostics
from qomgen.integration import parts, writer
from qomgen.integration import plan as integrate
from qomgen.integration.qemutree import open_tree
from qomgen.paths import data_folder
from qomgen.publish import NotWritten

Files = dict[str, str]
"""Text by path."""

PROJECT = "project"


def lay(folder: Path, files: Files) -> None:
    """Make `folder` hold `files` and nothing else."""
    shutil.rmtree(folder, ignore_errors=True)
    for path, text in files.items():
        target = folder / path
        (target if path.endswith("/") else target.parent).mkdir(parents=True, exist_ok=True)
        if not path.endswith("/"):
            target.write_text(text, encoding="utf-8")


def look(folder: Path) -> Files:
    """What `folder` holds; a folder without anything is told by a slash."""
    return {
        path.relative_to(folder).as_posix()
        + "/" * path.is_dir(): (path.read_text("utf-8") if path.is_file() else "")
        for path in sorted(folder.rglob("*"))
        if path.is_file() or not any(path.iterdir())
    }


def bringing(tree: Path, project: Path) -> Callable[[], integrate.Plan]:
    """What makes the plan of bringing `project` in; the specs are read now."""
    found = Diagnostics()
    specs = [project / "device_specs"]
    base = [Path(each) for each in quick.base_folders([str(each) for each in specs])]
    read = pipeline.load(specs, found, base=base)
    catalogs = pipeline.catalogs(read, found)
    catalog = catalogs[open_tree(tree).series]
    generated = pipeline.c_files(catalog, data_folder("templates"))
    hand = parts.read_hand(project / "qemu")
    made = parts.read(read.documents, catalog, generated, hand, found)
    found.raise_if_any()
    return lambda: integrate.plan(open_tree(tree), PROJECT, made, hand)


def run(
    tree: Path, make: Callable[[], integrate.Plan | None], step: int, error: int
) -> tuple[int, int, str]:
    """Carry out a plan in a child; its exit code, negative for a signal, the steps it took and what it said."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        preloaded = ctypes.CDLL(None)
        # The library keeps the pointer: the name must stay alive.
        below = str(tree).encode()
        preloaded.fault_arm(below, step, error)
        code, said = 3, ""
        try:
            writer.carry_out(tree, PROJECT, make)
            code = 0
        except NotWritten as refused:
            code, said = 2, str(refused)
        except OSError as refused:
            # As the command line tells what could not be read.
            code, said = 2, f"{refused.filename}: {refused.strerror}"
        finally:
            os.write(writing, f"{preloaded.fault_steps()} {said}".encode())
            os._exit(code)
    os.close(writing)
    _, status = os.waitpid(child, 0)
    with os.fdopen(reading) as stream:
        steps, _, said = stream.read().partition(" ")
    return os.waitstatus_to_exitcode(status), int(steps or 0), said


def main() -> None:
    """Read what to do from standard input."""
    asked: dict[str, Any] = json.load(sys.stdin)
    folder = Path(asked["folder"])
    tree = folder / "tree"
    lay(tree, asked["tree"])
    makes: dict[str, Callable[[], integrate.Plan | None]] = {}
    for name in ("old", "new"):
        lay(folder / name, asked[name])
        makes[name] = bringing(tree, folder / name)
    makes["undo"] = lambda: integrate.plan_undo(tree, PROJECT)
    states = {"none": look(tree)}
    for name in ("old", "new"):
        lay(tree, asked["tree"])
        run(tree, makes[name], -1, 0)
        states[name] = look(tree)
    rows = []
    for before, after, errors in (
        ("none", "new", asked["errors"]),
        ("old", "new", [0]),
        ("new", "undo", [0]),
    ):
        lay(tree, states[before])
        _, steps, _ = run(tree, makes[after], -1, 0)
        for error in errors:
            for step in range(steps):
                lay(tree, states[before])
                code, _, said = run(tree, makes[after], step, error)
                row: dict[str, object] = {"before": before, "after": after, "error": error}
                row |= {"code": code, "said": said, "files": look(tree)}
                left = look(tree)
                for way in ("new", "undo"):
                    lay(tree, left)
                    run(tree, makes[way], -1, 0)
                    row[way] = look(tree)
                rows.append(row)
    json.dump({"states": states, "rows": rows}, sys.stdout)


if __name__ == "__main__":
    main()
