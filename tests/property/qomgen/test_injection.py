# SPDX-License-Identifier: GPL-2.0-or-later
"""Any text in any place: the way through the whole generator, with gcc and Python as oracles."""

from __future__ import annotations

import ast
import tempfile
from pathlib import Path, PurePosixPath

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.qomgen import compiler, hostile
from tests.unit.qomgen.test_injection import FLAGS, IN_PYTHON, TOLD, build, module, program

from .strategies import texts

# The schema wants text that shows, and the door refuses control characters that nobody types.
TEXTS = texts().filter(lambda text: bool(text.strip()))


@settings(max_examples=12, deadline=None)
@given(chosen=st.fixed_dictionaries(dict.fromkeys(hostile.PLACES, TEXTS)))
def test_any_text_anywhere(chosen: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        outputs: dict[PurePosixPath, bytes] = build(
            folder / "specs", hostile.spec(0, lambda place: chosen[place])
        )
        source = program(outputs, "10.0", range(1))
        printed = (
            compiler.run(source, folder, "-std=c11", "-trigraphs", *FLAGS).decode().splitlines()
        )
    assert printed[-1] == "canaries 1"
    for place, what in TOLD.items():
        if what is not None:
            assert f"{what} {chosen[place].encode().hex()}" in printed
    constants = {
        node.value
        for node in ast.walk(ast.parse(module(outputs, 0)))
        if isinstance(node, ast.Constant)
    }
    assert {chosen[place] for place in IN_PYTHON} <= constants
