# SPDX-License-Identifier: GPL-2.0-or-later
"""The rules that the doctor gives, in the hands of the real udev: who gets the device, and who not."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

import pyvfio
from pyvfio.doctor import Wanted, examine
from pyvfio.opening import Backend
from tests.vm.guest import binding, devices
from tests.vm.guest.forked import PATIENCE, USER, become_user, forked

UDEV = Path("/qomgen/udev")
ENVIRONMENT = {**os.environ, "LD_LIBRARY_PATH": str(UDEV / "lib")}
RULES = Path("/etc/udev/rules.d/70-vfio.rules")
CONTROL = Path("/run/udev/control")
"""What the daemon listens at."""
TEST = Path("/usr/bin/test")
"""What one rule calls; Debian has it there."""


def udevadm(*words: str) -> None:
    subprocess.run([UDEV / "udevadm", *words], env=ENVIRONMENT, check=True)


@pytest.fixture
def udev() -> Iterator[None]:
    """The daemon that applies rules to files below /dev as they come; afterwards they are root's."""
    RULES.parent.mkdir(parents=True, exist_ok=True)
    if not TEST.exists():
        TEST.symlink_to("/bin/busybox")
    daemon = subprocess.Popen([UDEV / "systemd-udevd"], env=ENVIRONMENT)
    end = time.monotonic() + PATIENCE
    while not CONTROL.exists() and time.monotonic() < end:
        time.sleep(0.05)
    udevadm("control", "--ping")
    yield
    RULES.unlink()
    udevadm("settle")
    daemon.terminate()
    daemon.wait(PATIENCE)
    CONTROL.unlink(missing_ok=True)
    os.chmod("/dev/iommu", 0o660)  # noqa: PTH101 - a device


def told(address: str, backend: Backend) -> dict[str, Any]:
    """What a user without privileges is told, who opens the device if all is well."""

    def asking() -> Generator[dict[str, Any]]:
        become_user()
        diagnosis = examine(address, wanted=Wanted(backend=backend))
        if diagnosis.healthy:
            pyvfio.open_device(address, backend=backend).close()
        yield diagnosis.to_json()

    with forked(asking) as child:
        return child.value()


@pytest.mark.usefixtures("udev")
@pytest.mark.parametrize("backend", ["iommufd", "legacy"])
def test_udev_gives_the_device_to_the_user(backend: Backend) -> None:
    address, other = devices.address("edu"), devices.address("nvme")
    (finding,) = told(address, backend)["findings"]
    assert finding["id"] == "permission"
    RULES.write_text("".join(f"{rule}\n" for rule in finding["udev"]))
    udevadm("control", "--reload")

    # The files are made anew when VFIO gets the devices; that of the iommufd was there before.
    for each in (address, other):
        binding.give(each, None)
        binding.give(each, binding.VFIO)
    udevadm("trigger", "--action=add", "--subsystem-match=misc", "--settle")
    udevadm("settle")

    assert told(address, backend)["healthy"]
    (finding,) = told(other, backend)["findings"]
    assert finding["id"] == "permission"
    files = [*Path("/dev/vfio").rglob("*"), Path("/dev/iommu")]
    assert len([path for path in files if path.stat().st_uid == USER]) == 1
