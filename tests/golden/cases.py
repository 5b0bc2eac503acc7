# SPDX-License-Identifier: GPL-2.0-or-later
"""
Bad input and what qomgen says of it, to the letter.

A case is a spec `bad/QG011-unknown-key.yaml`, or a folder of specs of that name, or a function here that makes what
no repository holds (a FIFO, a file that is no text). What is printed stands beside it in `bad/QG011-unknown-key.txt`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from qomgen import cli, diagnostics
from qomgen.problems import all_rules
from tests import smalltree
from tests.golden import integration

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BAD = HERE / "bad"
HOOKS = HERE / "hooks"

GOOD_SPEC = """\
# SPDX-License-Identifier: GPL-2.0-or-later
type: my-dev
license: GPL-2.0-or-later
targets: [c]
parent: device
source: hw/misc/my-dev.c
"""


@dataclass(frozen=True)
class Case:
    """A case: `run` gives its exit code and all that it prints."""

    name: str
    run: Callable[[Path, pytest.MonkeyPatch, pytest.CaptureFixture[str]], tuple[int, str]]

    @property
    def rule(self) -> str:
        """The id of the rule that the case is for."""
        return self.name[:5]

    @property
    def golden(self) -> Path:
        """What it is to print."""
        return BAD / f"{self.name}.txt"


def _main(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = cli.main(arguments)
    printed = capsys.readouterr()
    return code, printed.out + printed.err


def generate(
    specs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    """Run `qomgen generate` on the project's specs and those of a case."""
    monkeypatch.chdir(ROOT)
    words = ["generate", "--specs", "device_specs", "--specs", str(specs)]
    words += ["--python-path", str(HOOKS), "--output", str(specs.parent / "generated")]
    return _main(words, capsys)


def _copied(source: Path) -> Case:
    def run(
        tmp: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> tuple[int, str]:
        specs = tmp / "specs"
        if source.is_dir():
            shutil.copytree(source, specs)
        else:
            specs.mkdir()
            shutil.copy(source, specs)
        return generate(specs, monkeypatch, capsys)

    return Case(source.name.removesuffix(".yaml"), run)


_MADE: list[Case] = []


def _made(name: str) -> Callable[[Callable[[Path], None]], Callable[[Path], None]]:
    """Take a function that fills a folder with specs."""

    def take(fill: Callable[[Path], None]) -> Callable[[Path], None]:
        def run(
            tmp: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
        ) -> tuple[int, str]:
            specs = tmp / "specs"
            specs.mkdir()
            fill(specs)
            return generate(specs, monkeypatch, capsys)

        _MADE.append(Case(name, run))
        return fill

    return take


# What is no text


@_made("QG001-folder")
def _folder(specs: Path) -> None:
    (specs / "my-dev.yaml").mkdir()


@_made("QG001-fifo")
def _fifo(specs: Path) -> None:
    os.mkfifo(specs / "my-dev.yaml")


@_made("QG001-dangling-link")
def _dangling(specs: Path) -> None:
    (specs / "my-dev.yaml").symlink_to("nowhere.yaml")


@_made("QG001-utf-16")
def _utf16(specs: Path) -> None:
    (specs / "my-dev.yaml").write_text("type: my-dev\n", "utf-16")


@_made("QG001-latin-1")
def _latin1(specs: Path) -> None:
    (specs / "my-dev.yaml").write_text("type: my-dev\ndoc: Gerät\n", "latin-1")


@_made("QG001-lone-surrogate")
def _surrogate(specs: Path) -> None:
    (specs / "my-dev.yaml").write_text("type: my-dev\ndoc: \ud800\n", "utf-8", "surrogatepass")


@_made("QG001-too-large")
def _too_large(specs: Path) -> None:
    with (specs / "my-dev.yaml").open("wb") as stream:
        stream.truncate(100 << 20)


@_made("QG002-nul")
def _nul(specs: Path) -> None:
    (specs / "my-dev.yaml").write_text("type: my-dev\ndoc: a\0b\n")


@_made("QG002-line-separator")
def _line_separator(specs: Path) -> None:
    (specs / "my-dev.yaml").write_text("type: my-dev\ndoc: a\u2028b\n", "utf-8")


@_made("QG002-utf-16-without-mark")
def _utf16_without_mark(specs: Path) -> None:
    (specs / "my-dev.yaml").write_text("type: my-dev\n", "utf-16-le")


@_made("QG002-nul-as-an-escape")
def _escaped_nul(specs: Path) -> None:
    (specs / "my-dev.yaml").write_text(GOOD_SPEC + 'doc: "a\\0b"\n')


@_made("QG003-tab")
def _tab(specs: Path) -> None:
    (specs / "my-dev.yaml").write_text("type: my-dev\nbuild:\n\tset: vfio\n")


@_made("QG008-flow-sequences")
def _deep(specs: Path) -> None:
    (specs / "my-dev.yaml").write_text("type: my-dev\ninterfaces: " + "[" * 100_000 + "\n")


@_made("QG009-empty-file")
def _empty(specs: Path) -> None:
    (specs / "my-dev.yaml").write_text("")


@_made("QG011-wide-characters-and-tabs")
def _wide(specs: Path) -> None:
    (specs / "my-dev.yaml").write_text(
        GOOD_SPEC + 'build: {"set": vfio,\t"説明": 1, "e\u0301": 2}\r\n', "utf-8"
    )


@_made("QG013-ten-thousand-digits")
def _digits(specs: Path) -> None:
    (specs / "my-dev.yaml").write_text(GOOD_SPEC + f"abstract: {'7' * 10_000}\n")


@_made("QG014-long-names")
def _long_names(specs: Path) -> None:
    spec = GOOD_SPEC.replace("my-dev\n", f"my-{'de' * 60}v\n", 1)
    (specs / "my-dev.yaml").write_text(spec + f"class_properties: {{{'a' * 101}: {{kind: str}}}}\n")


@_made("QG014-escape-sequences")
def _escapes(specs: Path) -> None:
    spec = GOOD_SPEC.replace("my-dev\n", '"my\\e[2J\\u202edev"\n', 1)
    (specs / "my-dev.yaml").write_text(spec + "# \u202e and \u200b, written as they are\n", "utf-8")


@_made("QG020-too-many-values")
def _many(specs: Path) -> None:
    (specs / "my-dev.yaml").write_text(GOOD_SPEC + f"interfaces: [{'a, ' * 30_000}a]\n")


@_made("QG122-long-chain")
def _long_chain(specs: Path) -> None:
    types = [
        GOOD_SPEC.replace("my-dev", f"my-dev-{index}").replace("parent: device", f"parent: {above}")
        for index, above in enumerate(["device", *(f"my-dev-{index}" for index in range(65))])
    ]
    (specs / "my-devs.yaml").write_text("---\n".join(types))


def _too_many_errors(
    tmp: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    monkeypatch.setattr(diagnostics, "MAX_ERRORS", 2)
    specs = tmp / "specs"
    specs.mkdir()
    (specs / "my-dev.yaml").write_text(GOOD_SPEC + "one: 1\ntwo: 2\nthree: 3\nfour: 4\n")
    return generate(specs, monkeypatch, capsys)


_MADE.append(Case("QG021-too-many-errors", _too_many_errors))


# Generated files


def _drift(name: str, change: Callable[[Path], object], *words: str) -> None:
    """Take a function that changes the folder `generated` after a run."""

    def run(
        tmp: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> tuple[int, str]:
        monkeypatch.chdir(tmp)
        Path("specs").mkdir()
        Path("specs/my-dev.yaml").write_text(GOOD_SPEC)
        base = str(ROOT / "device_specs" / "qemu")
        arguments = ["--specs", base, "--specs", "specs", "--target", "c", "--qemu", "10.0"]
        assert cli.main(["generate", *arguments]) == cli.CLEAN
        capsys.readouterr()
        change(Path("generated"))
        code, printed = _main([*(words or ("check",)), *arguments], capsys)
        return code, printed.replace(base, "device_specs/qemu")

    _MADE.append(Case(name, run))


def _edit(path: Path, text: str, by: str) -> None:
    before = path.read_text()
    assert text in before
    path.write_text(before.replace(text, by))


_OUTPUT = "c/qemu-10.0/my-dev.c.inc"
_drift("QG501-missing", lambda output: (output / _OUTPUT).unlink())
_drift("QG502-edited", lambda output: _edit(output / _OUTPUT, ".parent = ", ".parent =  "))
_drift(
    "QG503-left-over",
    lambda output: shutil.copy(output / _OUTPUT, output / "c/qemu-10.0/old.c.inc"),
)
_drift("QG505-foreign", lambda output: (output / _OUTPUT).write_text("mine\n"), "generate")
_drift("QG505-foreign-check", lambda output: (output / _OUTPUT).write_text("mine\n"))


def _untracked(
    tmp: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.chdir(tmp)
    Path("specs").mkdir()
    Path("specs/my-dev.yaml").write_text(GOOD_SPEC)
    base = str(ROOT / "device_specs" / "qemu")
    arguments = ["--specs", base, "--specs", "specs", "--target", "c", "--qemu", "10.0"]
    assert cli.main(["generate", *arguments]) == cli.CLEAN
    subprocess.run(["git", "init", "--quiet", "."], check=True)
    capsys.readouterr()
    return _main(["check", "--git", *arguments], capsys)


_MADE.append(Case("QG504-untracked", _untracked))


def _integrated(name: str) -> Case:
    """`qomgen integrate` of a project into a tree."""

    def run(
        tmp: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> tuple[int, str]:
        smalltree.lay(tmp / "tree", smalltree.TREE)
        monkeypatch.chdir(smalltree.lay(tmp / "project", integration.project(name)))
        return _main(["integrate", "../tree"], capsys)

    return Case(name, run)


def cases() -> list[Case]:
    """All cases, by name."""
    folders = [path for path in BAD.iterdir() if path.is_dir()]
    copied = [_copied(path) for path in (*BAD.glob("*.yaml"), *folders)]
    integrated = [_integrated(name) for name in integration.CASES]
    return sorted([*copied, *_MADE, *integrated], key=lambda case: case.name)


def count() -> str:
    """How many rules and cases there are, and the rules that have none."""
    rules, all_cases = all_rules(), cases()
    without = sorted(set(rules) - {case.rule for case in all_cases})
    missing = f"; without: {', '.join(without)}" if without else ""
    return f"{len(rules)} rules, {len(all_cases)} golden cases, {len(without)} rules without one{missing}"
