# SPDX-License-Identifier: GPL-2.0-or-later
"""One object file of QEMU, from the tree's own source or from a copy with some text replaced.

The command line is QEMU's own (compile_commands.json) with ``-Werror``.  A copy stands outside
the tree, yet the compiler must see what it would see inside: the same headers in the same order,
the same ``__FILE__`` and the same ``__LINE__``; only then can objects be compared byte for byte.
"""

from __future__ import annotations

import functools
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from . import cache
from .run import run
from .tree import Build

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+"([^"]+)"', re.MULTILINE)


class OverlayError(Exception):
    """The compiler read a header of the tree where it should have read its replacement."""


@dataclass(frozen=True)
class Overlay:
    """Texts that stand in for files of the tree.

    *files* are keyed by path from the top of the tree; a key that the tree does not have (a
    generated ``.inc``) is only added.  *aliases* maps such an added file to the file that
    ``__FILE__`` shall name in it.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)

    def key(self) -> str:
        return cache.digest(
            *(part for pair in sorted(self.files.items()) for part in pair), repr(self.aliases)
        )


def _folders(words: list[str]) -> Iterator[str]:
    """The folders in which the command *words* looks for ``#include "..."``, in order."""
    for index, word in enumerate(words):
        if word == "-iquote":
            yield words[index + 1]
    for word in words:
        if word.startswith("-I"):
            yield word[2:]


def _inside(build: Build, folder: str) -> str | None:
    """*folder*, as a command of *build* spells it, from the top of the tree; None outside."""
    relative = os.path.relpath(os.path.realpath(build.path / folder), build.tree.path)
    return None if relative.startswith("..") else relative


@functools.cache
def _includes(path: Path) -> tuple[str, ...]:
    """What the file at *path* includes with quotes, whatever ``#if`` surrounds it."""
    return tuple(_INCLUDE.findall(path.read_text(encoding="utf-8")))


def _textual(build: Build, source: str, overlay: Overlay) -> tuple[set[str], set[str]]:
    """What *source* may include, directly or not: the tree's files, and names ninja can make.

    Too many of either do no harm, and nothing of QEMU's layout has to be known here.
    """
    inside = (_inside(build, folder) for folder in _folders(build.commands[source]))
    folders = [PurePosixPath(folder) for folder in dict.fromkeys(inside) if folder is not None]

    def there(name: str) -> bool:
        return name in overlay.files or (build.tree.path / name).is_file()

    seen: set[str] = set()
    wanted: set[str] = set()
    queue = [source]
    while queue:
        name = queue.pop()
        text = overlay.files.get(name)
        listed = _includes(build.tree.path / name) if text is None else _INCLUDE.findall(text)
        for include in listed:
            if include in build.outputs:
                wanted.add(include)
            places = [os.path.normpath(f / include) for f in (PurePosixPath(name).parent, *folders)]
            found = next((place for place in places if there(place)), None)
            if found and found not in seen:
                seen.add(found)
                queue.append(found)
    return seen, wanted


def included(build: Build, source: str) -> set[str]:
    """The tree's files that *source* may include, directly or not; `files_read` is exact."""
    return _textual(build, source, Overlay())[0]


def compiled(build: Build, source: str, overlay: Overlay | None = None, *flags: str) -> Path:
    """The object of *source*, with the texts of *overlay* in place of the tree's.

    *flags* are added to the command.

    Raises `run.CommandError` with the compiler's words when it does not compile, and
    `OverlayError` when the tree's own text of an overlaid file was read.
    """
    return _compiled(build, source, overlay or Overlay(), flags)[0]


def files_read(build: Build, source: str) -> frozenset[str]:
    """The files of the tree from which the untouched *source* is compiled."""
    listed = _compiled(build, source, Overlay(), ())[1].read_text().splitlines()
    return frozenset(listed)


def _compiled(
    build: Build, source: str, overlay: Overlay, flags: tuple[str, ...]
) -> tuple[Path, Path]:
    words = build.commands[source]
    key = cache.digest(*words, source, overlay.key(), *flags)
    target = build.path / ".qomgen" / f"{PurePosixPath(source).stem}-{key}.o"
    listing = target.with_suffix(".read")
    if not target.exists():
        build.ninja(_textual(build, source, overlay)[1])
        with tempfile.TemporaryDirectory(prefix="qomgen-") as folder:
            made, read = _compile(build, source, overlay, flags, Path(folder))
        cache.write(listing, "".join(f"{name}\n" for name in sorted(read)).encode())
        cache.write(target, made)
    return target, listing


def _compile(
    build: Build, source: str, overlay: Overlay, flags: tuple[str, ...], folder: Path
) -> tuple[bytes, set[str]]:
    words = build.commands[source]
    compiler, *rest = _without_outputs(words)
    spelled = words[-1]  # "... -c ../../src/hw/vfio/pci.c"
    beside = spelled.rpartition("/")[0]
    search: list[str] = []
    last: list[str] = []
    names: dict[str, str] = {}  # a copy's path -> what __FILE__ shall be

    def shadow(place: str, inside: str, spelling: str) -> None:
        """Put into *place* what stands in for the tree's *inside*, to gcc *spelling*."""
        for name, text in overlay.files.items():
            relative = os.path.relpath(name, inside)
            if not relative.startswith(".."):
                copy = folder / place / relative
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_text(text, encoding="utf-8")
                alias = os.path.relpath(overlay.aliases.get(name, name), inside)
                names[str(copy)] = f"{spelling}/{alias}"

    def homes(inside: str, spelling: str) -> list[str]:
        """The folders of the replaced headers below *inside*, as gcc would have named them."""
        below = [name for name in overlay.files if PurePosixPath(name).is_relative_to(inside)]
        names = [PurePosixPath(spelling, os.path.relpath(name, inside)) for name in below]
        return list(dict.fromkeys(str(name.parent) for name in names))

    # The compiler looks where the source itself stands before all other places.
    shadow("beside", str(PurePosixPath(source).parent), beside)
    main = folder / "beside" / PurePosixPath(source).name
    if source not in overlay.files:
        main.parent.mkdir(exist_ok=True)
        main.write_text(build.tree.read(source), encoding="utf-8")
    names[str(main)] = spelled
    for number, spelling in enumerate(dict.fromkeys(_folders(words))):
        inside = _inside(build, spelling)
        if inside is not None:
            shadow(str(number), inside, spelling)
            if (folder / str(number)).is_dir():
                search += ["-iquote", str(folder / str(number))]
                # What a replaced header includes from its own folder, it must still find there.
                for home in homes(inside, spelling):
                    last += ["-iquote", home]
    # Of two maps that fit (iommufd.h, iommufd.h.inc) gcc takes the later one: the longer must
    # come last.
    maps = [f"-fmacro-prefix-map={copy}={name}" for copy, name in sorted(names.items())]
    target, depends = folder / "out.o", folder / "out.d"
    run(
        [
            *(compiler, "-iquote", beside, *search, *rest, *last, "-Werror", *flags, *maps),
            *("-MD", "-MF", depends, "-MT", "out", "-o", target, "-c", main),
        ],
        cwd=build.path,
        env={"LC_ALL": "C"},  # plain quotes in messages
    )
    listed = depends.read_text().replace("\\\n", " ").split()[1:]
    paths = {
        os.path.relpath(os.path.realpath(build.path / name), build.tree.path) for name in listed
    }
    read = {path for path in paths if not path.startswith("..")}
    if missed := read & overlay.files.keys():
        raise OverlayError(f"{source} reads the tree's {sorted(missed)}, not the replacement")
    return target.read_bytes(), read | {source}


def _without_outputs(words: list[str]) -> list[str]:
    """The command *words* without what names its input and outputs."""
    kept: list[str] = []
    skip = False
    for word in words[:-2]:  # the last two are -c and the source
        if skip or word in {"-MQ", "-MF", "-o"}:
            skip = not skip
        elif word != "-MD":
            kept.append(word)
    return kept
