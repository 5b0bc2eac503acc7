# SPDX-License-Identifier: GPL-2.0-or-later
"""Each file says its licence; what describes QEMU's hw/vfio/pci.c has that file's."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tests.unit.house.checkout import ROOT, files

SPDX = re.compile(r"SPDX-License-Identifier: (GPL-2\.0-(?:or-later|only))\b")
NO_COMMENTS = {
    "LICENSE": "it is the licence",
    "py.typed": "a marker, empty by definition",
}
NO_COMMENT_SUFFIXES = {
    ".json": "the language has no comments",
    ".txt": "what a program printed, or is to print, to the letter",
}


def licence(path: Path) -> str | None:
    """Return the licence that a file names in the comment at its top."""
    head = "\n".join((ROOT / path).read_text("utf-8").splitlines()[:20])
    found = SPDX.search(head)
    return found[1] if found else None


def spoken() -> dict[Path, str | None]:
    """Return all files that can say their licence, and what they say."""
    return {
        path: licence(path)
        for path in files()
        if path.name not in NO_COMMENTS and path.suffix not in NO_COMMENT_SUFFIXES
    }


def describes_vfio_pci(path: Path) -> bool:
    """Tell whether a spec, or what is made of one, holds facts of hw/vfio/pci.c or pci.h."""
    is_data = path.parts[0] in ("device_specs", "generated")
    return is_data and re.match(r"vfio[-_]pci|VFIOPCI", path.name) is not None


def test_each_file_says_its_licence() -> None:
    assert [str(path) for path, said in spoken().items() if said is None] == []


def test_what_describes_a_gpl2_only_file_is_gpl2_only() -> None:
    said = {str(path): it for path, it in spoken().items() if describes_vfio_pci(path)}
    assert said == dict.fromkeys(said, "GPL-2.0-only")


@pytest.mark.parametrize("folder", ["generator", "templates", "runtime/pyqom", "runtime/pyvfio"])
def test_what_a_device_of_ones_own_stands_on_is_or_later(folder: str) -> None:
    said = {str(path): it for path, it in spoken().items() if path.is_relative_to(folder)}
    assert said == dict.fromkeys(said, "GPL-2.0-or-later")


def test_the_licences_of_the_package_are_those_of_its_files() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    said = {it for it in spoken().values() if it is not None}
    assert set(project["license"].split(" AND ")) == said


def test_a_file_that_says_nothing_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.py").write_text("# Copyright\n")
    (tmp_path / "b.py").write_text("# SPDX-License-Identifier: GPL-2.0-only\n")
    monkeypatch.setattr("tests.unit.house.test_licences.ROOT", tmp_path)
    assert licence(Path("a.py")) is None
    assert licence(Path("b.py")) == "GPL-2.0-only"
