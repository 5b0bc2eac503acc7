# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: D102 - Visitor documents the methods
"""Output visitors: a property's value as JSON (qom-get) or as text (info qtree)."""

from __future__ import annotations

from .cutils import INT64_MAX
from .errors import Abort
from .visitors import JSONValue, Visitor


class QObjectOutputVisitor(Visitor):
    """Builds the JSON value (qapi/qobject-output-visitor.c)."""

    is_input = False

    def __init__(self) -> None:
        self._values: list[JSONValue] = []
        self._stack: list[dict[str, JSONValue] | list[JSONValue]] = []

    def complete(self) -> JSONValue:
        """The value that was visited (visit_complete).

        Raises:
            Abort: nothing was visited, or an object or a list is still open.
        """
        if self._stack or len(self._values) != 1:
            raise Abort("the visit of the output visitor is not complete")
        return self._values[0]

    def _add(self, name: str | None, value: JSONValue) -> None:
        if not self._stack:
            self._values = [value]
        elif isinstance(top := self._stack[-1], dict):
            top[name or ""] = value
        else:
            top.append(value)

    def type_int64(self, name: str | None, value: int) -> int:
        self._add(name, value)
        return value

    def type_uint64(self, name: str | None, value: int) -> int:
        self._add(name, value)
        return value

    def type_bool(self, name: str | None, value: bool) -> bool:
        self._add(name, value)
        return value

    def type_str(self, name: str | None, value: str) -> str:
        self._add(name, value)
        return value

    def type_number(self, name: str | None, value: float) -> float:
        self._add(name, value)
        return value

    def type_any(self, name: str | None, value: JSONValue) -> JSONValue:
        self._add(name, value)
        return value

    def type_null(self, name: str | None) -> None:
        self._add(name, None)

    def start_struct(self, name: str | None) -> None:
        members: dict[str, JSONValue] = {}
        self._add(name, members)
        self._stack.append(members)

    def end_struct(self) -> None:
        self._stack.pop()

    def start_list(self, name: str | None, length: int = 0) -> int:
        elements: list[JSONValue] = []
        self._add(name, elements)
        self._stack.append(elements)
        return length

    def end_list(self) -> None:
        self._stack.pop()


class StringOutputVisitor(Visitor):
    """Builds a text (qapi/string-output-visitor.c).

    `human` puts strings in quotes and adds a second form to numbers: "16 (0x10)", "4096 (4 KiB)".
    """

    is_input = False

    def __init__(self, human: bool = False) -> None:
        self.human = human
        self._parts: list[str] = []
        self._numbers: list[int] = []
        self._lists = 0
        self._structs = 0

    def complete(self) -> str:
        """The text (visit_complete)."""
        if self._numbers:
            text = _ranges(self._numbers, "d")
            return f"{text} ({_ranges(self._numbers, 'x')})" if self.human else text
        return ", ".join(self._parts)

    def _add(self, text: str) -> None:
        if not self._structs:
            if not self._lists:
                self._parts.clear()
            self._parts.append(text)

    def type_int64(self, name: str | None, value: int) -> int:
        if not self._structs:
            self._numbers.append(value)
        return value

    def type_uint64(self, name: str | None, value: int) -> int:
        # QEMU prints numbers of this size as signed ones.
        self.type_int64(name, value - (1 << 64) if value > INT64_MAX else value)
        return value

    def type_size(self, name: str | None, value: int) -> int:
        self._add(f"{value} ({size_to_str(value)})" if self.human else str(value))
        return value

    def type_bool(self, name: str | None, value: bool) -> bool:
        self._add("true" if value else "false")
        return value

    def type_str(self, name: str | None, value: str) -> str:
        self._add(f'"{value}"' if self.human else value)
        return value

    def type_number(self, name: str | None, value: float) -> float:
        self._add(f"{value:.17g}")
        return value

    def type_null(self, name: str | None) -> None:
        self._add("<null>" if self.human else "")

    def start_struct(self, name: str | None) -> None:
        self._structs += 1

    def end_struct(self) -> None:
        self._structs -= 1
        self._add("<omitted>")

    def start_list(self, name: str | None, length: int = 0) -> int:
        self._lists += 1
        return length

    def end_list(self) -> None:
        self._lists -= 1


def _ranges(numbers: list[int], style: str) -> str:
    """1, 2, 3, 7 as "1-3,7"; QEMU joins neighbours whatever their order."""
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and runs[-1][1] + 1 == number:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(
        (
            _number(first, style)
            if first == last
            else f"{_number(first, style)}-{_number(last, style)}"
        )
        for first, last in runs
    )


def _number(value: int, style: str) -> str:
    return f"{value & (1 << 64) - 1:#x}" if style == "x" else str(value)


def size_to_str(size: int) -> str:
    """A size with three digits and a binary unit, "4 KiB" (util/cutils.c, size_to_str)."""
    # Sizes from 1000 of one unit on are shown in the next one, so that there are never four digits.
    power = max(0, ((size * 1024 // 1000) or 1).bit_length() - 1) // 10
    unit = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")[power]
    return f"{size / (1 << 10 * power):0.3g} {unit}B"
