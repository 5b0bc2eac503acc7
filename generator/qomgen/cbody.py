# SPDX-License-Identifier: GPL-2.0-or-later
"""Function bodies of the C target: steps become statements, with the casts that they use declared before them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from qomgen import clayout, model, naming
from qomgen.catalog import Catalog
from qomgen.clayout import Assign, Call
from qomgen.encode import CCode, CComment, CIdent, CNumber, CPath, CString, Encoded
from qomgen.profile import Kind
from qomgen.series import Series
from qomgen.source import Hex

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class GuardView:
    """The preprocessor lines around something."""

    opening: CCode
    closing: CCode


@dataclass(frozen=True, slots=True)
class Guarded(Generic[T]):
    """Something that may stand under a build symbol."""

    guard: model.Guard | None
    item: T


@dataclass(frozen=True, slots=True)
class Group(Generic[T]):
    """Neighbours under the same build symbol."""

    guard: GuardView | None
    items: tuple[T, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """A call or an assignment, with the comment before it."""

    comment: CComment | None = None
    call: Call | None = None
    assign: Assign | None = None


@dataclass(frozen=True, slots=True)
class Cast:
    """A local variable: the object or class seen as one of its types."""

    struct: CIdent
    local: CIdent
    macro: CIdent
    of: CIdent

    @property
    def declaration(self) -> Assign:
        """Its declaration with the cast."""
        value = CCode.join(self.macro, "(", self.of, ")")
        return Assign(CCode.join(self.struct, " *", self.local), "=", value)


@dataclass(frozen=True, slots=True)
class Body:
    """What stands between the braces."""

    casts: tuple[Cast, ...]
    groups: tuple[Group[Statement], ...]


@dataclass(frozen=True, slots=True)
class InfoCopy:
    """A PropertyInfo copied from another when the types register."""

    name: CIdent
    base: CIdent
    comment: CComment | None
    members: tuple[Assign, ...]
    guard: GuardView | None


@dataclass(frozen=True, slots=True)
class ParentCall:
    """An inline function of the .h.inc that calls the parent's hook, kept in the class."""

    signature: CCode
    class_: Cast
    field: CIdent
    hook: CCode
    call: Call
    is_void: bool


@dataclass(frozen=True, slots=True)
class PhaseFunction:
    """A hold phase that runs a legacy reset function, where resets are chained by phases."""

    signature: CCode
    call: Call


def guard_view(guard: model.Guard) -> GuardView:
    """The #if and #endif of `guard`."""
    symbols = [CIdent(name) for name in guard.symbols]
    if len(symbols) > 1:
        return GuardView(
            CCode("#if " + " && ".join(f"defined({name})" for name in symbols)), CCode("#endif")
        )
    return GuardView(
        CCode.join("#ifndef " if guard.negated else "#ifdef ", symbols[0]), CCode("#endif")
    )


def grouped(rows: Iterable[Guarded[T]]) -> tuple[Group[T], ...]:
    """`rows` with neighbours under one guard put together."""
    groups: list[tuple[model.Guard | None, list[T]]] = []
    for row in rows:
        if groups and groups[-1][0] == row.guard:
            groups[-1][1].append(row.item)
        else:
            groups.append((row.guard, [row.item]))
    return tuple(
        Group(guard_view(guard) if guard else None, tuple(items)) for guard, items in groups
    )


def constant(value: model.Constant) -> Encoded:
    """A constant as C writes it."""
    if isinstance(value, bool):
        return CCode("true" if value else "false")
    if isinstance(value, int):
        return CNumber(value, hexadecimal=isinstance(value, Hex))
    return CIdent(value)


def field_path(path: str) -> CPath:
    """A path of fields."""
    return CPath(path)


def default(catalog: Catalog, prop: model.Property, kind: Kind) -> Encoded:
    """The default of `prop`: an enum's word becomes its enumerator."""
    value = prop.default if prop.default is not None else 0
    if (
        isinstance(kind.default, str)
        and (enum := catalog.enums.get(kind.default))
        and isinstance(value, str)
    ):
        return CIdent(enum.enumerator(value))
    return constant(value)


def initials(name: str) -> str:
    """A local variable's name from a struct's: `pdc` for PCIDeviceClass."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z0-9]*", name)
    return "".join(word[0] for word in words).lower() or "s"


@dataclass(slots=True)
class _Locals:
    """The local variables of one function, as its statements ask for them."""

    catalog: Catalog
    type_: model.Type
    of: str
    used: dict[str, Cast] = field(default_factory=dict)
    ranks: dict[str, int] = field(default_factory=dict)

    def _add(self, struct: str, local: str, macro: str, rank: int) -> CIdent:
        if struct not in self.used:
            taken = {str(cast.local) for cast in self.used.values()} | {
                "obj",
                "klass",
                "value",
                "errp",
                "data",
            }
            name, count = local, 2
            while name in taken:
                name, count = f"{local}{count}", count + 1
            self.used[struct] = Cast(CIdent(struct), CIdent(name), CIdent(macro), CIdent(self.of))
            self.ranks[struct] = rank
        return self.used[struct].local

    def instance(self, in_type: str | None) -> CIdent:
        """The object as the type itself, or as the ancestor `in_type`."""
        type_ = self.catalog.types[in_type] if in_type else self.type_
        struct = self.catalog.instance_struct(type_)
        assert struct is not None
        owner = self.catalog.struct_owner(type_)
        macro = struct.cast or naming.names(self.catalog, owner).upper
        local = struct.local or ("s" if type_ is self.type_ else initials(struct.name))
        return self._add(struct.name, local, macro, self._rank(owner))

    def class_(self, struct: model.Struct) -> CIdent:
        """The class as `struct`."""
        owner = next(
            (each for each in self.catalog.chain(self.type_) if each.class_struct == struct.name),
            self.type_,
        )
        macro = (
            struct.cast
            or f"{naming.names(self.catalog, self.catalog.class_owner(owner)).upper}_CLASS"
        )
        return self._add(
            struct.name, struct.local or initials(struct.name), macro, self._rank(owner)
        )

    def _rank(self, owner: model.Type) -> int:
        """Distance from the leaf: casts are declared from the root down."""
        names = [each.name for each in self.catalog.chain(self.type_)]
        return names.index(owner.name) if owner.name in names else 0

    def casts(self) -> tuple[Cast, ...]:
        """All that were asked for, root before leaf."""
        return tuple(sorted(self.used.values(), key=lambda cast: -self.ranks[str(cast.struct)]))


# class_init


def class_init(catalog: Catalog, type_: model.Type) -> Body | None:
    """The body of class_init; None if it is written by hand, or if there is nothing to do and nothing was said."""
    function = type_.class_init
    if function is not None and function.steps is None:
        return None
    if function is None and not type_.properties and not type_.class_properties:
        return None
    local = _Locals(catalog, type_, "klass")
    rows: list[Guarded[Statement]] = []
    for step in with_places(catalog, type_, function.steps or () if function else ()):
        comment = CComment(step.doc) if step.doc else None
        for row in _class_step(catalog, type_, step, local):
            guard = step.guard or row.guard
            item = row.item
            if comment is not None:
                item, comment = Statement(comment, item.call, item.assign), None
            rows.append(Guarded(guard, item))
    return Body(local.casts(), grouped(rows))


def with_places(
    catalog: Catalog, type_: model.Type, steps: Sequence[model.Step]
) -> list[model.Step]:
    """`steps` with the places that were not written: properties and class properties first, descriptions last."""
    found = list(steps)
    first = []
    if table_rows(catalog, type_) and "properties" not in type_.written_places:
        first.append(model.Step(model.PlaceStep("properties"), type_.span))
    if type_.class_properties and "class_properties" not in type_.written_places:
        first.append(model.Step(model.PlaceStep("class_properties"), type_.span))
    if "descriptions" not in type_.written_places:
        found.append(model.Step(model.DescriptionsStep(), type_.span))
    return first + found


def table_rows(catalog: Catalog, type_: model.Type) -> list[model.Property]:
    """The properties that stand in the table of DEFINE_PROP_*."""
    return [each for each in type_.properties if catalog.kinds[each.kind].in_table]


def _class_step(
    catalog: Catalog, type_: model.Type, step: model.Step, local: _Locals
) -> Iterator[Guarded[Statement]]:
    match step.action:
        case model.PlaceStep(what="properties"):
            if table_rows(catalog, type_):
                device = catalog.structs["DeviceClass"]
                arguments = (local.class_(device), CIdent(naming.names(catalog, type_).properties))
                yield Guarded(
                    None, Statement(call=Call(CIdent("device_class_set_props"), arguments))
                )
        case model.PlaceStep(what="class_properties"):
            for each in type_.class_properties:
                yield Guarded(each.guard, Statement(call=_add_class_property(each)))
        case model.DescriptionsStep(order=order):
            for prop in described(type_, order):
                yield Guarded(prop.guard, Statement(call=_description(prop)))
        case model.MembersStep():
            struct = catalog.class_structs(type_)[step.action.struct]
            for value in step.action.values:
                for statement in _member(catalog, type_, struct, value, local):
                    yield Guarded(None, statement)
        case model.CallStep():
            yield Guarded(None, Statement(call=_call(step, local)))


def _add_class_property(each: model.ClassProperty) -> Call:
    def accessor(function: model.Function | None) -> Encoded:
        return CIdent(function.name) if function and function.name else CCode("NULL")

    head: list[Encoded] = [CIdent("klass"), CString(each.name)]
    accessors: list[Encoded] = [accessor(each.get), accessor(each.set)]
    match each.kind:
        case "enum":
            name = each.qom_type or ""
            head += [CString(name), CCode.join("&", CIdent(f"{name}_lookup"))]
            return Call(CIdent("object_class_property_add_enum"), (*head, *accessors))
        case "visitor":
            head.append(CString(each.qom_type or ""))
            accessors += [CCode("NULL"), CCode("NULL")]
            return Call(CIdent("object_class_property_add"), (*head, *accessors))
    return Call(CIdent(f"object_class_property_add_{each.kind}"), (*head, *accessors))


def described(
    type_: model.Type, order: tuple[str, ...] = ()
) -> list[model.Property | model.ClassProperty]:
    """The properties that have a description: by `since`, then as in the table; `order` mends the rest."""
    found = [each for each in type_.all_properties if each.description]
    found.sort(key=lambda each: each.since or Series(0, 0))
    places = [index for index, each in enumerate(found) if each.name in order]
    by_name = {each.name: each for each in found}
    for index, name in zip(places, [name for name in order if name in by_name], strict=True):
        found[index] = by_name[name]
    return found


def _description(prop: model.Property | model.ClassProperty) -> Call:
    since = prop.history or (str(prop.since) if prop.since else None)
    return Call(
        CIdent("object_class_property_set_description"),
        (CIdent("klass"), CString(prop.name), CString(prop.description or "")),
        CComment(since) if since else None,
    )


def _member(
    catalog: Catalog,
    type_: model.Type,
    struct: model.Struct,
    value: model.MemberValue,
    local: _Locals,
) -> Iterator[Statement]:
    member = struct.member(value.member)
    assert member is not None
    if isinstance(value.value, model.ChainedHook):
        yield from _chain(catalog, type_, struct, member, value.value, local)
        return
    this = local.class_(struct)
    target = CCode.join(this, "->", CPath(value.member))
    match member.holds, value.value:
        case "legacy_reset", str(name) if catalog.profile.facts.legacy_reset_setter:
            yield Statement(
                call=Call(CIdent("device_class_set_legacy_reset"), (this, CIdent(name)))
            )
        case "set", tuple(words):
            for word in words:
                bit = CIdent(f"{member.detail}_{word.upper().replace('-', '_')}")
                yield Statement(call=Call(CIdent("set_bit"), (bit, target)))
        case "text", str(text):
            yield Statement(assign=Assign(target, "=", CString(text)))
        case "object", (str() | model.VmState()) as named:
            name = named.name if isinstance(named, model.VmState) else named
            yield Statement(assign=Assign(target, "=", CCode.join("&", CIdent(name))))
        case _, model.TypeName(type=name):
            macro = CIdent(naming.names(catalog, catalog.types[name]).type_macro)
            yield Statement(assign=Assign(target, "=", macro))
        case _, (bool() | int() | str()) as plain:
            yield Statement(assign=Assign(target, "=", constant(plain)))


def _chain(
    catalog: Catalog,
    type_: model.Type,
    struct: model.Struct,
    member: model.Member,
    chained: model.ChainedHook,
    local: _Locals,
) -> Iterator[Statement]:
    """Take the parent's place and keep its hook in the own class struct."""
    own = catalog.class_struct(type_)
    assert own is not None
    hook = CIdent(chained.hook)
    if member.holds == "legacy_reset" and not catalog.profile.facts.parent_reset_setter:
        resettable = local.class_(catalog.structs["ResettableClass"])
        kept = CCode.join("&", local.class_(own), "->", CIdent(chained.parent))
        hold = _hold_name(type_)
        arguments = (resettable, CCode("NULL"), hold, CCode("NULL"), kept)
        yield Statement(call=Call(CIdent("resettable_class_set_parent_phases"), arguments))
        return
    this = local.class_(struct)
    if struct.name == "DeviceClass" and member.name in ("realize", "unrealize", "reset"):
        kept = CCode.join("&", local.class_(own), "->", CIdent(chained.parent))
        yield Statement(
            call=Call(CIdent(f"device_class_set_parent_{member.name}"), (this, hook, kept))
        )
        return
    target = CCode.join(this, "->", CPath(member.name))
    yield Statement(
        assign=Assign(CCode.join(local.class_(own), "->", CIdent(chained.parent)), "=", target)
    )
    yield Statement(assign=Assign(target, "=", hook))


def _hold_name(type_: model.Type) -> CIdent:
    return CIdent(
        f"{(type_.c.stem or re.sub(r'[^A-Za-z0-9]', '_', type_.name)).lower()}_legacy_reset_hold"
    )


def _chained_hooks(
    catalog: Catalog, type_: model.Type
) -> Iterator[tuple[model.Struct, model.Member, model.ChainedHook]]:
    steps: Sequence[model.Step] = (type_.class_init.steps or ()) if type_.class_init else ()
    for step in steps:
        if isinstance(step.action, model.MembersStep):
            struct = catalog.class_structs(type_)[step.action.struct]
            for value in step.action.values:
                member = struct.member(value.member)
                if isinstance(value.value, model.ChainedHook) and member is not None:
                    yield struct, member, value.value


def phase_functions(catalog: Catalog, type_: model.Type) -> tuple[PhaseFunction, ...]:
    """The hold phase that a chained legacy reset needs where resets are chained by phases."""
    if catalog.profile.facts.parent_reset_setter:
        return ()
    device = CCode("DEVICE(obj)")
    return tuple(
        PhaseFunction(
            clayout.signature(_hold_name(type_), ("Object *obj", "ResetType type")),
            Call(CIdent(chained.hook), (device,)),
        )
        for _, member, chained in _chained_hooks(catalog, type_)
        if member.holds == "legacy_reset"
    )


def parent_calls(catalog: Catalog, type_: model.Type) -> tuple[ParentCall, ...]:
    """For each hook that chains: a function to call the parent's, with one prototype for all series."""
    found = []
    names = naming.names(catalog, type_)
    own = catalog.class_struct(type_)
    for _, member, chained in _chained_hooks(catalog, type_):
        if member.prototype is None or member.prototype.function is None or own is None:
            continue
        parameters = member.prototype.function
        arguments = [CIdent(each.name or f"arg{index}") for index, each in enumerate(parameters)]
        listed = [
            each.ctype.declare(str(name)) for each, name in zip(parameters, arguments, strict=True)
        ]
        local = own.local or initials(own.name)
        while local in map(str, arguments):
            local += "2"
        of_class = Cast(
            CIdent(own.name), CIdent(local), CIdent(f"{names.upper}_GET_CLASS"), arguments[0]
        )
        hook = CCode.join(of_class.local, "->", CIdent(chained.parent))
        passed: tuple[Encoded, ...] = tuple(arguments)
        if member.holds == "legacy_reset" and not catalog.profile.facts.parent_reset_setter:
            hook = CCode.join(hook, ".hold")
            passed = (CCode.join("OBJECT(", arguments[0], ")"), CIdent("RESET_TYPE_COLD"))
        returns = f"{member.prototype.base} {member.prototype.stars}".rstrip()
        name = CIdent(f"{names.stem}_parent_{member.name.replace('.', '_')}")
        found.append(
            ParentCall(
                signature=clayout.signature(name, listed, f"inline {returns}"),
                class_=of_class,
                field=CIdent(chained.parent),
                hook=hook,
                call=Call(hook, passed),
                is_void=returns == "void",
            )
        )
    return tuple(found)


def kept_hook_declaration(catalog: Catalog, type_: model.Type, kept: model.Field) -> str:
    """The declaration of a class-struct field that keeps the parent's hook; its type follows from the member."""
    struct_name, _, member_name = (kept.hook or "").partition(".")
    struct = catalog.class_structs(type_).get(struct_name)
    member = struct.member(member_name) if struct else None
    if (
        member is not None
        and member.holds == "legacy_reset"
        and not catalog.profile.facts.parent_reset_setter
    ):
        return f"ResettablePhases {CIdent(kept.name)}"
    assert member is not None
    assert member.prototype is not None
    return member.prototype.declare(str(CIdent(kept.name)))


# instance_init, accessors


def instance_init(type_: model.Type) -> model.Function | None:
    """The instance_init of `type_`; a bootindex property alone asks for one."""
    if type_.instance_init is None and any(each.kind == "bootindex" for each in type_.properties):
        return model.Function(type_.span, None, ())
    return type_.instance_init


def instance_function(
    catalog: Catalog, type_: model.Type, steps: Sequence[model.Step], *, is_init: bool = False
) -> Body:
    """The body of a function that works on an instance; `is_init`: it also adds the bootindex property."""
    local = _Locals(catalog, type_, "obj")
    rows: list[Guarded[Statement]] = []
    all_steps = list(steps)
    bootindex = next((each for each in type_.properties if each.kind == "bootindex"), None)
    if is_init and bootindex is not None and "bootindex" not in type_.written_places:
        all_steps.insert(0, model.Step(model.PlaceStep("bootindex"), type_.span))
    for step in all_steps:
        comment = CComment(step.doc) if step.doc else None
        for item in _instance_step(step, bootindex, local):
            rows.append(Guarded(step.guard, Statement(comment, item.call, item.assign)))
            comment = None
    return Body(local.casts(), grouped(rows))


def _instance_step(
    step: model.Step,
    bootindex: model.Property | None,
    local: _Locals,
) -> Iterator[Statement]:
    match step.action:
        case model.AssignStep(values=values, bits=bits):
            this = local.instance(step.in_type)
            for path, value, _ in values:
                target = CCode.join(this, "->", CPath(path))
                yield Statement(assign=Assign(target, "|=" if bits else "=", constant(value)))
        case model.CallStep():
            yield Statement(call=_call(step, local))
        case model.PlaceStep(what="bootindex") if bootindex is not None:
            field_ = CCode.join(
                "&", local.instance(bootindex.in_type), "->", CPath(bootindex.field or "")
            )
            suffix: Encoded = CString(bootindex.suffix) if bootindex.suffix else CCode("NULL")
            device: Encoded = CCode("DEVICE(obj)")
            if bootindex.device is not None:
                device = _argument(bootindex.device, None, local)
            arguments = (CIdent("obj"), field_, CString(bootindex.name), suffix, device)
            yield Statement(call=Call(CIdent("device_add_bootindex_property"), arguments))


def _call(step: model.Step, local: _Locals) -> Call:
    assert isinstance(step.action, model.CallStep)
    arguments = (_argument(each, step.in_type, local) for each in step.action.arguments)
    return Call(CIdent(step.action.function), tuple(arguments))


def _argument(
    argument: model.Argument,
    in_type: str | None,
    local: _Locals,
) -> Encoded:
    catalog = local.catalog
    where = argument.in_type or in_type
    text = str(argument.value)
    match argument.form:
        case "field":
            return CCode.join("&", local.instance(where), "->", CPath(text))
        case "value":
            return CCode.join(local.instance(where), "->", CPath(text))
        case "object":
            return CCode.join("&", CIdent(text))
        case "self":
            target = catalog.types[text]
            struct = catalog.instance_struct(target)
            macro = (struct.cast if struct else None) or naming.names(
                catalog, catalog.struct_owner(target)
            ).upper
            return CCode.join(CIdent(macro), "(", local.instance(where), ")")
        case "type_name":
            return CIdent(naming.names(catalog, catalog.types[text]).type_macro)
        case "text":
            return CString(text)
    return constant(argument.value)


# Registration


def info_copies(catalog: Catalog, type_: model.Type) -> tuple[InfoCopy, ...]:
    """The PropertyInfos that registration derives for `type_`."""
    found = []
    for prop in type_.properties:
        if not isinstance(prop.info, model.PropertyInfoCopy):
            continue
        copy = prop.info
        name = CIdent(copy.name)
        members = []
        if copy.description is not None:
            members.append(Assign(CCode.join(name, ".description"), "=", CString(copy.description)))
        if copy.realized_set_allowed:
            members.append(Assign(CCode.join(name, ".realized_set_allowed"), "=", CCode("true")))
        base = catalog.kinds[prop.kind].info or ""
        comment = CComment(copy.doc) if copy.doc else None
        guard = guard_view(prop.guard) if prop.guard else None
        found.append(InfoCopy(name, CIdent(base), comment, tuple(members), guard))
    return tuple(found)
