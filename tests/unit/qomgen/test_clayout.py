# SPDX-License-Identifier: GPL-2.0-or-later
"""The layout of generated C: what QEMU's maintainers would have typed."""

from __future__ import annotations

from textwrap import dedent

import pytest

from qomgen import clayout
from qomgen.clayout import Assign, Call
from qomgen.encode import CCode, CComment, CIdent, CNumber, CString, Encoded


def words(*names: str) -> tuple[Encoded, ...]:
    return tuple(CIdent(name) for name in names)


def expected(text: str) -> str:
    return dedent(text).strip("\n")


def test_a_short_call_is_one_line() -> None:
    assert str(clayout.call(Call(CIdent("f"), words("a", "b")), 4)) == "    f(a, b);"
    assert str(clayout.call(Call(CIdent("f"), ()), 0, ",")) == "f(),"


def test_arguments_stand_below_the_first() -> None:
    call = Call(CIdent("DEFINE_PROP_BIT"), (CString("x-igd-opregion"), *words("VFIOPCIDevice", "features",
                "VFIO_FEATURE_ENABLE_IGD_OPREGION_BIT", "false_")))  # fmt: skip
    assert str(clayout.call(call, 4, ",")) == expected("""
            DEFINE_PROP_BIT("x-igd-opregion", VFIOPCIDevice, features,
                            VFIO_FEATURE_ENABLE_IGD_OPREGION_BIT, false_),
        """).replace("DEFINE", "    DEFINE", 1).replace("\n  ", "\n      ")


def test_arguments_that_do_not_fit_there_hang() -> None:
    call = Call(CIdent("a" * 50), words("b" * 30, "c" * 30))
    assert str(clayout.call(call, 4)) == expected(f"""
        |    {"a" * 50}(
        |        {"b" * 30}, {"c" * 30});
        """).replace("|", "")


def test_what_fits_nowhere_is_left_below_the_first() -> None:
    call = Call(CIdent("f"), words("a", "b" * 90))
    assert str(clayout.call(call, 0)) == f"f(a,\n  {'b' * 90});"


def test_a_string_is_split() -> None:
    call = Call(CIdent("f"), (*words("klass"), CString("x"), CString("word " * 20)))
    assert str(clayout.call(call, 4)) == expected(f"""
        |    f(klass, "x",
        |      "{"word " * 14}"
        |      "{"word " * 6}");
        """).replace("|", "")


def test_a_comment_stands_behind_the_first_argument() -> None:
    call = Call(
        CIdent("f"), (*words("klass"), CString("x"), CString("word " * 20)), CComment("2.7")
    )
    assert str(clayout.call(call, 4)) == expected(f"""
        |    f(klass, /* 2.7 */
        |      "x",
        |      "{"word " * 14}"
        |      "{"word " * 6}");
        """).replace("|", "")


def test_a_long_comment_stands_before_the_call() -> None:
    call = Call(CIdent("f"), words("a", "b"), CComment("word " * 16))
    assert str(clayout.call(call, 4)) == expected(f"""
        |    /*
        |     * {"word " * 13}word
        |     * word word
        |     */
        |    f(a, b);
        """).replace("|", "")


def test_a_comment_behind_the_only_argument() -> None:
    assert str(clayout.call(Call(CIdent("f"), words("a"), CComment("c")), 0)) == "f(a); /* c */"


def test_assignments() -> None:
    short = Assign(CIdent("a"), "|=", CNumber(1))
    assert str(clayout.assign(short, 4)) == "    a |= 1;"
    long = Assign(CCode("dc->desc"), "=", CString("word " * 20))
    assert str(clayout.assign(long, 4)) == expected(f"""
        |    dc->desc =
        |        "{"word " * 13}"
        |        "{"word " * 7}";
        """).replace("|", "")


def test_declarations() -> None:
    assert str(clayout.declaration(CCode("int a"), 4)) == "    int a;"
    long = "bool (*realize)(PCIDevice *dev, int (*hook)(Object *obj, int value), Error **errp, int last)"
    assert str(clayout.declaration(CCode(long), 4)) == expected("""
        |    bool (*realize)(PCIDevice *dev, int (*hook)(Object *obj, int value),
        |                    Error **errp, int last);
        """).replace("|", "")
    array = f"int {'a' * 90}[3]"
    assert str(clayout.declaration(CCode(array), 0)) == f"{array};"


def test_signatures() -> None:
    parameters = ("ObjectClass *klass", "const void *data")
    assert (
        str(clayout.signature(CIdent("x_class_init"), parameters))
        == "static void x_class_init(ObjectClass *klass, const void *data)"
    )
    for length in (45, 60):
        made = str(clayout.signature(CIdent("a" * length), parameters))
        assert all(len(line) <= clayout.WIDTH for line in made.split("\n"))
        assert made.endswith("const void *data)")


def test_macros() -> None:
    assert str(clayout.define(CIdent("A_BIT"), CNumber(2))) == "#define A_BIT 2"
    assert str(clayout.define(CIdent("A" * 50), CIdent("B" * 30))) == (
        f"#define {'A' * 50} \\\n    {'B' * 30}"
    )


def test_comments() -> None:
    assert str(clayout.comment(CComment("short"), 4)) == "    /* short */"
    assert str(clayout.comment(CComment("word " * 20), 4)) == expected(f"""
        |    /*
        |     * {"word " * 13}word
        |     * {"word " * 5}word
        |     */
        """).replace("|", "")
    assert str(clayout.paragraph(CComment("word " * 20))) == (
        f" * {'word ' * 14}word\n * {'word ' * 4}word"
    )


@pytest.mark.parametrize("indent", [0, 4, 40])
def test_a_word_longer_than_a_line_is_left_whole(indent: int) -> None:
    made = str(clayout.comment(CComment(f"see {'x' * 100}"), indent))
    assert f"{' ' * indent} * {'x' * 100}\n" in made
