# SPDX-License-Identifier: GPL-2.0-or-later
"""Bringing a project in, killed or refused at any step: every file is whole, and the next run mends, either way."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from qomgen.marks import TEMPORARY
from tests.smalltree import MY_DEV, PROJECT, TREE

from . import compiler

HERE = Path(__file__).parent

NEWER = {
    **PROJECT,
    "device_specs/my-dev.yaml": MY_DEV.replace("default: 7", "default: 8").replace(
        "depends: [PCI]", "depends: [PCI, LINUX]"
    ),
    "qemu/hw/misc/my-dev-dma.c": "/* More of it. */\n",
    "qemu/include/hw/misc/deeper/my-dev.h": "/* In folders that are not there. */\n",
}
del NEWER["qemu/tests/qtest/my-assign-test.c"]
OLDER = {**PROJECT, "qemu/hw/misc/my-dev-old.h": "/* Gone in the newer one. */\n"}

ERRORS = (0, errno.ENOSPC)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What fault_integrate.py found."""
    folder = tmp_path_factory.mktemp("runs")
    library = folder / "fault.so"
    command = [compiler.gcc(), *compiler.STRICT, "-shared", "-fPIC", "-o", str(library)]
    subprocess.run([*command, str(HERE / "fault.c"), "-ldl"], check=True)
    asked = {"folder": str(folder), "tree": dict(TREE), "old": OLDER, "new": NEWER}
    done = subprocess.run(
        [sys.executable, HERE / "fault_integrate.py"],
        input=json.dumps({**asked, "errors": ERRORS}),
        env={**os.environ, "LD_PRELOAD": str(library)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_killed_or_refused_at_every_step(runs: Any, capsys: pytest.CaptureFixture[str]) -> None:
    states = runs["states"]
    known: dict[str, set[str]] = {}
    for state in states.values():
        for path, text in state.items():
            known.setdefault(path, set()).add(text)
    kills = 0
    for row in runs["rows"]:
        if row["error"] == 0:
            kills += 1
            assert row["code"] == -signal.SIGKILL
        else:
            assert row["code"] == 2
            assert os.strerror(row["error"]) in row["said"]
        for path, text in row["files"].items():
            # The record has a state of its own while a run is under way; it is read below, by the next run.
            if not path.startswith(".qomgen/") and not path.endswith((TEMPORARY, "/")):
                assert text in known[path], (row["before"], row["after"], path)
        assert row["new"] == states["new"], (row["before"], row["after"])
        assert row["undo"] == states["none"], (row["before"], row["after"])
    assert kills > 200
    with capsys.disabled():
        sys.stdout.write(f"\nintegrate: {kills} kill points tried, 0 torn files\n")


def test_the_steps_are_told_apart(runs: Any) -> None:
    """A check of the check: the states that killed runs left differ."""
    left = {json.dumps(row["files"], sort_keys=True) for row in runs["rows"] if row["error"] == 0}
    assert len(left) > 100
