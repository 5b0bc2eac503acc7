# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the HTML pages show of types: a page a type, and an index.

A page tells of all QEMU series at once; what differs between them is said where it stands. Everything here is plain
text: the templates' environment escapes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from qomgen import model, show
from qomgen.catalog import Catalog
from qomgen.digest import digest
from qomgen.marks import MARK
from qomgen.pages.picture import Picture, Place, picture
from qomgen.plan import Plan
from qomgen.series import Series

_LANGUAGES = {"c": "C", "python": "Python"}


@dataclass(frozen=True, slots=True)
class Told:
    """A value, and the series that have it; none named if all do that have the thing at all."""

    text: str
    series: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PropertyRow:
    """A property in all series."""

    name: str
    of_class: bool
    kind: tuple[Told, ...]
    default: tuple[Told, ...]
    description: tuple[Told, ...]
    guard: tuple[Told, ...]
    since: str
    """The QEMU release that brought it, as far as the spec tells."""
    present: tuple[bool, ...]
    """Of each series that the page is about."""


@dataclass(frozen=True, slots=True)
class PropertyTable:
    """The properties that one type of the chain brings."""

    owner: str
    has_page: bool
    rows: tuple[PropertyRow, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """What was and what is of one thing between two series."""

    subject: str
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """All that changed of a type from one series to the next."""

    old: str
    new: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture of the tree, and the series in which it looks so."""

    series: tuple[str, ...]
    picture: Picture


@dataclass(frozen=True, slots=True)
class TypePage:
    """All that is told of a type."""

    name: str
    doc: str
    spec: str
    facts: tuple[tuple[str, tuple[Told, ...]], ...]
    series: tuple[str, ...]
    pictures: tuple[Drawn, ...]
    own: PropertyTable
    inherited: tuple[PropertyTable, ...]
    history: tuple[Changes, ...]


@dataclass(frozen=True, slots=True)
class IndexRow:
    """A type in the index."""

    name: str
    doc: str
    parent: tuple[Told, ...]
    present: tuple[bool, ...]
    targets: str


@dataclass(frozen=True, slots=True)
class Index:
    """The list of types."""

    series: tuple[str, ...]
    rows: tuple[IndexRow, ...]


def plan(catalogs: show.Catalogs, templates: Path, inputs: Sequence[Path] = ()) -> Plan:
    """All pages, below one folder."""
    names = page_names(catalogs)
    views: dict[PurePosixPath, tuple[str, str, Index | TypePage]] = {
        PurePosixPath("index.html"): ("docs/index.html", "its specs", index(catalogs, names))
    }
    for name in names:
        page = type_page(catalogs, name, names)
        views[PurePosixPath(f"types/{name}.html")] = ("docs/type.html", page.spec, page)
    environment = _environment(templates)
    files = {}
    for path, (template, spec, view) in views.items():
        text = environment.get_template(template).render(
            generated=f"{MARK.decode()}{spec}", digest=digest([view]), view=view
        )
        files[path] = text.encode()
    return Plan(files, (PurePosixPath("types"),), tuple(inputs))


def _environment(templates: Path) -> Environment:
    return Environment(
        loader=FileSystemLoader(templates),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def page_names(catalogs: show.Catalogs) -> tuple[str, ...]:
    """The types that have a page: those that are generated."""
    every = (type_ for catalog in catalogs.values() for type_ in catalog.types.values())
    return tuple(
        sorted({each.name for each in every if not each.provided and not each.span.file.base})
    )


def index(catalogs: show.Catalogs, names: Sequence[str]) -> Index:
    """The list of the types `names`."""
    rows = []
    for name in names:
        having = _having(catalogs, name)
        newest = having[max(having)]
        parents = {series: found.parent or "-" for series, found in having.items()}
        present = tuple(series in having for series in catalogs)
        rows.append(IndexRow(name, newest.doc or "", _told(parents), present, _targets(newest)))
    return Index(tuple(map(str, catalogs)), tuple(rows))


def type_page(catalogs: show.Catalogs, name: str, names: Sequence[str]) -> TypePage:
    """The page of the type `name`; `names` are those that have pages."""
    having = _having(catalogs, name)
    newest = having[max(having)]
    chains = {series: catalogs[series].chain(found) for series, found in having.items()}
    owners = dict.fromkeys(
        each.name for series in sorted(chains, reverse=True) for each in chains[series]
    )
    tables = [_table(having, chains, owner, owner in names) for owner in owners]
    return TypePage(
        name=name,
        doc=newest.doc or "",
        spec=newest.span.file.name,
        facts=tuple(_facts(catalogs, having)),
        series=tuple(map(str, having)),
        pictures=_pictures(catalogs, having, names),
        own=tables[0],
        inherited=tuple(table for table in tables[1:] if table.rows),
        history=tuple(_history(catalogs, name)),
    )


def _having(catalogs: show.Catalogs, name: str) -> dict[Series, model.Type]:
    return {
        series: catalog.types[name] for series, catalog in catalogs.items() if name in catalog.types
    }


def _told(values: Mapping[Series, str]) -> tuple[Told, ...]:
    """The values, each with its series; equal ones together, in the order of their first series."""
    by_text: dict[str, list[Series]] = {}
    for series, text in values.items():
        by_text.setdefault(text, []).append(series)
    if len(by_text) == 1:
        return (Told(next(iter(by_text))),)
    return tuple(Told(text, tuple(map(str, having))) for text, having in by_text.items())


def _facts(
    catalogs: show.Catalogs, having: Mapping[Series, model.Type]
) -> Iterable[tuple[str, tuple[Told, ...]]]:
    def told(say: Callable[[Catalog, model.Type], str | None]) -> tuple[Told, ...]:
        values = {series: say(catalogs[series], found) for series, found in having.items()}
        return _told({series: text or "-" for series, text in values.items()})

    yield "Parent", told(lambda _, found: found.parent)
    yield "Abstract", told(lambda _, found: "yes" if found.abstract else "no")
    yield "Instance struct", told(lambda catalog, found: _name(catalog.instance_struct(found)))
    yield "Class struct", told(lambda catalog, found: _name(catalog.class_struct(found)))
    yield "C file", told(lambda catalog, found: _source(catalog.unit_of(found)))
    yield "Generated", told(lambda _, found: _targets(found))


def _name(struct: model.Struct | None) -> str | None:
    return struct.name if struct else None


def _source(unit: model.Unit | None) -> str | None:
    return unit.source if unit else None


def _targets(found: model.Type) -> str:
    return ", ".join(_LANGUAGES[each] for each in sorted(found.targets))


def _pictures(
    catalogs: show.Catalogs, having: Mapping[Series, model.Type], names: Sequence[str]
) -> tuple[Drawn, ...]:
    by_places: dict[tuple[Place, ...], list[str]] = {}
    for series, found in having.items():
        by_places.setdefault(tuple(_places(catalogs[series], found, names)), []).append(str(series))
    return tuple(Drawn(tuple(series), picture(places)) for places, series in by_places.items())


def _places(catalog: Catalog, found: model.Type, names: Sequence[str]) -> Iterable[Place]:
    """The types from the root to `found`, and all below it, in the order of a walk."""
    chain = catalog.chain(found)
    for depth, each in enumerate(reversed(chain)):
        yield _place(each, depth, names, is_subject=each is found)
    children: dict[str, list[model.Type]] = {}
    for each in catalog.types.values():
        if each.parent and not each.interface:
            children.setdefault(each.parent, []).append(each)

    def below(name: str, depth: int) -> Iterable[Place]:
        for child in sorted(children.get(name, ()), key=lambda each: each.name):
            yield _place(child, depth, names, is_subject=False)
            yield from below(child.name, depth + 1)

    yield from below(found.name, len(chain))


def _place(each: model.Type, depth: int, names: Sequence[str], *, is_subject: bool) -> Place:
    return Place(
        each.name,
        depth,
        is_subject=is_subject,
        has_page=each.name in names,
        is_abstract=each.abstract,
        interfaces=tuple(name for name, _ in each.interfaces),
    )


def _table(
    having: Mapping[Series, model.Type],
    chains: Mapping[Series, Sequence[model.Type]],
    owner: str,
    has_page: bool,
) -> PropertyTable:
    """What the type `owner` of the chains brings, in the newest order; what is gone comes last."""
    found: dict[str, dict[Series, model.Property | model.ClassProperty]] = {}
    for series in sorted(having, reverse=True):
        for type_ in chains[series]:
            if type_.name == owner:
                for each in type_.all_properties:
                    found.setdefault(each.name, {})[series] = each
    rows = (_row(name, by_series, having) for name, by_series in found.items())
    return PropertyTable(owner, has_page, tuple(rows))


def _row(
    name: str,
    by_series: Mapping[Series, model.Property | model.ClassProperty],
    having: Mapping[Series, model.Type],
) -> PropertyRow:
    ordered = {series: by_series[series] for series in sorted(by_series)}
    newest = ordered[max(ordered)]
    return PropertyRow(
        name=name,
        of_class=isinstance(newest, model.ClassProperty),
        kind=_told({series: each.kind for series, each in ordered.items()}),
        default=_told({series: _default(each) for series, each in ordered.items()}),
        description=_told({series: each.description or "" for series, each in ordered.items()}),
        guard=_told(
            {series: str(each.guard) if each.guard else "" for series, each in ordered.items()}
        ),
        since=str(newest.since) if newest.since else "",
        present=tuple(series in ordered for series in having),
    )


def _default(each: model.Property | model.ClassProperty) -> str:
    if isinstance(each, model.ClassProperty) or each.default is None:
        return ""
    return str(each.default).lower() if isinstance(each.default, bool) else str(each.default)


def _history(catalogs: show.Catalogs, name: str) -> Iterable[Changes]:
    for old, new in pairwise(catalogs):
        if name not in catalogs[old].types or name not in catalogs[new].types:
            continue
        changes = _changes(show.changes(catalogs, name, old, new))
        yield Changes(str(old), str(new), changes)


def _changes(lines: Iterable[tuple[str, str]]) -> tuple[Change, ...]:
    """Lines of a diff by what they are about: the text before their first colon."""
    subjects: dict[str, tuple[list[str], list[str]]] = {}
    for sign, line in lines:
        subject, _, said = line.partition(": ")
        before, after = subjects.setdefault(subject, ([], []))
        (before if sign == "-" else after).append(said)
    return tuple(
        Change(subject, tuple(before), tuple(after))
        for subject, (before, after) in subjects.items()
    )
