# SPDX-License-Identifier: GPL-2.0-or-later
"""What a validator's error means to the person who wrote the spec: a diagnostic, and what to pass over."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from jsonschema.exceptions import ValidationError

from qomgen import problems
from qomgen.diagnostics import Diagnostic, Span, closest, did_you_mean
from qomgen.source import Mapping, Node, Scalar, Sequence

DOCUMENTS = ("type", "struct", "unit", "constants", "enum", "property_info")
"""The keys that say what a document is."""

Path: TypeAlias = tuple[str | int, ...]
"""Keys and indices from a document down to a node."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that the schema does not allow."""

    diagnostic: Diagnostic
    path: Path
    """What to leave out so that the rest can be looked at."""
    meant: str | None = None
    """The key that was probably meant."""


def kind_of(document: Mapping) -> str | None:
    """What `document` is: one of `DOCUMENTS`, or None."""
    return next((key for key in DOCUMENTS if key in document.entries), None)


def faults(document: Mapping, error: ValidationError) -> Iterator[Fault]:
    """What `error`, which a validator found in `document`, means."""
    path: Path = tuple(error.absolute_path)
    node = _descend(document, path)
    schema = error.schema if isinstance(error.schema, dict) else {}
    if "propertyNames" in error.relative_schema_path and isinstance(node, Mapping):
        key = str(error.instance)
        what = describe(document, (*path, key))
        yield Fault(_bad_name(error, key, node.key_span(key), schema, what), (*path, key))
    elif error.validator == "additionalProperties" and isinstance(node, Mapping):
        yield from _unknown_keys(document, path, node, schema)
    elif error.validator == "required":
        for key in _words(error.validator_value):
            if isinstance(node, Mapping) and key not in node.entries:
                where = describe(document, path)
                yield Fault(problems.MissingKey(_head(document, path), key=key, where=where), path)
    elif error.validator == "dependentRequired" and isinstance(node, Mapping):
        dependent: dict[str, list[str]] = schema["dependentRequired"]
        for key, needed in dependent.items():
            for other in needed if key in node.entries else ():
                if other not in node.entries:
                    where = f"{describe(document, path)}, which has '{key}',"
                    missing = problems.MissingKey(node.key_span(key), key=other, where=where)
                    yield Fault(missing, path)
    elif error.validator != "oneOf" or isinstance(node, Mapping):
        # What is no mapping is an error of its own, and its keys are none.
        yield Fault(_value(document, path, node, error, schema), path)


def _unknown_keys(
    document: Mapping, path: Path, node: Mapping, schema: dict[str, Any]
) -> Iterator[Fault]:
    known = set(schema.get("properties", ()))
    # The only pattern in the schema is that of class structs, which begin with an upper-case letter.
    patterned = "patternProperties" in schema
    for key in node.entries:
        if key in known or (patterned and key[:1].isupper()):
            continue
        where = describe(document, path)
        unknown = problems.UnknownKey(
            node.key_span(key), did_you_mean(key, known), key=key, where=where
        )
        yield Fault(unknown, (*path, key), closest(key, known))


def _bad_name(
    error: ValidationError, key: str, span: Span, schema: dict[str, Any], what: str
) -> Diagnostic:
    if error.validator == "not":
        return _reserved(error, key, span, what)
    expected = schema.get("title") or "a key of this mapping"
    if error.validator == "maxLength":
        expected += f" of at most {error.validator_value} characters"
    return problems.BadValue(span, _version_hint(key, expected), value=key, expected=expected)


def _reserved(error: ValidationError, word: str, span: Span, what: str) -> Diagnostic:
    """A name that is excepted from those that the pattern allows."""
    if "by-qemu" in json.dumps(error.validator_value):
        return problems.BadValue(span, value=word, expected="a property name; it is a key")
    language = "Python" if "python" in json.dumps(error.validator_value) else "C"
    return problems.ReservedName(span, name=word, what=what, language=language)


def _value(
    document: Mapping, path: Path, node: Node, error: ValidationError, schema: dict[str, Any]
) -> Diagnostic:
    """What is wrong with the value at `path` as such."""
    where = describe(document, path)
    title = schema.get("title")
    shown = str(error.instance)
    match error.validator:
        case "type" | "const":
            return _wrong_type(node, error, title, where)
        case "enum":
            words = _words(error.validator_value)
            expected = "one of " + ", ".join(words)
            return problems.BadValue(
                node.span, did_you_mean(shown, words), value=shown, expected=expected
            )
        case "pattern":
            expected = title or "of the right form"
            hint = _version_hint(shown, expected)
            return problems.BadValue(node.span, hint, value=shown, expected=expected)
        case "maxLength":
            expected = f"{title or 'a text'} of at most {error.validator_value} characters"
            return problems.BadValue(node.span, value=shown, expected=expected)
        case "not":
            return _reserved(error, shown, node.span, where)
        case "oneOf":
            known = [key for each in schema["oneOf"] for key in each["required"]]
            has = [key for key in known if isinstance(node, Mapping) and key in node.entries]
            told = {"known": _listed(known, "or"), "keys": _listed(has, "and") or "none of them"}
            return problems.OneKeyOnly(node.span, where=where, **told)
        case "minLength" | "minItems" | "minProperties":
            least = error.validator_value
            few = "is empty" if least == 1 else f"has too few entries: {least} or more belong here"
            return problems.TooFew(node.span, where=where, few=few)
        case "minimum" | "maximum":
            bounds = f"a number from {schema.get('minimum')} to {schema.get('maximum')}"
            return problems.BadValue(node.span, value=shown, expected=bounds)
        case "uniqueItems" if isinstance(node, Sequence):
            first = _second(node)
            return problems.Repeated(first.span, value=first.text, where=where)
    # A keyword of our own schema without a message of ours: say what the validator says.
    return problems.BadValue(node.span, value=shown, expected=error.message)


def _second(node: Sequence) -> Scalar:
    """The first entry of a list that stands there already."""
    scalars = [item for item in node.items if isinstance(item, Scalar)]
    values = [item.value for item in scalars]
    return next(item for index, item in enumerate(scalars) if item.value in values[:index])


def _version_hint(text: str, expected: str) -> str | None:
    """What may have been meant by a text that is no QEMU series."""
    if "QEMU series" not in expected:
        return None
    if re.fullmatch(r"[0-9]+", text):
        return f'write "{text}.0"'
    if match := re.fullmatch(r"v?([0-9]+\.[0-9]+)(\.[0-9]+)?", text):
        return (
            f"there is no QEMU {text}"
            if match[1] == text
            else f'write "{match[1]}": a series has two numbers'
        )
    return None


def _words(value: object) -> list[str]:
    """What `required`, `enum` and `type` hold: a list of words, or one."""
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]


def _listed(words: list[str], last: str) -> str:
    quoted = [f"'{word}'" for word in words]
    return f" {last} ".join(filter(None, [", ".join(quoted[:-1]), *quoted[-1:]]))


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
        wanted = [_NOUNS[name] for name in _words(error.validator_value)]
    written = node.text if isinstance(node, Scalar) else ""
    is_number = isinstance(error.instance, int | float) and not isinstance(error.instance, bool)
    if title and "QEMU series" in title and is_number:
        meant = written if "." in written else f"{written}.0"
        return problems.VersionAsNumber(node.span, text=written, meant=meant)
    hint = None
    if wanted == ["text"] and written:
        hint = f'if this is meant as text, quote it: "{written}"'
    elif wanted == ["true or false"] and written in ("on", "off", "yes", "no"):
        hint = f"in YAML 1.2 {written} is text; write " + (
            "true" if written in ("on", "yes") else "false"
        )
    elif wanted == ["true"] and written == "false":
        hint = "leave the key out"
    expected = " or ".join(filter(None, [", ".join(wanted[:-1]), wanted[-1]]))
    return problems.WrongType(node.span, hint, where=where, expected=expected, actual=actual(node))


def actual(node: Node) -> str:
    """What a node is, for messages: "the number 5"."""
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


def _descend(node: Node, path: Path) -> Node:
    for step in path:
        if isinstance(node, Mapping):
            node = node.entries[str(step)].value
        elif isinstance(node, Sequence):
            node = node.items[int(step)]
    return node


def _head(document: Mapping, path: Path) -> Span:
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
"""Mappings that are keyed by names of the user's, and what each of those is."""

_FUNCTIONS = frozenset(
    {"class_init", "instance_init", "instance_post_init", "instance_finalize", "get", "set"}
)
"""Keys below which steps stand."""


def describe(document: Mapping, path: Path) -> str:
    """What stands at `path`, by the nearest thing that has a name: "'default' of property 'x-vga'"."""
    kind = kind_of(document) or "document"
    name = document.get(kind)
    told = f"{kind} '{name.text}'" if isinstance(name, Scalar) else kind
    function = ""
    index = 0
    while index < len(path):
        step = path[index]
        following = path[index + 1] if index + 1 < len(path) else None
        if step == "by-qemu" and following is not None:
            index += 1
        elif isinstance(step, int):
            told = f"step {step + 1} of {function}" if function else f"entry {step + 1} of {told}"
            function = ""
        elif step in _NAMED and isinstance(following, str) and following != "by-qemu":
            told = f"{_NAMED[step]} '{following}'"
            index += 1
        elif step != "steps" or not function:
            function = step if step in _FUNCTIONS else ""
            told = f"'{step}' of {told}"
        index += 1
    return told
