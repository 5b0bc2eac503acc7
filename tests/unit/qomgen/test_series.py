# SPDX-License-Identifier: GPL-2.0-or-later
"""What documents say of one QEMU series."""

from __future__ import annotations

import pytest

from qomgen.diagnostics import Diagnostics, SourceFile
from qomgen.series import Series, boundaries, resolve
from qomgen.source import Mapping, parse, plain


def document(text: str) -> Mapping:
    """Return the one document of a text."""
    found = Diagnostics()
    (node,) = parse(SourceFile("a.yaml", text), found)
    assert list(found) == []
    return node


def said(text: str, series: str) -> object:
    """Return what a text says of a series, or None if it is not of it."""
    node = resolve(document(text), Series.parse(series))
    return plain(node) if node else None


def test_series_are_ordered_as_releases_and_not_as_texts() -> None:
    assert sorted(Series.parse(each) for each in ("10.0", "9.2", "10.2", "7.2")) == [
        Series(7, 2),
        Series(9, 2),
        Series(10, 0),
        Series(10, 2),
    ]
    assert str(Series(10, 2)) == "10.2"


@pytest.mark.parametrize("text", ["", "10", "10.", "10.0.1", "a.b", "10.0\n", " 10.0", "1" * 5000])
def test_what_is_no_series(text: str) -> None:
    with pytest.raises(ValueError, match="is not a QEMU series"):
        Series.parse(text)


BY_QEMU = 'a: {by-qemu: {"7.2": x, "9.0": null, "10.0": y}}\n'


@pytest.mark.parametrize(
    ("series", "value"),
    [("7.1", {}), ("7.2", {"a": "x"}), ("8.2", {"a": "x"}), ("9.0", {}), ("9.2", {}),
     ("10.0", {"a": "y"}), ("99.0", {"a": "y"})],
)  # fmt: skip
def test_the_highest_key_not_above_the_series_counts(series: str, value: object) -> None:
    assert said(BY_QEMU, series) == value


@pytest.mark.parametrize(
    ("series", "there"), [("8.2", False), ("9.0", True), ("9.2", True), ("10.0", False)]
)
def test_since_is_the_first_and_until_the_first_without(series: str, *, there: bool) -> None:
    limits = 'since: "9.0", until: "10.0"'
    expected = {"since": "9.0", "until": "10.0"}
    assert said(f"{{{limits}}}\n", series) == (expected if there else None)
    assert said(f"a: {{{limits}}}\n", series) == ({"a": expected} if there else {})
    assert said(f"a: [b, {{{limits}}}]\n", series) == {"a": ["b", expected] if there else ["b"]}


@pytest.mark.parametrize("key", ["fields", "properties", "class_properties", "constants", "set"])
def test_a_name_may_be_since(key: str) -> None:
    """A field or property called so says nothing of series; what stands below it does."""
    assert said(f"{key}: {{since: x, until: y}}\n", "7.2") == {key: {"since": "x", "until": "y"}}
    assert said(f'{key}: {{until: {{since: "9.0"}}}}\n', "8.0") == {key: {}}


def test_a_class_struct_s_members_are_names() -> None:
    assert said('class_init: [{DeviceClass: {since: f}, since: "9.0"}]\n', "9.0") == {
        "class_init": [{"DeviceClass": {"since": "f"}, "since": "9.0"}]
    }


def test_null_is_kept_where_it_is_a_step_s_value() -> None:
    text = "class_init: [{descriptions: , doc: x}]\n"
    assert said(text, "7.2") == {"class_init": [{"descriptions": None, "doc": "x"}]}


def test_spans_lead_to_the_source() -> None:
    node = resolve(document(BY_QEMU), Series(10, 0))
    assert node is not None
    assert str(node.value_span("a")) == f"a.yaml:1:{BY_QEMU.index('y}') + 1}"


def test_boundaries_are_all_series_at_which_something_changes() -> None:
    text = 'since: "7.2"\na: {by-qemu: {"8.0": 1}}\nb: [{until: "9.0"}]\nfields: {since: int}\n'
    assert boundaries([document(text)]) == {Series(7, 2), Series(8, 0), Series(9, 0)}
