# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/guide.md, from its first command to the device: what it shows on a console is what happens.

What needs the device is run where there is one (tests/vm/guest), what needs QEMU's source in tests/qemu.
"""

from __future__ import annotations

import re
from pathlib import Path

from tests import console
from tests.unit.house import checkout

GUIDE = (checkout.ROOT / "docs" / "guide.md").read_text("utf-8")


def test_its_commands_print_what_it_says(tmp_path: Path) -> None:
    checkout.copy(tmp_path / "qomgen")
    console.check(console.commands(GUIDE), tmp_path, checkout.environment())


def test_each_of_its_blocks_is_run_by_some_test() -> None:
    kinds = set(re.findall(r"^```(.+)$", GUIDE, re.MULTILINE))
    assert kinds == {"console", "console device", "console qemu"}


def test_its_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)]*)\)", GUIDE)
    assert links
    assert [link for link in links if not (checkout.ROOT / "docs" / link).is_file()] == []
