# SPDX-License-Identifier: GPL-2.0-or-later
"""JSON as QEMU reads it: with 'single quotes' too, and with its own complaints (qobject/json-*.c)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NoReturn

from .cutils import INT64_MIN, UINT64_MAX
from .errors import Error
from .visitors import JSONValue

# QEMU allows 1024; Python's own stack is smaller.
_MAX_NESTING = 256

_BLANK = re.compile(r"[ \t\r\n]+")
_TOKEN = re.compile(
    r"""(?P<mark>[{}\[\],:])
    |(?P<string>"(?:[^\x00-\x1f\\"]|\\[^\x00-\x1f])*"|'(?:[^\x00-\x1f\\']|\\[^\x00-\x1f])*')
    |(?P<float>-?(?:0\.[0-9]+|[1-9][0-9]*\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?![0-9eE])
              |-?[1-9][0-9]*[eE][+-]?[0-9]+)
    |(?P<integer>-?(?:0(?![0-9.])|[1-9][0-9]*(?![0-9.eE])))
    |(?P<keyword>[a-z]+)""",
    re.VERBOSE,
)
# As far as a token goes well; the character after it is the one that does not fit.
_BEGINNING = re.compile(
    r""""(?:[^\x00-\x1f\\"]|\\[^\x00-\x1f])*\\?|'(?:[^\x00-\x1f\\']|\\[^\x00-\x1f])*\\?
    |-?(?:0|[1-9][0-9]*)?(?:(?<=[0-9])\.(?:[0-9]+(?:[eE][+-]?)?)?|(?<=[1-9])[0-9]*[eE][+-]?)?""",
    re.VERBOSE,
)
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"} | {c: c for c in "\"'\\/"}

_Token = tuple[str, str]


def _fail(why: str) -> NoReturn:
    raise Error(f"JSON parse error, {why}")


def _tokens(text: str) -> Iterator[_Token]:
    """The tokens of a text; a last one "stray" for what is none."""
    at = 0
    while at < len(text):
        if blank := _BLANK.match(text, at):
            at = blank.end()
        elif token := _TOKEN.match(text, at):
            yield token.lastgroup or "", token[0]
            at = token.end()
        else:
            beginning = _BEGINNING.match(text, at)
            end = (beginning.end() if beginning else at) + 1
            yield "stray", text[at:end]
            return


def qobject_from_json(text: str) -> JSONValue:
    """The one JSON value in a text (qobject_from_json).

    Raises:
        Error: it is not well-formed, or there is more than one.
    """
    found: list[JSONValue] = []
    pending: list[_Token] = []
    depth = {"{": 0, "[": 0}
    for kind, lexeme in _tokens(text):
        if found:
            raise Error("Expecting at most one JSON value")
        if kind == "stray":
            _fail(f"stray '{lexeme}'")
        pending.append((kind, lexeme))
        if kind == "mark" and lexeme in "{[":
            depth[lexeme] += 1
        elif kind == "mark" and lexeme in "}]":
            depth["{" if lexeme == "}" else "["] -= 1
        if sum(depth.values()) > _MAX_NESTING:
            raise Error("JSON nesting depth limit exceeded")
        if min(depth.values()) < 0 or not any(depth.values()):
            found.append(_Parser(pending).value())
            pending = []
    if pending:
        found.append(_Parser(pending).value())
    if not found:
        raise Error("Expecting a JSON value")
    return found[0]


class _Parser:
    """Makes a value of tokens (qobject/json-parser.c)."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0

    def _peek(self) -> _Token:
        if self._at == len(self._tokens):
            _fail("premature EOI")
        return self._tokens[self._at]

    def _pop(self) -> _Token:
        token = self._peek()
        self._at += 1
        return token

    def value(self) -> JSONValue:
        """The value that begins here."""
        kind, lexeme = self._peek()
        if lexeme == "{" and kind == "mark":
            return self._object()
        if lexeme == "[" and kind == "mark":
            return self._array()
        if kind == "mark":
            _fail("expecting value")
        self._pop()
        if kind == "string":
            return _string(lexeme)
        if kind == "keyword":
            if lexeme not in ("true", "false", "null"):
                _fail(f"invalid keyword '{lexeme}'")
            return {"true": True, "false": False}.get(lexeme)
        if kind == "integer" and INT64_MIN <= int(lexeme) <= UINT64_MAX:
            return int(lexeme)
        return float(lexeme)

    def _object(self) -> JSONValue:
        members: dict[str, JSONValue] = {}
        self._pop()
        if self._peek()[1] == "}":
            self._pop()
            return members
        while True:
            self._pair(members)
            _, lexeme = self._pop()
            if lexeme == "}":
                return members
            if lexeme != ",":
                _fail("expected separator in dict")

    def _pair(self, members: dict[str, JSONValue]) -> None:
        key = self.value()
        if not isinstance(key, str):
            _fail("key is not a string in object")
        if self._pop() != ("mark", ":"):
            _fail("missing : in object pair")
        value = self.value()
        if key in members:
            _fail("duplicate key")
        members[key] = value

    def _array(self) -> JSONValue:
        elements: list[JSONValue] = []
        self._pop()
        if self._peek() == ("mark", "]"):
            self._pop()
            return elements
        while True:
            elements.append(self.value())
            token = self._pop()
            if token == ("mark", "]"):
                return elements
            if token != ("mark", ","):
                _fail("expected separator in list")


def _string(lexeme: str) -> str:
    text = ""
    at = 1
    while at < len(lexeme) - 1:
        char = lexeme[at]
        at += 1
        if char != "\\":
            text += char
            continue
        escape = lexeme[at]
        at += 1
        if escape == "u":
            char, at = _unicode(lexeme, at)
            text += char
        elif escape in _ESCAPES:
            text += _ESCAPES[escape]
        else:
            _fail("invalid escape sequence in string")
    return text


def _hex4(lexeme: str, at: int) -> int:
    digits = lexeme[at : at + 4]
    return int(digits, 16) if re.fullmatch("[0-9a-fA-F]{4}", digits) else -1


def _unicode(lexeme: str, at: int) -> tuple[str, int]:
    """The character after a backslash and "u", maybe with a second half, and where it ends."""
    start = at - 2
    code = _hex4(lexeme, at)
    at += 4
    if 0xD800 <= code <= 0xDBFF and lexeme[at : at + 2] == "\\u":
        second = _hex4(lexeme, at + 2)
        if 0xDC00 <= second <= 0xDFFF:
            code = 0x10000 + ((code & 0x3FF) << 10) + (second & 0x3FF)
            at += 6
        else:
            code = -1
    # QEMU takes no half of a pair and none of the codes that are no characters.
    if code < 0 or 0xD800 <= code <= 0xDFFF or code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF:
        _fail(f"{lexeme[start:at]} is not a valid Unicode character")
    return chr(code), at
