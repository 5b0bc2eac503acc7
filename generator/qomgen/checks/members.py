# SPDX-License-Identifier: GPL-2.0-or-later
"""What class_init sets: class structs, their members, and values that fit them."""

from __future__ import annotations

import re
from collections.abc import Callable

from qomgen import model, problems
from qomgen.catalog import Catalog
from qomgen.checks.integers import integer
from qomgen.checks.properties import unknown_constant, unknown_type
from qomgen.checks.when import absence
from qomgen.ctype import CTypeError
from qomgen.ctype import parse as parse_ctype
from qomgen.diagnostics import Diagnostics, Hint, Span, nearest
from qomgen.reserved import C_KEYWORDS

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_FUNCTIONS = ("function", "legacy_reset")


def check(
    catalog: Catalog, type_: model.Type, action: model.MembersStep, span: Span, found: Diagnostics
) -> None:
    """Check a step that sets members of one class struct."""
    reachable = catalog.class_structs(type_)
    struct = reachable.get(action.struct)
    if struct is None:
        interfaces = [
            each.class_struct for each in catalog.interfaces(type_) if each.class_struct is not None
        ]
        chain = ", ".join(name for name in reachable if name not in interfaces)
        also = f"; interfaces: {', '.join(interfaces)}" if interfaces else ""
        hint = nearest(action.struct, reachable)
        told = {"struct": action.struct, "type": type_.name, "chain": chain + also}
        found.add(problems.NotInClassChain(span, hint, **told))
        return
    for value in action.values:
        member = struct.member(value.member)
        if member is None:
            _unknown(catalog, type_, struct, value, found)
        else:
            _Value(catalog, type_, struct, member, value, found).check()


def _unknown(
    catalog: Catalog,
    type_: model.Type,
    struct: model.Struct,
    value: model.MemberValue,
    found: Diagnostics,
) -> None:
    def has(other: Catalog) -> bool:
        same = other.types.get(type_.name)
        there = other.class_structs(same).get(struct.name) if same else None
        return there is not None and there.member(value.member) is not None

    known = [each.name for each in struct.members]
    known += [each.name for each in struct.fields if each.ctype.is_function]
    when, by_series = absence(catalog, has)
    hint: Hint = by_series or nearest(value.member, known)
    told = {"struct": struct.name, "member": value.member, "when": when}
    found.add(problems.UnknownMember(value.span, hint, **told))


class _Value:
    """A member with the value it is set to."""

    def __init__(
        self,
        catalog: Catalog,
        type_: model.Type,
        struct: model.Struct,
        member: model.Member,
        value: model.MemberValue,
        found: Diagnostics,
    ) -> None:
        self.catalog = catalog
        self.type_ = type_
        self.struct = struct
        self.member = member
        self.given = value.value
        self.span = value.value_span
        self.word_spans = value.word_spans
        self.found = found
        self.what = f"{struct.name}.{member.name}"

    def check(self) -> None:
        forms: dict[str, Callable[[], None]] = {
            "text": self._text,
            "bool": self._bool,
            "object": self._object,
            "set": self._words,
            **dict.fromkeys(_FUNCTIONS, self._function),
        }
        forms.get(self.member.holds, self._constant)()

    def _wrong(self, expected: str, hint: Hint = None) -> None:
        told = {"struct": self.struct.name, "member": self.member.name, "expected": expected}
        self.found.add(problems.MemberType(self.span, hint, actual=_told(self.given), **told))

    def _text(self) -> None:
        if isinstance(self.given, model.TypeName):
            if self.given.type not in self.catalog.types:
                unknown_type(self.catalog, self.given.type, self.span, self.found)
        elif not isinstance(self.given, str):
            self._wrong("text")

    def _bool(self) -> None:
        if not isinstance(self.given, bool):
            hint = {"on": "write true", "off": "write false"}.get(str(self.given))
            self._wrong("true or false", hint)

    def _name(self, expected: str) -> None:
        if not isinstance(self.given, str) or not _NAME.fullmatch(self.given):
            self._wrong(expected)
        elif self.given in C_KEYWORDS:
            told = {"name": self.given, "what": self.what, "language": "C"}
            self.found.add(problems.ReservedName(self.span, None, **told))

    def _object(self) -> None:
        if not isinstance(self.given, model.VmState):
            self._name(f"the name of a {self.member.detail}")
        elif self.member.detail != "VMStateDescription":
            self._wrong(f"the name of a {self.member.detail}")

    def _words(self) -> None:
        if not isinstance(self.given, tuple):
            listed = f"write [{self.given}]" if isinstance(self.given, str) else None
            self._wrong("a list of words", listed)
            return
        enums = self.catalog.enums.values()
        enum = next((each for each in enums if each.prefix == self.member.detail), None)
        spans = self.word_spans or (self.span,) * len(self.given)
        for word, span in zip(self.given, spans, strict=True):
            if enum is not None and word not in enum.members:
                expected = "one of " + ", ".join(enum.members)
                hint = nearest(word, enum.members)
                self.found.add(problems.BadValue(span, hint, value=word, expected=expected))

    def _function(self) -> None:
        if isinstance(self.given, model.ChainedHook):
            self._chained(self.given)
        else:
            self._name("the name of a function, or {hook:, parent:}")

    def _chained(self, given: model.ChainedHook) -> None:
        own = self.catalog.class_struct(self.type_)
        span = given.parent_span or self.span
        if own is None or own.provided:
            reason = (
                f"type '{self.type_.name}' has no class struct of its own to keep {self.what} in"
            )
            hint = f"add one with the field '{given.parent}: {{hook: {self.what}}}'"
            self.found.add(problems.ChainField(span, hint, reason=reason, parent=given.parent))
            return
        kept = own.field(given.parent)
        if kept is not None and kept.hook == self.what:
            return
        known = [each.name for each in own.fields if each.hook == self.what]
        declare = f"declare it there: '{given.parent}: {{hook: {self.what}}}'"
        reason = f"'{given.parent}' is no field of {own.name} that keeps {self.what}"
        hint = f"did you mean '{known[0]}'?" if known else declare
        self.found.add(problems.ChainField(span, hint, reason=reason, parent=given.parent))

    def _constant(self) -> None:
        """A member of a C type: an integer that fits, or a constant."""
        try:
            values = integer(parse_ctype(self.member.holds))
        except CTypeError:
            values = None
        expected = f"a {self.member.holds}" + (f" ({values})" if values else "")
        given = self.given
        number = self.catalog.constant(given) if isinstance(given, str) else given
        if isinstance(given, str) and number is None:
            unknown_constant(self.catalog, given, self.what, self.span, self.found)
            return
        is_integer = isinstance(number, int) and not isinstance(number, bool)
        if not is_integer or (values is not None and not values.holds(number)):
            self._wrong(expected)


def _told(given: object) -> str:
    match given:
        case bool():
            return f"the truth value {str(given).lower()}"
        case int():
            return f"the number {given}"
        case str():
            return f"the text '{given}'"
        case tuple():
            return "a list"
    return "a mapping"
