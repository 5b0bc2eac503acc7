# SPDX-License-Identifier: GPL-2.0-or-later
"""What an editor tells of a spec, by the line at its top that names the schema."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .language_server import LanguageServer

SPECS = Path(__file__).resolve().parents[2] / "device_specs"
SPEC = (SPECS / "vfio-ap.yaml").read_text("utf-8")


@pytest.fixture(scope="module")
def names() -> Iterator[Path]:
    """Documents that are open in the editor alone; an editor does not tell twice of one."""
    return (SPECS / f"unsaved-{number}.yaml" for number in itertools.count())


def place(text: str, word: str) -> tuple[int, int]:
    """Line and character of where `word` first stands."""
    before = text[: text.index(word)]
    return before.count("\n"), len(before.rpartition("\n")[2])


def labels(editor: LanguageServer, path: Path, text: str, line: int, character: int) -> set[str]:
    editor.open(path, text)
    return {item["label"] for item in editor.completion(path, line, character)}


@pytest.mark.parametrize("path", sorted(SPECS.rglob("*.yaml")), ids=lambda path: path.stem)
def test_our_own_specs_are_clean(editor: LanguageServer, path: Path) -> None:
    text = path.read_text("utf-8")
    assert text.startswith("# yaml-language-server: $schema=")
    assert editor.open(path, text) == []


def test_a_misspelt_key_is_marked_where_it_stands(
    editor: LanguageServer, names: Iterator[Path]
) -> None:
    text = SPEC.replace("license:", "licence:")
    (found,) = editor.open(next(names), text)
    line, character = place(text, "licence:")
    assert found["range"]["start"] == {"line": line, "character": character}
    assert "licence" in found["message"]


def test_a_misspelt_key_of_a_property_is_too(editor: LanguageServer, names: Iterator[Path]) -> None:
    text = SPEC.replace("    kind: ", "    knd: ", 1)
    found = editor.open(next(names), text)
    assert any("knd" in each["message"] for each in found)
    assert any('"kind"' in each["message"] for each in found)


def test_keys_that_are_not_there_yet_are_offered(
    editor: LanguageServer, names: Iterator[Path]
) -> None:
    found = labels(editor, next(names), SPEC + "\n", SPEC.count("\n"), 0)
    assert {"abstract", "class_struct", "interfaces"} <= found
    assert not {"type", "license", "properties"} & found


def test_an_empty_spec_is_offered_a_type(editor: LanguageServer, names: Iterator[Path]) -> None:
    head = SPEC.splitlines()[0] + "\n\n"
    assert {"type", "parent", "license"} <= labels(editor, next(names), head, 1, 0)


def test_every_kind_of_property_is_offered(editor: LanguageServer, names: Iterator[Path]) -> None:
    text = SPEC.replace("    kind: string", "    kind: ", 1)
    line, character = place(text, "    kind: ")
    found = labels(editor, next(names), text, line, character + len("    kind: "))
    assert {"bool", "uint32", "link", "on-off-auto", "pci-host-devaddr", "bootindex"} <= found


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("parent:", "The parent type's name"),
        ("class_init:", "What class\\_init does"),
        ("kind:", "DEFINE\\_PROP"),
    ],
)
def test_a_key_is_explained(
    editor: LanguageServer, names: Iterator[Path], key: str, told: str
) -> None:
    path = next(names)
    editor.open(path, SPEC)
    assert told in editor.hover(path, *place(SPEC, key))


@pytest.mark.parametrize("parent", ["vfio-pci", "pci-device"])
def test_a_new_project_s_spec_is_helped_with(
    editor: LanguageServer, tmp_path: Path, parent: str
) -> None:
    words = [sys.executable, "-m", "qomgen", "new", "mine", f"--parent={parent}", "--yes"]
    subprocess.run([*words, "--pci-id=1234:11e8"], cwd=tmp_path, check=True, capture_output=True)
    path = tmp_path / "mine" / "device_specs" / "mine.yaml"
    text = path.read_text("utf-8")
    assert editor.open(path, text) == []
    wrong = text.replace("license:", "licence:")
    (found,) = editor.open(path.with_name("wrong.yaml"), wrong)
    assert found["range"]["start"]["line"] == place(wrong, "licence:")[0]
    assert "parent type's name" in editor.hover(path, *place(text, "parent:"))
