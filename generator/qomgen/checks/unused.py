# SPDX-License-Identifier: GPL-2.0-or-later
"""What is written and changes nothing in whatever series."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from qomgen import model, problems
from qomgen.catalog import Catalog
from qomgen.diagnostics import Diagnostics, Span
from qomgen.series import Series
from qomgen.source import Mapping as Node
from qomgen.source import Sequence

_OF_A_UNIT = ("source", "register", "includes", "build")
"""Keys of a type that is its own unit."""


def check(catalogs: Mapping[Series, Catalog], found: Diagnostics) -> None:
    """Check every type and struct in all series together."""
    without: dict[tuple[Span, str], str] = {}
    effective: set[tuple[Span, str]] = set()
    for catalog in catalogs.values():
        for type_ in catalog.types.values():
            if type_.provided or type_.base:
                continue
            for span, key, reason in _keys(catalog, type_):
                if reason is None:
                    effective.add((span, key))
                else:
                    without.setdefault((span, key), reason)
        for struct in catalog.structs.values():
            if not (struct.provided or struct.span.file.base):
                place = (struct.span, "struct")
                if _is_named(catalog, struct):
                    effective.add(place)
                else:
                    without.setdefault(place, "no type names it as its instance or class struct")
    for (span, key), reason in without.items():
        if (span, key) not in effective:
            hint = "write 'provided: true' if C has it already" if key == "struct" else None
            found.add(problems.NoEffect(span, hint, key=key, reason=reason))


def _is_named(catalog: Catalog, struct: model.Struct) -> bool:
    return any(
        struct.name in (type_.instance_struct, type_.class_struct)
        for type_ in catalog.types.values()
    )


def _keys(catalog: Catalog, type_: model.Type) -> Iterator[tuple[Span, str, str | None]]:
    """Keys of `type_` with why they have no effect; None if they have."""
    unit = catalog.unit_of(type_)
    for key in _OF_A_UNIT:
        if key in type_.node.entries:
            is_own = unit is None or unit.span == type_.span
            reason = f"the unit '{unit.name}' says it" if unit and not is_own else None
            yield type_.node.key_span(key), key, reason
    below = type_.node.get("c")
    if isinstance(below, Node):
        yield from _c_keys(catalog, type_, below)


def _c_keys(
    catalog: Catalog, type_: model.Type, below: Node
) -> Iterator[tuple[Span, str, str | None]]:
    if "c" not in type_.targets:
        yield type_.node.key_span("c"), "c", "the type is for Python alone"
        return
    owns_struct = _owns(catalog, type_, "instance_struct")
    owns_class = _owns(catalog, type_, "class_struct")
    no_struct = None if owns_struct or owns_class else "the type declares no struct"
    in_table = any((kind := catalog.kinds.get(each.kind)) and kind.in_table for each in type_.properties)  # fmt: skip
    has_class_init = type_.class_init is not None or bool(type_.all_properties)
    unit = catalog.unit_of(type_)
    has_info = unit is None or unit.registration.form == "function"
    for key, reason in (
        ("typedef", no_struct),
        ("properties", None if in_table else "the type has no property table"),
        ("class_init", None if has_class_init else "the type has no class_init"),
        ("info", None if has_info else "no TypeInfo of its own is registered"),
    ):
        if key in below.entries:
            yield below.key_span(key), f"c.{key}", reason
    reasons = {
        "cast_macro": no_struct,
        "struct": None if owns_struct else "the type declares no instance struct",
        "class_struct": None if owns_class else "the type declares no class struct",
    }
    given = below.get("given")
    for item in given.items if isinstance(given, Sequence) else ():
        word = getattr(item, "text", "")
        yield item.span, f"given: {word}", reasons.get(word)


def _owns(catalog: Catalog, type_: model.Type, key: str) -> bool:
    """Whether `type_` declares its instance or class struct in C."""
    name: str | None = getattr(type_, key)
    struct = catalog.structs.get(name) if name else None
    if struct is None or struct.provided:
        return False
    is_instance = key == "instance_struct"
    owner = catalog.struct_owner(type_) if is_instance else catalog.class_owner(type_)
    return owner is type_
