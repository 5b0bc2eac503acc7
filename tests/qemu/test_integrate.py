# SPDX-License-Identifier: GPL-2.0-or-later
"""
`qomgen integrate` in the source of real QEMUs: what it adds to their build files, and what they make of it.

The oracles are QEMU's own: scripts/minikconf.py reads the Kconfig files, Meson's parser the meson.build files,
scripts/checkpatch.pl and `git am` the patches. Whether QEMU builds with it is asked elsewhere.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from qomgen import cli
from tests.qemu import projects
from tests.qemu import tree as qemu
from tests.qemu.run import CommandError, run
from tests.smalltree import PROJECT, lay

SERIES = ("7.2", "10.0", "10.2")

_FOLDERS = ("backends", "hw/misc", "hw/vfio", "hw/vfio-user")
_BUILD = re.compile(r"(Kconfig.*|meson\.build|VERSION)")

# What a project that is to pass checkpatch has in its qtests.
_QTEST = """\
/*
 * A test of NAME
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "libqtest.h"

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    return g_test_run();
}
"""


class Place:
    """A project, and the part of a QEMU tree that is concerned."""

    def __init__(self, folder: Path, source: qemu.Tree, capsys: pytest.CaptureFixture[str]) -> None:
        self.source = source
        self.tree = folder / "qemu"
        for path in sorted(source.path.rglob("*")):
            below = path.relative_to(source.path)
            wanted = str(below.parent) in _FOLDERS or _BUILD.fullmatch(path.name)
            if wanted and path.is_file():
                (self.tree / below).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, self.tree / below)
        tests = {
            path: _QTEST.replace("NAME", Path(path).stem) for path in PROJECT if "qtest" in path
        }
        self.project = lay(folder / "project", {**PROJECT, **tests})
        self.patches = folder / "patches"
        self.out = ""
        self._capsys = capsys

    def integrate(self, *words: str) -> int:
        """Run `qomgen integrate`; what it says is kept."""
        code = cli.main(["integrate", str(self.tree), *words])
        said = self._capsys.readouterr()
        self.out = said.out + said.err
        return code

    def look(self) -> dict[str, bytes]:
        """All files of the tree, without git's and qomgen's own."""
        return {
            path.relative_to(self.tree).as_posix(): path.read_bytes()
            for path in sorted(self.tree.rglob("*"))
            if path.is_file() and not {".git", ".qomgen"} & set(path.relative_to(self.tree).parts)
        }

    def text(self, path: str) -> str:
        """The text of a file of the tree."""
        return (self.tree / path).read_text()


@pytest.fixture(params=SERIES)
def place(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    series_or_reason: Callable[[str], qemu.Tree],
) -> Place:
    """A tree of each series."""
    made = Place(tmp_path, series_or_reason(request.param), capsys)
    monkeypatch.chdir(made.project)
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Ana Author")
    monkeypatch.setenv("GIT_AUTHOR_EMAIL", "ana@example.org")
    return made


def _git(folder: Path, *words: str) -> str:
    who = {
        f"GIT_{role}_{what}": said
        for role in ("AUTHOR", "COMMITTER")
        for what, said in (("NAME", "B"), ("EMAIL", "b@example.org"))
    }
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    return run(["git", *words], cwd=folder, env={**who, **alone})


def _added(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> dict[str, list[str]]:
    """The lines that files have more, without blank ones; every line of before must still be there, in order."""
    added = {}
    for path, data in after.items():
        if path in before and before[path] != data:
            old, new = before[path].decode().split("\n"), data.decode().split("\n")
            rest = iter(old)
            expected = next(rest)
            more = []
            for line in new:
                if line == expected:
                    expected = next(rest, "\0")
                else:
                    more.append(line)
            assert expected == "\0", f"{path} lost '{expected}'"
            added[path] = [line for line in more if line]
    return added


def test_it_adds_and_takes_back(place: Place) -> None:
    before = place.look()
    assert place.integrate() == cli.CLEAN, place.out
    after = place.look()
    system = "softmmu" if place.source.series == "7.2" else "system"
    added = _added(before, after)
    rows = added.pop("tests/qtest/meson.build")
    assert added == {
        "hw/misc/Kconfig": ["config MY_DEV", "    bool", "    default y if PCI_DEVICES", "    depends on PCI"],
        "hw/misc/meson.build": [f"{system}_ss.add(when: 'CONFIG_MY_DEV', if_true: files('my-dev.c'))"],
        "hw/vfio/Kconfig": ["config VFIO_MY_ASSIGN", "    bool", "    default y", "    depends on VFIO_PCI"],
        "hw/vfio/meson.build": ["vfio_ss.add(when: 'CONFIG_VFIO_MY_ASSIGN', if_true: files('my-assign.c'))"],
    }  # fmt: skip
    assert rows == [
        "  (config_all_devices.has_key('CONFIG_VFIO_MY_ASSIGN') ? ['my-assign-test'] : []) +         \\",
        "  (config_all_devices.has_key('CONFIG_MY_DEV') ? ['my-dev-test'] : []) +                    \\",
    ]
    assert place.integrate() == cli.CLEAN
    assert place.out == "0 written, 0 removed, 12 unchanged\n"
    assert place.look() == after
    assert place.integrate("--undo") == cli.CLEAN
    assert place.look() == before
    assert not (place.tree / ".qomgen").exists()


def switched_on(place: Place, mode: str, *given: str) -> set[str]:
    """The symbols that scripts/minikconf.py switches on, in a `mode` of its, where `given` are on from outside."""
    settings = [f"CONFIG_{name}=y" for name in ("LINUX", "X86_64", "I386", *given)]
    devices = place.tree / "devices.mak"
    devices.write_text("CONFIG_Q35=y\n")
    script = place.source.path / "scripts" / "minikconf.py"
    words: list[str | Path] = [sys.executable, script, mode, "out.mak", "out.d", devices.name]
    told = run([*words, "Kconfig", *settings], cwd=place.tree)
    for made in ("devices.mak", "out.d"):
        (place.tree / made).unlink()
    return set(re.findall(r"^CONFIG_(\w+)=y$", told, re.MULTILINE))


def test_qemus_own_reader_of_kconfig_switches_the_symbols(place: Place) -> None:
    """scripts/minikconf.py, which configure runs for each target."""
    place.integrate()
    usual = switched_on(place, "--defconfig", "KVM")
    assert {"PCI", "PCI_DEVICES", "VFIO_PCI", "MY_DEV", "VFIO_MY_ASSIGN"} <= usual
    assert not {"MY_DEV", "VFIO_MY_ASSIGN"} & switched_on(place, "--allnoconfig", "KVM")


def test_a_folder_of_its_own_is_entered(place: Place) -> None:
    spec = place.project / "device_specs/my-dev.yaml"
    spec.write_text(spec.read_text().replace("hw/misc/", "hw/mine/"))
    source = place.project / "qemu/hw/misc/my-dev.c"
    lay(place.project, {"qemu/hw/mine/my-dev.c": source.read_text()})
    source.unlink()
    before = place.look()
    assert place.integrate() == cli.CLEAN, place.out
    lines = {}
    for name, above in (("Kconfig", "source mem/Kconfig"), ("meson.build", "subdir('mem')")):
        text = place.text(f"hw/{name}").split("\n")
        line = above.replace("mem", "mine")
        assert text[text.index(above) + 1] == line
        lines[f"hw/{name}"] = [line]
    added = _added(before, place.look())
    assert {path: added[path] for path in lines} == lines
    assert "MY_DEV" in switched_on(place, "--defconfig", "KVM")
    place.integrate("--undo")
    assert place.look() == before


def test_meson_reads_what_it_wrote(place: Place) -> None:
    """Meson's own parser; the statement holds what it is to hold."""
    place.integrate()
    python = qemu._meson() / "bin/python"
    program = (
        "import sys; from mesonbuild.mparser import Parser\n"
        "for path in sys.argv[1:]:\n"
        "    block = Parser(open(path).read(), path).parse()\n"
        "    print(path, len(block.lines))\n"
    )
    for path in ("hw/misc/meson.build", "hw/vfio/meson.build", "tests/qtest/meson.build"):
        before = run([python, "-c", program, place.source.path / path]).split()[-1]
        after = run([python, "-c", program, place.tree / path]).split()[-1]
        # A qtest is a row of a statement that was there.
        assert int(after) - int(before) == ("qtest" not in path)


def test_git_am_takes_the_patches(place: Place) -> None:
    _git(place.tree, "init", "--quiet")
    _git(place.tree, "add", "--all", "--force")
    _git(place.tree, "commit", "--quiet", "--message", "QEMU")
    assert place.integrate("--patch", str(place.patches)) == cli.CLEAN, place.out
    patches = sorted(place.patches.iterdir())
    assert len(patches) == 4
    place.integrate()
    integrated = place.look()
    place.integrate("--undo")
    _git(place.tree, "am", *(str(path) for path in patches))
    assert place.look() == integrated


def test_checkpatch_finds_no_error_in_the_patches(place: Place) -> None:
    assert place.integrate("--patch", str(place.patches)) == cli.CLEAN, place.out
    for path in sorted(place.patches.iterdir()):
        said = _checkpatch(place.source, path)
        errors = [line for line in said.splitlines() if "ERROR" in line]
        assert errors == [], path.name
        assert "total: 0 errors" in said


@pytest.mark.parametrize("name", ["edu-passthru", "ten-kinds-emulated"])
def test_what_new_writes_goes_as_patches(
    place: Place, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A project as `qomgen new` makes it, without a hand on it."""
    monkeypatch.chdir(projects.made()[name])
    assert place.integrate("--patch", str(place.patches)) == cli.CLEAN, place.out
    patches = sorted(place.patches.iterdir())
    assert len(patches) == 2
    for path in patches:
        assert "total: 0 errors" in _checkpatch(place.source, path)
    _git(place.tree, "init", "--quiet")
    _git(place.tree, "add", "--all", "--force")
    _git(place.tree, "commit", "--quiet", "--message", "QEMU")
    _git(place.tree, "am", *(str(path) for path in patches))
    by_am = place.look()
    _git(place.tree, "reset", "--quiet", "--hard", "HEAD~2")
    place.integrate()
    assert place.look() == by_am


def test_checkpatch_is_asked(place: Place) -> None:
    """A check of the check: a patch that nobody signed is refused."""
    place.integrate("--patch", str(place.patches))
    first, *_ = sorted(place.patches.iterdir())
    text = re.sub(r"^Signed-off-by: .*\n", "", first.read_text(), flags=re.MULTILINE)
    first.write_text(text)
    assert "ERROR: Missing Signed-off-by" in _checkpatch(place.source, first)


def _checkpatch(source: qemu.Tree, patch: Path) -> str:
    words: list[str | Path] = ["perl", source.path / "scripts" / "checkpatch.pl", "--terse", patch]
    try:
        return run(words, cwd=source.path)
    except CommandError as error:
        return error.output


def test_qomgens_own_types_are_there_already(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).resolve().parents[2])
    before = place.look()
    assert place.integrate() == cli.BAD_INPUT
    told = (
        f"hw/vfio/pci.c: error: this file is QEMU {place.source.series}'s own and does not include"
    )
    assert told in place.out
    assert "QEMU has unit 'vfio-pci' itself" in place.out
    assert place.look() == before
