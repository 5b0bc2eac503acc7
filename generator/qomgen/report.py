# SPDX-License-Identifier: GPL-2.0-or-later
"""Diagnostics as people and machines read them: text with a caret, JSON, SARIF 2.1.0 and GitHub annotations."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Sequence
from urllib.parse import quote

from qomgen.diagnostics import Diagnostic, visible

_WIDEST = 160
"""How many characters of a source line are shown."""

_BEFORE = 60
"""How many of them stand before the place, if the line is longer."""


def text(diagnostics: Sequence[Diagnostic]) -> str:
    """One paragraph a diagnostic: place, id and message; the line with a caret; the hint."""
    blocks = []
    for each in diagnostics:
        block = [f"{each.span}: error[{each.id}]: {each.text}", *_quoted(each)]
        if each.hint:
            block.append(f"      = hint: {each.hint}")
        blocks.append("\n".join(block) + "\n")
    return "".join(blocks)


def _quoted(diagnostic: Diagnostic) -> list[str]:
    """The source line and the carets below it; nothing of a file that has no text."""
    span = diagnostic.span
    lines = span.file.lines
    if not span.file.text or span.line > len(lines):
        return []
    line, column = lines[span.line - 1], span.column - 1
    start = 0 if len(line) <= _WIDEST else max(column - _BEFORE, 0)
    window = line[start : start + _WIDEST]
    head = "..." if start else ""
    tail = "..." if start + _WIDEST < len(line) else ""
    before = window[: column - start]
    marked = window[column - start : column - start + span.length]
    gutter = f"{span.line:5} | "
    carets = "^" * max(_width(_visible(marked)), 1)
    return [
        (gutter + head + _visible(window) + tail).rstrip(),
        " " * (len(gutter) - 2) + "| " + " " * len(head) + _blank(before) + carets,
    ]


def _visible(line: str) -> str:
    """`line` safe for a terminal; its tabs stay tabs."""
    return "\t".join(visible(part) for part in line.split("\t"))


def _blank(before: str) -> str:
    """White space as wide as `before` is on a terminal; tabs stay tabs."""
    return "\t".join(" " * _width(visible(part)) for part in before.split("\t"))


def _width(line: str) -> int:
    """How many columns of a terminal `line` takes; a combining character takes none."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in line
    )


def as_json(diagnostics: Sequence[Diagnostic]) -> str:
    """A JSON document after `diagnostics.schema.json`."""
    rows = [
        {
            "id": each.id,
            "file": visible(each.span.file.name),
            "line": each.span.line,
            "column": each.span.column,
            "length": each.span.length,
            "message": each.text,
            "hint": each.hint,
        }
        for each in diagnostics
    ]
    return json.dumps({"version": 1, "diagnostics": rows}, indent=2) + "\n"


def as_sarif(diagnostics: Sequence[Diagnostic]) -> str:
    """A SARIF 2.1.0 log (OASIS) with one run."""
    rules = {each.id: type(each) for each in diagnostics}
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "qomgen",
                        "rules": [
                            {"id": rule, "fullDescription": {"text": rules[rule].manual()}}
                            for rule in sorted(rules)
                        ],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [
                    {
                        "ruleId": each.id,
                        "level": "error",
                        "message": {"text": _sentence(each)},
                        "locations": [
                            {
                                "physicalLocation": {
                                    "artifactLocation": {"uri": _uri(each.span.file.name)},
                                    "region": {
                                        "startLine": each.span.line,
                                        "startColumn": each.span.column,
                                        "endColumn": each.span.column + each.span.length,
                                    },
                                }
                            }
                        ],
                    }
                    for each in diagnostics
                ],
            }
        ],
    }
    return json.dumps(log, indent=2) + "\n"


def _sentence(diagnostic: Diagnostic) -> str:
    """Message and hint in one line."""
    return diagnostic.text + (f" ({diagnostic.hint})" if diagnostic.hint else "")


def _uri(name: str) -> str:
    """A relative reference; a name of bytes that are no UTF-8 is spelt by its bytes."""
    return quote(name, errors="surrogateescape")


def github(diagnostics: Sequence[Diagnostic]) -> str:
    """Workflow commands (`::error file=...`) that GitHub shows beside the changed lines."""
    rows = []
    for each in diagnostics:
        message = _sentence(each)
        rows.append(
            f"::error file={_property(visible(each.span.file.name))},line={each.span.line},col={each.span.column},"
            f"title={_property(each.id)}::{_data(message)}\n"
        )
    return "".join(rows)


def _data(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")


FORMATS: dict[str, Callable[[Sequence[Diagnostic]], str]] = {
    "text": text,
    "json": as_json,
    "sarif": as_sarif,
    "github": github,
}
"""How the command line can print diagnostics, by the word given to `--format`."""
