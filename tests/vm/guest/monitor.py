# SPDX-License-Identifier: GPL-2.0-or-later
"""The monitor (QMP) of the QEMU that is this machine: the guest may unplug its own devices."""

from __future__ import annotations

import json
import select
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from tests.vm.guest import devices
from tests.vm.guest.ports import port

PATIENCE = 10.0  # seconds


class MonitorError(Exception):
    """QEMU refused a command, or did not answer."""


class Monitor:
    """The conversation with QEMU, through a virtio-serial port whose other end QEMU reads itself.

    There is one for the whole life of the machine.
    """

    def __init__(self) -> None:
        self._stream = port(devices.MONITOR).open("r+b", buffering=0)
        self._received = b""
        self._events: list[Mapping[str, Any]] = []
        self.ask("qmp_capabilities")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stream.close()

    def ask(self, command: str, **arguments: object) -> Any:
        """Give a command; return what QEMU returns.

        Raises `MonitorError` when QEMU refuses.
        """
        request = {"execute": command, "arguments": arguments}
        self._stream.write(json.dumps(request).encode() + b"\n")
        while True:
            message = self._message(PATIENCE)
            if "return" in message:
                return message["return"]
            if "error" in message:
                raise MonitorError(f"{command}: {message['error']['desc']}")
            self._keep(message)

    def await_event(self, name: str, **data: object) -> None:
        """Wait until QEMU has told of the event *name* with at least this *data*."""
        while True:
            for event in self._events:
                if event["event"] == name and data.items() <= event.get("data", {}).items():
                    self._events.remove(event)
                    return
            self._keep(self._message(PATIENCE))

    def _keep(self, message: Mapping[str, Any]) -> None:
        if "event" in message:
            self._events.append(message)

    def _message(self, seconds: float) -> Mapping[str, Any]:
        end = time.monotonic() + seconds
        while b"\n" not in self._received:
            readable, _, _ = select.select([self._stream], [], [], max(0.0, end - time.monotonic()))
            if not readable:
                raise MonitorError(f"QEMU says nothing for {seconds:g} s")
            self._received += self._stream.read(1 << 16) or b""
        line, _, self._received = self._received.partition(b"\n")
        message: Mapping[str, Any] = json.loads(line)
        return message
