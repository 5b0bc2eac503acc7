# SPDX-License-Identifier: GPL-2.0-or-later
"""Well-formed ids (util/id.c)."""

from __future__ import annotations

import re

from .visitors import expects

_ID = re.compile(r"[A-Za-z][A-Za-z0-9._-]*")


def id_wellformed(text: str) -> bool:
    """A letter, then letters, digits, `-`, `.` and `_` (id_wellformed)."""
    return _ID.fullmatch(text) is not None


def check_id(text: str) -> None:
    """Refuse an id that is not well formed.

    Raises:
        Error: with QEMU's hint.
    """
    if not id_wellformed(text):
        error = expects("id", "an identifier")
        error.append_hint(
            "Identifiers consist of letters, digits, '-', '.', '_', starting with a letter.\n"
        )
        raise error
