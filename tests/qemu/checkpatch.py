# SPDX-License-Identifier: GPL-2.0-or-later
"""QEMU's own style checker on generated C."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .run import CommandError, run
from .tree import Tree

# checkpatch looks at C by a file's name; what an include of the middle of a file cannot have is
# named here with the reason.
_CANNOT_APPLY: dict[str, str] = {}


@dataclass(frozen=True)
class Complaint:
    """One message of checkpatch: ERROR or WARNING, its text, and line of the file."""

    level: str
    text: str
    line: int


def complaints(tree: Tree, name: str, text: str) -> list[Complaint]:
    """What *tree*'s checkpatch.pl says of a file *name* (``vfio-pci.c.inc``) that holds *text*.

    Raises `run.CommandError` when checkpatch itself fails.
    """
    with tempfile.TemporaryDirectory(prefix="qomgen-") as folder:
        # Under its own name checkpatch would not know it for C.
        path = Path(folder) / re.sub(r"\.inc$", "", name)
        path.write_text(text, encoding="utf-8")
        script = tree.path / "scripts" / "checkpatch.pl"
        try:
            output = run(["perl", script, "--no-tree", "--terse", "-f", path], cwd=tree.path)
        except CommandError as error:
            output = error.output
    if not re.search(r"^total: \d+ errors", output, re.MULTILINE):
        raise CommandError([str(script), name], 1, output)
    found = re.findall(r"^[^:\n]+:(\d+): (ERROR|WARNING): (.*)$", output, re.MULTILINE)
    return [Complaint(level, said, int(line)) for line, level, said in found]
