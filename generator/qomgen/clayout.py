# SPDX-License-Identifier: GPL-2.0-or-later
"""C as QEMU's coding style lays it out: 80 columns, arguments aligned below the first one."""

from __future__ import annotations

from dataclasses import dataclass

from qomgen.encode import CCode, CComment, CIdent, CString, Encoded

WIDTH = 80
"""docs/devel/style.rst."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call or a macro use."""

    function: CIdent
    arguments: tuple[Encoded, ...]
    comment: CComment | None = None
    """Stands behind the first argument; each argument then has a line of its own."""


@dataclass(frozen=True, slots=True)
class Assign:
    """An assignment."""

    target: Encoded
    operator: str
    """`=` or `|=`."""
    value: Encoded


def call(value: Call, indent: int, ending: str = ";") -> CCode:
    """
    Lay out `value` from column `indent`.

    Args:
        value: the call.
        indent: columns before it.
        ending: what follows the closing parenthesis.
    """
    head = " " * indent + f"{value.function}("
    if value.comment is not None:
        return _one_a_line(head, value, ending)
    flat = head + ", ".join(str(each) for each in value.arguments) + ")" + ending
    if len(flat) <= WIDTH:
        return CCode(flat)
    column = len(head)
    lines, line = [], head
    last = len(value.arguments) - 1
    for index, argument in enumerate(value.arguments):
        text = str(argument)
        after = ")" + ending if index == last else ","
        separator = "" if line == head or not line.strip() else " "
        if (
            len(line) + len(separator) + len(text) + len(after) > WIDTH
            and line != head
            and line.strip()
        ):
            lines.append(line)
            line, separator = " " * column, ""
        if (
            isinstance(argument, CString)
            and len(line) + len(separator) + len(text) + len(after) > WIDTH
        ):
            pieces = argument.pieces(WIDTH - len(line) - len(separator) - len(after))
            lines.append(line + separator + pieces[0])
            lines.extend(" " * column + piece for piece in pieces[1:-1])
            line = " " * column + pieces[-1] + after
        else:
            line += separator + text + after
    lines.append(line)
    return CCode("\n".join(lines))


def _one_a_line(head: str, value: Call, ending: str) -> CCode:
    column = len(head)
    first, *rest = value.arguments
    lines = [f"{head}{first}, /* {value.comment} */"]
    for index, argument in enumerate(rest):
        after = ")" + ending if index == len(rest) - 1 else ","
        pieces = [str(argument)]
        if isinstance(argument, CString):
            pieces = argument.pieces(WIDTH - column - len(after))
        lines.extend(" " * column + piece for piece in pieces)
        lines[-1] += after
    return CCode("\n".join(lines))


def assign(value: Assign, indent: int) -> CCode:
    """Lay out `value` from column `indent`, with its semicolon."""
    head = " " * indent + f"{value.target} {value.operator}"
    flat = f"{head} {value.value};"
    if len(flat) <= WIDTH:
        return CCode(flat)
    column = indent + 4
    pieces = [str(value.value)]
    if isinstance(value.value, CString):
        pieces = value.value.pieces(WIDTH - column - 1)
    return CCode("\n".join([head, *(" " * column + piece for piece in pieces)]) + ";")


def declaration(text: Encoded, indent: int) -> CCode:
    """A declaration with its semicolon; a long parameter list goes on below its first parameter."""
    flat = " " * indent + f"{text};"
    if len(flat) <= WIDTH:
        return CCode(flat)
    opening = flat.rfind("(", 0, flat.rfind(")"))
    words = flat[opening + 1 :].split(", ")
    lines, line = [], flat[: opening + 1]
    for index, word in enumerate(words):
        piece = word + ("," if index < len(words) - 1 else "")
        if len(line) + 1 + len(piece) > WIDTH and index:
            lines.append(line)
            line = " " * (opening + 1) + piece
        else:
            line += (" " if index else "") + piece
    lines.append(line)
    return CCode("\n".join(lines))


def comment(text: CComment, indent: int) -> CCode:
    """A comment of its own, on one line if it fits."""
    flat = " " * indent + f"/* {text} */"
    if len(flat) <= WIDTH:
        return CCode(flat)
    margin = " " * indent + " *"
    lines = [" " * indent + "/*"]
    line = margin
    for word in str(text).split():
        if len(line) + 1 + len(word) > WIDTH and line != margin:
            lines.append(line)
            line = margin
        line += " " + word
    return CCode("\n".join([*lines, line, margin + "/"]))


def paragraph(text: CComment) -> CCode:
    """Lines of a comment that is open already, each after ` * `."""
    lines, line = [], " *"
    for word in str(text).split():
        if len(line) + 1 + len(word) > WIDTH and line != " *":
            lines.append(line)
            line = " *"
        line += " " + word
    return CCode("\n".join([*lines, line]))
