# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the C templates print of one unit in one QEMU series: all decisions made, every text encoded.

Statements are built in `qomgen.cbody`; this module puts types, structs and units together.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from qomgen import cbody, clayout, model, naming
from qomgen.catalog import Catalog
from qomgen.cbody import Body, Group, Guarded, grouped
from qomgen.clayout import Call
from qomgen.encode import CCode, CComment, CHeader, CIdent, CNumber, CString, Encoded, License
from qomgen.profile import Facts, Kind


@dataclass(frozen=True, slots=True)
class FlagView:
    """A bit of a field: the macros NAME_BIT and NAME."""

    bit: CCode
    mask: CCode


@dataclass(frozen=True, slots=True)
class FieldView:
    """A field of a struct."""

    declaration: CCode
    comment: CComment | None
    flags: tuple[FlagView, ...]


@dataclass(frozen=True, slots=True)
class StructView:
    """A struct that is printed."""

    name: CIdent
    comment: CComment | None
    groups: tuple[Group[FieldView], ...]
    typedef: bool


@dataclass(frozen=True, slots=True)
class HeaderType:
    """What the .h.inc holds of one type."""

    type_macro: CIdent | None
    name: CString
    declare: Call | None
    structs: tuple[StructView, ...]
    inlines: tuple[cbody.ParentCall, ...]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is printed."""
        return not (self.type_macro or self.declare or self.structs or self.inlines)


@dataclass(frozen=True, slots=True)
class Setter:
    """A generated setter of a class property."""

    name: CIdent
    signature: CCode
    body: Body
    guard: cbody.GuardView | None


@dataclass(frozen=True, slots=True)
class InitFunction:
    """instance_init and its kin, made of steps."""

    name: CIdent
    body: Body


@dataclass(frozen=True, slots=True)
class TypeView:
    """What the .c.inc holds of one type."""

    name: CString
    info: CIdent
    type_macro: CIdent
    defines_macro: bool
    """Nobody else needs the macro of the type's name: it stands in the .c.inc."""
    parent_macro: CIdent
    abstract: bool
    instance_size: CIdent | None
    class_size: CIdent | None
    class_init: CIdent | None
    class_init_signature: CCode | None
    class_base_init: CIdent | None
    instance_init: CIdent | None
    instance_post_init: CIdent | None
    instance_finalize: CIdent | None
    interfaces: tuple[CIdent, ...]
    property_infos: tuple[cbody.InfoCopy, ...]
    inits: tuple[InitFunction, ...]
    table: CIdent | None
    entries: tuple[Group[Call], ...]
    setters: tuple[Setter, ...]
    vmstates: tuple[CIdent, ...]
    phases: tuple[cbody.PhaseFunction, ...]
    class_init_body: Body | None
    define: Call | None
    """Of registration by macro: the OBJECT_DEFINE_* use."""


@dataclass(frozen=True, slots=True)
class UnitView:
    """One .c.inc and its .h.inc."""

    name: CComment
    series: CComment
    facts: Facts
    license: License
    title: CComment
    doc: CComment | None
    needs: CComment | None
    """What the file that includes the .c.inc has included before."""
    home: CComment | None
    """Where the .h.inc belongs."""
    types: tuple[TypeView, ...]
    header_types: tuple[HeaderType, ...]
    register: CIdent | None
    array: CIdent | None
    infos: tuple[cbody.InfoCopy, ...]

    def without_header(self) -> UnitView:
        """What the .c.inc prints."""
        return dataclasses.replace(self, header_types=(), home=None)

    def header_alone(self) -> UnitView:
        """What the .h.inc prints."""
        return dataclasses.replace(self, types=(), needs=None, register=None, array=None, infos=())

    @property
    def has_header(self) -> bool:
        """Whether there is anything for a .h.inc."""
        return not all(each.is_empty for each in self.header_types)


def unit_view(catalog: Catalog, unit: model.Unit) -> UnitView | None:
    """The view of `unit`, or None if none of its types exists in the series or wants C."""
    types = [catalog.types[name] for name, _ in unit.types if name in catalog.types]
    types = [each for each in types if "c" in each.targets and not each.provided]
    if not types:
        return None
    licenses = dict.fromkeys(
        [unit.license] if unit.license else [each.license or "" for each in types]
    )
    views = tuple(_type(catalog, unit, each) for each in types)
    form = unit.registration.form
    register = unit.registration.name or naming.names(catalog, types[0]).register
    plural = "types" if len(types) > 1 else "type"
    listed = " and ".join(
        filter(None, [", ".join(each.name for each in types[:-1]), types[-1].name])
    )
    return UnitView(
        name=CComment(unit.name),
        series=CComment(str(catalog.series)),
        facts=catalog.profile.facts,
        license=License(" AND ".join(licenses)),
        title=CComment(f"QOM {plural} {listed}, for QEMU {catalog.series}"),
        doc=CComment(unit.doc) if unit.doc else None,
        needs=_needs(catalog, unit),
        home=_home(catalog, unit, types),
        types=views,
        header_types=tuple(_header(catalog, each) for each in types),
        register=CIdent(register) if form == "function" else None,
        array=CIdent(unit.registration.name or "types") if form == "array" else None,
        infos=tuple(info for view in views for info in view.property_infos),
    )


def _needs(catalog: Catalog, unit: model.Unit) -> CComment | None:
    """A sentence on what the including file must have included."""
    names = []
    for include in unit.includes:
        if include.form == "config_devices":
            names.append("CONFIG_DEVICES")
        elif include.form == "local":
            names.append(f'"{CHeader(include.path)}"')
        else:
            names.append(str(CHeader(catalog.profile.header(include.path))))
    source = f"Included by {unit.source}" if unit.source else "To be included"
    if not names:
        return CComment(f"{source}.") if unit.source else None
    return CComment(f"{source}, which includes before: {', '.join(names)}.")


def _home(catalog: Catalog, unit: model.Unit, types: Sequence[model.Type]) -> CComment | None:
    """A sentence on which header includes the .h.inc."""
    structs = [
        catalog.structs.get(name or "")
        for each in types
        for name in (each.instance_struct, each.class_struct)
    ]
    named = [struct.header for struct in structs if struct is not None and not struct.provided]
    named += [each.c.header for each in types]
    headers = [
        str(CHeader(catalog.profile.header(name)))
        for name in dict.fromkeys(filter(None, named))
        if name
    ]
    if headers:
        return CComment(f"Included by {' and '.join(headers)}.")
    return CComment(f"Included by {unit.source}, before its hooks.") if unit.source else None


# Structs


def _header(catalog: Catalog, type_: model.Type) -> HeaderType:
    names = naming.names(catalog, type_)
    instance, class_ = catalog.structs.get(type_.instance_struct or ""), catalog.structs.get(
        type_.class_struct or ""
    )
    own_instance = (
        instance is not None and catalog.struct_owner(type_) is type_ and not instance.provided
    )
    own_class = class_ is not None and catalog.class_owner(type_) is type_ and not class_.provided
    given = type_.c.given
    in_header = "type_macro" not in given and _has_header(catalog, type_)
    declare = None
    if "cast_macro" not in given:
        upper = CIdent(names.upper)
        if own_instance and own_class and instance and class_:
            arguments = (CIdent(instance.name), CIdent(class_.name), upper)
            declare = Call(CIdent("OBJECT_DECLARE_TYPE"), arguments)
        elif own_instance and instance:
            declare = Call(CIdent("OBJECT_DECLARE_SIMPLE_TYPE"), (CIdent(instance.name), upper))
        elif own_class and class_:
            arguments = (CIdent(class_.name), upper, CIdent(names.type_macro))
            declare = Call(CIdent("DECLARE_CLASS_CHECKERS"), arguments)
    printed = []
    # A class struct without OBJECT_DECLARE_TYPE has no typedef yet.
    if own_instance and instance and "struct" not in given:
        printed.append(_struct(catalog, type_, instance, typedef=type_.c.typedef))
    if own_class and class_ and "class_struct" not in given:
        printed.append(_struct(catalog, type_, class_, typedef=type_.c.typedef or not own_instance))
    return HeaderType(
        type_macro=CIdent(names.type_macro) if in_header else None,
        name=CString(type_.name),
        declare=declare,
        structs=tuple(printed),
        inlines=cbody.parent_calls(catalog, type_),
    )


def _has_header(catalog: Catalog, type_: model.Type) -> bool:
    """Whether others see the type: it has a struct of its own, or a header is named for it."""
    if type_.c.header is not None:
        return True
    structs = (
        catalog.structs.get(name) for name in (type_.instance_struct, type_.class_struct) if name
    )
    owners = (catalog.struct_owner(type_), catalog.class_owner(type_))
    return any(struct is not None and not struct.provided for struct in structs) and type_ in owners


def _struct(
    catalog: Catalog, type_: model.Type, struct: model.Struct, *, typedef: bool
) -> StructView:
    rows = [Guarded(field.guard, _field(catalog, type_, field)) for field in struct.fields]
    return StructView(
        CIdent(struct.name), CComment(struct.doc) if struct.doc else None, grouped(rows), typedef
    )


def _field(catalog: Catalog, type_: model.Type, field: model.Field) -> FieldView:
    CIdent(field.name)
    if field.hook is not None:
        text = cbody.kept_hook_declaration(catalog, type_, field)
    else:
        text = field.ctype.declare(field.name)
    if field.bits is not None:
        text += f":{field.bits}"
    flags = tuple(_flag(name, bit) for name, bit in field.flags)
    # The declaration is printed from the parse of ctype's grammar, not copied from the spec.
    return FieldView(CCode(text), CComment(field.doc) if field.doc else None, flags)


def _flag(name: str, bit: int) -> FlagView:
    number = CIdent(f"{name}_BIT")
    mask = CCode.join("(1 << ", number, ")")
    return FlagView(clayout.define(number, CNumber(bit)), clayout.define(CIdent(name), mask))


# Types


def _type(catalog: Catalog, unit: model.Unit, type_: model.Type) -> TypeView:
    names = naming.names(catalog, type_)
    parent = catalog.types[type_.parent or ""]
    by_macro = unit.registration.form == "macro"
    class_init = cbody.class_init(catalog, type_)
    inits = []
    instance_init = cbody.instance_init(type_)
    for function, name in (
        (instance_init, names.instance_init),
        (type_.instance_post_init, names.instance_post_init),
        (type_.instance_finalize, names.instance_finalize),
    ):
        if function is not None and function.steps is not None:
            is_init = function is instance_init
            body = cbody.instance_function(catalog, type_, function.steps, is_init=is_init)
            inits.append(InitFunction(CIdent(name), body))
    entries = _entries(catalog, type_)
    class_init_name = None
    if class_init is not None or type_.class_init is not None:
        class_init_name = CIdent(names.class_init)
    return TypeView(
        name=CString(type_.name),
        info=CIdent(names.info),
        defines_macro="type_macro" not in type_.c.given and not _has_header(catalog, type_),
        type_macro=CIdent(names.type_macro),
        parent_macro=CIdent(naming.names(catalog, parent).type_macro),
        abstract=type_.abstract,
        instance_size=CIdent(type_.instance_struct) if type_.instance_struct else None,
        class_size=CIdent(type_.class_struct) if type_.class_struct else None,
        class_init=class_init_name,
        class_init_signature=_class_init_signature(catalog, class_init_name),
        class_base_init=CIdent(type_.class_base_init) if type_.class_base_init else None,
        instance_init=CIdent(names.instance_init) if instance_init else None,
        instance_post_init=CIdent(names.instance_post_init) if type_.instance_post_init else None,
        instance_finalize=CIdent(names.instance_finalize) if type_.instance_finalize else None,
        interfaces=tuple(
            CIdent(naming.names(catalog, catalog.types[name]).type_macro)
            for name, _ in type_.interfaces
        ),
        property_infos=cbody.info_copies(catalog, type_),
        inits=tuple(inits),
        table=CIdent(names.properties) if entries else None,
        entries=entries,
        setters=_setters(catalog, type_),
        vmstates=_vmstates(type_),
        phases=cbody.phase_functions(catalog, type_),
        class_init_body=class_init,
        define=_define(catalog, type_, names) if by_macro else None,
    )


def _class_init_signature(catalog: Catalog, name: CIdent | None) -> CCode | None:
    data = "const void *data" if catalog.profile.facts.const_class_data else "void *data"
    return clayout.signature(name, ("ObjectClass *klass", data)) if name else None


def _define(catalog: Catalog, type_: model.Type, names: naming.Names) -> Call:
    """The OBJECT_DEFINE_* macro that fits: with or without interfaces, abstract or not (include/qom/object.h)."""
    parent = naming.names(catalog, catalog.types[type_.parent or ""]).type_macro.removeprefix(
        "TYPE_"
    )
    struct = catalog.instance_struct(type_)
    arguments: list[Encoded] = [
        CIdent(struct.name if struct else ""),
        CIdent(names.stem),
        CIdent(names.upper),
    ]
    arguments.append(CIdent(parent))
    macro = "OBJECT_DEFINE_ABSTRACT_TYPE" if type_.abstract else "OBJECT_DEFINE_TYPE"
    if type_.interfaces:
        macro = "OBJECT_DEFINE_TYPE_WITH_INTERFACES"
        macros = [
            naming.names(catalog, catalog.types[name]).type_macro for name, _ in type_.interfaces
        ]
        arguments.extend(CCode.join("{ ", CIdent(name), " }") for name in macros)
        arguments.append(CCode("{ }"))
    return Call(CIdent(macro), tuple(arguments))


def _vmstates(type_: model.Type) -> tuple[CIdent, ...]:
    steps: Sequence[model.Step] = (type_.class_init.steps or ()) if type_.class_init else ()
    actions = [step.action for step in steps if isinstance(step.action, model.MembersStep)]
    values = [value.value for action in actions for value in action.values]
    return tuple(CIdent(value.name) for value in values if isinstance(value, model.VmState))


def _setters(catalog: Catalog, type_: model.Type) -> tuple[Setter, ...]:
    found = []
    for each in type_.class_properties:
        if each.set is not None and each.set.steps is not None and each.set.name is not None:
            value = "bool value" if each.kind == "bool" else "const char *value"
            name = CIdent(each.set.name)
            signature = clayout.signature(name, ("Object *obj", value, "Error **errp"))
            body = cbody.instance_function(catalog, type_, each.set.steps)
            guard = cbody.guard_view(each.guard) if each.guard else None
            found.append(Setter(name, signature, body, guard))
    return tuple(found)


def _entries(catalog: Catalog, type_: model.Type) -> tuple[Group[Call], ...]:
    rows = []
    for prop in type_.properties:
        kind = catalog.kinds[prop.kind]
        if kind.in_table:
            rows.append(Guarded(prop.guard, _entry(catalog, type_, prop, kind)))
    return grouped(rows)


def _entry(catalog: Catalog, type_: model.Type, prop: model.Property, kind: Kind) -> Call:
    owner = catalog.types[prop.in_type] if prop.in_type else type_
    struct = catalog.instance_struct(owner)
    first: list[Encoded] = [CString(prop.name), CIdent(struct.name if struct else "")]
    first.append(cbody.field_path(prop.field or ""))
    if prop.info is not None and "info" not in kind.then:
        name = prop.info.name if isinstance(prop.info, model.PropertyInfoCopy) else prop.info
        ctype = str(kind.field) if kind.field else ""
        spelled: list[Encoded] = [CIdent(name), CCode(ctype)]
        if prop.bit is not None:
            spelled.append(CCode.join(".bitnr = ", cbody.constant(prop.bit)))
        if prop.default is not None:
            value = cbody.default(catalog, prop, kind)
            spelled += [
                CCode(".set_default = true"),
                CCode.join(f".defval.{kind.defval} = ", value),
            ]
        return Call(CIdent("DEFINE_PROP"), (*first, *spelled))
    return Call(CIdent(kind.macro or ""), (*first, *_then(catalog, prop, kind)))


def _then(catalog: Catalog, prop: model.Property, kind: Kind) -> Iterable[Encoded]:
    """What follows the field in a DEFINE_PROP_* macro."""
    for word in kind.then:
        match word:
            case "default":
                yield cbody.default(catalog, prop, kind)
            case "bit":
                yield cbody.constant(prop.bit if prop.bit is not None else 0)
            case "target":
                yield CIdent(naming.names(catalog, catalog.types[prop.target or ""]).type_macro)
            case "pointer":
                struct = catalog.instance_struct(catalog.types[prop.target or ""])
                yield CCode.join(CIdent(struct.name if struct else ""), " *")
            case "info":
                yield CIdent(str(prop.info))
            case "type":
                yield CCode(str(prop.ctype))
