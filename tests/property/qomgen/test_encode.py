# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever the text, the compiler and the interpreter read it back, and nothing else.

Texts go to the compiler in batches: starting it takes longer than reading them.
"""

from __future__ import annotations

import ast
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qomgen import clayout
from qomgen.encode import CComment, CIdent, CNumber, CString, PyDoc, PyNumber, PyStr, neutral
from tests.unit.qomgen import compiler

from .strategies import texts

BATCH = st.lists(texts(), min_size=1, max_size=60)


def print_strings(literals: list[str]) -> str:
    """A program that prints each literal's bytes behind a line with their number."""
    arrays = "".join(
        f"static const char s{index}[] =\n{literal};\n" for index, literal in enumerate(literals)
    )
    calls = "".join(
        f'    printf("%zu\\n", sizeof(s{index}) - 1);\n    fwrite(s{index}, 1, sizeof(s{index}) - 1, stdout);\n'
        for index in range(len(literals))
    )
    return f"#include <stdio.h>\n{arrays}int main(void)\n{{\n{calls}    return 0;\n}}\n"


def parse_strings(printed: bytes) -> list[bytes]:
    found = []
    while printed:
        size, _, rest = printed.partition(b"\n")
        found.append(rest[: int(size)])
        printed = rest[int(size) :]
    return found


@pytest.mark.parametrize("dialect", compiler.DIALECTS, ids=" ".join)
@settings(max_examples=25, deadline=None)
@given(batch=BATCH, width=st.integers(1, 100))
def test_c_string_is_its_text_in_utf8(
    dialect: tuple[str, ...], batch: list[str], width: int
) -> None:
    encoded = [CString(text) for text in batch]
    literals = [each.text for each in encoded]
    literals += ["\n".join(each.pieces(width)) for each in encoded]
    with tempfile.TemporaryDirectory() as folder:
        printed = compiler.run(print_strings(literals), Path(folder), *dialect)
    assert parse_strings(printed) == [text.encode() for text in batch * 2]


@given(text=texts(), width=st.integers(6, 100))
def test_pieces_of_a_c_string_keep_to_the_width(text: str, width: int) -> None:
    assert all(len(piece) <= width for piece in CString(text).pieces(width))


@given(text=texts(), indent=st.integers(0, 40), name=st.sampled_from(("f", "a_long_name_of_it")))
def test_calls_with_strings_keep_to_80_columns(text: str, indent: int, name: str) -> None:
    arguments = (CIdent("klass"), CString(text), CString(text[::-1]))
    for comment in (None, CComment("2.7")):
        made = clayout.call(clayout.Call(CIdent(name), arguments, comment), indent)
        assert all(len(line) <= clayout.WIDTH for line in str(made).split("\n")), made
    assigned = clayout.assign(clayout.Assign(CIdent(name), "=", CString(text)), indent)
    assert all(len(line) <= clayout.WIDTH for line in str(assigned).split("\n")), assigned


@pytest.mark.parametrize("dialect", compiler.DIALECTS, ids=" ".join)
@settings(max_examples=25, deadline=None)
@given(batch=st.lists(texts(nul=True, surrogates=True), min_size=1, max_size=60))
def test_c_comment_is_no_code(dialect: tuple[str, ...], batch: list[str]) -> None:
    rows, expected = [], []
    for index, text in enumerate(batch):
        encoded = CComment(text)
        rows += [f"int a{index}; /* {encoded} */ int b{index};"]
        rows += [str(clayout.comment(encoded, 4)), f"int c{index};"]
        rows += ["/*", str(clayout.paragraph(encoded)), " */", f"int d{index};"]
        expected += [f"int {letter}{index};" for letter in "abcd"]
    assert compiler.preprocess("\n".join(rows), *dialect) == " ".join(expected)


@given(text=texts(nul=True, surrogates=True))
def test_neutral_text_is_printable_ascii_on_one_line(text: str) -> None:
    assert all(" " <= char <= "~" for char in neutral(text))


@given(text=texts(nul=True, surrogates=True))
def test_python_string_is_its_text(text: str) -> None:
    source = str(PyStr(text))
    assert source.isascii()
    assert ast.literal_eval(source) == text


@given(text=texts(nul=True, surrogates=True))
def test_python_doc_is_no_code(text: str) -> None:
    encoded = PyDoc(text)
    rows = [
        f"# {encoded}",
        f"# {encoded}",
        f'"""{encoded}"""',
        f"a = 1  # {encoded}",
        "def f():",
        f'    """{encoded}"""',
        "    b = 2",
    ]
    # As bytes, so that the interpreter looks for the encoding itself.
    tree = ast.parse("\n".join(rows).encode("ascii"))
    assert [type(node).__name__ for node in tree.body] == ["Expr", "Assign", "FunctionDef"]
    function = tree.body[2]
    assert isinstance(function, ast.FunctionDef)
    assert [type(node).__name__ for node in function.body] == ["Expr", "Assign"]
    for doc in (ast.get_docstring(tree, clean=False), ast.get_docstring(function, clean=False)):
        assert doc is not None
        assert _letters(doc) == _letters(neutral(text))


def _letters(text: str) -> str:
    """What must be left of a text: quotes and spaces may differ."""
    return "".join(char for char in text if char not in "\"' ")


EDGES = [
    sign * (1 << bits) + offset
    for bits in (0, 7, 8, 15, 16, 31, 32, 63)
    for sign in (1, -1)
    for offset in (-1, 0, 1)
]
INTEGERS = st.one_of(
    st.sampled_from([each for each in EDGES if -(1 << 63) <= each < 1 << 64]),
    st.integers(-(1 << 63), (1 << 64) - 1),
)


@settings(max_examples=10, deadline=None)
@given(values=st.lists(INTEGERS, min_size=1, max_size=200))
@pytest.mark.parametrize("hexadecimal", [False, True])
def test_c_number_is_its_value(values: list[int], hexadecimal: bool) -> None:
    rows = "".join(
        f"    {{ ({number}) < 0, ({number}) }},\n"
        for number in (CNumber(value, hexadecimal=hexadecimal) for value in values)
    )
    source = (
        "#include <inttypes.h>\n#include <stdio.h>\n"
        f"static const struct {{ int negative; uint64_t bits; }} rows[] = {{\n{rows}}};\n"
        "int main(void)\n{\n    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {\n"
        '        printf("%d %" PRIu64 "\\n", rows[i].negative, rows[i].bits);\n    }\n    return 0;\n}\n'
    )
    with tempfile.TemporaryDirectory() as folder:
        # "unsigned < 0" is what the test asks.
        printed = compiler.run(source, Path(folder), "-std=gnu11", "-Wno-type-limits")
    expected = [f"{int(value < 0)} {value % (1 << 64)}" for value in values]
    assert printed.decode().splitlines() == expected


@given(value=st.integers(), hexadecimal=st.booleans())
def test_python_number_is_its_value(value: int, hexadecimal: bool) -> None:
    assert ast.literal_eval(str(PyNumber(value, hexadecimal=hexadecimal))) == value
