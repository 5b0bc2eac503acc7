# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever is asked of `qomgen new`: a message, or a project that is right at once."""

from __future__ import annotations

import ast
import functools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from qomgen.catalog import Catalog
from qomgen.scaffold import answers as ask
from qomgen.scaffold import new
from qomgen.scaffold.answers import Answers, BadAnswer

T = TypeVar("T")

words = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True)
names = st.lists(words, min_size=1, max_size=4).map("-".join) | st.sampled_from(
    ["if", "klass", "errp", "obj", "type", "class-init", "parent", "realize", "reset", "flags", "config", "self"]
)  # fmt: skip
defaults = st.sampled_from(
    ["", "=0", "=1", "=255", "=on", "=off", "=auto", "=4K", "=-1", "=0x10", "=bar2"]
)
properties = st.builds(
    lambda name, kind, default: f"{name}:{kind}{default}",
    names,
    st.sampled_from([*ask.KINDS]),
    defaults,
)


@functools.cache
def catalogs() -> list[Catalog]:
    return new.known()


def answer(read: Callable[[], T]) -> T | None:
    """What was read, or None if it was refused, in a line that shows as it is."""
    try:
        return read()
    except BadAnswer as error:
        said = str(error)
    assert said.isprintable()
    return None


# The first example reads all of qomgen's specs.
@settings(deadline=None)
@given(st.text(max_size=50) | names)
def test_any_text_is_a_name_or_refused_in_one_line(text: str) -> None:
    name = answer(lambda: ask.name(text, catalogs()))
    if name is not None:
        answers = Answers(name, "pci-device", None, (), None)
        assert answers.package.isidentifier()
        assert answers.devices.isidentifier()
        assert "/" not in name
        assert ".." not in name


parts = st.text(max_size=9)


# The first example reads all of qomgen's specs.
@settings(deadline=None)
@given(st.text(max_size=40) | st.builds("{}:{}={}".format, parts, parts, parts))
def test_any_text_is_a_property_or_refused_in_one_line(text: str) -> None:
    answer(lambda: ask.properties([text], "pci-device", catalogs()))


@given(st.text(max_size=20))
def test_any_text_is_a_pci_id_or_refused_in_one_line(text: str) -> None:
    found = answer(lambda: ask.pci_id(text))
    if found is not None:
        assert 0 < found[0] < 0xFFFF
        assert 0 <= found[1] < 0xFFFF


# An example takes a second.
@settings(max_examples=20, deadline=None)
@given(names, st.sampled_from([*ask.PARENTS]), st.lists(properties, max_size=12))
def test_whatever_is_taken_generates(name: str, parent: str, texts: list[str]) -> None:
    """The generator's own checks find nothing in the spec; all Python is Python, all text ASCII."""
    assume(answer(lambda: ask.name(name, catalogs())))
    kept: list[str] = []
    for text in texts:
        more = [*kept, text]
        if answer(functools.partial(ask.properties, more, parent, catalogs())):
            kept = more
    found = ask.properties(kept, parent, catalogs())
    answers = Answers(name, parent, (0x1234, 0x11E8), found, None)
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        files = new.make(answers, project, catalogs())
        for path in files:
            text = (project / path).read_text("utf-8" if path.endswith(".json") else "ascii")
            if path.endswith(".py"):
                ast.parse(text)
