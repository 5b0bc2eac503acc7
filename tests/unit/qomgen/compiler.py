# SPDX-License-Identifier: GPL-2.0-or-later
"""The real C compiler as an oracle: compile a program and run it, or see what tokens are left of a text."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

DIALECTS = (("-std=gnu11",), ("-std=c11", "-trigraphs"))
"""How QEMU compiles, and the dialect in which more characters have a meaning."""

STRICT = ("-Wall", "-Wextra", "-Werror")


def gcc() -> str:
    """The compiler; without one the test is skipped."""
    found = shutil.which("gcc")
    if found is None:
        pytest.skip("no gcc; install gcc and libc6-dev")
    return found


def check(source: str, *flags: str) -> None:
    """
    Compile `source` and forget the result.

    Raises:
        AssertionError: if the compiler has anything to say.
    """
    _gcc(source, "-fsyntax-only", *flags)


def preprocess(source: str, *flags: str) -> str:
    """`source` without comments, macros expanded, on one line."""
    return " ".join(_gcc(source, "-E", "-P", *flags).split())


def run(source: str, folder: Path, *flags: str) -> bytes:
    """What the program `source` prints; it is compiled in `folder`."""
    program = folder / "program"
    _gcc(source, "-o", str(program), *flags)
    return subprocess.run([program], capture_output=True, check=True).stdout


def _gcc(source: str, *flags: str) -> str:
    command = [gcc(), *STRICT, *flags, "-x", "c", "-"]
    done = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stderr}\n--- of ---\n{source}"
    assert not done.stderr, done.stderr
    return done.stdout
