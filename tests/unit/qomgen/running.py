# SPDX-License-Identifier: GPL-2.0-or-later
"""A small project of a user, and qomgen run in it as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from .conftest import CHECKOUT

QEMU_SPECS = CHECKOUT / "device_specs" / "qemu"

SPEC = """\
# SPDX-License-Identifier: GPL-2.0-or-later
type: my-dev
doc: A device of mine.
license: GPL-2.0-or-later
parent: device
source: hw/misc/my-dev.c
python: {hooks: my_hooks.dev}
instance_struct:
  name: MyDev
  fields:
    parent_obj: DeviceState
    level: {type: uint32_t, doc: How much of it}
properties:
  level: {kind: uint32, field: level, default: 7, description: How much of it}
class_init:
  - DeviceClass: {desc: My device, realize: my_dev_realize}
"""

HOOKS = '''\
"""What my device does."""


def realize(dev):
    """Do nothing."""
'''


def project(folder: Path) -> Path:
    """Lay the project in `folder`: specs in two folders, of mine and of QEMU, and a hook module."""
    (folder / "specs").mkdir(parents=True)
    (folder / "specs" / "my-dev.yaml").write_text(SPEC)
    (folder / "hooks" / "my_hooks").mkdir(parents=True)
    (folder / "hooks" / "my_hooks" / "__init__.py").touch()
    (folder / "hooks" / "my_hooks" / "dev.py").write_text(HOOKS)
    return folder


OPTIONS = (
    "--specs",
    str(QEMU_SPECS),
    "--specs",
    "specs",
    "--python-path",
    "hooks",
    "--output",
    "out",
)
"""What each run in the project needs to be told."""

NAMES = sorted(
    [
        f"c/qemu-{series}/my-dev.{end}"
        for series in ("7.2", "10.0", "10.2")
        for end in ("c.inc", "h.inc")
    ]
    + [f"python/qomgen_devices/{name}" for name in ("__init__.py", "my_dev.py", "py.typed")]
)
"""What is generated from the project."""


def qomgen(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run qomgen in `folder`."""
    return subprocess.run(
        [sys.executable, "-m", "qomgen", *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT / "generator")} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def outputs(folder: Path) -> dict[str, bytes]:
    """The files below `folder`."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
