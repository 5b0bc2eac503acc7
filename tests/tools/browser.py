# SPDX-License-Identifier: GPL-2.0-or-later
"""Chromium without a window."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from html import unescape
from pathlib import Path
from typing import Any


class Missing(Exception):
    """There is no browser; the text says what to install."""


class Chromium:
    """
    The machine's Chromium.

    Raises:
        Missing: if there is none.
    """

    def __init__(self) -> None:
        found = shutil.which("chromium") or shutil.which("chromium-browser")
        if found is None:
            raise Missing("there is no chromium; install it: apt-get install chromium")
        self.program = found

    def _run(self, page: Path, *options: str) -> str:
        with tempfile.TemporaryDirectory() as profile:
            words = [
                self.program,
                "--headless",
                "--disable-gpu",
                "--no-first-run",
                "--disable-sync",
            ]
            # It renders pages of ours alone, as root too; and asks nobody on the network.
            words += ["--no-sandbox", "--disable-quic", "--disable-background-networking"]
            words += ["--disable-component-update", f"--user-data-dir={profile}"]
            ran = subprocess.run(
                [*words, *options, page.as_uri()],
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def evaluate(self, page: Path, expression: str, width: int) -> Any:
        """The value, by way of JSON, of an expression of JavaScript in `page`, in a window `width` pixels wide."""
        asked = page.with_name(f"asked-{page.name}")
        answer = f"document.documentElement.textContent = JSON.stringify({expression})"
        script = f"<script>addEventListener('load', () => {{ {answer}; }})</script>"
        asked.write_text(page.read_text("utf-8").replace("</body>", f"{script}</body>"), "utf-8")
        try:
            shown = self._run(asked, f"--window-size={width},900", "--dump-dom")
        finally:
            asked.unlink()
        return json.loads(unescape(re.sub(r"<[^>]*>", "", shown)))

    def screenshot(self, page: Path, picture: Path, width: int, height: int) -> None:
        """Draw `page` into the PNG file `picture`."""
        self._run(page, f"--window-size={width},{height}", f"--screenshot={picture}")
