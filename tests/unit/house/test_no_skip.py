# SPDX-License-Identifier: GPL-2.0-or-later
"""tests/conftest.py: where everything is installed, a skip is a failure."""

from __future__ import annotations

from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[2] / "conftest.py"

SKIPS = {
    "in_a_test": "def test_it(): pytest.skip('install in_a_test')",
    "by_a_mark": "@pytest.mark.skip(reason='install by_a_mark')\ndef test_it(): pass",
    "by_a_condition": (
        "@pytest.mark.skipif(True, reason='install by_a_condition')\ndef test_it(): pass"
    ),
    "in_a_fixture": (
        "@pytest.fixture\ndef cc(): pytest.skip('install in_a_fixture')\ndef test_it(cc): pass"
    ),
    "of_a_module": "pytest.skip('install of_a_module', allow_module_level=True)",
    "of_an_import": (
        "pytest.importorskip('no_such', reason='install of_an_import')\ndef test_it(): pass"
    ),
}
NO_SKIPS = {
    "passes": "def test_it(): pass",
    "known": "@pytest.mark.xfail(reason='known')\ndef test_it(): assert 0",
}


def run(pytester: pytest.Pytester, modules: dict[str, str]) -> pytest.RunResult:
    """Run test modules with our conftest.py in a process of their own."""
    pytester.makeconftest(CONFTEST.read_text())
    pytester.makepyfile(**{f"test_{name}": f"import pytest\n{modules[name]}" for name in modules})
    return pytester.runpytest_subprocess("-ra", "--continue-on-collection-errors")


def test_on_anybodys_machine_a_skip_is_a_skip(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("QOMGEN_NO_SKIP", raising=False)
    assert run(pytester, SKIPS).parseoutcomes() == {"skipped": len(SKIPS)}


def test_where_nothing_may_be_skipped_each_skip_fails_with_its_reason(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QOMGEN_NO_SKIP", "1")
    result = run(pytester, SKIPS)
    assert result.ret not in (pytest.ExitCode.OK, pytest.ExitCode.INTERNAL_ERROR)
    assert result.parseoutcomes().keys() == {"failed", "errors"}
    assert sum(result.parseoutcomes().values()) == len(SKIPS)
    for name in SKIPS:
        result.stdout.fnmatch_lines([f"QOMGEN_NO_SKIP=1, and yet: *install {name}*"])


def test_a_pass_and_an_expected_failure_stay_what_they_are(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QOMGEN_NO_SKIP", "1")
    result = run(pytester, NO_SKIPS)
    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=1, xfailed=1)
