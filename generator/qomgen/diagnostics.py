# SPDX-License-Identifier: GPL-2.0-or-later
"""
What can be wrong with the input, where, and how to mend it.

A diagnostic is an object; printing is somebody else's business (`qomgen.report`). All of a run are collected and
then raised together as `SpecErrors`, sorted by position.
"""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, TypeAlias

MAX_ERRORS = 10_000
"""How many diagnostics a run collects before it gives up: a hostile file must not fill the memory."""

_LONGEST = 200
"""How much of one value a message shows, in characters."""

_BREAK = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class SourceFile:
    """A text with the name that messages call it by."""

    name: str
    text: str
    base: bool = False
    """It is one of qomgen's own specs, read beside a user's."""

    @cached_property
    def lines(self) -> list[str]:
        """The text's lines, without their ends: those of YAML 1.2, not all that `str.splitlines` knows."""
        return _BREAK.split(self.text)

    def span(self, line: int, column: int, length: int = 1) -> Span:
        """A span from 0-based `line` and `column`, as YAML marks count them."""
        return Span(self, line + 1, column + 1, length)

    def span_at(self, offset: int) -> Span:
        """The span of the one character at `offset`."""
        before = _BREAK.split(self.text[:offset])
        return self.span(len(before) - 1, len(before[-1]))


@dataclass(frozen=True, slots=True)
class Span:
    """A place in a file: `line` and `column` count from 1, `length` is in characters of that line."""

    file: SourceFile
    line: int
    column: int
    length: int = 1

    @classmethod
    def start_of(cls, file: SourceFile) -> Span:
        """The first character of `file`."""
        return cls(file, 1, 1)

    def __str__(self) -> str:
        """The place as compilers write it: file:line:column."""
        return f"{visible(self.file.name)}:{self.line}:{self.column}"


def visible(text: str) -> str:
    """`text` with every character spelt out that would move a cursor, turn the reading direction or hide itself."""
    return "".join(char if char.isprintable() else f"\\u{{{ord(char):x}}}" for char in text)


def _shown(value: object) -> str:
    """A value as a message shows it: printable, and not longer than a reader wants."""
    text = str(value)
    if len(text) > _LONGEST:
        text = text[:_LONGEST] + "..."
    return visible(text)


Hint: TypeAlias = str | Callable[[], str | None] | None
"""A hint; as a function it is made only if somebody reads it."""


class Diagnostic:
    """
    Base of everything qomgen has to say about its input.

    A subclass has a stable `id`, a `message` with named fields and a docstring, which is its manual entry
    (`qomgen explain ID`). Two diagnostics with equal place, id and text are one.
    """

    id: ClassVar[str]
    message: ClassVar[str]
    default_hint: ClassVar[str | None] = None
    once_a_place: ClassVar[bool] = False
    """Whether a second one at the same place is dropped: rules checked for one series after the other say it once."""
    missing: ClassVar[tuple[str, ...]] = ()
    """
    What is said to be missing, each a format of the message's fields.

    If a part of the input that may have held it was left out because of another error, then this one is not said:
    it would only follow from that.
    """

    def __init__(self, span: Span, hint: Hint = None, **fields: object) -> None:
        self.span = span
        shown = {name: _shown(value) for name, value in fields.items()}
        self.text = self.message.format_map(shown)
        self.needs = frozenset(filter(None, (each.format_map(fields) for each in self.missing)))
        self._hint = hint
        self._default = self.default_hint.format_map(shown) if self.default_hint else None

    @cached_property
    def hint(self) -> str | None:
        """How to mend it, if that can be told."""
        made = self._hint() if callable(self._hint) else self._hint
        return visible(made) if made else self._default

    @property
    def key(self) -> tuple[str, int, int, str, str]:
        """The order of diagnostics: by file, line and column."""
        text = "" if self.once_a_place else self.text
        return (self.span.file.name, self.span.line, self.span.column, self.id, text)

    @classmethod
    def manual(cls) -> str:
        """The manual entry: what the rule is, why, and how to satisfy it."""
        return inspect.cleandoc(cls.__doc__ or "")


class TooManyErrors(Diagnostic):
    """
    There are more errors than anybody reads, and the search ended.

    The file is hardly a spec. What was found until then is listed; nothing is known of the rest.
    """

    id = "QG021"
    message = "more than {limit} errors; here the search ended"


class Diagnostics:
    """The diagnostics of a run, as they are found."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, int, int, str, str], Diagnostic] = {}
        self._certain: set[tuple[str, int, int, str, str]] = set()
        self._left_out: set[str] = set()
        self._lost_file = False

    def add(self, diagnostic: Diagnostic, *, certain: bool = False) -> None:
        """
        Take one; a second one equal to it is dropped.

        Args:
            diagnostic: what was found.
            certain: it was seen in the input as it stands, and can't follow from what was left out of it.

        Raises:
            SpecErrors: if there are more than anybody would read.
        """
        self._found.setdefault(diagnostic.key, diagnostic)
        if certain:
            self._certain.add(diagnostic.key)
        if len(self._found) >= MAX_ERRORS and not isinstance(diagnostic, TooManyErrors):
            self.add(TooManyErrors(diagnostic.span, limit=MAX_ERRORS))
            self.raise_if_any()

    def leave_out(self, names: Iterable[str]) -> None:
        """Note that a wrong part of the input is passed over, with everything in it that has one of `names`."""
        self._left_out.update(names)

    def lose_file(self) -> None:
        """Note that a whole file can't be read: nobody knows what it holds."""
        self._lost_file = True

    def _follows(self, diagnostic: Diagnostic) -> bool:
        """Whether `diagnostic` may only be there because something was left out."""
        if diagnostic.key in self._certain or not diagnostic.needs:
            return False
        return self._lost_file or not self._left_out.isdisjoint(diagnostic.needs)

    def __len__(self) -> int:
        return sum(not self._follows(each) for each in self._found.values())

    def __iter__(self) -> Iterator[Diagnostic]:
        kept = (each for each in self._found.values() if not self._follows(each))
        return iter(sorted(kept, key=lambda each: each.key))

    def raise_if_any(self) -> None:
        """
        End the run if anything was found.

        Raises:
            SpecErrors: with all diagnostics so far, in order of place.
        """
        if self._found:
            raise SpecErrors(tuple(self))


class SpecErrors(Exception):
    """The input is wrong; `diagnostics` says all that was found, in order of place."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        super().__init__("\n".join(f"{each.span}: {each.text}" for each in diagnostics[:100]))
        self.diagnostics = diagnostics


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word nearest to `word`, or None if none is near."""
    folded = {each.casefold(): each for each in sorted(set(known))}
    sought = word.casefold()
    letters = set(sought)
    # difflib alone takes a tenth of a second to look through the constants of QEMU: leave out what can't be near.
    candidates = [
        each
        for each in folded
        if 0.4 < len(each) / max(len(word), 1) < 2.5 and len(letters & set(each)) * 2 > len(letters)
    ]
    near = difflib.get_close_matches(sought, candidates, n=1, cutoff=0.6)
    return folded[near[0]] if near else None


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A hint with the known word nearest to `word`, or None if none is near."""
    near = closest(word, known)
    return f"did you mean '{near}'?" if near else None


def nearest(
    word: str, known: Iterable[str] | Callable[[], Iterable[str]]
) -> Callable[[], str | None]:
    """`did_you_mean`, made only when the hint is read: a rule that is checked for each series says it once."""

    def hint() -> str | None:
        return did_you_mean(word, known() if callable(known) else known)

    return hint
