# SPDX-License-Identifier: GPL-2.0-or-later

"""Every command line and QMP command about VFIO that a real QEMU 7.2.22 was asked, replayed."""

from __future__ import annotations

import ast
import io
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

import qomgen_devices
from pyqom import World, machine_ready, machine_start
from pyqom.cmdline import main
from pyqom.qmp import qmp_answer

CAPTURE = Path(__file__).parents[2] / "data" / "captures" / "qemu72_errors.txt"
LINE = re.compile(r"(?P<what>.*?) +-> (?P<answer>(rc=|\{|\[).*)")

assert qomgen_devices.vfio_pci is not None  # registers the types

# Types of QEMU that nobody described here, and what pyqom refuses where QEMU crashes.
NOT_HERE = ("e1000", "edu", "virtio-net", "vfio-pci-igd-lpc-bridge", "realized=on")


def _sections() -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    parts: dict[str, list[tuple[str, str]]] = {}
    current: list[tuple[str, str]] = []
    for line in CAPTURE.read_text().splitlines():
        if line.startswith("## "):
            current = parts.setdefault(line, [])
        elif match := LINE.fullmatch(line):
            current.append((match["what"], match["answer"]))
    cli, qmp = parts.values()
    return cli, qmp


COMMAND_LINES, QMP = _sections()
OURS = [case for case in COMMAND_LINES if not any(word in case[0] for word in NOT_HERE)]


def _command_line(what: str, stderr: str) -> list[str]:
    """The words of a captured line; the two JSON ones are named, their words stand in stderr."""
    if what.startswith("-device '{json}'"):
        found = re.search(r"-device (\{.*?\})", stderr)
        assert found is not None
        return ["-device", found[1]]
    if match := re.fullmatch(r"-device (.*host= 1:2\.3)", what):
        return ["-device", match[1]]
    return shlex.split(what.removesuffix(" (unused)"))


def test_the_capture_was_read() -> None:
    assert (len(COMMAND_LINES), len(OURS)) == (77, 65)
    assert len(QMP) > 60


@pytest.mark.parametrize(("what", "answer"), OURS, ids=[case[0] for case in OURS])
def test_a_command_line(what: str, answer: str) -> None:
    match = re.fullmatch(r"rc=(-?\d+) stderr=(.*)", answer)
    assert match is not None
    expected = ast.literal_eval(match[2]).replace("qemu-system-x86_64: ", "pyqom: ")
    out, err = io.StringIO(), io.StringIO()
    status = main(["--qemu", "7.2", *_command_line(what, expected)], out, err, io.StringIO())
    assert (status, err.getvalue().strip()) == (int(match[1]), expected.strip())


QMP_OURS = [
    case
    for case in QMP
    if case[0].startswith(("device_add {", "device-list-properties ", "qom-list-properties nosuch"))
    and not any(word in case[0] for word in ("e1000", "edu"))
]


def _request(what: str) -> dict[str, Any]:
    command, _, rest = what.partition(" ")
    arguments = json.loads(rest) if rest.startswith("{") else {"typename": rest}
    return {"execute": command, "arguments": arguments}


@pytest.mark.parametrize(("what", "answer"), QMP_OURS, ids=[case[0] for case in QMP_OURS])
def test_a_qmp_command(what: str, answer: str) -> None:
    with World("7.2") as world:
        machine_start("pc")
        machine_ready()
        assert qmp_answer(world, _request(what)) == json.loads(answer)


def test_enough_of_qmp_was_replayed() -> None:
    assert len(QMP_OURS) >= 30
