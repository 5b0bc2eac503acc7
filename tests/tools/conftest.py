# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs of others that what qomgen makes is read by."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from . import browser, language_server


@pytest.fixture(scope="session")
def chromium() -> browser.Chromium:
    """A browser."""
    try:
        return browser.Chromium()
    except browser.Missing as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def editor() -> Iterator[language_server.LanguageServer]:
    """The language server that editors use for YAML."""
    try:
        script = language_server.server()
    except language_server.Missing as error:
        pytest.skip(str(error))
    with language_server.LanguageServer(script) as server:
        yield server
