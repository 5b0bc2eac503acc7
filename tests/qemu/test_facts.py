# SPDX-License-Identifier: GPL-2.0-or-later
"""What device_specs/ says about QEMU's own things is what QEMU's compiler knows of them.

Oracle: the compiler, asked in each series' tree (tests/qemu/probe.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from ruamel.yaml import YAML

from qomgen.profile import profiles
from tests.qemu import layouts, probe, units
from tests.qemu.run import CommandError
from tests.qemu.tree import Tree

pytestmark = pytest.mark.objects

_SPECS = Path(__file__).parents[2] / "device_specs"

# A value of a YAML document; its form is the schema's to check.
Node = Any
Document = Mapping[str, Node]


def _documents(*names: str) -> Iterator[Document]:
    for name in names:
        yield from YAML(typ="safe").load_all(_SPECS / name)


def _number(series: str) -> tuple[int, ...]:
    return tuple(int(part) for part in series.split("."))


def _here(node: Node, series: str) -> bool:
    """Whether a thing with since: or until: is there in *series*."""
    if not isinstance(node, dict):
        return True
    since, until = node.get("since", "0.0"), node.get("until", "999.0")
    return _number(since) <= _number(series) < _number(until)


def _value(node: Node, series: str) -> Node:
    """*node*, or what its by-qemu says for *series*."""
    if isinstance(node, dict) and set(node) == {"by-qemu"}:
        fit = [key for key in node["by-qemu"] if _number(key) <= _number(series)]
        return node["by-qemu"][max(fit, key=_number)] if fit else None
    return node


def _header(text: str, series: str) -> str:
    """*text*, as QEMU *series* spells it; specs have 10.0's spelling."""
    (profile,) = (found for of, found in profiles().items() if str(of) == series)
    return profile.header(text)


@pytest.mark.parametrize("series", units.ALL)
def test_constants(series: str, series_or_reason: Callable[[str], Tree]) -> None:
    series_or_reason(series)
    (document,) = _documents("qemu/constants.yaml")
    rows = {name: row for name, row in document["constants"].items() if _here(row, series)}
    headers = [_header(_value(row["header"], series), series) for row in rows.values()]
    told = {name: _value(row["value"], series) for name, row in rows.items()}
    known = probe.probe_constants(series, told, headers=headers)
    # What C has as a negative int is kept as the uint32_t that becomes of it.
    assert told == {name: value % 2**32 if value < 0 else value for name, value in known.items()}


@pytest.mark.parametrize("series", units.ALL)
def test_enums(series: str, series_or_reason: Callable[[str], Tree]) -> None:
    series_or_reason(series)
    told: dict[str, int] = {}
    for document in _documents("qemu/enums.yaml"):
        prefix = _value(document["prefix"], series)
        members = _value(document["members"], series)
        names = [f"{prefix}_{member}".upper().replace("-", "_") for member in members]
        told |= {name: index for index, name in enumerate(names)}
        if document["enum"] != "DeviceCategory":  # its end has another name
            told[f"{prefix}__MAX"] = len(members)
    assert probe.probe_constants(series, told) == told


def _c_type(row: Node, series: str) -> str | None:
    """The C type that *row* gives a field or a class member; None if it gives none."""
    row = _value(row, series)
    if isinstance(row, dict):
        if "set" in row:
            return None
        if "object" in row:
            return f"const {row['object']} *"
        row = _value(row.get("function", row.get("type")), series)
    return "const char *" if row == "text" else cast("str | None", row)


def _members(document: Document, series: str) -> Iterator[tuple[str, str, str]]:
    """Struct, field and C type of all that a provided *document* says."""
    if "struct" in document:
        structs = [{"name": document["struct"], "fields": document["fields"]}]
    else:
        keys = ("instance_struct", "class_struct")
        structs = [_value(document[key], series) for key in keys if key in document]
    for struct in structs:
        rows = {**struct.get("fields", {}), **struct.get("members", {})}
        for name, row in rows.items():
            kind = _c_type(row, series) if _here(row, series) else None
            renamed = isinstance(row, dict) and row.get("legacy_reset") and series != "7.2"
            if kind:
                yield struct["name"], "legacy_reset" if renamed else name, kind


def _provided(arch: str) -> Iterator[Document]:
    """The provided types and structs that a build for *arch* knows."""
    if arch == "s390x":
        yield from _documents("qemu/s390.yaml")
        return
    names = sorted(path.relative_to(_SPECS).as_posix() for path in _SPECS.glob("*/*.yaml"))
    for document in _documents(*(name for name in names if name != "qemu/s390.yaml")):
        if document.get("provided"):
            yield document


@pytest.mark.parametrize("series", units.ALL)
@pytest.mark.parametrize(("arch", "source"), [("x86_64", probe.SOURCE), ("s390x", "hw/vfio/ccw.c")])
def test_provided_types(
    series: str, arch: str, source: str, series_or_reason: Callable[[str], Tree]
) -> None:
    """Every field and class member that specs may name is there, and has the type they say."""
    series_or_reason(series)
    headers: list[str] = []
    questions: dict[str, str] = {}
    for document in _provided(arch):
        if not _here(document, series):
            continue
        name = document.get("type")
        c = document.get("c", {})
        header = _value(document.get("header", c.get("header")), series)
        if header:
            headers.append(_header(header, series))
        if name:
            stem = c.get("name", name.upper().replace("-", "_"))
            macro = c.get("type_macro", f"TYPE_{stem}")
            questions[f'{macro} is "{name}"'] = f'!__builtin_strcmp({macro}, "{name}")'
        for struct, field, kind in _members(document, series):
            questions[f"{struct}.{field} is a {kind}"] = (
                f"__builtin_types_compatible_p(typeof((({struct} *)0)->{field}), {kind})"
            )
    answers = probe.ask(series, questions.values(), headers=headers, source=source, arch=arch)
    wrong = [what for what, answer in zip(questions, answers, strict=True) if not answer]
    assert wrong == []
    assert len(questions) > 10


@pytest.mark.parametrize("series", units.ALL)
def test_layouts(series: str, series_or_reason: Callable[[str], Tree]) -> None:
    series_or_reason(series)
    kept = layouts.path(series)
    assert kept.is_file(), "make it: python -m tests.qemu.layouts --write"
    assert kept.read_text(encoding="utf-8") == layouts.measured(series)


def test_the_compiler_says_no_as_well(series_or_reason: Callable[[str], Tree]) -> None:
    series_or_reason("10.0")
    field = "typeof(((VFIOPCIDevice *)0)->host)"
    questions = {
        "-5": -5,
        "UINT64_MAX": 2**64 - 1,
        "2 == 3": 0,
        "!__builtin_strcmp(TYPE_VFIO_PCI, TYPE_PCI_DEVICE)": 0,
        f"__builtin_types_compatible_p({field}, PCIHostDeviceAddress)": 1,
        f"__builtin_types_compatible_p({field}, uint32_t)": 0,
        "__builtin_types_compatible_p(int (*)(int), int (*)(long))": 0,
    }
    assert dict(zip(questions, probe.ask("10.0", questions), strict=True)) == questions


def test_a_field_that_is_not_there_is_an_error(series_or_reason: Callable[[str], Tree]) -> None:
    series_or_reason("10.0")
    with pytest.raises(CommandError, match="no member named 'pm_cap'"):
        probe.probe_layout("10.0", "VFIOPCIDevice", ["pm_cap"])
    assert probe.probe_layout("7.2", "VFIOPCIDevice", ["pm_cap"]).fields["pm_cap"][1] == 1
