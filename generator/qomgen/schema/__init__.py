# SPDX-License-Identifier: GPL-2.0-or-later
"""
The shape of spec documents: `spec.schema.json` (JSON Schema 2020-12), applied to located trees.

The schema is closed: an unknown key is an error. Everything a schema can't say is checked later, in `qomgen.checks`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from qomgen import problems
from qomgen.diagnostics import Diagnostic, Diagnostics, Span, did_you_mean
from qomgen.source import Mapping, Node, Scalar, Sequence, plain

DOCUMENTS = ("type", "struct", "unit", "constants", "enum", "property_info")
"""The keys that say what a document is."""


def text() -> str:
    """The schema as shipped."""
    return files("qomgen.schema").joinpath("spec.schema.json").read_text("utf-8")


@cache
def _validator(kind: str) -> Draft202012Validator:
    """The validator of one kind of document: the schema's own chain of ifs, with the choice already made."""
    schema: dict[str, Any] = json.loads(text())
    name = kind.replace("_", "-")
    return Draft202012Validator({"$ref": f"#/$defs/{name}-document", "$defs": schema["$defs"]})


def kind_of(document: Mapping) -> str | None:
    """What `document` is: one of `DOCUMENTS`, or None."""
    return next((key for key in DOCUMENTS if key in document.entries), None)


def validate(document: Mapping, found: Diagnostics) -> bool:
    """Whether `document` has the right shape; what has not goes to `found`."""
    kind = kind_of(document)
    if kind is None:
        hint = next(
            (guess for key in document.entries if (guess := did_you_mean(key, DOCUMENTS))), None
        )
        found.add(problems.NoDocumentKind(document.span, hint, known=", ".join(DOCUMENTS)))
        return False
    good = True
    for error in _validator(kind).iter_errors(plain(document)):
        for diagnostic in _diagnose(document, error):
            found.add(diagnostic)
        good = False
    return good


def _diagnose(document: Mapping, error: ValidationError) -> Iterator[Diagnostic]:
    path = list(error.absolute_path)
    node = _descend(document, path)
    where = describe(document, path)
    schema = error.schema if isinstance(error.schema, dict) else {}
    title = schema.get("title")
    if "propertyNames" in error.relative_schema_path and isinstance(node, Mapping):
        key = str(error.instance)
        yield problems.BadValue(
            node.key_span(key), value=key, expected=title or "a key of this mapping"
        )
        return
    match error.validator:
        case "additionalProperties" if isinstance(node, Mapping):
            known = set(schema.get("properties", ()))
            for key in _unknown(node, schema):
                yield problems.UnknownKey(
                    node.key_span(key), did_you_mean(key, known), key=key, where=where
                )
        case "required":
            for key in _names(error.validator_value):
                if isinstance(node, Mapping) and key not in node.entries:
                    yield problems.MissingKey(_head(document, path), key=key, where=where)
        case "type" | "const":
            yield _wrong_type(node, error, title, where)
        case "enum":
            words = _names(error.validator_value)
            value, expected = str(error.instance), "one of " + ", ".join(words)
            yield problems.BadValue(
                node.span, did_you_mean(value, words), value=value, expected=expected
            )
        case "pattern":
            yield problems.BadValue(
                node.span, value=str(error.instance), expected=title or "of the right form"
            )
        case "minLength" | "minItems" | "minProperties":
            yield problems.TooFew(node.span, where=where)
        case "maxProperties":
            keys = list(node.entries) if isinstance(node, Mapping) else []
            yield problems.OneKeyOnly(node.span, keys=" and ".join(f"'{key}'" for key in keys))
        case "minimum" | "maximum":
            low, high = schema.get("minimum", ""), schema.get("maximum", "")
            yield problems.BadValue(
                node.span, value=str(error.instance), expected=f"a number from {low} to {high}"
            )
        case "uniqueItems":
            yield problems.Repeated(node.span, where=where)
        case _:
            # A keyword of our own schema without a message of ours: say what the validator says.
            yield problems.BadValue(
                node.span, value=str(error.instance)[:60], expected=error.message[:200]
            )


def _unknown(node: Mapping, schema: dict[str, Any]) -> list[str]:
    # The only pattern in the schema is that of class structs, which begin with an upper-case letter.
    patterned = "patternProperties" in schema
    return [
        key
        for key in node.entries
        if key not in schema.get("properties", ()) and not (patterned and key[:1].isupper())
    ]


def _names(value: object) -> list[str]:
    """What `required`, `enum` and `type` hold: a list of words, or one."""
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]


_NOUNS = {
    "string": "text",
    "boolean": "true or false",
    "integer": "an integer",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing",
}


def _wrong_type(node: Node, error: ValidationError, title: str | None, where: str) -> Diagnostic:
    if error.validator == "const":
        wanted = [json.dumps(error.validator_value)]
    else:
        wanted = [_NOUNS[name] for name in _names(error.validator_value)]
    written = node.text if isinstance(node, Scalar) else ""
    if title and "QEMU series" in title and isinstance(error.instance, int | float):
        meant = written if "." in written else f"{written}.0"
        return problems.VersionAsNumber(node.span, text=written, meant=meant)
    hint = None
    if wanted == ["text"] and written:
        hint = f'if this is meant as text, quote it: "{written}"'
    elif wanted == ["true or false"] and written in ("on", "off", "yes", "no"):
        hint = f"in YAML 1.2 {written} is text; write " + (
            "true" if written in ("on", "yes") else "false"
        )
    return problems.WrongType(
        node.span, hint, where=where, expected=" or ".join(wanted), actual=_actual(node)
    )


def _actual(node: Node) -> str:
    if isinstance(node, Mapping):
        return "a mapping"
    if isinstance(node, Sequence):
        return "a list"
    match node.value:
        case None:
            return "nothing"
        case bool():
            return f"the truth value {node.text}"
        case int() | float():
            return f"the number {node.text}"
        case str():
            return f"the text '{node.text}'"


def _descend(node: Node, path: list[str | int]) -> Node:
    for step in path:
        if isinstance(node, Mapping):
            node = node.entries[str(step)].value
        elif isinstance(node, Sequence):
            node = node.items[int(step)]
    return node


def _head(document: Mapping, path: list[str | int]) -> Span:
    """Where the key stands whose value `path` leads to; the document's first key for the document itself."""
    if not path:
        return next(iter(document.entries.values())).key_span
    parent = _descend(document, path[:-1])
    if isinstance(parent, Mapping):
        return parent.key_span(str(path[-1]))
    return _descend(document, path).span


_NAMED = {
    "properties": "property",
    "class_properties": "class property",
    "fields": "field",
    "members": "member",
    "constants": "constant",
    "flags": "flag",
}


def describe(document: Mapping, path: list[str | int]) -> str:
    """The nearest thing with a name on the way to `path`, for messages: "property 'x-vga'"."""
    kind = kind_of(document) or "document"
    name = document.get(kind)
    told = f"{kind} '{name.text}'" if isinstance(name, Scalar) else kind
    for index, step in enumerate(path):
        following = path[index + 1] if index + 1 < len(path) else None
        if isinstance(step, str) and step in _NAMED and isinstance(following, str):
            told = f"{_NAMED[step]} '{following}'"
        elif isinstance(step, str) and isinstance(following, int):
            told = f"{step} entry {following + 1}"
        elif step in (
            "instance_struct",
            "class_struct",
            "c",
            "build",
            "python",
            "info",
            "register",
        ):
            told = f"'{step}'"
    return told
