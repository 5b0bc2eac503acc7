# SPDX-License-Identifier: GPL-2.0-or-later
"""Diagnostics as people and machines read them: text with a caret, JSON, SARIF 2.1.0 and GitHub annotations."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Sequence

from qomgen.diagnostics import Diagnostic


def text(diagnostics: Sequence[Diagnostic]) -> str:
    """One paragraph a diagnostic: place, id and message; the line with a caret; the hint."""
    blocks = []
    for each in diagnostics:
        block = [f"{each.span}: error[{each.id}]: {each.text}"]
        lines = each.span.file.lines
        if each.span.line <= len(lines) and each.span.file.text:
            line = lines[each.span.line - 1]
            gutter = f"{each.span.line:5} | "
            before = line[: each.span.column - 1]
            marked = line[each.span.column - 1 : each.span.column - 1 + each.span.length] or " "
            block.append(gutter + _visible(line))
            block.append(
                " " * (len(gutter) - 2)
                + "| "
                + _blank(before)
                + "^" * max(_width(_visible(marked)), 1)
            )
        if each.hint:
            block.append(f"      = hint: {each.hint}")
        blocks.append("\n".join(block) + "\n")
    return "".join(blocks)


def _visible(line: str) -> str:
    """`line` with characters that would move the cursor or the reading direction made visible."""
    return "".join(
        char if char.isprintable() or char == "\t" else f"\\u{{{ord(char):x}}}" for char in line
    )


def _blank(before: str) -> str:
    """White space as wide as `before` is on a terminal; tabs stay tabs."""
    return "".join("\t" if char == "\t" else " " * _width(_visible(char)) for char in before)


def _width(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in line)


def as_json(diagnostics: Sequence[Diagnostic]) -> str:
    """A JSON document after `diagnostics.schema.json`."""
    rows = [
        {
            "id": each.id,
            "file": each.span.file.name,
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
                        "message": {"text": each.text + (f" ({each.hint})" if each.hint else "")},
                        "locations": [
                            {
                                "physicalLocation": {
                                    "artifactLocation": {"uri": each.span.file.name},
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


def github(diagnostics: Sequence[Diagnostic]) -> str:
    """Workflow commands (`::error file=...`) that GitHub shows beside the changed lines."""
    rows = []
    for each in diagnostics:
        message = each.text + (f" ({each.hint})" if each.hint else "")
        rows.append(
            f"::error file={_property(each.span.file.name)},line={each.span.line},col={each.span.column},"
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
