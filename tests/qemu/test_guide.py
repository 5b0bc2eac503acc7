# SPDX-License-Identifier: GPL-2.0-or-later
"""What docs/guide.md shows beside QEMU's source is what happens to QEMU's source."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import console

from .run import run
from .tree import Tree
from .units import ALL

GUIDE = (Path(__file__).parents[2] / "docs" / "guide.md").read_text("utf-8")


@pytest.mark.parametrize("series", ALL)
def test_its_commands_print_what_it_says(
    series: str, series_or_reason: Callable[[str], Tree], tmp_path: Path
) -> None:
    # No file of a tree is written in place, so that a copy of it may share them.
    run(["cp", "-a", "-l", series_or_reason(series).path, tmp_path / "qemu"])
    first = next(each for each in console.commands(GUIDE) if each.words.startswith("qomgen new"))
    programs = Path(sys.prefix) / "bin"
    environment = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"}
    console.check([first], tmp_path, environment)
    author = {
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": "user.name",
        "GIT_CONFIG_VALUE_0": "Test",
    }
    author |= {"GIT_CONFIG_KEY_1": "user.email", "GIT_CONFIG_VALUE_1": "test@localhost"}
    console.check(
        console.commands(GUIDE, "console qemu"), tmp_path / "edu-passthru", environment | author
    )
