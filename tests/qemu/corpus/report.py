# SPDX-License-Identifier: GPL-2.0-or-later
"""Lines that stand at the end of a test run, such as whose answers counted."""

from __future__ import annotations

from typing import cast

import pytest

_NAME = "qomgen-corpus-lines"


class _Lines:
    def __init__(self) -> None:
        self.lines: dict[str, None] = {}

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the lines."""
        for line in self.lines:
            terminalreporter.line(line)


def say(config: pytest.Config, line: str) -> None:
    """Have *line* printed at the end, once."""
    manager = config.pluginmanager
    if not manager.has_plugin(_NAME):
        manager.register(_Lines(), _NAME)
    cast("_Lines", manager.get_plugin(_NAME)).lines[line] = None
