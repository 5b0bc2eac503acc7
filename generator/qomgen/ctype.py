# SPDX-License-Identifier: GPL-2.0-or-later
"""
C types of struct fields, read by a closed grammar and printed again from the parse: never copied.

    declarator  = base {"*" ["const"]} [function] {"[" size "]"}
                | LIST "(" [identifier] "," identifier ")"  |  LIST "(" identifier ")"
    base        = {"const" | "volatile"} ( ("struct" | "union" | "enum") identifier | arithmetic type | identifier )
    function    = "(" "*" ")" "(" [parameter {"," parameter}] ")"
    parameter   = declarator [identifier]          (the name before any array size)
    size        = constant {("+" | "-") constant}
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from qomgen.reserved import C_KEYWORDS

_TOKEN = re.compile(r"\s*(?:([A-Za-z_][A-Za-z0-9_]*)|(0[xX][0-9a-fA-F]+|[0-9]+)|([*()\[\],+\-]))")
_QUALIFIERS = frozenset({"const", "volatile"})
_TAGS = frozenset({"struct", "union", "enum"})
_ARITHMETIC = frozenset(
    tuple(sorted(f"{sign} {words}".split()))
    for signs, types in (
        (("", "signed", "unsigned"), ("char", "short", "short int", "int", "long", "long int")),
        (("", "signed", "unsigned"), ("long long", "long long int")),
        (("signed", "unsigned", "float", "double", "long double", "bool", "void"), ("",)),
    )
    for sign in signs
    for words in types
)
"""The words of every arithmetic type, sorted: C takes them in any order (ISO C11, 6.7.2)."""
_ARITHMETIC_WORDS = frozenset(word for words in _ARITHMETIC for word in words)
_LISTS = frozenset(
    f"{kind}_{part}"
    for kind in ("QLIST", "QSIMPLEQ", "QTAILQ", "QSLIST")
    for part in ("HEAD", "ENTRY")
)

MAX_SIZE = (1 << 31) - 1
"""Largest number in an array bound."""


class CTypeError(ValueError):
    """The text is no type of the grammar; the message says at which column (from 1) and why."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a function pointer."""

    ctype: CType
    name: str | None

    def __str__(self) -> str:
        return self.ctype.declare(self.name) if self.name else str(self.ctype)


@dataclass(frozen=True, slots=True)
class CType:
    """A C type; `str()` prints it as an abstract declarator."""

    base: str
    pointers: tuple[str, ...] = ()
    """One entry a level: "" or "const"."""
    function: tuple[Parameter, ...] | None = None
    """Parameters, if this is a pointer to a function that returns base and pointers."""
    sizes: tuple[str, ...] = ()
    """Array bounds, outermost first."""

    @property
    def stars(self) -> str:
        """The pointer part as written before a name."""
        return "".join("*const " if each else "*" for each in self.pointers).rstrip()

    def declare(self, name: str) -> str:
        """A declaration of `name`, without the semicolon."""
        stars = self.stars + (" " if self.stars.endswith("const") else "")
        sizes = "".join(f"[{size}]" for size in self.sizes)
        if self.function is None:
            return f"{self.base} {stars}{name}{sizes}"
        return f"{self.base} {stars}(*{name}{sizes})({self.parameters})"

    @property
    def parameters(self) -> str:
        """The parameter list of a function pointer; `void` if it takes none."""
        return ", ".join(str(parameter) for parameter in self.function or ()) or "void"

    def __str__(self) -> str:
        sizes = "".join(f"[{size}]" for size in self.sizes)
        if self.function is None:
            return f"{self.base}{' ' if self.stars else ''}{self.stars}{sizes}"
        return f"{self.base} {self.stars}(*{sizes})({self.parameters})"

    @property
    def is_function(self) -> bool:
        """Whether this is a pointer to a function."""
        return self.function is not None

    @property
    def pointee(self) -> CType | None:
        """What a plain pointer points at; None for anything else."""
        if self.function is not None or self.sizes or not self.pointers:
            return None
        return CType(self.base, self.pointers[:-1])

    @property
    def element(self) -> CType | None:
        """An array's element type; None for anything else."""
        if not self.sizes:
            return None
        return CType(self.base, self.pointers, self.function, self.sizes[1:])


def parse(text: str) -> CType:
    """
    Read a type.

    Raises:
        CTypeError: if `text` is none.
    """
    reader = _Reader(text)
    ctype, name = reader.declarator(named=False)
    reader.end()
    assert name is None
    return ctype


class _Reader:
    """Recursive descent over the tokens of one type; nesting is bounded by the text's length limit."""

    MAX_LENGTH = 400

    def __init__(self, text: str) -> None:
        if len(text) > self.MAX_LENGTH:
            raise CTypeError(f"a type of more than {self.MAX_LENGTH} characters")
        self.tokens: list[tuple[str, int]] = []
        position = 0
        stripped = text.rstrip()
        while position < len(stripped):
            match = _TOKEN.match(stripped, position)
            if match is None:
                bad = stripped[position:].lstrip()[0]
                raise CTypeError(
                    f"column {stripped.index(bad, position) + 1}: '{bad}' is not part of a type"
                )
            self.tokens.append(
                (match.group().strip(), match.end() - len(match.group().strip()) + 1)
            )
            position = match.end()
        self.index = 0

    def peek(self, ahead: int = 0) -> str:
        where = self.index + ahead
        return self.tokens[where][0] if where < len(self.tokens) else ""

    def take(self) -> str:
        token = self.peek()
        self.index += 1
        return token

    def fail(self, wanted: str) -> CTypeError:
        if self.index < len(self.tokens):
            token, column = self.tokens[self.index]
            return CTypeError(f"column {column}: '{token}' where {wanted} belongs")
        return CTypeError(f"it ends where {wanted} belongs")

    def expect(self, token: str) -> None:
        if self.peek() != token:
            raise self.fail(f"'{token}'")
        self.take()

    def end(self) -> None:
        if self.index < len(self.tokens):
            raise self.fail("the end")

    def identifier(self) -> str:
        token = self.peek()
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", token) or token in C_KEYWORDS:
            raise self.fail("an identifier")
        return self.take()

    def declarator(self, *, named: bool) -> tuple[CType, str | None]:
        if self.peek() in _LISTS:
            if named:
                raise self.fail("a parameter")
            return CType(self.list_macro()), None
        base = self.base()
        pointers = []
        while self.peek() == "*":
            self.take()
            pointers.append(self.take() if self.peek() == "const" else "")
        function = None
        sizes: tuple[str, ...] = ()
        name = None
        if self.peek() == "(":
            self.take()
            self.expect("*")
            if named and self.peek() not in ("[", ")"):
                name = self.identifier()
            sizes = self.sizes()
            self.expect(")")
            function = self.parameter_list()
        else:
            if named and self.peek() not in ("", "[", ",", ")"):
                name = self.identifier()
            sizes = self.sizes()
            if not pointers and base.split()[-1] == "void":
                raise CTypeError("void without a * is the type of nothing")
        return CType(base, tuple(pointers), function, sizes), name

    def list_macro(self) -> str:
        macro = self.take()
        self.expect("(")
        if macro.endswith("_HEAD"):
            tag = "" if self.peek() == "," else self.identifier()
            self.expect(",")
            text = f"{macro}({tag}, {self.identifier()})"
        else:
            text = f"{macro}({self.identifier()})"
        self.expect(")")
        return text

    def base(self) -> str:
        words = []
        while self.peek() in _QUALIFIERS:
            words.append(self.take())
        if self.peek() in _TAGS:
            words.append(self.take())
            words.append(self.identifier())
        elif self.peek() in _ARITHMETIC_WORDS:
            arithmetic = []
            while self.peek() in _ARITHMETIC_WORDS:
                arithmetic.append(self.take())
            if tuple(sorted(arithmetic)) not in _ARITHMETIC:
                raise CTypeError(f"C has no type '{' '.join(arithmetic)}'")
            words += arithmetic
        else:
            words.append(self.identifier())
        return " ".join(words)

    def parameter_list(self) -> tuple[Parameter, ...]:
        self.expect("(")
        if self.peek() == "void" and self.peek(1) == ")":
            self.take()
        parameters = []
        while self.peek() != ")":
            ctype, name = self.declarator(named=True)
            parameters.append(Parameter(ctype, name))
            if self.peek() != ")":
                self.expect(",")
                if self.peek() == ")":
                    raise self.fail("a parameter")
        self.take()
        return tuple(parameters)

    def sizes(self) -> tuple[str, ...]:
        found = []
        while self.peek() == "[":
            self.take()
            size = self.constant()
            while self.peek() in ("+", "-"):
                size += f" {self.take()} {self.constant()}"
            self.expect("]")
            found.append(size)
        return tuple(found)

    def constant(self) -> str:
        token = self.peek()
        if re.fullmatch(r"0[xX][0-9a-fA-F]+|0|[1-9][0-9]*", token):
            if int(token, 0) > MAX_SIZE:
                raise self.fail(f"a number of at most {MAX_SIZE}")
            return self.take()
        return self.identifier()
