# SPDX-License-Identifier: GPL-2.0-or-later
"""In which QEMU series something is there, for messages about one in which it is not."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from qomgen.catalog import Catalog


def absence(catalog: Catalog, has: Callable[[Catalog], bool]) -> tuple[str, str | None]:
    """
    When something is not there that `catalog` lacks.

    Args:
        catalog: of the first series in which it is missed.
        has: whether it is there in a series.

    Returns:
        What to add to "X has no Y" (nothing if no series has it), and a hint.
    """
    every = sorted(catalog.siblings)
    there = [series for series in every if has(catalog.siblings[series])]
    later = [series for series in there if series > catalog.series]
    earlier = [series for series in there if series < catalog.series]
    if later and earlier:
        return f" in QEMU {catalog.series}", None
    if later:
        gone = f", so QEMU {catalog.series} would not compile"
        return f" before QEMU {later[0]}{gone}", f"say 'since: \"{later[0]}\"' where it is used"
    if earlier:
        first = min(series for series in every if series > earlier[-1])
        gone = f", so QEMU {first} would not compile"
        return f" from QEMU {first} on{gone}", f"say 'until: \"{first}\"' where it is used"
    return "", None


def only_here(catalog: Catalog, is_wrong: Callable[[Catalog], bool]) -> str:
    """What to add to a message about `catalog` if not all series are wrong."""
    right = [each for each in catalog.siblings.values() if not is_wrong(each)]
    return f" in QEMU {catalog.series}" if right else ""


def anywhere(catalog: Catalog, names: Callable[[Catalog], Iterable[str]]) -> set[str]:
    """Names that any series knows, for hints."""
    return {name for each in catalog.siblings.values() for name in names(each)}
