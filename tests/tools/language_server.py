# SPDX-License-Identifier: GPL-2.0-or-later
"""The real yaml-language-server, asked over its standard streams as an editor asks it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.qemu import cache
from tests.qemu.run import run

PACKAGE = "yaml-language-server@1.19.2"
"""The newest of the series that runs on the Node.js of Debian 12."""


class Missing(Exception):
    """A program is not there; the text says what to install."""


def server() -> Path:
    """
    The server's script, installed from npm into the cache if it is not there.

    Raises:
        Missing: if there is no Node.js or no npm.
    """
    for program in ("node", "npm"):
        if not shutil.which(program):
            raise Missing(f"there is no {program}; install it: apt-get install nodejs npm")

    def make(folder: Path) -> None:
        words = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
        run([*words, "--prefix", folder, PACKAGE])

    installed = cache.folder(cache.root() / "npm" / PACKAGE, make)
    return installed / "node_modules" / "yaml-language-server" / "bin" / "yaml-language-server"


class LanguageServer:
    """
    A server that runs until it is closed.

    Answers are those of the Language Server Protocol 3.17: https://microsoft.github.io/language-server-protocol.
    """

    def __init__(self, script: Path) -> None:
        self._process = subprocess.Popen(
            ["node", script, "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._last = 0
        self._published: dict[str, list[dict[str, Any]]] = {}
        about: dict[str, object] = {"processId": None, "rootUri": None, "capabilities": {}}
        self.ask("initialize", about)
        self._tell("initialized", {})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.ask("shutdown", None)
        self._tell("exit", None)
        self._process.communicate(timeout=30)

    def open(self, path: Path, text: str) -> list[dict[str, Any]]:
        """Open a document; the result is what the server finds wrong in it."""
        uri = path.as_uri()
        self._published.pop(uri, None)
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self._tell("textDocument/didOpen", {"textDocument": document})
        while uri not in self._published:
            self._receive()
        return self._published[uri]

    def completion(self, path: Path, line: int, character: int) -> list[dict[str, Any]]:
        """What can stand at a place; line and character count from 0."""
        found = self.ask("textDocument/completion", self._place(path, line, character))
        items: list[dict[str, Any]] = found["items"] if isinstance(found, dict) else found
        return items

    def hover(self, path: Path, line: int, character: int) -> str:
        """What is told of what stands at a place, in Markdown."""
        found = self.ask("textDocument/hover", self._place(path, line, character))
        return str(found["contents"]["value"]) if found else ""

    @staticmethod
    def _place(path: Path, line: int, character: int) -> dict[str, Any]:
        return {
            "textDocument": {"uri": path.as_uri()},
            "position": {"line": line, "character": character},
        }

    def ask(self, method: str, params: object) -> Any:
        """Send a request and await its answer, serving what the server asks meanwhile."""
        self._last += 1
        self._send({"id": self._last, "method": method, "params": params})
        while True:
            message = self._receive()
            if message.get("id") == self._last and "method" not in message:
                assert "error" not in message, message["error"]
                return message["result"]

    def _tell(self, method: str, params: object) -> None:
        self._send({"method": method, "params": params})

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        body = json.dumps({"jsonrpc": "2.0"} | message).encode()
        self._process.stdin.write(f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        self._process.stdin.flush()

    def _receive(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        length = 0
        while line := self._process.stdout.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        assert length, f"the language server ended with {self._process.poll()}"
        message: dict[str, Any] = json.loads(self._process.stdout.read(length))
        if message.get("method") == "textDocument/publishDiagnostics":
            self._published[message["params"]["uri"]] = message["params"]["diagnostics"]
        elif "id" in message and "method" in message:
            # Settings, mostly: an editor without any answers null to each.
            items = (message.get("params") or {}).get("items", [])
            self._send({"id": message["id"], "result": [None for _ in items]})
        return message
