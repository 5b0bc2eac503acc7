# SPDX-License-Identifier: GPL-2.0-or-later
"""Cutting hand-written blocks out of a C file and leaving one ``#include`` in their place."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass


class CutError(Exception):
    """A pattern does not match exactly once: the tree is not what the table of units says."""


@dataclass(frozen=True)
class Block:
    """Lines of a C file, from the one that matches *first* to the one that matches *last*.

    Each pattern must match exactly one line.  Without *last* the block ends with the closing
    brace in column 1: a function, a table, a struct.
    """

    first: str
    last: str | None = None


@dataclass(frozen=True)
class Cut:
    """*rest* is the text with the include; *taken* the blocks' own text, in order."""

    rest: str
    taken: str


def _the_line(lines: Sequence[str], pattern: str) -> int:
    found = [number for number, line in enumerate(lines) if re.match(pattern, line)]
    if len(found) != 1:
        raise CutError(f"{pattern!r} matches {len(found)} lines, not one")
    return found[0]


def _span(lines: Sequence[str], block: Block) -> tuple[int, int]:
    """The first line of *block* and the one after its last."""
    start = _the_line(lines, block.first)
    if block.last is not None:
        stop = _the_line(lines, block.last)
        if stop < start:
            raise CutError(f"{block.last!r} stands before {block.first!r}")
    else:
        closing = (n for n in range(start, len(lines)) if re.match(r"\}.*;?$", lines[n]))
        stop = next(closing, -1)
        if stop < 0:
            raise CutError(f"{block.first!r} opens no block")
    return start, stop + 1


def cut(text: str, blocks: Sequence[Block], include: str, *, at: int = -1) -> Cut:
    """Cut *blocks* from *text* and put *include* (one line) where the block numbered *at* stood.

    Blank lines keep the line number of all that follows.  Raises `CutError`, also when blocks
    overlap or are not in the order of the text.
    """
    lines = text.splitlines()
    spans = [_span(lines, block) for block in blocks]
    for (_, stop), (start, _) in itertools.pairwise(spans):
        if start < stop:
            raise CutError(f"line {start + 1} is in two blocks")
    taken: list[str] = []
    for start, stop in spans:
        taken += [*lines[start:stop], ""]
        lines[start:stop] = [""] * (stop - start)
    lines[spans[at][0]] = include
    return Cut("".join(f"{line}\n" for line in lines), "".join(f"{line}\n" for line in taken))
