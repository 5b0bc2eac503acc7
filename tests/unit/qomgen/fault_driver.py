# SPDX-License-Identifier: GPL-2.0-or-later
"""
Runs `qomgen generate` again and again, and stops it at each step that it takes on the disk.

Run by test_publish.py with fault.c preloaded. Each run is a process of its own, forked when everything is imported and
the plan is made; what is printed is JSON: a row a run.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import sys
from pathlib import Path, PurePosixPath
from typing import Any

from qomgen import commands, pipeline
from qomgen.plan import Plan

Files = dict[str, tuple[str, int]]
"""Text and mode by path."""


def lay(output: Path, files: Files) -> None:
    """Make `output` hold `files` and nothing else."""
    shutil.rmtree(output, ignore_errors=True)
    for path, (text, mode) in files.items():
        target = output / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="ascii")
        target.chmod(mode)


def look(output: Path) -> Files:
    """What `output` holds."""
    return {
        path.relative_to(output).as_posix(): (path.read_text("ascii"), path.stat().st_mode & 0o777)
        for path in sorted(output.rglob("*"))
        if path.is_file()
    }


def generate(output: Path, said: Path, step: int, error: int) -> tuple[int, int]:
    """Run `qomgen generate` in a child; its exit code, negative for a signal, and the steps it took."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
        os.dup2(2, 1)
        preloaded = ctypes.CDLL(None)
        below = str(output).encode()
        preloaded.fault_arm(below, step, error)
        code = commands.run(["generate", "--no-cache", "--output", str(output)])
        os.write(writing, str(preloaded.fault_steps()).encode())
        sys.stdout.flush()
        os._exit(code)
    os.close(writing)
    _, status = os.waitpid(child, 0)
    with os.fdopen(reading) as stream:
        steps = stream.read()
    return os.waitstatus_to_exitcode(status), int(steps or 0)


def main() -> None:
    """Read what to do from standard input."""
    asked: dict[str, Any] = json.load(sys.stdin)
    output, said = Path(asked["output"]), Path(asked["said"])
    old: Files = {path: (text, mode) for path, (text, mode) in asked["old"].items()}
    files = {PurePosixPath(path): text.encode() for path, text in asked["new"].items()}
    plan = Plan(files, tuple(PurePosixPath(folder) for folder in asked["scope"]))
    # The one stage that touches the disk is what is tried; the others need not run each time.
    pipeline.build = lambda *_arguments, **_keywords: plan
    lay(output, old)
    _, steps = generate(output, said, -1, 0)
    rows = []
    for error in asked["errors"]:
        for step in range(steps):
            lay(output, old)
            code, _ = generate(output, said, step, error)
            row: dict[str, object] = {"error": error, "step": step, "code": code}
            row |= {"said": said.read_text("utf-8"), "files": look(output)}
            row["mended"], _ = generate(output, said, -1, 0)
            row["after"] = look(output)
            rows.append(row)
    json.dump({"steps": steps, "rows": rows}, sys.stdout)


if __name__ == "__main__":
    main()
