# SPDX-License-Identifier: GPL-2.0-or-later
"""What takes no free text takes none, and no other place takes any."""

from __future__ import annotations

import ast
import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from qomgen import pipeline, schema
from qomgen.diagnostics import Diagnostics, SpecErrors

from . import hostile
from .conftest import CHECKOUT
from .test_injection import build, harmless

# The schema has no place for free text that the spec above lacks.

NOT_PRINTED = {
    "struct-document/doc",
    "enum-document/doc",
    "constant/doc",
    "property-info-document/doc",
    "property-info-document/description",
    "property-info-document/qom_type",
}
"""Documents that say what QEMU has: nothing is generated from them."""

IN_SPEC = {
    *("type-document/doc", "unit-document/doc", "field/doc", "instance-struct/doc", "class-struct/doc"),
    *("property/description", "property/history", "property/suffix", "own-property-info/doc"),
    *("own-property-info/description", "class-property/description", "class-property/history"),
    *("class-property/type", "step/doc", "argument/text"),
}  # fmt: skip

NAMES = {
    "member/type",
    "bit-by-qemu",
    "constant-value",
}
"""Words that must be known, or become names that encoders check."""


def free_text(node: object, path: tuple[str, ...] = ()) -> Iterator[str]:
    """The places of the schema that take text without a pattern."""
    if isinstance(node, list):
        for item in node:
            yield from free_text(item, path)
    if not isinstance(node, dict):
        return
    free = ("text", "text-by-qemu", "string-by-qemu")
    is_string = "string" in node.get("type", ()) and not {"pattern", "enum", "const"} & set(node)
    if node.get("$ref", "").removeprefix("#/$defs/") in free or is_string:
        yield "/".join(path)
    grammar = (
        "properties",
        "$defs",
        "then",
        "else",
        "by-qemu",
        "additionalProperties",
        "patternProperties",
    )
    for key, value in node.items():
        if key not in ("examples", "if"):
            yield from free_text(value, path if key in grammar else (*path, key))


def test_the_spec_has_every_place_that_takes_free_text() -> None:
    made_of = {"text", "text-by-qemu", "string-by-qemu"}
    found = set(free_text(json.loads(schema.text()))) - made_of
    assert found == IN_SPEC | NOT_PRINTED | NAMES


# What is no free text is refused.


def strings(
    node: object, path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], bool]]:
    """The way to every string below `node`, and whether it is a key."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield (*path, key), True
            yield from strings(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from strings(value, (*path, index))
    elif isinstance(node, str):
        yield path, False


def changed(documents: list[Any], path: tuple[str | int, ...], is_key: bool) -> str:
    """The documents with a newline behind one string, as YAML (JSON is YAML)."""
    new = copy.deepcopy(documents)
    here: Any = new
    for step in path[:-1]:
        here = here[step]
    last = path[-1]
    if is_key:
        entries = [(f"{key}\n" if key == last else key, value) for key, value in here.items()]
        here.clear()
        here.update(entries)
    else:
        here[last] += "\n"
    return "\n---\n".join(json.dumps(each) for each in new)


def test_a_name_with_a_newline_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`$` in a regular expression of Python matches before it."""
    known = pipeline.load([CHECKOUT / "device_specs" / "qemu"], Diagnostics())
    load = pipeline.load

    def load_once(
        folders: list[Path], found: Diagnostics, *, base: tuple[Path, ...]
    ) -> pipeline.Specs:
        specs = load(folders, found, base=base)
        return pipeline.Specs((*known.documents, *specs.documents), specs.files)

    monkeypatch.setattr(pipeline, "load", load_once)
    documents = list(YAML(typ="safe").load_all(hostile.spec(0, harmless)))
    (tmp_path / "hostile_hooks.py").write_text(hostile.HOOKS)
    taken, refused = [], 0
    for path, is_key in strings(documents):
        (tmp_path / "spec.yaml").write_text(changed(documents, path, is_key))
        try:
            pipeline.build([tmp_path], python_path=[tmp_path], versions=["10.0"])
        except SpecErrors:
            refused += 1
        else:
            taken.append("/".join(map(str, path)))
    assert refused > 80
    free = r"(doc|history|description(/by-qemu/.*)?|suffix|text|desc|fw_name|sock/type)$"
    ctypes = r"fields/\w+(/type)?$"
    assert [path for path in taken if not re.search(f"{free}|{ctypes}", path)] == []


@pytest.mark.parametrize("text", ['"a\\0b"', "a\x01b", '"a\\ud800b"', "a\x7fb"])
def test_what_no_language_can_hold_is_refused_at_the_door(tmp_path: Path, text: str) -> None:
    spec = hostile.spec(0, harmless).replace(hostile.quoted(harmless("desc")), text)
    assert text in spec
    with pytest.raises(SpecErrors) as caught:
        build(tmp_path / "specs", spec)
    assert {each.id for each in caught.value.diagnostics} <= {"QG002", "QG003"}


@pytest.mark.parametrize("name", ["../x", "a/b", "..", "a\\b", "-x", "x y", "CON:", ""])
def test_no_output_leaves_its_folder(tmp_path: Path, name: str) -> None:
    spec = hostile.spec(0, harmless).replace(f"hostile-{hostile.tag(0)}", name)
    with pytest.raises(SpecErrors):
        build(tmp_path / "specs", spec)


def test_the_name_of_a_spec_file_is_a_comment_too(tmp_path: Path) -> None:
    """It stands in the second line of a module, where Python looks for the codec."""
    folder = tmp_path / '""" coding=utf-7 \n\udcff *'
    files = build(folder, hostile.spec(0, harmless))
    for path, data in files.items():
        if path.suffix == ".py":
            ast.parse(data)
            assert b"coding=" not in data
        elif path.suffix == ".inc":
            assert b'from """ coding=utf-7 U+DCFF * /spec0.yaml' in data
