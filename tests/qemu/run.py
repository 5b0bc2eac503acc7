# SPDX-License-Identifier: GPL-2.0-or-later
"""Running other programs, with an error that shows what they said."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


class CommandError(Exception):
    """A program failed.  The text holds the end of its output, and then its command line."""

    def __init__(self, argv: Sequence[str], code: int, output: str) -> None:
        self.output = output
        tail = "\n".join(output.rstrip().splitlines()[-40:])
        super().__init__(f"exit code {code}\n{tail}\nof: {shlex.join(argv)}")


def run(
    argv: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = 1200,
) -> str:
    """Run *argv* and return what it wrote to its two outputs, in order.

    *env* is added to the environment; *timeout* is in seconds.  Raises `CommandError` when the
    program fails, `FileNotFoundError` when it is not there.
    """
    words = [str(word) for word in argv]
    done = subprocess.run(
        words,
        cwd=cwd,
        env={**os.environ, "LC_ALL": "C.UTF-8", **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        timeout=timeout,
        check=False,
    )
    if done.returncode:
        raise CommandError(words, done.returncode, done.stdout)
    return done.stdout
