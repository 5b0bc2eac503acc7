# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the Python templates print of one type, in all QEMU series at once.

Each series is written on its own (`qomgen.pybody`) and then merged: a value that differs becomes a `ByQemu`, a
statement that only some series have stands under `if at_least(...)`.
"""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from qomgen import cbody, merge, model, naming, pybody, pytypes
from qomgen.catalog import Catalog
from qomgen.checks import hooks
from qomgen.encode import Encoded, License, PyCode, PyDoc, PyDotted, PyIdent, PyNumber, PyStr
from qomgen.merge import Interval
from qomgen.pybody import Body, Imports, Scope
from qomgen.pysource import HookFinder, HookRef
from qomgen.series import Series

LITERAL_WIDTH = 96
"""Longest string literal that stays whole, in characters: shorter pieces would be put on one line again."""

TEXT_WIDTH = 76
"""Longest piece of one that does not: indented, it fits black's line."""

_STARTS = {"uuid": "auto"}
"""Kinds whose macro gives a default of its own (DEFINE_PROP_UUID in hw/qdev-properties-system.h)."""


@dataclass(frozen=True, slots=True)
class ImportView:
    """One import statement: `from module import names`, or `import module` without names."""

    module: PyCode
    names: tuple[PyIdent, ...]
    starts_group: bool
    """A blank line stands before it."""


@dataclass(frozen=True, slots=True)
class ConstantView:
    """A constant that the module uses."""

    name: PyIdent
    value: PyNumber


@dataclass(frozen=True, slots=True)
class FieldView:
    """A field of a struct."""

    name: PyIdent
    annotation: PyCode
    zero: PyCode
    comment: PyDoc | None


@dataclass(frozen=True, slots=True)
class StructView:
    """An instance or class struct that the module defines."""

    name: PyIdent
    base: PyIdent
    doc: PyDoc
    fields: tuple[FieldView, ...]


@dataclass(frozen=True, slots=True)
class KeywordView:
    """A keyword argument."""

    name: PyIdent
    value: Encoded


@dataclass(frozen=True, slots=True)
class PropertyView:
    """A row of the property table."""

    name: PyStr
    info: PyCode
    field: PyStr
    keywords: tuple[KeywordView, ...]


@dataclass(frozen=True, slots=True)
class InfoView:
    """A PropertyInfo derived from another."""

    name: PyIdent
    base: PyCode
    keywords: tuple[KeywordView, ...]


@dataclass(frozen=True, slots=True)
class GroupView:
    """Statements under one condition."""

    condition: PyCode | None
    statements: tuple[PyCode, ...]


@dataclass(frozen=True, slots=True)
class FunctionView:
    """A function."""

    name: PyIdent
    parameters: PyCode
    doc: PyDoc
    locals: tuple[PyCode, ...]
    groups: tuple[GroupView, ...]


@dataclass(frozen=True, slots=True)
class ModuleView:
    """One module: one type."""

    license: License
    title: PyDoc
    imports: tuple[ImportView, ...]
    type_constant: PyIdent
    type_name: PyStr
    constants: tuple[ConstantView, ...]
    structs: tuple[StructView, ...]
    infos: tuple[InfoView, ...]
    table: PyIdent | None
    properties: tuple[PropertyView, ...]
    functions: tuple[FunctionView, ...]
    info: PyIdent
    info_keywords: tuple[KeywordView, ...]
    register: PyIdent


class _Writer:
    """Writes the module of one type."""

    def __init__(self, catalogs: Mapping[Series, Catalog], name: str, finder: HookFinder) -> None:
        self.all_series = sorted(catalogs)
        self.catalogs = {
            series: catalog
            for series, catalog in catalogs.items()
            if (type_ := catalog.types.get(name)) is not None and "python" in type_.targets
        }
        self.imports = Imports()
        self.constants: dict[str, int] = {}
        self.module = naming.python_module(name)
        homes = struct_homes(catalogs)
        here = f".{self.module}"
        structs = {struct: "" if home == here else home for struct, home in homes.items()}
        self.scopes = {
            series: Scope(
                catalog, catalog.types[name], finder, self.imports, self.constants, structs
            )
            for series, catalog in self.catalogs.items()
        }
        self.latest = self.scopes[max(self.scopes)]
        self.own_structs = {struct for struct, home in homes.items() if home == here}

    @property
    def types(self) -> dict[Series, model.Type]:
        return {series: scope.type_ for series, scope in self.scopes.items()}

    # Values that vary

    def value(self, values: Mapping[Series, Encoded]) -> Encoded:
        """An expression for values by series: the one value, or a ByQemu."""
        varying = merge.varying(values)
        if varying.constant:
            return varying.value
        rows = ", ".join(f'"{series}": {value}' for series, value in varying.steps)
        return PyCode.join(self.imports.qom("ByQemu"), "({", PyCode(rows), "})")

    def interval(self, interval: Interval) -> list[KeywordView]:
        found = []
        for name, series in (("since", interval.since), ("until", interval.until)):
            if series is not None:
                found.append(KeywordView(PyIdent(name), PyStr(str(series))))
        return found

    def condition(self, interval: Interval) -> PyCode | None:
        """The condition under which a statement of `interval` runs; None: always."""
        if interval == Interval():
            return None
        at_least = self.imports.qom("at_least")
        parts = []
        if interval.since is not None:
            parts.append(f'{at_least}("{interval.since}")')
        if interval.until is not None:
            parts.append(f'not {at_least}("{interval.until}")')
        return PyCode(" and ".join(parts))

    # Structs

    def structs(self) -> tuple[StructView, ...]:
        found = []
        for name in sorted(self.own_structs):
            catalog = next(
                each for each in reversed(list(self.catalogs.values())) if name in each.structs
            )
            struct = catalog.structs[name]
            is_class = any(each.class_struct == name for each in catalog.types.values())
            found.append(
                self._class_struct(catalog, struct) if is_class else self._instance_struct(struct)
            )
        return tuple(found)

    def _instance_struct(self, struct: model.Struct) -> StructView:
        fields: dict[str, FieldView] = {}
        order: dict[Series, list[str]] = {}
        for series, catalog in self.catalogs.items():
            twins = []
            declared = catalog.structs.get(struct.name)
            for field in declared.fields[1:] if declared else ():
                if (twin := pytypes.twin(catalog, field)) is not None:
                    # Of a field whose type changed, the newest series' is printed.
                    fields[field.name] = self._field(field, twin)
                    twins.append(field.name)
            order[series] = twins
        ordered = [name for name, _ in merge.sequences(order, self._own_series(), str)]
        parent = self.latest.catalog.structs[str(struct.fields[0].ctype)]
        doc = PyDoc(struct.doc or f"C's {struct.name}, as far as Python has a twin of it.")
        base = self.latest.struct(parent)
        return StructView(
            PyIdent(struct.name), base, doc, tuple(fields[name] for name in dict.fromkeys(ordered))
        )

    def _field(self, field: model.Field, twin: pytypes.PyType) -> FieldView:
        for ref in twin.imports:
            self.imports.name(ref.module, ref.name)
        if twin.factory is not None:
            zero = PyCode.join("dataclasses.field(default_factory=", PyIdent(twin.factory), ")")
        else:
            zero = PyCode(twin.zero or "None")
        ctype = str(field.ctype)
        comment = PyDoc(ctype) if ctype not in (twin.annotation, "bool") else None
        return FieldView(PyIdent(field.name), PyCode(twin.annotation), zero, comment)

    def _class_struct(self, catalog: Catalog, struct: model.Struct) -> StructView:
        parent = catalog.structs[str(struct.fields[0].ctype)]
        base = self.latest.struct(parent)
        first = PyCode.join("dataclasses.field(default_factory=", base, ")")
        rows = [FieldView(PyIdent(struct.fields[0].name), PyCode.join(base), first, None)]
        for field in struct.fields[1:]:
            if field.hook is not None or field.ctype.is_function:
                self.imports.name("collections.abc", "Callable")
                self.imports.name("typing", "Any")
                annotation, ctype = "Callable[..., Any] | None", field.hook or str(field.ctype)
                rows.append(
                    FieldView(PyIdent(field.name), PyCode(annotation), PyCode("None"), PyDoc(ctype))
                )
            elif (twin := pytypes.twin(catalog, field)) is not None:
                rows.append(self._field(field, twin))
        doc = PyDoc(struct.doc or f"C's {struct.name}.")
        return StructView(PyIdent(struct.name), self.imports.qom("ClassStruct"), doc, tuple(rows))

    # Properties

    def properties(self) -> tuple[PropertyView, ...]:
        tables = {
            series: [
                each
                for each in cbody.table_rows(scope.catalog, scope.type_)
                if each.guard is None or not each.guard.negated
            ]
            for series, scope in self.scopes.items()
        }

        def identity(prop: model.Property) -> tuple[object, ...]:
            # What a Property can't say by series makes it another row.
            return (prop.name, prop.field, prop.bit, prop.target)

        found = []
        for prop, has in merge.sequences(tables, self.all_series, identity):
            rows = {series: self.types[series].property(prop.name) or prop for series in has}
            for interval in merge.intervals(has, self._own_series()):
                within = {series: row for series, row in rows.items() if _covers(interval, series)}
                found.append(self._property(within, interval))
        return tuple(found)

    def _own_series(self) -> list[Series]:
        return [series for series in self.all_series if series in self.scopes]

    def _property(self, rows: Mapping[Series, model.Property], interval: Interval) -> PropertyView:
        newest = rows[max(rows)]
        infos = {series: self._info(series, prop) for series, prop in rows.items()}
        keywords = []
        defaults = {
            series: self._default(series, prop)
            for series, prop in rows.items()
            if prop.default is not None or prop.kind in _STARTS
        }
        if defaults:
            keywords.append(KeywordView(PyIdent("default"), self.value(defaults)))
        if newest.bit is not None:
            keywords.append(KeywordView(PyIdent("bit"), self.latest.constant(newest.bit)))
        if newest.target is not None:
            keywords.append(KeywordView(PyIdent("link_type"), PyStr(newest.target)))
        described = {
            series: _text(prop.description) for series, prop in rows.items() if prop.description
        }
        if described:
            keywords.append(KeywordView(PyIdent("description"), self.value(described)))
        keywords += self.interval(interval)
        info = PyCode.join(self.value(infos))
        return PropertyView(PyStr(newest.name), info, PyStr(newest.field or ""), tuple(keywords))

    def _info(self, series: Series, prop: model.Property) -> Encoded:
        scope = self.scopes[series]
        if isinstance(prop.info, model.PropertyInfoCopy):
            return PyIdent(prop.info.name)
        if isinstance(prop.info, str):
            module, _, name = (scope.catalog.infos[prop.info].python or "").rpartition(".")
            return scope.reference(HookRef(module, name))
        return self.imports.qom(scope.catalog.kinds[prop.kind].info or "")

    def _default(self, series: Series, prop: model.Property) -> Encoded:
        kind = self.scopes[series].catalog.kinds[prop.kind]
        if prop.default is None and prop.kind in _STARTS:
            return PyStr(_STARTS[prop.kind])
        if isinstance(prop.default, str) and isinstance(kind.default, str):
            return PyStr(prop.default)
        return self.scopes[series].constant(prop.default if prop.default is not None else 0)

    def infos(self) -> tuple[InfoView, ...]:
        found: dict[str, InfoView] = {}
        for scope in self.scopes.values():
            for prop in scope.type_.properties:
                if not isinstance(prop.info, model.PropertyInfoCopy):
                    continue
                keywords = []
                if prop.info.realized_set_allowed:
                    keywords.append(KeywordView(PyIdent("realized_set_allowed"), PyCode("True")))
                if prop.info.description is not None:
                    keywords.append(
                        KeywordView(PyIdent("description"), PyStr(prop.info.description))
                    )
                self.imports.qom("derive")
                base = self.imports.qom(scope.catalog.kinds[prop.kind].info or "")
                name = PyIdent(prop.info.name)
                found[prop.info.name] = InfoView(name, PyCode.join(base), tuple(keywords))
        return tuple(found.values())

    # Functions

    def functions(self) -> tuple[tuple[FunctionView, ...], list[KeywordView]]:
        """The functions that the module defines, and the TypeInfo members that name functions."""
        made: list[FunctionView] = []
        members: list[KeywordView] = []
        for name, suffix in (("instance_init", "init"), ("instance_post_init", "post_init"),
                             ("instance_finalize", "finalize")):  # fmt: skip
            self._type_function(name, f"{self.module}_{suffix}", made, members)
        self._setters(made)
        self._class_init(made, members)
        return tuple(made), members

    def _type_function(
        self, key: str, own_name: str, made: list[FunctionView], members: list[KeywordView]
    ) -> None:
        values: dict[Series, Encoded] = {}
        bodies: dict[Series, Body] = {}
        for series, scope in self.scopes.items():
            function: model.Function | None = getattr(scope.type_, key)
            if key == "instance_init":
                function = cbody.instance_init(scope.type_)
            values[series] = PyCode("None")
            if function is not None and function.steps is None:
                values[series] = scope.hook(hooks.Needed(key, key, function.span, 1))
            elif function is not None:
                body = pybody.instance_function(
                    scope, function.steps or (), is_init=key == "instance_init"
                )
                bodies[series] = body
                values[series] = PyIdent(own_name)
        if bodies:
            self.imports.qom("Object")
            doc = f"{key} of {self.latest.type_.name}."
            made.append(self._function(own_name, PyCode("obj: Object"), doc, bodies))
        if any(str(value) != "None" for value in values.values()):
            members.append(KeywordView(PyIdent(key), self.value(values)))

    def _setters(self, made: list[FunctionView]) -> None:
        bodies: dict[str, dict[Series, Body]] = {}
        kinds: dict[str, tuple[str, str]] = {}
        for series, scope in self.scopes.items():
            for each in scope.type_.class_properties:
                if (
                    each.set is not None
                    and each.set.steps is not None
                    and each.set.name is not None
                ):
                    body = pybody.instance_function(scope, each.set.steps, is_init=False)
                    bodies.setdefault(each.set.name, {})[series] = body
                    kinds[each.set.name] = (each.name, "bool" if each.kind == "bool" else "str")
        for name, by_series in bodies.items():
            self.imports.qom("Object")
            prop, annotation = kinds[name]
            parameters = PyCode.join("obj: Object, value: ", PyIdent(annotation))
            # The property is only added in the series that have it: the body needs no condition of its own.
            made.append(
                self._function(name, parameters, f"Setter of '{prop}'.", by_series, within=True)
            )

    def _class_init(self, made: list[FunctionView], members: list[KeywordView]) -> None:
        values: dict[Series, Encoded] = {}
        bodies: dict[Series, Body] = {}
        own_name = f"{self.module}_class_init"
        for series, scope in self.scopes.items():
            values[series] = PyCode("None")
            function = scope.type_.class_init
            if function is not None and function.steps is None:
                values[series] = scope.hook(
                    hooks.Needed("class_init", "class_init", function.span, 1)
                )
            elif (body := pybody.class_init(scope)) is not None:
                bodies[series] = body
                values[series] = PyIdent(own_name)
        if bodies:
            self.imports.qom("ObjectClass")
            doc = f"class_init of {self.latest.type_.name}."
            made.append(self._function(own_name, PyCode("klass: ObjectClass"), doc, bodies))
        if any(str(value) != "None" for value in values.values()):
            members.append(KeywordView(PyIdent("class_init"), self.value(values)))

    def _function(
        self,
        name: str,
        parameters: PyCode,
        doc: str,
        bodies: Mapping[Series, Body],
        *,
        within: bool = False,
    ) -> FunctionView:
        series = [each for each in self._own_series() if not within or each in bodies]
        rows = {each: body.statements for each, body in bodies.items()}
        groups: list[tuple[Interval, list[PyCode]]] = []
        for statement, has in merge.sequences(rows, series, str):
            for interval in merge.intervals(has, series):
                if groups and groups[-1][0] == interval:
                    groups[-1][1].append(statement)
                else:
                    groups.append((interval, [statement]))
        local = {each.name: each for body in bodies.values() for each in body.locals.values()}
        ordered = sorted(local.values(), key=lambda each: -each.rank)
        return FunctionView(
            PyIdent(name),
            parameters,
            PyDoc(doc),
            tuple(each.text for each in ordered),
            tuple(GroupView(self.condition(interval), tuple(texts)) for interval, texts in groups),
        )

    # The whole

    def view(self) -> ModuleView:
        latest = self.latest.type_
        structs = self.structs()
        infos = self.infos()
        properties = self.properties()
        functions, function_members = self.functions()
        constant = f"TYPE_{self.module.upper()}"
        keywords = [
            KeywordView(PyIdent("name"), PyIdent(constant)),
            *self._info_keywords(),
            *function_members,
        ]
        has = [series for series in self.all_series if series in self.scopes]
        keywords += self.interval(next(merge.intervals(has, self.all_series)))
        for name in ("TypeInfo", "type_init", "type_register_static"):
            self.imports.qom(name)
        if properties:
            self.imports.qom("Property")
        if structs:
            self.imports.module("dataclasses")
        doc = latest.doc or f"The QOM type {latest.name}."
        return ModuleView(
            license=License(latest.license or "GPL-2.0-or-later"),
            title=PyDoc(f"{latest.name}: {doc}"),
            imports=_import_views(self.imports),
            type_constant=PyIdent(constant),
            type_name=PyStr(latest.name),
            constants=tuple(
                ConstantView(PyIdent(name), PyNumber(number, hexadecimal=number > 9))
                for name, number in sorted(self.constants.items())
            ),
            structs=structs,
            infos=infos,
            table=PyIdent(pybody.table_name(latest)) if properties else None,
            properties=properties,
            functions=functions,
            info=PyIdent(f"{self.module.upper()}_INFO"),
            info_keywords=tuple(keywords),
            register=PyIdent(f"{self.module}_register_types"),
        )

    def _info_keywords(self) -> Iterable[KeywordView]:
        types = self.types
        parents = {series: PyStr(type_.parent or "") for series, type_ in types.items()}
        yield KeywordView(PyIdent("parent"), self.value(parents))
        for key in ("instance_struct", "class_struct"):
            values: dict[Series, Encoded] = {}
            for series, scope in self.scopes.items():
                name: str | None = getattr(scope.type_, key)
                values[series] = (
                    scope.struct(scope.catalog.structs[name]) if name else PyCode("None")
                )
            if any(str(value) != "None" for value in values.values()):
                yield KeywordView(PyIdent(key), self.value(values))
        abstract = {series: PyCode(str(type_.abstract)) for series, type_ in types.items()}
        if any(type_.abstract for type_ in types.values()):
            yield KeywordView(PyIdent("abstract"), self.value(abstract))
        listed = {
            series: PyCode.tuple_of(PyStr(name) for name, _ in type_.interfaces)
            for series, type_ in types.items()
        }
        if any(type_.interfaces for type_ in types.values()):
            yield KeywordView(PyIdent("interfaces"), self.value(listed))


def _covers(interval: Interval, series: Series) -> bool:
    return (interval.since is None or interval.since <= series) and (
        interval.until is None or series < interval.until
    )


def _text(value: str) -> Encoded:
    """A string literal; a long one as several, which Python joins."""
    if len(str(PyStr(value))) <= LITERAL_WIDTH:
        return PyStr(value)
    words = re.findall(r"\S*\s*", value)
    lines = [""]
    for word in words:
        if len(lines[-1]) + len(word) > TEXT_WIDTH and lines[-1]:
            lines.append("")
        lines[-1] += word
    return PyCode("(" + " ".join(str(PyStr(line)) for line in lines) + ")")


def _import_views(imports: Imports) -> tuple[ImportView, ...]:
    """The import statements in isort's order: standard library, packages, this package."""
    found = []
    for module in sorted(imports.names, key=_import_order):
        names = sorted((name for name in imports.names[module] if name), key=_name_order)
        dots = len(module) - len(module.lstrip("."))
        text = PyCode.join("." * dots, PyDotted(module[dots:]))
        group = _import_order(module)[0]
        if "" in imports.names[module]:
            found.append((group, 0, ImportView(text, (), starts_group=False)))
        if names:
            listed = tuple(PyIdent(name) for name in names)
            found.append((group, 1, ImportView(text, listed, starts_group=False)))
    found.sort(key=lambda row: row[:2])
    return tuple(
        dataclasses.replace(view, starts_group=index == 0 or found[index - 1][0] != group)
        for index, (group, _, view) in enumerate(found)
    )


def _import_order(module: str) -> tuple[int, str]:
    if module.startswith("."):
        return 2, module
    return (0 if module.partition(".")[0] in sys.stdlib_module_names else 1), module


def _name_order(name: str) -> tuple[int, str]:
    """Constants, classes, the rest."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2), name


def struct_homes(catalogs: Mapping[Series, Catalog]) -> dict[str, str]:
    """The module in which the Python class of each generated struct stands: its first owner's, oldest series first."""
    homes: dict[str, str] = {}
    for series in sorted(catalogs):
        catalog = catalogs[series]
        for type_ in catalog.types.values():
            if type_.provided or "python" not in type_.targets:
                continue
            for struct, owner in (
                (catalog.instance_struct(type_), catalog.struct_owner(type_)),
                (catalog.class_struct(type_), catalog.class_owner(type_)),
            ):
                if struct is not None and not struct.provided:
                    package = naming.PACKAGE if owner.base else ""
                    module = f"{package}.{naming.python_module(owner.name)}"
                    homes.setdefault(struct.name, module)
    return homes


def field_paths(catalog: Catalog, type_: model.Type) -> Iterable[tuple[str | None, str]]:
    """Every field path that `type_` uses, with the ancestor it starts from."""
    for prop in type_.properties:
        if prop.field is not None:
            yield prop.in_type, prop.field
    functions = [function for _, function in catalog.functions(type_)]
    functions += [
        each for prop in type_.class_properties for each in (prop.get, prop.set) if each is not None
    ]
    for function in functions:
        for step in function.steps or ():
            match step.action:
                case model.AssignStep(values=values):
                    for path, _, _ in values:
                        yield step.in_type, path
                case model.CallStep(arguments=arguments):
                    for argument in arguments:
                        if argument.form in ("field", "value"):
                            yield argument.in_type or step.in_type, str(argument.value)


def module_view(catalogs: Mapping[Series, Catalog], name: str, finder: HookFinder) -> ModuleView:
    """The view of the module of type `name`, which some series has with a Python target."""
    return _Writer(catalogs, name, finder).view()
