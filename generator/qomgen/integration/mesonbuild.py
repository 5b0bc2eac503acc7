# SPDX-License-Identifier: GPL-2.0-or-later
"""
meson.build files of a QEMU tree: where the entry of a C file goes, and that of a qtest.

This reads as much of Meson's language as those files need: which lines make a statement, and whether it is one of a
block. What is worded in another way than QEMU's own files is refused, not guessed at.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from qomgen.integration.kconfig import after_name, is_sorted
from qomgen.integration.qemutree import Insertion

_BLOCK_BEGINS = re.compile(r"(if|foreach)\b")
_BLOCK_ENDS = re.compile(r"(endif|endforeach)\b")
_ADD = re.compile(r"(\w+)_ss\.add\((?:when:\s*(?P<when>\[[^]]*\]|'[^']*')\s*,\s*if_true:)?")
_SYMBOL = re.compile(r"'(CONFIG_\w+)'")
_ROW = re.compile(
    r"  \((?:config_all_devices\.has_key\('CONFIG_\w+'\)) \? \['[\w-]+'\] : \[\]\) \+(?P<pad> +)\\"
)

_SORTED_FROM = 4
"""From how many statements on their order is taken for meant."""

_WIDEST = 120
"""The longest line of one statement; hw/misc/meson.build has such."""

OLD_SETS = {"system": "softmmu"}
"""Source sets that have had another name: softmmu_ss became system_ss in 8.1."""


class Unexpected(Exception):
    """The file is worded in another way than expected; `line` counts from 1."""

    def __init__(self, text: str, line: int | None = None) -> None:
        super().__init__(text)
        self.line = line


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement: its lines, from 0, the last one included."""

    first: int
    last: int
    text: str
    nested: bool
    """Whether it is one of an `if` or a `foreach`."""


def _depth(line: str, depth: int) -> tuple[int, str]:
    """How deep in brackets `line` ends that begins `depth` deep, and the line without strings and comment."""
    bare = re.sub(r"'(?:\\.|[^'\\])*'", "''", line)
    bare = bare.split("#", 1)[0]
    depth += sum(bare.count(each) for each in "([{") - sum(bare.count(each) for each in ")]}")
    return depth, bare


def statements(text: str) -> list[Statement]:
    """
    The statements of `text`; of a block, those in it.

    Raises:
        Unexpected: if brackets or blocks do not close.
    """
    found: list[Statement] = []
    lines = text.split("\n")
    first, depth, nesting = 0, 0, 0
    open_statement = False
    for number, line in enumerate(lines):
        if not open_statement:
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            first = number
        depth, bare = _depth(line, depth)
        if depth < 0:
            raise Unexpected("here a bracket closes that was not opened", number + 1)
        open_statement = depth > 0 or bare.rstrip().endswith("\\")
        if open_statement:
            continue
        begun = lines[first].strip()
        if _BLOCK_ENDS.match(begun):
            nesting -= 1
        elif _BLOCK_BEGINS.match(begun):
            nesting += 1
        elif not begun.startswith(("else", "elif")):
            body = "\n".join(lines[first : number + 1])
            found.append(Statement(first, number, body, nesting > 0))
    if open_statement or nesting:
        raise Unexpected("this file ends within a statement or a block", len(lines))
    return found


# A C file


@dataclass(frozen=True, slots=True)
class Sources:
    """C files to be built under some symbols."""

    set: str
    """The source set, without _ss, in the words of 8.1 and later."""
    when: tuple[str, ...]
    files: tuple[str, ...]
    """Names without folders."""

    def lines(self, source_set: str) -> list[str]:
        """The statement, for `source_set` as the tree calls it."""
        when = ""
        if len(self.when) == 1:
            when = f"when: '{self.when[0]}', if_true: "
        elif self.when:
            when = f"when: [{', '.join(repr(each) for each in self.when)}], if_true: "
        head = f"{source_set}_ss.add({when}files("
        short = f"{head}{', '.join(repr(each) for each in self.files)}))"
        if len(self.files) == 1 and len(short) <= _WIDEST:
            return [short]
        return [head, *(f"  '{each}'," for each in self.files), "))"]


def set_names(name: str) -> list[str]:
    """What a source set may be called in a tree."""
    return [name, OLD_SETS[name]] if name in OLD_SETS else [name]


def defines_set(text: str, name: str) -> bool:
    """Whether `text` makes the source set `name`."""
    return re.search(rf"^{name}_ss = ss\.source_set\(\)", text, re.MULTILINE) is not None


def mentions(text: str, file: str) -> int | None:
    """The line, from 1, on which `text` names `file`; None if it does not."""
    for number, line in enumerate(text.split("\n"), 1):
        if f"'{file}'" in line.split("#", 1)[0]:
            return number
    return None


def place_sources(text: str, sources: Sources, source_set: str) -> Insertion:
    """
    Where a maintainer would add `sources`.

    That is after the last `add` to the same set in the first paragraph that has any and no heading of its own; among
    statements that are in order, at its place. A file that adds nothing to the set yet gets it at its end.

    Raises:
        Unexpected: if the file can't be read.
    """
    all_statements = statements(text)
    for given in all_statements:
        match = re.search(rf"\badd_all\(.*\b{source_set}_ss\)", given.text, re.DOTALL)
        if match and not any(
            _adds_to(each, source_set) for each in all_statements if each.first < given.first
        ):
            reason = f"here {source_set}_ss is passed on before anything is added to it"
            raise Unexpected(reason, given.first + 1)
    lines = text.split("\n")
    adds = [each for each in all_statements if not each.nested and _adds_to(each, source_set)]
    added = sources.lines(source_set)
    if not adds:
        last = len(lines) - 1
        while last > 0 and not lines[last].strip():
            last -= 1
        if not lines[last].strip():
            return Insertion.after_line(lines, -1, added)
        return Insertion.after_line(lines, last, ["", *added])
    groups = list(_paragraphs(lines, adds))
    plain = [group for group in groups if not _heading(lines, group[0].first)]
    group = (plain or groups)[0] if sources.when else groups[0]
    symbols = [_symbol(each) for each in group]
    named = [each for each in symbols if each is not None]
    if sources.when and len(named) >= _SORTED_FROM and is_sorted(named):
        before = [
            each
            for each, symbol in zip(group, symbols, strict=True)
            if (symbol or "") < sources.when[0]
        ]
        if not before:
            return Insertion.after_line(lines, group[0].first - 1, added)
        return Insertion.after_line(lines, before[-1].last, added)
    return Insertion.after_line(lines, group[-1].last, added)


def _adds_to(statement: Statement, source_set: str) -> bool:
    match = _ADD.match(statement.text)
    return match is not None and match[1] == source_set


def _symbol(statement: Statement) -> str | None:
    match = _ADD.match(statement.text)
    found = _SYMBOL.search(match["when"]) if match and match["when"] else None
    return found[1] if found else None


def _paragraphs(lines: Sequence[str], adds: Sequence[Statement]) -> Iterator[list[Statement]]:
    """`adds` in groups between which there is a blank line."""
    group = [adds[0]]
    for before, each in itertools.pairwise(adds):
        if any(not line.strip() for line in lines[before.last + 1 : each.first]):
            yield group
            group = []
        group.append(each)
    yield group


def _heading(lines: Sequence[str], first: int) -> bool:
    """Whether a comment heads the paragraph of the line `first`: one at a file's very top is the file's."""
    at = first
    while at > 0 and lines[at - 1].strip():
        at -= 1
        if lines[at].startswith("#") and at > 0 and not lines[at - 1].strip():
            return True
    return False


# A folder


def subdir_line(folder: str) -> str:
    """The statement that enters a folder below."""
    return f"subdir('{folder}')"


def place_subdir(text: str, folder: str) -> Insertion:
    """
    Where a maintainer would enter another folder: after the name before its own, in the longest list of folders.

    Raises:
        Unexpected: if the file can't be read.
    """
    lines = text.split("\n")
    named = [
        (each, match[1])
        for each in statements(text)
        if not each.nested and (match := re.match(r"subdir\('([\w-]+)'\)", each.text))
    ]
    if not named:
        last = max((number for number, line in enumerate(lines) if line.strip()), default=-1)
        return Insertion.after_line(lines, last, [subdir_line(folder)])
    names = {each.first: name for each, name in named}
    groups = _paragraphs(lines, [each for each, _ in named])
    longest = max(groups, key=len)
    place = after_name([(names[each.first], each.last) for each in longest], folder)
    return Insertion.after_line(lines, place, [subdir_line(folder)])


# A qtest


@dataclass(frozen=True, slots=True)
class QTest:
    """A test program of tests/qtest."""

    name: str
    """Without .c."""
    targets: str
    """The list that it belongs to: i386, s390x, generic."""
    when: tuple[str, ...]

    def condition(self, joint: str) -> str:
        """What must be in the binaries."""
        return joint.join(f"config_all_devices.has_key('{each}')" for each in self.when)


def place_qtest(text: str, test: QTest) -> Insertion:
    """
    Where a maintainer would add `test` to tests/qtest/meson.build.

    In a list of conditional rows that is after the last row of one condition and one test; the list of all targets,
    `qtests_generic`, gets an `if` after it.

    Raises:
        Unexpected: if there is no such list, or it is worded otherwise.
    """
    name = f"qtests_{test.targets}"
    lines = text.split("\n")
    begins = re.compile(rf"{name} = (\\|\[)\s*$")
    found = [
        each for each in statements(text) if not each.nested and begins.match(lines[each.first])
    ]
    if len(found) != 1:
        raise Unexpected(f"there is no statement '{name} = ...' as QEMU has it")
    statement = found[0]
    if lines[statement.first].endswith("["):
        row = f"{name} += ['{test.name}']"
        condition = test.condition(" and ")
        added = [f"if {condition}", f"  {row}", "endif"] if test.when else [row]
        return Insertion.after_line(lines, statement.last, added)
    rows = range(statement.first + 1, statement.last)
    single = [number for number in rows if _ROW.fullmatch(lines[number])]
    widths = Counter(len(lines[number]) for number in rows if lines[number].endswith("  \\"))
    width = max(widths, key=lambda each: (widths[each], each)) if widths else 0
    at = single[-1] if single else statement.first
    return Insertion.after_line(lines, at, _row(test, width))


def _row(test: QTest, width: int) -> list[str]:
    """The rows for `test`, their backslash in the column that the others have it in."""
    if not test.when:
        rows = [f"  ['{test.name}'] +"]
    else:
        joint = " and\n   "
        rows = f"  ({test.condition(joint)} ? ['{test.name}'] : []) +".split("\n")
    return [f"{row.ljust(max(width - 2, 0))} \\" for row in rows]
