# SPDX-License-Identifier: GPL-2.0-or-later
"""Spec documents for Hypothesis: any that the schema allows, and real ones with something changed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from qomgen import schema
from qomgen.diagnostics import Diagnostics, SourceFile
from qomgen.source import parse, plain
from tests.property.qomgen.strategies import texts

ROOT = Path(__file__).resolve().parents[3]
DEFS: dict[str, Any] = json.loads(schema.text())["$defs"]

Json = Any


@cache
def real_documents() -> tuple[dict[str, Json], ...]:
    """The documents of device_specs/, as plain values."""
    found: list[Json] = []
    for path in sorted((ROOT / "device_specs").rglob("*.yaml")):
        file = SourceFile(path.name, path.read_text("utf-8"))
        found += [plain(document) for document in parse(file, Diagnostics())]
    return tuple(found)


def _words(node: Json) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield key
            yield from _words(value)
    elif isinstance(node, list):
        for item in node:
            yield from _words(item)
    elif isinstance(node, str):
        yield node


@cache
def known_words() -> tuple[str, ...]:
    """All that real specs name, and a few that they do not."""
    words = {word for document in real_documents() for word in _words(document) if len(word) < 60}
    new = {"my-dev", "my-dev-2", "MyDev", "my_dev", "my_dev_init", "parent_obj", "a", "b", "if",
           "class", "self", "obj", "klass", "value", "errp", "CONFIG_A", "2_5", "x.y", "a[0]",
           "int", "import", "8", "10.0", "7.2", "9.1", "Property", "pyqom.Object"}  # fmt: skip
    return tuple(sorted(words | new))


@cache
def _fitting(pattern: str) -> tuple[str, ...]:
    return tuple(word for word in known_words() if re.search(pattern.replace("$", r"\Z"), word))


def _strings(node: dict[str, Json]) -> SearchStrategy[str]:
    pattern = node.get("pattern")
    if pattern is None:
        any_text = st.one_of(st.sampled_from(known_words()), texts())
        return any_text.filter(lambda text: len(text) >= node.get("minLength", 0))
    ours = _fitting(pattern)
    free = st.from_regex(re.compile(pattern.replace("$", r"\Z"), re.ASCII)).map(
        lambda text: text[:40]
    )
    return st.one_of(st.sampled_from(ours), free) if ours else free


def _objects(node: dict[str, Json], depth: int) -> SearchStrategy[dict[str, Json]]:
    properties: dict[str, Json] = dict(node.get("properties", {}))
    required = list(node.get("required", ()))
    forms = [each["required"][0] for each in node.get("oneOf", ())]

    def one_form(chosen: str | None) -> SearchStrategy[dict[str, Json]]:
        needed = [*required, *([chosen] if chosen else [])]
        for key, others in node.get("dependentRequired", {}).items():
            needed += others if key in needed else []
        excluded = set(forms) - {chosen}
        within = {name: below for name, below in properties.items() if name not in excluded}
        optional = {
            name: values(below, depth - 1)
            for name, below in within.items()
            if name not in needed and depth > 0
        }
        fixed = st.fixed_dictionaries(
            {name: values(within[name], depth - 1) for name in dict.fromkeys(needed)},
            optional={name: optional[name] for name in sorted(optional)},
        )
        return fixed.flatmap(lambda made: _more(node, made, depth))

    if not forms:
        return one_form(None)
    return st.sampled_from(forms).flatmap(one_form)


def _more(
    node: dict[str, Json], made: dict[str, Json], depth: int
) -> SearchStrategy[dict[str, Json]]:
    """Entries that are named by the user, beside those that the language names."""
    extra: list[SearchStrategy[dict[str, Json]]] = []
    least = int(node.get("minProperties", 0))
    if isinstance(node.get("additionalProperties"), dict):
        names = _strings(_resolve(node.get("propertyNames", {"type": "string"})))
        below = values(node["additionalProperties"], depth - 1)
        extra.append(st.dictionaries(names, below, min_size=least, max_size=max(least, 4)))
    for pattern, below_pattern in node.get("patternProperties", {}).items():
        names = _strings({"pattern": pattern})
        below = values(below_pattern, depth - 1)
        extra.append(st.dictionaries(names, below, max_size=1))
    if not extra:
        return st.just(made)
    return st.tuples(*extra).map(lambda dicts: _joined(made, dicts))


def _joined(made: dict[str, Json], more: tuple[dict[str, Json], ...]) -> dict[str, Json]:
    found = dict(made)
    for each in more:
        found.update(each)
    return found


def _resolve(node: dict[str, Json]) -> dict[str, Json]:
    while "$ref" in node:
        node = {**DEFS[node["$ref"].removeprefix("#/$defs/")]}
    return node


def _later(node: dict[str, Json], depth: int) -> SearchStrategy[Json]:
    return st.deferred(lambda: values(node, depth))


def values(node: dict[str, Json], depth: int = 9) -> SearchStrategy[Json]:
    """Values that a subschema allows; a few that it does not, for what is too deep to be worth the effort."""
    node = _resolve(node)
    if "if" in node:
        branches = [node[key] for key in ("then", "else") if key in node]
        if node["if"] == {"type": "null"}:
            branches.append({"type": "null"})
        if node["if"] == {"const": True}:
            branches.append({"const": True})
        return st.one_of(*(_later(each, depth) for each in branches))
    if "const" in node:
        return st.just(node["const"])
    if "enum" in node:
        return st.sampled_from(node["enum"])
    kinds = node.get("type", "object" if "properties" in node else "string")
    if isinstance(kinds, list):
        return st.one_of(*(values({**node, "type": kind}, depth) for kind in kinds))
    match kinds:
        case "string":
            return _strings(node)
        case "integer":
            bounds = (node.get("minimum"), node.get("maximum"))
            odd = st.sampled_from(
                [0, 1, 255, 256, -1, 1 << 31, 1 << 32, (1 << 64) - 1, 1 << 64, -(1 << 63)]
            )
            return st.integers(*bounds) if None not in bounds else st.one_of(odd, st.integers())
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
        case "array":
            least = int(node.get("minItems", 0))
            items = _later(node["items"], depth - 1)
            return st.lists(items, min_size=least, max_size=max(least, 4 if depth > 0 else 0))
    return st.deferred(lambda: _objects(node, depth))


def documents() -> SearchStrategy[dict[str, Json]]:
    """Documents as the schema allows them."""
    kinds = ("type", "type", "type", "struct", "unit", "constants", "enum", "property_info")
    return st.sampled_from(kinds).flatmap(
        lambda kind: values(DEFS[f"{kind.replace('_', '-')}-document"])
    )


# Real documents, changed


def _paths(node: Json, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if path:
        yield path
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _paths(value, (*path, key))
    elif isinstance(node, list):
        for index, item in enumerate(node):
            yield from _paths(item, (*path, index))


@cache
def _all_values() -> tuple[Json, ...]:
    """Every value of every real document, once."""
    found: dict[str, Json] = {}
    for document in real_documents():
        for path in _paths(document):
            value = _at(document, path)
            found.setdefault(json.dumps(value), value)
    return tuple(found.values())


def _at(node: Json, path: tuple[str | int, ...]) -> Json:
    for step in path:
        node = node[step]
    return node


@dataclass(frozen=True)
class Changed:
    """All real documents, some of them changed; what was changed is all that is shown."""

    documents: tuple[Json, ...] = field(repr=False)
    changes: tuple[str, ...]


@st.composite
def changed_documents(draw: st.DrawFn) -> Changed:
    """All real documents, with one to four changes: something removed, replaced, renamed, doubled."""
    made: list[Json] = deepcopy(list(real_documents()))
    changes = []
    for _ in range(draw(st.integers(1, 4))):
        number = draw(st.integers(0, len(made) - 1))
        paths = list(_paths(made[number]))
        if paths:
            path = paths[draw(st.integers(0, len(paths) - 1))]
            how, what = draw(_CHANGES)
            _change(_at(made[number], path[:-1]), path[-1], how, what)
            changes.append(f"document {number}, {path}: {how} {json.dumps(what)[:200]}")
    return Changed(tuple(made), tuple(changes))


_ODD: SearchStrategy[Json] = st.sampled_from([None, True, 0, -1, "", "x", [], {}, "10.0", 1.5])
_CHANGES: SearchStrategy[tuple[str, Json]] = st.one_of(
    st.just(("remove", None)),
    st.just(("double", None)),
    st.tuples(st.just("replace"), st.deferred(lambda: st.sampled_from(_all_values()))),
    st.tuples(
        st.just("replace"), st.deferred(lambda: st.one_of(st.sampled_from(known_words()), _ODD))
    ),
    st.tuples(st.just("rename"), st.deferred(lambda: st.sampled_from(known_words()))),
    st.tuples(st.just("vary"), st.sampled_from(["7.2", "8.1", "9.0", "10.0", "10.1", "10.2"])),
)


def _change(holder: Json, last: Any, how: str, what: Json) -> None:
    match how:
        case "remove":
            del holder[last]
        case "replace":
            holder[last] = deepcopy(what)
        case "vary":
            holder[last] = {"by-qemu": {what: holder[last]}}
        case "double" if isinstance(holder, list):
            holder.append(deepcopy(holder[last]))
        case "rename" if isinstance(holder, dict):
            renamed = {what if key == last else key: holder[key] for key in holder}
            holder.clear()
            holder.update(renamed)
