# SPDX-License-Identifier: GPL-2.0-or-later
"""What is in the way of bringing a project into a tree is told, all of it, and nothing is written."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from qomgen import cli
from tests.smalltree import PROJECT, TREE, lay

from .bringing import Place
from .running import outputs


@pytest.fixture
def place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Place:
    made = Place(tmp_path, capsys)
    monkeypatch.chdir(made.project)
    return made


def test_a_file_of_somebody_else_is_not_overwritten(place: Place) -> None:
    lay(place.tree, {"hw/misc/my-dev.c": "/* Somebody else's. */\n"})
    place.pristine = outputs(place.tree)
    assert place.run() == cli.BAD_INPUT
    assert place.out == (
        "TREE/hw/misc/my-dev.c: error: this file is there already, and it was not put there from this project\n"
        "      = hint: give it another name in the project; --force replaces it, and --undo brings it back\n"
        "1 error; nothing was written\n"
    )
    assert place.is_pristine()
    assert place.run("--force") == cli.CLEAN
    assert place.look()["hw/misc/my-dev.c"] == PROJECT["qemu/hw/misc/my-dev.c"].encode()
    assert place.run() == cli.CLEAN
    assert place.out == "0 written, 0 removed, 12 unchanged\n"
    assert place.run("--undo") == cli.CLEAN
    assert place.is_pristine()


@pytest.mark.parametrize(
    ("files", "place_told", "text"),
    [
        (
            {"hw/Kconfig": TREE["hw/Kconfig"] + "\nconfig MY_DEV\n    bool\n"},
            "hw/Kconfig:6",
            "MY_DEV is defined here already",
        ),
        (
            {"hw/misc/Kconfig": TREE["hw/misc/Kconfig"] + "\nconfig MY_DEV\n    bool\n"},
            "hw/misc/Kconfig:11",
            "MY_DEV is defined here already, in other words than qomgen's",
        ),
        (
            {"hw/misc/meson.build": "system_ss.add(files('my-dev.c'))\n"},
            "hw/misc/meson.build:1",
            "my-dev.c is built here already, in other words than qomgen's",
        ),
        (
            {"hw/misc/meson.build": "system_ss.add(\n  files('timer.c')\n"},
            "hw/misc/meson.build:3",
            "this file ends within a statement or a block",
        ),
        (
            {"hw/misc/meson.build": "system_ss.add(files('timer.c')))\n"},
            "hw/misc/meson.build:1",
            "here a bracket closes that was not opened",
        ),
        (
            {"meson.build": "", "hw/misc/meson.build": ""},
            "hw/misc/meson.build",
            "there is no source set system_ss in this file, nor in the tree's own meson.build",
        ),
        (
            {"hw/misc/deeper/Kconfig": "source ../../../../etc/Kconfig\n"},
            "hw/misc/deeper/Kconfig",
            "this reads '../../../../etc/Kconfig', which is not below the tree",
        ),
        (
            {"hw/misc/deeper/Kconfig": "source ../../misc/Kconfig\nsource none/Kconfig\n"},
            "hw/misc/deeper/Kconfig",
            "this reads 'none/Kconfig', which is not there",
        ),
        (
            {"hw/vfio/meson.build": "vfio_ss = ss.source_set()\nspecific_ss.add_all(vfio_ss)\n"},
            "hw/vfio/meson.build:2",
            "here vfio_ss is passed on before anything is added to it",
        ),
        (
            {"tests/qtest/meson.build": "tests = []\n"},
            "tests/qtest/meson.build",
            "there is no statement 'qtests_i386 = ...' as QEMU has it",
        ),
        (
            {"hw/misc/Kconfig": TREE["hw/misc/Kconfig"].replace("\n", "\r\n")},
            "hw/misc/Kconfig:1",
            "here is a carriage return; entries are made for Unix line ends",
        ),
        (
            {"hw/Kconfig": "source misc/Kconfig\nsource vfio/Kconfig\n"},
            "hw/misc/Kconfig",
            "unit 'my-dev' asks for PCI, which no Kconfig of this tree defines",
        ),
    ],
)
def test_what_is_worded_otherwise_is_refused(
    place: Place, files: dict[str, str], place_told: str, text: str
) -> None:
    lay(place.tree, files)
    place.pristine = outputs(place.tree)
    for words in ((), ("--force",), ("--dry-run",)):
        assert place.run(*words) == cli.BAD_INPUT
        assert f"TREE/{place_told}: error: {text}\n" in place.out
        assert "; nothing was written\n" in place.out
        assert place.is_pristine()


def test_a_folder_without_build_files_is_refused(place: Place) -> None:
    (place.tree / "hw/misc/Kconfig").unlink()
    place.edit("hw/Kconfig", "source misc/Kconfig\n", "")
    assert place.run() == cli.BAD_INPUT
    told = "TREE/hw/misc/Kconfig: error: this file is missing, and an entry belongs there\n"
    assert told in place.out


@pytest.mark.parametrize("way", ["a link", "a folder", "a build file", "a link above"])
def test_nothing_is_put_behind_a_link(place: Place, way: str, tmp_path: Path) -> None:
    target = place.tree / "hw/misc/my-dev.c"
    victim = tmp_path / "victim"
    victim.mkdir()
    if way == "a link":
        target.symlink_to(victim / "file")
    elif way == "a folder":
        target.mkdir()
    elif way == "a build file":
        (place.tree / "hw/misc/Kconfig").rename(victim / "Kconfig")
        (place.tree / "hw/misc/Kconfig").symlink_to(victim / "Kconfig")
    else:
        shutil.rmtree(place.tree / "tests/qtest")
        lay(victim, {"meson.build": TREE["tests/qtest/meson.build"]})
        (place.tree / "tests/qtest").symlink_to(victim)
    before = outputs(victim)
    assert place.run("--force") == cli.BAD_INPUT
    assert "nothing was written" in place.out
    assert outputs(victim) == before


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("9.2.1", "is QEMU 9.2.1, and no profile knows 9.2; there are 7.2, 10.0, 10.2"),
        (
            "10.2.50",
            "is QEMU 10.2.50, on the way to the series after 10.2; there are profiles for 7.2",
        ),
        ("next", "says 'next', which is no QEMU version"),
    ],
)
def test_an_unknown_series(place: Place, version: str, said: str) -> None:
    (place.tree / "VERSION").write_text(version + "\n")
    assert place.run() == cli.BAD_INPUT
    assert said in place.out
    assert place.run("--qemu", "10.2") == cli.CLEAN
    assert b"QEMU 10.2" in place.look()["hw/misc/my-dev.c.inc"]
    assert place.run("--qemu", "9.1") == cli.BAD_INPUT
    assert "no profile for QEMU '9.1'; there are 7.2, 10.0, 10.2" in place.out


def test_no_project_at_all(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert place.run() == cli.BAD_INPUT
    assert place.out.startswith(
        "qomgen: error: here is no project: run this in a folder with device_specs"
    )


def test_no_tree_at_all(place: Place) -> None:
    (place.tree / "VERSION").unlink()
    assert place.run() == cli.BAD_INPUT
    assert place.out == "qomgen: error: 'TREE' is no QEMU source tree: it has no VERSION\n"
    shutil.rmtree(place.tree)
    assert place.run("--undo") == cli.BAD_INPUT
    assert place.out == "qomgen: error: there is no folder 'TREE'\n"


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"qomgen": 2}', '{"qomgen": 1, "files": {"../x": {}}}', "\xff"]
)
def test_a_record_that_is_none(place: Place, text: str) -> None:
    lay(place.tree, {".qomgen/project.json": text})
    for words in ((), ("--undo",)):
        assert place.run(*words) == cli.BAD_INPUT
        assert place.out.startswith("qomgen: error: TREE/.qomgen/project.json ")
    assert place.look() == place.pristine
