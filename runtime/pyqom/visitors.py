# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: D102 - Visitor documents the methods that the others implement
"""Visitors: how a value comes into a property, and out of it.

A property's accessor calls one method for its value and does not know where the value comes from:
`value = visitor.type_uint32(name, value)`. An input visitor hands back what the user gave, an
output visitor takes the argument. QEMU has three ways of reading values, and they differ in what
they accept and in what they say:

- `QObjectInputVisitor`: JSON, as in QMP; types are strict (qapi/qobject-input-visitor.c);
- `KeyvalInputVisitor`: `-device T,x=1`, where every value is a string (same file, _keyval);
- `StringInputVisitor`: a bare string, as -global has it (qapi/string-input-visitor.c).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, TypeGuard, TypeVar

from .cutils import (
    INT64_MAX,
    INT64_MIN,
    UINT64_MAX,
    NoNumber,
    OutOfRange,
    strtoi64,
    strtol,
    strtosz,
    strtou64,
)
from .errors import Abort, Error
from .qapi import QapiEnum

JSONValue: TypeAlias = (
    "bool | int | float | str | Sequence[JSONValue] | Mapping[str, JSONValue] | None"
)

E = TypeVar("E", bound=QapiEnum)

TRUE_WORDS = ("on", "yes", "true", "y")
FALSE_WORDS = ("off", "no", "false", "n")


def expects(name: str, what: str) -> Error:
    """QEMU's QERR_INVALID_PARAMETER_VALUE."""
    return Error(f"Parameter '{name}' expects {what}")


def invalid_type(name: str, expected: str) -> Error:
    """QEMU's complaint about a value of the wrong JSON type."""
    return Error(f"Invalid parameter type for '{name}', expected: {expected}")


def bool_parse(name: str, text: str) -> bool:
    """The eight words for yes and no (qapi_bool_parse)."""
    if text in TRUE_WORDS:
        return True
    if text in FALSE_WORDS:
        return False
    raise expects(name, "'on' or 'off'")


class Visitor:
    """Base of all visitors (include/qapi/visitor.h).

    `name` is the member's name in the struct being visited, None in a list. Each method returns
    the value that holds after the visit. Input visitors raise `Error` for what does not fit.
    """

    is_input = True

    def type_int64(self, name: str | None, value: int) -> int:
        """A signed 64-bit number (visit_type_int64)."""
        raise NotImplementedError

    def type_uint64(self, name: str | None, value: int) -> int:
        """An unsigned 64-bit number (visit_type_uint64)."""
        raise NotImplementedError

    def type_size(self, name: str | None, value: int) -> int:
        """A size in bytes; some visitors take suffixes such as 4k (visit_type_size)."""
        return self.type_uint64(name, value)

    def type_bool(self, name: str | None, value: bool) -> bool:
        """A boolean (visit_type_bool)."""
        raise NotImplementedError

    def type_str(self, name: str | None, value: str) -> str:
        """A string (visit_type_str)."""
        raise NotImplementedError

    def type_number(self, name: str | None, value: float) -> float:
        """A floating point number (visit_type_number)."""
        raise NotImplementedError

    def type_any(self, name: str | None, value: JSONValue) -> JSONValue:
        """Whatever is there (visit_type_any)."""
        raise NotImplementedError

    def type_null(self, name: str | None) -> None:
        """JSON's null (visit_type_null)."""
        raise NotImplementedError

    def start_struct(self, name: str | None) -> None:
        """Enter an object; its members follow by name (visit_start_struct)."""
        raise NotImplementedError

    def check_struct(self) -> None:
        """Complain about members that nobody visited (visit_check_struct)."""

    def end_struct(self) -> None:
        """Leave the object (visit_end_struct)."""
        raise NotImplementedError

    def start_list(self, name: str | None, length: int = 0) -> int:
        """Enter a list and return how many elements follow (visit_start_list)."""
        raise NotImplementedError

    def end_list(self) -> None:
        """Leave the list (visit_end_list)."""
        raise NotImplementedError

    def optional(self, name: str, present: bool) -> bool:
        """Whether an optional member is there (visit_optional)."""
        return present

    def qtype(self, name: str | None) -> type:
        """The Python type of the value that comes next, for alternates (visit_start_alternate)."""
        raise NotImplementedError

    def _unsigned(self, name: str | None, value: int, bits: int) -> int:
        value = self.type_uint64(name, value)
        if value >> bits:
            raise expects(name or "null", f"uint{bits}_t")
        return value

    def _signed(self, name: str | None, value: int, bits: int) -> int:
        value = self.type_int64(name, value)
        if not -(1 << bits - 1) <= value < 1 << bits - 1:
            raise expects(name or "null", f"int{bits}_t")
        return value

    def type_int(self, name: str | None, value: int) -> int:
        """A signed 64-bit number under its short name (visit_type_int)."""
        return self.type_int64(name, value)

    def type_uint8(self, name: str | None, value: int) -> int:
        """0 to 255 (visit_type_uint8)."""
        return self._unsigned(name, value, 8)

    def type_uint16(self, name: str | None, value: int) -> int:
        """0 to 65535 (visit_type_uint16)."""
        return self._unsigned(name, value, 16)

    def type_uint32(self, name: str | None, value: int) -> int:
        """0 to 2**32 - 1 (visit_type_uint32)."""
        return self._unsigned(name, value, 32)

    def type_int8(self, name: str | None, value: int) -> int:
        """-128 to 127 (visit_type_int8)."""
        return self._signed(name, value, 8)

    def type_int16(self, name: str | None, value: int) -> int:
        """-32768 to 32767 (visit_type_int16)."""
        return self._signed(name, value, 16)

    def type_int32(self, name: str | None, value: int) -> int:
        """-2**31 to 2**31 - 1 (visit_type_int32)."""
        return self._signed(name, value, 32)

    def type_enum(self, name: str | None, value: E, enum: type[E]) -> E:
        """A word of a QAPI enumeration (visit_type_enum)."""
        word = self.type_str(name, value.value)
        if not self.is_input:
            return value
        for member in enum:
            if member.value == word:
                return member
        raise Error(f"Parameter '{name or 'null'}' does not accept value '{word}'")


@dataclass
class _Container:
    """An object or a list that an input visitor is in."""

    name: str | None
    value: Mapping[str, JSONValue] | Sequence[JSONValue]
    unvisited: set[str] = field(default_factory=set)
    index: int = -1


class QObjectInputVisitor(Visitor):
    """Reads a JSON value; its types must be right.

    At the root the member's name is only used in messages. Inside `start_struct` it selects.
    """

    element = "[{}]"

    def __init__(self, root: JSONValue) -> None:
        self.root = root
        self.stack: list[_Container] = []

    def full_name(self, name: str | None) -> str:
        """Where we are, such as "a.b[0]" (full_name_nth)."""
        text = ""
        for container in reversed(self.stack):
            if isinstance(container.value, Mapping):
                text = "." + (name or "<anonymous>") + text
            else:
                text = self.element.format(container.index) + text
            name = container.name
        if name is not None:
            return name + text
        return text.removeprefix(".") or "<anonymous>"

    def _has(self, name: str | None) -> bool:
        if not self.stack:
            return True
        top = self.stack[-1]
        if isinstance(top.value, Mapping):
            return name in top.value
        return top.index + 1 < len(top.value)

    def _next(self, name: str | None, consume: bool = True) -> JSONValue:
        if not self.stack:
            return self.root
        top = self.stack[-1]
        if isinstance(top.value, Mapping):
            if name is None:
                raise Abort("a member of an object is visited by name")
            if name not in top.value:
                raise Error(f"Parameter '{self.full_name(name)}' is missing")
            if consume:
                top.unvisited.discard(name)
            return top.value[name]
        index = top.index + 1
        if consume:
            top.index = index
        if index >= len(top.value):
            raise Error(f"Parameter '{self.full_name(name)}' is missing")
        return top.value[index]

    def type_int64(self, name: str | None, value: int) -> int:
        given = self._next(name)
        if not _is_int(given) or not INT64_MIN <= given <= INT64_MAX:
            raise invalid_type(self.full_name(name), "integer")
        return given

    def type_uint64(self, name: str | None, value: int) -> int:
        given = self._next(name)
        # A negative number is taken and wraps, for compatibility with what QEMU once did.
        if not _is_int(given) or not INT64_MIN <= given <= UINT64_MAX:
            raise expects(self.full_name(name), "uint64")
        return given & UINT64_MAX

    def type_bool(self, name: str | None, value: bool) -> bool:
        given = self._next(name)
        if not isinstance(given, bool):
            raise invalid_type(self.full_name(name), "boolean")
        return given

    def type_str(self, name: str | None, value: str) -> str:
        given = self._next(name)
        if not isinstance(given, str):
            raise invalid_type(self.full_name(name), "string")
        return given

    def type_number(self, name: str | None, value: float) -> float:
        given = self._next(name)
        if isinstance(given, bool) or not isinstance(given, (int, float)):
            raise invalid_type(self.full_name(name), "number")
        return float(given)

    def type_any(self, name: str | None, value: JSONValue) -> JSONValue:
        return self._next(name)

    def type_null(self, name: str | None) -> None:
        if self._next(name) is not None:
            raise invalid_type(self.full_name(name), "null")

    def start_struct(self, name: str | None) -> None:
        given = self._next(name)
        if not isinstance(given, Mapping):
            raise invalid_type(self.full_name(name), "object")
        self.stack.append(_Container(name, given, set(given)))

    def check_struct(self) -> None:
        for name in sorted(self.stack[-1].unvisited):
            raise Error(f"Parameter '{self.full_name(name)}' is unexpected")

    def end_struct(self) -> None:
        self.stack.pop()

    def start_list(self, name: str | None, length: int = 0) -> int:
        given = self._next(name)
        if not isinstance(given, Sequence) or isinstance(given, str):
            raise invalid_type(self.full_name(name), "array")
        self.stack.append(_Container(name, given))
        return len(given)

    def end_list(self) -> None:
        self.stack.pop()

    def optional(self, name: str, present: bool) -> bool:
        return self._has(name)

    def qtype(self, name: str | None) -> type:
        return type(self._next(name, consume=False))


def _is_int(value: JSONValue) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


class KeyvalInputVisitor(QObjectInputVisitor):
    """Reads what `key=value,...` gave: objects and lists of strings, nothing else."""

    element = ".{}"

    def _text(self, name: str | None) -> str:
        given = self._next(name)
        if isinstance(given, str):
            return given
        if isinstance(given, (Mapping, Sequence)):
            raise Error(f"Parameters '{self.full_name(name)}.*' are unexpected")
        raise Error(f"Internal error: parameter {self.full_name(name)} invalid")

    def type_int64(self, name: str | None, value: int) -> int:
        try:
            return strtoi64(self._text(name))
        except (NoNumber, OutOfRange):
            raise expects(self.full_name(name), "integer") from None

    def type_uint64(self, name: str | None, value: int) -> int:
        try:
            return strtou64(self._text(name))
        except (NoNumber, OutOfRange):
            raise expects(self.full_name(name), "integer") from None

    def type_size(self, name: str | None, value: int) -> int:
        try:
            return strtosz(self._text(name))
        except (NoNumber, OutOfRange):
            raise expects(self.full_name(name), "size") from None

    def type_bool(self, name: str | None, value: bool) -> bool:
        return bool_parse(self.full_name(name), self._text(name))

    def type_str(self, name: str | None, value: str) -> str:
        return self._text(name)

    def type_number(self, name: str | None, value: float) -> float:
        try:
            return finite(self._text(name))
        except ValueError:
            raise invalid_type(self.full_name(name), "number") from None


def finite(text: str) -> float:
    """A floating point number that is not infinite (qemu_strtod_finite).

    Raises:
        ValueError: it is no number or not finite.
    """
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


class StringInputVisitor(Visitor):
    """Reads one bare string; its messages name 64-bit types whatever the property's width.

    A list is one of numbers and ranges, "1,4-6". What else QEMU cannot read from a bare string it
    aborts at; here that is an error.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._elements: list[int | None] | None = None

    def start_list(self, name: str | None, length: int = 0) -> int:
        self._elements = _numbers_and_ranges(self.text)
        return len(self._elements)

    def end_list(self) -> None:
        self._elements = None

    def _element(self, name: str | None, kind: str) -> int:
        number = self._elements.pop(0) if self._elements else None
        if number is None:
            raise expects(name or "null", f"list of {kind} values or ranges")
        return number

    def type_int64(self, name: str | None, value: int) -> int:
        if self._elements is not None:
            return self._element(name, "int64")
        try:
            return strtoi64(self.text)
        except (NoNumber, OutOfRange):
            raise expects(name or "null", "int64") from None

    def type_uint64(self, name: str | None, value: int) -> int:
        if self._elements is not None:
            return self._element(name, "uint64") & UINT64_MAX
        try:
            return strtou64(self.text)
        except (NoNumber, OutOfRange):
            raise expects(name or "null", "uint64") from None

    def type_size(self, name: str | None, value: int) -> int:
        try:
            return strtosz(self.text)
        except OutOfRange:
            raise Error(f"Value '{self.text}' is out of range for parameter '{name}'") from None
        except NoNumber:
            error = expects(name or "null", "a non-negative number below 2^64")
            error.append_hint(
                "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\n"
                "and exabytes, respectively.\n"
            )
            raise error from None

    def type_bool(self, name: str | None, value: bool) -> bool:
        return bool_parse(name or "null", self.text)

    def type_str(self, name: str | None, value: str) -> str:
        if self._elements is not None:
            raise Error(f"Parameter '{name or 'null'}' can't be given as a bare string")
        return self.text

    def type_number(self, name: str | None, value: float) -> float:
        try:
            return finite(self.text)
        except ValueError:
            raise invalid_type(name or "null", "number") from None

    def type_null(self, name: str | None) -> None:
        if self.text:
            raise invalid_type(name or "null", "null")

    def qtype(self, name: str | None) -> type:
        # QEMU aborts here: this visitor has no alternates, and -global T.addr=5 is the way to it.
        raise Error(f"Parameter '{name or 'null'}' can't be given as a bare string")


# More elements than this in one range is taken for a mistake.
_RANGE_MAX = 65536


def _numbers_and_ranges(text: str) -> list[int | None]:
    """The numbers that "1,4-6" stands for; None last where it cannot be read on."""
    found: list[int | None] = []
    while text:
        first, length = strtol(text)
        last, text = first, text[length:]
        if length and text.startswith("-"):
            last, length = strtol(text[1:])
            text = text[1 + length :]
        if not length or text[:1] not in ("", ",") or not 0 <= last - first < _RANGE_MAX:
            return [*found, None]
        found.extend(range(first, last + 1))
        text = text[1:]
    return found
