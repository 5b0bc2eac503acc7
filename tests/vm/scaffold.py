# SPDX-License-Identifier: GPL-2.0-or-later
"""Projects as `qomgen new` makes them, for the guest to run: passthrough devices for edu."""

from __future__ import annotations

import functools
import sys
import tempfile
from pathlib import Path

from tests.qemu.run import run

NAME = "edu-passthru"
BARE = "edu-bare"
"""The same on vfio-pci-device, which QEMU has since 10.2."""

# Kept while the process lives; its finalizer takes the folder away.
_folders: list[tempfile.TemporaryDirectory[str]] = []


@functools.cache
def folder() -> Path:
    """The folder of the project, made by this checkout's own qomgen.

    Raises:
        tests.qemu.run.CommandError: qomgen failed.
    """
    return _made(NAME, "vfio-pci", "queues:uint32=8", "x-trace:bool")


@functools.cache
def bare() -> Path:
    """The folder of the other one; raises likewise."""
    return _made(BARE, "vfio-pci-device", "queues:uint32=8")


def _made(name: str, parent: str, *properties: str) -> Path:
    _folders.append(tempfile.TemporaryDirectory(prefix="qomgen-new-"))
    made = Path(_folders[-1].name) / name
    words = ["--parent", parent, "--pci-id", "1234:11e8", "--into", str(made), "--yes"]
    words += [f"--property={each}" for each in properties]
    run([sys.executable, "-m", "qomgen", "new", name, *words])
    return made
