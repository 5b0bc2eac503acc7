# SPDX-License-Identifier: GPL-2.0-or-later
"""Generated declarations in QEMU's own headers: every object that reads them stays as it was.

Oracle: QEMU's own source and compiler flags (tests/qemu/tree.py).
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.qemu import headers, objects, units
from tests.qemu.run import CommandError
from tests.qemu.tree import Tree
from tests.qemu.units import Declaration

pytestmark = pytest.mark.objects

_CASES = [
    pytest.param(declaration, series, id=f"{declaration.unit}-{series}")
    for declaration in units.DECLARATIONS
    for series in declaration.series
]

# QEMU 10.0's own words for VFIOPCIDevice, and what they are changed to.
_UNLIKE = {
    "two-fields-swapped": (
        "    uint32_t vendor_id;\n    uint32_t device_id;\n",
        "    uint32_t device_id;\n    uint32_t vendor_id;\n",
    ),
    "a-field-more": ("    bool pci_aer;\n", "    bool pci_aer;\n    uint64_t more;\n"),
    "a-wider-type": ("    bool has_flr;\n", "    int has_flr;\n"),
    "a-flag": ("ENABLE_REQ_BIT 1\n", "ENABLE_REQ_BIT 4\n"),
    "the-type's-name": ('"vfio-pci"', '"vfio-pcj"'),
}


@pytest.mark.parametrize(("declaration", "series"), _CASES)
def test_generated_leaves_all_objects_alone(
    declaration: Declaration, series: str, series_or_reason: Callable[[str], Tree]
) -> None:
    series_or_reason(series)
    parts = objects.generated(series, [declaration.part])
    verdict = headers.prove(declaration, series, parts)
    assert verdict.identical, f"{verdict}\n{verdict.detail}"


@pytest.mark.parametrize(("declaration", "series"), _CASES)
def test_the_cut_itself_changes_nothing(
    declaration: Declaration, series: str, series_or_reason: Callable[[str], Tree]
) -> None:
    """QEMU's own text through the very same machinery; else a difference might be the harness's."""
    series_or_reason(series)
    verdict = headers.prove(declaration, series, headers.hand_written(declaration, series))
    assert verdict.identical, f"{verdict}\n{verdict.detail}"


def _changed(where: Declaration, old: str, new: str) -> dict[str, str]:
    text = headers.hand_written(where, "10.0")[where.part]
    assert old in text
    return {where.part: text.replace(old, new)}


@pytest.fixture
def vfio_pci(series_or_reason: Callable[[str], Tree]) -> Declaration:
    series_or_reason("10.0")
    found = units.declaration("vfio-pci", "10.0")
    assert found is not None
    return found


@pytest.mark.parametrize("change", _UNLIKE.values(), ids=_UNLIKE)
def test_a_change_of_meaning_changes_an_object(
    change: tuple[str, str], vfio_pci: Declaration
) -> None:
    assert not headers.prove(vfio_pci, "10.0", _changed(vfio_pci, *change)).identical


def test_the_compiler_refuses_a_field_too_few(vfio_pci: Declaration) -> None:
    parts = _changed(vfio_pci, "    bool skip_vsc_check;\n", "")
    with pytest.raises(CommandError, match="has no member named 'skip_vsc_check'"):
        headers.prove(vfio_pci, "10.0", parts)


def test_declarations_get_qemus_lines() -> None:
    text = "a\nOBJECT_DECLARE_TYPE(B, BClass,\n    B)\nOBJECT_DECLARE_SIMPLE_TYPE(A, A)\n"
    header = "1\n2\n3\n4\n5\nOBJECT_DECLARE_TYPE(B, BClass, B)\n7\n"
    header += "OBJECT_DECLARE_SIMPLE_TYPE(A,\n    A)\n"
    assert headers.with_qemus_lines(text, header) == (
        "a\n#line 5\nOBJECT_DECLARE_TYPE(B, BClass,\n    B)\n"
        "#line 9\nOBJECT_DECLARE_SIMPLE_TYPE(A, A)\n"
    )
