# SPDX-License-Identifier: GPL-2.0-or-later

"""A conversation with a real QEMU 7.2.22 about edu and e1000, replayed from the beginning."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

from pyqom import TypeInfo, World, machine_ready, machine_start, type_register_static
from pyqom.qmp import qmp_answer
from tests.unit.pyqom import devices

CAPTURE = Path(__file__).parents[2] / "data" / "captures" / "qemu72_errors.txt"
LINE = re.compile(r"(?P<what>.*?) +-> (?P<answer>\{.*)")


def _request(what: str) -> dict[str, Any] | None:
    """The QMP command behind a captured line, None for one that does not show its arguments."""
    command, _, rest = what.partition(" ")
    if command == "device_add" and rest.startswith("{"):
        arguments = json.loads(rest)
        # vfio-pci and virtio are other tests' and nobody's.
        if (
            "vfio" in str(arguments.get("driver"))
            or arguments.get("driver") == "memory-backend-ram"
        ):
            return None
        return {"execute": command, "arguments": arguments}
    if command == "device_del":
        return {"execute": command, "arguments": {"id": rest.split()[0]}}
    if match := re.fullmatch(r"(\w+) ([\w-]+)=(.*)", rest):
        if command == "qom-set":
            path, name, value = match.groups()
            arguments = {"path": path, "property": name, "value": ast.literal_eval(value)}
            return {"execute": command, "arguments": arguments}
    elif command == "qom-get" and len(rest.split()) == 2:
        path, name = rest.split()
        path = f"/objects/{path}" if path == "i0" else path
        return {"execute": command, "arguments": {"path": path, "property": name}}
    return None


def test_the_conversation() -> None:
    """One machine for all of it: each answer rests on the commands before."""
    lines = CAPTURE.read_text().partition("## QMP")[2].splitlines()
    cases = [
        (match["what"], request, json.loads(match["answer"]))
        for line in lines
        if (match := LINE.fullmatch(line)) and (request := _request(match["what"]))
    ]
    assert len(cases) == 34
    with World("7.2") as world:
        devices.register()
        type_register_static(TypeInfo(name="e1000", parent="nic"))
        machine_start("pc")
        machine_ready()
        answers = [(what, qmp_answer(world, request)) for what, request, _ in cases]
    assert answers == [(what, answer) for what, _, answer in cases]
