# SPDX-License-Identifier: GPL-2.0-or-later
"""What encoders print, and what they refuse. That it means the right thing is asked of gcc in tests/property."""

from __future__ import annotations

import pytest

from qomgen.encode import (
    CComment,
    CHeader,
    CIdent,
    CNumber,
    CPath,
    CString,
    Encoded,
    License,
    PyCode,
    PyDoc,
    PyDotted,
    PyIdent,
    PyNumber,
    PyStr,
)


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("plain", r'"plain"'),
        ('say "x"', r'"say \"x\""'),
        ("a\\b", r'"a\\b"'),
        ("a\n\t\rb", r'"a\n\t\rb"'),
        ("\x019", r'"\0019"'),
        ("\u00e9", r'"\303\251"'),
        ("??/", r'"?\?/"'),
        ("???/", r'"?\?\?/"'),
        ("????", r'"?\?\?\?"'),
    ],
)
def test_c_string(text: str, literal: str) -> None:
    assert str(CString(text)) == literal


def test_pieces_break_after_spaces() -> None:
    text = "Transfer this device state via multifd channels"
    assert CString(text).pieces(24) == [
        '"Transfer this device "',
        '"state via multifd "',
        '"channels"',
    ]


def test_pieces_break_anywhere_where_there_is_no_space() -> None:
    assert CString("x" * 10).pieces(6) == ['"xxxx"', '"xxxx"', '"xx"']


def test_pieces_keep_a_character_whole_if_a_line_holds_it() -> None:
    assert CString("\u20ac\u20ac").pieces(20) == [r'"\342\202\254"', r'"\342\202\254"']
    assert CString("\u20ac").pieces(6) == [r'"\342"', r'"\202"', r'"\254"']


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_c_string_refuses_what_c_can_not_hold(text: str) -> None:
    with pytest.raises(ValueError, match=r"NUL|surrogates"):
        CString(text)


@pytest.mark.parametrize(
    ("text", "comment"),
    [
        ("a\n b", "a b"),
        ("*/ int x; /*", "* / int x; / *"),
        ("/*/", "/ * /"),
        ("??/", "? ?/"),
        ("\u202eabc", "U+202Eabc"),
        ("a\u2028b", "a b"),
        ("\x00", "U+0000"),
    ],
)
def test_c_comment(text: str, comment: str) -> None:
    assert str(CComment(text)) == comment


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (0, "0"),
        (-1, "-1"),
        (0x7FFFFFFF, "2147483647"),
        (0x80000000, "2147483648U"),
        (0xFFFFFFFF, "4294967295U"),
        (1 << 32, "4294967296LL"),
        (1 << 63, "9223372036854775808ULL"),
        (-(1 << 31), "INT32_MIN"),
        (-(1 << 31) - 1, "-2147483649LL"),
        (-(1 << 63), "INT64_MIN"),
    ],
)
def test_c_number(value: int, number: str) -> None:
    assert str(CNumber(value)) == number


def test_hexadecimal_numbers() -> None:
    assert str(CNumber(0xFFFF_FFFF, hexadecimal=True)) == "0xFFFFFFFFU"
    assert str(PyNumber(0xFFFF_FFFF, hexadecimal=True)) == "0xFFFFFFFF"
    assert str(CNumber(-2, hexadecimal=True)) == "-2"


@pytest.mark.parametrize("value", [1 << 64, -(1 << 63) - 1])
def test_c_number_refuses_what_64_bits_can_not_hold(value: int) -> None:
    with pytest.raises(ValueError, match="64 bits"):
        CNumber(value)


@pytest.mark.parametrize(
    ("text", "doc"),
    [
        ('a """ b', "a ''' b"),
        ('ends with "', "ends with "),
        ("ends with \\", "ends with \\\\"),
        ("vim: fileencoding=utf-7", "vim: fileencoding =utf-7"),
        ("-*- coding: utf-7 -*-", "-*- coding : utf-7 -*-"),
        ("\u2066", "U+2066"),
    ],
)
def test_python_doc(text: str, doc: str) -> None:
    assert str(PyDoc(text)) == doc


def test_python_string_is_ascii() -> None:
    assert str(PyStr('\u00e9\u2028\U0001f600"\\')) == r'"\xe9\u2028\U0001f600\"\\"'


@pytest.mark.parametrize(
    ("encoder", "text"),
    [
        *((CIdent, text) for text in ("", "1a", "a-b", "a b", "a\n", "int", "typeof", "NULL", "\u00e9")),
        *((CPath, text) for text in ("", ".a", "a.", "a..b", "a[b]", "a[0]b", "a.int", "a\n", "[0]")),
        *((CHeader, text) for text in ("", "/etc/x.h", "../x.h", "a/../b.h", 'a".h', "a>.h", "a.h\n")),
        *((PyIdent, text) for text in ("", "1a", "a.b", "class", "self", "None", "a\n", "\u00e9")),
        *((PyDotted, text) for text in ("", "a.", ".a", "a..b", "a.import", "a b", "a.b\n")),
        *((License, text) for text in ("", "GPL 2.0", "MIT\n", "MIT */", "MIT AND", "(MIT)")),
    ],
)  # fmt: skip
def test_names_that_are_none_are_refused(encoder: type[Encoded], text: str) -> None:
    with pytest.raises(ValueError, match="is no "):
        encoder(text)


def test_an_encoded_value_equals_those_of_its_own_kind() -> None:
    assert CIdent("a") == CIdent("a")
    assert CIdent("a") != PyIdent("a")
    assert CIdent("a") != CIdent("b")
    assert len({CIdent("a"), CIdent("a"), PyIdent("a")}) == 2
    assert repr(CIdent("a")) == "CIdent('a')"


def test_tuples() -> None:
    assert str(PyCode.tuple_of(())) == "()"
    assert str(PyCode.tuple_of([PyStr("a")])) == '("a",)'
    assert str(PyCode.tuple_of([PyStr("a"), PyStr("b")])) == '("a", "b")'
