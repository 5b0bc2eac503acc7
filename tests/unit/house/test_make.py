# SPDX-License-Identifier: GPL-2.0-or-later
"""`make` does the main job, and a second one nothing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.house import checkout


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The checkout with the .venv that runs the tests."""
    folder = checkout.copy(tmp_path / "qomgen")
    checkout.lend_venv(folder)
    if not (Path(sys.prefix) / ".done").exists():
        pytest.skip("run the tests with .venv/bin/python, of `sh bootstrap`")
    return folder


def make(folder: Path, *argv: str) -> str:
    env = {name: value for name, value in checkout.environment().items() if "MAKE" not in name}
    return subprocess.run(
        ["make", *argv], cwd=folder, env=env, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def state(folder: Path) -> dict[str, tuple[int, int]]:
    """Each file's inode and time of change: writing one anew changes it, even with equal bytes."""
    return {
        str(path.relative_to(folder)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and ".venv" not in path.parts
    }


def test_make_generates_what_is_missing(copy: Path) -> None:
    shutil.rmtree(copy / "generated/c")
    make(copy)
    for path in checkout.files():
        if path.is_relative_to("generated/c"):
            assert (copy / path).read_bytes() == (checkout.ROOT / path).read_bytes()


def test_a_second_make_writes_nothing(copy: Path) -> None:
    make(copy)
    before = state(copy)
    make(copy)
    assert state(copy) == before


def test_a_touched_pyproject_sets_up_again(copy: Path) -> None:
    assert "bootstrap" not in make(copy, "--dry-run")
    (copy / "pyproject.toml").touch()
    assert "bootstrap" in make(copy, "--dry-run")
