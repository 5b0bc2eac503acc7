# SPDX-License-Identifier: GPL-2.0-or-later
"""All that the specs say of one QEMU series, and the questions asked of it: chains, structs, fields, members."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from qomgen import model, problems
from qomgen.build import Builder
from qomgen.ctype import CType
from qomgen.diagnostics import Diagnostics, Span
from qomgen.profile import Kind, Profile, kinds, nearest
from qomgen.series import Series, resolve
from qomgen.source import Mapping, Scalar

T = TypeVar("T")

MAX_CHAIN = 64
"""Longest chain of ancestors that is followed; those of QEMU have ten types at most."""

_STEP = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)|\[([0-9]+)\]")


@dataclass(frozen=True, slots=True)
class FieldPath:
    """A way through structs: `vbasedev.sysfsdev` of VFIOPCIDevice."""

    text: str
    struct: model.Struct
    """The struct that has the last field."""
    field: model.Field
    """The last field."""
    ctype: CType
    """Its type; of an array with an index, the element's."""
    fields: tuple[model.Field, ...]
    """All fields on the way."""


@dataclass(frozen=True, slots=True)
class NoField:
    """Where a path ends that leads nowhere."""

    struct: str
    field: str
    known: tuple[str, ...]
    reason: str | None = None
    """What is wrong, if it is not that the struct lacks the field."""


@dataclass(slots=True)
class Catalog:
    """The model of one series. Made by `read`; checked by `qomgen.checks` before anybody relies on it."""

    series: Series
    profile: Profile
    kinds: dict[str, Kind]
    types: dict[str, model.Type] = field(default_factory=dict)
    structs: dict[str, model.Struct] = field(default_factory=dict)
    units: dict[str, model.Unit] = field(default_factory=dict)
    constants: dict[str, int] = field(default_factory=dict)
    enums: dict[str, model.Enum] = field(default_factory=dict)
    infos: dict[str, model.PropertyInfo] = field(default_factory=dict)
    siblings: dict[Series, Catalog] = field(default_factory=dict, repr=False, compare=False)
    """The catalogs of all series that are looked at, this one among them: what a message can say of others."""

    _chains: dict[str, list[model.Type]] = field(default_factory=dict, repr=False, compare=False)
    _values: dict[str, int] = field(default_factory=dict, repr=False, compare=False)
    _homes: dict[str, model.Unit] = field(default_factory=dict, repr=False, compare=False)

    # Types

    def chain(self, type_: model.Type) -> list[model.Type]:
        """`type_` and its ancestors, nearest first; it ends at an unknown parent, a repetition or `MAX_CHAIN`."""
        if (known := self._chains.get(type_.name)) is not None:
            return known
        found = [type_]
        names = {type_.name}
        while len(found) < MAX_CHAIN:
            above = self.types.get(found[-1].parent or "")
            if above is None or above.name in names:
                break
            found.append(above)
            names.add(above.name)
        self._chains[type_.name] = found
        return found

    def descends_from(self, type_: model.Type, ancestor: str) -> bool:
        """Whether `type_` is `ancestor` or descends from it."""
        return any(each.name == ancestor for each in self.chain(type_))

    def interfaces(self, type_: model.Type) -> list[model.Type]:
        """All interfaces that `type_` implements, itself and through ancestors."""
        names = [name for each in self.chain(type_) for name, _ in each.interfaces]
        return [self.types[name] for name in dict.fromkeys(names) if name in self.types]

    def unit_of(self, type_: model.Type) -> model.Unit | None:
        """The unit that registers `type_`."""
        if not self._homes:
            homes = ((name, unit) for unit in self.units.values() for name, _ in unit.types)
            for name, unit in homes:
                self._homes.setdefault(name, unit)
        return self._homes.get(type_.name)

    # Structs

    def _nearest(
        self, type_: model.Type, pick: Callable[[model.Type], str | None]
    ) -> model.Struct | None:
        for each in self.chain(type_):
            if (name := pick(each)) is not None:
                return self.structs.get(name)
        return None

    def instance_struct(self, type_: model.Type) -> model.Struct | None:
        """The instance struct of `type_`: its own or the nearest ancestor's."""
        return self._nearest(type_, lambda each: each.instance_struct)

    def class_struct(self, type_: model.Type) -> model.Struct | None:
        """The class struct of `type_`: its own or the nearest ancestor's."""
        return self._nearest(type_, lambda each: each.class_struct)

    def struct_owner(self, type_: model.Type) -> model.Type:
        """The type whose instance struct `type_` has: the first, from the root, of those in the chain that name it."""
        chain = self.chain(type_)
        struct = self.instance_struct(type_)
        owners = [
            each for each in chain if struct is not None and each.instance_struct == struct.name
        ]
        return owners[-1] if owners else chain[-1]

    def class_owner(self, type_: model.Type) -> model.Type:
        """The type whose class struct `type_` has, likewise."""
        chain = self.chain(type_)
        struct = self.class_struct(type_)
        owners = [each for each in chain if struct is not None and each.class_struct == struct.name]
        return owners[-1] if owners else chain[-1]

    def class_structs(self, type_: model.Type) -> dict[str, model.Struct]:
        """The class structs whose members the class_init of `type_` may set: leaf to root, then interfaces."""
        names = [each.class_struct for each in self.chain(type_)]
        names += [each.class_struct for each in self.interfaces(type_)]
        return {
            name: self.structs[name] for name in names if name is not None and name in self.structs
        }

    def path(self, struct: model.Struct, text: str) -> FieldPath | NoField:
        """Follow `text`, such as `conf.macaddr[0]`, from `struct`."""
        fields: list[model.Field] = []
        here: model.Struct | None = struct
        ctype: CType | None = None
        for match in _STEP.finditer(text):
            name, index = match.groups()
            if index is not None:
                reached = text[: match.start()]
                element = ctype.element if ctype else None
                if ctype is None or element is None:
                    return NoField(struct.name, reached, (), f"'{reached}' is no array")
                bound = ctype.sizes[0]
                if bound.isdigit() and int(index) >= int(bound):
                    reason = (
                        f"'{reached}' has {bound} elements, the last of them [{int(bound) - 1}]"
                    )
                    return NoField(struct.name, reached, (), reason)
                ctype = element
                continue
            if fields:
                embedded = str(ctype) if ctype else ""
                here = self.structs.get(embedded)
                if here is None:
                    return NoField(embedded, name, ())
            assert here is not None
            found = here.field(name)
            if found is None:
                return NoField(here.name, name, tuple(each.name for each in here.fields))
            fields.append(found)
            ctype = found.ctype
        assert here is not None
        assert ctype is not None
        return FieldPath(text, here, fields[-1], ctype, tuple(fields))

    def property_path(
        self, type_: model.Type, in_type: str | None, text: str
    ) -> FieldPath | NoField | None:
        """The field `text` of `type_`'s instance struct, or of that of the ancestor `in_type`."""
        owner = self.types.get(in_type) if in_type else type_
        struct = self.instance_struct(owner) if owner else None
        return self.path(struct, text) if struct else None

    # Constants

    def flag_constants(self) -> dict[str, int]:
        """The macros that flags of struct fields make: NAME_BIT and NAME."""
        found = {}
        for struct in self.structs.values():
            for each in struct.fields:
                for name, bit in each.flags:
                    found[f"{name}_BIT"] = bit
                    found[name] = 1 << bit
        return found

    def constant(self, name: str) -> int | None:
        """The value of a constant that a spec may name, or None."""
        return self._named_values().get(name)

    def constant_names(self) -> list[str]:
        """All constants that a spec may name."""
        return list(self._named_values())

    def _named_values(self) -> dict[str, int]:
        if not self._values:
            for enum in self.enums.values():
                for index, word in enumerate(enum.members):
                    self._values.setdefault(enum.enumerator(word), index)
            self._values.update(self.flag_constants())
            self._values.update(self.constants)
        return self._values

    # Functions of types

    def functions(self, type_: model.Type) -> Iterator[tuple[str, model.Function]]:
        """The functions of `type_` that a spec may make of steps, by key."""
        for key in ("class_init", "instance_init", "instance_post_init", "instance_finalize"):
            function: model.Function | None = getattr(type_, key)
            if function is not None:
                yield key, function


def read(documents: Iterable[Mapping], series: Series, found: Diagnostics) -> Catalog:
    """
    The catalog of `series`.

    Args:
        documents: all documents, valid by the schema; base ones last, since what is there first stays.
        series: any series from the oldest profile's on; the nearest profile at or below it counts.
        found: takes duplicates and C types that can't be read.
    """
    catalog = Catalog(series, nearest(series), kinds(series))
    builder = Builder(found)
    own_units: list[tuple[model.Type, Mapping]] = []
    documents = tuple(documents)
    own_types = _own_types(documents)
    for document in documents:
        node = resolve(document, series)
        if node is None:
            continue
        if "type" in node.entries:
            made, structs = builder.type(node, document)
            if _add(catalog.types, made.name, made, made.span, "type", found):
                for struct in structs:
                    _add(catalog.structs, struct.name, struct, struct.span, "struct", found)
                if not made.provided:
                    own_units.append((made, node))
        elif "struct" in node.entries:
            name = node.entries["struct"].value
            assert isinstance(name, Scalar)
            provided = "provided" in node.entries
            struct = builder.struct(name.text, node, provided=provided)
            _add(catalog.structs, struct.name, struct, struct.span, "struct", found)
        elif "unit" in node.entries:
            _read_unit(catalog, builder, node, own_types, found)
        elif "constants" in node.entries:
            _read_constants(catalog, node, found)
        elif "enum" in node.entries:
            enum = builder.enum(node)
            _add(catalog.enums, enum.name, enum, enum.span, "enum", found)
        else:
            info = builder.property_info(node)
            _add(catalog.infos, info.name, info, info.span, "property_info", found)
    members = {name for unit in catalog.units.values() for name, _ in unit.types}
    for made, node in own_units:
        if made.name not in members:
            unit = builder.unit(node, made.name, ((made.name, made.span),))
            _add(catalog.units, unit.name, unit, unit.span, "unit", found)
    return catalog


def _add(
    table: dict[str, T], name: str, value: T, span: Span, what: str, found: Diagnostics
) -> bool:
    """Whether `value` is the one in the table now: what a user describes takes the place of a base one."""
    there = table.get(name)
    other = getattr(there, "span", span)
    if there is not None and span.file.base and not other.file.base:
        return False
    if there is not None and span.file.base == other.file.base:
        found.add(problems.DuplicateDocument(span, what=what, name=name, other=str(other)))
        return False
    table[name] = value
    return True


def _own_types(documents: Iterable[Mapping]) -> frozenset[str]:
    """The types that a user describes, in whatever series."""
    names = (each.get("type") for each in documents if not each.span.file.base)
    return frozenset(name.text for name in names if isinstance(name, Scalar))


def _read_unit(
    catalog: Catalog,
    builder: Builder,
    node: Mapping,
    own_types: frozenset[str],
    found: Diagnostics,
) -> None:
    name, types = node.get("unit"), node.get("types")
    assert isinstance(name, Scalar)
    items = [item for item in getattr(types, "items", ()) if isinstance(item, Scalar)]
    if node.span.file.base:
        # What a user describes is registered where the user says.
        items = [item for item in items if item.text not in own_types]
    unit = builder.unit(node, name.text, tuple((item.text, item.span) for item in items))
    _add(catalog.units, unit.name, unit, unit.span, "unit", found)


def _read_constants(catalog: Catalog, node: Mapping, found: Diagnostics) -> None:
    constants = node.get("constants")
    assert isinstance(constants, Mapping)
    for entry in constants.entries.values():
        if entry.key_span.file.base and entry.key in catalog.constants:
            continue
        value = entry.value.get("value") if isinstance(entry.value, Mapping) else entry.value
        if isinstance(value, Scalar) and isinstance(value.value, int):
            _add(catalog.constants, entry.key, value.value, entry.key_span, "constant", found)
