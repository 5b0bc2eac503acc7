# SPDX-License-Identifier: GPL-2.0-or-later
"""Projects as `qomgen new` makes them, without a hand on them: what is built into QEMU trees here.

Together the devices have a property of each kind that `new` knows.
"""

from __future__ import annotations

import functools
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from .run import run

PYTHON = sys.executable

_TEN_PASSED = (
    "x-trace:bool",
    "lanes:uint8=4",
    "queues:uint16=32",
    "irq-delay:uint32=70000",
    "cookie:uint64=0x100000000",
    "offset:int32=-5",
    "window:size=64K",
    "firmware:string",
    "poll:on-off-auto=auto",
    "token:uuid",
)
_TEN_EMULATED = (
    "fast:bit=on",
    "wide:bit64=off",
    "drift:int64=-7",
    "buffer:size32=4K",
    "serial:uuid-nodefault",
    "relocate:off-auto-pcibar=bar2",
    "peer:pci-devfn",
    "twin:pci-host-devaddr",
    "bootindex:bootindex",
    "label:string",
)

PROJECTS: Mapping[str, tuple[str, ...]] = {
    "edu-passthru": ("--parent=vfio-pci", "--pci-id=1234:11e8", "--property=queues:uint32=8"),
    "ten-kinds-passed": (
        # QEMU's nvme, which the guest of tests/vm has.
        *("--parent=vfio-pci", "--pci-id=1b36:0010"),
        *(f"--property={each}" for each in _TEN_PASSED),
    ),
    "ten-kinds-emulated": (
        *("--parent=pci-device", "--pci-id=1234:11e9"),
        *(f"--property={each}" for each in _TEN_EMULATED),
    ),
    "edu-alone": (
        *("--parent=vfio-pci-device", "--pci-id=1234:11e8", "--qemu=10.2"),
        "--property=queues:uint32=8",
    ),
}
"""Type -> the options of `qomgen new`."""

EMULATED = ("ten-kinds-emulated",)
_SINCE_10_2 = ("edu-alone",)


def names(series: str) -> list[str]:
    """The types that *series* can have: before 10.2 nobody had vfio-pci-device for a parent."""
    return [name for name in PROJECTS if series == "10.2" or name not in _SINCE_10_2]


def folders(series: str) -> list[Path]:
    """Their projects' folders."""
    return [made()[name] for name in names(series)]


@functools.cache
def _home() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="qomgen-projects-")


@functools.cache
def made() -> Mapping[str, Path]:
    """The projects' folders, made once a process.  Raises `run.CommandError` when `new` fails."""
    home = Path(_home().name)
    for name, options in PROJECTS.items():
        run([PYTHON, "-m", "qomgen", "new", name, *options, "--yes"], cwd=home)
    return {name: home / name for name in PROJECTS}
