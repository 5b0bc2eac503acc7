# SPDX-License-Identifier: GPL-2.0-or-later
"""The benchmark runs. What it measures is for people to read: nothing here depends on time."""

from __future__ import annotations

import os
import re
import subprocess
import sys

from .conftest import CHECKOUT


def test_the_benchmark_prints_its_table() -> None:
    done = subprocess.run(
        [sys.executable, str(CHECKOUT / "bench" / "run.py"), "1"],
        env=os.environ | {"PYTHONPATH": f"{CHECKOUT / 'generator'}:{CHECKOUT / 'runtime'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    assert [re.split(r" *\| *", row)[1] for row in rows] == [
        "what",
        "python -c pass",
        "sha256 of what a check looks at",
        "qomgen check, nothing changed",
        "qomgen generate, nothing changed",
        "qomgen check --no-cache, nothing changed",
        "qomgen generate, one spec changed",
        "qomgen generate, cold",
    ]
    assert re.search(r"\n1 rounds, \d+ files of \d+ KiB, Python ", done.stdout)
