# SPDX-License-Identifier: GPL-2.0-or-later
"""Documents as they are written: what is said of QEMU series, and names that no series has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from qomgen import problems
from qomgen.diagnostics import Diagnostics, nearest
from qomgen.series import Series, names_below
from qomgen.source import Entry, Mapping, Node, Scalar
from qomgen.source import Sequence as NodeSequence


def check(documents: Sequence[Mapping], found: Diagnostics) -> None:
    """Check every document."""
    for document in documents:
        for node in _things(document):
            _interval(node, found)
        for node in _by_qemu(document):
            _order(node, found)
        if "type" in document.entries:
            _within_type(document, found)
    _unit_members(documents, found)


def _things(node: Node, *, named: bool = False) -> Iterator[Mapping]:
    """Every mapping in which `since` and `until` mean a QEMU series."""
    if isinstance(node, NodeSequence):
        for item in node.items:
            yield from _things(item)
    elif isinstance(node, Mapping):
        if not named:
            yield node
        for key, entry in node.entries.items():
            below = named if key == "by-qemu" else not named and names_below(key)
            yield from _things(entry.value, named=below)


def _by_qemu(node: Node) -> Iterator[Mapping]:
    """Every mapping of values by QEMU series."""
    if isinstance(node, NodeSequence):
        for item in node.items:
            yield from _by_qemu(item)
    elif isinstance(node, Mapping):
        for key, entry in node.entries.items():
            if key == "by-qemu" and isinstance(entry.value, Mapping):
                yield entry.value
            yield from _by_qemu(entry.value)


def _series(node: Mapping, key: str) -> Series | None:
    value = node.get(key)
    return Series.parse(value.text) if isinstance(value, Scalar) else None


def _interval(node: Mapping, found: Diagnostics) -> None:
    since, until = _series(node, "since"), _series(node, "until")
    if since is not None and until is not None and until <= since:
        found.add(problems.NeverThere(node.value_span("until"), since=since, until=until))


def _order(choices: Mapping, found: Diagnostics) -> None:
    highest: Entry | None = None
    for entry in choices.entries.values():
        if highest is not None and Series.parse(entry.key) < Series.parse(highest.key):
            found.add(problems.SeriesOrder(entry.key_span, series=entry.key, other=highest.key))
        else:
            highest = entry


def _within_type(document: Mapping, found: Diagnostics) -> None:
    """`since` and `until` of properties against those of their type."""
    name = document.get("type")
    since, until = _series(document, "since"), _series(document, "until")
    if since is not None and until is not None and until <= since:
        return
    life = ", ".join(
        f"{word} {series}" for word, series in (("since", since), ("until", until)) if series
    )
    for what, entry in _properties(document):
        assert isinstance(entry.value, Mapping)
        own_since, own_until = _series(entry.value, "since"), _series(entry.value, "until")
        too_early = {
            "since": own_since is not None and since is not None and own_since < since,
            "until": own_until is not None and since is not None and own_until <= since,
        }
        too_late = {
            "since": own_since is not None and until is not None and own_since >= until,
            "until": own_until is not None and until is not None and own_until > until,
        }
        for key, own in (("since", own_since), ("until", own_until)):
            if too_early[key] or too_late[key]:
                told = {"what": f"{what} '{entry.key}'", "when": f"{key} {own}", "life": life}
                type_ = name.text if isinstance(name, Scalar) else ""
                span = entry.value.value_span(key)
                found.add(problems.OutsideType(span, None, type=type_, **told))


def _properties(document: Mapping) -> Iterator[tuple[str, Entry]]:
    for key, what in (("properties", "property"), ("class_properties", "class property")):
        below = document.get(key)
        for entry in below.entries.values() if isinstance(below, Mapping) else ():
            yield what, entry


def _unit_members(documents: Sequence[Mapping], found: Diagnostics) -> None:
    """Types that a unit names and no document describes, in whatever series."""
    known = {name.text for each in documents if isinstance(name := each.get("type"), Scalar)}
    for document in documents:
        types = document.get("types") if "unit" in document.entries else None
        for item in types.items if isinstance(types, NodeSequence) else ():
            if isinstance(item, Scalar) and item.text not in known:
                hint = nearest(item.text, known)
                found.add(problems.UnknownType(item.span, hint, name=item.text, when=""))
