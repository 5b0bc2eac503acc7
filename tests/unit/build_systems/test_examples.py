# SPDX-License-Identifier: GPL-2.0-or-later
"""The worked examples, built by the real Ninja and Meson: what an edit concerns is rebuilt, once, and nothing else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]
GENERATE = "generate"


def tool(name: str) -> str:
    """A program that the dev extra installs beside Python."""
    found = Path(sys.executable).with_name(name)
    if not found.exists():
        pytest.skip(f"no {name}; install it: pip install {name}")
    return str(found)


@dataclass(frozen=True)
class Build:
    """A copy of an example."""

    folder: Path
    ninja: tuple[str, ...]
    outputs: Path
    environment: dict[str, str]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def build(self) -> list[str]:
        """What was done, sorted: `generate`, the names of objects, and the program's."""
        done = self.run(*self.ninja)
        assert done.returncode == 0, done.stdout + done.stderr
        actions = [
            match[1] for match in re.finditer(r"^\[\d+/\d+\] (.*)$", done.stdout, re.MULTILINE)
        ]
        return sorted(short(action) for action in actions)

    def program(self) -> list[str]:
        done = self.run(str(self.folder / "build" / "my-devices"))
        return done.stdout.splitlines()

    def spec(self, name: str) -> Path:
        return self.folder / "specs" / f"{name}.yaml"

    def edit(self, name: str, old: str, new: str) -> None:
        text = self.spec(name).read_text()
        assert old in text
        self.spec(name).write_text(text.replace(old, new))

    def times(self) -> dict[str, int]:
        return {path.name: path.stat().st_mtime_ns for path in sorted(self.outputs.glob("*.inc"))}


def short(action: str) -> str:
    if action.startswith("Generating"):
        return GENERATE
    return (
        action.rsplit(maxsplit=1)[-1]
        .removesuffix(".c.o")
        .removesuffix(".c")
        .rpartition("/")[2]
        .rpartition("_")[2]
    )


def prepare(folder: Path, name: str) -> tuple[Path, dict[str, str]]:
    """Copy the examples and qomgen, which is an input too, and put it on the path."""
    for each in ("examples", "generator", "templates", "device_specs"):
        ignored = shutil.ignore_patterns("build", ".*", "__pycache__")  # what a hand left there
        shutil.copytree(CHECKOUT / each, folder / each, ignore=ignored)
    (folder / "bin").mkdir()
    script = folder / "bin" / "qomgen"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m qomgen "$@"\n')
    script.chmod(0o755)
    environment = os.environ | {
        "PATH": f"{folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(folder / "generator"),
        "NINJA_STATUS": "[%f/%t] ",
    }
    return folder / "examples" / name, environment


def ninja(folder: Path) -> Build:
    example, environment = prepare(folder, "ninja")
    return Build(example, (tool("ninja"),), example / "build" / "c" / "qemu-10.0", environment)


def meson(folder: Path) -> Build:
    example, environment = prepare(folder, "meson")
    made = Build(example, (tool("ninja"), "-C", "build"), example / "build", environment)
    done = made.run(tool("meson"), "setup", "build")
    assert done.returncode == 0, done.stdout + done.stderr
    return made


@pytest.fixture(scope="module", params=[ninja, meson], ids=["ninja", "meson"])
def example(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Build:
    """An example, built once."""
    make: Callable[[Path], Build] = request.param
    made = make(tmp_path_factory.mktemp("example"))
    assert made.build() == [GENERATE, "main", "my-dev", "my-devices", "my-timer"]
    return made


@pytest.fixture
def built(example: Build, tmp_path: Path) -> Iterator[Build]:
    """The example; what is edited is put back."""
    assert example.build() == []
    saved = shutil.copytree(example.folder / "specs", tmp_path / "specs")
    yield example
    shutil.rmtree(example.folder / "specs")
    # With times of now: to a build system, a file that became older has not changed.
    shutil.copytree(saved, example.folder / "specs", copy_function=shutil.copyfile)
    example.build()


def test_the_program_has_the_types(built: Build) -> None:
    assert built.program() == [
        "my-dev, 8 bytes",
        "  level: How much of it",
        "  level=7",
        "my-timer, 8 bytes",
        "  period=100",
    ]


def test_a_touched_spec_is_one_action(built: Build) -> None:
    before = built.times()
    built.spec("my-dev").touch()
    assert built.build() == [GENERATE]
    assert built.build() == []
    assert built.times() == before


def test_an_edit_rebuilds_what_it_concerns(built: Build) -> None:
    before = built.times()
    built.edit("my-dev", "default: 7", "default: 8")
    assert built.build() == [GENERATE, "my-dev", "my-devices"]
    assert built.build() == []
    after = built.times()
    assert {name for name in after if after[name] != before[name]} == {"my-dev.c.inc"}
    assert "  level=8" in built.program()


def test_an_edit_of_a_struct_rebuilds_who_includes_it(built: Build) -> None:
    before = built.times()
    built.edit("my-timer", "period: uint32_t", "period: uint32_t\n    left: uint64_t")
    assert built.build() == [GENERATE, "my-devices", "my-timer"]
    after = built.times()
    assert {name for name in after if after[name] != before[name]} == {"my-timer.h.inc"}
    assert "my-timer, 16 bytes" in built.program()


def test_a_comment_rebuilds_nothing(built: Build) -> None:
    before = built.times()
    built.edit("my-dev", "type: my-dev", "# A comment.\ntype: my-dev")
    assert built.build() == [GENERATE]
    assert built.build() == []
    assert built.times() == before


def test_an_error_stops_the_build_and_mending_it_goes_on(built: Build) -> None:
    built.edit("my-dev", "kind: uint32", "kind: uint33")
    done = built.run(*built.ninja)
    assert done.returncode != 0
    assert "did you mean 'uint32'?" in done.stdout + done.stderr
    built.edit("my-dev", "kind: uint33", "kind: uint32")
    assert built.build() == [GENERATE]
    assert built.build() == []


def test_a_new_spec_is_seen(built: Build) -> None:
    text = built.spec("my-timer").read_text()
    built.spec("my-clock").write_text(
        text.replace("my-timer", "my-clock").replace("MyTimer", "MyClock")
    )
    done = built.run(*built.ninja)
    assert "my-clock.c.inc" in done.stdout
    for path in built.outputs.glob("my-clock*"):
        path.unlink()


def test_a_spec_taken_away_is_seen(built: Build) -> None:
    """Its outputs are still named, so the build can't go on; but it is not passed over."""
    built.spec("my-timer").unlink()
    done = built.run(*built.ninja)
    assert "Generating types" in done.stdout


def test_an_output_edited_by_hand_is_remade(built: Build) -> None:
    """A build system does not look at outputs' bytes; whoever deletes one gets it back, and only it."""
    (built.outputs / "my-dev.c.inc").unlink()
    before = built.times()
    assert built.build() == [GENERATE, "my-dev", "my-devices"]
    after = built.times()
    assert {name for name in after if after[name] != before.get(name)} == {"my-dev.c.inc"}


@pytest.mark.parametrize("name", ["meson", "ninja"])
def test_the_examples_name_all_outputs(tmp_path: Path, name: str) -> None:
    example, environment = prepare(tmp_path, name)
    command = [
        "qomgen",
        "generate",
        "--specs",
        "specs",
        "--specs",
        str(CHECKOUT / "device_specs" / "qemu"),
    ]
    command += ["--target", "c", "--qemu", "10.0", "--output", "o", "--flat", "--list-outputs"]
    done = subprocess.run(
        command, cwd=example, env=environment, capture_output=True, text=True, check=True
    )
    listed = [Path(path).name for path in done.stdout.split()]
    text = (example / {"meson": "meson.build", "ninja": "build.ninja"}[name]).read_text()
    places = [text.index(output) for output in listed]
    assert places == sorted(places)


def test_make_as_the_manual_has_it(tmp_path: Path) -> None:
    """The Makefile of docs/build-systems.md."""
    example, environment = prepare(tmp_path, "ninja")
    text = (CHECKOUT / "docs" / "build-systems.md").read_text()
    (found,) = re.findall(r"```make\n(.*?)```", text, re.DOTALL)
    (example / "Makefile").write_text(found)

    def make() -> list[str]:
        done = subprocess.run(
            ["make", "my-dev.o"],
            cwd=example,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return [
            line.split()[0]
            for line in done.stdout.splitlines()
            if line.startswith(("qomgen", "cc"))
        ]

    assert make() == ["qomgen", "cc"]
    assert make() == []
    (example / "specs" / "my-dev.yaml").touch()
    assert make() == ["qomgen", "cc"]
    assert make() == []
    shutil.copy(example / "specs" / "my-timer.yaml", example / "my-timer.yaml")
    (example / "specs" / "my-timer.yaml").unlink()
    assert make() == ["qomgen", "cc"]
    assert not (example / "build" / "c" / "qemu-10.0" / "my-timer.c.inc").exists()
