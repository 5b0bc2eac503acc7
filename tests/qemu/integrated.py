# SPDX-License-Identifier: GPL-2.0-or-later
"""QEMU with new devices in it: a copy of the tree into which `qomgen integrate` brought projects.

What the projects bring is compiled there, by the tree's own Ninja.  All other objects are those of
the untouched tree (`binary.qemu_binary`), which differ in nothing: their sources are the same, and
of what configure wrote only the new CONFIG_ symbols differ, which nothing else reads.
"""

from __future__ import annotations

import functools
import shlex
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import binary, cache
from .run import CommandError, run
from .tree import Build, Tree, build, configured, devices_file, source

_PROGRAM = f"qemu-system-{binary.ARCH}"


class NotAlike(Exception):
    """The two trees differ in more than the projects: objects of one are not those of the other."""


@dataclass(frozen=True)
class Integrated:
    """A configured tree with projects in it; *symbols* are the CONFIG_ symbols that they brought."""

    build: Build
    untouched: Build
    symbols: tuple[str, ...]

    @functools.cached_property
    def sources(self) -> list[str]:
        """The C files that only this tree compiles, from its top."""
        return sorted(set(self.build.commands) - set(self.untouched.commands))

    def objects(self) -> dict[str, Path]:
        """Compile what is new, devices and tests: source -> object.

        Raises `run.CommandError` when something does not compile, which a warning suffices for.
        """
        outputs = {name: binary.output(self.build, name) for name in self.sources}
        self.build.ninja(outputs.values())
        return {name: self.build.path / output for name, output in outputs.items()}

    def program(self, others: Mapping[str, Path] | None = None) -> Path:
        """QEMU with the new devices; *others* (source -> object) take the place of its own objects.

        Raises `run.CommandError` when it does not link.
        """
        binary.qemu_binary(self.build.tree.series)
        swapped = {binary.output(self.build, name): path for name, path in (others or {}).items()}
        folder = self._linked(_PROGRAM, swapped)
        binary.give_firmware(folder)
        return folder / _PROGRAM

    def qtest(self, name: str) -> Path:
        """The program of a test in tests/qtest."""
        binary.introspect_test(self.build.tree.series)
        return self._linked(f"tests/qtest/{name}", {}) / name

    def _linked(self, target: str, swapped: Mapping[str, Path]) -> Path:
        """The folder with what the tree's own link command makes of its objects and the others'."""
        made = {binary.output(self.build, name) for name in self.objects()}
        words = shlex.split(run(["ninja", "-t", "commands", "-s", target], cwd=self.build.path))
        if not made & set(words):
            raise LookupError(f"{target} is linked of nothing new")
        place = words.index("-o") + 1

        # From where the others' objects are; what is new has its whole path.
        own = {output: str(self.build.path / output) for output in made}
        own |= {output: str(path) for output, path in swapped.items()}
        words = [own.get(word, word) for word in words]
        contents = [(self.build.path / word).read_bytes() for word in sorted(made)]
        key = cache.digest(*words, *contents)

        def make(folder: Path) -> None:
            out = folder / Path(target).name
            run([*words[:place], out, *words[place + 1 :]], cwd=self.untouched.path)

        return cache.folder(self.build.path / ".qomgen" / f"linked-{key}", make)


def integrate(project: Path, tree: Path, *words: str) -> str:
    """What ``qomgen integrate`` prints, run in the folder of *project*."""
    return run([sys.executable, "-m", "qomgen", "integrate", tree, *words], cwd=project)


def _diff(project: Path, tree: Path) -> str:
    """What *project* would change in *tree*."""
    try:
        integrate(project, tree, "--dry-run")
    except CommandError as error:
        if "+++ " not in error.output:
            raise
        return error.output
    raise LookupError(f"{project} brings nothing into {tree}")


def integrated(series: str, projects: Sequence[Path]) -> Integrated:
    """A tree of *series* with *projects*, configured with all their symbols on.

    Raises what `tree.source` raises, `run.CommandError` when one can't be integrated or QEMU can't
    be configured with it, and `NotAlike`.
    """
    pristine = source(series)
    untouched = build(series, binary.ARCH)
    diffs = [_diff(project, pristine.path) for project in projects]
    symbols = sorted(set(_symbols(diffs)))
    top = pristine.path.parent / f"with-{cache.digest(*diffs)}"

    def make(folder: Path) -> None:
        # No file of a tree is written in place, so that copies of it may share them.
        run(["cp", "-a", "-l", pristine.path, folder / "src"])
        for project in projects:
            integrate(project, folder / "src")
        chosen = folder / "src" / devices_file(binary.ARCH)
        lines = [chosen.read_text(), *(f"{name}=y\n" for name in symbols)]
        cache.write(chosen, "".join(lines).encode())

    cache.folder(top, make)
    tree = Tree(series, pristine.version, top / "src")
    made = Integrated(configured(tree, binary.ARCH), untouched, tuple(symbols))
    _check_alike(made)
    return made


def _symbols(diffs: Iterable[str]) -> Iterable[str]:
    """The symbols that lines of the Kconfig files add."""
    for diff in diffs:
        for line in diff.splitlines():
            if line.startswith("+config "):
                yield f"CONFIG_{line.split()[1]}"


def _check_alike(made: Integrated) -> None:
    """See that configure wrote for both trees the same, the symbols of the projects apart."""
    for name in ("config-host.h", f"{binary.ARCH}-softmmu-config-devices.h"):
        ours, theirs = (
            set((each.path / name).read_text().splitlines())
            for each in (made.build, made.untouched)
        )
        new = {line for line in ours - theirs if not any(s in line for s in made.symbols)}
        # Where it is installed is configured, too.
        if wrong := sorted(line for line in new | (theirs - ours) if "/src" not in line):
            raise NotAlike(f"{name}: {wrong}")


def run_qtest(test: Path, program: Path, **environment: str) -> list[str]:
    """Run a QTest on *program*: the names of its tests that passed, in TAP's order.

    Raises `run.CommandError` when one fails.
    """
    with tempfile.TemporaryDirectory(prefix="qomgen-") as folder:
        output = run(
            [test, "--tap"],
            cwd=Path(folder),
            env={"QTEST_QEMU_BINARY": str(program), **environment},
            timeout=300,
        )
    lines = [line for line in output.splitlines() if line.startswith("ok ")]
    return [line.split(" ", 2)[2] for line in lines]
