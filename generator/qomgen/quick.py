# SPDX-License-Identifier: GPL-2.0-or-later
"""
The short way of `check` and `generate`, for when the speed cache knows that nothing has changed.

It reads the plainest command lines by itself, since loading argparse takes longer than all the rest. Any other goes the
long way, as does everything that there is something to say about.
"""

from __future__ import annotations

import os

from qomgen import project, speedcache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LISTS = ("--specs", "--python-path", "--qemu", "--target")
VALUES = {"--output": "generated", "--package": "qomgen_devices", "--format": "text"}
FLAGS = ("--flat",)
OF_GENERATE = ("--depfile", "--stamp")
OF_CHECK = ("--git",)


class Words:
    """A command line that was understood."""

    def __init__(self, command: str) -> None:
        self.command = command
        self.lists: dict[str, list[str]] = {name: [] for name in LISTS}
        self.values: dict[str, str] = dict(VALUES)
        self.flags: set[str] = set()


def scan(words: Sequence[str]) -> Words | None:
    """Read a command line; None if it is not one of the plainest."""
    if not words or words[0] not in ("check", "generate"):
        return None
    found = Words(words[0])
    flags = FLAGS if found.command == "generate" else (*FLAGS, *OF_CHECK)
    values = (*VALUES, *(OF_GENERATE if found.command == "generate" else ()))
    rest = iter(words[1:])
    for word in rest:
        if word in flags:
            found.flags.add(word)
            continue
        value = next(rest, "")
        if not value or value.startswith("-"):
            return None
        if word in LISTS:
            found.lists[word].append(value)
        elif word in values:
            found.values[word] = value
        else:
            return None
    return found


def spec_folders(given: Sequence[str]) -> list[str]:
    """The folders to read specs from: those given, else the one here, else qomgen's own."""
    if given:
        return list(given)
    return ["device_specs" if os.path.isdir("device_specs") else own("device_specs")]


def base_folders(specs: Sequence[str]) -> list[str]:
    """The folders of specs that are known and not generated: qomgen's own, unless `specs` has them."""
    base = own("device_specs")
    has = any(os.path.realpath(each) == os.path.realpath(base) for each in specs)
    return [] if has else [base]


def own(name: str) -> str:
    """As `qomgen.paths.data_folder`, which needs pathlib."""
    package = os.path.dirname(os.path.abspath(__file__))
    inside = os.path.join(package, name)
    return (
        inside
        if os.path.isdir(inside)
        else os.path.join(os.path.dirname(os.path.dirname(package)), name)
    )


def request(lists: Mapping[str, Sequence[str]], package: str, *, flat: bool) -> speedcache.Request:
    """What the speed cache knows a run by."""
    rest = [*lists["--qemu"], "", *lists["--target"], "", package, str(flat)]
    folders = spec_folders(lists["--specs"])
    base = base_folders(folders)
    return speedcache.Request(folders, base, own("templates"), lists["--python-path"], rest)


def run(words: Sequence[str]) -> bool:
    """Whether what `words` ask for is nothing, and the speed cache knows it; then it is said and done."""
    try:
        found = scan(project.settled(words))
    except project.BadSettings:
        return False
    if found is None or found.values["--format"] != "text":
        return False
    asked = request(found.lists, found.values["--package"], flat="--flat" in found.flags)
    output = speedcache.spelled(found.values["--output"])
    entry = speedcache.current(asked, output)
    if entry is None:
        return False
    if found.command == "check":
        if "--git" in found.flags and not _is_tracked(entry, output):
            return False
        print(all_current(len(entry.outputs)))
        return True
    if not _finish(found, entry, output):
        return False
    print(done(0, 0, len(entry.outputs)))
    return True


def all_current(count: int) -> str:
    """What `check` says when there is no drift."""
    return f"{count} generated files are current"


def done(written: int, removed: int, unchanged: int) -> str:
    """What `generate` says at the end."""
    return f"{written} written, {removed} removed, {unchanged} unchanged"


def _is_tracked(entry: speedcache.Entry, output: str) -> bool:
    from qomgen import git  # noqa: PLC0415 - it loads subprocess

    try:
        return not git.untracked(output, entry.outputs)
    except git.GitError:
        return False


def _finish(found: Words, entry: speedcache.Entry, output: str) -> bool:
    asked = {name: found.values.get(name) for name in OF_GENERATE}
    if not any(asked.values()):
        return True
    from pathlib import Path  # noqa: PLC0415 - for build systems alone

    from qomgen import buildsystem  # noqa: PLC0415 - likewise

    specs = spec_folders(found.lists["--specs"])
    depfile, stamp = (Path(path) if path else None for path in asked.values())
    try:
        buildsystem.finish(
            [Path(path) for path in entry.inputs],
            [Path(output) / path for path in entry.outputs],
            depfile=depfile,
            stamp=stamp,
            folders=[Path(path) for path in (*specs, *base_folders(specs))],
        )
    except (OSError, buildsystem.UnwritablePath):
        return False
    return True
