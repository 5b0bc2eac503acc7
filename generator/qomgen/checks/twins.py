# SPDX-License-Identifier: GPL-2.0-or-later
"""Stub."""

from __future__ import annotations


def check(*arguments: object) -> None:
    """Nothing yet."""
    del arguments
