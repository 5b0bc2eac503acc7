# SPDX-License-Identifier: GPL-2.0-or-later
"""
What can be wrong with the input, where, and how to mend it.

A diagnostic is an object; printing is somebody else's business (`qomgen.report`). All of a run are collected and
then raised together as `SpecErrors`, sorted by position.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar


@dataclass(frozen=True)
class SourceFile:
    """A text with the name that messages call it by."""

    name: str
    text: str

    @cached_property
    def lines(self) -> list[str]:
        """The text's lines, without their ends."""
        return self.text.splitlines()

    def span(self, line: int, column: int, length: int = 1) -> Span:
        """A span from 0-based `line` and `column`, as YAML marks count them."""
        return Span(self, line + 1, column + 1, length)

    def span_at(self, offset: int) -> Span:
        """The span of the one character at `offset`."""
        before = self.text[:offset]
        line = before.count("\n")
        return self.span(line, offset - (before.rfind("\n") + 1))


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
        return f"{self.file.name}:{self.line}:{self.column}"


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

    def __init__(self, span: Span, hint: str | None = None, **fields: object) -> None:
        self.span = span
        self.text = self.message.format_map(fields)
        self.hint = hint or (self.default_hint.format_map(fields) if self.default_hint else None)

    @property
    def key(self) -> tuple[str, int, int, str, str]:
        """The order of diagnostics: by file, line and column."""
        text = "" if self.once_a_place else self.text
        return (self.span.file.name, self.span.line, self.span.column, self.id, text)

    @classmethod
    def manual(cls) -> str:
        """The manual entry: what the rule is, why, and how to satisfy it."""
        return inspect.cleandoc(cls.__doc__ or "")


class Diagnostics:
    """The diagnostics of a run, as they are found."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, int, int, str, str], Diagnostic] = {}

    def add(self, diagnostic: Diagnostic) -> None:
        """Take one; a second one equal to it is dropped."""
        self._found.setdefault(diagnostic.key, diagnostic)

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(sorted(self._found.values(), key=lambda each: each.key))

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
        super().__init__("\n".join(f"{each.span}: {each.text}" for each in diagnostics))
        self.diagnostics = diagnostics


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A hint with the known word nearest to `word`, or None if none is near."""
    near = difflib.get_close_matches(word, sorted(set(known)), n=1, cutoff=0.6)
    return f"did you mean '{near[0]}'?" if near else None
