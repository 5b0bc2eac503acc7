# SPDX-License-Identifier: GPL-2.0-or-later
"""Texts and C types for Hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from qomgen.ctype import CType, Parameter

FRAGMENTS = (
    *('"', "'", '"""', "'''", "\\", "\\\\", '\\"', "??/", "???/", "??", "?", "??=", "??>"),
    *("/*", "*/", "//", "*", "/", "\n", "\r\n", "\\\n", "\t", "\u2028", "\u2029", "\x85", "\x0b"),
    *("{{ x }}", "{% if %}", "{# #}", "%s", "%n", "\\x41", "\\u0041", "\\N{DASH}", "\\101", "{x}"),
    *(
        "\u202e",
        "\u2066",
        "\ufeff",
        "\U0001f600",
        "\u00e9",
        "\x7f",
        "\x1b[31m",
        " ",
        "  ",
        "0",
        "7",
    ),
    *(
        "#include <x>",
        "coding: utf-7",
        "coding=utf-16",
        "+AGEAYgBj-",
        "# fmt: off",
        "# type: ignore",
    ),
)
"""What means something to C, Python, Jinja, a terminal or an editor."""


def texts(*, surrogates: bool = False, nul: bool = False) -> SearchStrategy[str]:
    """Any text, and such as is made of `FRAGMENTS`."""
    characters = st.characters(
        codec=None if surrogates else "utf-8", exclude_characters="" if nul else "\0"
    )
    pieces = st.one_of(st.sampled_from(FRAGMENTS), st.text(characters, max_size=8))
    return st.lists(pieces, max_size=30).map("".join)


_NAMES = (
    "Object",
    "PCIDevice",
    "VFIODevice",
    "uint8_t",
    "int64_t",
    "hwaddr",
    "my_void",
    "constant",
)
_ARITHMETIC = (
    *("char", "signed char", "unsigned char", "short", "unsigned short int", "int", "unsigned"),
    *("signed", "long", "unsigned long", "long long", "unsigned long long int", "float", "double"),
    *("long double", "bool", "int unsigned", "long unsigned int"),
)
_TAGGED = ("struct one", "union two", "enum three")

TYPEDEFS = "\n".join(
    (
        "#include <stdbool.h>",
        *(f"typedef int {name};" for name in _NAMES),
        "struct one { int x; };",
        "union two { int x; };",
        "enum three { THREE };",
        "#define BOUND 3",
        *(f"#define Q{kind}_HEAD(name, type) struct name {{ struct type *first; }}"
          for kind in ("LIST", "SIMPLEQ", "TAILQ", "SLIST")),
        *(f"#define Q{kind}_ENTRY(type) struct {{ struct type *next; }}"
          for kind in ("LIST", "SIMPLEQ", "TAILQ", "SLIST")),
    )
)  # fmt: skip
"""C that defines all that `ctypes` names."""

_qualifier = st.sampled_from(("", "const ", "volatile ", "const volatile "))
_pointers = st.lists(st.sampled_from(("", "const")), max_size=3).map(tuple)
_bounds = st.sampled_from(("1", "BOUND", "0x10", "BOUND + 1", "BOUND - 1", "4 + BOUND - 2"))
_sizes = st.lists(_bounds, max_size=2).map(tuple)


@st.composite
def _plain(draw: st.DrawFn) -> CType:
    word = draw(st.sampled_from((*_NAMES, *_ARITHMETIC, *_TAGGED, "void")))
    pointers = draw(_pointers)
    if word == "void" and not pointers:
        pointers = ("",)
    return CType(draw(_qualifier) + word, pointers, None, draw(_sizes))


@st.composite
def _function(draw: st.DrawFn, inner: SearchStrategy[CType]) -> CType:
    word = draw(st.sampled_from((*_NAMES, *_ARITHMETIC, *_TAGGED, "void")))
    taken = draw(st.lists(inner, max_size=3))
    names = [draw(st.sampled_from((None, f"arg{index}"))) for index in range(len(taken))]
    parameters = (Parameter(ctype, name) for ctype, name in zip(taken, names, strict=True))
    return CType(word, draw(_pointers), tuple(parameters), draw(_sizes))


_lists = st.builds(
    lambda kind, part: CType(f"Q{kind}_{part}"),
    st.sampled_from(("LIST", "SIMPLEQ", "TAILQ", "SLIST")),
    st.sampled_from(("HEAD(, one)", "HEAD(, other)", "ENTRY(one)")),
)

ctypes: SearchStrategy[CType] = st.one_of(
    st.recursive(_plain(), lambda inner: st.one_of(inner, _function(inner)), max_leaves=6),
    _lists,
)
"""Types of struct fields."""

type_words = st.lists(
    st.sampled_from(
        (
            *FRAGMENTS,
            *_NAMES,
            *_ARITHMETIC,
            *_TAGGED,
            *"*[](),+-",
            "void",
            "const",
            "QLIST_HEAD",
            "9",
        )
    )
).map(" ".join)
"""Texts that look like types."""
