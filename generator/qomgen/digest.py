# SPDX-License-Identifier: GPL-2.0-or-later
"""A digest of what is printed: another comment in the spec, or another series' edit, leaves it as it is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def digest(views: Iterable[object]) -> str:
    """32 hexadecimal digits of SHA-256 over `views`."""
    # Views are frozen dataclasses of encoded text, numbers and tuples: their repr is their content.
    return hashlib.sha256("\n".join(repr(view) for view in views).encode()).hexdigest()[:32]
