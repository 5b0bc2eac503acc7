# SPDX-License-Identifier: GPL-2.0-or-later
"""QEMU linked with generated objects in place of its own answers as it did.

Oracle: qemu-system-x86_64 built from the untouched tree, and QEMU's device-introspect-test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.qemu import binary, headers, objects
from tests.qemu.tree import Tree

pytestmark = pytest.mark.binary

_SERIES = ("7.2", "10.0")

_DEVICES = ("vfio-pci", "vfio-pci-nohotplug", "vfio-pci-igd-lpc-bridge")


def _generated(series: str) -> dict[str, str]:
    definitions, declarations = binary.units_here(series)
    names = [defined.part for defined in definitions]
    names += [declared.part for declared in declarations]
    return objects.generated(series, names)


def _hand_written(series: str) -> dict[str, str]:
    definitions, declarations = binary.units_here(series)
    parts: dict[str, str] = {}
    for defined in definitions:
        parts.update(objects.hand_written(defined, series))
    for declared in declarations:
        parts.update(headers.hand_written(declared, series))
    return parts


def _relinked(series: str, parts: Mapping[str, str]) -> Path:
    return binary.linked(series, binary.replaced(series, parts))


@pytest.mark.parametrize("series", _SERIES)
def test_generated_types_answer_as_qemus_own(
    series: str, series_or_reason: Callable[[str], Tree]
) -> None:
    series_or_reason(series)
    theirs = binary.introspection(binary.qemu_binary(series), _DEVICES)
    ours = binary.introspection(_relinked(series, _generated(series)), _DEVICES)
    assert len(theirs) > 300, "QEMU was asked about hardly anything"
    assert ours == theirs


@pytest.mark.parametrize("series", _SERIES)
def test_generated_types_pass_qemus_own_test(
    series: str, series_or_reason: Callable[[str], Tree]
) -> None:
    series_or_reason(series)
    passed = binary.run_introspect_test(series, _relinked(series, _generated(series)))
    assert len(passed) == 6, passed


@pytest.mark.parametrize("series", _SERIES)
def test_linking_again_changes_nothing(
    series: str, series_or_reason: Callable[[str], Tree]
) -> None:
    series_or_reason(series)
    again = _relinked(series, _hand_written(series))
    assert again.read_bytes() == binary.qemu_binary(series).read_bytes()


def test_another_default_is_seen(series_or_reason: Callable[[str], Tree]) -> None:
    series_or_reason("10.0")
    name = "vfio-pci.c.inc"
    text = _hand_written("10.0")[name]
    assert "mmap_timeout, 1100" in text
    wrong = _relinked("10.0", {name: text.replace("mmap_timeout, 1100", "mmap_timeout, 1101")})
    theirs = binary.introspection(binary.qemu_binary("10.0"), _DEVICES)
    ours = binary.introspection(wrong, _DEVICES)
    different = {key for key, told in ours.items() if told != theirs[key]}
    assert different == {
        question.format(name)
        for question in (
            "-device {},help",
            "device-list-properties {}",
            "qom-list-properties {}",
        )
        for name in ("vfio-pci", "vfio-pci-nohotplug")
    }
