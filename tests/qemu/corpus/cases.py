# SPDX-License-Identifier: GPL-2.0-or-later
"""What is asked: `asked/SUBJECT.yaml`.

A file is a list of groups. Each has `about`, and may have `machine` (q35 if not) and `series` (all
if not). A group is one of two:

- `command-lines`: each is a QEMU of its own; written as for a shell, or as a mapping of options to
  their values, which are JSON if they are no text. With `values` each line is asked once for each
  value, which replaces `{}`. `then` are QMP commands that QEMU is asked when it has started.
- `session`, a name, and `steps`: QMP commands that one QEMU is asked, each a case. `arguments`
  begin its command line. With `values` a step is asked once for each value.

A QMP command is a mapping of its name to its arguments; where they are a list, they are in the
order of `ORDER`. With `events` that many events must come of it, sooner or later.
"""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.qemu.archive import SUITES

FOLDER = Path(__file__).with_name("asked")

SERIES = ("7.2", "10.0")

# A command's arguments by position.
ORDER: Mapping[str, tuple[str, ...]] = {
    "qom-get": ("path", "property"),
    "qom-set": ("path", "property", "value"),
    "qom-list": ("path",),
    "qom-list-properties": ("typename",),
    "device-list-properties": ("typename",),
    "device_del": ("id",),
    "object-del": ("id",),
}


@dataclass(frozen=True)
class Step:
    """One QMP command."""

    name: str
    execute: str
    arguments: Mapping[str, Any]
    events: int = 0


@dataclass(frozen=True)
class Script:
    """What one QEMU is asked: its command line, and QMP commands one after the other.

    With `session` each step is a case, without it the whole is one.
    """

    subject: str
    name: str
    series: tuple[str, ...]
    machine: str
    arguments: tuple[str, ...]
    steps: tuple[Step, ...]
    session: bool

    def cases(self) -> list[str]:
        """The names of its cases; the last of a session is how it ended."""
        if not self.session:
            return [self.name]
        return [*(f"{self.name}: {step.name}" for step in self.steps), f"{self.name}: (end)"]


class BadCases(Exception):
    """A file of cases that is not what this module's docstring says."""


def subjects() -> list[str]:
    """The names of all files, in order."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load(subject: str) -> list[Script]:
    """The scripts of one file.

    Raises `BadCases`.
    """
    path = FOLDER / f"{subject}.yaml"
    groups = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    scripts: list[Script] = []
    for group in groups:
        try:
            scripts += _group(subject, group)
        except (KeyError, TypeError, ValueError) as error:
            raise BadCases(f"{path.name}: {group.get('about')}: {error!r}") from error
    names = [(script.name, series) for script in scripts for series in script.series]
    twice = {name for name, _ in names if names.count((name, _)) > 1}
    if twice:
        raise BadCases(f"{path.name}: asked twice: {sorted(twice)}")
    return scripts


_COMMON = {"about", "machine", "series"}


def _group(subject: str, group: Mapping[str, Any]) -> Iterator[Script]:
    if not group["about"]:
        raise ValueError("'about' must say what the group shows")
    series = tuple(group.get("series", SERIES))
    if not set(series) <= set(SUITES):
        raise ValueError(f"unknown series in {series}")
    machine = group.get("machine", "q35")
    if "session" in group:
        _known(group, _COMMON | {"session", "arguments", "steps"})
        steps = [step for given in group["steps"] for step in _steps(given)]
        arguments = tuple(shlex.split(group.get("arguments", "")))
        name = str(group["session"])
        yield Script(subject, name, series, machine, arguments, _numbered(steps), session=True)
        return
    _known(group, _COMMON | {"command-lines", "values", "then"})
    values = group.get("values", [None])
    for template in group["command-lines"]:
        for value in values:
            text = _filled(template, value)
            then = [step for given in group.get("then", []) for step in _steps(given, value)]
            name = text if machine == "q35" else f"-machine {machine} {text}"
            words = tuple(shlex.split(text))
            yield Script(subject, name, series, machine, words, tuple(then), session=False)


def _known(given: Mapping[str, Any], keys: set[str]) -> None:
    unknown = set(given) - keys
    if unknown:
        raise ValueError(f"unknown keys {sorted(unknown)}")


def _filled(template: str | Mapping[str, Any], value: Any) -> str:
    """The command line, as for a shell, with a value in it."""
    if isinstance(template, str):
        return template.replace("{}", str(value) if _plain(value) else shlex.quote(str(value)))
    words: list[str] = []
    for option, given in _replaced(template, value).items():
        words += [option, given if isinstance(given, str) else json.dumps(given)]
    return shlex.join(words)


def _plain(value: Any) -> bool:
    return not isinstance(value, str) or shlex.quote(value) == value


def _steps(given: Mapping[str, Any], value: Any = None) -> Iterator[Step]:
    values = given.get("values", [value])
    rest = {key: it for key, it in given.items() if key not in ("values", "events")}
    ((execute, arguments),) = rest.items()
    for each in values:
        filled = _replaced(arguments, each)
        name = execute if filled is None else f"{execute} {json.dumps(filled)}"
        if isinstance(filled, Sequence):
            filled = dict(zip(ORDER[execute], filled, strict=True))
        yield Step(name, execute, filled or {}, given.get("events", 0))


def _replaced(arguments: Any, value: Any) -> Any:
    """The arguments with the value itself in place of each `"{}"`."""
    if isinstance(arguments, Mapping):
        return {key: _replaced(each, value) for key, each in arguments.items()}
    if isinstance(arguments, list):
        return [_replaced(each, value) for each in arguments]
    return value if arguments == "{}" else arguments


def _numbered(steps: list[Step]) -> tuple[Step, ...]:
    """The steps, those asked again with a number behind their names."""
    seen: dict[str, int] = {}
    numbered = []
    for step in steps:
        seen[step.name] = seen.get(step.name, 0) + 1
        name = step.name if seen[step.name] == 1 else f"{step.name} #{seen[step.name]}"
        numbered.append(dataclasses.replace(step, name=name))
    return tuple(numbered)
