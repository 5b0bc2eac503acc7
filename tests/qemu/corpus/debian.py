# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's own QEMU of a series, unpacked into the cache with all that it is linked with.

Not the small QEMU that `tests.qemu.binary` builds: that has q35 alone, whose root bus lets nothing
be plugged, and no PCI device that comes to life without hardware. The corpus wants both. QEMU and
its libraries come from the suite that also serves the series' source, so that one machine runs all
series; nothing is installed, and QEMU is started through the C library it came with.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.qemu import archive, cache
from tests.qemu.archive import NotServed, Origin, Unreachable
from tests.qemu.run import CommandError, run
from tests.qemu.tree import Missing

_PACKAGE = "qemu-system-x86"
_PROGRAM = "qemu-system-x86_64"

# Debian 12 still has some libraries in /lib.
_LIBRARIES = (
    "lib/x86_64-linux-gnu",
    "usr/lib/x86_64-linux-gnu",
    "usr/lib/x86_64-linux-gnu/pulseaudio",
)
_LOADER = "ld-linux-x86-64.so.2"

# Below this folder, if it stands beside the running program, QEMU looks for all that its build
# expected below /: firmware, option ROMs and modules, which must not be another QEMU's.
_BUNDLE = "qemu-bundle"


@dataclass(frozen=True)
class Program:
    """A QEMU that can be started: `words` begin its command line; `version` is its own word."""

    series: str
    words: tuple[str, ...]
    version: str


def kept(series: str) -> bool:
    """Whether the cache has QEMU of *series* already."""
    return _folder(series).is_dir()


def program(series: str) -> Program:
    """QEMU of *series*, downloaded (40 MB) and unpacked if need be.

    Raises `Missing` without apt, `NotServed` when the archive has another series, `Unreachable`
    without a network, `CommandError` when a download fails.
    """
    folder = cache.folder(_folder(series), lambda new: _make(series, new))
    words = _words(folder)
    version = run([*words, "--version"]).splitlines()[0]
    if f" version {series}." not in version:
        raise NotServed(f"QEMU {series}: Debian {archive.SUITES[series]} has {version}")
    return Program(series, words, version)


def _folder(series: str) -> Path:
    return cache.root() / "qemu" / "debian" / series


def _loader(folder: Path) -> Path:
    # Not the one in lib64: that may be a link to the machine's own.
    (found,) = (
        folder / name / _LOADER for name in _LIBRARIES if (folder / name / _LOADER).exists()
    )
    return found


def _words(folder: Path) -> tuple[str, ...]:
    libraries = ":".join(str(folder / name) for name in _LIBRARIES)
    started = (str(_loader(folder)), "--argv0", _PROGRAM, "--library-path", libraries)
    return (*started, str(folder / "usr/bin" / _PROGRAM))


def _make(series: str, folder: Path) -> None:
    for name in ("apt-get", "dpkg-deb"):
        if not shutil.which(name):
            raise Missing(f"missing: {name}, which gets Debian's QEMU")
    apt = folder / "apt"
    for name in ("sources", "lists/partial", "cache/archives/partial"):
        (apt / name).mkdir(parents=True)
    _download(series, apt)
    for package in sorted((apt / "cache" / "archives").glob("*.deb")):
        run(["dpkg-deb", "--extract", package, folder])
    shutil.rmtree(apt)
    bundle = _loader(folder).with_name(_BUNDLE)
    bundle.symlink_to(os.path.relpath(folder, bundle.parent))


def _download(series: str, apt: Path) -> None:
    """All packages that QEMU needs, down to the C library."""
    suite = archive.SUITES[series]
    options = [
        *("-o", "Dir::Etc::sourcelist=/dev/null"),
        *("-o", f"Dir::Etc::sourceparts={apt / 'sources'}"),
        *("-o", f"Dir::State::Lists={apt / 'lists'}"),
        *("-o", f"Dir::Cache={apt / 'cache'}"),
        *("-o", "APT::Architecture=amd64", "-o", "APT::Architectures=amd64"),
        *("-o", "Acquire::Languages=none"),
        # As on a machine without any package, whatever this one has.
        *("-o", "Dir::State::status=/dev/null", "-o", "Debug::NoLocking=true"),
    ]
    reasons: list[str] = []
    for origin in dict.fromkeys(archive.origins()):
        (apt / "sources" / "archive.sources").write_text(_stanza(origin, suite))
        try:
            run(["apt-get", *options, "update", "--error-on=any"])
        except CommandError as error:
            # Somebody else's archive, which calls its suites by Debian's names; or no network.
            reasons.append(f"{origin.uri}: {error}")
            continue
        words = ("install", "--yes", "--download-only", "--no-install-recommends", _PACKAGE)
        run(["apt-get", *options, *words], env={"DEBIAN_FRONTEND": "noninteractive"})
        return
    if reasons:
        raise Unreachable("\n".join([f"QEMU {series}: no archive to get it from", *reasons]))
    raise NotServed(f"QEMU {series}: this machine's apt sources name no Debian archive")


def _stanza(origin: Origin, suite: str) -> str:
    signed_by = f"Signed-By: {origin.signed_by}\n" if origin.signed_by else ""
    return f"Types: deb\nURIs: {origin.uri}\nSuites: {suite}\nComponents: main\n{signed_by}"
