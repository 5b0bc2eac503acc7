# SPDX-License-Identifier: GPL-2.0-or-later
"""Two programs' answers side by side."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from . import answers, cases
from .answers import Answer
from .debian import Program
from .ours import ask_pyqom
from .talk import ask_qemu

_DIFFERENCES = Path(__file__).with_name("differences.yaml")

# QEMUs that run at a time. A start is mostly waiting for files.
_AT_ONCE = 2

Told = Mapping[str, Answer]


def by_qemu(found: Program, subject: str) -> dict[str, Answer]:
    """What a real QEMU answers now: case -> answer.

    Raises `talk.Silent`.
    """
    scripts = [script for script in cases.load(subject) if found.series in script.series]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        outcomes = pool.map(lambda script: ask_qemu(found, script), scripts)
        return _joined(
            answers.answers(script, outcome)
            for script, outcome in zip(scripts, outcomes, strict=True)
        )


def by_pyqom(series: str, subject: str) -> dict[str, Answer]:
    """What pyqom answers now: case -> answer."""
    scripts = [script for script in cases.load(subject) if series in script.series]
    return _joined(answers.answers(script, ask_pyqom(series, script)) for script in scripts)


def by_record(series: str, subject: str) -> dict[str, Answer]:
    """What the record says: case -> answer."""
    record = answers.load(subject)
    return {case: by[series] for case, by in record.answers.items() if series in by}


def _joined(parts: Iterable[Told]) -> dict[str, Answer]:
    return {case: answer for part in parts for case, answer in part.items()}


def differences() -> list[dict[str, Any]]:
    """The entries of differences.yaml."""
    listed: list[dict[str, Any]] = YAML(typ="safe", pure=True).load(
        _DIFFERENCES.read_text(encoding="utf-8")
    )
    return listed


def known_differences(subject: str, series: str) -> dict[str, str]:
    """Case -> why pyqom answers otherwise."""
    return {
        case: entry["reason"]
        for entry in differences()
        if entry["subject"] == subject and series in entry.get("series", cases.SERIES)
        for case in entry["cases"]
    }


@dataclass
class Verdict:
    """One subject in one series: how many cases there are, and what is not equal."""

    subject: str
    series: str
    cases: int
    known: dict[str, str] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)
    mended: list[str] = field(default_factory=list)

    @property
    def equal(self) -> int:
        """How many cases are answered alike."""
        return self.cases - len(self.known) - len(self.unknown)


def compared(subject: str, series: str, oracle: Told, ours: Told) -> Verdict:
    """Each case of *oracle* beside ours.

    `known` differences come with their reasons, `unknown` ones with both answers; `mended` are
    listed and equal all the same.
    """
    verdict = Verdict(subject, series, len(oracle))
    reasons = known_differences(subject, series)
    for case, answer in oracle.items():
        own = ours.get(case)
        if own == answer:
            if case in reasons:
                verdict.mended.append(case)
        elif "crash" in answer and own is not None and own.get("exit") == 1:
            verdict.known[case] = f"QEMU crashes ({answer['crash']}), pyqom refuses"
        elif case in reasons:
            verdict.known[case] = reasons[case]
        else:
            verdict.unknown[case] = shown(case, answer, own)
    return verdict


def shown(case: str, theirs: Answer | None, answer: Answer | None, *, ours: str = "pyqom") -> str:
    """QEMU's answer to a case and another one, for a person."""
    width = len(ours)
    return "\n".join(
        [case, f"  {'QEMU':{width}} {json.dumps(theirs)}", f"  {ours} {json.dumps(answer)}"]
    )
