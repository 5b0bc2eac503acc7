# SPDX-License-Identifier: GPL-2.0-or-later
"""Each test that docs/pyvfio-compared.md names exists, and each thing it claims names one."""

from __future__ import annotations

import ast
import re

import pytest

from tests.unit.house.checkout import ROOT

PAGE = (ROOT / "docs" / "pyvfio-compared.md").read_text()

FOLDERS = {
    "guest": ROOT / "tests" / "vm" / "guest",
    "guest_no_remapping": ROOT / "tests" / "vm" / "guest_no_remapping",
    "guest_no_iommu": ROOT / "tests" / "vm" / "guest_no_iommu",
    "unit": ROOT / "tests" / "unit" / "pyvfio",
}
"""What the page calls a folder -> where it is."""

COLUMNS = 7


def rows(page: str) -> list[list[str]]:
    """The cells of each row of the table of capabilities."""
    table = page[page.index("| | pyvfio |") :].partition("\n\n")[0]
    lines = table.splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def missing(page: str) -> list[str]:
    """The tests that a page names and that do not exist."""
    found = []
    for folder, file, test in re.findall(r"`(\w+)/(test_\w+\.py)::(\w+)`", page):
        path = FOLDERS[folder] / file
        tree = ast.parse(path.read_text() if path.is_file() else "")
        functions = {each.name for each in tree.body if isinstance(each, ast.FunctionDef)}
        if test not in functions:
            found.append(f"{folder}/{file}::{test}")
    return found


def test_each_test_that_it_names_exists() -> None:
    assert missing(PAGE) == []


@pytest.mark.parametrize(
    "name", ["guest/test_dma.py::test_there_and_forth", "unit/test_nothing.py::test_at_all"]
)
def test_a_test_that_does_not_exist_is_found(name: str) -> None:
    assert missing(f"| x | yes | `{name}` |") == [name]


def test_each_claim_has_a_test() -> None:
    table = rows(PAGE)
    assert len(table) > 30
    for row in table:
        what, ours, shown, *others = row
        assert len(row) == COLUMNS, row
        assert re.fullmatch(r"yes|no|part \d", ours), row
        assert ours == "no" or "::" in shown, what
        assert all(others), row


def test_each_note_is_there() -> None:
    used = {int(number) for row in rows(PAGE) for number in re.findall(r"part (\d)", str(row))}
    given = {int(number) for number in re.findall(r"^(\d)\. ", PAGE, re.MULTILINE)}
    assert used == given
