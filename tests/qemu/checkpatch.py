# SPDX-License-Identifier: GPL-2.0-or-later
"""QEMU's own style checker on generated C."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from .run import CommandError, run
from .tree import Tree

CANNOT_APPLY: Mapping[str, str] = {
    r"Saw acceptable license 'GPL-2.0-only'": (
        "it excepts what is derived from a file with that license, and these parts describe one"
    ),
    r"architecture specific defines should be avoided": (
        "it takes __has_include for one: a header has another name before 10.0"
    ),
}
"""What checkpatch says (a pattern) of text that must stay as it is, and why it must."""

_COMPLAINT = re.compile(r"^(?:[^:\n]+:(\d+): )?(ERROR|WARNING): (.*)$", re.MULTILINE)


def complaints(tree: Tree, name: str, text: str) -> list[str]:
    """What *tree*'s checkpatch.pl says of a file *name* (``vfio-pci.c.inc``) that holds *text*.

    It has rules of its own for what is below ``tests/``.  Without what is in `CANNOT_APPLY`.
    Raises `run.CommandError` when checkpatch itself fails.
    """
    with tempfile.TemporaryDirectory(prefix="qomgen-") as folder:
        path = Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        script = tree.path / "scripts" / "checkpatch.pl"
        try:
            # Without --strict it calls a file with warnings clean.
            words = ["--no-tree", "--strict", "--terse", "--no-summary", "-f", name]
            run(["perl", script, *words], cwd=Path(folder))
        except CommandError as error:
            found = list(_COMPLAINT.finditer(error.output))
            if not found:
                raise
        else:
            return []
    said = [f"line {match[1] or '-'}: {match[2]}: {match[3]}" for match in found]
    return [line for line in said if not any(re.search(known, line) for known in CANNOT_APPLY)]
