# SPDX-License-Identifier: GPL-2.0-or-later
"""The udev that goes into the guest, where it is to say what it makes of a rule."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.qemu import cache
from tests.qemu.run import run

from . import packages

NAME = "udev"
"""What the guest has it as, below /qomgen."""

_PROGRAM = "bin/udevadm"
_NAMES = ("udevadm", "systemd-udevd")
"""One program, which is what it is called as."""

_ALONE = "--no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances"


def folder() -> Path:
    """The program by both of its names, and in lib/ the libraries that the guest does not have.

    Raises what `packages.download` raises.
    """
    debs = packages.download(["udev", *_libraries()])
    key = cache.digest(Path(__file__).read_bytes(), *(deb.name for deb in debs))

    def make(into: Path) -> None:
        with tempfile.TemporaryDirectory(dir=into) as name:
            root = Path(name)
            packages.unpack(debs, root)
            places = (root / _PROGRAM, root / "usr" / _PROGRAM)
            program = next(place for place in places if place.exists())
            for each in _NAMES:
                shutil.copy(program, into / each)
            (into / "lib").mkdir()
            for library in _linked(program, root):
                shutil.copy(library, into / "lib" / library.name)

    return cache.folder(cache.root() / "vm" / "udev" / key, make)


def _libraries() -> Iterator[str]:
    """The packages of libraries that udev depends on, but for the C library, which is there."""
    told = run(["apt-cache", "depends", "--recurse", *_ALONE.split(), "udev"])
    for name in told.splitlines():
        if name.startswith("lib") and not name.startswith(("libc6", "libgcc")):
            yield name


def _linked(program: Path, root: Path) -> Iterator[Path]:
    """Of what is unpacked in *root*, the libraries that *program* is linked with."""
    folders = [root / each / "lib/x86_64-linux-gnu" for each in ("", "usr")]
    told = run(["ldd", program], env={"LD_LIBRARY_PATH": ":".join(map(str, folders))})
    for path in re.findall(r" => (\S+) \(", told):
        if Path(path).is_relative_to(root):
            yield Path(path)
