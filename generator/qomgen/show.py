# SPDX-License-Identifier: GPL-2.0-or-later
"""Types, series and their differences as text for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from difflib import unified_diff
from itertools import islice
from typing import Literal, TypeAlias

from qomgen import model, naming
from qomgen.catalog import Catalog
from qomgen.ctype import CType
from qomgen.diagnostics import Span
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


def _constant(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def difference(catalogs: Catalogs, name: str, old: Series, new: Series) -> str:
    """What changed of a type between two series, as a diff of what `show` says of it."""
    found = list(changes(catalogs, name, old, new))
    if not found:
        return f"{name} is the same in QEMU {old} and {new}\n"
    heads = (f"--- QEMU {old}\n", f"+++ QEMU {new}\n")
    return "".join([*heads, *(f"{sign}{line}\n" for sign, line in found)])


def changes(
    catalogs: Catalogs, name: str, old: Series, new: Series
) -> Iterable[tuple[Literal["+", "-"], str]]:
    """What is gone ("-") and what has come ("+") of a type between two series, line by line."""
    before, after = (_lines(catalogs[series], name) for series in (old, new))
    for line in islice(unified_diff(before, after, n=0, lineterm=""), 2, None):
        if line.startswith("+"):
            yield "+", line[1:]
        elif line.startswith("-"):
            yield "-", line[1:]


def _lines(catalog: Catalog, name: str) -> list[str]:
    """All that is said of a type in one series, a line each."""
    found = catalog.types.get(name)
    if found is None:
        return []
    lines = [f"parent: {found.parent}", f"abstract: {'yes' if found.abstract else 'no'}"]
    lines += [f"interface: {each}" for each, _ in found.interfaces]
    lines += [f"target: {each}" for each in sorted(found.targets)]
    lines += [f"{what}: {name}" for what, name in _names(catalog, found) if name is not None]
    for prop in found.properties:
        lines.append(f"property {prop.name}: {_facts(prop)}")
    for each in found.class_properties:
        lines.append(f"class property {each.name}: {_facts(each)}")
        for what, accessor in (("get", each.get), ("set", each.set)):
            lines += _function(f"{each.name}.{what}", accessor)
    for key in ("class_init", "instance_init", "instance_post_init", "instance_finalize"):
        lines += _function(key, getattr(found, key))
    struct = catalog.instance_struct(found)
    if struct is not None and catalog.struct_owner(found) is found:
        lines += [f"field {_declared(each)}" for each in struct.fields]
    class_struct = catalog.class_struct(found)
    if class_struct is not None and catalog.class_owner(found) is found:
        lines += [f"class field {_declared(each)}" for each in class_struct.fields]
    return lines


def _names(catalog: Catalog, found: model.Type) -> Iterable[tuple[str, str | None]]:
    yield "struct", found.instance_struct
    yield "class struct", found.class_struct
    yield "class_base_init", found.class_base_init
    yield "hooks", found.hooks
    own = naming.names(catalog, found)
    for each in fields(own):
        # A function that the type lacks has no name either.
        if getattr(found, each.name, each) is not None:
            yield f"C {each.name}", getattr(own, each.name)
    for what in ("header", "typedef"):
        yield f"C {what}", str(getattr(found.c, what) or "") or None
    for given in sorted(found.c.given):
        yield "given", given


_TOLD_ELSEWHERE = ("name", "node", "span", "get", "set")


def _facts(value: object) -> str:
    """The members of a model value that are set, as text: what is of no use to people (spans) is left out."""
    if isinstance(value, str | int) or not is_dataclass(value):
        return _constant(value) if isinstance(value, str | int) else str(value)
    told: list[str] = []
    for each in fields(value):
        there = getattr(value, each.name)
        if each.name in _TOLD_ELSEWHERE or there is None or there == ():
            continue
        if each.name in ("kind", "ctype"):
            told.insert(0, str(there))
        elif isinstance(there, bool) and each.name != "default":
            told += [each.name] if there else []
        else:
            told.append(f"{each.name} {_value(there)}")
    return ", ".join(told)


def _value(value: object) -> str:
    if isinstance(value, model.Guard | Series | CType):
        return str(value)
    if isinstance(value, tuple):
        return " ".join(_value(each) for each in value if not isinstance(each, Span))
    if isinstance(value, model.VmState | model.TypeName | model.PropertyInfoCopy):
        return f"{value.name if hasattr(value, 'name') else value.type} {_facts(value)}".strip()
    return _facts(value) if is_dataclass(value) else _constant(value)


def _declared(field: model.Field) -> str:
    return f"{field.name}: {_facts(field)}"


def _function(what: str, function: model.Function | None) -> Iterable[str]:
    """A function: its name, and its steps if it has any."""
    if function is None:
        return
    if function.name is not None:
        yield f"{what}: {function.name}"
    for step in function.steps or ():
        rest = {key: getattr(step, key) for key in ("in_type", "guard", "doc")}
        told = "".join(f", {key} {value}" for key, value in rest.items() if value is not None)
        for line in _action(step.action):
            yield f"{what}: {line}{told}"


def _action(action: model.Action) -> Iterable[str]:
    match action:
        case model.MembersStep(struct=struct, values=values):
            for each in values:
                yield f"{struct}.{each.member} = {_value(each.value)}"
        case model.AssignStep(values=values, bits=bits):
            for path, value, _ in values:
                yield f"{path} {'|=' if bits else '='} {_constant(value)}"
        case model.CallStep(function=name, arguments=arguments):
            yield f"{name}({', '.join(_argument(each) for each in arguments)})"
        case model.PlaceStep(what=what):
            yield f"the {what} here"
        case model.DescriptionsStep(order=order):
            yield " ".join(["the descriptions here", *order])


def _argument(argument: model.Argument) -> str:
    of = f" of {argument.in_type}" if argument.in_type else ""
    form = "" if argument.form == "constant" else f"{argument.form} "
    return f"{form}{_constant(argument.value)}{of}"


def profile(found: Profile) -> str:
    """One series and what it asks of C, with the reasons."""
    rows = [
        ["", each.name, _answer(found.facts, each.name), found.reasons[each.name]]
        for each in fields(Facts)
    ]
    return f"QEMU {found.series}\n" + table(rows)


def _answer(facts: Facts, name: str) -> str:
    return "yes" if getattr(facts, name) else "no"
