# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a schema can't say: names that must exist, types that must fit, and orders in which QEMU would crash.

Every check takes the catalog of one series and adds what it finds; they run for each series at which something
changes, not for the profiles alone.
"""

from __future__ import annotations

from qomgen.catalog import Catalog
from qomgen.checks import names, properties, steps, types
from qomgen.diagnostics import Diagnostics


def check(catalog: Catalog, found: Diagnostics) -> None:
    """Run all checks that need no Python hooks; see `qomgen.checks.hooks` for those."""
    types.check(catalog, found)
    properties.check(catalog, found)
    steps.check(catalog, found)
    names.check(catalog, found)
