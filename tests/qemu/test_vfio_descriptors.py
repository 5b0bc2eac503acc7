# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices' own files and descriptors that are passed: pyqom says what a real QEMU says of the same ones.

Oracle: Debian's QEMU 10.0, started with the same open files and the same folders in place of /sys's. Without KVM it
complains of that besides, which is left out.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.qemu.archive import Unreachable
from tests.qemu.corpus import debian
from tests.qemu.tree import Missing

_NO_KVM = "KVM VFIO device isn't created yet"

pytestmark = pytest.mark.binary


@pytest.fixture(scope="module")
def qemu() -> tuple[str, ...]:
    """The words that start QEMU."""
    try:
        return debian.program("10.0").words
    except (Missing, Unreachable) as error:
        reason = str(error).splitlines()[0]
        pytest.skip(f"Debian's QEMU needs apt-get, dpkg-deb and a network: {reason}")


@dataclass(frozen=True)
class Open:
    """Two open files that are no iommufd and no device, by numbers that no program uses of itself."""

    first: int
    second: int


@pytest.fixture
def files() -> Iterator[Open]:
    with open(os.devnull, "rb+", buffering=0) as null:  # noqa: PTH123 - no path of ours
        first, second = (fcntl.fcntl(null, fcntl.F_DUPFD, 300) for _ in range(2))
    yield Open(first, second)
    os.close(first)
    os.close(second)


def said(words: Sequence[str], files: Open) -> list[str]:
    """What a program that refuses its command line says, without its name."""
    ran = subprocess.run(
        words,
        pass_fds=(files.first, files.second),
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 1, ran
    lines = [line.partition(": ")[2] for line in ran.stderr.splitlines()]
    return [line for line in lines if _NO_KVM not in line][:1]


def both(qemu: tuple[str, ...], files: Open, *options: str) -> str:
    """What both say, which must be the same."""
    started = (
        *qemu,
        *("-machine", "q35", "-accel", "tcg", "-nodefaults", "-display", "none", "-S"),
    )
    theirs = said([*started, *options], files)
    ours = said([sys.executable, "-m", "pyqom", "--qemu", "10.0", *options], files)
    assert ours == theirs
    return theirs[0]


def device(where: Path, name: str | None, number: str | None) -> Path:
    """A folder like that of a device, whose own file is called *name*."""
    made = where / "0000:01:00.0"
    (made / "vfio-dev").mkdir(parents=True)
    if name is not None:
        (made / "vfio-dev" / name).mkdir()
        if number is not None:
            (made / "vfio-dev" / name / "dev").write_text(number)
    return made


@pytest.mark.parametrize(
    ("name", "number", "text"),
    [
        (None, None, "failed to find vfio-dev/vfioX/dev"),
        ("other0", "1:3\n", "failed to find vfio-dev/vfioX/dev"),
        ("vfio0", None, "failed to load"),
        ("vfio0", "", "failed to get major:minor for"),
        ("vfio0", "strange\n", "failed to get major:minor for"),
        ("vfio0", "1\n", "failed to get major:minor for"),
        ("vfio0", "1 : 3\n", "failed to get major:minor for"),
        ("vfio0", " 511: 9999\n", "Failed to open /dev/vfio/devices/vfio0"),
        ("vfio77", "511:9999\n", "Failed to open /dev/vfio/devices/vfio77"),
        ("vfio-x", "511:9999 and more", "Failed to open /dev/vfio/devices/vfio-x"),
    ],
)
def test_a_device_without_a_file_of_its_own(
    name: str | None,
    number: str | None,
    text: str,
    qemu: tuple[str, ...],
    files: Open,
    tmp_path: Path,
) -> None:
    where = device(tmp_path, name, number)
    options = f"vfio-pci,sysfsdev={where},iommufd=i0"
    told = both(qemu, files, "-object", f"iommufd,id=i0,fd={files.first}", "-device", options)
    assert f"vfio 0000:01:00.0: vfio {where}/vfio-dev: {text}" in told


def test_a_device_that_is_none(qemu: tuple[str, ...], files: Open) -> None:
    iommufd = f"iommufd,id=i0,fd={files.first}"
    options = f"vfio-pci,iommufd=i0,fd={files.second}"
    told = both(qemu, files, "-object", iommufd, "-device", options)
    assert f"error bind device fd={files.second} to iommufd={files.first}: Inappropriate" in told


def test_a_device_that_is_none_and_no_file(qemu: tuple[str, ...], files: Open) -> None:
    iommufd = f"iommufd,id=i0,fd={files.first}"
    told = both(qemu, files, "-object", iommufd, "-device", "vfio-pci,iommufd=i0,fd=290")
    assert f"error bind device fd=290 to iommufd={files.first}: Bad file descriptor" in told


@pytest.mark.parametrize("option", ["x-balloon-allowed=on", "id=net0,enable-migration=on"])
def test_what_is_looked_at_first(option: str, qemu: tuple[str, ...], files: Open) -> None:
    iommufd = f"iommufd,id=i0,fd={files.first}"
    both(
        qemu,
        files,
        "-object",
        iommufd,
        "-device",
        f"vfio-pci,iommufd=i0,fd={files.second},{option}",
    )


def test_a_mediated_device_without_a_file(
    qemu: tuple[str, ...], files: Open, tmp_path: Path
) -> None:
    where = device(tmp_path, "vfio0", "511:9999\n")
    options = f"vfio-pci,sysfsdev={where},iommufd=i0,vf-token=d0c0ffee-0000-4000-8000-00005ca1ab1e"
    both(qemu, files, "-object", f"iommufd,id=i0,fd={files.first}", "-device", options)


def test_without_dev_iommu(qemu: tuple[str, ...], files: Open) -> None:
    """With one, the device is asked, and is none."""
    options = f"vfio-pci,iommufd=i0,fd={files.second}"
    told = both(qemu, files, "-object", "iommufd,id=i0", "-device", options)
    if not Path("/dev/iommu").exists():
        assert told.endswith("Could not open '/dev/iommu': No such file or directory")
