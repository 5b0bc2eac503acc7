# SPDX-License-Identifier: GPL-2.0-or-later
"""QEMU's source from Debian: the archive this machine's apt already uses, read with apt itself.

Nothing here names a host or a key.  The machine's own sources say where the archive is and which
keyring signs it; a private apt configuration in the cache asks the same archive for the source
packages of other suites, so that the machine's apt is neither changed nor needed to run as root.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from . import cache
from .run import CommandError, run

SUITES: Mapping[str, str] = {"7.2": "bookworm", "10.0": "trixie", "10.2": "sid"}
"""QEMU series -> the Debian suite that serves (or served) it."""

_DEBIAN = frozenset("bullseye bookworm trixie forky sid oldstable stable testing unstable".split())
_LINE = re.compile(
    r"deb(?:-src)?\s+(?:\[(?P<options>[^]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<rest>.+)"
)


class NotServed(Exception):
    """The archive has no QEMU of this series (any more), or this machine has no Debian archive."""


@dataclass(frozen=True)
class Origin:
    """Where the Debian archive is and what signs it, in the words of the machine's apt sources."""

    uri: str
    suite: str
    signed_by: str | None


@dataclass(frozen=True)
class Tarball:
    """An upstream tarball of QEMU as Debian distributes it; *version* is like ``10.0.13+ds``."""

    series: str
    version: str
    path: Path


def _from_lines(text: str) -> Iterator[Origin]:
    """Entries of a one-line sources file: ``deb [signed-by=KEYRING] URI SUITE COMPONENT...``."""
    for line in text.splitlines():
        match = _LINE.match(line.strip())
        if match and "main" in match["rest"].split("#")[0].split():
            options = dict(
                option.split("=", 1) for option in (match["options"] or "").split() if "=" in option
            )
            yield Origin(match["uri"], match["suite"], options.get("signed-by"))


def _from_stanzas(text: str) -> Iterator[Origin]:
    """Entries of a deb822 sources file, whose values may run over several lines (a key)."""
    uncommented = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for stanza in re.split(r"\n[ \t]*\n", uncommented):
        unfolded = re.findall(r"^([\w-]+):[ \t]*(.*(?:\n[ \t].*)*)", stanza, re.MULTILINE)
        fields = {name.lower(): value.strip() for name, value in unfolded}
        if fields.get("enabled", "yes").lower() in {"no", "false"}:
            continue
        if "main" not in fields.get("components", "").split():
            continue
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                yield Origin(uri, suite, fields.get("signed-by"))


def origins(etc: Path = Path("/etc/apt")) -> list[Origin]:
    """The Debian archives that the apt sources below *etc* name, in apt's order."""
    lists = [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*.list"))]
    stanzas = sorted((etc / "sources.list.d").glob("*.sources"))
    found = [o for path in lists if path.is_file() for o in _from_lines(path.read_text())]
    found += [o for path in stanzas for o in _from_stanzas(path.read_text())]
    return [origin for origin in found if origin.suite in _DEBIAN]


class _Apt:
    """apt with its own sources, lists and cache below *folder*, and the machine's keyring."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("sources", "lists/partial", "cache/archives/partial", "download"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self._options = [
            *("-o", "Dir::Etc::sourcelist=/dev/null"),
            *("-o", f"Dir::Etc::sourceparts={folder / 'sources'}"),
            *("-o", f"Dir::State::Lists={folder / 'lists'}"),
            *("-o", f"Dir::Cache={folder / 'cache'}"),
            *("-o", "Acquire::Languages=none"),
        ]

    def update(self, origin: Origin, *, types: str, suite: str) -> None:
        """Read the index of one suite.  Raises `CommandError` when it cannot be had or verified."""
        signed_by = f"Signed-By: {origin.signed_by}\n" if origin.signed_by else ""
        (self.folder / "sources" / "archive.sources").write_text(
            f"Types: {types}\nURIs: {origin.uri}\nSuites: {suite}\nComponents: main\n{signed_by}"
        )
        self.get("update", "--error-on=any")

    def get(self, *words: str) -> str:
        return run(["apt-get", *self._options, *words], cwd=self.folder / "download")

    def versions(self) -> list[str]:
        """Versions of the source package qemu that the index lists."""
        text = run(["apt-cache", *self._options, "showsrc", "--only-source", "qemu"])
        return re.findall(r"^Version: (\S+)$", text, re.MULTILINE)


def _newer_keyring(folder: Path, origin: Origin) -> Origin:
    """The same archive, with the keyring the machine's own suite serves today.

    An image made before a Debian release does not know the release's keys; its suite has since
    got a debian-archive-keyring that does, signed by keys the image knows.
    """
    apt = _Apt(folder / "keyring")
    apt.update(origin, types="deb", suite=origin.suite)
    apt.get("download", "debian-archive-keyring")
    package = max((folder / "keyring" / "download").glob("*.deb"))
    run(["dpkg-deb", "-x", package, folder / "keyring" / "unpacked"])
    keyrings = folder / "keyring" / "unpacked" / "usr" / "share" / "keyrings"
    found = sorted(keyrings.glob("debian-archive-keyring.*"))
    return Origin(origin.uri, origin.suite, str(found[0]))


def _update(apt: _Apt, origin: Origin, suite: str) -> None:
    try:
        apt.update(origin, types="deb-src", suite=suite)
    except CommandError as error:
        if "NO_PUBKEY" not in error.output:
            raise
        apt.update(_newer_keyring(apt.folder, origin), types="deb-src", suite=suite)


def tarball(series: str) -> Tarball:
    """The newest upstream tarball of *series* that Debian serves, or the one already in the cache.

    Raises `NotServed` when the archive does not have it, `CommandError` when apt fails (no
    network).
    """
    store = cache.root() / "qemu" / "tarballs" / series
    with cache.lock(store.with_name(f"{series}.lock")):
        kept = sorted(store.glob("qemu_*.orig.tar.xz"))
        if not kept:
            kept = [_download(series, store)]
    path = kept[-1]
    return Tarball(series, path.name.removeprefix("qemu_").removesuffix(".orig.tar.xz"), path)


def _download(series: str, store: Path) -> Path:
    found = origins()
    if not found:
        raise NotServed(
            f"QEMU {series}: this machine's apt sources name no Debian archive to get it from"
        )
    suite = SUITES[series]
    apt = _Apt(cache.root() / "qemu" / "apt" / suite)
    _update(apt, found[0], suite)
    versions = apt.versions()
    wanted = [v for v in versions if re.match(rf"(\d+:)?{re.escape(series)}(?![0-9])", v)]
    if not wanted:
        served = ", ".join(versions) or "none"
        raise NotServed(f"QEMU {series}: Debian {suite} does not serve it (it has {served})")
    # One series in one suite differs in the Debian revision at most now and then; the index is in
    # order.
    apt.get("source", "--tar-only", "--download-only", f"qemu={wanted[-1]}")
    (loaded,) = (apt.folder / "download").glob("qemu_*.orig.tar.xz")
    store.mkdir(parents=True, exist_ok=True)
    shutil.move(loaded, store / loaded.name)
    return store / loaded.name
