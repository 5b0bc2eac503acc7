# SPDX-License-Identifier: GPL-2.0-or-later
"""JSON as QEMU reads it; the texts were taken from a real 10.0."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyqom.qjson import qobject_from_json
from tests.unit.pyqom.says import refused

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 64) - 1) | st.text('ab"\\/\n\u00e4'),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc"), inner),
    max_leaves=12,
)


@given(VALUES)
def test_what_python_writes_is_read(value: object) -> None:
    assert qobject_from_json(json.dumps(value)) == value
    assert qobject_from_json(json.dumps(value, ensure_ascii=False, indent=1)) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{'a': 'b'}", {"a": "b"}),
        ("'it\\'s'", "it's"),
        (r'"\u00e4\ud83d\ude00\/"', "\u00e4\U0001f600/"),
        ("1.5", 1.5),
        ("-0.5e1", -5.0),
        ("1E3", 1000.0),
        ("18446744073709551616", 18446744073709551616.0),
        (" [ ] ", []),
        ("null", None),
    ],
)
def test_what_else_is_read(text: str, value: object) -> None:
    assert qobject_from_json(text) == value


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "premature EOI"),
        ('{"a":1', "premature EOI"),
        ('{"a"}', "missing : in object pair"),
        ('{"a":}', "expecting value"),
        ('{"a":1,}', "expecting value"),
        ("{,}", "expecting value"),
        ('{"a":[}', "expecting value"),
        ("{a:1}", "invalid keyword 'a'"),
        ('{"a":tru}', "invalid keyword 'tru'"),
        ("{1:2}", "key is not a string in object"),
        ('{"a":1 "b":2}', "expected separator in dict"),
        ("[1 2]", "expected separator in list"),
        ('{"a":1,"a":2}', "duplicate key"),
        ('{"a":01}', "stray '01'"),
        ('{"a":1.}', "stray '1.}'"),
        ('{"a":-}', "stray '-}'"),
        ('{"a":1e}', "stray '1e}'"),
        ('{"a":%d}', "stray '%'"),
        ('{"a":NaN}', "stray 'N'"),
        ('{"a":"x}', "stray '\"x}'"),
        ('{"a":"\t"}', "stray '\"\t'"),
        (r'{"a":"\x"}', "invalid escape sequence in string"),
        (r'{"a":"\u12"}', r'\u12" is not a valid Unicode character'),
        (r'{"a":"\ud800"}', r"\ud800 is not a valid Unicode character"),
        (r'{"a":"\uffff"}', r"\uffff is not a valid Unicode character"),
    ],
)
def test_complaints(text: str, why: str) -> None:
    with refused(f"JSON parse error, {why}"):
        qobject_from_json(text)


@pytest.mark.parametrize("text", ["{}x", "{} {}", "{}}", '{}"'])
def test_one_value_and_no_more(text: str) -> None:
    with refused("Expecting at most one JSON value"):
        qobject_from_json(text)


def test_nothing_is_no_value() -> None:
    with refused("Expecting a JSON value"):
        qobject_from_json(" ")


def test_depth_has_a_limit() -> None:
    with refused("JSON nesting depth limit exceeded"):
        qobject_from_json("[" * 1000)
