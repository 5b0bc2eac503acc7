# SPDX-License-Identifier: GPL-2.0-or-later
"""What a page shows on a console, run: every command prints what the page says."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path


@dataclass(frozen=True)
class Command:
    """A line after "$ ", and the lines it prints; "..." in them stands for any text."""

    words: str
    printed: tuple[str, ...]


def commands(page: str, kind: str = "console") -> list[Command]:
    """The commands of the fenced blocks of `kind` (what follows the fence) in a page of Markdown."""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(rf"^```{re.escape(kind)}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line.removeprefix("$ "), []))
            elif line == ">" or line.startswith("> "):
                # A command goes on, as a shell's second prompt shows it.
                words, printed = found.pop()
                found.append((f"{words}\n{line[2:]}", printed))
            else:
                found[-1][1].append(line)
    return [Command(words, tuple(printed)) for words, printed in found]


def check(
    said: Sequence[Command], folder: Path, environment: Mapping[str, str], interpreter: str = "bash"
) -> None:
    """
    Run the commands in one shell, as a reader would, in `folder`.

    Raises:
        AssertionError: if one prints what the page does not say, or says and it does not print. A line "..." alone
            stands for any number of lines.
    """
    assert said
    # A line of its own ends what each prints.
    script = "".join(f"{command.words}\necho '<end>'\n" for command in said)
    done = subprocess.run(
        [interpreter],
        input=script,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    parts = [part.splitlines() for part in done.stdout.split("<end>\n")]
    for command, lines in zip(said, parts, strict=False):
        assert _fits(lines, command.printed), f"{command.words}\n" + "\n".join(lines)
    assert len(parts) == len(said) + 1, f"the shell ended early: {done.stdout[-2000:]}"


def _fits(lines: Sequence[str], patterns: Sequence[str]) -> bool:
    if not patterns:
        return not lines
    first, rest = patterns[0], patterns[1:]
    if first.strip() == "...":
        return any(_fits(lines[skipped:], rest) for skipped in range(len(lines) + 1))
    literal = re.sub(r"([*?[])", r"[\1]", first).replace("...", "*")
    return bool(lines) and fnmatchcase(lines[0], literal) and _fits(lines[1:], rest)
