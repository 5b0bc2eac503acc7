# SPDX-License-Identifier: GPL-2.0-or-later
"""Properties: kinds, fields and their types, defaults, names along the parent chain."""

from __future__ import annotations

from qomgen import model, problems
from qomgen.catalog import Catalog, FieldPath, NoField
from qomgen.ctype import CType
from qomgen.diagnostics import Diagnostics, Span, did_you_mean
from qomgen.profile import IntegerDefault, Kind

_BITS = {"bit": 31, "bit64": 63}
_KEYS = ("default", "bit", "target", "info", "type")
"""Keys whose presence the kind decides."""


def check(catalog: Catalog, found: Diagnostics) -> None:
    """Check every property and class property of `catalog`."""
    for type_ in catalog.types.values():
        _duplicates(catalog, type_, found)
        for prop in type_.properties:
            _property(catalog, type_, prop, found)
        if type_.properties and not type_.provided and not catalog.descends_from(type_, "device"):
            span = type_.node.key_span("properties")
            found.add(problems.NotADevice(span, type=type_.name, what="qdev properties"))
        for each in type_.class_properties:
            _class_property(type_, each, found)


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
            found.add(
                problems.DuplicateProperty(
                    each.span, type=type_.name, property=each.name, owner=owner
                )
            )
        own[each.name] = type_.name


def _property(
    catalog: Catalog, type_: model.Type, prop: model.Property, found: Diagnostics
) -> None:
    kind = catalog.kinds.get(prop.kind)
    if kind is None:
        hint = did_you_mean(prop.kind, catalog.kinds)
        span = prop.node.value_span("kind")
        found.add(problems.UnknownKind(span, hint, kind=prop.kind, series=catalog.series))
        return
    _keys(prop, kind, found)
    path = _field(catalog, type_, prop, found)
    if path is not None:
        _field_type(catalog, prop, kind, path, found)
    _default(catalog, prop, kind, found)
    _bit(catalog, prop, found)
    if isinstance(prop.info, str) and prop.info not in catalog.infos:
        hint = did_you_mean(prop.info, catalog.infos)
        span = prop.node.value_span("info")
        found.add(problems.UnknownInfo(span, hint, property=prop.name, info=prop.info))
    if prop.target is not None and prop.target not in catalog.types:
        hint = did_you_mean(prop.target, catalog.types)
        found.add(problems.UnknownType(prop.node.value_span("target"), hint, name=prop.target))


def _keys(prop: model.Property, kind: Kind, found: Diagnostics) -> None:
    takes = {"info", *kind.then}
    if kind.name == "bootindex":
        takes = set()
    needs = {key for key in kind.then if key in _KEYS}
    if kind.name != "raw":
        needs.add("field")
    for key in sorted(needs):
        if key not in prop.node.entries:
            span = prop.node.key_span("kind")
            found.add(
                problems.KindKey(span, property=prop.name, kind=kind.name, verb="needs", key=key)
            )
    for key in (*_KEYS, "device", "suffix"):
        allowed = key in takes or (kind.name == "bootindex" and key in ("device", "suffix"))
        if key in prop.node.entries and not allowed:
            span = prop.node.key_span(key)
            found.add(
                problems.KindKey(
                    span, property=prop.name, kind=kind.name, verb="has no use for", key=key
                )
            )


def _field(
    catalog: Catalog, type_: model.Type, prop: model.Property, found: Diagnostics
) -> FieldPath | None:
    if prop.field is None:
        return None
    if prop.in_type is not None and not catalog.descends_from(type_, prop.in_type):
        span = prop.node.value_span("in")
        known = [each.name for each in catalog.chain(type_)]
        found.add(
            problems.NotAnAncestor(
                span, did_you_mean(prop.in_type, known), name=prop.in_type, type=type_.name
            )
        )
        return None
    path = catalog.property_path(type_, prop.in_type, prop.field)
    if isinstance(path, NoField):
        missing_field(
            catalog, type_, f"property '{prop.name}'", prop.node.value_span("field"), path, found
        )
        return None
    return path


def missing_field(
    catalog: Catalog,
    type_: model.Type,
    what: str,
    span: Span,
    missing: NoField,
    found: Diagnostics,
) -> None:
    """Say that a path leads nowhere, and which ancestor has the field if one has."""
    hint = did_you_mean(missing.field, missing.known)
    for ancestor in catalog.chain(type_)[1:]:
        struct = catalog.instance_struct(ancestor)
        if struct is not None and struct.name != missing.struct and struct.field(missing.field):
            hint = f"its ancestor {ancestor.name} has one: add 'in: {ancestor.name}'"
            break
    told = {
        "what": what,
        "struct": missing.struct,
        "field": missing.field,
        "series": catalog.series,
    }
    found.add(problems.FieldMissing(span, hint, **told))


def _field_type(
    catalog: Catalog, prop: model.Property, kind: Kind, path: FieldPath, found: Diagnostics
) -> None:
    expected: CType | None = kind.field
    if "type" in kind.then:
        expected = prop.ctype
    if kind.name == "link":
        target = catalog.types.get(prop.target or "")
        struct = catalog.instance_struct(target) if target else None
        expected = CType(struct.name, ("",)) if struct else None
    if expected is None or str(path.ctype) == str(expected):
        return
    span = prop.node.value_span("field")
    found.add(
        problems.FieldType(
            span,
            property=prop.name,
            kind=kind.name,
            expected=str(expected),
            struct=path.struct.name,
            field=path.field.name,
            actual=str(path.ctype),
        )
    )


def _default(catalog: Catalog, prop: model.Property, kind: Kind, found: Diagnostics) -> None:
    value = prop.default
    if value is None or kind.default is None:
        return
    span = prop.node.value_span("default")

    def wrong(expected: str, hint: str | None = None) -> None:
        shown = str(value).lower() if isinstance(value, bool) else value
        found.add(
            problems.DefaultValue(
                span, hint, value=shown, property=prop.name, kind=kind.name, expected=expected
            )
        )

    if isinstance(kind.default, IntegerDefault):
        number = catalog.constant(value) if isinstance(value, str) else value
        if isinstance(value, bool):
            wrong("an integer")
        elif number is None:
            what = f"property '{prop.name}'"
            hint = did_you_mean(str(value), catalog.constant_names())
            found.add(
                problems.UnknownConstant(span, hint, what=what, name=value, series=catalog.series)
            )
        elif not kind.default.minimum <= number <= kind.default.maximum:
            low, high = kind.default.minimum, kind.default.maximum
            told = {"value": value, "property": prop.name, "minimum": low, "maximum": high}
            found.add(problems.DefaultRange(span, None, **told))
    elif kind.default == "bool":
        if not isinstance(value, bool):
            wrong("true or false")
    else:
        enum = catalog.enums.get(kind.default)
        words = enum.members if enum else ()
        if not isinstance(value, str) or value not in words:
            hint = None
            if isinstance(value, bool) and {"on", "off"} <= set(words):
                hint = 'write "on" or "off", in quotes'
            wrong("one of " + ", ".join(words), hint or did_you_mean(str(value), words))


def _bit(catalog: Catalog, prop: model.Property, found: Diagnostics) -> None:
    if prop.bit is None or prop.kind not in _BITS:
        return
    span = prop.node.value_span("bit")
    number = catalog.constant(prop.bit) if isinstance(prop.bit, str) else prop.bit
    if number is None:
        what = f"property '{prop.name}'"
        hint = did_you_mean(str(prop.bit), catalog.constant_names())
        found.add(
            problems.UnknownConstant(span, hint, what=what, name=prop.bit, series=catalog.series)
        )
    elif not 0 <= number <= _BITS[prop.kind]:
        found.add(problems.BitRange(span, bit=number, property=prop.name, maximum=_BITS[prop.kind]))


def _class_property(type_: model.Type, each: model.ClassProperty, found: Diagnostics) -> None:
    if type_.provided:
        return
    where = f"class property '{each.name}'"
    if each.get is None and each.set is None:
        found.add(
            problems.MissingKey(
                each.span, "it can be neither read nor written", key="set", where=where
            )
        )
    if each.kind in ("enum", "visitor") and each.qom_type is None:
        found.add(problems.MissingKey(each.span, key="type", where=where))
    if each.kind == "link" and each.target is None:
        found.add(problems.MissingKey(each.span, key="target", where=where))
