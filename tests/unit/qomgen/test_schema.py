# SPDX-License-Identifier: GPL-2.0-or-later
"""The shipped schemas: whole, described, true of the real specs; and the messages made of their errors."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from qomgen import schema
from qomgen.diagnostics import Diagnostics, SourceFile
from qomgen.profile import kinds, profiles
from qomgen.reserved import C_KEYWORDS, PYTHON_KEYWORDS
from qomgen.source import parse, plain
from qomgen.source import read as read_source

ROOT = Path(__file__).resolve().parents[3]
SPEC: dict[str, Any] = json.loads(schema.text())
DIAGNOSTICS: dict[str, Any] = json.loads(
    files("qomgen.schema").joinpath("diagnostics.schema.json").read_text("utf-8")
)
SCHEMAS = {"spec": SPEC, "diagnostics": DIAGNOSTICS}


def subschemas(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema within a schema, with where it stands."""
    if isinstance(node, dict):
        yield path, node
        for key, value in node.items():
            if key in ("properties", "patternProperties", "$defs"):
                for name, below in value.items():
                    yield from subschemas(below, f"{path}/{key}/{name}")
            elif key not in ("examples", "enum", "const", "required", "dependentRequired"):
                yield from subschemas(value, f"{path}/{key}")
    elif isinstance(node, list):
        for index, item in enumerate(node):
            yield from subschemas(item, f"{path}/{index}")


def keys(whole: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every key that a document may have, with its schema."""
    for path, node in subschemas(whole):
        for kind in ("properties", "patternProperties"):
            for name, below in node.get(kind, {}).items():
                yield f"{path}/{kind}/{name}", below


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_schema_is_one(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_key_has_a_description_and_an_example(name: str) -> None:
    bare = [
        path for path, node in keys(SCHEMAS[name]) if not {"description", "examples"} <= set(node)
    ]
    assert bare == []
    definitions = SCHEMAS[name]["$defs"]
    assert [each for each, node in definitions.items()
            if not each.endswith("-by-qemu") and not {"description", "$comment"} & set(node)] == []  # fmt: skip


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_example_is_valid_where_it_stands(name: str) -> None:
    whole = SCHEMAS[name]
    wrong = []
    count = 0
    for path, node in subschemas(whole):
        validator = schema.made({**node, "$defs": whole["$defs"]})
        for example in node.get("examples", ()):
            count += 1
            wrong += [f"{path}: {error.message}" for error in validator.iter_errors(example)]
    assert wrong == []
    assert count > 10


def test_every_mapping_is_closed() -> None:
    is_open = [
        path
        for path, node in subschemas(SPEC)
        if node.get("type") == "object" and "additionalProperties" not in node and "not" not in node
        and not path.endswith("/if")
    ]  # fmt: skip
    assert is_open == []


def test_patterns_mean_the_same_to_ecmascript_and_to_us() -> None:
    """`$` is the end for ECMA-262, and for Python also before a last line break."""
    patterns = {node["pattern"] for _, node in subschemas(SPEC) if "pattern" in node}
    assert all(re.compile(pattern) for pattern in patterns)
    assert [each for each in patterns if re.search(r"\\[AZzGbdwh]|\(\?", each)] == []
    # At the end of an alternative, that is, and nowhere else.
    assert [each for each in patterns if re.search(r"(?<!\\)\$(?!$|\))", each)] == []
    version = schema.definition("version")
    assert version.is_valid("10.0")
    assert not version.is_valid("10.0\n")


@pytest.mark.parametrize("text", ["0.15", "1.7", "2.12", "3.1", "4.0", "7.2", "10.2", "11.0"])
def test_a_release_is_a_series(text: str) -> None:
    assert schema.definition("version").is_valid(text)


@pytest.mark.parametrize(
    "text", ["", "10", "10.0.1", "v10.0", "10.3", "3.2", "1.8", "07.2", "7.02", "100.0", " 10.0"]
)
def test_what_was_never_released_is_no_series(text: str) -> None:
    assert not schema.definition("version").is_valid(text)


def test_reserved_words_are_those_of_the_generator() -> None:
    assert set(SPEC["$defs"]["c-keyword"]["enum"]) == C_KEYWORDS
    for word in PYTHON_KEYWORDS:
        assert not schema.definition("python-name").is_valid(f"a.{word}.b")
    assert schema.definition("python-name").is_valid("important.classes")


@pytest.mark.parametrize("value", [True, 1.0, "1"])
def test_an_integer_is_written_as_one(value: bool | float | str) -> None:
    assert not schema.definition("integer").is_valid(value)


def test_the_real_specs_are_valid_for_an_editor() -> None:
    """An editor applies the whole schema with a validator of its own."""
    validator = Draft202012Validator(SPEC)
    count = 0
    for path in sorted((ROOT / "device_specs").rglob("*.yaml")):
        file = read_source(path, path.name, Diagnostics())
        assert file is not None
        for document in parse(file, Diagnostics()):
            assert [error.message for error in validator.iter_errors(plain(document))] == [], path
            count += 1
    assert count > 40


def test_the_modeline_of_each_spec_leads_to_the_schema() -> None:
    for path in sorted((ROOT / "device_specs").rglob("*.yaml")):
        first = path.read_text("utf-8").splitlines()[0]
        match = re.fullmatch(r"# yaml-language-server: \$schema=(.+)", first)
        assert match, path
        assert (path.parent / match[1]).resolve() == Path(
            schema.__file__
        ).parent / "spec.schema.json"


# What is wrong is left out, and the rest is looked at


def admitted(text: str) -> tuple[object, list[str]]:
    """Return what is left of a document, and the rules that it broke."""
    found = Diagnostics()
    (document,) = parse(SourceFile("a.yaml", text), found)
    rest = schema.admit(document, found)
    return plain(rest) if rest else None, [each.id for each in found]


def test_an_unknown_key_alone_is_left_out() -> None:
    rest, said = admitted("type: my-dev\nparent: device\ncolour: blue\n")
    assert rest == {"type": "my-dev", "parent": "device"}
    assert said == ["QG011"]


def test_what_needs_the_wrong_thing_goes_with_it_in_silence() -> None:
    rest, said = admitted(
        "type: my-dev\nproperties:\n  a: {kind: [1], field: a}\n  b: {kind: bool, field: b}\n"
    )
    assert rest == {"type": "my-dev", "properties": {"b": {"kind": "bool", "field": "b"}}}
    assert said == ["QG013"]


def test_an_entry_of_a_list_goes_as_a_whole() -> None:
    rest, said = admitted("type: my-dev\nclass_init:\n  - {call: f, agrs: []}\n  - properties\n")
    assert rest == {"type": "my-dev", "class_init": ["properties"]}
    assert said == ["QG011"]


def test_a_document_without_its_key_goes_as_a_whole() -> None:
    assert admitted("type: [my-dev]\nparent: device\n") == (None, ["QG013"])
    assert admitted("unit: u\n") == (None, ["QG012", "QG012"])
    assert admitted("nothing: 1\n") == (None, ["QG010"])


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ((), "type 'my-dev'"),
        (("parent",), "'parent' of type 'my-dev'"),
        (("parent", "by-qemu", "7.2"), "'parent' of type 'my-dev'"),
        (("properties", "a"), "property 'a'"),
        (("properties", "a", "kind"), "'kind' of property 'a'"),
        (("instance_struct", "fields", "f", "type"), "'type' of field 'f'"),
        (("class_init", 1), "step 2 of class_init"),
        (
            ("class_init", 1, "DeviceClass", "desc"),
            "'desc' of 'DeviceClass' of step 2 of class_init",
        ),
        (("instance_init", "steps", 0, "args", 2), "entry 3 of 'args' of step 1 of instance_init"),
        (("includes", 0, "local"), "'local' of entry 1 of 'includes' of type 'my-dev'"),
    ],
)
def test_places_are_named_by_the_nearest_name(path: schema.Path, told: str) -> None:
    (document,) = parse(SourceFile("a.yaml", "type: my-dev\n"), Diagnostics())
    assert schema.describe(document, path) == told


def test_editors_are_offered_every_kind() -> None:
    snippets = SPEC["$defs"]["property"]["properties"]["kind"]["defaultSnippets"]
    known = {name for series in profiles() for name in kinds(series)}
    assert [each["label"] for each in snippets] == sorted(known)
    assert all(each["body"] == each["label"] for each in snippets)
