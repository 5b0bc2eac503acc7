# SPDX-License-Identifier: GPL-2.0-or-later
"""The order of a QDict's entries, which decides the first error of several (qobject/qdict.c)."""

from __future__ import annotations

from collections.abc import Iterable

_BUCKETS = 512
_MASK = (1 << 32) - 1


def _bucket(key: str) -> int:
    """Where QEMU's hash table puts a key (tdb_hash)."""
    text = key.encode()
    value = 0x238F13AF * len(text)
    for position, byte in enumerate(text):
        value += byte << position * 5 % 24
    return (1103515243 * (value & _MASK) + 12345 & _MASK) % _BUCKETS


def qdict_order(keys: Iterable[str]) -> list[str]:
    """The keys as QEMU meets them in a QDict that they were put into one after the other.

    By bucket; in one bucket the key that came last is first.
    """
    newest_first = list(dict.fromkeys(keys))[::-1]
    return sorted(newest_first, key=_bucket)
