# SPDX-License-Identifier: GPL-2.0-or-later
"""What README shows on a console is what happens."""

from __future__ import annotations

import re
import subprocess
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from tests.unit.house import checkout

README = (checkout.ROOT / "README.md").read_text()


def commands() -> list[tuple[str, list[str]]]:
    """Each command of README's console blocks with the lines it prints; "..." stands for any text."""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"^```console\n(.*?)^```$", README, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line.removeprefix("$ "), []))
            else:
                found[-1][1].append(line)
    return found


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    folder = checkout.copy(tmp_path / "qomgen")
    checkout.lend_venv(folder)
    return folder


def test_its_commands_print_what_it_says(copy: Path) -> None:
    said = commands()
    assert said
    # One shell runs them all, as a reader's would; a line of its own ends what each prints.
    script = "".join(f"{command}\necho '<end>'\n" for command, _ in said)
    done = subprocess.run(
        ["bash"],
        input=script,
        cwd=copy,
        env=checkout.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    printed = [part.splitlines() for part in done.stdout.split("<end>\n")][:-1]
    for (command, expected), lines in zip(said, printed, strict=True):
        assert len(lines) == len(expected), (command, lines)
        for line, pattern in zip(lines, expected, strict=True):
            literal = re.sub(r"([*?[])", r"[\1]", pattern)
            assert fnmatchcase(line, literal.replace("...", "*")), command


def test_its_make_targets_exist(copy: Path) -> None:
    targets = re.findall(r"^    make ?(\S*)", README, re.MULTILINE)
    assert "test" in targets
    for target in targets:
        subprocess.run(["make", "--dry-run", *target.split()], cwd=copy, check=True)


def test_its_folders_exist() -> None:
    folders = re.findall(r"^\| `([a-z_]+)/` \|", README, re.MULTILINE)
    assert "runtime" in folders
    assert [folder for folder in folders if not (checkout.ROOT / folder).is_dir()] == []
