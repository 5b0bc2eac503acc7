# SPDX-License-Identifier: GPL-2.0-or-later
"""Properties: kinds and what they need, defaults, bits, accessors, names along the parent chain."""

from __future__ import annotations

from qomgen import model, problems
from qomgen.catalog import Catalog
from qomgen.checks.integers import integer
from qomgen.checks.when import absence, anywhere, only_here
from qomgen.diagnostics import Diagnostics, Hint, Span, nearest
from qomgen.profile import IntegerDefault, Kind
from qomgen.source import Mapping

_BITS = {"bit": 31, "bit64": 63}
_KEYS = ("default", "bit", "target", "info", "type")
"""Keys whose presence the kind decides."""


def check(catalog: Catalog, found: Diagnostics) -> None:
    """Check every property and class property of `catalog`."""
    for type_ in catalog.types.values():
        _duplicates(catalog, type_, found)
        for prop in type_.properties:
            _property(catalog, type_, prop, found)
        if type_.provided:
            continue
        _shared_bits(catalog, type_, found)
        _bootindex(type_, found)
        if type_.properties and not catalog.descends_from(type_, "device"):
            span = type_.node.key_span("properties")
            found.add(problems.NotADevice(span, type=type_.name, what="qdev properties"))
        for each in type_.class_properties:
            _class_property(catalog, type_, each, found)


def _duplicates(catalog: Catalog, type_: model.Type, found: Diagnostics) -> None:
    if type_.provided:
        return
    above = {
        each.name: owner.name
        for owner in reversed(catalog.chain(type_)[1:])
        for each in owner.all_properties
    }
    own: dict[str, str] = {}
    for each in type_.all_properties:
        owner = above.get(each.name) or own.get(each.name)
        if owner is not None:
            told = {"type": type_.name, "property": each.name, "owner": owner}
            told["when"] = _when(catalog, type_, each.name) if owner != type_.name else ""
            found.add(problems.DuplicateProperty(each.span, None, **told))
        own[each.name] = type_.name


def _when(catalog: Catalog, type_: model.Type, name: str) -> str:
    return only_here(catalog, lambda other: name in _inherited(other, type_.name))


def _inherited(catalog: Catalog, name: str) -> set[str]:
    """The properties that a type has from its ancestors."""
    type_ = catalog.types.get(name)
    above = catalog.chain(type_)[1:] if type_ else []
    return {each.name for owner in above for each in owner.all_properties}


def _property(
    catalog: Catalog, type_: model.Type, prop: model.Property, found: Diagnostics
) -> None:
    kind = catalog.kinds.get(prop.kind)
    if kind is None:
        _unknown_kind(catalog, prop, found)
        return
    if kind.name == "raw" and not type_.provided:
        reason = f"property '{prop.name}' is of kind raw, which only describes what QEMU has"
        found.add(problems.ProvidedOnly(prop.node.value_span("kind"), reason=reason))
        return
    _keys(prop, kind, found)
    if prop.in_type is not None and not catalog.descends_from(type_, prop.in_type):
        span = prop.node.value_span("in")
        hint = nearest(prop.in_type, [each.name for each in catalog.chain(type_)])
        found.add(problems.NotAnAncestor(span, hint, name=prop.in_type, type=type_.name))
    _default(catalog, prop, kind, found)
    _bit(catalog, prop, found)
    if isinstance(prop.info, str) and prop.info not in catalog.infos:
        span = prop.node.value_span("info")
        when, by_series = absence(catalog, lambda other: prop.info in other.infos)
        told = {"property": prop.name, "info": prop.info, "when": when}
        near = by_series or nearest(prop.info, anywhere(catalog, lambda other: other.infos))
        found.add(problems.UnknownInfo(span, near, **told))
    if prop.target is not None and prop.target not in catalog.types:
        unknown_type(catalog, prop.target, prop.node.value_span("target"), found)


def _unknown_kind(catalog: Catalog, prop: model.Property, found: Diagnostics) -> None:
    when, by_series = absence(catalog, lambda other: prop.kind in other.kinds)
    hint = by_series or nearest(prop.kind, anywhere(catalog, lambda other: other.kinds))
    span = prop.node.value_span("kind")
    found.add(problems.UnknownKind(span, hint, kind=prop.kind, when=when))


def unknown_type(catalog: Catalog, name: str, span: Span, found: Diagnostics) -> None:
    """Say that no spec describes the type `name`, or not for this series."""
    when, by_series = absence(catalog, lambda other: name in other.types)
    hint = by_series or nearest(name, anywhere(catalog, lambda other: other.types))
    found.add(problems.UnknownType(span, hint, name=name, when=when))


def unknown_constant(
    catalog: Catalog, name: str, what: str, span: Span, found: Diagnostics
) -> None:
    """Say that no spec gives the constant `name` a value, or not for this series."""
    when, by_series = absence(catalog, lambda other: other.constant(name) is not None)
    hint = by_series or nearest(name, lambda: anywhere(catalog, lambda one: one.constant_names()))
    found.add(problems.UnknownConstant(span, hint, what=what, name=name, when=when))


def _keys(prop: model.Property, kind: Kind, found: Diagnostics) -> None:
    """What the kind needs besides the field, and what it has no use for."""
    takes = {"device", "suffix"} if kind.name == "bootindex" else {"info", *kind.then}
    needs = {key for key in kind.then if key in _KEYS}
    needs.add("info" if kind.name == "raw" else "field")
    told = {"property": prop.name, "kind": kind.name}
    for key in sorted(needs - set(prop.node.entries)):
        found.add(problems.KindKey(prop.span, None, verb="needs", key=key, lacks=key, **told))
    for key in (*_KEYS, "device", "suffix"):
        if key in prop.node.entries and key not in takes:
            span = prop.node.key_span(key)
            found.add(
                problems.KindKey(span, None, verb="has no use for", key=key, lacks="", **told)
            )
    if isinstance(prop.info, model.PropertyInfoCopy) and kind.info is None:
        verb = "takes the name of a hand-written PropertyInfo under"
        found.add(problems.KindKey(prop.info.span, None, verb=verb, key="info", lacks="", **told))


def _default(catalog: Catalog, prop: model.Property, kind: Kind, found: Diagnostics) -> None:
    value = prop.default
    if value is None or kind.default is None:
        return
    span = prop.node.value_span("default")

    def wrong(expected: str, hint: Hint = None) -> None:
        shown = str(value).lower() if isinstance(value, bool) else value
        told = {"value": shown, "property": prop.name, "kind": kind.name, "expected": expected}
        found.add(problems.DefaultValue(span, hint, **told))

    if isinstance(kind.default, IntegerDefault):
        number = catalog.constant(value) if isinstance(value, str) else value
        low, high = kind.default.minimum, kind.default.maximum
        if prop.ctype is not None and (values := integer(prop.ctype)) is not None:
            low, high = max(low, values.minimum), min(high, values.maximum)
        if isinstance(value, bool):
            wrong("an integer")
        elif number is None:
            unknown_constant(catalog, str(value), f"property '{prop.name}'", span, found)
        elif not low <= number <= high:
            shown = f"{value} ({number})" if isinstance(value, str) else value
            told = {"value": shown, "property": prop.name, "minimum": low, "maximum": high}
            found.add(problems.DefaultRange(span, None, **told))
    elif kind.default == "bool":
        if not isinstance(value, bool):
            hint = {"on": "write true", "off": "write false"}.get(str(value))
            wrong("true or false", hint)
    else:
        enum = catalog.enums.get(kind.default)
        words = enum.members if enum else ()
        if not isinstance(value, str) or value not in words:
            hint_of_word: Hint = nearest(str(value), words)
            if isinstance(value, bool) and {"on", "off"} <= set(words):
                hint_of_word = 'write "on" or "off", in quotes'
            elif str(value) in words:
                hint_of_word = f'quote it: "{value}"'
            wrong("one of " + ", ".join(words), hint_of_word)


# Bits


def _bit_number(catalog: Catalog, prop: model.Property) -> int | None:
    if prop.kind not in _BITS:
        return None
    return catalog.constant(prop.bit) if isinstance(prop.bit, str) else prop.bit


def _bit(catalog: Catalog, prop: model.Property, found: Diagnostics) -> None:
    if prop.bit is None or prop.kind not in _BITS:
        return
    span = prop.node.value_span("bit")
    number = _bit_number(catalog, prop)
    if number is None:
        unknown_constant(catalog, str(prop.bit), f"property '{prop.name}'", span, found)
    elif not 0 <= number <= _BITS[prop.kind]:
        found.add(problems.BitRange(span, bit=number, property=prop.name, maximum=_BITS[prop.kind]))


def _shared_bits(catalog: Catalog, type_: model.Type, found: Diagnostics) -> None:
    """Two properties of one bit: the second default would overwrite the first."""
    taken: dict[tuple[str | None, str | None, int], str] = {}
    for prop in type_.properties:
        number = _bit_number(catalog, prop)
        if number is None:
            continue
        first = taken.setdefault((prop.in_type, prop.field, number), prop.name)
        if first != prop.name:
            span = prop.node.value_span("bit")
            told = {"property": prop.name, "bit": number, "field": prop.field, "other": first}
            found.add(problems.BitTaken(span, None, **told))


def _bootindex(type_: model.Type, found: Diagnostics) -> None:
    first: model.Property | None = None
    for prop in type_.properties:
        if prop.kind == "bootindex" and first is not None:
            told = {"property": prop.name, "other": first.name}
            found.add(problems.SecondBootindex(prop.node.value_span("kind"), None, **told))
        elif prop.kind == "bootindex":
            first = prop
        if prop.kind == "bootindex" and prop.description is not None:
            span = prop.node.key_span("description")
            found.add(problems.DescribedBootindex(span, property=prop.name))


# Class properties


def _class_property(
    catalog: Catalog, type_: model.Type, each: model.ClassProperty, found: Diagnostics
) -> None:
    node = type_.node.get("class_properties")
    written = node.get(each.name) if isinstance(node, Mapping) else None
    where = f"class property '{each.name}'"
    if each.kind == "link":
        found.add(problems.ClassPropertyKind(each.span, property=each.name))
        return
    if each.get is None and each.set is None:
        hint = "it can be neither read nor written: add 'set' or 'get'"
        found.add(problems.MissingKey(each.span, hint, key="set", where=where))
    if each.kind in ("enum", "visitor") and each.qom_type is None:
        found.add(problems.MissingKey(each.span, key="type", where=where))
    if each.kind == "enum" and each.qom_type is not None and each.qom_type not in catalog.enums:
        told = {"value": each.qom_type, "expected": "an enum that a spec describes"}
        span = written.value_span("type") if isinstance(written, Mapping) else each.span
        found.add(problems.BadValue(span, nearest(each.qom_type, catalog.enums), **told))
    for key, allowed in (("type", ("enum", "visitor")), ("target", ("link",))):
        value = each.qom_type if key == "type" else each.target
        if value is not None and each.kind not in allowed:
            told = {"property": each.name, "kind": each.kind, "verb": "has no use for", "key": key}
            span = written.key_span(key) if isinstance(written, Mapping) else each.span
            found.add(problems.KindKey(span, None, lacks="", **told))
    if each.get is not None and each.get.steps is not None:
        reason = "a getter returns a value, and steps do not: name a function"
        found.add(problems.AccessorSteps(each.get.span, property=each.name, reason=reason))
    if each.set is not None and each.set.steps is not None and each.kind not in ("str", "bool"):
        reason = f"steps know the value of kind str or bool, not of {each.kind}: name a function"
        found.add(problems.AccessorSteps(each.set.span, property=each.name, reason=reason))
