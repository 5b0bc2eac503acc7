# SPDX-License-Identifier: GPL-2.0-or-later
"""Fields: whether those that a type uses are there, and whether their types allow the use."""

from __future__ import annotations

from qomgen import model, problems
from qomgen.catalog import Catalog, FieldPath, NoField
from qomgen.checks.integers import integer
from qomgen.checks.uses import Form, Use, uses
from qomgen.checks.when import absence, only_here
from qomgen.ctype import CType
from qomgen.diagnostics import Diagnostics, Hint, nearest
from qomgen.profile import Kind


def check(catalog: Catalog, found: Diagnostics) -> None:
    """Check every field of structs that are generated, and every use of a field."""
    for struct in catalog.structs.values():
        for field in struct.fields:
            _bits(field, found)
    for type_ in catalog.types.values():
        if not type_.provided:
            _kept_hooks(catalog, type_, found)
        for use in uses(catalog, type_):
            _use(catalog, type_, use, found)


def _bits(field: model.Field, found: Diagnostics) -> None:
    """A bit-field's width, and the bits that have names."""
    values = integer(field.ctype)
    width = 1 if str(field.ctype) == "bool" else values.bits if values else 0
    if field.bits is not None and width == 0:
        reason = (
            f"field '{field.name}' is a {field.ctype}, and only integers and bool have bit-fields"
        )
        found.add(problems.BitField(field.span, reason=reason))
    elif field.bits is not None and field.bits > width:
        reason = (
            f"field '{field.name}' is to have {field.bits} bits, and a {field.ctype} has {width}"
        )
        found.add(problems.BitField(field.span, reason=reason))
    room = min(field.bits or width, 32)
    for name, bit in field.flags:
        if not 0 <= bit < room:
            why = "; the macro is 1 << bit, an int" if bit < (field.bits or width) else ""
            has = f"outside 0 to {room - 1}" if room else f"in a {field.ctype}, which has none"
            reason = f"{name} is bit {bit} of '{field.name}', {has}{why}"
            found.add(problems.BitField(field.span, reason=reason))


def _kept_hooks(catalog: Catalog, type_: model.Type, found: Diagnostics) -> None:
    """Fields of the own class struct that keep a parent's hook: the type follows from the class member."""
    struct = catalog.structs.get(type_.class_struct or "")
    if struct is None or struct.provided or catalog.class_owner(type_) is not type_:
        return
    reachable = catalog.class_structs(type_)
    for field in struct.fields:
        if field.hook is None:
            continue
        of, _, name = field.hook.partition(".")
        holder = reachable.get(of)
        member = holder.member(name) if holder else None
        if member is not None and member.prototype is not None:
            continue
        if holder is None:
            reason = f"{of} is not in the class chain of '{type_.name}'"
            hint = nearest(of, reachable)
        else:
            hooks = [each.name for each in holder.members if each.prototype is not None]
            reason = f"{of} has no hook '{name}' whose prototype is known"
            hint = nearest(name, hooks)
        told = {"field": field.name, "struct": struct.name, "reason": reason, "parent": name}
        found.add(problems.KeptHook(field.span, hint, **told))


def _use(catalog: Catalog, type_: model.Type, use: Use, found: Diagnostics) -> None:
    if use.in_type is not None and not catalog.descends_from(type_, use.in_type):
        return
    reached = catalog.property_path(type_, use.in_type, use.path)
    if isinstance(reached, NoField):
        _missing(catalog, type_, use, reached, found)
    elif reached is not None:
        _guarded(use, reached, found)
        _is_bit_field(use, reached, found)
        if use.form is Form.PROPERTY:
            _property_type(catalog, type_, use, reached, found)
        elif use.form in (Form.SET, Form.SET_BITS):
            _assigned(catalog, use, reached, found)


def _missing(
    catalog: Catalog, type_: model.Type, use: Use, missing: NoField, found: Diagnostics
) -> None:
    """Say that a path leads nowhere, and which ancestor or series has the field."""

    def has(other: Catalog) -> bool:
        same = other.types.get(type_.name)
        reached = other.property_path(same, use.in_type, use.path) if same else None
        return isinstance(reached, FieldPath)

    when, by_series = absence(catalog, has)
    hint: Hint = by_series or nearest(missing.field, missing.known)
    if missing.reason is not None:
        reason = missing.reason
        hint = None
    elif missing.struct in catalog.structs:
        reason = f"{missing.struct} has no field '{missing.field}'{when}"
    elif missing.struct.isidentifier():
        reason = f"no spec describes the struct {missing.struct}, which should have '{missing.field}'{when}"
        hint = f"write a document 'struct: {missing.struct}' with 'provided: true' and that field"
    else:
        reason = f"'{missing.field}' can't be reached: {missing.struct} is no embedded struct{when}"
    for ancestor in catalog.chain(type_)[1:] if not by_series else ():
        struct = catalog.instance_struct(ancestor)
        if struct is not None and struct.name != missing.struct and struct.field(missing.field):
            hint = f"its ancestor '{ancestor.name}' has one: add 'in: {ancestor.name}'"
            break
    told = {"what": use.what, "reason": reason, "field": missing.field, "struct": missing.struct}
    found.add(problems.FieldMissing(use.span, hint, **told))


def _guarded(use: Use, path: FieldPath, found: Diagnostics) -> None:
    """A field that is only there under a build symbol, used where the symbol may be off."""
    on = {symbol for guard in use.guards if not guard.negated for symbol in guard.symbols}
    for field in path.fields:
        guard = field.guard
        if guard is None or guard in use.guards:
            continue
        if guard.negated or not on.issuperset(guard.symbols):
            needs = {"what": use.what, "field": field.name, "guard": guard}
            symbol = guard.symbols[0]
            condition = f"{{not: {symbol}}}" if guard.negated else symbol
            hint = None if len(guard.symbols) > 1 else f"add 'if: {condition}'"
            found.add(problems.GuardedField(use.span, hint, **needs))


def _is_bit_field(use: Use, path: FieldPath, found: Diagnostics) -> None:
    if path.field.bits is not None and use.form in (Form.PROPERTY, Form.ADDRESS):
        reason = f"{use.what}: '{path.text}' is a bit-field, and a bit-field has no address"
        found.add(problems.BitField(use.span, reason=reason))


# Properties


def _property_type(
    catalog: Catalog, type_: model.Type, use: Use, path: FieldPath, found: Diagnostics
) -> None:
    prop = use.prop
    kind = catalog.kinds.get(prop.kind) if prop else None
    if prop is None or kind is None:
        return
    expected = _expected(catalog, prop, kind)
    if expected is None or str(path.ctype) == str(expected):
        return
    when = only_here(catalog, lambda other: _is_wrong_type(other, type_.name, prop.name))
    told = {"kind": kind.name, "expected": expected, "actual": path.ctype, "when": when}
    where = f"{path.struct.name}.{path.field.name}"
    if path.struct.header:
        where += f" ({path.struct.header})"
    fitting = [
        each.name
        for each in catalog.kinds.values()
        if each.field is not None and str(each.field) == str(path.ctype) and each.in_table
    ]
    hint = f"kinds for {path.ctype}: {', '.join(sorted(fitting))}" if fitting else None
    found.add(problems.FieldType(use.span, hint, property=prop.name, field=where, **told))


def _is_wrong_type(catalog: Catalog, type_name: str, name: str) -> bool:
    """Whether a property's field has a wrong type, or is not there, in another series."""
    type_ = catalog.types.get(type_name)
    prop = type_.property(name) if type_ else None
    kind = catalog.kinds.get(prop.kind) if prop else None
    if type_ is None or prop is None or kind is None or prop.field is None:
        return True
    path = catalog.property_path(type_, prop.in_type, prop.field)
    expected = _expected(catalog, prop, kind)
    return not isinstance(path, FieldPath) or str(path.ctype) != str(expected)


def _expected(catalog: Catalog, prop: model.Property, kind: Kind) -> CType | None:
    """The C type that a property's field must have: DEFINE_PROP_* checks it."""
    if "type" in kind.then:
        return prop.ctype
    if kind.name == "link":
        target = catalog.types.get(prop.target or "")
        struct = catalog.instance_struct(target) if target else None
        return CType(struct.name, ("",)) if struct else None
    return kind.field


# Assignments


def _assigned(catalog: Catalog, use: Use, path: FieldPath, found: Diagnostics) -> None:
    value, ctype = use.value, path.ctype
    values = integer(ctype)
    number = catalog.constant(value) if isinstance(value, str) else value

    def wrong(expected: str) -> None:
        shown = str(value).lower() if isinstance(value, bool) else value
        told = {"field": path.text, "actual": ctype, "value": shown, "expected": expected}
        found.add(problems.AssignedValue(use.value_span or use.span, None, **told))

    if use.form is Form.SET_BITS and values is None:
        wrong("no bits, which only integers have")
    elif str(ctype) == "bool":
        if not isinstance(value, bool):
            wrong("true or false")
    elif values is not None:
        if number is not None and not values.holds(number):
            wrong(str(values))
    elif ctype.pointers or ctype.sizes or ctype.is_function or str(ctype) in catalog.structs:
        wrong("no constant; it is zero until a call sets it")
