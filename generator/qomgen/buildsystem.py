# SPDX-License-Identifier: GPL-2.0-or-later
"""What build systems want besides the outputs: a dependency file in the syntax of Make, and a stamp."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

_UNWRITABLE = re.compile(r"""[\x00-\x1f'"*?;|&=<>\\]""")
"""Characters that Make or Ninja takes for something else, however they are written."""


class UnwritablePath(ValueError):
    """A path has a character that no dependency file can hold; the message names both."""


def finish(
    inputs: Sequence[Path],
    outputs: Sequence[Path],
    *,
    depfile: Path | None,
    stamp: Path | None,
    folders: Sequence[Path],
) -> None:
    """
    Write what was asked for, when the outputs are there.

    Args:
        inputs: all files that were read.
        outputs: all files that were generated.
        depfile: where the dependency file goes. Its targets are the outputs; with a stamp, the stamp alone.
        stamp: a file to make, or to set the time of.
        folders: spec folders. They and those below that hold specs are inputs too: a new spec must not go unseen.

    Raises:
        UnwritablePath: if the dependency file can't name an input.
        OSError: if a file can't be written.
    """
    if depfile is not None:
        targets = [stamp] if stamp is not None else outputs
        read = [*inputs, *_holding_specs(inputs, folders)]
        depfile.write_text(rule(map(str, targets), map(str, read)), encoding="utf-8")
    if stamp is not None:
        stamp.touch()


def _holding_specs(inputs: Sequence[Path], folders: Sequence[Path]) -> list[Path]:
    found = set(folders)
    for path in inputs:
        for folder in folders:
            if folder in path.parents:
                found.update(each for each in path.parents if folder in each.parents)
    return sorted(found)


def rule(targets: Iterable[str], inputs: Iterable[str]) -> str:
    """
    One rule for all targets, and an empty one for each input, so that a build goes on when an input is gone.

    Raises:
        UnwritablePath: if a path can't be written.
    """
    escaped = [escape(path) for path in inputs]
    lines = [" ".join(escape(path) for path in targets) + ":", *(f"  {path}" for path in escaped)]
    return " \\\n".join(lines) + "\n" + "".join(f"\n{path}:\n" for path in escaped)


def escape(path: str) -> str:
    """`path` as Make and Ninja read it back."""
    if found := _UNWRITABLE.search(path):
        raise UnwritablePath(f"a dependency file can't name {path!r}: it has {found.group()!r}")
    return re.sub(r"[ #:]", r"\\\g<0>", path).replace("$", "$$")
