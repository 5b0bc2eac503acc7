# SPDX-License-Identifier: GPL-2.0-or-later
"""Function bodies of the Python target: the steps of one series as statements, with the imports they need."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from qomgen import cbody, model, naming
from qomgen.catalog import Catalog, FieldPath
from qomgen.checks import hooks
from qomgen.checks.hooks import Needed
from qomgen.encode import Encoded, PyCode, PyIdent, PyNumber, PyStr
from qomgen.pysource import HookFinder, HookRef
from qomgen.source import Hex

QOM = "pyqom"
"""The package that generated modules stand on."""


@dataclass(slots=True)
class Imports:
    """What a module imports, as its parts ask for it."""

    names: dict[str, set[str]] = field(default_factory=dict)
    """By module, the names taken from it; a name of "" is the module itself."""

    def name(self, module: str, name: str) -> PyIdent:
        """Import `name` from `module`."""
        self.names.setdefault(module, set()).add(name)
        return PyIdent(name)

    def qom(self, name: str) -> PyIdent:
        """Import `name` from pyqom."""
        return self.name(QOM, name)

    def module(self, name: str) -> PyCode:
        """Import a module; how its name is written in code."""
        package, _, last = name.rpartition(".")
        if package:
            self.name(package, last)
        else:
            self.names.setdefault(name, set()).add("")
        return PyCode.join(PyIdent(last))


@dataclass(slots=True)
class Scope:
    """What the parts of one module share while they are written for one series."""

    catalog: Catalog
    type_: model.Type
    finder: HookFinder
    imports: Imports
    constants: dict[str, int]
    structs: dict[str, str]
    """The module of each generated struct, relative to the package: `.vfio_pci`; "" for this module."""

    @property
    def hooks_module(self) -> str:
        """The module that has the type's hooks."""
        return hooks.hooks_module(self.catalog, self.type_)

    def hook(self, need: Needed) -> PyCode:
        """A reference to a hook or helper."""
        ref = hooks.find(self.finder, self.hooks_module, need)
        assert ref is not None, f"{need.name} was checked to exist"
        return self.reference(ref)

    def reference(self, ref: HookRef) -> PyCode:
        """A reference to something hand-written: qualified if it is in the hooks module, else imported by name."""
        if ref.module == self.hooks_module:
            return PyCode.join(self.imports.module(ref.module), ".", PyIdent(ref.name))
        return PyCode.join(self.imports.name(ref.module, ref.name))

    def struct(self, struct: model.Struct) -> PyIdent:
        """The Python class of a struct."""
        if struct.python is not None:
            module, _, name = struct.python.rpartition(".")
            return self.imports.name(module, name)
        home = self.structs.get(struct.name, QOM)
        return PyIdent(struct.name) if home == "" else self.imports.name(home, struct.name)

    def constant(self, value: model.Constant) -> Encoded:
        """A constant: a literal, or the name of a constant that the module then defines."""
        if isinstance(value, bool):
            return PyCode("True" if value else "False")
        if isinstance(value, int):
            return PyNumber(value, hexadecimal=isinstance(value, Hex))
        number = self.catalog.constant(value)
        assert number is not None, f"{value} was checked to exist"
        self.constants[value] = number
        return PyIdent(value)


@dataclass(frozen=True, slots=True)
class Local:
    """A local variable: the object or class seen as one of its types."""

    rank: int
    """Distance from the leaf."""
    name: str
    text: PyCode


@dataclass(slots=True)
class Body:
    """The statements of one function in one series."""

    scope: Scope
    of: str
    locals: dict[str, Local] = field(default_factory=dict)
    statements: list[PyCode] = field(default_factory=list)

    def _local(self, struct: str, name: str, value: PyCode, owner: model.Type) -> PyIdent:
        if struct not in self.locals:
            taken = {each.name for each in self.locals.values()} | {"obj", "klass", "value"}
            taken |= {self.scope.hooks_module.rpartition(".")[2]}
            unique, count = name, 2
            while unique in taken:
                unique, count = f"{name}{count}", count + 1
            ranks = [each.name for each in self.scope.catalog.chain(self.scope.type_)]
            rank = ranks.index(owner.name) if owner.name in ranks else 0
            self.locals[struct] = Local(rank, unique, PyCode.join(PyIdent(unique), " = ", value))
        return PyIdent(self.locals[struct].name)

    def _cast(self, check: str, type_: model.Type, struct: model.Struct) -> PyCode:
        imports = self.scope.imports
        if struct.provided and struct.cast is not None and struct.python is None:
            return PyCode.join(imports.qom(struct.cast), f"({self.of})")
        class_ = self.scope.struct(struct)
        return PyCode.join(
            imports.qom(check), f"({self.of}, ", PyStr(type_.name), ", ", class_, ")"
        )

    def instance(self, in_type: str | None) -> PyIdent:
        """The object as the type itself, or as the ancestor `in_type`."""
        catalog, type_ = self.scope.catalog, self.scope.type_
        seen_as = catalog.types[in_type] if in_type else type_
        struct = catalog.instance_struct(seen_as)
        assert struct is not None
        name = struct.local or ("s" if seen_as is type_ else cbody.initials(struct.name))
        value = self._cast("object_check", seen_as, struct)
        return self._local(struct.name, name, value, catalog.struct_owner(seen_as))

    def class_(self, struct: model.Struct) -> PyIdent:
        """The class as `struct`."""
        catalog, type_ = self.scope.catalog, self.scope.type_
        owner = next(
            (each for each in catalog.chain(type_) if each.class_struct == struct.name), type_
        )
        value = self._cast("object_class_check", owner, struct)
        return self._local(struct.name, struct.local or cbody.initials(struct.name), value, owner)

    def add(self, *parts: str | Encoded) -> None:
        """Add a statement."""
        self.statements.append(PyCode.join(*parts))


def class_init(scope: Scope) -> Body | None:
    """class_init in one series; None if it is written by hand, or if there is none."""
    type_ = scope.type_
    function = type_.class_init
    if function is not None and function.steps is None:
        return None
    if function is None and not type_.properties and not type_.class_properties:
        return None
    body = Body(scope, "klass")
    steps = function.steps or () if function else ()
    for step in cbody.with_places(scope.catalog, type_, steps):
        if step.guard is None or not step.guard.negated:
            _class_step(body, step)
    return body


def _class_step(body: Body, step: model.Step) -> None:
    scope = body.scope
    catalog, type_ = scope.catalog, scope.type_
    table = PyIdent(table_name(type_))
    match step.action:
        case model.PlaceStep(what="properties"):
            if cbody.table_rows(catalog, type_):
                device = body.class_(catalog.structs["DeviceClass"])
                body.add(scope.imports.qom("device_class_set_props"), "(", device, ", ", table, ")")
        case model.PlaceStep(what="class_properties"):
            for each in type_.class_properties:
                _class_property(body, each)
        case model.DescriptionsStep():
            # One call for all of the table: the order in which they are set shows nowhere.
            if any(each.description for each in type_.properties):
                body.add(
                    scope.imports.qom("object_class_property_set_descriptions"),
                    "(klass, ",
                    table,
                    ")",
                )
            for each in type_.class_properties:
                if each.description is not None:
                    setter = scope.imports.qom("object_class_property_set_description")
                    body.add(
                        setter, "(klass, ", PyStr(each.name), ", ", PyStr(each.description), ")"
                    )
        case model.MembersStep():
            struct = catalog.class_structs(type_)[step.action.struct]
            for value in step.action.values:
                _member(body, struct, value)
        case model.CallStep():
            _call(body, step)


def table_name(type_: model.Type) -> str:
    """The Python name of a property table."""
    return f"{naming.python_module(type_.name).upper()}_PROPERTIES"


def _class_property(body: Body, each: model.ClassProperty) -> None:
    scope = body.scope

    def accessor(function: model.Function | None, arguments: int) -> Encoded:
        if function is None:
            return PyCode("None")
        if function.steps is not None:
            return PyIdent(function.name or "")
        what = f"accessor of '{each.name}'"
        return scope.hook(Needed(what, function.name or "", function.span, arguments, named=True))

    get, set_ = accessor(each.get, 1), accessor(each.set, 2)
    name = PyStr(each.name)
    if each.kind in ("str", "bool"):
        add = scope.imports.qom(f"object_class_property_add_{each.kind}")
        body.add(add, "(klass, ", name, ", ", get, ", ", set_, ")")
    else:
        suffix = "_enum" if each.kind == "enum" else ""
        add = scope.imports.qom(f"object_class_property_add{suffix}")
        body.add(
            add, "(klass, ", name, ", ", PyStr(each.qom_type or ""), ", ", get, ", ", set_, ")"
        )


def _member(body: Body, struct: model.Struct, value: model.MemberValue) -> None:
    scope = body.scope
    catalog = scope.catalog
    member = struct.member(value.member)
    assert member is not None
    target = PyCode.join(*_dotted(value.member))
    given = value.value
    if member.holds in ("function", "legacy_reset"):
        count = hooks.expected_arguments(member.prototype)
        need = Needed(struct.name, hooks.hook_name(member.name), value.value_span, count)
        hook = scope.hook(need)
        if isinstance(given, model.ChainedHook):
            _chain(body, struct, member, given, hook)
        elif member.holds == "legacy_reset":
            body.add(
                scope.imports.qom("device_class_set_legacy_reset"),
                "(",
                body.class_(struct),
                ", ",
                hook,
                ")",
            )
        else:
            body.add(body.class_(struct), ".", target, " = ", hook)
        return
    this = body.class_(struct)
    match member.holds, given:
        case "set", tuple(words):
            inside = ", ".join(str(PyStr(word)) for word in words)
            body.add(this, ".", target, " |= {", PyCode(inside), "}")
        case "text", str(text):
            body.add(this, ".", target, " = ", PyStr(text))
        case "object", model.VmState():
            state = scope.imports.qom("VMStateDescription")
            body.add(
                this,
                ".",
                target,
                " = ",
                state,
                "(",
                PyStr(scope.type_.name),
                ", unmigratable=True)",
            )
        case "object", str(name):
            need = Needed(struct.name, name, value.value_span, None, named=True, value=True)
            body.add(this, ".", target, " = ", scope.hook(need))
        case _, model.TypeName(type=name):
            body.add(this, ".", target, " = ", PyStr(catalog.types[name].name))
        case _, (bool() | int() | str()) as plain:
            body.add(this, ".", target, " = ", scope.constant(plain))


def _dotted(path: str) -> Iterator[str | Encoded]:
    for index, part in enumerate(path.split(".")):
        if index:
            yield "."
        yield PyIdent(part)


def _chain(
    body: Body, struct: model.Struct, member: model.Member, chained: model.ChainedHook, hook: PyCode
) -> None:
    own = body.scope.catalog.class_struct(body.scope.type_)
    assert own is not None
    this = body.class_(struct)
    kept = PyCode.join(body.class_(own), ".", PyIdent(chained.parent))
    if struct.name == "DeviceClass" and member.name in ("realize", "unrealize", "reset"):
        setter = body.scope.imports.qom(f"device_class_set_parent_{member.name}")
        body.add(kept, " = ", setter, "(", this, ", ", hook, ")")
        return
    target = PyCode.join(this, ".", *_dotted(member.name))
    body.add(kept, " = ", target)
    body.add(target, " = ", hook)


def instance_function(scope: Scope, steps: Sequence[model.Step], *, is_init: bool) -> Body:
    """A function that works on an instance, in one series; `is_init`: it also adds the bootindex property."""
    type_ = scope.type_
    body = Body(scope, "obj")
    bootindex = next((each for each in type_.properties if each.kind == "bootindex"), None)
    all_steps = list(steps)
    if is_init and bootindex is not None and "bootindex" not in type_.written_places:
        all_steps.insert(0, model.Step(model.PlaceStep("bootindex"), type_.span))
    for step in all_steps:
        if step.guard is not None and step.guard.negated:
            continue
        match step.action:
            case model.AssignStep(values=values, bits=bits):
                this = body.instance(step.in_type)
                for path, value, _ in values:
                    operator = " |= " if bits else " = "
                    body.add(this, ".", *_dotted(path), operator, scope.constant(value))
            case model.CallStep():
                _call(body, step)
            case model.PlaceStep(what="bootindex") if bootindex is not None:
                _bootindex(body, bootindex)
    return body


def _bootindex(body: Body, prop: model.Property) -> None:
    adder = body.scope.imports.qom("device_add_bootindex_property")
    suffix = PyStr(prop.suffix) if prop.suffix else PyCode("None")
    this = body.instance(prop.in_type)
    device: Encoded = this
    if prop.device is not None:
        device = _argument(body, prop.device, None)
    path = PyStr(prop.field or "")
    body.add(
        adder, "(obj, ", this, ", ", path, ", ", PyStr(prop.name), ", ", suffix, ", ", device, ")"
    )


def _call(body: Body, step: model.Step) -> None:
    assert isinstance(step.action, model.CallStep)
    passed = [each for each in step.action.arguments if each.value != "errp"]
    name = step.action.function
    need = Needed(f"call of {name}", name, step.span, len(passed), named=True)
    parts: list[str | Encoded] = [body.scope.hook(need), "("]
    for index, argument in enumerate(passed):
        parts += [", "] if index else []
        parts.append(_argument(body, argument, step.in_type))
    body.add(*parts, ")")


def _argument(body: Body, argument: model.Argument, in_type: str | None) -> Encoded:
    scope = body.scope
    where = argument.in_type or in_type
    text = str(argument.value)
    match argument.form:
        case "field" | "value":
            this = body.instance(where)
            path = scope.catalog.property_path(scope.type_, where, text)
            assert isinstance(path, FieldPath)
            if is_embedded_parent(scope.catalog, path):
                # C embeds the parent's struct; in Python the object is its parent too.
                return this
            return PyCode.join(this, ".", *_dotted(text))
        case "object":
            return scope.hook(Needed(text, text, argument.span, None, named=True, value=True))
        case "self":
            return body.instance(where)
        case "type_name" | "text":
            return PyStr(text)
    if argument.value in ("value", "obj", "klass"):
        return PyCode(str(argument.value))
    return scope.constant(argument.value)


def is_embedded_parent(catalog: Catalog, path: FieldPath) -> bool:
    """Whether a path leads to the parent's struct embedded at the beginning of another."""
    return (
        len(path.fields) == 1
        and path.struct.fields[0] is path.field
        and str(path.ctype) in {each.instance_struct for each in catalog.types.values()}
    )
