# SPDX-License-Identifier: GPL-2.0-or-later
"""What was answered, in a form that two programs can be compared in, and the record of it.

`answered/SUBJECT.yaml` is written by `python -m tests.qemu.corpus record` alone. It names the
binaries that answered, and has for each case what they said: one answer under `both` where the
series agree.
"""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ruamel.yaml import YAML

from . import hosted
from .cases import SERIES, Script
from .talk import Outcome, Reply

FOLDER = Path(__file__).with_name("answered")

Answer = Mapping[str, Any]

T = TypeVar("T")

_HEAD = """# SPDX-License-Identifier: GPL-2.0-or-later
# What QEMU answered. Written by: python -m tests.qemu.corpus record
# An answer is never written by hand.
"""

_PROGRAM = re.compile(r"^(?:qemu-system-x86_64|pyqom): ", re.MULTILINE)

# -device help and -object help tell of all types; pyqom has these of them.
_TYPES = frozenset(
    {*hosted.NAMES, "iommufd", "vfio-pci", "vfio-pci-igd-lpc-bridge", "vfio-pci-nohotplug"}
)
_DEVICE = re.compile(r'name "([^"]*)"')
_OBJECT = re.compile(r"  ([\w-]+)\n")


def answers(script: Script, outcome: Outcome) -> dict[str, Answer]:
    """The answer to each case of a script: case -> answer."""
    if outcome.exit < 0:
        # What it says of that has the line numbers of its source.
        return {script.name: {"crash": signal.Signals(-outcome.exit).name}}
    replies = [_reply(reply) for reply in outcome.replies]
    whole: dict[str, Any] = {"exit": outcome.exit}
    if stderr := _PROGRAM.sub("PROGRAM: ", outcome.stderr):
        whole["stderr"] = stderr.splitlines()
    if stdout := _restricted(outcome.stdout):
        whole["stdout"] = stdout.splitlines()
    if script.session:
        return dict(zip(script.cases(), [*replies, whole], strict=True))
    if script.steps:
        whole["replies"] = replies
    return {script.name: whole}


def _reply(reply: Reply) -> Reply:
    """A reply with lists in the order of names: QEMU's is that of a hash table."""
    told = reply.get("return")
    if isinstance(told, list) and all(isinstance(each, Mapping) for each in told):
        return {**reply, "return": sorted(told, key=lambda each: str(each.get("name")))}
    return reply


def _restricted(text: str) -> str:
    """The lists of all types without the types that pyqom does not have."""
    lines: list[str] = []
    for line in text.splitlines(keepends=True):
        named = _DEVICE.match(line) or (_OBJECT.fullmatch(line) if "=" not in line else None)
        if named and named[1] not in _TYPES:
            continue
        lines.append(line)
    kept = "".join(lines)
    # A section that has lost all its devices goes with its empty line.
    return re.sub(r"(?m)^\n?[^\n]* devices:\n(?=\n|\Z)", "", kept)


@dataclass(frozen=True)
class Record:
    """The answers of a subject: `oracles` by series, and case -> series -> answer."""

    oracles: Mapping[str, str]
    answers: Mapping[str, Mapping[str, Answer]]


def load(subject: str) -> Record:
    """The record of a subject; an empty one if nothing was recorded yet."""
    path = FOLDER / f"{subject}.yaml"
    if not path.exists():
        return Record({}, {})
    read = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    found = {
        case: {series: by.get("both", by.get(series)) for series in SERIES if _has(by, series)}
        for case, by in read["answers"].items()
    }
    return Record(read["oracles"], found)


def _has(by: Mapping[str, Any], series: str) -> bool:
    return "both" in by or series in by


def write(subject: str, record: Record) -> None:
    """Write the record of a subject, a line an answer."""
    lines = [_HEAD, "oracles:\n"]
    lines += [f'  "{series}": {_json(by)}\n' for series, by in _by_series(record.oracles)]
    lines.append("answers:\n")
    for case, by in record.answers.items():
        lines.append(f"  {_json(case)}:\n")
        told: Sequence[tuple[str, Answer]] = sorted(
            by.items(), key=lambda each: SERIES.index(each[0])
        )
        if len(told) == len(SERIES) and all(answer == told[0][1] for _, answer in told):
            told = [("both", told[0][1])]
        lines += [
            f"    {name if name == 'both' else _json(name)}: {_json(answer)}\n"
            for name, answer in told
        ]
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{subject}.yaml").write_text("".join(lines), encoding="utf-8")


def _by_series(given: Mapping[str, T]) -> list[tuple[str, T]]:
    return sorted(given.items(), key=lambda each: SERIES.index(each[0]))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
