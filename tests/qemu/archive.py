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


class Unreachable(Exception):
    """No archive answers, or none that can be verified."""


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

    def update(self, origin: Origin, suite: str) -> None:
        """Read the sources' index of *suite*.

        Debian signs a release with the keys of the one before too, so that the machine's keyring
        will do.  Raises `CommandError` when the index cannot be had or verified.
        """
        signed_by = f"Signed-By: {origin.signed_by}\n" if origin.signed_by else ""
        (self.folder / "sources" / "archive.sources").write_text(
            f"Types: deb-src\nURIs: {origin.uri}\nSuites: {suite}\nComponents: main\n{signed_by}"
        )
        self.get("update", "--error-on=any")

    def get(self, *words: str) -> str:
        return run(["apt-get", *self._options, *words], cwd=self.folder / "download")

    def versions(self) -> list[str]:
        """Versions of the source package qemu that the index lists."""
        text = run(["apt-cache", *self._options, "showsrc", "--only-source", "qemu"])
        return re.findall(r"^Version: (\S+)$", text, re.MULTILINE)


# What was found missing, by where it would be; the index is asked once a run.
_not_served: dict[Path, NotServed] = {}


def tarball(series: str) -> Tarball:
    """The newest upstream tarball of *series* that Debian serves, or the one already in the cache.

    Raises `NotServed` when the archive does not have it, `Unreachable` without a network,
    `run.CommandError` when the download fails.
    """
    store = cache.root() / "qemu" / "tarballs" / series
    if store in _not_served:
        raise _not_served[store]
    with cache.lock(store.with_name(f"{series}.lock")):
        kept = sorted(store.glob("qemu_*.orig.tar.xz"))
        if not kept:
            try:
                kept = [_download(series, store)]
            except NotServed as error:
                _not_served[store] = error
                raise
    path = kept[-1]
    return Tarball(series, path.name.removeprefix("qemu_").removesuffix(".orig.tar.xz"), path)


def _download(series: str, store: Path) -> Path:
    suite = SUITES[series]
    apt = _Apt(cache.root() / "qemu" / "apt" / suite)
    reasons: list[str] = []
    for origin in dict.fromkeys(origins()):
        try:
            apt.update(origin, suite)
        except CommandError as error:
            # Somebody else's archive, which calls its suites by Debian's names; or no network.
            reasons.append(f"{origin.uri}: {error}")
            continue
        versions = apt.versions()
        wanted = [v for v in versions if re.match(rf"(\d+:)?{re.escape(series)}(?![0-9])", v)]
        if wanted:
            break
        served = ", ".join(versions) or "none"
        raise NotServed(f"QEMU {series}: Debian {suite} does not serve it (it has {served})")
    else:
        if reasons:
            raise Unreachable("\n".join([f"QEMU {series}: no archive to get it from", *reasons]))
        raise NotServed(f"QEMU {series}: this machine's apt sources name no Debian archive")
    # Of several Debian revisions of one series the index has the newest last.
    apt.get("source", "--tar-only", "--download-only", f"qemu={wanted[-1]}")
    (loaded,) = (apt.folder / "download").glob("qemu_*.orig.tar.xz")
    store.mkdir(parents=True, exist_ok=True)
    shutil.move(loaded, store / loaded.name)
    return store / loaded.name
