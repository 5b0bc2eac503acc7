# SPDX-License-Identifier: GPL-2.0-or-later
"""The struct proof: a generated header part leaves every object that reads the header as it was."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from . import cache
from .compiler import Overlay, compiled, files_read, included
from .cut import cut
from .objects import difference
from .tree import Build, build
from .units import Declaration

# Where the users of these types stand. The rest of QEMU sees some of these headers too (a hundred
# objects through hw/pci/pci.h), and no more of them than these do.
_PLACES = ("hw/vfio/", "hw/vfio-user/", "backends/", "migration/")

_DECLARED = re.compile(r"^(OBJECT_DECLARE_\w+|DECLARE_\w+)\(([^)]*)\)", re.MULTILINE)


@dataclass(frozen=True)
class Verdict:
    """The sources whose objects were compared, and those of them that differ."""

    objects: tuple[str, ...]
    different: tuple[str, ...]
    detail: str = ""

    @property
    def identical(self) -> bool:
        return bool(self.objects) and not self.different

    def __str__(self) -> str:
        count = len(self.objects)
        if self.identical:
            return f"{count} object{'s' if count > 1 else ''} identical"
        return f"{len(self.different)} of {count} objects DIFFER: {', '.join(self.different)}"


def _declared(text: str) -> Iterator[tuple[str, int, int]]:
    """The type declarations of a header: the cast's name, first and last line."""
    for match in _DECLARED.finditer(text):
        first = text.count("\n", 0, match.start()) + 1
        yield match[2].split(",")[-1].strip(), first, first + match[0].count("\n")


def with_qemus_lines(text: str, header: str) -> str:
    """*text* with ``#line`` before each type declaration, for the line that *header* has it on.

    OBJECT_DECLARE_* makes an inline function that passes ``__FILE__`` and ``__LINE__`` to QEMU's
    cast check; where the declaration stands is therefore in every object that casts.  This is
    about a copy for the comparison; what qomgen writes never has ``#line``.
    """
    theirs = {name: last for name, _, last in _declared(header)}
    lines = text.splitlines()
    for name, first, last in reversed(list(_declared(text))):
        if name in theirs:
            lines.insert(first - 1, f"#line {theirs[name] - (last - first)}")
    return "".join(f"{line}\n" for line in lines)


@functools.cache
def readers(tree: Build, header: str) -> tuple[str, ...]:
    """The sources in `_PLACES` that really read *header*."""
    listing = tree.path / ".qomgen" / f"readers-{cache.digest(header, *_PLACES)}"
    if not listing.exists():
        cache.write(listing, "\n".join(_find_readers(tree, header)).encode())
    return tuple(listing.read_text().splitlines())


def _find_readers(tree: Build, header: str) -> list[str]:
    near = [name for name in tree.commands if name.startswith(_PLACES)]
    candidates = [name for name in near if name == header or header in included(tree, name)]
    with ThreadPoolExecutor(2) as pool:
        read = pool.map(lambda name: files_read(tree, name), candidates)
        return [n for n, files in zip(candidates, read, strict=True) if header in files]


def hand_written(where: Declaration, series: str) -> dict[str, str]:
    """QEMU's own text of what the unit declares, as the part that would hold it."""
    text = cut(build(series, where.arch).tree.read(where.header), where.blocks, "").taken
    return {where.part: text}


def overlay(where: Declaration, series: str, parts: Mapping[str, str]) -> Overlay:
    """The tree with *where*'s part included in the header for QEMU's own declarations."""
    header = build(series, where.arch).tree.read(where.header)
    part = str(PurePosixPath(where.header).with_name(where.part))
    rest = cut(header, where.blocks, f'#include "{where.part}"', at=0).rest
    text = with_qemus_lines(parts[where.part], header)
    return Overlay({where.header: rest, part: text}, {part: where.header})


def prove(where: Declaration, series: str, parts: Mapping[str, str]) -> Verdict:
    """Compare every object that reads the header, with the unit's part in it and without.

    Raises `run.CommandError` when one of them does not compile with it.
    """
    tree = build(series, where.arch)
    replaced = overlay(where, series, parts)
    sources = readers(tree, where.header)

    def pair(source: str) -> tuple[Path, Path]:
        return compiled(tree, source), compiled(tree, source, replaced)

    with ThreadPoolExecutor(2) as pool:
        pairs = dict(zip(sources, pool.map(pair, sources), strict=True))
    different = [s for s, (a, b) in pairs.items() if a.read_bytes() != b.read_bytes()]
    detail = difference(*pairs[different[0]]) if different else ""
    return Verdict(sources, tuple(different), detail)
