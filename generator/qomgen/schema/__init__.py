# SPDX-License-Identifier: GPL-2.0-or-later
"""
The shape of spec documents: `spec.schema.json` (JSON Schema 2020-12), applied to located trees.

The schema is closed: an unknown key is an error. Everything a schema can't say is checked later, in `qomgen.checks`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend

from qomgen import problems
from qomgen.diagnostics import Diagnostics, did_you_mean
from qomgen.schema.faults import DOCUMENTS, Fault, Path, describe, faults, kind_of
from qomgen.source import Mapping, Node, Sequence, names, plain

__all__ = [
    "DOCUMENTS",
    "Path",
    "admit",
    "definition",
    "describe",
    "kind_of",
    "made",
    "text",
    "validator",
]


def text() -> str:
    """The schema as shipped."""
    return files("qomgen.schema").joinpath("spec.schema.json").read_text("utf-8")


def _is_integer(checker: object, instance: object) -> bool:
    """An integer as it is written: 1.0 is none, whatever JSON Schema thinks of it."""
    del checker
    return isinstance(instance, int) and not isinstance(instance, bool)


def _pattern(
    validator: Validator, pattern: str, instance: object, schema: object
) -> Iterator[ValidationError]:
    """`pattern` as ECMA-262 means it, where `$` is the end; Python's also stands before a last line break."""
    del validator, schema
    if isinstance(instance, str) and not re.search(pattern.replace("$", r"\Z"), instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


_Validator: type[Validator] = extend(  # type: ignore[no-untyped-call] # the stubs give it no types
    Draft202012Validator,
    validators={"pattern": _pattern},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer),
)


@cache
def validator(kind: str) -> Validator:
    """The validator of one kind of document: the schema's own chain of ifs, with the choice already made."""
    return definition(f"{kind.replace('_', '-')}-document")


@cache
def definition(name: str) -> Validator:
    """The validator of one entry of the schema's `$defs`."""
    schema: dict[str, Any] = json.loads(text())
    return made({"$ref": f"#/$defs/{name}", "$defs": schema["$defs"]})


def made(schema: dict[str, Any]) -> Validator:
    """A validator that reads schemas as this module does."""
    validator: Validator = _Validator(schema)
    return validator


def admit(document: Mapping, found: Diagnostics) -> Mapping | None:
    """
    What is right of `document`, or None if nothing can be said of the rest without what is wrong.

    Args:
        document: a located tree.
        found: takes what is wrong, and the names that are passed over with it.
    """
    kind = kind_of(document)
    if kind is None:
        guesses = (did_you_mean(key, DOCUMENTS) for key in document.entries)
        hint = next(filter(None, guesses), None)
        first = next(iter(document.entries.values()), None)
        span = first.key_span if first else document.span
        found.add(problems.NoDocumentKind(span, hint, known=", ".join(DOCUMENTS)))
        found.leave_out(names(document))
        return None
    wrong = _faults(kind, document)
    for fault in wrong:
        found.add(fault.diagnostic, certain=True)
    while wrong:
        paths = {fault.path for fault in wrong}
        for path in paths:
            found.leave_out(_names_at(document, path))
        found.leave_out(fault.meant for fault in wrong if fault.meant)
        if () in paths:
            return None
        document = _without(document, paths)
        # What lacks a key now only lacks it because of what was said already: it goes too, in silence.
        wrong = _faults(kind, document)
    return document


def _faults(kind: str, document: Mapping) -> list[Fault]:
    errors = validator(kind).iter_errors(plain(document))
    return [fault for error in errors for fault in faults(document, error)]


def _names_at(document: Mapping, path: Path) -> Iterator[str]:
    node: Node = document
    for step in path:
        if isinstance(node, Mapping):
            node = node.entries[str(step)].value
        elif isinstance(node, Sequence):
            node = node.items[int(step)]
    if path and isinstance(path[-1], str):
        yield path[-1]
    yield from names(node)


def _without(document: Mapping, paths: Iterable[Path]) -> Mapping:
    """`document` without what stands at `paths`, none of which is the document itself."""
    tree: dict[str | int, Any] = {}
    for path in paths:
        branch = tree
        for step in path[:-1]:
            branch = branch.setdefault(step, {})
            if branch is None:
                # What holds it goes as a whole.
                break
        else:
            branch[path[-1]] = None
    pruned = _prune(document, tree)
    assert isinstance(pruned, Mapping)
    return pruned


def _prune(node: Node, tree: dict[str | int, Any]) -> Node:
    """`node` without the entries that `tree` has None for; deeper trees are for what is below."""
    if isinstance(node, Mapping):
        entries = {}
        for key, entry in node.entries.items():
            below = tree.get(key, {})
            if below is not None:
                entries[key] = entry.with_value(_prune(entry.value, below)) if below else entry
        return Mapping(entries, node.span)
    if isinstance(node, Sequence):
        branches = [(item, tree.get(index, {})) for index, item in enumerate(node.items)]
        # An entry of a list is one thing: without one of its keys it would be another.
        kept = [(item, below) for item, below in branches if below is not None]
        whole = [(item, below) for item, below in kept if None not in below.values()]
        return Sequence(tuple(_prune(item, below) for item, below in whole), node.span)
    return node
