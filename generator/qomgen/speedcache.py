# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a run found out, kept so that the next one can see in a blink that nothing has changed.

An entry holds the digests of the outputs and one digest over all that they were made from: specs, templates, hook
modules, qomgen's own code, Python's and the libraries' versions. It is believed only if that digest, taken anew, is the
same and each output on the disk has its own; otherwise the long way is gone. The cache is not tracked and may be
deleted at any time. It lies in $QOMGEN_CACHE_DIR, else $XDG_CACHE_HOME/qomgen, else ~/.cache/qomgen.

An unchanged `qomgen check` loads little more than this module: here even pathlib and typing would be half of its time.
"""

from __future__ import annotations

import os
import stat
import sys
from hashlib import sha256

from qomgen.marks import MARK_WITHIN, TEMPORARY, is_marked
from qomgen.modulepath import find_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from qomgen.plan import Plan

FORMAT = "qomgen speed cache 1"
"""Changes with what an entry holds."""

MAX_BYTES = 1 << 24
"""Files larger than this are not for the cache to judge."""

MAX_ENTRIES = 100
"""How many the cache holds; one is some ten kilobytes."""

LIBRARIES = ("black", "jinja2", "jsonschema", "ruamel.yaml")
"""What the outputs depend on besides our own code."""


class NotCacheable(Exception):
    """Something can't be read or told; the long way will say what."""


class Request:
    """
    What is asked for: two runs with equal requests share an entry.

    Args:
        specs: spec folders.
        base: folders of specs that are known and not generated.
        templates: the folder of templates.
        python_path: where hook modules are looked for first.
        rest: whatever else the outputs depend on.
    """

    def __init__(
        self,
        specs: Sequence[str],
        base: Sequence[str],
        templates: str,
        python_path: Sequence[str],
        rest: Sequence[str],
    ) -> None:
        self.python_path = [spelled(path) for path in python_path]
        own = os.path.dirname(os.path.abspath(__file__))
        self.trees = [("specs", spelled(path)) for path in specs]
        self.trees += [("base", path) for path in base]
        self.trees += [("all", templates), ("code", own)]
        # Generated files name the folder that a link leads to.
        resolved = [os.path.realpath(path) for _, path in self.trees]
        told = repr((FORMAT, os.getcwd(), self.trees, resolved, self.python_path, list(rest)))
        self.name = sha256(told.encode("utf-8", "surrogateescape")).hexdigest()[:32]


class Entry:
    """What is known of a request; paths are spelled as in the run that made it."""

    def __init__(self) -> None:
        self.state = ""
        self.trees: list[tuple[str, str]] = []
        self.modules: dict[str, str | None] = {}
        self.scope: list[str] = []
        self.inputs: list[str] = []
        self.outputs: dict[str, str] = {}

    def write(self) -> bytes:
        """
        The entry as a file: a line a fact, below a digest of them all.

        Raises:
            NotCacheable: if a path has a newline.
        """
        lines = [FORMAT, f"state {self.state}"]
        lines += [f"tree {kind} {path}" for kind, path in self.trees]
        lines += [f"module {name} {path or ''}" for name, path in self.modules.items()]
        lines += [f"scope {path}" for path in self.scope]
        lines += [f"input {path}" for path in self.inputs]
        lines += [f"output {digest} {path}" for path, digest in self.outputs.items()]
        if any("\n" in line for line in lines):
            raise NotCacheable
        text = "\n".join(lines).encode("utf-8", "surrogateescape")
        return sha256(text).hexdigest().encode() + b"\n" + text

    @classmethod
    def parse(cls, data: bytes) -> Entry:
        """
        Read what `write` wrote.

        Raises:
            NotCacheable: if `data` is not whole.
        """
        digest, _, text = data.partition(b"\n")
        if sha256(text).hexdigest().encode() != digest:
            raise NotCacheable
        head, *lines = text.decode("utf-8", "surrogateescape").split("\n")
        if head != FORMAT:
            raise NotCacheable
        made = cls()
        for line in lines:
            fact, _, rest = line.partition(" ")
            first, _, path = rest.partition(" ")
            match fact:
                case "state":
                    made.state = rest
                case "tree":
                    made.trees.append((first, path))
                case "module":
                    made.modules[first] = path or None
                case "scope":
                    made.scope.append(rest)
                case "input":
                    made.inputs.append(rest)
                case "output":
                    made.outputs[path] = first
        return made


def spelled(path: str) -> str:
    """`path` as pathlib would spell it."""
    parts = "/".join(part for part in path.split("/") if part not in ("", "."))
    return f"/{parts}" if path.startswith("/") else parts or "."


def folder() -> str | None:
    """Where entries lie; None if the system does not say."""
    for name, below in (
        ("QOMGEN_CACHE_DIR", ""),
        ("XDG_CACHE_HOME", "qomgen"),
        ("HOME", ".cache/qomgen"),
    ):
        base = os.environ.get(name, "")
        # A relative one is to be ignored (XDG Base Directory Specification).
        if os.path.isabs(base):
            return os.path.join(base, below)
    return None


def read(request: Request) -> Entry | None:
    """The entry of `request`, if there is one that is whole."""
    place = folder()
    if place is None:
        return None
    try:
        return Entry.parse(_bytes(os.path.join(place, request.name)))
    except NotCacheable:
        return None


def state(request: Request, entry: Entry) -> str | None:
    """One digest over all that the outputs are made from, as it is now; None if something can't be read."""
    try:
        return _state(request, entry.trees, entry.modules)
    except (NotCacheable, OSError):
        return None


def current(request: Request, output: str) -> Entry | None:
    """The entry of `request` if `output` is what a run would make of it, down to the last byte; else None."""
    entry = read(request)
    if entry is None or not entry.state or entry.state != state(request, entry):
        return None
    try:
        for path, digest in entry.outputs.items():
            if sha256(_bytes(os.path.join(output, path))).hexdigest() != digest:
                return None
        if any(_extra(entry, output)):
            return None
    except (NotCacheable, OSError):
        return None
    return entry


def store(request: Request, plan: Plan, before: str | None) -> None:
    """
    Keep what a run found out.

    Args:
        request: what was asked for.
        plan: what came of it.
        before: the state before the run, None if it was not known. An entry is only believed later if the state after
            the run is the same: a file might have been edited while it was read.
    """
    place = folder()
    if place is None:
        return
    made = Entry()
    made.modules = {name: str(path) if path else None for name, path in plan.modules.items()}
    homes = {os.path.dirname(path) for path in made.modules.values() if path}
    made.trees = [*request.trees, *(("modules", home) for home in sorted(homes))]
    made.scope = [str(path) for path in plan.scope]
    made.inputs = [str(path) for path in plan.inputs]
    made.outputs = {str(path): sha256(data).hexdigest() for path, data in plan.files.items()}
    after = state(request, made)
    made.state = after if after and after == before else ""
    target = os.path.join(place, request.name)
    temporary = f"{target}.{os.getpid()}"
    try:
        os.makedirs(place, mode=0o700, exist_ok=True)
        with open(temporary, "wb") as stream:
            stream.write(made.write())
        os.replace(temporary, target)
        _prune(place)
    except (NotCacheable, OSError):
        # A cache that can't be written is none: the next run takes as long as this one.
        return


def _prune(place: str) -> None:
    """Let the cache not grow for ever: when it is full, the older half goes."""
    with os.scandir(place) as found:
        entries = sorted((each.stat().st_mtime, each.path) for each in found)
    if len(entries) > MAX_ENTRIES:
        for _, path in entries[: len(entries) // 2]:
            os.unlink(path)


def _state(
    request: Request, trees: Sequence[tuple[str, str]], modules: Mapping[str, str | None]
) -> str:
    whole = sha256(f"{FORMAT} {sys.version}".encode())

    def add(text: str) -> None:
        whole.update(text.encode("utf-8", "surrogateescape") + b"\0")

    for name in _libraries():
        add(name)
    for name, path in sorted(modules.items()):
        if find_module(name, request.python_path) != path:
            raise NotCacheable
        add(f"{name}={path}")
    for kind, root in trees:
        for path in sorted(_files(kind, root)):
            data = _bytes(path)
            add(f"{path} {len(data)}")
            whole.update(data)
    return whole.hexdigest()


def _libraries() -> list[str]:
    """The names of all installed distributions; versions are part of them."""
    found = []
    for place in dict.fromkeys(sys.path):
        try:
            names = os.listdir(place or ".")
        except OSError:
            continue
        found += [name for name in names if name.endswith((".dist-info", ".egg-info"))]
    known = [name.lower().replace("_", ".") for name in found]
    if not all(any(name.startswith(f"{each}-") for name in known) for each in LIBRARIES):
        raise NotCacheable
    return sorted(found)


_ENDINGS = {
    "specs": (".yaml",),
    "base": (".yaml",),
    "layouts": (".yaml", ".json"),
    "code": (".py", ".yaml", ".json"),
    "modules": (".py",),
    "all": ("",),
}
"""Kinds of trees: the names of the files that matter, or more. `layouts` is a folder in a tree of specs."""


def _files(kind: str, root: str) -> Iterator[str]:
    with os.scandir(root) as found:
        for each in found:
            if each.is_dir(follow_symlinks=False):
                below = "layouts" if (kind, each.name) == ("specs", "layouts") else kind
                if kind != "modules" and each.name not in ("__pycache__", ".mypy_cache"):
                    yield from _files(below, each.path)
            elif each.name.endswith(_ENDINGS[kind]):
                yield each.path


def _bytes(path: str) -> bytes:
    """What is in a regular file."""
    try:
        # Of a FIFO, opening alone would wait.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise NotCacheable from error
    try:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode) or about.st_size > MAX_BYTES:
            raise NotCacheable
        data = os.read(descriptor, about.st_size + 1)
        if len(data) != about.st_size:
            raise NotCacheable
        return data
    finally:
        os.close(descriptor)


def _extra(entry: Entry, output: str) -> Iterator[str]:
    """What a run would take away: outputs that are none any more, and what a killed run left."""
    for scope in entry.scope:
        top = os.path.join(output, scope)
        for path in _files("all", top) if os.path.isdir(top) else ():
            if path[len(output) :].lstrip("/") in entry.outputs:
                continue
            if path.endswith(TEMPORARY) or is_marked(_bytes(path)[:MARK_WITHIN]):
                yield path
