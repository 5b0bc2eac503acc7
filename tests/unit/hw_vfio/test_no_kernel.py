# SPDX-License-Identifier: GPL-2.0-or-later
"""Until a device is realized nobody touches the kernel: an object can be made and set up anywhere.

Oracle: strace, which sees every system call that names a file.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_KERNEL = ("/dev/vfio", "/dev/iommu")

# Import, object_new, each property that can be set, finalize; with "open", a device as well.
_PROGRAM = """
import os, sys
from pyqom import SERIES, Error, World, machine_start, object_class_by_name, object_new, object_unref
from pyqom.packages import load_device_packages
from pyqom.property import object_property_iter, object_property_parse

VALUES = ("on", "5", "off", "1:2.3", "bar2", "auto", "", "/objects/i0")

def set_one(obj, name):
    for value in VALUES:
        try:
            object_property_parse(obj, name, value)
        except Error:
            continue
        return 1
    return 0

load_device_packages()
settable = 0
for series in SERIES:
    with World(series):
        machine_start("q35")
        for typename in ("vfio-pci", "vfio-pci-nohotplug", "iommufd"):
            if object_class_by_name(typename) is None:
                continue
            obj = object_new(typename)
            for prop in list(object_property_iter(obj)):
                if prop.set is not None and prop.name != "realized":
                    settable += set_one(obj, prop.name)
            object_unref(obj)
if sys.argv[1:] == ["open"]:
    for path in ("/dev/vfio/vfio", "/dev/iommu"):
        try:
            os.close(os.open(path, os.O_RDONLY))
        except OSError:
            pass
print(settable)
"""


def _trace(folder: Path, *arguments: str) -> tuple[int, str]:
    """How many properties were set, and the system calls that name a file."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("there is no strace; install it: apt-get install strace")
    log = folder / "calls"
    ran = subprocess.run(
        [
            *(strace, "--follow-forks", "--trace=%file", f"--output={log}"),
            *(sys.executable, "-c", _PROGRAM, *arguments),
        ],
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if "Operation not permitted" in ran.stderr:
        pytest.skip(f"strace may not trace here; allow ptrace: {ran.stderr.splitlines()[0]}")
    assert ran.returncode == 0, ran.stderr
    return int(ran.stdout), log.read_text(encoding="utf-8", errors="replace")


def test_no_file_of_the_kernels_is_opened(tmp_path: Path) -> None:
    settable, calls = _trace(tmp_path)
    assert settable > 200, "hardly anything was set"
    assert "hw_vfio" in calls, "strace saw hardly anything"
    assert not [line for line in calls.splitlines() if any(path in line for path in _KERNEL)]


def test_an_open_would_be_seen(tmp_path: Path) -> None:
    _, calls = _trace(tmp_path, "open")
    for path in _KERNEL:
        assert any("open" in line and path in line for line in calls.splitlines())
