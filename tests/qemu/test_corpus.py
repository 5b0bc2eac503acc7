# SPDX-License-Identifier: GPL-2.0-or-later
"""pyqom answers several hundred command lines and QMP commands as real QEMUs do.

Oracle: Debian's QEMU 7.2 and 10.0. What they answered is kept in `corpus/answered/`; where the
binaries can be had, they are asked again first, and must say what is kept.
"""

from __future__ import annotations

import functools
import json
import shlex
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field

import pytest

from tests.qemu.archive import Unreachable
from tests.qemu.corpus import answers, cases, compare, debian
from tests.qemu.corpus.cases import SERIES
from tests.qemu.corpus.compare import Verdict, compared
from tests.qemu.corpus.ours import ask_pyqom
from tests.qemu.tree import Missing

_EACH = [(subject, series) for subject in cases.subjects() for series in SERIES]

# Of all cases, those that may be answered otherwise, reasons and all.
_TOLERATED = 0.02


@dataclass
class Summary:
    """What is said at the end: which oracle answered, and how pyqom compares."""

    asked: Counter[str] = field(default_factory=Counter)
    verdicts: dict[tuple[str, str], Verdict] = field(default_factory=dict)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the table."""
        for series in SERIES:
            found = [each for (_, of), each in self.verdicts.items() if of == series]
            if found:
                terminalreporter.line(f"oracle: {self.oracle(series)}")
                total, equal = sum(v.cases for v in found), sum(v.equal for v in found)
                terminalreporter.line(f"corpus {series}: {total} cases, {equal} equal")
        reasons = Counter(
            reason for verdict in self.verdicts.values() for reason in verdict.known.values()
        )
        for reason, times in reasons.most_common():
            terminalreporter.line(f"corpus: {times} differ: {reason}")

    def oracle(self, series: str) -> str:
        """Who answered: a binary in this run, or the record of one."""
        named = sorted({answers.load(subject).oracles[series] for subject in cases.subjects()})
        if self.asked[series]:
            return f"{_program(series).version}, asked now ({self.asked[series]} answers)"
        return f"answers that were recorded of {', '.join(named)}"


@pytest.fixture(scope="session")
def summary(request: pytest.FixtureRequest) -> Summary:
    made = Summary()
    request.config.pluginmanager.register(made)
    return made


@functools.cache
def _found(series: str) -> debian.Program | str:
    """The program, or why there is none."""
    try:
        return debian.program(series)
    except (Missing, Unreachable) as error:
        return str(error).splitlines()[0]


def _program(series: str) -> debian.Program:
    found = _found(series)
    if isinstance(found, str):
        pytest.skip(f"Debian's QEMU needs apt-get, dpkg-deb and a network: {found}")
    return found


@functools.cache
def _verdict(subject: str, series: str) -> Verdict:
    oracle = compare.by_record(series, subject)
    return compared(subject, series, oracle, compare.by_pyqom(series, subject))


@pytest.mark.binary
@pytest.mark.parametrize(("subject", "series"), _EACH)
def test_the_record_is_what_qemu_says(subject: str, series: str, summary: Summary) -> None:
    theirs = compare.by_qemu(_program(series), subject)
    summary.asked[series] += len(theirs)
    kept = compare.by_record(series, subject)
    wrong = [
        compare.shown(case, answer, kept.get(case), ours="record")
        for case, answer in theirs.items()
        if kept.get(case) != answer
    ]
    assert not wrong, "\n".join(["python -m tests.qemu.corpus record", *wrong])


@pytest.mark.parametrize(("subject", "series"), _EACH)
def test_every_case_has_an_answer(subject: str, series: str) -> None:
    asked = [
        case for script in cases.load(subject) if series in script.series for case in script.cases()
    ]
    assert list(compare.by_record(series, subject)) == asked


@pytest.mark.parametrize(("subject", "series"), _EACH)
def test_pyqom_answers_as_qemu(subject: str, series: str, summary: Summary) -> None:
    verdict = _verdict(subject, series)
    summary.verdicts[subject, series] = verdict
    assert not verdict.unknown, "\n".join(verdict.unknown.values())
    assert not verdict.mended, "listed in differences.yaml, but equal"


def test_few_answers_differ() -> None:
    verdicts = [_verdict(subject, series) for subject, series in _EACH]
    total = sum(verdict.cases for verdict in verdicts)
    assert total > 3000, "hardly anything was asked"
    differing = total - sum(verdict.equal for verdict in verdicts)
    assert differing <= _TOLERATED * total


def test_only_cases_that_there_are_may_differ() -> None:
    for entry in compare.differences():
        for series in entry.get("series", SERIES):
            kept = compare.by_record(series, entry["subject"])
            assert set(entry["cases"]) <= set(kept), entry


def test_another_answer_is_seen() -> None:
    oracle = compare.by_record("10.0", "clique")
    ours = compare.by_pyqom("10.0", "clique")
    case = "-device vfio-pci,x-nv-gpudirect-clique=16"
    changed = json.loads(json.dumps(ours).replace("0-15", "0-16"))
    assert case in compared("clique", "10.0", oracle, changed).unknown
    assert list(compared("clique", "10.0", oracle, {}).unknown) == list(oracle)


def test_a_listed_difference_must_be_one() -> None:
    oracle = compare.by_record("10.0", "slots")
    verdict = compared("slots", "10.0", oracle, oracle)
    assert verdict.mended == list(compare.known_differences("slots", "10.0"))
    assert verdict.mended


@pytest.mark.parametrize("series", SERIES)
@pytest.mark.parametrize(
    "command_line",
    [
        "-device vfio-pci",
        "-device vfio-pci,host=bogus",
        "-device vfio-pci,help",
        '-device \'{"driver": "vfio-pci", "x-no-mmap": "on"}\'',
        "-global vfio-pci.xres=abc -device vfio-pci",
    ],
)
def test_the_program_says_the_same(command_line: str, series: str) -> None:
    words = shlex.split(command_line)
    ran = subprocess.run(
        [sys.executable, "-m", "pyqom", "--qemu", series, *words],
        capture_output=True,
        text=True,
        check=False,
    )
    script = cases.Script("", command_line, SERIES, "q35", tuple(words), (), session=False)
    inside = ask_pyqom(series, script)
    assert (ran.returncode, ran.stdout, ran.stderr) == (inside.exit, inside.stdout, inside.stderr)
