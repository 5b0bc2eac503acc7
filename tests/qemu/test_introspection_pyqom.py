# SPDX-License-Identifier: GPL-2.0-or-later
"""Generated Python modules tell of their types what real QEMUs tell: help, QMP's lists.

Oracle: Debian's QEMU 7.2 and 10.0; where they can't be had, what such binaries once told
(tests/data/captures). A wrong spec makes another answer.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import pkgutil
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import qomgen_devices
from pyqom import TypeInfo
from tests.qemu.archive import Unreachable
from tests.qemu.corpus import debian
from tests.qemu.corpus.cases import SERIES, Script, Step
from tests.qemu.corpus.report import say
from tests.qemu.corpus.talk import ask_qemu
from tests.qemu.run import run
from tests.qemu.tree import Missing

_PROJECT = Path(__file__).parents[2]
_CAPTURES = _PROJECT / "tests" / "data" / "captures"
_CAPTURED = {"7.2": "qemu72", "10.0": "qemu100_x86_64"}

_LISTS = ("device-list-properties", "qom-list-properties")

# Question -> answer; lists are sorted by name.
Told = Mapping[str, object]


def _generated() -> list[str]:
    """The types that have a generated module."""
    names: set[str] = set()
    for found in pkgutil.iter_modules(qomgen_devices.__path__):
        module = importlib.import_module(f"qomgen_devices.{found.name}")
        names |= {each.name for each in vars(module).values() if isinstance(each, TypeInfo)}
    return sorted(names)


def _steps(typenames: list[str]) -> list[Step]:
    """The questions of QMP."""
    asked: list[tuple[str, dict[str, object]]] = [("qom-list-types", {"abstract": True})]
    asked += [("qom-list-types", {"implements": name}) for name in typenames]
    asked += [(command, {"typename": name}) for command in _LISTS for name in typenames]
    return [
        Step(f"{command} {' '.join(map(str, arguments.values()))}", command, arguments)
        for command, arguments in asked
    ]


def _sorted(reply: Mapping[str, Any], only: list[str] | None) -> dict[str, Any]:
    told = reply.get("return")
    if not isinstance(told, list):
        return {"error": reply.get("error")}
    records = sorted(told, key=lambda record: str(record["name"]))
    return {"return": [each for each in records if only is None or each["name"] in only]}


def _told(typenames: list[str], replies: list[Mapping[str, Any]], helps: Mapping[str, str]) -> Told:
    steps = _steps(typenames)
    answers = {
        # All types there are: those that have a generated module.
        step.name: _sorted(reply, typenames if step.execute == "qom-list-types" else None)
        for step, reply in zip(steps, replies, strict=True)
    }
    return {**answers, **helps}


def _help_words(typenames: list[str]) -> list[tuple[str, str]]:
    return [(option, f"{name},help") for option in ("-device", "-object") for name in typenames] + [
        ("-device", "help")
    ]


def _devices(text: str, typenames: list[str]) -> str:
    """Of `-device help` the lines of these types, each with the title that it stands under."""
    title, kept = "", []
    for line in text.splitlines():
        if line.endswith("devices:"):
            title = line
        elif any(line.startswith(f'name "{name}"') for name in typenames):
            kept.append(f"{title} {line}")
    return "\n".join(kept)


def by_qemu(found: debian.Program, typenames: list[str]) -> Told:
    """What a real QEMU tells of these types."""
    session = Script("", "", (), "none", (), tuple(_steps(typenames)), session=True)
    replies: list[Mapping[str, Any]] = list(ask_qemu(found, session).replies)
    helps: dict[str, str] = {}
    for words in _help_words(typenames):
        ended = ask_qemu(found, Script("", "", (), "none", words, (), session=False))
        helps[" ".join(words)] = ended.stdout
    helps["-device help"] = _devices(helps["-device help"], typenames)
    return _told(typenames, replies, helps)


def _pyqom(asked: list[tuple[list[str], str]], generated: Path | None = None) -> list[str]:
    """What pyqom writes for each (words, standard input).

    With *generated* the package of generated modules is the one in that folder.
    """
    path = [str(generated)] if generated else []
    path += [each for each in [os.environ.get("PYTHONPATH")] if each]
    ran = subprocess.run(
        [sys.executable, "-m", "tests.qemu.corpus.driver"],
        cwd=_PROJECT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    written: list[str] = json.loads(ran.stdout)
    return written


def by_pyqom(series: str, typenames: list[str], generated: Path | None = None) -> Told:
    """What pyqom tells of these types."""
    begin = ["--qemu", series, "-machine", "none"]
    asked = [{"execute": step.execute, "arguments": step.arguments} for step in _steps(typenames)]
    given = "".join(json.dumps(each) + "\n" for each in asked)
    helps = _help_words(typenames)
    said, *helped = _pyqom(
        [([*begin, "-qmp", "stdio"], given), *(([*begin, *words], "") for words in helps)],
        generated,
    )
    replies: list[Mapping[str, Any]] = [json.loads(line) for line in said.splitlines()]
    told = {" ".join(words): text for words, text in zip(helps, helped, strict=True)}
    told["-device help"] = _devices(told["-device help"], typenames)
    return _told(typenames, replies, told)


def by_capture(series: str, typenames: list[str]) -> Told:
    """What was captured of such a binary: of most types, and not every question."""
    told: dict[str, object] = {}
    for command in _LISTS:
        text = (_CAPTURES / f"{_CAPTURED[series]}_{command}.json").read_text(encoding="utf-8")
        for name, reply in json.loads(text).items():
            if name in typenames:
                told[f"{command} {name}"] = _sorted(reply, None)
    for name in typenames:
        path = _CAPTURES / f"{_CAPTURED[series]}_device_{name}_help.txt"
        if path.exists():
            text = path.read_text(encoding="utf-8")
            told[f"-device {name},help"] = text.removeprefix("# rc=0\n")
    return told


@functools.cache
def _oracle(series: str) -> tuple[str, Told]:
    """Who answered, and what."""
    typenames = _in_series(series)
    try:
        found = debian.program(series)
    except (Missing, Unreachable):
        if os.environ.get("QOMGEN_NO_SKIP") == "1":
            raise
        return f"captures of {_CAPTURED[series]}", by_capture(series, typenames)
    return found.version, by_qemu(found, typenames)


@functools.cache
def _in_series(series: str) -> list[str]:
    (said,) = _pyqom([(["--qemu", series, "qom-list-types", "--abstract"], "")])
    there = {record["name"] for record in json.loads(said)["return"]}
    return [name for name in _generated() if name in there]


@pytest.fixture
def oracle(request: pytest.FixtureRequest) -> Callable[[str], Told]:
    """A function that gets the oracle's answers, and has it printed whose they are."""

    def get(series: str) -> Told:
        who, told = _oracle(series)
        say(request.config, f"oracle: {who}, {len(told)} answers about types")
        return told

    return get


@pytest.mark.binary
@pytest.mark.parametrize("series", SERIES)
def test_generated_types_tell_what_qemus_own_tell(
    series: str, oracle: Callable[[str], Told]
) -> None:
    typenames = _in_series(series)
    assert {"vfio-pci", "vfio-pci-nohotplug"} <= set(typenames)
    theirs = oracle(series)
    assert {f"-device {name},help" for name in ("vfio-pci", "vfio-pci-nohotplug")} <= set(theirs)
    ours = by_pyqom(series, typenames)
    assert {question: ours[question] for question in theirs} == dict(theirs)


def _both(*questions: str) -> set[str]:
    return {
        question.format(name)
        for question in questions
        for name in ("vfio-pci", "vfio-pci-nohotplug")
    }


_OF_PROPERTIES = (
    "-device {},help",
    "-object {},help",
    "device-list-properties {}",
    "qom-list-properties {}",
)
_ALL_TYPES = "qom-list-types True"

# What is done to which spec, and the questions that then have another answer.
_MUTATIONS = {
    "default": ("vfio-pci", r"default: 1100\n", "default: 1101\n", _both(*_OF_PROPERTIES)),
    "kind": (
        "vfio-pci",
        r"(  xres:\n    kind: )uint32\n",
        r"\1size32" + "\n",
        _both(*_OF_PROPERTIES),
    ),
    "removed property": ("vfio-pci", r"  yres:\n(    .*\n)+", "", _both(*_OF_PROPERTIES)),
    "parent": (
        "vfio-pci-igd-lpc-bridge",
        r"parent: pci-device\n",
        "parent: vfio-pci\n",
        {
            *(question.format("vfio-pci-igd-lpc-bridge") for question in _OF_PROPERTIES),
            "qom-list-types vfio-pci",
            "qom-list-types vfio-pci-igd-lpc-bridge",
            _ALL_TYPES,
            # Now of two categories.
            "-device help",
        },
    ),
}


@pytest.mark.parametrize("mutation", _MUTATIONS)
def test_a_wrong_spec_is_seen(mutation: str, tmp_path: Path, oracle: Callable[[str], Told]) -> None:
    name, old, new, expected = _MUTATIONS[mutation]
    specs = tmp_path / "specs"
    shutil.copytree(_PROJECT / "device_specs", specs)
    path = specs / f"{name}.yaml"
    text, times = re.subn(old, new, path.read_text(encoding="utf-8"))
    assert times == 1
    path.write_text(text, encoding="utf-8")
    words: list[str | Path] = [sys.executable, "-m", "qomgen", "generate", "--target", "python"]
    words += ["--specs", specs, "--output", tmp_path / "generated"]
    run([*words, "--python-path", _PROJECT / "runtime"])
    theirs = oracle("10.0")
    wrong = by_pyqom("10.0", _in_series("10.0"), tmp_path / "generated" / "python")
    different = {question for question, told in theirs.items() if wrong[question] != told}
    assert different == expected & set(theirs)
    assert different
