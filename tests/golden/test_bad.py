# SPDX-License-Identifier: GPL-2.0-or-later
"""
What qomgen says of bad input, to the letter.

QOMGEN_UPDATE=1 writes what it says now in place of what was expected; then read the difference.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from qomgen import cli
from qomgen.problems import all_rules
from tests.golden.cases import BAD, GOOD_SPEC, HERE, Case, cases, count, generate


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_message(
    case: Case,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, printed = case.run(tmp_path, monkeypatch, capsys)
    if os.environ.get("QOMGEN_UPDATE") == "1":
        case.golden.write_text(printed, "utf-8")
    assert f"error[{case.rule}]" in printed
    assert printed == case.golden.read_text("utf-8")
    is_drift = case.rule > "QG5" and "nothing was written" not in printed
    assert code == (cli.DRIFT if is_drift else cli.BAD_INPUT)
    if not is_drift and case.rule < "QG5":
        assert not (tmp_path / "generated").exists()


def test_every_rule_has_a_golden_case() -> None:
    assert sorted(set(all_rules()) - {case.rule for case in cases()}) == []
    assert count().startswith(f"{len(all_rules())} rules, ")


def test_every_golden_has_a_case() -> None:
    known = {case.golden for case in cases()}
    assert sorted(path.name for path in BAD.glob("*.txt") if path not in known) == []


def test_the_spec_that_cases_vary_is_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    specs = tmp_path / "specs"
    specs.mkdir()
    (specs / "my-dev.yaml").write_text(GOOD_SPEC)
    assert generate(specs, monkeypatch, capsys)[0] == cli.CLEAN


def test_a_whole_spec_is_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The good twin of most cases: what they say is wrong is all that is wrong."""
    specs = tmp_path / "specs"
    specs.mkdir()
    (specs / "good.yaml").write_text((HERE / "good.yaml").read_text())
    code, printed = generate(specs, monkeypatch, capsys)
    assert code == cli.CLEAN, printed


def test_nothing_is_written_when_anything_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    specs = tmp_path / "specs"
    specs.mkdir()
    (specs / "my-dev.yaml").write_text(GOOD_SPEC)
    assert generate(specs, monkeypatch, capsys)[0] == cli.CLEAN
    output = tmp_path / "generated"
    before = {path: path.stat() for path in sorted(output.rglob("*"))}
    (specs / "my-dev.yaml").write_text(GOOD_SPEC.replace("hw/misc/my-dev.c", "hw/misc/other.c"))
    (specs / "bad.yaml").write_text("type: my-other\nparnet: device\n")
    assert generate(specs, monkeypatch, capsys)[0] == cli.BAD_INPUT
    after = {path: path.stat() for path in sorted(output.rglob("*"))}
    assert list(after) == list(before)
    assert [each.st_mtime_ns for each in after.values()] == [
        each.st_mtime_ns for each in before.values()
    ]
