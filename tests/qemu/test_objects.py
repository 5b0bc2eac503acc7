# SPDX-License-Identifier: GPL-2.0-or-later
"""Generated C in place of QEMU's own: the same object, byte for byte.

Oracle: QEMU's own source and compiler flags (tests/qemu/tree.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.qemu import objects, units
from tests.qemu.cut import Block, CutError, cut
from tests.qemu.run import CommandError
from tests.qemu.tree import Tree
from tests.qemu.units import Definition

pytestmark = pytest.mark.objects

_CASES = [
    pytest.param(definition, series, id=f"{definition.unit}-{series}")
    for definition in units.DEFINITIONS
    for series in definition.series
]

# QEMU 10.0's own words for vfio-pci, and what they are changed to.
_UNLIKE = {
    "default": ("intx.mmap_timeout, 1100)", "intx.mmap_timeout, 1101)"),
    "field-of-the-same-type": (
        '"x-no-kvm-msi", VFIOPCIDevice, no_kvm_msi,',
        '"x-no-kvm-msi", VFIOPCIDevice, no_kvm_msix,',
    ),
    "bit": ("VFIO_FEATURE_ENABLE_VGA_BIT, false", "VFIO_FEATURE_ENABLE_REQ_BIT, false"),
    "hotpluggable": ("dc->hotpluggable = false", "dc->hotpluggable = true"),
    "description": ("Host sysfs path of assigned device", "Host sysfs path of the device"),
    "parent": (".parent = TYPE_PCI_DEVICE", '.parent = "pcie-device"'),
}
_REFUSED = {
    "unknown-field": ("VFIOPCIDevice, vf_token", "VFIOPCIDevice, vf_tokens"),
    "kind": ('DEFINE_PROP_BOOL("x-no-mmap"', 'DEFINE_PROP_UINT64("x-no-mmap"'),
    "hook-of-another-type": ("pdc->realize = vfio_realize", "pdc->realize = vfio_pci_reset"),
    "hook-forgotten": ("    pdc->realize = vfio_realize;\n", ""),
    "registration-forgotten": ("type_init(register_vfio_pci_dev_type)", ""),
    "end-of-list": (
        '    DEFINE_PROP_BOOL("skip-vsc-check"',
        '    DEFINE_PROP_END_OF_LIST(),\n    DEFINE_PROP_BOOL("skip-vsc-check"',
    ),
}
_ALIKE = {
    "comment": ("pdc->exit = vfio_exitfn;", "pdc->exit = vfio_exitfn; /* bye */"),
    "blank-lines": ("static const TypeInfo", "\n\nstatic const TypeInfo"),
}


def _changed(where: Definition, old: str, new: str) -> dict[str, str]:
    text = objects.hand_written(where, "10.0")[where.part]
    assert old in text
    return {where.part: text.replace(old, new)}


@pytest.mark.parametrize(("definition", "series"), _CASES)
def test_generated_gives_qemus_object(
    definition: Definition, series: str, series_or_reason: Callable[[str], Tree]
) -> None:
    series_or_reason(series)
    parts = objects.generated(series, [definition.part])
    verdict = objects.prove(definition, series, parts)
    assert verdict.identical, f"{verdict}\n{verdict.detail}"


@pytest.mark.parametrize(
    ("definition", "series", "option"),
    [
        pytest.param(definition, series, option, id=f"{definition.unit}-{series}-{option}")
        for definition in units.DEFINITIONS
        for series in definition.series
        for option in definition.options
    ],
)
def test_generated_gives_qemus_object_without(
    definition: Definition,
    series: str,
    option: str,
    series_or_reason: Callable[[str], Tree],
) -> None:
    series_or_reason(series)
    parts = objects.generated(series, [definition.part])
    verdict = objects.prove(definition, series, parts, without=option)
    assert verdict.identical, f"{verdict}\n{verdict.detail}"


@pytest.mark.parametrize(("definition", "series"), _CASES)
def test_every_guard_is_an_option(
    definition: Definition, series: str, series_or_reason: Callable[[str], Tree]
) -> None:
    series_or_reason(series)
    guards = r"^#\s*if(?:n?def)?\b.*?(CONFIG_\w+)"
    for text in (
        *objects.hand_written(definition, series).values(),
        *objects.generated(series, [definition.part]).values(),
    ):
        assert set(re.findall(guards, text, re.MULTILINE)) == set(definition.options)


@pytest.mark.parametrize(("definition", "series"), _CASES)
def test_the_cut_itself_changes_nothing(
    definition: Definition, series: str, series_or_reason: Callable[[str], Tree]
) -> None:
    """QEMU's own text through the very same machinery; else a difference might be the harness's."""
    series_or_reason(series)
    verdict = objects.prove(definition, series, objects.hand_written(definition, series))
    assert verdict.identical, f"{verdict}\n{verdict.detail}"


@pytest.fixture
def vfio_pci(series_or_reason: Callable[[str], Tree]) -> Definition:
    series_or_reason("10.0")
    found = units.definition("vfio-pci", "10.0")
    assert found is not None
    return found


@pytest.mark.parametrize("change", _UNLIKE.values(), ids=_UNLIKE)
def test_a_change_of_meaning_changes_the_object(
    change: tuple[str, str], vfio_pci: Definition
) -> None:
    assert not objects.prove(vfio_pci, "10.0", _changed(vfio_pci, *change)).identical


@pytest.mark.parametrize("change", _REFUSED.values(), ids=_REFUSED)
def test_the_compiler_refuses(change: tuple[str, str], vfio_pci: Definition) -> None:
    with pytest.raises(CommandError, match="error:"):
        objects.prove(vfio_pci, "10.0", _changed(vfio_pci, *change))


@pytest.mark.parametrize("change", _ALIKE.values(), ids=_ALIKE)
def test_layout_does_not_matter(change: tuple[str, str], vfio_pci: Definition) -> None:
    assert objects.prove(vfio_pci, "10.0", _changed(vfio_pci, *change)).identical


@pytest.mark.parametrize(
    "blocks",
    [
        pytest.param([Block("static int nowhere")], id="no-line"),
        pytest.param([Block("int ")], id="two-lines"),
        pytest.param([Block("int a", "int ")], id="two-ends"),
        pytest.param([Block("int b", "int a")], id="end-before-start"),
        pytest.param([Block("int a", "int b"), Block("int b")], id="overlap"),
        pytest.param([Block("int b"), Block("int a")], id="not-in-order"),
    ],
)
def test_a_cut_that_does_not_fit_is_an_error(blocks: list[Block]) -> None:
    with pytest.raises(CutError):
        cut("int a(void)\n{\n}\nint b(void)\n{\n}\n", blocks, "#include")


def test_a_cut_keeps_line_numbers() -> None:
    text = "1\nint a(void)\n{\n}\n5\nint b(void)\n{\n}\n9\n"
    done = cut(text, [Block("int a"), Block("int b")], "#include")
    assert done.rest == "1\n\n\n\n5\n#include\n\n\n9\n"
    assert done.taken == "int a(void)\n{\n}\n\nint b(void)\n{\n}\n\n"
