# SPDX-License-Identifier: GPL-2.0-or-later
"""
Python twins: whether all that a type uses in C is there in Python too.

A generated module must import, run and mean the same as the C. What it stands on (pyqom, the hand-written twins of
structs) is read as source, never imported.
"""

from __future__ import annotations

from collections.abc import Iterator

from qomgen import model, problems, pytypes
from qomgen.catalog import Catalog, FieldPath
from qomgen.checks.uses import Form, Use, uses
from qomgen.diagnostics import Diagnostics, Span, nearest
from qomgen.pysource import HookFinder, HookRef
from qomgen.reserved import PYTHON_KEYWORDS

QOM = "pyqom"
"""The package that generated modules stand on."""


def check(catalog: Catalog, finder: HookFinder, found: Diagnostics) -> None:
    """Check every type with a Python target."""
    for type_ in catalog.types.values():
        if type_.provided or type_.base or "python" not in type_.targets:
            continue
        if finder.module(QOM) is None:
            found.add(problems.HookModule(type_.span, module=QOM, type=type_.name))
            return
        _Twin(catalog, type_, finder, found).check()


class _Twin:
    """One type and its twin."""

    def __init__(
        self, catalog: Catalog, type_: model.Type, finder: HookFinder, found: Diagnostics
    ) -> None:
        self.catalog = catalog
        self.type_ = type_
        self.finder = finder
        self.found = found

    def check(self) -> None:
        self._ancestors()
        for use in uses(self.catalog, self.type_):
            self._use(use)
        for prop in self.type_.properties:
            self._info(prop)
            for part in ("default", "bit"):
                value = getattr(prop, part)
                # An enum's word is no constant.
                if isinstance(value, str) and self.catalog.constant(value) is not None:
                    self._constant(value, prop.node.value_span(part))
        for step in self._steps():
            self._step(step)
        for each in self.type_.class_properties:
            for accessor in (each.get, each.set):
                if accessor is not None and accessor.steps is not None and accessor.name:
                    span = accessor.name_span or accessor.span
                    self._word(accessor.name, span, f"accessor of '{each.name}'")
        self._own_struct()

    def _steps(self) -> Iterator[model.Step]:
        for _, function in self.catalog.functions(self.type_):
            yield from function.steps or ()
        for each in self.type_.class_properties:
            for accessor in (each.get, each.set):
                yield from (accessor.steps or ()) if accessor else ()

    # What it stands on

    def _ancestors(self) -> None:
        parent = self.catalog.types.get(self.type_.parent or "")
        below = [(parent, self.type_.node.value_span("parent"), "parent")] if parent else []
        below += [
            (self.catalog.types[name], span, "interface")
            for name, span in self.type_.interfaces
            if name in self.catalog.types
        ]
        for other, span, what in below:
            if "python" not in other.targets:
                told = {"type": self.type_.name, "what": what, "other": other.name}
                self.found.add(problems.NoPythonAncestor(span, None, **told))

    def _in_qom(self, name: str, what: str, span: Span) -> None:
        if not self.finder.has(HookRef(QOM, name)):
            self.found.add(problems.NotInPyqom(span, None, what=what, name=name))

    def _info(self, prop: model.Property) -> None:
        kind = self.catalog.kinds.get(prop.kind)
        if kind is None or not kind.in_table:
            return
        if kind.info is not None and not isinstance(prop.info, str):
            what = f"property '{prop.name}' of kind {kind.name}"
            self._in_qom(kind.info, what, prop.node.value_span("kind"))
        if isinstance(prop.info, model.PropertyInfoCopy):
            self._word(prop.info.name, prop.info.span, f"PropertyInfo of '{prop.name}'")

    def _word(self, name: str, span: Span, what: str) -> None:
        if name in PYTHON_KEYWORDS:
            self.found.add(
                problems.ReservedName(span, None, name=name, what=what, language="Python")
            )

    def _constant(self, name: str, span: Span) -> None:
        """A constant that a module defines once, for all series."""
        self._word(name, span, "a constant")
        values = {
            series: value
            for series, other in self.catalog.siblings.items()
            if self.type_.name in other.types and (value := other.constant(name)) is not None
        }
        if len(set(values.values())) > 1:
            first, last = min(values), max(values)
            told = {"name": name, "first": f"{values[first]} in QEMU {first}"}
            told["last"] = f"{values[last]} in QEMU {last}"
            self.found.add(problems.ConstantVaries(span, None, **told))

    # Fields

    def _use(self, use: Use) -> None:
        owner = self.catalog.types.get(use.in_type) if use.in_type else self.type_
        struct = self.catalog.instance_struct(owner) if owner else None
        path = self.catalog.path(struct, use.path) if struct else None
        if struct is None or not isinstance(path, FieldPath):
            return
        if self._is_parent(path):
            return
        if "[" in use.path:
            self._no_twin(use, path.field, str(path.field.ctype))
            return
        twin: pytypes.PyType | None = None
        for field in path.fields:
            self._word(field.name, use.span, f"field of {struct.name}")
            if not self._has_attribute(use, struct, field):
                return
            twin = pytypes.twin(self.catalog, field)
            if twin is None or not all(self._exists(use, each) for each in twin.imports):
                if twin is None:
                    self._no_twin(use, field, str(field.ctype))
                return
            struct = self.catalog.structs.get(str(field.ctype), struct)
        if use.form is Form.ADDRESS and twin is not None and twin.factory is None:
            kind = twin.annotation
            if path.field.python is None:
                told = {"field": use.path, "kind": kind}
                self.found.add(problems.ScalarAddress(use.span, None, **told))

    def _is_parent(self, path: FieldPath) -> bool:
        """Whether a path leads to the parent's struct, which in Python is the object itself."""
        names = {each.instance_struct for each in self.catalog.types.values()}
        first = path.struct.fields[0] is path.field
        return len(path.fields) == 1 and first and str(path.ctype) in names

    def _no_twin(self, use: Use, field: model.Field, ctype: str) -> None:
        told = {"what": use.what, "ctype": ctype, "field": field.name}
        self.found.add(problems.NoPythonTwin(use.span, None, **told))

    def _exists(self, use: Use, ref: HookRef) -> bool:
        if self.finder.has(ref):
            return True
        module = self.finder.module(ref.module)
        hint = nearest(ref.name, module.names) if module else None
        told = {"what": use.what, "module": ref.module, "name": ref.name}
        self.found.add(problems.HookMissing(use.span, hint, **told))
        return False

    def _has_attribute(self, use: Use, struct: model.Struct, field: model.Field) -> bool:
        """Whether the hand-written twin of `struct` has `field`; a generated one has what is used."""
        if struct.python is None and not struct.provided:
            return True
        ref = self._class_of(struct)
        attributes = self.finder.attributes(ref)
        if attributes is None:
            return self._exists(use, ref)
        if field.name in attributes:
            return True
        told = {"what": use.what, "module": f"{ref.module}.{ref.name}", "name": field.name}
        hint = nearest(field.name, attributes)
        self.found.add(problems.HookMissing(use.span, hint, **told))
        return False

    @staticmethod
    def _class_of(struct: model.Struct) -> HookRef:
        module, _, name = (struct.python or f"{QOM}.{struct.name}").rpartition(".")
        return HookRef(module, name)

    # Steps

    def _step(self, step: model.Step) -> None:
        match step.action:
            case model.MembersStep(struct=name, values=values):
                struct = self.catalog.class_structs(self.type_).get(name)
                for member in values if struct is not None else ():
                    assert struct is not None
                    self._member(struct, member)
            case model.AssignStep(values=assigned):
                for _, value, span in assigned:
                    if isinstance(value, str):
                        self._constant(value, span)
            case model.CallStep(arguments=arguments):
                for argument in arguments:
                    if argument.form == "constant" and isinstance(argument.value, str):
                        self._constant(argument.value, argument.span)

    def _member(self, struct: model.Struct, value: model.MemberValue) -> None:
        member = struct.member(value.member)
        if member is None:
            return
        if isinstance(value.value, str) and member.holds not in _BY_NAME:
            self._constant(value.value, value.value_span)
        if not struct.provided:
            field = struct.field(value.member)
            is_function = field is None or field.ctype.is_function
            if field is not None and not is_function and pytypes.twin(self.catalog, field) is None:
                told = {"what": f"{struct.name}.{member.name}", "field": field.name}
                self.found.add(problems.NoPythonTwin(value.span, None, ctype=field.ctype, **told))
            return
        ref = self._class_of(struct)
        what = f"{struct.name}.{member.name}"
        if struct.cast is not None and struct.python is None:
            self._in_qom(struct.cast, what, value.span)
        attributes = self.finder.attributes(ref)
        first = member.name.partition(".")[0]
        # The legacy reset is set through a function, whatever the member is called.
        if member.holds == "legacy_reset":
            return
        if attributes is None or first not in attributes:
            name = ref.name if attributes is None else f"{ref.name}.{first}"
            self.found.add(problems.NotInPyqom(value.span, None, what=what, name=name))

    # The struct that the module defines

    def _own_struct(self) -> None:
        struct = self.catalog.instance_struct(self.type_)
        if struct is None or struct.provided or not struct.fields:
            return
        if self.catalog.struct_owner(self.type_) is not self.type_:
            return
        if self.finder.has(HookRef(QOM, struct.name)):
            told = {"what": f"struct of type '{self.type_.name}'", "name": struct.name}
            told["other"] = f"class that {QOM} has"
            self.found.add(problems.NameClash(struct.span, None, language="Python", **told))
        used = {
            use.path.partition(".")[0]
            for each in self.catalog.types.values()
            if "python" in each.targets and not each.provided
            for use in uses(self.catalog, each)
            if self._starts_in(each, use, struct)
        }
        above = self._inherited()
        for field in struct.fields[1:]:
            if (field.name in used or field.python) and field.name in above:
                told = {"struct": struct.name, "field": field.name, "base": above[field.name]}
                self.found.add(problems.FieldShadows(field.span, None, **told))

    def _starts_in(self, type_: model.Type, use: Use, struct: model.Struct) -> bool:
        owner = self.catalog.types.get(use.in_type) if use.in_type else type_
        return owner is not None and self.catalog.instance_struct(owner) is struct

    def _inherited(self) -> dict[str, str]:
        """The attributes that instances have from their ancestors, and the struct that each is of."""
        found: dict[str, str] = {}
        for ancestor in self.catalog.chain(self.type_)[1:]:
            struct = self.catalog.instance_struct(ancestor)
            if struct is None:
                continue
            if struct.provided:
                names = self.finder.attributes(self._class_of(struct)) or frozenset()
            else:
                names = frozenset(each.name for each in struct.fields[1:])
            for name in names:
                found.setdefault(name, struct.name)
        return found


_BY_NAME = frozenset({"text", "function", "legacy_reset", "object", "set"})
"""Members whose value, if a word, names no constant."""
