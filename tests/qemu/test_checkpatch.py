# SPDX-License-Identifier: GPL-2.0-or-later
"""Generated C has the style of QEMU.

Oracle: scripts/checkpatch.pl of the very series that the C is for.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.qemu import objects, units
from tests.qemu.checkpatch import complaints
from tests.qemu.tree import Tree

pytestmark = pytest.mark.objects

_ROWS = [(row.part, series) for row in units.DEFINITIONS for series in row.series]
_ROWS += [(row.part, series) for row in units.DECLARATIONS for series in row.series]


@pytest.mark.parametrize(("part", "series"), _ROWS)
def test_checkpatch_has_nothing_to_say(
    part: str, series: str, series_or_reason: Callable[[str], Tree]
) -> None:
    tree = series_or_reason(series)
    text = objects.generated(series, [part])[part]
    assert complaints(tree, part, text) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("int\tnumber;\n", "line 1: ERROR: code indent should never use tabs"),
        ("\nint number;;\n", "line 2: ERROR: superfluous trailing semicolon"),
        ("// words\nint number;\n", "line 1: ERROR: do not use C99 // comments"),
        (f"int {'n' * 80};\n", "line 1: WARNING: line over 80 characters"),
    ],
    ids=["tab", "semicolon", "comment", "long-line"],
)
def test_checkpatch_speaks(text: str, said: str, series_or_reason: Callable[[str], Tree]) -> None:
    """It knows our files for C, and its words are understood."""
    assert said in complaints(series_or_reason("10.0"), "vfio-pci.c.inc", text)
