# SPDX-License-Identifier: GPL-2.0-or-later
"""Diagnostics as people and machines read them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import unicodedata
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from jsonschema import Draft202012Validator

from qomgen import cli, report
from qomgen.diagnostics import Diagnostic, SourceFile, Span
from qomgen.problems import UnknownKey, all_rules

ROOT = Path(__file__).resolve().parents[3]


def told(
    text: str, column: int, length: int = 1, name: str = "a.yaml", key: str = "x"
) -> Diagnostic:
    return UnknownKey(Span(SourceFile(name, text), 1, column, length), key=key, where="here")


def columns(text: str) -> int:
    """How many columns of a terminal a text takes, tabs every eight."""
    width = 0
    for char in text:
        if char == "\t":
            width += 8 - width % 8
        elif not unicodedata.combining(char):
            width += 2 if unicodedata.east_asian_width(char) in "WF" else 1
    return width


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("key: bad", "bad"),
        ("\tkey:\t\tbad # tabs", "bad"),
        ("漢字: bad", "bad"),
        ("key: 漢字", "漢字"),
        ("e\u0301e\u0301: bad", "bad"),
        ("\u202e\x1b[2J: bad", "bad"),
        ("key: \u200bbad", "\u200bbad"),
        ("key: e\u0301", "e\u0301"),
        ("🦀: bad", "bad"),
        ("x" * 500 + " bad " + "y" * 500, "bad"),
        ("x" * 159 + "!", "!"),
        ("x" * 160 + "!", "!"),
    ],
)
def test_the_caret_stands_under_the_word(line: str, word: str) -> None:
    printed = report.text([told(line, line.index(word) + 1, len(word))])
    _, source, carets = printed.splitlines()
    start = columns(carets[: carets.index("^")])
    shown = "\\u{200b}bad" if "\u200b" in word else word
    assert columns(source[: source.index(shown)]) == start
    assert columns(shown) == carets.count("^")
    assert source.replace("\t", "").isprintable()
    assert len(source) < 250


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_are_no_part_of_a_line(end: str) -> None:
    file = SourceFile("a.yaml", f"one{end}two{end}")
    printed = report.text([UnknownKey(Span(file, 2, 1, 3), key="x", where="y")])
    assert printed == "a.yaml:2:1: error[QG011]: unknown key 'x' in y\n    2 | two\n      | ^^^\n"


def test_a_file_without_text_has_no_line_to_show() -> None:
    assert report.text([told("", 1)]) == "a.yaml:1:1: error[QG011]: unknown key 'x' in here\n"


def test_a_place_behind_the_end_has_a_caret() -> None:
    assert report.text([told("abc", 4)]).splitlines()[-1] == "      |    ^"


# For machines

SAMPLE = [
    told("key: bad", 6, 3),
    told("x", 1, name="a b/\x1b#%?é.yaml", key="100%\n::error::, done: yes"),
    UnknownKey(Span.start_of(SourceFile("\udcff.yaml", "")), "a hint: 5%", key="x", where="y"),
]


def test_json_is_as_its_schema_says() -> None:
    text = files("qomgen.schema").joinpath("diagnostics.schema.json").read_text("utf-8")
    validator = Draft202012Validator(json.loads(text))
    for sample in (SAMPLE, SAMPLE[:1], []):
        assert [
            error.message for error in validator.iter_errors(json.loads(report.as_json(sample)))
        ] == []
    row, *_ = json.loads(report.as_json(SAMPLE))["diagnostics"]
    assert row == {
        "id": "QG011",
        "file": "a.yaml",
        "line": 1,
        "column": 6,
        "length": 3,
        "message": "unknown key 'x' in here",
        "hint": None,
    }


def test_real_output_is_as_the_schema_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.yaml").write_text("struct: MyDev\nfeilds: {}\nprovided: true\nsince: 10.10\n")
    arguments = ["generate", "--specs", str(tmp_path), "--output", str(tmp_path / "out")]
    assert cli.main([*arguments, "--format", "json"]) == cli.BAD_INPUT
    printed = capsys.readouterr()
    text = files("qomgen.schema").joinpath("diagnostics.schema.json").read_text("utf-8")
    document = json.loads(printed.out)
    Draft202012Validator(json.loads(text)).validate(document)
    assert [row["id"] for row in document["diagnostics"]] == [
        "QG012",
        "QG011",
        "QG007",
    ]
    assert printed.err == ""


def sarif(sample: list[Diagnostic]) -> dict[str, Any]:
    log: dict[str, Any] = json.loads(report.as_sarif(sample))
    return log


def test_sarif_has_the_shape_of_2_1_0() -> None:
    """The members that the standard (OASIS SARIF 2.1.0) requires, and those that viewers look at."""
    log = sarif(SAMPLE)
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    assert run["columnKind"] == "unicodeCodePoints"
    driver = run["tool"]["driver"]
    assert driver["name"] == "qomgen"
    ids = [rule["id"] for rule in driver["rules"]]
    assert len(ids) == len(set(ids))
    assert len(run["results"]) == len(SAMPLE)
    for result in run["results"]:
        assert result["ruleId"] in ids
        assert result["level"] == "error"
        assert result["message"]["text"]
        (location,) = result["locations"]
        physical = location["physicalLocation"]
        region = physical["region"]
        assert region["startLine"] >= 1
        assert 1 <= region["startColumn"] < region["endColumn"]
        # A URI reference by RFC 3986: these characters alone, and % only before two digits.
        assert re.fullmatch(
            r"(?:[A-Za-z0-9._~/-]|%[0-9A-F]{2})+", physical["artifactLocation"]["uri"]
        )
    uris = [
        each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        for each in run["results"]
    ]
    assert unquote(uris[1]) == "a b/\x1b#%?é.yaml"


def test_sarif_without_results_is_a_log_too() -> None:
    (run,) = sarif([])["runs"]
    assert run["results"] == []
    assert run["tool"]["driver"]["rules"] == []


def test_sarif_tells_of_each_rule() -> None:
    made = [rule(Span.start_of(SourceFile("a", "")), "hint", **dict.fromkeys(_fields(rule), "x"))
            for rule in all_rules().values()]  # fmt: skip
    rules = sarif(made)["runs"][0]["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(all_rules())
    assert all(rule["fullDescription"]["text"] for rule in rules)


def _fields(rule: type[Diagnostic]) -> set[str]:
    formats = [rule.message, rule.default_hint or "", *rule.missing]
    return {name for each in formats for name in re.findall(r"(?<!\{)\{(\w+)\}", each)}


def test_github_commands_can_not_be_broken_out_of() -> None:
    """Each is one line; % and line breaks in data, and also : and , in properties, are escaped."""
    printed = report.github(SAMPLE)
    assert printed.count("\n") == len(SAMPLE)
    first, second, third = printed.splitlines()
    assert first == "::error file=a.yaml,line=1,col=6,title=QG011::unknown key 'x' in here"
    name, message = re.fullmatch(
        r"::error file=([^,:]*),line=1,col=1,title=QG011::(.*)", second
    ).groups()  # type: ignore[union-attr] # that it matches is the test
    assert unquote(name) == "a b/\\u{1b}#%?é.yaml"
    assert message == "unknown key '100%25\\u{a}::error::, done: yes' in here"
    assert third.startswith("::error file=\\u{dcff}.yaml,")
    assert third.endswith(" (a hint: 5%25)")


@pytest.mark.parametrize(
    ("form", "errors"),
    [("text", "backslashreplace"), ("json", "strict"), ("sarif", "strict"), ("github", "strict")],
)
def test_what_is_printed_survives_a_terminal_without_unicode(
    form: str, errors: str, tmp_path: Path
) -> None:
    """Text goes to stderr, where Python spells out what can't be printed; the others to stdout."""
    (tmp_path / "a.yaml").write_text("type: my-dev\nfarbe_漢: é\n", "utf-8")
    words = [
        "generate",
        "--specs",
        str(tmp_path),
        "--output",
        str(tmp_path / "o"),
        "--format",
        form,
    ]
    done = subprocess.run(
        [sys.executable, "-m", "qomgen", *words],
        cwd=ROOT,
        env={"PYTHONPATH": "generator", "PYTHONIOENCODING": f"ascii:{errors}"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == cli.BAD_INPUT, done.stderr
    assert (done.stdout + done.stderr).isascii()
