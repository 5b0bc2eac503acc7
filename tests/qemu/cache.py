# SPDX-License-Identifier: GPL-2.0-or-later
"""Where downloaded and built things live, and how two processes stay out of each other's way."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def root() -> Path:
    """The cache folder: $QOMGEN_CACHE, else ~/.cache/qomgen.  It can be deleted at any time."""
    chosen = os.environ.get("QOMGEN_CACHE")
    path = Path(chosen) if chosen else Path.home() / ".cache" / "qomgen"
    path.mkdir(parents=True, exist_ok=True)
    return path.resolve()


def digest(*parts: str | bytes) -> str:
    """A short content key of *parts*; lengths are hashed too, lest two parts run together."""
    state = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        state.update(len(data).to_bytes(8, "little"))
        state.update(data)
    return state.hexdigest()[:16]


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold *path* exclusively; the kernel lets go when the process dies, however it dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def folder(path: Path, make: Callable[[Path], None]) -> Path:
    """Return *path*, which *make* fills under another name first: it is whole or absent."""
    with lock(path.with_name(path.name + ".lock")):
        if not path.is_dir():
            unfinished = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
            try:
                make(unfinished)
                unfinished.chmod(0o755)
                unfinished.rename(path)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
    return path


def stamped(path: Path, make: Callable[[Path], None]) -> Path:
    """Like `folder`, for what cannot be renamed because it records its own place (a build folder).

    The stamp is written last; a folder without it is what an interrupted run left, and is made
    anew.
    """
    stamp = path / ".complete"
    with lock(path.with_name(path.name + ".lock")):
        if not stamp.exists():
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir(parents=True)
            make(path)
            stamp.touch()
    return path


def write(path: Path, data: bytes) -> None:
    """Write *path* so that a reader sees all of it or nothing of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    with os.fdopen(handle, "wb") as stream:
        stream.write(data)
    Path(name).replace(path)
