# SPDX-License-Identifier: GPL-2.0-or-later
"""Asking pyqom the same."""

from __future__ import annotations

import io
import json
from typing import Any

from pyqom.cmdline import main
from pyqom.packages import load_device_packages

from . import hosted
from .cases import Script
from .talk import Outcome, Reply


def ask_pyqom(series: str, script: Script) -> Outcome:
    """Run a script on pyqom, in this process; the same as `python -m pyqom` does."""
    load_device_packages()
    requests = [{"execute": step.execute, "arguments": step.arguments} for step in script.steps]
    source = io.StringIO("".join(json.dumps(request) + "\n" for request in requests))
    out, err = io.StringIO(), io.StringIO()
    words = ["--qemu", series, "-machine", script.machine, "-nodefaults", "-S"]
    words += [*script.arguments, "-qmp", "stdio"]
    status = main(words, out, err, source, prepare=hosted.register)
    text, replies = _told(out.getvalue())
    return Outcome(status, text, err.getvalue(), replies)


def _told(output: str) -> tuple[str, list[Reply]]:
    """What was printed: text, and replies with the events that came before each."""
    text: list[str] = []
    replies: list[Reply] = []
    events: list[Any] = []
    for line in output.splitlines(keepends=True):
        if not line.startswith("{"):
            text.append(line)
            continue
        said: Reply = json.loads(line)
        if "event" in said:
            events.append(said)
            continue
        if events:
            said["events"] = sorted(events, key=json.dumps)
            events = []
        replies.append(said)
    return "".join(text), replies
