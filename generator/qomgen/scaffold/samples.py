# SPDX-License-Identifier: GPL-2.0-or-later
"""
Values that a property of each kind takes or refuses, and what QEMU says of the wrong one: tests are made of them.

The texts are QEMU's in all series that have a profile (hw/core/qdev-properties.c, qapi/qobject-input-visitor.c).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from qomgen import model


@dataclass(frozen=True, slots=True)
class Sample:
    """A value that a property takes."""

    text: str
    """As on QEMU's command line."""
    read: str
    """As `qom-get` returns it: JSON."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A value that a property refuses."""

    text: str
    error: str
    """QEMU's words, with {type} and {name} to be filled in."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What is known of a kind; of two good values one is not the default."""

    good: tuple[Sample, ...]
    refused: Refused | None
    unset: str | None = None
    """What a property without a default reads as, as JSON; None: another value each time."""
    headers: tuple[str, ...] = ()
    """What C needs for a field of this kind, below include/."""
    late: bool = False
    """Whether it may be set on a realized device."""


@dataclass(frozen=True, slots=True)
class Samples:
    """What a test of one property tries."""

    unset: str | None
    """What it reads as if nobody sets it: JSON; None where that can't be told."""
    good: Sample
    refused: Refused | None
    late: bool = False
    """Whether it may be set on a realized device."""


_INTEGER = "Parameter '{name}' expects integer"
_WORD = "Parameter '{name}' does not accept value 'maybe'"
_VALUE = "Property '{type}.{name}' doesn't take value 'maybe'"
_SYSTEM = ("hw/qdev-properties-system.h",)


def _numbers(*values: int) -> tuple[Sample, ...]:
    return tuple(Sample(str(value), str(value)) for value in values)


def _words(*values: str) -> tuple[Sample, ...]:
    return tuple(Sample(value, json.dumps(value)) for value in values)


_BOOL = Kind(
    (Sample("off", "false"), Sample("on", "true")),
    Refused("maybe", "Parameter '{name}' expects 'on' or 'off'"),
)
_UUIDS = _words("12345678-9abc-4def-8123-456789abcdef")

KINDS: Mapping[str, Kind] = {
    "bool": _BOOL,
    "bit": _BOOL,
    "bit64": _BOOL,
    "uint8": Kind(_numbers(255, 1), Refused("256", "Parameter '{name}' expects uint8_t")),
    "uint16": Kind(_numbers(65535, 1), Refused("65536", "Parameter '{name}' expects uint16_t")),
    "uint32": Kind(
        _numbers(2**32 - 1, 1), Refused("4294967296", "Parameter '{name}' expects uint32_t")
    ),
    "uint64": Kind(_numbers(2**64 - 1, 1), Refused("18446744073709551616", _INTEGER)),
    "int32": Kind(
        _numbers(-(2**31), -1), Refused("2147483648", "Parameter '{name}' expects int32_t")
    ),
    "int64": Kind(_numbers(-(2**63), -1), Refused("9223372036854775808", _INTEGER)),
    "size": Kind(
        (Sample("3M", "3145728"), Sample("5K", "5120")),
        Refused("much", "Parameter '{name}' expects size"),
    ),
    "size32": Kind(
        (Sample("3M", "3145728"), Sample("5K", "5120")),
        Refused("4G", "Property {type}.{name} doesn't take value 4294967296 (maximum: 4294967295)"),
    ),
    # Any text is one.
    "string": Kind(_words("words", "others"), None, '""'),
    "on-off-auto": Kind(_words("on", "off"), Refused("maybe", _WORD)),
    "off-auto-pcibar": Kind(_words("bar2", "bar3"), Refused("maybe", _WORD), headers=_SYSTEM),
    "pcie-link-speed": Kind(_words("8", "16"), Refused("maybe", _WORD), headers=_SYSTEM),
    "pcie-link-width": Kind(_words("4", "16"), Refused("maybe", _WORD), headers=_SYSTEM),
    # It would draw a UUID by lot.
    "uuid": Kind(_UUIDS, Refused("maybe", _VALUE), None, (*_SYSTEM, "qemu/uuid.h")),
    "uuid-nodefault": Kind(
        _UUIDS,
        Refused("maybe", _VALUE),
        '"00000000-0000-0000-0000-000000000000"',
        (*_SYSTEM, "qemu/uuid.h"),
    ),
    "macaddr": Kind(
        _words("52:54:00:12:34:56"),
        Refused("maybe", _VALUE),
        '"00:00:00:00:00:00"',
        (*_SYSTEM, "net/net.h"),
    ),
    "pci-devfn": Kind(
        (Sample("1f.3", "251"), Sample("2.1", "17")), Refused("maybe", _VALUE), headers=_SYSTEM
    ),
    "pci-host-devaddr": Kind(
        (Sample("01:02.3", '"0000:01:02.3"'),), Refused("maybe", _VALUE), '"0000:00:00.0"', _SYSTEM
    ),
    "blocksize": Kind(
        _numbers(4096), Refused("much", "Parameter '{name}' expects size"), "0", _SYSTEM
    ),
    "bootindex": Kind(
        _numbers(3), Refused("first", _INTEGER), "-1", ("system/system.h",), late=True
    ),
}
"""Kinds whose values need nothing else in the machine: no backend, no other object."""


def of(type_name: str, prop: model.Property) -> Samples | None:
    """What to try on `prop` of the type `type_name`; None for a kind that is not among `KINDS`."""
    kind = KINDS.get(prop.kind)
    if kind is None:
        return None
    unset = kind.unset
    has_words = any(each.read.startswith('"') for each in kind.good)
    # A word that stands for a number is a constant of C, whose value is not known here.
    if isinstance(prop.default, bool | int) or (has_words and prop.default is not None):
        unset = json.dumps(prop.default)
    good = next((each for each in kind.good if each.read != unset), kind.good[0])
    refused = kind.refused
    if refused is not None:
        refused = Refused(refused.text, refused.error.format(type=type_name, name=prop.name))
    return Samples(unset, good, refused, kind.late)
