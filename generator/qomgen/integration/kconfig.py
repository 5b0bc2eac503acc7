# SPDX-License-Identifier: GPL-2.0-or-later
"""Kconfig files of a QEMU tree (docs/devel/kconfig.rst): what they define, and where a new symbol goes."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from qomgen.integration.qemutree import Insertion

_CONFIG = re.compile(r"(?:menu)?config\s+([A-Z0-9_]+)\s*(?:#.*)?$")

_SORTED_FROM = 4
"""From how many symbols on their order is taken for meant."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """A symbol that is to be."""

    name: str
    default: str
    """What follows `default`: "y", "y if PCI_DEVICES"."""
    depends: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Its entry, in the style of QEMU's: four blanks, `default` before `depends on`."""
        lines = [f"config {self.name}", "    bool", f"    default {self.default}"]
        if self.depends:
            lines.append(f"    depends on {' && '.join(self.depends)}")
        return lines


@dataclass(frozen=True, slots=True)
class Entry:
    """A symbol that a file defines: its lines, from 0, the last one included."""

    name: str
    first: int
    last: int


def entries(text: str) -> list[Entry]:
    """The symbols that `text` defines, in its order; what stands between them is left out."""
    found: list[Entry] = []
    name, first, last = None, 0, 0
    for number, line in enumerate([*text.split("\n"), "end"]):
        if name is not None and line.startswith((" ", "\t")) and line.strip():
            last = number
        elif line.strip() and not line.startswith("#"):
            if name is not None:
                found.append(Entry(name, first, last))
            match = _CONFIG.match(line)
            name, first, last = (match[1] if match else None), number, number
    return found


def defined(text: str, name: str) -> int | None:
    """The line, from 1, on which `text` defines the symbol; None if it does not."""
    return next((each.first + 1 for each in entries(text) if each.name == name), None)


def place(text: str, symbol: Symbol) -> Insertion:
    """
    Where a maintainer would add `symbol`: at its place among symbols in order, else after the last of them.

    A blank line stands before it. In a file without symbols it goes to the end.
    """
    there = entries(text)
    lines = text.split("\n")
    if not there:
        last = len(lines) - 1
        while last > 0 and not lines[last].strip():
            last -= 1
        if not lines[last].strip():
            return Insertion.after_line(lines, -1, symbol.lines())
        return Insertion.after_line(lines, last, ["", *symbol.lines()])
    after = there[-1]
    names = [each.name for each in there]
    if len(names) >= _SORTED_FROM and is_sorted(names):
        before = [each for each in there if each.name < symbol.name]
        if not before:
            head = there[0].first - 1
            added = [*symbol.lines(), ""]
            return Insertion.after_line(lines, head, added)
        after = before[-1]
    return Insertion.after_line(lines, after.last, ["", *symbol.lines()])


def source_line(folder: str) -> str:
    """The line that reads the Kconfig of a folder below."""
    return f"source {folder}/Kconfig"


def place_source(text: str, folder: str) -> Insertion:
    """Where a maintainer would read another folder's Kconfig: after the name before its own, in the longest list."""
    lines = text.split("\n")
    groups: list[list[tuple[str, int]]] = [[]]
    for number, line in enumerate(lines):
        match = re.match(r"source\s+\"?([\w-]+)/Kconfig", line)
        if match:
            groups[-1].append((match[1], number))
        elif not line.strip():
            groups.append([])
    return Insertion.after_line(
        lines, after_name(max(groups, key=len), folder), [source_line(folder)]
    )


def after_name(group: Sequence[tuple[str, int]], name: str) -> int:
    """The line after which `name` belongs among names and their lines; the one before the first if it is smallest."""
    before = [each for each in group if each[0] < name]
    if before:
        return max(before)[1]
    return group[0][1] - 1 if group else -1


def is_sorted(names: Sequence[str]) -> bool:
    """Whether `names` are in order."""
    return all(one <= other for one, other in itertools.pairwise(names))


def is_whole(text: str, end: int) -> bool:
    """Whether nothing was added below the entry of a symbol that ends at `end`."""
    following = text[end:].removeprefix("\n").split("\n", 1)[0]
    return not (following.startswith((" ", "\t")) and following.strip())
