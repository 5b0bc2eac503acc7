# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a schema can't say: names that must exist, types that must fit, and orders in which QEMU would crash.

Most checks take the catalog of one series and add what they find; they run for each series at which something
changes, not for the profiles alone. A few look at the documents as they are written, or at all series together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qomgen.catalog import Catalog
from qomgen.checks import (
    documents,
    fields,
    hooks,
    names,
    properties,
    registration,
    steps,
    twins,
    types,
    unused,
)
from qomgen.diagnostics import Diagnostics
from qomgen.pysource import HookFinder
from qomgen.series import Series
from qomgen.source import Mapping as Document


def check_documents(written: Sequence[Document], found: Diagnostics) -> None:
    """Check documents as they are written, all series in them."""
    documents.check(written, found)


def check(catalog: Catalog, found: Diagnostics) -> None:
    """Check one series, as far as the C target goes."""
    types.check(catalog, found)
    properties.check(catalog, found)
    fields.check(catalog, found)
    steps.check(catalog, found)
    names.check(catalog, found)
    registration.check(catalog, found)


def check_series(catalogs: Mapping[Series, Catalog], found: Diagnostics) -> None:
    """Check what must be of use in one series at least."""
    unused.check(catalogs, found)


def check_python(catalog: Catalog, finder: HookFinder, found: Diagnostics) -> None:
    """Check the Python target of one series, in which generated modules are to run."""
    hooks.check(catalog, finder, found)
    twins.check(catalog, finder, found)
