# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a QEMU series asks of the C that defines a type: `profiles/qemu-<series>.yaml`, and the kinds of properties.

Both are data that ship with the generator. A template asks the profile; nothing compares versions.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files

from ruamel.yaml import YAML

from qomgen import ctype
from qomgen.diagnostics import Diagnostics, SourceFile
from qomgen.series import Series, resolve
from qomgen.source import Mapping, Plain, parse, plain

DEFAULT = Series(10, 0)
"""The series that a Python module starts in unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Facts:
    """API facts that templates switch on; each profile gives every one, with its reason."""

    const_class_data: bool
    const_interfaces: bool
    const_properties: bool
    properties_end_of_list: bool
    empty_properties: bool
    legacy_reset_setter: bool
    parent_reset_setter: bool
    type_names_checked: bool


@dataclass(frozen=True, slots=True)
class Profile:
    """One QEMU series."""

    series: Series
    facts: Facts
    reasons: dict[str, str]
    headers: dict[str, str]
    """Headers that moved: a path, or the beginning of one, in 10.0's spelling to this series'."""

    def header(self, path: str) -> str:
        """The spelling in this series of a header that a spec names in 10.0's."""
        for old, new in self.headers.items():
            if path == old or (old.endswith("/") and path.startswith(old)):
                return new + path[len(old) :]
        return path


@dataclass(frozen=True, slots=True)
class IntegerDefault:
    """Bounds of an integer default."""

    minimum: int
    maximum: int


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of property; `kinds.yaml` says what each member means."""

    name: str
    macro: str | None
    info: str | None
    field: ctype.CType | None
    then: tuple[str, ...]
    default: IntegerDefault | str | None
    defval: str | None

    @property
    def in_table(self) -> bool:
        """Whether the property stands in a table of DEFINE_PROP_*."""
        return self.macro is not None


@cache
def profiles() -> dict[Series, Profile]:
    """All profiles that this qomgen has, oldest first."""
    found = {}
    for entry in files("qomgen.profiles").iterdir():
        if entry.name.endswith(".yaml"):
            profile = _read_profile(entry.read_text("utf-8"))
            found[profile.series] = profile
    return {series: found[series] for series in sorted(found)}


def nearest(series: Series) -> Profile:
    """The profile of `series`, else of the highest known series below it, else the oldest."""
    known = profiles()
    below = [each for each in known if each <= series]
    return known[max(below) if below else min(known)]


def _read_profile(text: str) -> Profile:
    document = YAML(typ="safe").load(text)
    facts = document["facts"]
    values = {each.name: facts[each.name]["value"] for each in fields(Facts)}
    reasons = {name: facts[name]["why"] for name in values}
    return Profile(
        Series.parse(document["series"]), Facts(**values), reasons, dict(document["headers"])
    )


@cache
def kinds(series: Series) -> dict[str, Kind]:
    """The kinds of properties in `series`, by name."""
    found = Diagnostics()
    file = SourceFile("kinds.yaml", files("qomgen").joinpath("kinds.yaml").read_text("utf-8"))
    (document,) = parse(file, found)
    found.raise_if_any()
    resolved = resolve(document, series)
    assert resolved is not None
    return {
        name: _kind(name, plain(entry.value))
        for name, entry in resolved.entries.items()
        if isinstance(entry.value, Mapping)
    }


def _kind(name: str, row: Plain) -> Kind:
    assert isinstance(row, dict)

    def text(key: str) -> str | None:
        value = row.get(key)
        return value if isinstance(value, str) else None

    default: IntegerDefault | str | None = text("default")
    if isinstance(bounds := row.get("default"), dict):
        low, high = bounds["minimum"], bounds["maximum"]
        assert isinstance(low, int)
        assert isinstance(high, int)
        default = IntegerDefault(low, high)
    then = row.get("then")
    field = text("field")
    return Kind(
        name,
        macro=text("macro"),
        info=text("info"),
        field=ctype.parse(field) if field else None,
        then=tuple(str(each) for each in then) if isinstance(then, list) else (),
        default=default,
        defval=text("defval"),
    )
