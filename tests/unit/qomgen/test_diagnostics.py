# SPDX-License-Identifier: GPL-2.0-or-later
"""Diagnostics: their order, what follows from what, hints, and the rules as documented classes."""

from __future__ import annotations

import re

import pytest

from qomgen import cli, diagnostics
from qomgen.diagnostics import (
    Diagnostic,
    Diagnostics,
    SourceFile,
    Span,
    SpecErrors,
    closest,
    did_you_mean,
    nearest,
    visible,
)
from qomgen.problems import UnknownKey, UnknownType, all_rules

FILE = SourceFile("a.yaml", "one\ntwo\nthree\n")


def unknown(line: int, key: str = "x") -> Diagnostic:
    return UnknownKey(Span(FILE, line, 1), key=key, where="here")


def test_they_come_in_order_of_place() -> None:
    found = Diagnostics()
    for line in (3, 1, 2):
        found.add(unknown(line))
    assert [each.span.line for each in found] == [1, 2, 3]
    with pytest.raises(SpecErrors) as raised:
        found.raise_if_any()
    assert len(raised.value.diagnostics) == 3
    assert str(raised.value).startswith("a.yaml:1:1: unknown key 'x' in here\n")


def test_two_that_are_equal_are_one() -> None:
    found = Diagnostics()
    found.add(unknown(1))
    found.add(unknown(1))
    found.add(unknown(1, "y"))
    assert len(found) == 2


def test_nothing_found_raises_nothing() -> None:
    Diagnostics().raise_if_any()


def missing(name: str) -> Diagnostic:
    return UnknownType(Span(FILE, 1, len(name)), name=name, when="")


def test_what_may_follow_from_another_error_is_not_said() -> None:
    found = Diagnostics()
    found.add(unknown(1))
    found.add(missing("lost"))
    found.add(missing("other"))
    found.leave_out(["lost"])
    assert [each.text for each in found] == [
        "unknown key 'x' in here",
        "type 'other' is described by no spec",
    ]


def test_a_lost_file_may_hold_anything() -> None:
    found = Diagnostics()
    found.add(unknown(1))
    found.add(missing("other"))
    found.lose_file()
    assert [each.id for each in found] == ["QG011"]
    assert len(found) == 1


def test_what_was_seen_as_it_stands_is_always_said() -> None:
    found = Diagnostics()
    found.leave_out(["x"])
    found.add(missing("x"), certain=True)
    assert len(found) == 1


def test_a_flood_ends_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnostics, "MAX_ERRORS", 3)
    found = Diagnostics()
    found.add(unknown(1, "a"))
    found.add(unknown(1, "b"))
    with pytest.raises(SpecErrors) as raised:
        found.add(unknown(2, "c"))
    assert [each.id for each in raised.value.diagnostics] == ["QG011"] * 3 + ["QG021"]


def test_a_message_is_one_line_of_bounded_length() -> None:
    text = unknown(1, "a\nb\x1b[31m\u202e" + "x" * 1000).text
    assert text.startswith("unknown key 'a\\u{a}b\\u{1b}[31m\\u{202e}x")
    assert text.isprintable()
    assert len(text) < 300
    hint = UnknownKey(Span(FILE, 1, 1), "line\nbreak", key="x", where="y").hint
    assert hint == "line\\u{a}break"


def test_a_hint_is_made_when_it_is_read() -> None:
    asked: list[str] = []

    def hint() -> str:
        asked.append("")
        return "made"

    told = UnknownKey(Span(FILE, 1, 1), hint, key="x", where="y")
    assert asked == []
    assert (told.hint, told.hint) == ("made", "made")
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("feild", "field"),
        ("FIELD", "field"),
        ("vfio_pci", "vfio-pci"),
        ("VFIOPciDevice", "VFIOPCIDevice"),
        ("zzz", None),
        ("", None),
        ("field" * 1000, None),
    ],
)
def test_the_nearest_word(word: str, near: str | None) -> None:
    known = ["field", "kind", "vfio-pci", "VFIOAPDevice", "VFIOPCIDevice"]
    assert closest(word, known) == near
    assert did_you_mean(word, known) == (f"did you mean '{near}'?" if near else None)
    assert nearest(word, lambda: known)() == did_you_mean(word, known)


def test_visible_leaves_text_alone() -> None:
    assert visible("a é 漢 \\") == "a é 漢 \\"
    assert visible("\0\t\x7f\u200b\u2028\ufeff\udc80") == (
        "\\u{0}\\u{9}\\u{7f}\\u{200b}\\u{2028}\\u{feff}\\u{dc80}"
    )


# The rules

RULES = all_rules()


def test_ids_are_unique_and_in_their_hundred() -> None:
    every = [each for each in Diagnostic.__subclasses__() if each.__module__.startswith("qomgen.")]
    assert len(every) == len(RULES)
    folders = {
        "text": "0",
        "types": "1",
        "properties": "2",
        "steps": "3",
        "python": "4",
        "files": "5",
        "integration": "6",
    }
    for rule in every:
        assert re.fullmatch(r"QG[0-6][0-9]{2}", rule.id)
        module = rule.__module__.rpartition(".")[2]
        assert rule.id[2] == folders.get(module, "0")


@pytest.mark.parametrize("id_", RULES)
def test_each_rule_has_a_manual_entry(id_: str) -> None:
    rule = RULES[id_]
    first, *rest = rule.manual().splitlines()
    assert first.endswith(".")
    assert len(first) <= 120
    assert not rest or rest[0] == ""
    assert rule.__doc__ != Diagnostic.__doc__
    assert rule.message


def test_explain_prints_the_manual(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", "qg011"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("QG011: unknown key '{key}' in {where}\n")
    assert RULES["QG011"].manual() in printed


def test_explain_lists_all_rules(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain"]) == 0
    assert [line[:5] for line in capsys.readouterr().out.splitlines()] == list(RULES)


def test_explain_knows_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", "QG999"]) == 2
    assert "QG999" in capsys.readouterr().err
