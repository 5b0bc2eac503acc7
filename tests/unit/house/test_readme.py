# SPDX-License-Identifier: GPL-2.0-or-later
"""What README shows on a console is what happens."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests import console
from tests.unit.house import checkout

README = (checkout.ROOT / "README.md").read_text()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    folder = checkout.copy(tmp_path / "qomgen")
    checkout.lend_venv(folder)
    return folder


def test_its_commands_print_what_it_says(copy: Path) -> None:
    console.check(console.commands(README), copy, checkout.environment())


@pytest.mark.parametrize(
    "wrong", ["echo one", "echo one; echo two; echo three", "echo two; echo one"]
)
def test_what_a_page_does_not_say_is_found(tmp_path: Path, wrong: str) -> None:
    page = "```console\n$ {}\none\nt...\n```\n"
    console.check(console.commands(page.format("echo one; echo two")), tmp_path, os.environ)
    with pytest.raises(AssertionError, match=wrong):
        console.check(console.commands(page.format(wrong)), tmp_path, os.environ)


def test_its_make_targets_exist(copy: Path) -> None:
    targets = re.findall(r"^    make ?(\S*)", README, re.MULTILINE)
    assert "test" in targets
    for target in targets:
        subprocess.run(["make", "--dry-run", *target.split()], cwd=copy, check=True)


def test_its_folders_exist() -> None:
    folders = re.findall(r"^\| `([a-z_]+)/` \|", README, re.MULTILINE)
    assert "runtime" in folders
    assert [folder for folder in folders if not (checkout.ROOT / folder).is_dir()] == []
