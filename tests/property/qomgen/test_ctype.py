# SPDX-License-Identifier: GPL-2.0-or-later
"""C types: what is printed is read again as the same, and the compiler takes it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qomgen import ctype
from qomgen.ctype import CType, CTypeError
from tests.unit.qomgen import compiler

from .strategies import TYPEDEFS, ctypes, type_words


@given(made=ctypes)
def test_a_type_printed_and_read_is_the_same(made: CType) -> None:
    assert ctype.parse(str(made)) == made


@given(made=ctypes, data=st.data())
def test_spaces_mean_nothing(made: CType, data: st.DataObject) -> None:
    spread = "".join(
        char + data.draw(st.sampled_from(("", " ", "  "))) if char in "*()[],+- " else char
        for char in str(made)
    )
    if len(spread) <= 400:
        assert ctype.parse(spread) == made


@settings(max_examples=25, deadline=None)
@given(batch=st.lists(ctypes, min_size=1, max_size=40))
def test_the_compiler_takes_what_is_printed(batch: list[CType]) -> None:
    fields = "".join(f"    {each.declare(f'f{index}')};\n" for index, each in enumerate(batch))
    # That a function returns `const int` is allowed and useless; what is asked is the syntax.
    compiler.check(
        f"{TYPEDEFS}\nstruct all {{\n{fields}}};\n", "-std=gnu11", "-Wno-ignored-qualifiers"
    )


@settings(max_examples=25, deadline=None)
@given(batch=st.lists(ctypes, min_size=1, max_size=40))
def test_the_abstract_form_is_the_same_type(batch: list[CType]) -> None:
    """`sizeof(int *[3])` and a declared variable agree; the bound of an anonymous struct can't be asked."""
    rows = [TYPEDEFS]
    for index, each in enumerate(made for made in batch if not made.base.startswith("Q")):
        rows.append(f"extern {each.declare(f'v{index}')};")
        rows.append(f"extern __typeof__({each}) v{index};")
    compiler.check("\n".join(rows) + "\n", "-std=gnu11", "-Wno-ignored-qualifiers")


@given(text=st.one_of(st.text(), type_words))
def test_any_text_is_a_type_or_an_error(text: str) -> None:
    try:
        made = ctype.parse(text)
    except CTypeError:
        return
    assert ctype.parse(str(made)) == made
    assert set(str(made)) <= set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_ *()[],+-"
    )


@pytest.mark.parametrize("text", ["int[3]", "int *const", "void *", "int (*)(void)"])
def test_the_compiler_finds_a_wrong_type(text: str) -> None:
    """The oracle of this module says no when it should."""
    declared = ctype.parse(text).declare("v")
    with pytest.raises(AssertionError, match="conflicting type"):
        compiler.check(f"extern {declared};\nextern char v;\n")
