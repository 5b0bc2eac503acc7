# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian packages: found, downloaded and unpacked as the machine's own apt serves them.

`apt-get download` and `dpkg-deb --extract` need no root and install nothing.  Only QEMU itself is
installed, if it is missing and we are root.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote

from tests.qemu import cache
from tests.qemu.run import CommandError, run

QEMU = "qemu-system-x86_64"
_QEMU_PACKAGE = "qemu-system-x86"


class Missing(Exception):
    """Something is neither here nor ours to install; the text says which line brings it."""


def qemu() -> str:
    """The program that is the machine.  Raises what `program` raises."""
    return program(QEMU, _QEMU_PACKAGE)


def program(name: str, package: str) -> str:
    """The program *name*, installed first with *package* if need be.

    Raises `Missing` when it is not there and we are not root, `CommandError` when apt fails.
    """
    if not shutil.which(name) and os.geteuid() == 0:
        quietly = {"DEBIAN_FRONTEND": "noninteractive"}
        patiently = ("-q", "-o", "DPkg::Lock::Timeout=300")
        run(["apt-get", *patiently, "update"], env=quietly)
        words = ("install", "--yes", "--no-install-recommends", package)
        run(["apt-get", *patiently, *words], env=quietly)
    if not shutil.which(name):
        raise Missing(
            f"there is no {name}; install it:"
            f" sudo apt-get install --no-install-recommends {package}"
        )
    return name


def newest(pattern: str) -> str:
    """The package whose whole name matches *pattern* (a regular expression), by highest version.

    Raises `Missing` when apt knows none.
    """
    found = run(["apt-cache", "search", "--names-only", f"^{pattern}$"])
    names = [line.split(" ")[0] for line in found.splitlines()]
    names = [name for name in names if re.fullmatch(pattern, name)]
    if not names:
        raise Missing(
            f"apt knows no package {pattern}: either its lists are empty (sudo apt-get update),"
            " or its sources are of another Debian than 12 and 13"
        )
    return max(names, key=lambda name: [int(number) for number in re.findall(r"\d+", name)])


def download(names: Iterable[str]) -> list[Path]:
    """The newest .deb of each package, from the cache or from where apt gets its packages.

    A name may be followed by = and a version, as for apt.
    """
    folder = cache.root() / "vm" / "debs"
    folder.mkdir(parents=True, exist_ok=True)
    with cache.lock(folder.with_name("debs.lock")):
        with tempfile.TemporaryDirectory() as empty:  # apt does not tell of what is here already
            lines = run(["apt-get", "download", "--print-uris", *names], cwd=Path(empty))
        # Each says: 'URI' FILE SIZE HASH
        served = [shlex.split(line) for line in lines.splitlines() if line.startswith("'")]
        sizes = {folder / file: int(size) for _, file, size, *_ in served}
        absent = [p for p, size in sizes.items() if not p.exists() or p.stat().st_size != size]
        if absent:
            wanted = ["=".join(identity(path)) for path in absent]
            try:
                run(["apt-get", "download", *wanted], cwd=folder)
            except CommandError as error:
                advice = "apt's lists may be older than the archive: sudo apt-get update"
                raise Missing(f"{error}\n{advice}") from error
        return list(sizes)


def identity(package: Path) -> tuple[str, str]:
    """The name and the version of a .deb, by the name of its file, in which a colon is escaped."""
    name, version, _ = package.name.split("_")
    return name, unquote(version)


def dependency(package: Path, pattern: str) -> str:
    """The first package that *package*, a .deb, depends on and whose name matches *pattern*.

    Raises `Missing` when there is none, which is when Debian builds its packages otherwise.
    """
    depends = run(["dpkg-deb", "--field", package, "Depends"])
    for name in re.findall(r"(?:^|[,|])\s*([^\s,|]+)", depends):
        if re.fullmatch(pattern, name):
            return str(name)
    raise Missing(f"{package.name} does not depend on any package {pattern}: {depends}")


def unpack(packages: Iterable[Path], folder: Path) -> None:
    """Extract the files of *packages* into *folder*, running none of their scripts."""
    for package in packages:
        run(["dpkg-deb", "--extract", package, folder])
