# SPDX-License-Identifier: GPL-2.0-or-later
"""YAML text as a located tree: values, places, and what is refused at the door."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from qomgen import problems
from qomgen.diagnostics import Diagnostics, SourceFile
from qomgen.source import (
    Hex,
    Mapping,
    Scalar,
    Sequence,
    names,
    parse,
    plain,
    read,
    spec_files,
    walk,
)


def tree(text: str) -> Mapping:
    """Return the one document of a text that has nothing wrong."""
    found = Diagnostics()
    (document,) = parse(SourceFile("a.yaml", text), found)
    assert list(found) == []
    return document


def rules(text: str) -> list[str]:
    """Return the ids of what is wrong with a text."""
    found = Diagnostics()
    parse(SourceFile("a.yaml", text), found)
    return [each.id for each in found]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("abc", "abc"),
        ("12", 12),
        ("012", 12),
        ("-7", -7),
        ("0x10", 16),
        ("0o17", 15),
        ("0b1", "0b1"),
        ("1_000", "1_000"),
        ("true", True),
        ("yes", "yes"),
        ("on", "on"),
        ("null", None),
        ("~", None),
        ("", None),
        ("1.5", 1.5),
        ("10.10", 10.1),
        ("1e3", 1000.0),
        ("'12'", "12"),
        ('"true"', "true"),
        ('"\\x41\\u00e9"', "Aé"),
        ("9" * 41, float("9" * 41)),
    ],
)
def test_a_scalar_is_what_the_core_schema_of_yaml_says(text: str, value: object) -> None:
    node = tree(f"a: {text}").get("a")
    assert isinstance(node, Scalar)
    assert node.value == value
    assert type(node.value) in (type(value), Hex)


def test_a_hexadecimal_number_is_remembered_as_one() -> None:
    assert isinstance(plain(tree("a: 0xFF")), dict)
    node = tree("a: 0xFF").get("a")
    assert isinstance(node, Scalar)
    assert isinstance(node.value, Hex)


def test_a_number_of_ten_thousand_digits_is_no_integer() -> None:
    node = tree("a: " + "7" * 10_000).get("a")
    assert isinstance(node, Scalar)
    assert not isinstance(node.value, int)


def test_every_key_and_value_knows_its_place() -> None:
    document = tree("a: b\nlist:\n  - {x: 1,\ty: [two]}\n")
    assert str(document.key_span("a")) == "a.yaml:1:1"
    assert str(document.value_span("a")) == "a.yaml:1:4"
    entries = document.get("list")
    assert isinstance(entries, Sequence)
    (inner,) = entries.items
    assert isinstance(inner, Mapping)
    assert str(inner.span) == "a.yaml:3:5"
    assert str(inner.key_span("y")) == "a.yaml:3:12"
    assert str(inner.key_span("absent")) == str(inner.span)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_as_yaml_lines_do(end: str) -> None:
    document = tree(end.join(["# é", "a: 'x\u00a0y'", "b: 2", ""]))
    assert str(document.key_span("b")) == "a.yaml:3:1"
    assert document.span.file.lines[2] == "b: 2"


def test_a_wide_character_is_one_column() -> None:
    assert str(tree("{漢字: 1, b: 2}").key_span("b")) == "a.yaml:1:9"


def test_a_text_of_several_lines_is_marked_in_its_first() -> None:
    document = tree("a: 'one\n  two'\nb: >-\n  three\n  four\n")
    assert document.value_span("a").length == len("'one")
    assert document.value_span("b").length == len(">-")


def test_the_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbftype: a\n")
    file = read(tmp_path / "a.yaml", "a.yaml", Diagnostics())
    assert file is not None
    assert file.text == "type: a\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\na: 2\n", ["QG005"]),
        ("a: {b: 1, b: 1}\nc: [x, x]\n", ["QG005"]),
        ("a: &x 1\nb: *x\n", ["QG004", "QG004"]),
        ("a: !t 1\n", ["QG004"]),
        ("a: !!int 1\n", ["QG004"]),
        ("*x : 1\n", ["QG004"]),
        ("a: &x [1]\n*x : 2\n", ["QG004", "QG004"]),
        ("&x a: 1\n", ["QG004"]),
        ("? [a]\n: 1\n", ["QG006"]),
        ("? {a: 1}\n: 1\n", ["QG006"]),
        ("1: a\nnull: b\n", ["QG006", "QG006"]),
        ("~: a\n", ["QG006"]),
        ("{? : a}\n", ["QG006"]),
        ("by-qemu: {7.2: a, 10: b}\n", ["QG007", "QG007"]),
        ("- a\n", ["QG009"]),
        ("a: 1\n---\nb\n", ["QG009"]),
        ("---\n", ["QG009"]),
        ("# nothing\n", ["QG009"]),
        ("", ["QG009"]),
        ("%YAML 3.0\n---\na: 1\n", ["QG003"]),
        ("a: [\n", ["QG003"]),
        ('a: "\\ud800"\n', ["QG003"]),
        ('a: "\\0"\n', ["QG002"]),
        ("a" * 2000 + ": b\n", ["QG003"]),
    ],
)
def test_what_is_refused(text: str, expected: list[str]) -> None:
    assert rules(text) == expected


def test_what_is_refused_is_passed_over_and_the_rest_is_there() -> None:
    found = Diagnostics()
    text = "a: 1\na: {lost: 2}\nb: *x\nc: {<<: *y, d: 3}\nlist: [*z, kept]\nlast: 4\n"
    (document,) = parse(SourceFile("a.yaml", text), found)
    assert plain(document) == {"a": 1, "list": ["kept"], "last": 4}
    assert len(found) == 4


def test_names_are_all_keys_and_texts() -> None:
    assert sorted(names(tree("a: [b, {c: d}]\ne: 5\n"))) == ["5", "a", "b", "c", "d", "e"]
    assert len(list(walk(tree("a: [b, {c: d}]\ne: 5\n")))) == 6


def test_a_file_that_vanishes_is_said_to_be_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("type: a\n")
    stat = Path.stat

    def gone_after(self: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        result = stat(self, follow_symlinks=follow_symlinks)
        self.unlink()
        return result

    monkeypatch.setattr(Path, "stat", gone_after)
    found = Diagnostics()
    assert read(path, "a.yaml", found) is None
    assert [each.text for each in found] == ["this file can't be read: no such file or directory"]


def test_a_file_that_may_not_be_read_is_said_to_be_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("type: a\n")

    def refuse(self: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied", self, mode)

    # root may read everything, so the mode of the file would show nothing.
    monkeypatch.setattr(Path, "open", refuse)
    found = Diagnostics()
    assert read(path, "a.yaml", found) is None
    (said,) = found
    assert isinstance(said, problems.Unreadable)
    assert said.text == "this file can't be read: permission denied"


def test_spec_files_come_in_order_and_folders_may_have_the_name_of_one(tmp_path: Path) -> None:
    for name in ("b.yaml", "a/c.yaml", "a/d.yaml/e.yaml", "a/f.yml", ".hidden.yaml"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    found = Diagnostics()
    paths = [path.relative_to(tmp_path).as_posix() for path in spec_files(tmp_path, "s", found)]
    assert paths == [".hidden.yaml", "a/c.yaml", "a/d.yaml", "a/d.yaml/e.yaml", "b.yaml"]
    assert list(found) == []


def test_a_folder_that_may_not_be_read_is_not_an_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "a.yaml").touch()
    scandir = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("secret"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = Diagnostics()
    assert [path.name for path in spec_files(tmp_path, "specs", found)] == ["a.yaml"]
    (said,) = found
    assert str(said.span) == "specs/secret:1:1"
    assert said.text == "this file can't be read: permission denied"
