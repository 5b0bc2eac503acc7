# SPDX-License-Identifier: GPL-2.0-or-later
"""What the machine is made of, and what is said when it is not to be had."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.qemu.run import run

from . import image, modules, packages


def _deb(folder: Path, depends: str) -> Path:
    """A package that has nothing in it."""
    control = folder / "package" / "DEBIAN" / "control"
    control.parent.mkdir(parents=True)
    control.write_text(
        "Package: sample\nVersion: 1:2.0-3\nArchitecture: all\nMaintainer: nobody <a@b.invalid>\n"
        f"Description: sample\nDepends: {depends}\n"
    )
    run(["dpkg-deb", "--build", "--root-owner-group", folder / "package", folder])
    (path,) = folder.glob("*.deb")
    return path


@pytest.mark.parametrize(
    ("depends", "pattern", "found"),
    [
        ("linux-base (>= 4.12~), linux-kbuild-6.12, gcc-12", "gcc-[0-9]+", "gcc-12"),
        ("gcc-14 | clang, make", "gcc-[0-9]+", "gcc-14"),
        ("clang | gcc-14, make", "gcc-[0-9]+", "gcc-14"),
        ("libc6 (>= 2.38), libelf1t64 (>= 0.144), pahole", "libelf[0-9a-z]+", "libelf1t64"),
    ],
)
def test_a_dependency_is_found(tmp_path: Path, depends: str, pattern: str, found: str) -> None:
    assert packages.dependency(_deb(tmp_path, depends), pattern) == found


def test_a_dependency_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(packages.Missing, match=r"does not depend on any package gcc-\[0-9\]\+"):
        packages.dependency(_deb(tmp_path, "not-gcc-12, gcc-12-base"), "gcc-[0-9]+")


def test_the_name_of_a_file_tells_the_version() -> None:
    path = Path("zlib1g_1%3a1.2.13.dfsg-1_amd64.deb")
    assert packages.identity(path) == ("zlib1g", "1:1.2.13.dfsg-1")


def test_who_is_not_root_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(packages.Missing, match=r"sudo apt-get install .* gcc-99"):
        packages.program("x86_64-linux-gnu-gcc-99", "gcc-99")


def test_modules_are_for_the_kernel_that_is_booted() -> None:
    """Each says so itself, and a kernel takes no other."""
    (kernel,) = packages.download([packages.newest(image.KERNEL_PACKAGE)])
    release = packages.identity(kernel)[0].removeprefix("linux-image-")
    built = list(modules.built(kernel).glob("*.ko"))
    names = {path.stem for path in built}
    assert {"iommufd", "vfio", "vfio_iommu_type1", "vfio-pci", "vfio-pci-core", "mtty"} <= names
    for path in built:
        assert f"\0vermagic={release} ".encode() in path.read_bytes()


def test_what_is_built_is_built_once() -> None:
    (kernel,) = packages.download([packages.newest(image.KERNEL_PACKAGE)])
    folder = modules.built(kernel)
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert modules.built(kernel) == folder
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before
