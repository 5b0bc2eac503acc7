# SPDX-License-Identifier: GPL-2.0-or-later
"""
YAML text as a located tree: every key and value knows its file, line and column.

The language is a subset of YAML 1.2: block and flow collections and scalars of the core schema. Anchors, aliases,
tags, merge keys and duplicate keys are refused, so the tree is as large as the text and no larger.
"""

from __future__ import annotations

import math
import os
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

MAX_VALUES = 20_000
"""Most values in one file; the largest real one has about a thousand."""

# At most as many digits as any C integer has: Python's int() refuses numbers of thousands of digits.
_INT = re.compile(r"[-+]?[0-9]{1,40}|0o[0-7]{1,40}|0x[0-9a-fA-F]{1,40}")
_FLOAT = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
# C0 and C1, and the line separators of Unicode: YAML 1.1 ends a line there and YAML 1.2 does not.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


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

    def with_value(self, value: Node) -> Entry:
        """This key with another value."""
        return Entry(self.key, self.key_span, value)


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


def spec_files(folder: Path, name: str, found: Diagnostics) -> list[Path]:
    """
    Every `*.yaml` below `folder`, in order of path.

    Args:
        folder: where to look.
        name: how messages call it.
        found: takes folders that can't be read. What they hold is not to be taken for gone.
    """
    paths: list[Path] = []

    def unreadable(error: OSError) -> None:
        below = Path(error.filename).relative_to(folder).as_posix()
        place = Span.start_of(SourceFile(f"{name}/{below}", ""))
        found.add(problems.Unreadable(place, reason=(error.strerror or str(error)).lower()))
        found.lose_file()

    for parent, folders, files in os.walk(folder, onerror=unreadable):
        names_here = (each for each in (*folders, *files) if each.endswith(".yaml"))
        paths += [Path(parent, each) for each in names_here]
    return sorted(paths)


def read(path: Path, name: str, found: Diagnostics, *, base: bool = False) -> SourceFile | None:
    """
    The text of one spec file, or None after a diagnostic.

    Args:
        path: the file to open.
        name: how messages and generated headers call it.
        found: takes the diagnostic when the file is no readable UTF-8 text of at most `MAX_BYTES`.
        base: whether it is one of qomgen's own specs, read beside a user's.
    """
    data = b""
    try:
        data = _bytes(path)
        file = SourceFile(name, _decode(data), base)
    except _Unreadable as error:
        text = data[: error.offset + 1].decode("utf-8", "replace") if error.offset else ""
        place = SourceFile(name, text).span_at(max(len(text) - 1, 0))
        found.add(problems.Unreadable(place, error.hint, reason=error.reason))
        found.lose_file()
        return None
    if control := _CONTROL.search(file.text):
        _control(file.span_at(control.start()), control.group(), found)
        found.lose_file()
        return None
    return file


class _Unreadable(Exception):
    """A file is no text; why, and what to do."""

    def __init__(self, reason: str, hint: str | None = None, offset: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint
        self.offset = offset
        """The byte at which reading ended."""


def _bytes(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        # A FIFO or a device would block or never end: look before opening.
        if not stat.S_ISREG(mode):
            kind = "it is a folder" if stat.S_ISDIR(mode) else "it is no regular file"
            raise _Unreadable(kind)
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise _Unreadable((error.strerror or str(error)).lower()) from error
    if len(data) > MAX_BYTES:
        raise _Unreadable(f"it is larger than {MAX_BYTES >> 20} MiB")
    return data


def _decode(data: bytes) -> str:
    if data.startswith(_UTF16):
        raise _Unreadable("it is UTF-16, not UTF-8", "iconv -f UTF-16 -t UTF-8 converts it")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        byte = f"0x{data[error.start]:02X}"
        hint = "convert it, for example with iconv -f LATIN1 -t UTF-8"
        raise _Unreadable(f"the byte {byte} here is not UTF-8", hint, error.start) from error


def _control(span: Span, char: str, found: Diagnostics) -> None:
    found.add(problems.ControlCharacter(span, code=f"U+{ord(char):04X}"))


def parse(file: SourceFile, found: Diagnostics) -> list[Mapping]:
    """
    The documents of one file. What is wrong goes to `found`; a file that is no YAML gives no documents.

    Duplicate keys, tags, anchors and aliases are reported and then passed over, so that one run shows all of them.
    """
    builder = _Builder(file, found)
    whole = _feed(builder)
    if not whole:
        found.lose_file()
        return []
    for other in builder.others:
        found.add(other)
    if not builder.any_document:
        found.add(problems.NotADocument(Span.start_of(file), what="a file without data"))
    return builder.documents


def _feed(builder: _Builder) -> bool:
    """Whether the parser and `builder` came to the end of the file."""
    file = builder.file
    try:
        for event in YAML(typ="safe").parse(file.text):
            if not builder.take(event):
                return False
    except MarkedYAMLError as error:
        builder.found.add(_syntax_error(file, error))
        return False
    except YAMLError as error:
        builder.found.add(problems.YamlSyntax(Span.start_of(file), problem=_one_line(str(error))))
        return False
    return True


def _syntax_error(file: SourceFile, error: MarkedYAMLError) -> problems.YamlSyntax:
    """The parser's complaint, where it gave up, and what most often is behind it."""
    mark, context = error.problem_mark or error.context_mark, error.context_mark
    span = file.span(mark.line, mark.column) if mark else Span.start_of(file)
    what = _one_line(error.problem or error.context or "malformed text")
    hint = _syntax_hint(file, span)
    if hint is None and context is not None and error.context in _BEGUN:
        hint = f"{_BEGUN[error.context]} begins in line {context.line + 1}; is its end missing?"
        if span.line > len(file.text.splitlines()):
            # At the end of the file there is nothing to see.
            span = file.span(context.line, context.column)
    return problems.YamlSyntax(span, hint, problem=what)


_BEGUN = {
    "while parsing a flow sequence": "the list in brackets",
    "while parsing a flow mapping": "the mapping in braces",
    "while scanning a quoted scalar": "the quoted text",
}
"""What the parser was in the midst of, by its own words."""


def _syntax_hint(file: SourceFile, span: Span) -> str | None:
    """What most often is behind a complaint about this place."""
    lines = file.lines
    line = lines[span.line - 1] if span.line <= len(lines) else ""
    before = line[: span.column - 1]
    here = line[span.column - 1 : span.column]
    if not line[: span.column].strip() and "\t" in line[: span.column]:
        return "indent with spaces; YAML allows no tabs there"
    if here in ("@", "`", "%") and here:
        return "quote a text that begins with this character"
    if here == ":" and ": " in before:
        return "quote a text that has ': ' in it"
    above = lines[span.line - 2] if span.line > 1 else ""
    if here == ":" and _indent(line) > _indent(above) and not above.rstrip().endswith(":"):
        return "this key stands deeper than the line above, which has a value already"
    return None


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _one_line(text: str) -> str:
    return " ".join(text.split())


@dataclass(slots=True)
class _Open:
    """A collection whose end has not come yet."""

    span: Span
    mapping: dict[str, Entry] | None
    items: list[Node] = field(default_factory=list)
    key: tuple[str, Span] | None = None
    refused: bool = False
    """The key is no key, or there already: its value is passed over."""
    incomplete: bool = False
    """Something of it was to come from elsewhere (a merge key)."""


@dataclass(slots=True)
class _Builder:
    """Folds parser events into documents, without recursion: depth is a number to check, not a stack to overflow."""

    file: SourceFile
    found: Diagnostics
    documents: list[Mapping] = field(default_factory=list)
    stack: list[_Open] = field(default_factory=list)
    any_document: bool = False
    others: list[problems.NotADocument] = field(default_factory=list)
    """Of a file that turns out to be no YAML they are of no interest."""
    values: int = 0

    def take(self, event: Event) -> bool:
        """Whether to go on after `event`."""
        match event:
            case MappingStartEvent() | SequenceStartEvent():
                self._refuse_marks(event)
                if len(self.stack) == MAX_DEPTH:
                    self.found.add(problems.TooDeep(self._span(event), limit=MAX_DEPTH))
                    return False
                is_mapping = isinstance(event, MappingStartEvent)
                self.stack.append(_Open(self._span(event), {} if is_mapping else None))
            case MappingEndEvent() | SequenceEndEvent():
                self.values -= 1
                done = self.stack.pop()
                if done.incomplete:
                    self._leave_out(done)
                elif done.mapping is None:
                    self._place(Sequence(tuple(done.items), done.span))
                else:
                    self._place(Mapping(done.mapping, done.span))
            case ScalarEvent():
                self._refuse_marks(event)
                self._place(self._scalar(event))
            case AliasEvent():
                text = f"*{event.anchor}"
                self.found.add(
                    problems.YamlFeature(self._span(event, len(text)), what="an alias", text=text)
                )
                self._pass_over(self._span(event))
            case _:
                return True
        return self._count(event)

    def _count(self, event: Event) -> bool:
        self.values += 1
        if self.values > MAX_VALUES:
            self.found.add(problems.TooMany(self._span(event), limit=MAX_VALUES))
        return self.values <= MAX_VALUES

    def _span(self, event: Event, length: int = 1) -> Span:
        return self.file.span(event.start_mark.line, event.start_mark.column, length)

    def _refuse_marks(self, event: ScalarEvent | MappingStartEvent | SequenceStartEvent) -> None:
        for what, mark, sign in (("an anchor", event.anchor, "&"), ("a tag", event.tag, "")):
            if mark:
                text = f"{sign}{mark}"
                self.found.add(
                    problems.YamlFeature(self._span(event, len(text)), what=what, text=text)
                )

    def _scalar(self, event: ScalarEvent) -> Scalar:
        text = event.value
        start, end = event.start_mark, event.end_mark
        line = self.file.lines[start.line] if start.line < len(self.file.lines) else ""
        # Of a text of several lines the first is marked.
        length = (end.column if end.line == start.line else len(line)) - start.column
        span = self.file.span(start.line, start.column, max(length, 1))
        if "\0" in text:
            _control(span, "\0", self.found)
        if event.style in ("'", '"', "|", ">"):
            return Scalar(text, text, span)
        return Scalar(_resolve(text), text, span)

    def _place(self, node: Node) -> None:
        if not self.stack:
            self.any_document = True
            if isinstance(node, Mapping):
                self.documents.append(node)
            else:
                what = "a list" if isinstance(node, Sequence) else "a bare value"
                self.others.append(problems.NotADocument(node.span, what=what))
                self.found.leave_out(names(node))
            return
        top = self.stack[-1]
        if top.mapping is None:
            top.items.append(node)
        elif top.key is None:
            top.key = self._key(node)
            first = top.mapping.get(top.key[0])
            top.refused = first is not None or not isinstance(node, Scalar)
            if first is not None:
                line = first.key_span.line
                self.found.add(problems.DuplicateKey(node.span, key=top.key[0], line=line))
        else:
            key, key_span = top.key
            if top.refused:
                self.found.leave_out(names(node))
            else:
                top.mapping[key] = Entry(key, key_span, node)
            top.key = None

    def _pass_over(self, span: Span) -> None:
        """Take an alias: as a key it is none, and what has it for a value is passed over."""
        top = self.stack[-1] if self.stack else None
        if top is None or top.mapping is None:
            return
        if top.key is None:
            top.key, top.refused = ("", span), True
        else:
            top.incomplete = top.incomplete or top.key[0] == "<<"
            self.found.leave_out([top.key[0]])
            top.key = None

    def _leave_out(self, done: _Open) -> None:
        """Pass over a mapping of which a part is not known, as far out as its key."""
        self.found.leave_out(names(Mapping(done.mapping or {}, done.span)))
        self._pass_over(done.span)

    def _key(self, node: Node) -> tuple[str, Span]:
        if isinstance(node, Scalar):
            text = node.text
            if not isinstance(node.value, str):
                text = self._refuse_key(node)
            return text, node.span
        what = "a list" if isinstance(node, Sequence) else "a mapping"
        self.found.add(problems.KeyNotString(node.span, text=what))
        return "", node.span

    def _refuse_key(self, node: Scalar) -> str:
        """Say that a key is no text; what was meant by it."""
        outer = self.stack[-2].key if len(self.stack) > 1 else None
        is_number = isinstance(node.value, int | float) and not isinstance(node.value, bool)
        if is_number and outer is not None and outer[0] == "by-qemu":
            meant = node.text if "." in node.text else f"{node.text}.0"
            self.found.add(problems.VersionAsNumber(node.span, text=node.text, meant=meant))
            return meant
        text = node.text or "an empty key"
        hint = f'quote it: "{node.text}"' if node.text else None
        self.found.add(problems.KeyNotString(node.span, hint, text=text))
        return node.text


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


def names(node: Node) -> Iterator[str]:
    """Every key and every text in `node`: what may be missing if it is passed over."""
    if isinstance(node, Mapping):
        for entry in node.entries.values():
            yield entry.key
            yield from names(entry.value)
    elif isinstance(node, Sequence):
        for item in node.items:
            yield from names(item)
    else:
        yield node.text
