# SPDX-License-Identifier: GPL-2.0-or-later
"""C types of the closed grammar. That gcc takes what is printed is asked in tests/property."""

from __future__ import annotations

import pytest

from qomgen import ctype
from qomgen.ctype import CType, CTypeError, Parameter


@pytest.mark.parametrize(
    ("text", "declared"),
    [
        ("uint32_t", "uint32_t f"),
        ("char*", "char *f"),
        ("const char * const *", "const char *const *f"),
        ("int *const", "int *const f"),
        ("VFIOBAR[PCI_NUM_REGIONS - 1]", "VFIOBAR f[PCI_NUM_REGIONS - 1]"),
        ("int[2][0x3]", "int f[2][0x3]"),
        ("int(*)(struct VFIOPCIDevice*)", "int (*f)(struct VFIOPCIDevice *)"),
        ("void (*)()", "void (*f)(void)"),
        ("void (*[4])(void)", "void (*f[4])(void)"),
        (
            "bool (*)(Object *obj, Error **errp)",
            "bool (*f)(Object *obj, Error **errp)",
        ),
        ("QLIST_HEAD(, VFIOQuirk)", "QLIST_HEAD(, VFIOQuirk) f"),
        ("QTAILQ_ENTRY(Node)", "QTAILQ_ENTRY(Node) f"),
        ("unsigned  long   long int", "unsigned long long int f"),
        ("int", "int f"),
    ],
)
def test_declarations(text: str, declared: str) -> None:
    assert ctype.parse(text).declare("f") == declared


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it ends where an identifier belongs"),
        ("int x", "column 5: 'x' where the end belongs"),
        ("int; system(1)", "column 4: ';' is not part of a type"),
        ("int /* */", "column 5: '/' is not part of a type"),
        ("int\u00a0\u2028é", "column 6: 'é' is not part of a type"),
        ("int[", "it ends where an identifier belongs"),
        ("int[08]", "column 5: '08' where an identifier belongs"),
        (
            "int[99999999999]",
            "column 5: '99999999999' where a number of at most 2147483647 belongs",
        ),
        ("int[1", "it ends where ']' belongs"),
        ("struct", "it ends where an identifier belongs"),
        ("struct int", "column 8: 'int' where an identifier belongs"),
        ("unsigned float", "C has no type 'unsigned float'"),
        ("long long long", "C has no type 'long long long'"),
        ("void", "void without a * is the type of nothing"),
        ("const void[3]", "void without a * is the type of nothing"),
        ("int (*)(void, int)", "void without a * is the type of nothing"),
        ("int (*)(int,)", "column 13: ')' where a parameter belongs"),
        ("int (*)(QLIST_HEAD(, x))", "column 9: 'QLIST_HEAD' where a parameter belongs"),
        ("typeof(x)", "column 1: 'typeof' where an identifier belongs"),
        ("x" * 401, "a type of more than 400 characters"),
    ],
)
def test_what_is_no_type(text: str, message: str) -> None:
    with pytest.raises(CTypeError) as caught:
        ctype.parse(text)
    assert str(caught.value) == message


def test_parts() -> None:
    made = ctype.parse("const char *[2][3]")
    assert made == CType("const char", ("",), None, ("2", "3"))
    assert str(made.element) == "const char *[3]"
    assert made.pointee is None
    assert ctype.parse("char").element is None
    assert str(ctype.parse("char **").pointee) == "char *"
    function = ctype.parse("void (*)(int a)")
    assert function.is_function
    assert function.function == (Parameter(CType("int"), "a"),)
    assert not made.is_function
    assert function.pointee is None


def test_an_identifier_may_end_in_a_keyword() -> None:
    assert str(ctype.parse("my_void")) == "my_void"
    assert str(ctype.parse("constant")) == "constant"
