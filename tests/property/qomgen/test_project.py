# SPDX-License-Identifier: GPL-2.0-or-later
"""The plain way of reading settings says what Python's own reader of TOML says, or nothing."""

from __future__ import annotations

import tomllib

from hypothesis import example, given
from hypothesis import strategies as st

from qomgen import project

strings = st.sampled_from(
    ['"c"', '"a b"', '""', '"a, b"', "'x'", '"\\\\t"', '"#"', "1", '"é"', '"]"']
)
values = strings | st.lists(strings, max_size=3).map(lambda each: f"[{', '.join(each)}]")
keys = st.sampled_from(["package", "qemu", "python-path", '"x"', "a.b", ""])
rows = st.builds(
    "{}{}{}{}".format,
    keys,
    st.sampled_from([" = ", "="]),
    values,
    st.sampled_from(["", " ", " # x"]),
)
others = st.sampled_from(
    ["", "# x", "[tool.qomgen]", "[other]", "[[other]]", "x = 1", 'y = """', " [z]", "\r", "]"]
)
texts = st.tuples(st.lists(others, max_size=3), st.lists(rows | others, max_size=5)).map(
    lambda parts: "\n".join([*parts[0], "[tool.qomgen]", *parts[1]])
)


@given(texts)
@example('a = "\n[tool.qomgen]\npackage = "x"')
def test_the_plain_way_agrees_with_the_long_one(text: str) -> None:
    found = project.plain_table(text.encode())
    if found is None:
        return
    try:
        whole = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        # Something else is wrong in the file, which is not for us to say.
        return
    assert found == whole["tool"]["qomgen"]


def test_what_new_writes_is_plain() -> None:
    text = '[x]\ny = 1\n\n# z\n[tool.qomgen]\ntarget = ["c", "python"]\npackage = "x_devices"\n\n[other]\n'
    table = {"target": ["c", "python"], "package": "x_devices"}
    assert project.plain_table(text.encode()) == table
