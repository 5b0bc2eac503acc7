# SPDX-License-Identifier: GPL-2.0-or-later
"""Bringing a small project into a small made-up tree, and taking it back."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from qomgen import cli
from qomgen.integration.record import FOLDER
from tests.smalltree import MY_DEV, PROJECT, TREE, lay

from .bringing import Place
from .running import outputs

AFTER = {
    "hw/misc/Kconfig": """\
config TIMER
    bool

config BEEPER
    bool
    default y if PCI_DEVICES
    depends on PCI

config MY_DEV
    bool
    default y if PCI_DEVICES
    depends on PCI

source deeper/Kconfig
""",
    "hw/misc/meson.build": """\
system_ss.add(when: 'CONFIG_TIMER', if_true: files('timer.c'))
system_ss.add(when: 'CONFIG_BEEPER', if_true: files(
  'beeper.c',
  'beeper-tone.c',
))
system_ss.add(when: 'CONFIG_MY_DEV', if_true: files('my-dev.c'))

# Boards of old
system_ss.add(when: 'CONFIG_ABACUS', if_true: files('abacus.c'))
""",
    "hw/vfio/Kconfig": """\
config VFIO_PCI
    bool
    default y
    depends on LINUX && PCI

config VFIO_MY_ASSIGN
    bool
    default y
    depends on VFIO_PCI
""",
    "hw/vfio/meson.build": """\
vfio_ss = ss.source_set()
vfio_ss.add(when: 'CONFIG_VFIO_PCI', if_true: files('pci.c'))
vfio_ss.add(when: 'CONFIG_VFIO_MY_ASSIGN', if_true: files('my-assign.c'))
specific_ss.add_all(when: 'CONFIG_VFIO', if_true: vfio_ss)
""",
    "tests/qtest/meson.build": TREE["tests/qtest/meson.build"].replace(
        "  (config_all_devices.has_key('CONFIG_BEEPER') and",
        "  (config_all_devices.has_key('CONFIG_VFIO_MY_ASSIGN') ? ['my-assign-test'] : []) + \\\n"
        "  (config_all_devices.has_key('CONFIG_MY_DEV') ? ['my-dev-test'] : []) +     \\\n"
        "  (config_all_devices.has_key('CONFIG_BEEPER') and",
    ),
}
"""What the build files of the tree hold then."""

NEW = sorted(
    [
        *("hw/misc/my-dev.c", "hw/misc/my-dev.c.inc", "hw/misc/my-dev.h.inc"),
        *("hw/vfio/my-assign.c", "hw/vfio/my-assign.c.inc"),
        *("tests/qtest/my-dev-test.c", "tests/qtest/my-assign-test.c"),
    ]
)


@pytest.fixture
def place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Place:
    made = Place(tmp_path, capsys)
    monkeypatch.chdir(made.project)
    return made


def test_it_comes_in_whole_and_goes_without_a_trace(place: Place) -> None:
    assert place.run() == cli.CLEAN
    assert place.out.endswith("12 written, 0 removed, 0 unchanged\n")
    after = place.look()
    assert sorted(set(after) - set(place.pristine)) == NEW
    changed = {
        path: after[path].decode() for path in place.pristine if after[path] != place.pristine[path]
    }
    assert changed == AFTER
    assert after["hw/misc/my-dev.c"] == PROJECT["qemu/hw/misc/my-dev.c"].encode()
    assert b"my_dev_class_init" in after["hw/misc/my-dev.c.inc"]
    before = outputs(place.tree)
    times = {path: path.stat().st_mtime_ns for path in place.tree.rglob("*")}
    assert place.run() == cli.CLEAN
    assert place.out == "0 written, 0 removed, 12 unchanged\n"
    assert outputs(place.tree) == before
    assert {path: path.stat().st_mtime_ns for path in place.tree.rglob("*")} == times
    assert place.run("--undo") == cli.CLEAN
    assert place.is_pristine()
    assert place.run("--undo") == cli.BAD_INPUT
    assert place.out == "qomgen: error: 'TREE' has nothing of the project 'project'\n"


def test_git_is_not_told_of_the_record(place: Place) -> None:
    place.run()
    subprocess.run(["git", "init", "--quiet", str(place.tree)], check=True)
    command = ["git", "-C", str(place.tree), "status", "--porcelain", "--untracked-files=all"]
    status = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "my-dev.c" in status
    assert str(FOLDER) not in status


def test_a_dry_run_shows_what_patch_makes_of_it(place: Place) -> None:
    """The oracle is git: the diff applied is the run."""
    assert place.run("--dry-run") == cli.DRIFT
    assert place.is_pristine()
    shown = place.out
    subprocess.run(["git", "apply"], cwd=place.tree, input=shown.encode(), check=True)
    patched = outputs(place.tree)
    shutil.rmtree(place.tree)
    lay(place.tree, TREE)
    place.run()
    assert place.look() == patched
    assert place.run("--dry-run") == cli.CLEAN
    assert place.out == "nothing would change\n"
    assert place.run("--undo", "--dry-run") == cli.DRIFT
    subprocess.run(["git", "apply"], cwd=place.tree, input=place.out.encode(), check=True)
    assert place.look() == place.pristine


def test_a_newer_generation_takes_the_place_of_the_older(place: Place) -> None:
    place.run()
    place.spec("default: 7", "default: 8")
    place.spec("MY_DEV, depends: [PCI]", "MY_DEV, depends: [PCI, LINUX]")
    (place.project / "qemu/hw/misc/my-dev-dma.c").write_text("/* More of it. */\n")
    assert place.run() == cli.CLEAN
    assert place.out == (
        "wrote TREE/hw/misc/Kconfig\nwrote TREE/hw/misc/meson.build\nwrote TREE/hw/misc/my-dev-dma.c\n"
        "wrote TREE/hw/misc/my-dev.c.inc\n4 written, 0 removed, 9 unchanged\n"
    )
    after = place.look()
    assert b"    depends on PCI && LINUX\n\nsource" in after["hw/misc/Kconfig"]
    assert (
        b"files(\n  'my-dev-dma.c',\n  'my-dev.c',\n))\n\n# Boards" in after["hw/misc/meson.build"]
    )
    (place.project / "device_specs/my-assign.yaml").unlink()
    for path in ("hw/vfio/my-assign.c", "tests/qtest/my-assign-test.c"):
        (place.project / "qemu" / path).unlink()
    assert place.run() == cli.CLEAN
    vfio = {path for path in place.look() if path.startswith("hw/vfio")}
    assert vfio == {path for path in TREE if path.startswith("hw/vfio")}
    assert b"my-assign" not in place.look()["tests/qtest/meson.build"]
    place.run("--undo")
    assert place.is_pristine()


def test_a_hand_edit_of_a_file_is_not_lost(place: Place) -> None:
    place.run()
    place.edit("hw/misc/my-dev.c", "osdep.h", "osdep.h~")
    place.edit("hw/misc/my-dev.c.inc", "my_dev_info", "my_device_info")
    edited = place.look()
    for words in ((), ("--undo",), ("--dry-run",)):
        assert place.run(*words) == cli.BAD_INPUT
        assert (
            "TREE/hw/misc/my-dev.c: error: this file was edited since qomgen put it here"
            in place.out
        )
        assert "bring the edit into qemu/hw/misc/my-dev.c; or give --force to lose it" in place.out
        assert place.out.endswith("2 errors; nothing was written\n")
        assert place.look() == edited
    assert place.run("--force") == cli.CLEAN
    assert place.out.endswith("2 written, 0 removed, 10 unchanged\n")
    assert place.run("--undo") == cli.CLEAN
    assert place.is_pristine()


def test_an_edit_that_the_project_has_too_is_none(place: Place) -> None:
    place.run()
    for path in ("hw/misc/my-dev.c", "qemu/hw/misc/my-dev.c"):
        place.edit(path, "osdep.h", "osdep.h~")
    assert place.run() == cli.CLEAN
    assert place.out == "0 written, 0 removed, 12 unchanged\n"
    place.edit("qemu/hw/misc/my-dev.c", "osdep.h~", "osdep.h")
    assert place.run() == cli.CLEAN
    assert place.out.startswith("wrote TREE/hw/misc/my-dev.c\n1 written")


@pytest.mark.parametrize(
    ("path", "old", "new", "line"),
    [
        (
            "hw/misc/Kconfig",
            "config MY_DEV\n    bool\n",
            "config MY_DEV\n    bool\n    select TIMER\n",
            9,
        ),
        (
            "hw/vfio/Kconfig",
            "    depends on VFIO_PCI\n",
            "    depends on VFIO_PCI\n    select EDID\n",
            6,
        ),
        ("hw/misc/meson.build", "files('my-dev.c')", "files('my-dev.c', 'more.c')", 6),
        ("tests/qtest/meson.build", "'CONFIG_MY_DEV'", "'CONFIG_MINE'", 9),
    ],
)
def test_a_hand_edit_of_an_entry_is_not_lost(
    place: Place, path: str, old: str, new: str, line: int
) -> None:
    place.run()
    place.edit(path, old, new)
    edited = place.look()
    for words in ((), ("--undo",)):
        assert place.run(*words) == cli.BAD_INPUT
        assert f"TREE/{path}:{line}: error: the entry of " in place.out
        assert "was edited since qomgen wrote it" in place.out
        assert place.look() == edited
    place.edit(path, new, old)
    assert place.run("--undo") == cli.CLEAN
    assert place.is_pristine()


def test_what_others_add_around_stays(place: Place) -> None:
    place.run()
    place.edit("hw/misc/Kconfig", "config TIMER", "config CLOCK\n    bool\n\nconfig TIMER")
    place.edit("hw/vfio/Kconfig", "on VFIO_PCI\n", "on VFIO_PCI\n\nconfig LAST\n    bool\n")
    place.edit(
        "hw/misc/meson.build", "('my-dev.c'))\n", "('my-dev.c'))\nsystem_ss.add(files('x.c'))\n"
    )
    edited = place.look()
    assert place.run() == cli.CLEAN
    assert place.out == "0 written, 0 removed, 12 unchanged\n"
    assert place.look() == edited
    assert place.run("--undo") == cli.CLEAN
    after = place.look()
    assert after["hw/misc/Kconfig"].startswith(b"config CLOCK\n    bool\n\nconfig TIMER\n")
    assert (
        after["hw/vfio/Kconfig"] == place.pristine["hw/vfio/Kconfig"] + b"\nconfig LAST\n    bool\n"
    )
    assert b"my-dev" not in after["hw/misc/meson.build"]


def test_what_was_taken_away_comes_back(place: Place) -> None:
    """As after `git checkout` of the build files and `git clean` of the rest."""
    place.run()
    whole = outputs(place.tree)
    (place.tree / "hw/misc/my-dev.c").unlink()
    (place.tree / "hw/misc/Kconfig").write_text(TREE["hw/misc/Kconfig"])
    assert place.run() == cli.CLEAN
    assert outputs(place.tree) == whole
    lay(place.tree, TREE)
    for path in NEW:
        (place.tree / path).unlink()
    assert place.run("--undo") == cli.CLEAN
    assert place.is_pristine()


def test_it_is_there_already_to_the_letter(place: Place) -> None:
    """As after `git am`: nothing to do, and nothing that would be ours to take back."""
    place.run()
    shutil.rmtree(place.tree / FOLDER)
    before = outputs(place.tree)
    assert place.run() == cli.CLEAN
    assert place.out == "0 written, 0 removed, 0 unchanged\n"
    assert outputs(place.tree) == before
    assert place.run("--undo") == cli.BAD_INPUT


def test_two_projects_in_one_tree(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.run()
    other = {path.replace("my-", "our-"): text for path, text in PROJECT.items()}
    for path, text in other.items():
        for old, new in (("my-", "our-"), ("MY_", "OUR_"), ("My", "Our"), ("my_", "our_")):
            text = text.replace(old, new)  # noqa: PLW2901 - four times the same text
        other[path] = text
    other["pyproject.toml"] = '[project]\nname = "ours"\n'
    monkeypatch.chdir(lay(tmp_path / "other", other))
    assert place.run() == cli.CLEAN
    both = outputs(place.tree)
    assert sorted(path.name for path in (place.tree / FOLDER).glob("*.json")) == [
        "ours.json",
        "project.json",
    ]
    monkeypatch.chdir(place.project)
    assert place.run() == cli.CLEAN
    assert place.out == "0 written, 0 removed, 12 unchanged\n"
    assert outputs(place.tree) == both
    assert place.run("--undo") == cli.CLEAN
    monkeypatch.chdir(tmp_path / "other")
    assert place.run() == cli.CLEAN
    assert place.out == "0 written, 0 removed, 12 unchanged\n"
    assert place.run("--undo") == cli.CLEAN
    assert place.is_pristine()


def test_a_project_by_another_name(place: Place) -> None:
    assert place.run("--project", "first/name") == cli.CLEAN
    assert (place.tree / FOLDER / "first-name.json").is_file()
    assert place.run("--undo") == cli.BAD_INPUT
    assert "there is something of first-name: --project names one" in place.out
    assert place.run("--undo", "--project", "first-name") == cli.CLEAN
    assert place.is_pristine()


def test_types_that_share_a_unit_and_units_that_share_a_symbol(place: Place) -> None:
    place.spec(MY_DEV[MY_DEV.index("source:") : MY_DEV.index("instance_struct")], "")
    lay(
        place.project,
        {
            "device_specs/my-dev-too.yaml": MY_DEV[: MY_DEV.index("source:")].replace(
                "my-dev", "my-dev-too"
            ),
            "device_specs/units/my-devs.yaml": "# SPDX-License-Identifier: GPL-2.0-or-later\n"
            "unit: my-devs\nsource: hw/misc/my-dev.c\ntypes: [my-dev, my-dev-too]\n"
            "build: {set: system, when: CONFIG_MY_DEV, kconfig: MY_DEV, depends: [PCI]}\n",
            "device_specs/mine.yaml": MY_DEV.replace("my-dev", "mine").replace("MyDev", "Mine"),
            "qemu/hw/misc/my-dev.c": '#include "my-devs.c.inc"\n',
            "qemu/hw/misc/mine.c": '#include "mine.c.inc"\n',
        },
    )
    assert place.run() == cli.CLEAN, place.out
    after = place.look()
    assert after["hw/misc/Kconfig"].decode() == AFTER["hw/misc/Kconfig"]
    assert after["hw/misc/meson.build"].count(b"when: 'CONFIG_MY_DEV'") == 2
    assert {"hw/misc/my-devs.c.inc", "hw/misc/mine.c.inc"} <= set(after)
    assert place.run() == cli.CLEAN
    assert place.out.startswith("0 written, 0 removed")
    assert place.run("--undo") == cli.CLEAN
    assert place.is_pristine()


def test_what_a_series_lacks_stays_out(place: Place) -> None:
    place.spec("type: my-dev\n", 'type: my-dev\nsince: "10.1"\n')
    assert place.run() == cli.CLEAN
    assert not [path for path in place.look() if "my-dev" in path]
    assert place.run("--qemu", "10.2") == cli.CLEAN
    assert "hw/misc/my-dev.c" in place.look()


def test_the_c_file_of_the_tree_may_include_what_is_generated(place: Place) -> None:
    (place.project / "qemu/hw/vfio/my-assign.c").unlink()
    place.edit("device_specs/my-assign.yaml", "hw/vfio/my-assign.c", "hw/vfio/pci.c")
    assert place.run() == cli.BAD_INPUT
    assert (
        "TREE/hw/vfio/pci.c: error: this file is QEMU 10.0's own and does not include" in place.out
    )
    assert "QEMU has unit 'my-assign' itself" in place.out
    lay(place.tree, {"hw/vfio/pci.c": '#include "my-assign.c.inc"\n'})
    assert place.run() == cli.CLEAN
    assert place.look()["hw/vfio/Kconfig"].decode() == TREE["hw/vfio/Kconfig"]


def test_a_folder_of_its_own(place: Place) -> None:
    place.spec("hw/misc/my-dev.c", "hw/mine/my-dev.c")
    lay(place.project, {"qemu/hw/mine/my-dev.c": PROJECT["qemu/hw/misc/my-dev.c"]})
    (place.project / "qemu/hw/misc/my-dev.c").unlink()
    assert place.run() == cli.CLEAN, place.out
    after = {path: data.decode() for path, data in place.look().items()}
    licence = "# SPDX-License-Identifier: GPL-2.0-or-later\n"
    assert after["hw/mine/Kconfig"] == (
        f"{licence}\nconfig MY_DEV\n    bool\n    default y if PCI_DEVICES\n    depends on PCI\n"
    )
    statement = "system_ss.add(when: 'CONFIG_MY_DEV', if_true: files('my-dev.c'))\n"
    assert after["hw/mine/meson.build"] == f"{licence}\n{statement}"
    assert after["hw/Kconfig"].startswith("source mine/Kconfig\nsource misc/Kconfig\n")
    assert after["hw/meson.build"] == "subdir('mine')\nsubdir('misc')\nsubdir('vfio')\n"
    assert "hw/mine/my-dev.c.inc" in after
    assert place.run() == cli.CLEAN
    assert place.out.startswith("0 written, 0 removed")
    other = (
        MY_DEV.replace("hw/misc/my-dev", "hw/mine/zz")
        .replace("my-dev", "zz")
        .replace("MyDev", "Zz")
    )
    lay(
        place.project,
        {
            "device_specs/zz.yaml": other.replace("MY_DEV", "ZZ"),
            "qemu/hw/mine/zz.c": '#include "zz.c.inc"\n',
        },
    )
    assert place.run() == cli.CLEAN, place.out
    assert (
        place.look()["hw/mine/meson.build"]
        .decode()
        .endswith(f"{statement}{statement.replace('MY_DEV', 'ZZ').replace('my-dev', 'zz')}")
    )
    assert place.look()["hw/meson.build"].decode() == after["hw/meson.build"]
    place.edit("hw/mine/Kconfig", "bool", "bool # edited")
    assert place.run("--undo") == cli.BAD_INPUT
    place.edit("hw/mine/Kconfig", "bool # edited", "bool")
    assert place.run("--undo") == cli.CLEAN
    assert place.is_pristine()


def test_build_files_of_a_folder_of_its_own_may_be_hand_written(place: Place) -> None:
    place.spec("hw/misc/my-dev.c", "hw/mine/my-dev.c")
    (place.project / "qemu/hw/misc/my-dev.c").unlink()
    by_hand = {
        "hw/mine/my-dev.c": PROJECT["qemu/hw/misc/my-dev.c"],
        "hw/mine/Kconfig": "# Mine\nconfig MY_DEV\n    bool\n    default y if PCI_DEVICES\n    depends on PCI\n",
        "hw/mine/meson.build": "# Mine\nsystem_ss.add(when: 'CONFIG_MY_DEV', if_true: files('my-dev.c'))\n",
    }
    lay(place.project / "qemu", by_hand)
    assert place.run() == cli.CLEAN, place.out
    after = place.look()
    assert {path: after[path].decode() for path in by_hand} == by_hand
    assert b"subdir('mine')" in after["hw/meson.build"]
    assert place.run() == cli.CLEAN
    assert place.out.startswith("0 written, 0 removed")
    place.run("--undo")
    assert place.is_pristine()
