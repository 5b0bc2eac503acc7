# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine within the machine: QEMU, made for this test, asked through its monitor."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

FOLDER = Path("/qomgen/nested")
"""Where the program, its libraries and its firmware are (tests/vm/nested.py)."""

PROGRAM = FOLDER / "qemu-system-x86_64"
ENVIRONMENT = {**os.environ, "LD_LIBRARY_PATH": str(FOLDER / "lib")}

_ARGUMENTS = (
    # No processor of it ever runs: what it would do, the monitor does.
    *"-machine q35 -accel qtest -m 64 -S".split(),
    *"-nodefaults -no-user-config -display none -qmp stdio".split(),
)
_PATIENCE = 60.0  # seconds; it starts within three

_CONFIG_ADDRESS, _CONFIG_DATA = 0xCF8, 0xCFC
_COMMAND, _BAR0 = 0x04, 0x10
_MEMORY_SPACE = 0x2


class QemuError(Exception):
    """QEMU ended, or refused a command; the text is its own."""


class Innermost:
    """A PC with *words* (`-device`, ...) added to it.  Leaving the context ends it."""

    def __init__(self, *words: str) -> None:
        # A file, since nobody would read a pipe while QMP speaks.
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed in __exit__
        self._process = subprocess.Popen(
            [PROGRAM, *_ARGUMENTS, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=ENVIRONMENT,
            text=True,
        )
        self._events: list[str] = []
        self._watchdog = threading.Timer(_PATIENCE, self._process.kill)
        self._watchdog.start()

    def __enter__(self) -> Self:
        try:
            self._read()  # the greeting
            self.qmp("qmp_capabilities")
        except QemuError:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End QEMU, and with it all that it has open."""
        self._watchdog.cancel()
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._errors.seek(0)
            raise QemuError(self._errors.read().strip())
        answer: dict[str, Any] = json.loads(line)
        return answer

    def qmp(self, command: str, **arguments: object) -> Any:
        """What QEMU returns for *command*."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self._process.stdin.flush()
        while True:
            answer = self._read()
            if "error" in answer:
                raise QemuError(answer["error"]["desc"])
            if "return" in answer:
                return answer["return"]
            self._take(answer)

    def _take(self, answer: dict[str, Any]) -> None:
        self._events.append(answer["event"])

    def wait(self, event: str) -> None:
        """Wait for *event*, passing over others.  Raises `QemuError` when QEMU ends before."""
        while event not in self._events:
            self._take(self._read())
        self._events.clear()

    def hmp(self, command: str) -> str:
        """What the human monitor says to *command*."""
        said = self.qmp("human-monitor-command", **{"command-line": command})
        return str(said).strip()

    def write_config(self, slot: int, register: int, value: int) -> None:
        """Write 32 bits to the configuration space of a function 0 on the root bus, by I/O ports."""
        address = 0x80000000 | slot << 11 | register
        self.hmp(f"o /w {_CONFIG_ADDRESS:#x} {address:#x}")
        said = self.hmp(f"o /w {_CONFIG_DATA:#x} {value:#x}")
        # With iommufd, QEMU warns of a BAR that is switched on: other devices can't reach it.
        assert not said or said.endswith("PCI peer-to-peer transactions on BARs are not supported.")

    def place_bar(self, slot: int, address: int) -> None:
        """Do what firmware does: give BAR 0 an *address*, and let the function answer there."""
        self.write_config(slot, _BAR0, address)
        self.write_config(slot, _COMMAND, _MEMORY_SPACE)

    def read(self, address: int) -> int:
        """32 bits of the machine's memory."""
        # Two words at once would be an access of eight bytes, to which edu answers all ones.
        _, value = self.hmp(f"xp /1wx {address:#x}").split(": ")
        return int(value, 16)
