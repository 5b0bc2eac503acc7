# SPDX-License-Identifier: GPL-2.0-or-later
"""Asking a real QEMU."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO, Any

from .cases import Script, Step
from .debian import Program

_PATIENCE = 60.0  # seconds; the longest session takes one

# Nobody's business: what a machine says of itself whatever it is asked.
_BACKGROUND = frozenset({"RESET", "SHUTDOWN", "RTC_CHANGE", "NIC_RX_FILTER_CHANGED"})

Reply = dict[str, Any]


@dataclass
class Outcome:
    """What came of a script: exit code, what was written, and a reply for each QMP command.

    A negative exit code is the signal that ended QEMU. A reply holds "return" or "error", and
    "events" that came before it.
    """

    exit: int
    stdout: str
    stderr: str
    replies: list[Reply] = field(default_factory=list)


class Silent(Exception):
    """QEMU did not answer, or ended in the middle of a session."""


def ask_qemu(found: Program, script: Script) -> Outcome:
    """Run a script on a real QEMU.

    Raises `Silent`.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8") as errors:
        process = subprocess.Popen(
            [
                *found.words,
                # Debian's has no qtest; nothing runs before "cont" anyway.
                *("-machine", script.machine, "-accel", "tcg", "-nodefaults", "-no-user-config"),
                *("-display", "none", "-S"),
                *script.arguments,
                *("-qmp", "stdio"),
            ],
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            encoding="utf-8",
        )
        with process:
            watchdog = threading.Timer(_PATIENCE, process.kill)
            watchdog.start()
            try:
                talk = _Talk(process)
                replies = talk.run(script)
                code = process.wait()
            finally:
                watchdog.cancel()
                process.kill()
        errors.seek(0)
        said = errors.read()
    if code == -signal.SIGKILL or (script.session and len(replies) != len(script.steps)):
        raise Silent(f"{script.name}: QEMU {found.series} ended with {code}: {said}")
    return Outcome(code, "".join(talk.text), said, replies)


class _Talk:
    """One conversation with a QEMU, over its standard input and output."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._in: IO[str] = process.stdin
        self._out: IO[str] = process.stdout
        self.text: list[str] = []
        self._events: list[Mapping[str, Any]] = []

    def run(self, script: Script) -> list[Reply]:
        replies: list[Reply] = []
        if self._ask("qmp_capabilities", {}) is None:
            return replies
        for step in script.steps:
            reply = self._step(step)
            if reply is None:
                return replies
            replies.append(reply)
        self._ask("quit", {})
        # The last words, lest QEMU find nobody who reads them.
        self.text += [line for line in self._out if not line.startswith("{")]
        return replies

    def _step(self, step: Step) -> Reply | None:
        reply = self._ask(step.execute, step.arguments)
        # A device is gone some time after it was unplugged (RCU).
        while reply is not None and len(self._events) < step.events:
            self._read()
        if reply is not None and self._events:
            reply["events"] = sorted(self._events, key=json.dumps)
        self._events = []
        return reply

    def _ask(self, execute: str, arguments: Mapping[str, Any]) -> Reply | None:
        """The reply, None if QEMU has ended."""
        request = {"execute": execute, "arguments": arguments, "id": 0}
        try:
            self._in.write(json.dumps(request) + "\n")
            self._in.flush()
        except BrokenPipeError:
            # It has ended; what it said before is still there. Closing tries to write once more.
            with contextlib.suppress(BrokenPipeError):
                self._in.close()
        said = self._read()
        while said is not None and said.get("id") != 0:
            said = self._read()
        return {key: said[key] for key in ("return", "error") if key in said} if said else None

    def _read(self) -> Reply | None:
        """The next thing that QEMU says in JSON, None if it has ended."""
        for line in self._out:
            if not line.startswith("{"):
                self.text.append(line)
                continue
            said: Reply = json.loads(line)
            if "event" in said and said["event"] not in _BACKGROUND:
                self._events.append({"event": said["event"], "data": said.get("data", {})})
            return said
        return None
