# SPDX-License-Identifier: GPL-2.0-or-later
"""What git says of the outputs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path


class GitError(Exception):
    """git is not there, or the folder is in none of its checkouts; the message says which."""


def untracked(output: str, paths: Iterable[str]) -> list[str]:
    """
    Those of `paths` that git does not track.

    Args:
        output: the folder that they are in.
        paths: files below it, with slashes.

    Raises:
        GitError: if git can't be asked.
    """
    if not Path(output).is_dir():
        return []
    command = ["git", "-C", output, "ls-files", "-z", "--", "."]
    try:
        done = subprocess.run(command, capture_output=True, check=True)
    except FileNotFoundError as error:
        raise GitError("--git needs the program git") from error
    except subprocess.CalledProcessError as error:
        raise GitError(f"--git: {os.fsdecode(error.stderr).strip()}") from error
    tracked = set(os.fsdecode(done.stdout).split("\0"))
    return [path for path in paths if path not in tracked]
