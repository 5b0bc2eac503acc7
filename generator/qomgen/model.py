# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the documents say of one QEMU series, as typed values.

Everything here is already resolved: no `by-qemu`, nothing that the series does not have. Names are as written; what
follows from conventions is the business of `qomgen.view`. Every value knows its place in the source.
"""

from __future__ import annotations

import builtins
from dataclasses import dataclass, field
from typing import TypeAlias

from qomgen.ctype import CType
from qomgen.diagnostics import Span
from qomgen.series import Series
from qomgen.source import Mapping

Constant: TypeAlias = bool | int | str
"""true, false, an integer, or the name of a C constant (or the user's word for an enum's value)."""


@dataclass(frozen=True, slots=True)
class Guard:
    """Build symbols around a piece of C: all of them on, or the one of them off."""

    symbols: tuple[str, ...]
    negated: bool = False

    def __str__(self) -> str:
        return ("without " if self.negated else "with ") + " and ".join(self.symbols)


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a struct."""

    name: str
    ctype: CType
    span: Span
    doc: str | None = None
    guard: Guard | None = None
    bits: int | None = None
    flags: tuple[tuple[str, int], ...] = ()
    hook: str | None = None
    """Of a class struct: the class member ("PCIDeviceClass.realize") whose parent's value the field keeps."""
    python: str | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """What a provided class struct lets class_init set."""

    name: str
    holds: str
    """text, bool, function, object, set, legacy_reset, or a C integer type."""
    span: Span
    prototype: CType | None = None
    """Of a function: its pointer type, where the catalogue has it."""
    detail: str | None = None
    """Of an object: its C type; of a set: the prefix of its constants."""


@dataclass(frozen=True, slots=True)
class Struct:
    """A C struct: an instance struct, a class struct, or one embedded in them."""

    name: str
    span: Span
    provided: bool
    fields: tuple[Field, ...] = ()
    members: tuple[Member, ...] = ()
    doc: str | None = None
    header: str | None = None
    license: str | None = None
    cast: str | None = None
    local: str | None = None
    python: str | None = None

    def field(self, name: str) -> Field | None:
        """The field called `name`."""
        return next((each for each in self.fields if each.name == name), None)

    def member(self, name: str) -> Member | None:
        """The catalogue's member called `name`; a function pointer among the fields is one too."""
        for each in self.members:
            if each.name == name:
                return each
        found = self.field(name)
        if found is None or found.hook is not None:
            return None
        if found.ctype.is_function:
            return Member(name, "function", found.span, found.ctype)
        return Member(name, str(found.ctype), found.span)


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a call."""

    form: str
    """constant, field, value, object, self, type_name or text."""
    value: Constant
    span: Span
    in_type: str | None = None
    in_span: Span | None = None


@dataclass(frozen=True, slots=True)
class PropertyInfoCopy:
    """A PropertyInfo that is copied from the kind's when the types register."""

    name: str
    span: Span
    realized_set_allowed: bool = False
    description: str | None = None
    doc: str | None = None


@dataclass(frozen=True, slots=True)
class Property:
    """A qdev property, or the bootindex property that instance_init adds."""

    name: str
    kind: str
    node: Mapping
    span: Span
    field: str | None = None
    in_type: str | None = None
    default: Constant | None = None
    bit: int | str | None = None
    target: str | None = None
    info: str | PropertyInfoCopy | None = None
    ctype: CType | None = None
    guard: Guard | None = None
    since: Series | None = None
    history: str | None = None
    description: str | None = None
    device: Argument | None = None
    suffix: str | None = None


@dataclass(frozen=True, slots=True)
class MembersStep:
    """Set members of one class struct, in order."""

    struct: str
    values: tuple[MemberValue, ...]


@dataclass(frozen=True, slots=True)
class MemberValue:
    """What a class member is set to."""

    member: str
    value: Constant | tuple[str, ...] | VmState | ChainedHook | TypeName
    span: Span
    value_span: Span
    word_spans: tuple[Span, ...] = ()
    """Of a list of words: where each stands."""


@dataclass(frozen=True, slots=True)
class VmState:
    """A VMStateDescription that is generated: named after the type, unmigratable."""

    name: str


@dataclass(frozen=True, slots=True)
class ChainedHook:
    """A hook that takes the parent's place and keeps the parent's in a field of the own class struct."""

    hook: str
    parent: str
    parent_span: Span | None = None


@dataclass(frozen=True, slots=True)
class TypeName:
    """The macro of a type's name."""

    type: str


@dataclass(frozen=True, slots=True)
class PlaceStep:
    """Where something declared elsewhere goes: properties, class_properties or bootindex."""

    what: str


@dataclass(frozen=True, slots=True)
class DescriptionsStep:
    """Where property descriptions are set; `order` mends the sorted order."""

    order: tuple[str, ...] = ()
    order_spans: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class AssignStep:
    """Assign to fields of the instance, or set bits in them."""

    values: tuple[tuple[str, Constant, Span], ...]
    bits: bool = False
    value_spans: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class CallStep:
    """Call a function that is written by hand."""

    function: str
    arguments: tuple[Argument, ...]
    function_span: Span | None = None


Action: TypeAlias = MembersStep | PlaceStep | DescriptionsStep | AssignStep | CallStep


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a class_init, an instance_init or an accessor."""

    action: Action
    span: Span
    in_type: str | None = None
    guard: Guard | None = None
    doc: str | None = None
    in_span: Span | None = None


@dataclass(frozen=True, slots=True)
class Function:
    """A function of a type: written by hand (`steps` is None) or made of steps."""

    span: Span
    name: str | None = None
    steps: tuple[Step, ...] | None = None
    name_span: Span | None = None


@dataclass(frozen=True, slots=True)
class ClassProperty:
    """A property added to the class, with accessors."""

    name: str
    kind: str
    span: Span
    qom_type: str | None = None
    target: str | None = None
    get: Function | None = None
    set: Function | None = None
    guard: Guard | None = None
    since: Series | None = None
    history: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Include:
    """A header that the including C file has included: below include/, beside it, or CONFIG_DEVICES."""

    form: str
    """header, local or config_devices."""
    path: str = ""


@dataclass(frozen=True, slots=True)
class Registration:
    """How types are registered."""

    form: str = "function"
    """function, array or macro."""
    name: str | None = None


@dataclass(frozen=True, slots=True)
class CNames:
    """Names in C where they deviate from the convention."""

    name: str | None = None
    stem: str | None = None
    properties: str | None = None
    class_init: str | None = None
    info: str | None = None
    type_macro: str | None = None
    header: str | None = None
    given: frozenset[str] = frozenset()
    typedef: bool = False


@dataclass(frozen=True, slots=True)
class Type:
    """One QOM type in one series."""

    name: str
    node: Mapping
    span: Span
    provided: bool = False
    interface: bool = False
    doc: str | None = None
    license: str | None = None
    parent: str | None = None
    abstract: bool = False
    interfaces: tuple[tuple[str, Span], ...] = ()
    targets: frozenset[str] = frozenset({"c", "python"})
    hooks: str | None = None
    c: CNames = field(default_factory=CNames)
    instance_struct: str | None = None
    class_struct: str | None = None
    properties: tuple[Property, ...] = ()
    class_properties: tuple[ClassProperty, ...] = ()
    class_init: Function | None = None
    class_base_init: str | None = None
    instance_init: Function | None = None
    instance_post_init: Function | None = None
    instance_finalize: Function | None = None
    written_places: frozenset[str] = frozenset()
    """Place steps written for any series: these are not placed by default where a series lacks them."""
    written_properties: frozenset[str] = frozenset()
    """Names of properties written for any series."""

    @builtins.property
    def base(self) -> bool:
        """Whether it comes of qomgen's own specs, read beside a user's: known, and not generated."""
        return self.span.file.base

    def property(self, name: str) -> Property | None:
        """The property called `name`."""
        return next((each for each in self.properties if each.name == name), None)

    @builtins.property
    def all_properties(self) -> list[Property | ClassProperty]:
        """Properties of the table, bootindex among them, then those of the class."""
        return [*self.properties, *self.class_properties]


@dataclass(frozen=True, slots=True)
class Unit:
    """What one C file registers."""

    name: str
    span: Span
    source: str | None
    types: tuple[tuple[str, Span], ...]
    registration: Registration = Registration()
    includes: tuple[Include, ...] = ()
    hooks: str | None = None
    license: str | None = None
    doc: str | None = None

    @property
    def base(self) -> bool:
        """Whether it comes of qomgen's own specs, read beside a user's."""
        return self.span.file.base


@dataclass(frozen=True, slots=True)
class Enum:
    """A QAPI enum: the user's words in the order of their values, and what its enumerators begin with."""

    name: str
    members: tuple[str, ...]
    prefix: str
    span: Span

    def enumerator(self, word: str) -> str:
        """The C constant of a member, as QAPI's c_enum_const() makes it."""
        return f"{self.prefix}_{word.replace('-', '_').replace('.', '_').upper()}"


@dataclass(frozen=True, slots=True)
class PropertyInfo:
    """A PropertyInfo written by hand."""

    name: str
    qom_type: str
    span: Span
    description: str | None = None
    python: str | None = None
