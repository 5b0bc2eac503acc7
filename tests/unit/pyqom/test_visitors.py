# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: ARG001 - fixtures work by being named; hooks and casts are as in QEMU
"""How values are read and written: three input visitors, two output visitors, by hand and by C."""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Callable

import pytest

from pyqom import (
    JSONValue,
    KeyvalInputVisitor,
    OnOffAuto,
    QObjectInputVisitor,
    StringInputVisitor,
    Visitor,
    World,
)
from pyqom.cutils import UINT64_MAX, NoNumber, OutOfRange, strtol, strtosz
from pyqom.errors import Error
from pyqom.output import QObjectOutputVisitor, StringOutputVisitor, size_to_str
from tests.unit.pyqom.says import refused

libc = ctypes.CDLL(ctypes.util.find_library("c"))
libc.strtoull.restype = ctypes.c_ulonglong


NUMBERS = [
    "0",
    "7",
    " 7",
    "+7",
    "-7",
    "0x1F",
    "0X1f",
    "010",
    "08",
    "0x",
    "0xg",
    "",
    " ",
    "-",
    "+-7",
]
NUMBERS += ["7 ", "7x", "1e3", "18446744073709551615", "zz", "\t\n7", "- 7", "0b1", "00", "0o7"]


@pytest.mark.parametrize("base", [0, 10, 16])
@pytest.mark.parametrize("text", NUMBERS)
def test_numbers_are_read_as_c_reads_them(text: str, base: int, old_world: World) -> None:
    """The C library is the oracle, asked through its name of before C23."""
    end = ctypes.c_char_p()
    buffer = ctypes.create_string_buffer(text.encode())
    expected = libc.strtoull(buffer, ctypes.byref(end), base)
    length = len(text) - len(end.value or b"")
    value, taken = strtol(text, base)
    # C stops at the largest number; what is larger is for the caller to refuse.
    assert (min(value, UINT64_MAX) & UINT64_MAX, taken) == (expected, length)


def test_binary_numbers_are_new(any_world: World) -> None:
    """Debian's 10.0 and 10.2 are built with C23's strtoull."""
    assert strtol("0b11") == ((0, 1) if any_world.series == "7.2" else (3, 4))
    assert strtol("0b2") == (0, 1)
    assert strtol("0b1", 10) == (0, 1)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("4096", 4096),
        ("08", 8),
        ("0x1000", 4096),
        ("1b", 1),
        ("4k", 4096),
        ("4K", 4096),
        ("1.5M", 3 << 19),
        ("1.k", 1024),
        (".5G", 1 << 29),
        ("0.1k", 102),
        ("1e", 1 << 60),
        ("16777215T", 16777215 << 40),
    ],
)
def test_sizes(text: str, size: int, world: World) -> None:
    """qemu_strtosz."""
    assert strtosz(text) == size


@pytest.mark.parametrize("text", ["", "k", ".", "abc", "1.5", "0x10k", "1e3", "4kB", "4 k", "1..k"])
def test_what_is_no_size(text: str, world: World) -> None:
    with pytest.raises(NoNumber):
        strtosz(text)


@pytest.mark.parametrize("text", ["-1", "-0", "18446744073709551616", "16E"])
def test_sizes_that_are_out_of_range(text: str, world: World) -> None:
    with pytest.raises(OutOfRange):
        strtosz(text)


def test_7_2_takes_a_suffix_after_hex_and_no_bare_fraction(old_world: World) -> None:
    warnings: list[str] = []
    old_world.warn = warnings.append
    assert strtosz("0x10k") == 16384
    assert warnings == ["Using a multiplier suffix on hex numbers is deprecated: 0x10k"]
    for text in (".5G", "-0"):
        with pytest.raises(NoNumber):
            strtosz(text)


def test_a_fraction_is_a_double(any_world: World) -> None:
    """Many nines round to one, which 7.2 forgets and newer ones add."""
    if any_world.series == "7.2":
        assert strtosz("15.9999999999999999999E") == 15 << 60
    else:
        with pytest.raises(OutOfRange):
            strtosz("15.9999999999999999999E")
        assert strtosz("1.9999999999999999999k") == 2048


# --- reading --------------------------------------------------------------------------------------

Read = Callable[[Visitor], object]
KINDS: dict[str, Read] = {
    "uint8": lambda v: v.type_uint8("x", 0),
    "uint16": lambda v: v.type_uint16("x", 0),
    "uint32": lambda v: v.type_uint32("x", 0),
    "uint64": lambda v: v.type_uint64("x", 0),
    "int8": lambda v: v.type_int8("x", 0),
    "int16": lambda v: v.type_int16("x", 0),
    "int32": lambda v: v.type_int32("x", 0),
    "int64": lambda v: v.type_int("x", 0),
    "size": lambda v: v.type_size("x", 0),
    "bool": lambda v: v.type_bool("x", False),
    "str": lambda v: v.type_str("x", ""),
    "number": lambda v: v.type_number("x", 0.0),
    "enum": lambda v: v.type_enum("x", OnOffAuto.AUTO, OnOffAuto),
    "null": lambda v: v.type_null("x"),
    "any": lambda v: v.type_any("x", None),
}


def json(value: JSONValue) -> Visitor:
    return QObjectInputVisitor(value)


def keyval(value: JSONValue) -> Visitor:
    return KeyvalInputVisitor(value)


def string(value: JSONValue) -> Visitor:
    assert isinstance(value, str)
    return StringInputVisitor(value)


@pytest.mark.parametrize(
    ("visitor", "kind", "given", "read"),
    [
        (json, "uint8", 255, 255),
        (json, "uint64", -1, UINT64_MAX),
        (json, "int8", -128, -128),
        (json, "int64", -5, -5),
        (json, "size", 4096, 4096),
        (json, "bool", True, True),
        (json, "str", "a", "a"),
        (json, "number", 2, 2.0),
        (json, "enum", "off", OnOffAuto.OFF),
        (json, "null", None, None),
        (json, "any", [1, {"a": None}], [1, {"a": None}]),
        (keyval, "uint8", "0x10", 16),
        (keyval, "uint64", "-1", UINT64_MAX),
        (keyval, "int32", "-010", -8),
        (keyval, "size", "4k", 4096),
        (keyval, "bool", "y", True),
        (keyval, "bool", "no", False),
        (keyval, "str", "a,b", "a,b"),
        (keyval, "number", "1e3", 1000.0),
        (keyval, "enum", "on", OnOffAuto.ON),
        (string, "uint8", "255", 255),
        (string, "int16", "-1", -1),
        (string, "size", "1.5k", 1536),
        (string, "bool", "true", True),
        (string, "str", "", ""),
        (string, "number", ".5", 0.5),
        (string, "null", "", None),
    ],
)
def test_reading(
    visitor: Callable[[JSONValue], Visitor], kind: str, given: JSONValue, read: object, world: World
) -> None:
    assert KINDS[kind](visitor(given)) == read


@pytest.mark.parametrize(
    ("visitor", "kind", "given", "text"),
    [
        (json, "uint8", 256, "Parameter 'x' expects uint8_t"),
        (json, "uint32", -1, "Parameter 'x' expects uint32_t"),
        (json, "uint64", "5", "Parameter 'x' expects uint64"),
        (json, "uint64", 1.0, "Parameter 'x' expects uint64"),
        (json, "uint64", True, "Parameter 'x' expects uint64"),
        (json, "uint64", 1 << 64, "Parameter 'x' expects uint64"),
        (json, "int32", 1 << 31, "Parameter 'x' expects int32_t"),
        (json, "int64", "5", "Invalid parameter type for 'x', expected: integer"),
        (json, "int64", 1 << 63, "Invalid parameter type for 'x', expected: integer"),
        (json, "size", "4k", "Parameter 'x' expects uint64"),
        (json, "bool", "on", "Invalid parameter type for 'x', expected: boolean"),
        (json, "bool", 1, "Invalid parameter type for 'x', expected: boolean"),
        (json, "str", 5, "Invalid parameter type for 'x', expected: string"),
        (json, "str", None, "Invalid parameter type for 'x', expected: string"),
        (json, "number", "1", "Invalid parameter type for 'x', expected: number"),
        (json, "enum", "maybe", "Parameter 'x' does not accept value 'maybe'"),
        (json, "enum", True, "Invalid parameter type for 'x', expected: string"),
        (json, "null", 0, "Invalid parameter type for 'x', expected: null"),
        (keyval, "uint32", "-1", "Parameter 'x' expects uint32_t"),
        (keyval, "uint32", "abc", "Parameter 'x' expects integer"),
        (keyval, "uint64", "18446744073709551616", "Parameter 'x' expects integer"),
        (keyval, "int32", "99999999999", "Parameter 'x' expects int32_t"),
        (keyval, "int32", "", "Parameter 'x' expects integer"),
        (keyval, "size", "1.5", "Parameter 'x' expects size"),
        (keyval, "bool", "maybe", "Parameter 'x' expects 'on' or 'off'"),
        (keyval, "number", "inf", "Invalid parameter type for 'x', expected: number"),
        (keyval, "str", {"a": "b"}, "Parameters 'x.*' are unexpected"),
        (keyval, "str", 5, "Internal error: parameter x invalid"),
        (string, "uint8", "256", "Parameter 'x' expects uint8_t"),
        (string, "uint32", "abc", "Parameter 'x' expects uint64"),
        (string, "int32", "1 ", "Parameter 'x' expects int64"),
        (string, "size", "abc", "Parameter 'x' expects a non-negative number below 2^64"),
        (string, "size", "-1", "Value '-1' is out of range for parameter 'x'"),
        (string, "bool", "1", "Parameter 'x' expects 'on' or 'off'"),
        (string, "number", "x", "Invalid parameter type for 'x', expected: number"),
        (string, "null", "x", "Invalid parameter type for 'x', expected: null"),
    ],
)
def test_refusing(
    visitor: Callable[[JSONValue], Visitor], kind: str, given: JSONValue, text: str, world: World
) -> None:
    with refused(text):
        KINDS[kind](visitor(given))


def test_a_bad_size_comes_with_a_hint(world: World) -> None:
    with pytest.raises(Error) as caught:
        StringInputVisitor("x").type_size("x", 0)
    assert caught.value.hint.startswith("Optional suffix k, M, G, T, P or E means")


@pytest.mark.parametrize(("visitor", "element"), [(json, "[1]"), (keyval, ".1")])
def test_messages_name_the_whole_path(
    visitor: Callable[[JSONValue], Visitor], element: str
) -> None:
    v = visitor({"a": {"list": ["on", {}]}})
    v.start_struct(None)
    v.start_struct("a")
    assert v.start_list("list") == 2
    v.type_str(None, "")
    with pytest.raises(Error) as caught:
        v.type_str(None, "")
    assert f"a.list{element}" in str(caught.value)


def test_members_that_are_missing_or_too_many() -> None:
    v = QObjectInputVisitor({"a": 1, "b": 2})
    v.start_struct(None)
    assert v.optional("a", False)
    assert not v.optional("c", True)
    with refused("Parameter 'c' is missing"):
        v.type_int("c", 0)
    v.type_int("a", 0)
    with refused("Parameter 'b' is unexpected"):
        v.check_struct()
    v.type_int("b", 0)
    v.check_struct()
    v.end_struct()


@pytest.mark.parametrize(
    ("value", "text"),
    [(5, "Invalid parameter type for 'x', expected: object"), ([], "expected: object")],
)
def test_what_is_no_object(value: JSONValue, text: str) -> None:
    with pytest.raises(Error) as caught:
        QObjectInputVisitor(value).start_struct("x")
    assert str(caught.value).endswith(text)


def test_what_is_no_list() -> None:
    with refused("Invalid parameter type for 'x', expected: array"):
        QObjectInputVisitor("abc").start_list("x")


# --- writing --------------------------------------------------------------------------------------


def test_json_is_built() -> None:
    v = QObjectOutputVisitor()
    v.start_struct(None)
    v.type_bool("flag", True)
    v.start_list("list", 2)
    v.type_int(None, 1)
    v.type_str(None, "a")
    v.end_list()
    v.type_null("nothing")
    v.type_number("pi", 3.5)
    v.end_struct()
    assert v.complete() == {"flag": True, "list": [1, "a"], "nothing": None, "pi": 3.5}


@pytest.mark.parametrize(
    ("numbers", "text", "human"),
    [([5], "5", "5 (0x5)"), ([1, 2, 3, 7], "1-3,7", "1-3,7 (0x1-0x3,0x7)"), ([-1], "-1", None)],
)
def test_numbers_are_joined_to_ranges(numbers: list[int], text: str, human: str | None) -> None:
    for wanted, flag in ((text, False), (human, True)):
        if wanted is not None:
            v = StringOutputVisitor(flag)
            v.start_list("x", len(numbers))
            for number in numbers:
                v.type_int(None, number)
            v.end_list()
            assert v.complete() == wanted


def test_objects_are_left_out_of_texts() -> None:
    v = StringOutputVisitor()
    v.start_struct("x")
    v.type_int("a", 1)
    v.type_str("b", "c")
    v.end_struct()
    assert v.complete() == "<omitted>"


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "0.977 KiB"), (4096, "4 KiB"), (1 << 20, "1 MiB")],
)
def test_sizes_for_people(size: int, text: str) -> None:
    """size_to_str shows three digits and never four."""
    assert size_to_str(size) == text
    v = StringOutputVisitor(human=True)
    v.type_size("x", size)
    assert v.complete() == f"{size} ({text})"
