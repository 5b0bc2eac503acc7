# SPDX-License-Identifier: GPL-2.0-or-later
"""A small project and a small made-up tree beside it, with `qomgen integrate` run in the project."""

from __future__ import annotations

from pathlib import Path

import pytest

from qomgen import cli
from tests.smalltree import PROJECT, TREE, lay

from .running import outputs


class Place:
    """A project in a folder, and a tree beside it; qomgen runs in the project."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.tree = lay(folder / "tree", TREE)
        self.project = lay(folder / "project", PROJECT)
        self.pristine = outputs(self.tree)
        self.out = ""
        self._capsys = capsys

    def run(self, *words: str) -> int:
        """Run `qomgen integrate`; what it says is kept."""
        code = cli.main(["integrate", str(self.tree), *words])
        said = self._capsys.readouterr()
        self.out = (said.out + said.err).replace(str(self.tree), "TREE")
        return code

    def look(self) -> dict[str, bytes]:
        """The tree, without the record."""
        return {
            path: data
            for path, data in outputs(self.tree).items()
            if not path.startswith(".qomgen")
        }

    def edit(self, path: str, old: str, new: str) -> None:
        """Edit a file of the tree or the project."""
        target = self.tree / path if (self.tree / path).exists() else self.project / path
        text = target.read_text()
        assert old in text
        target.write_text(text.replace(old, new))

    def spec(self, old: str, new: str) -> None:
        """Edit the spec of my-dev."""
        self.edit("device_specs/my-dev.yaml", old, new)

    def is_pristine(self) -> bool:
        """Whether the tree is byte for byte what it was, without a file or a folder more."""
        folders = {path for path in self.tree.rglob("*") if path.is_dir()}
        held = {above for path in self.pristine for above in (self.tree / path).parents}
        return outputs(self.tree) == self.pristine and folders <= held
