# SPDX-License-Identifier: GPL-2.0-or-later
"""Steps: class members, assignments, calls, and the orders in which QEMU would crash."""

from __future__ import annotations

from collections.abc import Callable

from qomgen import model, problems
from qomgen.catalog import Catalog, NoField
from qomgen.checks.properties import missing_field
from qomgen.diagnostics import Diagnostics, Span, did_you_mean

_ARGUMENT_WORDS = {
    "class_init": frozenset({"klass"}),
    "instance_init": frozenset({"obj"}),
    "instance_post_init": frozenset({"obj"}),
    "instance_finalize": frozenset({"obj"}),
    "accessor": frozenset({"obj", "value", "errp"}),
}
"""What a call may be given in each function besides constants and mappings."""

_ALL_WORDS = frozenset(word for words in _ARGUMENT_WORDS.values() for word in words)


def check(catalog: Catalog, found: Diagnostics) -> None:
    """Check every step of `catalog`."""
    for type_ in catalog.types.values():
        if type_.provided:
            continue
        for key, function in catalog.functions(type_):
            _function(catalog, type_, key, function.steps or (), found)
        for each in type_.class_properties:
            for accessor in (each.get, each.set):
                if accessor is not None:
                    _function(catalog, type_, "accessor", accessor.steps or (), found)
        _reset(type_, found)
        _tables(catalog, type_, found)


def _function(
    catalog: Catalog,
    type_: model.Type,
    where: str,
    steps: tuple[model.Step, ...],
    found: Diagnostics,
) -> None:
    placed: set[str] = set()
    for step in steps:
        if step.in_type is not None and not catalog.descends_from(type_, step.in_type):
            _not_an_ancestor(catalog, type_, step.in_type, step.span, found)
            continue
        match step.action:
            case model.MembersStep():
                if where == "class_init":
                    _members(catalog, type_, step.action, step.span, found)
                else:
                    told = {
                        "step": f"setting members of {step.action.struct}",
                        "reason": "belongs in class_init",
                    }
                    found.add(problems.MisplacedStep(step.span, **told))
            case model.PlaceStep() | model.DescriptionsStep():
                _place(type_, where, step, placed, found)
            case model.AssignStep():
                if where == "class_init":
                    reason = "belongs in instance_init or an accessor; class_init sets members of class structs"
                    found.add(problems.MisplacedStep(step.span, step="'set'", reason=reason))
                else:
                    _assign(catalog, type_, step, found)
            case model.CallStep():
                for argument in step.action.arguments:
                    _argument(catalog, type_, where, step, argument, found)


def _not_an_ancestor(
    catalog: Catalog, type_: model.Type, name: str, span: Span, found: Diagnostics
) -> None:
    known = [each.name for each in catalog.chain(type_)]
    found.add(problems.NotAnAncestor(span, did_you_mean(name, known), name=name, type=type_.name))


def _place(
    type_: model.Type, where: str, step: model.Step, placed: set[str], found: Diagnostics
) -> None:
    what = step.action.what if isinstance(step.action, model.PlaceStep) else "descriptions"
    home = "instance_init" if what == "bootindex" else "class_init"
    if where != home:
        found.add(problems.MisplacedStep(step.span, step=f"'{what}'", reason=f"belongs in {home}"))
    elif what in placed:
        found.add(problems.MisplacedStep(step.span, step=f"'{what}'", reason="stands here twice"))
    elif what == "bootindex" and not any(each.kind == "bootindex" for each in type_.properties):
        reason = "needs a property of kind bootindex, and the type has none"
        found.add(problems.MisplacedStep(step.span, step="'bootindex'", reason=reason))
    elif what in ("properties", "class_properties") and "descriptions" in placed:
        reason = (
            f"'{what}' comes after 'descriptions', which need the properties to exist: QEMU crashes"
        )
        found.add(problems.DescriptionOrder(step.span, reason=reason))
    placed.add(what)
    if isinstance(step.action, model.DescriptionsStep):
        described = [each.name for each in type_.all_properties if each.description]
        for name in step.action.order:
            # A series may lack a property that another has: then the order passes over it.
            if name not in type_.written_properties:
                reason = f"'order' names '{name}', which is no property of '{type_.name}' with a description"
                found.add(
                    problems.DescriptionOrder(
                        step.span, did_you_mean(name, described), reason=reason
                    )
                )


def _members(
    catalog: Catalog, type_: model.Type, action: model.MembersStep, span: Span, found: Diagnostics
) -> None:
    reachable = catalog.class_structs(type_)
    struct = reachable.get(action.struct)
    if struct is None:
        chain = ", ".join(reachable)
        hint = did_you_mean(action.struct, reachable)
        found.add(
            problems.NotInClassChain(span, hint, struct=action.struct, type=type_.name, chain=chain)
        )
        return
    for value in action.values:
        member = struct.member(value.member)
        if member is None:
            known = [each.name for each in struct.members]
            known += [each.name for each in struct.fields if each.ctype.is_function]
            told = {"struct": struct.name, "member": value.member, "series": catalog.series}
            found.add(problems.UnknownMember(value.span, did_you_mean(value.member, known), **told))
        else:
            _member_value(catalog, type_, struct, member, value, found)


def _member_value(
    catalog: Catalog,
    type_: model.Type,
    struct: model.Struct,
    member: model.Member,
    value: model.MemberValue,
    found: Diagnostics,
) -> None:
    expected = {
        "text": "text",
        "bool": "true or false",
        "function": "the name of a function, or {hook:, parent:}",
        "legacy_reset": "the name of a function, or {hook:, parent:}",
        "object": f"the name of a {member.detail}",
        "set": "a list of words",
    }.get(member.holds, f"a {member.holds}")
    given = value.value

    def wrong() -> None:
        actual = _told(given)
        told = {
            "struct": struct.name,
            "member": member.name,
            "expected": expected,
            "actual": actual,
        }
        found.add(problems.MemberType(value.value_span, **told))

    match member.holds:
        case "text":
            if isinstance(given, model.TypeName):
                _known_type(catalog, given.type, value.value_span, found)
            elif not isinstance(given, str):
                wrong()
        case "bool":
            if not isinstance(given, bool):
                wrong()
        case "function" | "legacy_reset":
            if isinstance(given, model.ChainedHook):
                _chained(catalog, type_, struct, member, given, value.value_span, found)
            elif not isinstance(given, str) or not given.isidentifier():
                wrong()
        case "object":
            if not isinstance(given, model.VmState) and not (
                isinstance(given, str) and given.isidentifier()
            ):
                wrong()
        case "set":
            _words(catalog, member, given, value.value_span, wrong, found)
        case _:
            if isinstance(given, str):
                _known_constant(
                    catalog, given, f"{struct.name}.{member.name}", value.value_span, found
                )
            elif isinstance(given, bool) or not isinstance(given, int):
                wrong()


def _words(
    catalog: Catalog,
    member: model.Member,
    given: object,
    span: Span,
    wrong: Callable[[], None],
    found: Diagnostics,
) -> None:
    if not isinstance(given, tuple):
        wrong()
        return
    enum = next((each for each in catalog.enums.values() if each.prefix == member.detail), None)
    for word in given:
        if enum is not None and word not in enum.members:
            expected = "one of " + ", ".join(enum.members)
            found.add(
                problems.BadValue(
                    span, did_you_mean(word, enum.members), value=word, expected=expected
                )
            )


def _told(given: object) -> str:
    match given:
        case bool():
            return str(given).lower()
        case int():
            return f"the number {given}"
        case str():
            return f"the text '{given}'"
        case tuple():
            return "a list"
    return "a mapping"


def _chained(
    catalog: Catalog,
    type_: model.Type,
    struct: model.Struct,
    member: model.Member,
    given: model.ChainedHook,
    span: Span,
    found: Diagnostics,
) -> None:
    own = catalog.class_struct(type_)
    kept = own.field(given.parent) if own else None
    wanted = f"{struct.name}.{member.name}"
    if own is None or kept is None or kept.hook != wanted:
        known = [each.name for each in own.fields if each.hook] if own else []
        hint = did_you_mean(
            given.parent, known
        ) or f"declare it: '{given.parent or 'parent_' + member.name}: " + (
            "{hook: " + wanted + "}'"
        )
        name = own.name if own else "a class struct"
        found.add(problems.ChainField(span, hint, parent=given.parent, struct=name, member=wanted))


def _known_type(catalog: Catalog, name: str, span: Span, found: Diagnostics) -> None:
    if name not in catalog.types:
        found.add(problems.UnknownType(span, did_you_mean(name, catalog.types), name=name))


def _known_constant(catalog: Catalog, name: str, what: str, span: Span, found: Diagnostics) -> None:
    if catalog.constant(name) is None:
        hint = did_you_mean(name, catalog.constant_names())
        found.add(problems.UnknownConstant(span, hint, what=what, name=name, series=catalog.series))


def _assign(catalog: Catalog, type_: model.Type, step: model.Step, found: Diagnostics) -> None:
    assert isinstance(step.action, model.AssignStep)
    for path, value, span in step.action.values:
        reached = catalog.property_path(type_, step.in_type, path)
        if isinstance(reached, NoField):
            missing_field(catalog, type_, "this step", span, reached, found)
        if isinstance(value, str):
            _known_constant(catalog, value, f"the value of {path}", span, found)


def _argument(
    catalog: Catalog,
    type_: model.Type,
    where: str,
    step: model.Step,
    argument: model.Argument,
    found: Diagnostics,
) -> None:
    in_type = argument.in_type or step.in_type
    if in_type is not None and not catalog.descends_from(type_, in_type):
        _not_an_ancestor(catalog, type_, in_type, argument.span, found)
        return
    value = argument.value
    match argument.form:
        case "field" | "value":
            reached = catalog.property_path(type_, in_type, str(value))
            if where == "class_init":
                found.add(problems.ArgumentUse(argument.span, argument=value, where="class_init"))
            elif isinstance(reached, NoField):
                missing_field(catalog, type_, "this argument", argument.span, reached, found)
        case "self":
            if not catalog.descends_from(type_, str(value)):
                _not_an_ancestor(catalog, type_, str(value), argument.span, found)
        case "type_name":
            _known_type(catalog, str(value), argument.span, found)
        case "constant" if isinstance(value, str):
            if value in _ALL_WORDS:
                if value not in _ARGUMENT_WORDS[where]:
                    found.add(
                        problems.ArgumentUse(
                            argument.span, argument=value, where=where.replace("_", " ")
                        )
                    )
            else:
                _known_constant(catalog, value, "this argument", argument.span, found)


def _reset(type_: model.Type, found: Diagnostics) -> None:
    steps = type_.class_init.steps if type_.class_init else None
    actions = [step.action for step in steps or () if isinstance(step.action, model.MembersStep)]
    legacy = [
        value
        for each in actions
        if each.struct == "DeviceClass"
        for value in each.values
        if value.member == "reset"
    ]
    phases = [
        value for each in actions if each.struct == "ResettableClass" for value in each.values
    ]
    if legacy and phases:
        later = max(legacy[0], phases[0], key=lambda value: value.span.line)
        found.add(problems.ResetAndPhases(later.span, type=type_.name, phase=phases[0].member))


def _tables(catalog: Catalog, type_: model.Type, found: Diagnostics) -> None:
    """A `properties` step that stands for an empty table, where QEMU refuses one."""
    if catalog.profile.facts.empty_properties or type_.class_init is None:
        return
    listed = [
        each
        for each in type_.properties
        if (kind := catalog.kinds.get(each.kind)) and kind.in_table
    ]
    if any(each.guard is None for each in listed):
        return
    for step in type_.class_init.steps or ():
        if step.action == model.PlaceStep("properties") and step.guard is None:
            found.add(problems.EmptyTable(step.span, type=type_.name, series=catalog.series))
