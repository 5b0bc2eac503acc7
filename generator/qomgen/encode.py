# SPDX-License-Identifier: GPL-2.0-or-later
"""
Text that is safe to print into a generated file.

A template prints values of `Encoded` and nothing else; Jinja's `finalize` refuses everything that is not one. Text of
a spec becomes one only here: an identifier is checked, a literal is encoded, a comment is neutralised.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from qomgen.reserved import C_KEYWORDS, PYTHON_KEYWORDS


class Encoded:
    """Base of all that may be printed."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Encoded) and type(other) is type(self) and other.text == self.text

    def __hash__(self) -> int:
        return hash((type(self), self.text))


class CIdent(Encoded):
    """
    An identifier of C.

    Raises:
        ValueError: if the text is none, or a keyword.
    """

    __slots__ = ()

    def __init__(self, text: str) -> None:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text) or text in C_KEYWORDS:
            raise ValueError(f"{text!r} is no C identifier")
        super().__init__(text)


class CPath(Encoded):
    """
    A path of fields: `vbasedev.sysfsdev`, `macaddr[0]`.

    Raises:
        ValueError: if the text is none.
    """

    __slots__ = ()

    def __init__(self, text: str) -> None:
        for word in re.split(r"\.|\[[0-9]+\]", text):
            if word:
                CIdent(word)
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*|\[[0-9]+\])*", text):
            raise ValueError(f"{text!r} is no field path")
        super().__init__(text)


class CHeader(Encoded):
    """
    The name of a header, without quotes.

    Raises:
        ValueError: if the text is no plain relative path.
    """

    __slots__ = ()

    def __init__(self, text: str) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*(/[A-Za-z0-9_][A-Za-z0-9_.\-]*)*", text):
            raise ValueError(f"{text!r} is no header")
        super().__init__(text)


class CCode(Encoded):
    """
    Code that is made of encoded parts and of text in the generator's own source.

    Never pass text of a spec to the constructor: encode it first.
    """

    __slots__ = ()

    @classmethod
    def join(cls, *parts: str | Encoded) -> CCode:
        """The parts one after the other; bare strings are the generator's own."""
        return cls("".join(str(part) for part in parts))


class CString(Encoded):
    """
    A C string literal, in ASCII: UTF-8 as octal escapes. `pieces` splits it for long lines.

    Raises:
        ValueError: if the text has a NUL, where C would end it, or a lone surrogate, which UTF-8 can't say.
    """

    __slots__ = ("value",)

    def __init__(self, value: str) -> None:
        if "\0" in value:
            raise ValueError(f"{value!r} has a NUL")
        super().__init__(f'"{"".join(_c_escapes(value))}"')
        self.value = value

    def pieces(self, width: int) -> list[str]:
        """
        Literals that the compiler joins, broken after spaces where possible.

        Args:
            width: columns of each; at least 6 are taken, which is what one escaped byte needs.
        """
        if len(self.text) <= width:
            return [self.text]
        room = max(width, 6) - 2
        pieces: list[str] = []
        line = ""
        for escape in _c_escapes(self.value):
            # A character of several bytes stays whole if a line holds it.
            for unit in [escape] if len(escape) <= room else re.findall(r"\\...", escape):
                while line and len(line) + len(unit) > room:
                    space = line.rfind(" ") + 1
                    cut = space if space > room // 3 else len(line)
                    pieces.append(line[:cut])
                    line = line[cut:]
                line += unit
        return [f'"{piece}"' for piece in (*pieces, line)]


def _c_escapes(value: str) -> Iterator[str]:
    """The characters of `value` as they stand in a C string literal."""
    before = ""
    for char in value:
        if char in _C_ESCAPES:
            yield _C_ESCAPES[char]
        elif char == before == "?":
            # gcc reads trigraphs with -std=c11 and -trigraphs: no two question marks in a row.
            yield "\\?"
        elif " " <= char <= "~":
            yield char
        else:
            # Octal escapes end after three digits; a hexadecimal one would swallow a digit that follows.
            yield "".join(f"\\{byte:03o}" for byte in char.encode("utf-8"))
        before = char


_C_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


class CComment(Encoded):
    """The inside of a C comment: one paragraph that can't end the comment nor hide what follows."""

    __slots__ = ()

    def __init__(self, text: str) -> None:
        super().__init__(
            neutral(text).replace("*/", "* /").replace("/*", "/ *").replace("??/", "? ?/")
        )


def neutral(text: str) -> str:
    """`text` as one line of printable ASCII; what is not becomes U+XXXX, so that nothing is invisible or reordered."""
    folded = " ".join(text.split())
    return "".join(char if " " <= char <= "~" else f"U+{ord(char):04X}" for char in folded)


class CNumber(Encoded):
    """
    An integer constant of C with the suffix that its size asks for, in the base it was given in.

    Raises:
        ValueError: if no integer type of 64 bits holds it.
    """

    __slots__ = ()

    def __init__(self, value: int, *, hexadecimal: bool = False) -> None:
        if not -(1 << 63) <= value < 1 << 64:
            raise ValueError(f"{value} does not fit in 64 bits")
        digits = f"0x{value:X}" if hexadecimal and value >= 0 else str(value)
        if value == -(1 << 63):
            super().__init__("INT64_MIN")
        elif value == -(1 << 31):
            super().__init__("INT32_MIN")
        elif value > 0xFFFFFFFF or value < -(1 << 31):
            super().__init__(digits + ("ULL" if value > 0x7FFFFFFFFFFFFFFF else "LL"))
        else:
            super().__init__(digits + ("U" if value > 0x7FFFFFFF else ""))


class PyIdent(Encoded):
    """
    An identifier of Python.

    Raises:
        ValueError: if the text is none, or a keyword.
    """

    __slots__ = ()

    def __init__(self, text: str) -> None:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text) or text in PYTHON_KEYWORDS:
            raise ValueError(f"{text!r} is no Python identifier")
        super().__init__(text)


class PyDotted(Encoded):
    """
    A dotted name of Python: `hw_vfio.pci`.

    Raises:
        ValueError: if a part is no identifier.
    """

    __slots__ = ()

    def __init__(self, text: str) -> None:
        for part in text.split("."):
            PyIdent(part)
        super().__init__(text)


class PyCode(Encoded):
    """Like `CCode`, for Python."""

    __slots__ = ()

    @classmethod
    def join(cls, *parts: str | Encoded) -> PyCode:
        """The parts one after the other; bare strings are the generator's own."""
        return cls("".join(str(part) for part in parts))

    @classmethod
    def tuple_of(cls, items: Iterable[Encoded]) -> PyCode:
        """A tuple display."""
        inside = [str(item) for item in items]
        return cls("(" + ", ".join(inside) + (",)" if len(inside) == 1 else ")"))


class PyStr(Encoded):
    """A Python string literal, in ASCII."""

    __slots__ = ()

    def __init__(self, value: str) -> None:
        super().__init__('"' + "".join(_py_escape(char) for char in value) + '"')


def _py_escape(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    if " " <= char <= "~":
        return char
    code = ord(char)
    return (
        f"\\x{code:02x}"
        if code < 0x100
        else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    )


class PyDoc(Encoded):
    """The inside of a docstring or a comment: one paragraph that can't end it, nor say how the file is encoded."""

    __slots__ = ()

    def __init__(self, text: str) -> None:
        safe = neutral(text).replace("\\", "\\\\").replace('"""', "'''").rstrip('"')
        # PEP 263: a comment in the first two lines with coding= or coding: chooses the codec.
        super().__init__(re.sub("coding(?=[:=])", "coding ", safe))


class PyNumber(Encoded):
    """An integer of Python, in the base it was given in."""

    __slots__ = ()

    def __init__(self, value: int, *, hexadecimal: bool = False) -> None:
        super().__init__(f"0x{value:X}" if hexadecimal and value >= 0 else str(value))


class License(Encoded):
    """
    An SPDX license expression.

    Raises:
        ValueError: if the text is none.
    """

    __slots__ = ()

    def __init__(self, text: str) -> None:
        if not re.fullmatch(r"[A-Za-z0-9.+\-]+( (AND|OR|WITH) [A-Za-z0-9.+\-]+)*", text):
            raise ValueError(f"{text!r} is no SPDX license expression")
        super().__init__(text)


class Name(Encoded):
    """
    A name that is the same in every language's text, quoted or not: of a type, a property, a kind, a folder.

    Raises:
        ValueError: if the text has anything but letters, digits, '-', '_' and '.'.
    """

    __slots__ = ()

    def __init__(self, text: str) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9\-_.]*", text):
            raise ValueError(f"{text!r} is no plain name")
        super().__init__(text)


class YamlText(Encoded):
    """A double-quoted scalar of YAML, in ASCII; JSON and TOML read the same."""

    __slots__ = ()

    def __init__(self, value: str) -> None:
        super().__init__(json.dumps(value).replace("\x7f", "\\u007f"))


class Prose(Encoded):
    """One paragraph in a comment of YAML, or in Markdown, that can't end it nor mark anything up."""

    __slots__ = ()

    def __init__(self, text: str) -> None:
        super().__init__(re.sub(r"[`*_<>\[\]&\\]", _spelt, neutral(text)))


def _spelt(match: re.Match[str]) -> str:
    return f"U+{ord(match.group()):04X}"
