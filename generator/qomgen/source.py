# SPDX-License-Identifier: GPL-2.0-or-later
"""
YAML text as a located tree: every key and value knows its file, line and column.

The language is a subset of YAML 1.2: block and flow collections and scalars of the core schema. Anchors, aliases,
tags, merge keys and duplicate keys are refused, so the tree is as large as the text and no larger.
"""

from __future__ import annotations

import math
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from qomgen import problems
from qomgen.diagnostics import Diagnostics, SourceFile, Span

MAX_BYTES = 1 << 20
"""Largest spec file that is read, in bytes; the largest real one is below 20 KiB."""

MAX_DEPTH = 32
"""Deepest nesting of collections; real specs stay below 10."""

# At most as many digits as any C integer has: Python's int() refuses numbers of thousands of digits.
_INT = re.compile(r"[-+]?[0-9]{1,40}|0o[0-7]{1,40}|0x[0-9a-fA-F]{1,40}")
_FLOAT = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")


class Hex(int):
    """An integer that was written in hexadecimal; generated code writes it so too."""


ScalarValue: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Scalar:
    """A leaf: its value by YAML 1.2's core schema, and the text it was written as."""

    value: ScalarValue
    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Entry:
    """A key of a mapping with its value."""

    key: str
    key_span: Span
    value: Node


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping; keys are unique strings in the order written."""

    entries: dict[str, Entry]
    span: Span

    def get(self, key: str) -> Node | None:
        """The value under `key`, or None."""
        entry = self.entries.get(key)
        return entry.value if entry else None

    def key_span(self, key: str) -> Span:
        """Where `key` stands; the mapping itself if it is absent."""
        entry = self.entries.get(key)
        return entry.key_span if entry else self.span

    def value_span(self, key: str) -> Span:
        """Where the value of `key` stands; the mapping itself if it is absent."""
        entry = self.entries.get(key)
        return entry.value.span if entry else self.span


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list of nodes."""

    items: tuple[Node, ...]
    span: Span


Node: TypeAlias = Scalar | Mapping | Sequence
Plain: TypeAlias = "ScalarValue | dict[str, Plain] | list[Plain]"


def plain(node: Node) -> Plain:
    """`node` as dicts, lists and scalars, for the schema validator."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return {key: plain(entry.value) for key, entry in node.entries.items()}


def read(path: Path, name: str, found: Diagnostics) -> SourceFile | None:
    """
    The text of one spec file, or None after a diagnostic.

    Args:
        path: the file to open.
        name: how messages and generated headers call it.
        found: takes the diagnostic when the file is no readable UTF-8 text of at most `MAX_BYTES`.
    """
    here = Span.start_of(SourceFile(name, ""))
    try:
        # A FIFO or a device would block or never end: look before opening.
        if not stat.S_ISREG(path.stat().st_mode):
            found.add(problems.Unreadable(here, reason="it is not a regular file"))
            return None
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        found.add(problems.Unreadable(here, reason=error.strerror or str(error)))
        return None
    if len(data) > MAX_BYTES:
        found.add(problems.Unreadable(here, reason=f"it is larger than {MAX_BYTES} bytes"))
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found.add(
            problems.Unreadable(here, reason=f"it is not UTF-8 (byte {error.start}, line {line})")
        )
        return None
    file = SourceFile(name, text)
    if control := _CONTROL.search(text):
        found.add(
            problems.ControlCharacter(
                file.span_at(control.start()), code=f"U+{ord(control.group()):04X}"
            )
        )
        return None
    return file


def parse(file: SourceFile, found: Diagnostics) -> list[Mapping]:
    """
    The documents of one file. What is wrong goes to `found`; a file that is no YAML gives no documents.

    Duplicate keys, tags, anchors and aliases are reported and then passed over, so that one run shows all of them.
    """
    builder = _Builder(file, found)
    try:
        for event in YAML(typ="safe").parse(file.text):
            if not builder.take(event):
                return []
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        span = file.span(mark.line, mark.column) if mark else Span.start_of(file)
        found.add(
            problems.YamlSyntax(
                span, problem=_one_line(error.problem or error.context or "malformed text")
            )
        )
        return []
    except YAMLError as error:
        found.add(problems.YamlSyntax(Span.start_of(file), problem=_one_line(str(error))))
        return []
    return builder.documents


def _one_line(text: str) -> str:
    return " ".join(text.split())


@dataclass(slots=True)
class _Open:
    """A collection whose end has not come yet."""

    span: Span
    mapping: dict[str, Entry] | None
    items: list[Node] = field(default_factory=list)
    key: tuple[str, Span] | None = None
    duplicate: bool = False


@dataclass(slots=True)
class _Builder:
    """Folds parser events into documents, without recursion: depth is a number to check, not a stack to overflow."""

    file: SourceFile
    found: Diagnostics
    documents: list[Mapping] = field(default_factory=list)
    stack: list[_Open] = field(default_factory=list)

    def take(self, event: Event) -> bool:
        """Whether to go on after `event`."""
        match event:
            case MappingStartEvent() | SequenceStartEvent():
                self._refuse_marks(event)
                if len(self.stack) == MAX_DEPTH:
                    self.found.add(problems.TooDeep(self._span(event), limit=MAX_DEPTH))
                    return False
                mapping: dict[str, Entry] | None = (
                    {} if isinstance(event, MappingStartEvent) else None
                )
                self._refuse_key_collection(event)
                self.stack.append(_Open(self._span(event), mapping))
            case MappingEndEvent() | SequenceEndEvent():
                done = self.stack.pop()
                if done.mapping is None:
                    self._place(Sequence(tuple(done.items), done.span))
                else:
                    self._place(Mapping(done.mapping, done.span))
            case ScalarEvent():
                self._refuse_marks(event)
                self._place(self._scalar(event))
            case AliasEvent():
                self.found.add(
                    problems.YamlFeature(
                        self._span(event), what="an alias", text=f"*{event.anchor}"
                    )
                )
                self._place(Scalar(None, "", self._span(event)))
            case DocumentEndEvent():
                pass
        return True

    def _span(self, event: Event) -> Span:
        return self.file.span(event.start_mark.line, event.start_mark.column)

    def _refuse_marks(self, event: ScalarEvent | MappingStartEvent | SequenceStartEvent) -> None:
        if event.anchor:
            self.found.add(
                problems.YamlFeature(self._span(event), what="an anchor", text=f"&{event.anchor}")
            )
        if event.tag:
            self.found.add(
                problems.YamlFeature(self._span(event), what="a tag", text=str(event.tag))
            )

    def _refuse_key_collection(self, event: Event) -> None:
        top = self.stack[-1] if self.stack else None
        if top is not None and top.mapping is not None and top.key is None:
            self.found.add(problems.KeyNotString(self._span(event), text="a collection"))

    def _scalar(self, event: ScalarEvent) -> Scalar:
        text = event.value
        start, end = event.start_mark, event.end_mark
        length = end.column - start.column if end.line == start.line else len(text)
        span = self.file.span(start.line, start.column, max(length, 1))
        if event.style in ("'", '"', "|", ">"):
            return Scalar(text, text, span)
        return Scalar(_resolve(text), text, span)

    def _place(self, node: Node) -> None:
        if not self.stack:
            if isinstance(node, Mapping):
                self.documents.append(node)
            else:
                self.found.add(problems.NotADocument(node.span))
            return
        top = self.stack[-1]
        if top.mapping is None:
            top.items.append(node)
        elif top.key is None:
            top.key = self._key(node)
            first = top.mapping.get(top.key[0])
            top.duplicate = first is not None
            if first is not None:
                self.found.add(
                    problems.DuplicateKey(node.span, key=top.key[0], line=first.key_span.line)
                )
        else:
            key, key_span = top.key
            if not top.duplicate:
                top.mapping[key] = Entry(key, key_span, node)
            top.key = None

    def _key(self, node: Node) -> tuple[str, Span]:
        if isinstance(node, Scalar) and isinstance(node.value, str):
            return node.value, node.span
        if isinstance(node, Scalar):
            found = (
                problems.VersionAsNumber if isinstance(node.value, float) else problems.KeyNotString
            )
            self.found.add(found(node.span, text=node.text or "null"))
            return node.text, node.span
        return f"\0{node.span.line}:{node.span.column}", node.span


def _resolve(text: str) -> ScalarValue:
    """A plain scalar's value by the core schema (YAML 1.2.2, section 10.3.2)."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _INT.fullmatch(text):
        # Python wants 0o and 0x for other bases and refuses leading zeros; YAML reads 012 as twelve.
        if text.startswith("0x"):
            return Hex(text, 16)
        return int(text, 0) if text.startswith("0o") else int(text, 10)
    if _FLOAT.fullmatch(text):
        # No key of the language takes a float; only that it is one matters, for the message.
        return float(text) if text[-1].isdigit() or text[-1] == "." else math.nan
    return text


def walk(node: Node) -> Iterator[Node]:
    """`node` and everything below it, in the order written."""
    yield node
    if isinstance(node, Mapping):
        for entry in node.entries.values():
            yield from walk(entry.value)
    elif isinstance(node, Sequence):
        for item in node.items:
            yield from walk(item)
