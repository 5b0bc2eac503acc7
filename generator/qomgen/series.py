# SPDX-License-Identifier: GPL-2.0-or-later
"""QEMU series ("10.0") and what a spec says of one of them: `by-qemu`, `since`, `until` resolved."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import total_ordering

from qomgen.source import Entry, Mapping, Node, Scalar, Sequence, walk

NAME_MAPS = frozenset(
    {"fields", "properties", "class_properties", "members", "constants", "flags", "set", "set_bits"}
)
"""Keys whose mappings are keyed by names of the user's: a field may be called `since` and means nothing by it."""


@total_ordering
@dataclass(frozen=True, slots=True)
class Series:
    """A QEMU release series: major and minor number."""

    major: int
    minor: int

    @classmethod
    def parse(cls, text: str) -> Series:
        """
        Read "10.0".

        Raises:
            ValueError: if `text` is not two numbers with a dot between.
        """
        match = re.fullmatch(r"([0-9]{1,9})\.([0-9]{1,9})", text)
        if match is None:
            raise ValueError(f'"{text}" is not a QEMU series such as "10.0"')
        return cls(int(match[1]), int(match[2]))

    def __lt__(self, other: Series) -> bool:
        return (self.major, self.minor) < (other.major, other.minor)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


def resolve(document: Mapping, series: Series) -> Mapping | None:
    """
    What `document` says of `series`: no `by-qemu` is left, and nothing that the series does not have.

    None if the whole document is absent. The result shares its spans with the source. `since` stays where it stood:
    it is also a fact about the entry (its comment, the rank of its description).
    """
    resolved = _resolve(document, series, named=False)
    return resolved if isinstance(resolved, Mapping) else None


def _resolve(node: Node, series: Series, *, named: bool) -> Node | None:
    """`node` in `series`, or None if absent there; `named`: its keys are names of the user's."""
    if isinstance(node, Scalar):
        return node
    if isinstance(node, Sequence):
        items = (_resolve(item, series, named=False) for item in node.items)
        return Sequence(tuple(item for item in items if item is not None), node.span)
    if "by-qemu" in node.entries:
        chosen = _choose(node.entries["by-qemu"].value, series)
        return None if chosen is None else _resolve(chosen, series, named=named)
    if not named and not _present(node, series):
        return None
    entries = {}
    for key, entry in node.entries.items():
        value = _resolve(entry.value, series, named=not named and names_below(key))
        if value is not None:
            entries[key] = Entry(key, entry.key_span, value)
    return Mapping(entries, node.span)


def names_below(key: str) -> bool:
    """Whether the mapping under `key` is keyed by names of the user's."""
    # A key that begins with an upper-case letter is a class struct in a step: member names below.
    return key in NAME_MAPS or key[:1].isupper()


def _choose(choices: Node, series: Series) -> Node | None:
    """The value of the highest key not above `series`; None if there is none, or if it is null."""
    assert isinstance(choices, Mapping)
    fitting = [key for key in choices.entries if Series.parse(key) <= series]
    if not fitting:
        return None
    node = choices.entries[max(fitting, key=Series.parse)].value
    return None if isinstance(node, Scalar) and node.value is None else node


def _present(node: Mapping, series: Series) -> bool:
    since, until = node.get("since"), node.get("until")
    if isinstance(since, Scalar) and Series.parse(since.text) > series:
        return False
    return not (isinstance(until, Scalar) and Series.parse(until.text) <= series)


def boundaries(documents: Iterable[Mapping]) -> set[Series]:
    """Every series at which something in `documents` changes."""
    found = set()
    for document in documents:
        for node in walk(document):
            if isinstance(node, Mapping):
                for key, entry in node.entries.items():
                    if key in ("since", "until") and isinstance(entry.value, Scalar):
                        found.add(entry.value.text)
                    elif key == "by-qemu" and isinstance(entry.value, Mapping):
                        found.update(entry.value.entries)
    # A name of the user's may be `since` or `by-qemu` too; what is no series there says nothing.
    return {Series.parse(text) for text in found if re.fullmatch(r"[0-9]{1,9}\.[0-9]{1,9}", text)}
