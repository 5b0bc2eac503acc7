# SPDX-License-Identifier: GPL-2.0-or-later
"""Record QEMU's answers, or compare pyqom's with them.

`record` asks real QEMUs and writes answered/; `compare` asks pyqom and prints what is not equal.
Exit code 0 when all is recorded or equal, 1 when something differs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from . import answers, cases, compare, debian


def _record(subjects: Sequence[str], chosen: Sequence[str]) -> int:
    programs = [debian.program(series) for series in chosen]
    for subject in subjects:
        before = answers.load(subject)
        oracles = dict(before.oracles)
        told: dict[str, dict[str, answers.Answer]] = {
            case: {} for script in cases.load(subject) for case in script.cases()
        }
        for series in cases.SERIES:
            found = next((each for each in programs if each.series == series), None)
            if found is None:
                by = compare.by_record(series, subject)
            else:
                by = compare.by_qemu(found, subject)
                oracles[series] = found.version
            for case, answer in by.items():
                if case in told:
                    told[case][series] = answer
        answers.write(subject, answers.Record(oracles, told))
        sys.stdout.write(f"{subject}: {sum(len(by) for by in told.values())} answers\n")
    return 0


def _compare(subjects: Sequence[str], chosen: Sequence[str]) -> int:
    total = equal = unknown = 0
    for subject in subjects:
        for series in chosen:
            theirs = compare.by_record(series, subject)
            verdict = compare.compared(subject, series, theirs, compare.by_pyqom(series, subject))
            total += verdict.cases
            equal += verdict.equal
            unknown += len(verdict.unknown) + len(verdict.mended)
            for text in verdict.unknown.values():
                sys.stdout.write(f"[{subject} {series}] {text}\n")
            for case in verdict.mended:
                sys.stdout.write(f"[{subject} {series}] listed, but equal: {case}\n")
    sys.stdout.write(f"{total} cases, {equal} equal, {total - equal} differ, {unknown} unlisted\n")
    return 1 if unknown else 0


def main() -> int:
    """Run one of the two commands; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.qemu.corpus", description=__doc__)
    parser.add_argument("command", choices=("record", "compare"))
    parser.add_argument("subject", nargs="*", help="files of asked/, all if none is named")
    parser.add_argument("--series", action="append", choices=cases.SERIES, help="may be repeated")
    arguments = parser.parse_args()
    subjects = arguments.subject or cases.subjects()
    run = _record if arguments.command == "record" else _compare
    return run(subjects, arguments.series or cases.SERIES)


if __name__ == "__main__":
    sys.exit(main())
