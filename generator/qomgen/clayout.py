# SPDX-License-Identifier: GPL-2.0-or-later
"""C as QEMU's coding style lays it out: 80 columns, arguments aligned below the first one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qomgen.encode import CCode, CComment, CIdent, CString, Encoded

WIDTH = 80
"""docs/devel/style.rst."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call or a macro use."""

    function: CIdent | CCode
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

    Arguments stand below the first one; where one of them would not fit there, all start on a line of their own.

    Args:
        value: the call.
        indent: columns before it.
        ending: what follows the closing parenthesis.
    """
    head = " " * indent + f"{value.function}("
    if value.comment is not None:
        return _commented(head, value, value.comment, indent, ending)
    flat = head + ", ".join(str(each) for each in value.arguments) + ")" + ending
    if len(flat) <= WIDTH:
        return CCode(flat)
    aligned = _filled(head, len(head), value.arguments, ")" + ending)
    if _fits(aligned):
        return CCode("\n".join(aligned))
    hanging = [head, *_filled(" " * (indent + 4), indent + 4, value.arguments, ")" + ending)]
    return CCode("\n".join(hanging if _fits(hanging[1:]) else aligned))


def initialiser(values: Sequence[Encoded], indent: int) -> CCode:
    """A struct's initialiser in a table, with its comma: as many `values` a line as fit from column `indent`."""
    head = " " * indent + "{ "
    return CCode("\n".join(_filled(head, indent + 2, values, " },")))


def _fits(lines: list[str]) -> bool:
    return all(len(line) <= WIDTH for line in lines)


def _filled(start: str, column: int, arguments: Sequence[Encoded], ending: str) -> list[str]:
    """`arguments` behind `start`, as many a line as fit; further lines begin at `column`."""
    lines, line, is_empty = [], start, True
    for index, argument in enumerate(arguments):
        text = str(argument)
        after = ending if index == len(arguments) - 1 else ","
        if not is_empty and len(line) + 1 + len(text) + len(after) > WIDTH:
            lines.append(line)
            line, is_empty = " " * column, True
        line += "" if is_empty else " "
        room = WIDTH - len(line) - len(after)
        pieces = argument.pieces(room) if isinstance(argument, CString) else [text]
        for piece in pieces[:-1]:
            lines.append(line + piece)
            line = " " * column
        line += pieces[-1] + after
        is_empty = False
    return [*lines, line]


def _commented(head: str, value: Call, about: CComment, indent: int, ending: str) -> CCode:
    """The call with a comment behind its first argument, and then an argument a line."""
    first, *rest = value.arguments
    column = len(head)
    start = f"{head}{first}{',' if rest else ')' + ending} /* {about} */"
    if len(start) > WIDTH:
        without = call(Call(value.function, value.arguments), indent, ending)
        return CCode.join(comment(about, indent), "\n", without)
    lines = [start]
    for index, argument in enumerate(rest):
        after = ")" + ending if index == len(rest) - 1 else ","
        lines += _filled(" " * column, column, [argument], after)
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
    opening = _last_parenthesis(flat)
    if len(flat) <= WIDTH or opening is None:
        return CCode(flat)
    parameters = [CCode(each) for each in flat[opening + 1 : -2].split(", ")]
    return CCode("\n".join(_filled(flat[: opening + 1], opening + 1, parameters, ");")))


def _last_parenthesis(declared: str) -> int | None:
    """Where the parameter list opens that ends `declared`; None if it ends otherwise."""
    if not declared.endswith(");"):
        return None
    depth = 0
    for index in range(len(declared) - 2, -1, -1):
        depth += {")": 1, "(": -1}.get(declared[index], 0)
        if depth == 0:
            return index
    return None


def signature(name: CIdent, parameters: Sequence[str], returns: str = "void") -> CCode:
    """
    The first lines of a static function.

    Args:
        name: the function's name.
        parameters: the generator's own text, no spec's.
        returns: the type of what it returns, likewise.
    """
    head = f"static {returns}{'' if returns.endswith('*') else ' '}{name}("
    encoded = [CCode(each) for each in parameters]
    aligned = _filled(head, len(head), encoded, ")")
    if not _fits(aligned):
        aligned = [head, *_filled("    ", 4, encoded, ")")]
    return CCode("\n".join(aligned))


def define(name: CIdent, value: Encoded) -> CCode:
    """A macro without parameters; the value goes on a second line if it must."""
    flat = f"#define {name} {value}"
    return CCode(flat if len(flat) <= WIDTH else f"#define {name} \\\n    {value}")


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
