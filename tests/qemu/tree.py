# SPDX-License-Identifier: GPL-2.0-or-later
"""Unpacked and configured QEMU trees, as little of them as the proofs need."""

from __future__ import annotations

import functools
import json
import os
import shlex
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from . import archive, cache
from .run import run

PACKAGES = (
    "dpkg-dev gcc libfdt-dev libglib2.0-dev libpixman-1-dev ninja-build perl pkg-config"
    " python3-venv xz-utils zlib1g-dev"
)
"""Debian packages without which nothing here works."""

_LIBRARIES = ("glib-2.0", "pixman-1", "zlib")

# Firmware (200 MB of other projects) and test data; no meson.build that stays reads them.
_LEFT_PACKED = ("qemu-*/roms/*", "qemu-*/tests/data/*")

# Debian's tarball is without the firmware blobs that QEMU's own file here would install.
_PC_BIOS = "roms = []\nsubdir('keymaps')\n"

_DEVICES: Mapping[str, Mapping[str, str]] = {
    "x86_64": {
        "7.2": "Q35 VFIO_PCI VFIO_IGD PCIE_PORT",
        "10.0": "Q35 VFIO_PCI VFIO_IGD PCIE_PORT IOMMUFD",
        # Without CXL memory 10.2's x86 does not link (cxl_fmws_get_all_sorted).
        "10.2": "Q35 VFIO_PCI VFIO_IGD PCIE_PORT IOMMUFD PXB CXL CXL_MEM_DEVICE",
    },
    "s390x": {
        "7.2": "S390_CCW_VIRTIO VFIO_PCI VFIO_CCW VFIO_AP",
        "10.0": "S390_CCW_VIRTIO VFIO_PCI VFIO_CCW VFIO_AP IOMMUFD",
        "10.2": "S390_CCW_VIRTIO VFIO_PCI VFIO_CCW VFIO_AP IOMMUFD",
    },
}
_DEVICES_FILE = "qomgen"

_CONFIGURE = (
    "--without-default-features --without-default-devices --disable-docs --disable-tools"
    " --disable-guest-agent --disable-install-blobs --disable-debug-info --enable-werror"
).split()
# A binary needs an accelerator to link; on a foreign host s390x has none but TCG.
_ACCELERATOR = {
    "x86_64": ["--enable-kvm", "--disable-tcg"],
    "s390x": ["--enable-tcg", "--disable-plugins"],
}


class Missing(Exception):
    """A program or library of the machine is missing; the text says which packages bring it."""


@dataclass(frozen=True)
class Tree:
    """The source of one QEMU release; *path* is its top folder.  Nobody writes into it."""

    series: str
    version: str
    path: Path

    def read(self, name: str) -> str:
        """The text of the file *name*, given from the top of the tree."""
        return (self.path / name).read_text(encoding="utf-8")


class Commands(Mapping[str, list[str]]):
    """Source (from the top of the tree) -> the compiler's words, to be run in the build folder."""

    def __init__(self, build: Path, source: Path) -> None:
        self._commands: dict[str, str] = {}
        for entry in json.loads((build / "compile_commands.json").read_text()):
            name = os.path.relpath(build / entry["file"], source)
            self._commands.setdefault(name, entry["command"])

    def __getitem__(self, source: str) -> list[str]:
        return shlex.split(self._commands[source])

    def __iter__(self) -> Iterator[str]:
        return iter(self._commands)

    def __len__(self) -> int:
        return len(self._commands)


@dataclass(frozen=True)
class Build:
    """A configured build folder of *tree* for one target architecture."""

    tree: Tree
    arch: str
    path: Path
    _made: set[str] = field(default_factory=set, compare=False)

    @functools.cached_property
    def commands(self) -> Commands:
        """How QEMU compiles each source."""
        return Commands(self.path, self.tree.path)

    @functools.cached_property
    def outputs(self) -> frozenset[str]:
        """All that ninja can make here."""
        listed = run(["ninja", "-t", "targets", "all"], cwd=self.path)
        return frozenset(line.rsplit(":", 1)[0] for line in listed.splitlines())

    def ninja(self, targets: Iterable[str]) -> None:
        """Bring *targets* up to date; what this process already made is not asked for again."""
        wanted = sorted(set(targets) - self._made)
        if wanted:
            with cache.lock(self.path.with_name(f"{self.path.name}.ninja.lock")):
                run(["nice", "ninja", "-j2", *wanted], cwd=self.path)
            self._made.update(wanted)


@functools.cache
def _check_machine() -> None:
    programs = ("apt-get", "gcc", "ninja", "objdump", "perl", "pkg-config", "xz")
    missing = [name for name in programs if not shutil.which(name)]
    if "pkg-config" not in missing:
        missing += [n for n in _LIBRARIES if subprocess.call(["pkg-config", "--exists", n])]
    if missing:
        raise Missing(
            f"missing: {', '.join(missing)};"
            f" install them: apt-get install --no-install-recommends {PACKAGES}"
        )


def _meson() -> Path:
    """A Python environment with the meson that all series take."""
    wanted = Path(__file__).with_name("requirements.txt")
    key = cache.digest(wanted.read_bytes(), sys.version)

    def make(folder: Path) -> None:
        venv.create(folder, with_pip=True)
        run([folder / "bin/python", "-m", "pip", "install", "--require-hashes", "-r", wanted])

    return cache.stamped(cache.root() / "qemu" / "meson" / key, make)


def devices_file(arch: str) -> str:
    """The file of a tree that names the devices a binary of *arch* is built with."""
    return f"configs/devices/{arch}-softmmu/{_DEVICES_FILE}.mak"


def source(series: str) -> Tree:
    """QEMU's source of *series*, downloaded and unpacked if need be.

    Raises what `archive.tarball` raises, and `Missing`.
    """
    _check_machine()
    tarball = archive.tarball(series)
    written = {"pc-bios/meson.build": _PC_BIOS}
    for arch, devices in _DEVICES.items():
        lines = ["CONFIG_PCI_DEVICES=n", *(f"CONFIG_{name}=y" for name in devices[series].split())]
        written[devices_file(arch)] = "\n".join([*lines, ""])
    key = cache.digest(repr(_LEFT_PACKED), json.dumps(written))

    def make(folder: Path) -> None:
        excludes = [f"--exclude={pattern}" for pattern in _LEFT_PACKED]
        run(["tar", "-xJf", tarball.path, "-C", folder, "--strip-components=1", *excludes])
        for name, text in written.items():
            (folder / name).write_text(text, encoding="utf-8")

    path = cache.root() / "qemu" / "trees" / f"{tarball.version}-{key}" / "src"
    path.parent.mkdir(parents=True, exist_ok=True)
    return Tree(series, tarball.version, cache.folder(path, make))


@functools.cache
def build(series: str, arch: str) -> Build:
    """A configured build folder of *series* for *arch* ("x86_64", "s390x"), nothing built yet.

    Raises what `source` raises, and `run.CommandError` when QEMU's configure fails.
    """
    return configured(source(series), arch)


def configured(tree: Tree, arch: str) -> Build:
    """A configured build folder of *tree*, which may be a copy with more in it; raises as `build`."""
    meson = _meson()
    if tree.series == "7.2":
        how = [f"--meson={meson / 'bin/meson'}", "--with-git-submodules=ignore"]
    else:
        how = [f"--python={meson / 'bin/python'}", "--disable-download", "--disable-containers"]
    how += [f"--target-list={arch}-softmmu", f"--with-devices-{arch}={_DEVICES_FILE}"]
    how += [*_CONFIGURE, *_ACCELERATOR[arch]]
    # What else decides over an object's bytes; a cache may outlive the machine's compiler.
    made_with = [run(["cc", "--version"]), run(["pkg-config", "--modversion", *_LIBRARIES])]

    def make(folder: Path) -> None:
        path = f"{meson / 'bin'}{os.pathsep}{os.environ['PATH']}"
        run(["nice", "../../src/configure", *how], cwd=folder, env={"PATH": path})

    name = f"{arch}-{cache.digest(*how, *made_with)}"
    return Build(tree, arch, cache.stamped(tree.path.parent / "build" / name, make))
