# SPDX-License-Identifier: GPL-2.0-or-later
"""What pyproject.toml promises, where only a test can say whether it holds."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest
from packaging.requirements import Requirement
from ruamel.yaml import YAML

from tests.unit.house.checkout import ROOT


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return table


def test_black_is_of_one_year(project: dict[str, Any]) -> None:
    """Its style changes with the calendar year, which is its major version."""
    requirements = [Requirement(text) for text in project["dependencies"]]
    (black,) = (each for each in requirements if each.name == "black")
    years = {
        year
        for year in range(20, 100)
        if any(black.specifier.filter([f"{year}.1.0", f"{year}.12.0"]))
    }
    assert len(years) == 1


def test_yaml_is_parsed_by_the_parser_in_c() -> None:
    """Messages and speed must not depend on whether a machine happens to have it."""
    assert YAML(typ="safe").Parser.__module__ == "ruamel.yaml.clib._ruamel_yaml"


def test_the_version_is_the_newest_of_the_changelog(project: dict[str, Any]) -> None:
    versions = re.findall(r"^## \[([^]]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert next(version for version in versions if version != "Unreleased") == project["version"]
