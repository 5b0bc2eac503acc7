# SPDX-License-Identifier: GPL-2.0-or-later
"""The reference pages are made from the rules and the schema, and are current."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from qomgen import reference
from qomgen.problems import all_rules
from tests.golden.cases import BAD

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGES = reference.pages(BAD)


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_current(name: str) -> None:
    mending = "python -m qomgen.reference --examples tests/golden/bad docs"
    assert (DOCS / name).read_text("utf-8") == PAGES[name], f"to mend it: {mending}"


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_somewhere(name: str) -> None:
    text = PAGES[name]
    headings = {
        re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^## (.+)$", text, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= headings
    assert len(headings) > 20


def test_every_rule_has_a_section_with_an_example() -> None:
    sections = re.split(r"^## ", PAGES["diagnostics.md"], flags=re.MULTILINE)[1:]
    assert [section[:5] for section in sections] == list(all_rules())
    assert [each[:5] for each in sections if f"error[{each[:5]}]" not in each] == []


def test_a_page_is_written_only_if_it_changed(tmp_path: Path) -> None:
    reference.main([str(tmp_path), "--examples", str(BAD)])
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert set(before) == set(PAGES)
    reference.main([str(tmp_path), "--examples", str(BAD)])
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [True, None, 8]}, "{a: [true, null, 8]}"),
        ("on", '"on"'),
        ("10.0", '"10.0"'),
        ("a, b", '"a, b"'),
        (0xFFFFFFFF, "0xFFFFFFFF"),
        ("Text of words.", "Text of words."),
    ],
)
def test_examples_are_yaml_in_one_line(value: object, text: str) -> None:
    assert reference.flow(value) == text
