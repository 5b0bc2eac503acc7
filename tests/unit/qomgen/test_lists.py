# SPDX-License-Identifier: GPL-2.0-or-later
"""What build systems ask: what is read, what is written, and a dependency file about it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from qomgen import buildsystem, cli

from .conftest import CHECKOUT
from .running import NAMES, OPTIONS, QEMU_SPECS, outputs, project, qomgen


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(project(tmp_path))
    return tmp_path


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    assert cli.main(["generate", *OPTIONS, *words]) == cli.CLEAN
    return capsys.readouterr().out.splitlines()


def test_outputs_are_listed_and_not_written(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = printed(capsys, "--list-outputs")
    assert sorted(listed) == [f"out/{name}" for name in NAMES]
    assert not (here / "out").exists()
    printed(capsys)
    assert sorted(f"out/{name}" for name in outputs(here / "out")) == sorted(listed)


def test_inputs_are_listed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = printed(capsys, "--list-inputs")
    assert not (here / "out").exists()
    assert len(set(listed)) == len(listed)
    assert all(Path(path).is_file() for path in listed)
    generator = CHECKOUT / "generator" / "qomgen"
    assert {
        "specs/my-dev.yaml",
        str(here / "hooks" / "my_hooks" / "dev.py"),
        str(QEMU_SPECS / "device.yaml"),
        str(CHECKOUT / "device_specs" / "vfio-pci.yaml"),
        str(CHECKOUT / "templates" / "c" / "_banner.h.inc"),
        str(CHECKOUT / "templates" / "python" / "module.py"),
        str(generator / "profiles" / "qemu-10.2.yaml"),
        str(generator / "kinds.yaml"),
        str(generator / "schema" / "spec.schema.json"),
        str(generator / "cview.py"),
    } <= set(listed)


LISTENER = """
import sys

opened = set()

def audit(event, arguments):
    if event == "open" and isinstance(arguments[0], str) and "r" in (arguments[1] or "r"):
        opened.add(arguments[0])

sys.addaudithook(audit)
from qomgen.cli import main
code = main(sys.argv[1:])
print(*sorted(opened), sep="\\n", file=sys.stderr)
sys.exit(code)
"""


def test_whatever_is_opened_is_listed(tmp_path: Path) -> None:
    """Asked of Python itself: no file of ours or of the user's is read without being an input."""
    folder = project(tmp_path)
    (folder / "specs" / "layouts").mkdir()
    (folder / "specs" / "layouts" / "qemu-10.0.json").write_text(
        '{"structs": {"MyDev": {"size": 8, "fields": {"level": [0, 4]}}}}'
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", LISTENER, "generate", *OPTIONS, "--no-cache", "--list-inputs"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT / "generator")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    listed = {str(folder / path) for path in done.stdout.splitlines()}
    opened = {str(folder / path) for path in done.stderr.splitlines()}
    of_ours = {
        path
        for path in opened
        if path.startswith((str(CHECKOUT / "generator"), str(CHECKOUT / "templates"), str(CHECKOUT / "device_specs"),
                            str(folder))) and not path.endswith(".pyc")
    }  # fmt: skip
    assert len(of_ours) > 25
    assert of_ours - listed == set()
    assert str(folder / "specs/layouts/qemu-10.0.json") in of_ours


def dependencies(depfile: str) -> tuple[list[str], list[str]]:
    """Targets and inputs of the first rule."""
    rule = depfile.split("\n\n", maxsplit=1)[0].replace("\\\n", "")
    targets, _, inputs = rule.partition(": ")
    return targets.split(), inputs.split()


def test_depfile(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = printed(capsys, "--list-inputs")
    printed(capsys, "--depfile", "deps")
    text = (here / "deps").read_text()
    targets, inputs = dependencies(text)
    assert sorted(targets) == [f"out/{name}" for name in NAMES]
    # Folders count too: a new spec must be seen.
    base = CHECKOUT / "device_specs"
    folders = ["specs", *map(str, (QEMU_SPECS, base, base / "structs", base / "units"))]
    assert set(inputs) == {*listed, *folders}
    assert text.count("\n\nspecs/my-dev.yaml:\n") == 1
    # The quick way writes the same.
    (here / "deps").unlink()
    assert printed(capsys, "--depfile", "deps") == ["0 written, 0 removed, 9 unchanged"]
    assert (here / "deps").read_text() == text


def test_depfile_of_a_stamp(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(3):
        printed(capsys, "--depfile", "deps", "--stamp", "stamp")
        assert dependencies((here / "deps").read_text())[0] == ["stamp"]
        os.utime(here / "stamp", (1, 1))
    printed(capsys, "--stamp", "stamp")
    assert (here / "stamp").stat().st_mtime > 1


def test_no_stamp_and_no_depfile_after_an_error(here: Path) -> None:
    (here / "specs" / "my-dev.yaml").write_text("type: my-dev\n")
    assert (
        cli.main(["generate", *OPTIONS, "--depfile", "deps", "--stamp", "stamp"]) == cli.BAD_INPUT
    )
    assert not (here / "deps").exists()
    assert not (here / "stamp").exists()


def test_specs_in_folders_below(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "specs" / "a" / "b").mkdir(parents=True)
    (here / "specs" / "my-dev.yaml").rename(here / "specs" / "a" / "b" / "my-dev.yaml")
    printed(capsys, "--depfile", "deps")
    assert {"specs", "specs/a", "specs/a/b"} <= set(dependencies((here / "deps").read_text())[1])


def test_flat(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "--flat", "--target", "c", "--qemu", "10.0", "--list-outputs") == [
        "out/my-dev.c.inc",
        "out/my-dev.h.inc",
    ]
    stranger = here / "out" / "other.c.inc"
    stranger.parent.mkdir()
    stranger.write_text("/* Generated by qomgen from another run. */\n")
    printed(capsys, "--flat", "--target", "c", "--qemu", "10.0")
    printed(capsys, "--flat", "--target", "python")
    assert {"my-dev.c.inc", "my_dev.py", "other.c.inc"} <= outputs(here / "out").keys()
    whole = qomgen(here, "check", *OPTIONS, "--flat", "--target", "c", "--qemu", "10.0")
    assert whole.returncode == 0, whole.stdout


@pytest.mark.parametrize(
    ("path", "escaped"),
    [
        ("plain/path-1.yaml", "plain/path-1.yaml"),
        ("two words", r"two\ words"),
        ("a#b", r"a\#b"),
        ("$(HOME)", "$$(HOME)"),
        ("c:d", r"c\:d"),
        ("100%", "100%"),
        ("Ger\u00e4t", "Ger\u00e4t"),
    ],
)
def test_paths_are_escaped(path: str, escaped: str) -> None:
    assert buildsystem.escape(path) == escaped


@pytest.mark.parametrize("char", list("\n\t'\"*?;|&=<>\\\r\x00"))
def test_what_make_can_not_read_is_refused(char: str) -> None:
    with pytest.raises(buildsystem.UnwritablePath, match=re.escape(repr(char))):
        buildsystem.escape(f"a{char}b")


def test_a_spec_that_no_depfile_can_name(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "specs" / "my-dev.yaml").rename(here / "specs" / "my;dev.yaml")
    assert cli.main(["generate", *OPTIONS, "--depfile", "deps"]) == cli.BAD_INPUT
    assert capsys.readouterr().err.startswith(
        "qomgen: error: a dependency file can't name 'specs/my;dev.yaml'"
    )
