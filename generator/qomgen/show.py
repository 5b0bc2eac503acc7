# SPDX-License-Identifier: GPL-2.0-or-later
"""Types, series and their differences as text for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from difflib import unified_diff
from typing import TypeAlias

from qomgen import model
from qomgen.catalog import Catalog
from qomgen.profile import Facts, Profile
from qomgen.series import Series

Catalogs: TypeAlias = Mapping[Series, Catalog]


def table(rows: Sequence[Sequence[str]]) -> str:
    """`rows` in columns, the last one unpadded."""
    widths = (
        [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    )
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row[:-1], widths[:-1], strict=True)]
        lines.append("  ".join([*cells, row[-1]]).rstrip() + "\n")
    return "".join(lines)


def listing(catalogs: Catalogs) -> str:
    """All types that are generated: name, parent, series, targets, spec."""
    rows = [["TYPE", "PARENT", "QEMU", "TARGETS", "SPEC"]]
    names = sorted(
        {type_.name for catalog in catalogs.values() for type_ in catalog.types.values()}
    )
    for name in names:
        found = {
            series: catalog.types[name]
            for series, catalog in catalogs.items()
            if name in catalog.types
        }
        newest = found[max(found)]
        if newest.provided:
            continue
        parents = " / ".join(dict.fromkeys(type_.parent or "-" for type_ in found.values()))
        series = " ".join(str(each) for each in found)
        rows.append(
            [name, parents, series, " ".join(sorted(newest.targets)), newest.span.file.name]
        )
    return table(rows)


def type_(catalog: Catalog, name: str) -> str:
    """One type in one series: its place, its properties, inherited ones included."""
    found = catalog.types[name]
    struct = catalog.instance_struct(found)
    facts = [
        ["type", name],
        ["QEMU", str(catalog.series)],
        ["spec", str(found.span.file.name)],
        ["what", found.doc or "-"],
        ["chain", " < ".join(each.name for each in catalog.chain(found))],
        ["abstract", "yes" if found.abstract else "no"],
        ["interfaces", ", ".join(each.name for each in catalog.interfaces(found)) or "-"],
        ["struct", struct.name if struct else "-"],
    ]
    rows = [["PROPERTY", "KIND", "DEFAULT", "SINCE", "FROM", "DESCRIPTION"]]
    for owner in reversed(catalog.chain(found)):
        rows += [_property(owner, prop) for prop in owner.properties]
        rows += [_class_property(owner, prop) for prop in owner.class_properties]
    return table(facts) + "\n" + table(rows)


def _property(owner: model.Type, prop: model.Property) -> list[str]:
    default = "-" if prop.default is None else _constant(prop.default)
    since = str(prop.since) if prop.since else "-"
    return [prop.name, prop.kind, default, since, owner.name, prop.description or "-"]


def _class_property(owner: model.Type, prop: model.ClassProperty) -> list[str]:
    since = str(prop.since) if prop.since else "-"
    return [prop.name, f"class {prop.kind}", "-", since, owner.name, prop.description or "-"]


def _constant(value: model.Constant) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def difference(catalogs: Catalogs, name: str, old: Series, new: Series) -> str:
    """What changed of a type between two series, as a diff of what `show` says of it."""
    before, after = (_lines(catalogs[series], name) for series in (old, new))
    found = list(unified_diff(before, after, f"QEMU {old}", f"QEMU {new}", n=0, lineterm=""))
    if not found:
        return f"{name} is the same in QEMU {old} and {new}\n"
    return "".join(f"{line}\n" for line in found if not line.startswith("@@"))


def _lines(catalog: Catalog, name: str) -> list[str]:
    found = catalog.types.get(name)
    if found is None:
        return []
    lines = [f"parent: {found.parent}", f"abstract: {'yes' if found.abstract else 'no'}"]
    lines += [f"interface: {each}" for each, _ in found.interfaces]
    for prop in found.properties:
        row = f"property {prop.name}: {prop.kind}, field {prop.field}"
        row += f", default {_constant(prop.default)}" if prop.default is not None else ""
        lines.append(row + (f", {prop.description}" if prop.description else ""))
    lines += [f"class property {each.name}: {each.kind}" for each in found.class_properties]
    lines += list(_class_init(found))
    struct = catalog.instance_struct(found)
    if struct is not None and catalog.struct_owner(found) is found:
        lines += [f"field {each.name}: {each.ctype}" for each in struct.fields]
    return lines


def _class_init(found: model.Type) -> Iterable[str]:
    steps = found.class_init.steps if found.class_init else None
    for step in steps or ():
        if isinstance(step.action, model.MembersStep):
            for value in step.action.values:
                yield f"class_init: {step.action.struct}.{value.member} = {value.value}"


def profile(found: Profile) -> str:
    """One series and what it asks of C, with the reasons."""
    rows = [
        ["", each.name, _answer(found.facts, each.name), found.reasons[each.name]]
        for each in fields(Facts)
    ]
    return f"QEMU {found.series}\n" + table(rows)


def _answer(facts: Facts, name: str) -> str:
    return "yes" if getattr(facts, name) else "no"
