# SPDX-License-Identifier: GPL-2.0-or-later
"""What docs/guide.md shows on the machine that has the device is what happens."""

from __future__ import annotations

import os
from pathlib import Path

from tests import console
from tests.vm.guest import devices

ROOT = Path(__file__).parents[3]
PROJECT = ROOT / "edu-passthru"


def test_its_commands_print_what_it_says(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "guide.md").read_text("utf-8")
    # The reader's device is elsewhere.
    said = console.commands(guide.replace("0000:01:00.0", devices.address("edu")), "console device")
    # As if the project were installed: the guest has no pip.
    folders = [PROJECT, PROJECT / "generated" / "python"]
    path = os.pathsep.join([*map(str, folders), os.environ.get("PYTHONPATH", "")])
    console.check(said, tmp_path, os.environ | {"PYTHONPATH": path}, "sh")
