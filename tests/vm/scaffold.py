# SPDX-License-Identifier: GPL-2.0-or-later
"""A project as `qomgen new` makes it, for the guest to run: a passthrough device for edu."""

from __future__ import annotations

import functools
import sys
import tempfile
from pathlib import Path

from tests.qemu.run import run

NAME = "edu-passthru"

# Kept while the process lives; its finalizer takes the folder away.
_folders: list[tempfile.TemporaryDirectory[str]] = []


@functools.cache
def folder() -> Path:
    """The folder of the project, made by this checkout's own qomgen.

    Raises:
        tests.qemu.run.CommandError: qomgen failed.
    """
    _folders.append(tempfile.TemporaryDirectory(prefix="qomgen-new-"))
    made = Path(_folders[-1].name) / NAME
    words = ["--parent", "vfio-pci", "--pci-id", "1234:11e8", "--property", "queues:uint32=8"]
    words += ["--property", "x-trace:bool", "--into", str(made), "--yes"]
    run([sys.executable, "-m", "qomgen", "new", NAME, *words])
    return made
