# SPDX-License-Identifier: GPL-2.0-or-later
"""This checkout as it stands, in a folder of its own, and git in that folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def files() -> list[Path]:
    """List what git tracks or would track here, relative to the checkout.

    Raises:
        subprocess.CalledProcessError: this is no git checkout.
    """
    listed = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").stdout
    paths = [Path(name) for name in listed.split("\0") if name]
    # What somebody deleted a moment ago is still in the index.
    return [path for path in paths if (ROOT / path).is_file()]


def copy(folder: Path) -> Path:
    """Copy the checkout, without its history and what is ignored, to `folder`."""
    for path in files():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, target)
    return folder


def lend_venv(folder: Path) -> None:
    """Link the .venv that runs the tests into a copy, old enough that make does not set it up anew."""
    venv = Path(sys.prefix)
    (folder / ".venv").symlink_to(venv)
    done = (venv / ".done").stat().st_mtime if (venv / ".done").exists() else 0
    for name in ("bootstrap", "pyproject.toml"):
        os.utime(folder / name, (done - 1, done - 1))


def environment() -> dict[str, str]:
    """Return the environment without git's settings, of a person or of a hook that runs us."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


def git(folder: Path, *argv: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run git in `folder` as nobody in particular.

    Raises:
        subprocess.CalledProcessError: git failed.
    """
    settings = ("user.name=Test", "user.email=test@localhost", f"safe.directory={folder}")
    return subprocess.run(
        ["git", *(word for setting in settings for word in ("-c", setting)), *argv],
        cwd=folder,
        env=environment() | env,
        check=True,
        capture_output=True,
        text=True,
    )
