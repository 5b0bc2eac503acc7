# SPDX-License-Identifier: GPL-2.0-or-later
"""A device that `qomgen new` makes and `qomgen integrate` brings into QEMU, without a hand on it.

Oracles: QEMU's trees, with their configure, Ninja, compiler flags, checkpatch and
device-introspect-test; and the QEMU that comes of it.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.qemu import binary, projects
from tests.qemu.checkpatch import complaints
from tests.qemu.compiler import Overlay, compiled
from tests.qemu.corpus.debian import Program
from tests.qemu.integrated import Integrated, integrate, integrated, run_qtest
from tests.qemu.run import CommandError, run
from tests.qemu.test_introspection_pyqom import by_pyqom, by_qemu
from tests.qemu.tree import Tree, build
from tests.qemu.units import ALL

_PROJECT = Path(__file__).parents[2]


@functools.cache
def _tree(series: str) -> Integrated:
    return integrated(series, projects.folders(series))


@pytest.fixture
def with_devices(series_or_reason: Callable[[str], Tree]) -> Callable[[str], Integrated]:
    """A function that gets the tree of a series with all projects in it."""

    def get(series: str) -> Integrated:
        series_or_reason(series)
        return _tree(series)

    return get


@pytest.mark.objects
@pytest.mark.parametrize("series", ALL)
def test_all_of_it_compiles_without_a_warning(
    series: str, with_devices: Callable[[str], Integrated]
) -> None:
    made = with_devices(series)
    expected = {f"tests/qtest/{name}-test.c" for name in projects.names(series)}
    for name in projects.names(series):
        expected.add(f"hw/{'misc' if name in projects.EMULATED else 'vfio'}/{name}.c")
    for name in expected:
        assert "-Werror" in made.build.commands[name]
    assert made.objects().keys() == expected


@pytest.mark.objects
@pytest.mark.parametrize("name", projects.PROJECTS)
def test_its_pytest_passes(name: str) -> None:
    run([projects.PYTHON, "-m", "pytest", "-q"], cwd=projects.made()[name])


@pytest.mark.objects
@pytest.mark.parametrize(
    ("series", "name"), [(series, name) for series in ALL for name in projects.names(series)]
)
def test_it_has_the_style_of_qemu(
    name: str, series: str, series_or_reason: Callable[[str], Tree]
) -> None:
    tree = series_or_reason(series)
    project = projects.made()[name]
    hand = [path for path in (project / "qemu").rglob("*") if path.is_file()]
    assert len(hand) == 2
    for path in hand:
        inside = path.relative_to(project / "qemu").as_posix()
        assert complaints(tree, inside, path.read_text()) == []
    for path in (project / "generated" / "c" / f"qemu-{series}").iterdir():
        assert complaints(tree, path.name, path.read_text()) == []


@pytest.mark.objects
def test_the_longest_name_has_the_style_of_qemu(
    series_or_reason: Callable[[str], Tree], tmp_path: Path
) -> None:
    tree = series_or_reason("10.0")
    name = "a-name-of-forty-characters-which-is-long"
    for parent in ("vfio-pci", "pci-device"):
        options = ("--parent", parent, "--pci-id", "1234:11e8", "--yes", "--into", parent)
        queues = ("--property", f"{'long-' * 12}name:uint32=4294967295")
        run([projects.PYTHON, "-m", "qomgen", "new", name, *options, *queues], cwd=tmp_path)
        for path in (tmp_path / parent / "qemu").rglob("*.c"):
            inside = path.relative_to(tmp_path / parent / "qemu").as_posix()
            assert complaints(tree, inside, path.read_text()) == []


@pytest.mark.objects
@pytest.mark.parametrize("series", ALL)
def test_what_was_there_gives_the_untouched_trees_objects(
    series: str, with_devices: Callable[[str], Integrated]
) -> None:
    """Hence those are linked, and nothing but what is new is compiled a second time."""
    made = with_devices(series)
    ours, theirs = made.build.tree.path, made.untouched.tree.path
    for name in ("hw/vfio/pci.c", "hw/vfio/display.c", "hw/pci/pci.c", "qom/object.c"):
        # But for where the tree is, which __FILE__ says in headers.
        moved = compiled(made.build, name, None, f"-fmacro-prefix-map={ours}={theirs}")
        assert moved.read_bytes() == compiled(made.untouched, name).read_bytes()


@pytest.mark.binary
@pytest.mark.parametrize("series", ALL)
def test_it_shows_in_the_help(series: str, with_devices: Callable[[str], Integrated]) -> None:
    told = run([with_devices(series).program(), "-device", "help"])
    shown = {line.split('"')[1] for line in told.splitlines() if line.startswith("name ")}
    assert set(projects.names(series)) <= shown


@pytest.mark.binary
@pytest.mark.parametrize("series", ALL)
def test_pyqom_tells_the_same_of_it(
    series: str,
    with_devices: Callable[[str], Integrated],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = [_installed(tmp_path)]
    for folder in projects.made().values():
        path += [folder, folder / "generated" / "python"]
    path += [Path(each) for each in [os.environ.get("PYTHONPATH")] if each]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, path)))
    names = sorted(projects.names(series))
    # No other accelerator is in it; the first that works is taken.
    program = Program(series, (str(with_devices(series).program()), "-accel", "qtest"), "ours")
    theirs = by_qemu(program, names)
    assert by_pyqom(series, names) == theirs
    assert "lanes=<uint8>" in str(theirs["-device ten-kinds-passed,help"])


def _installed(folder: Path) -> Path:
    """A folder by which Python finds the projects' entry points, as if they were installed."""
    for name, project in projects.made().items():
        stem = name.replace("-", "_")
        info = folder / f"{stem}-0.1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1.0\n")
        entry = f'{name} = "{stem}_devices"'
        assert entry in (project / "pyproject.toml").read_text()
        (info / "entry_points.txt").write_text(f"[pyqom.types]\n{entry.replace(chr(34), '')}\n")
    return folder


@pytest.mark.binary
@pytest.mark.parametrize(
    ("series", "name"), [(series, name) for series in ALL for name in projects.names(series)]
)
def test_its_qtest_passes(
    name: str, series: str, with_devices: Callable[[str], Integrated]
) -> None:
    made = with_devices(series)
    passed = run_qtest(made.qtest(f"{name}-test"), made.program())
    properties = [each for each in passed if "/property/" in each]
    assert len(properties) == sum("--property=" in each for each in projects.PROJECTS[name])
    emulated = name in projects.EMULATED
    lives = {"plugging", "registers"} if emulated else {"no-host", "life"}
    assert {each.split(" ")[0].rpartition("/")[2] for each in passed} >= lives
    # What wants a device of the host is tried in the guest of tests/vm.
    skipped = [each for each in passed if "# SKIP" in each]
    assert len(skipped) == (not emulated)


@pytest.mark.binary
@pytest.mark.parametrize("series", ALL)
def test_qemus_own_test_passes(series: str, with_devices: Callable[[str], Integrated]) -> None:
    passed = binary.run_introspect_test(series, with_devices(series).program())
    assert len(passed) == 6, passed


@pytest.mark.objects
def test_integrate_leaves_no_trace_when_undone(
    series_or_reason: Callable[[str], Tree], tmp_path: Path
) -> None:
    pristine = series_or_reason("10.0")
    tree = tmp_path / "qemu"
    run(["cp", "-a", "-l", pristine.path, tree])
    made = projects.folders("10.0")
    for project in made:
        integrate(project, tree)
    for project in made:
        with pytest.raises(CommandError):
            # Only the exit code of --dry-run says that there is something to do.
            integrate(project, tree, "--undo", "--dry-run")
        assert "nothing would change" in integrate(project, tree, "--dry-run")
    for project in made:
        integrate(project, tree, "--undo")
    assert run(["diff", "-r", "-x", "__pycache__", pristine.path, tree]) == ""


# What is broken in a project, where, and who sees it.
_BROKEN = {
    "hook-forgotten": (
        "qemu/hw/misc/ten-kinds-emulated.c",
        ("static void ten_kinds_emulated_exit", "static void ten_kinds_emulated_leave"),
        "ten_kinds_emulated_exit.* undeclared",
    ),
    "unused": (
        "qemu/hw/misc/ten-kinds-emulated.c",
        ('#include "ten-kinds-emulated.c.inc"', ""),
        "defined but not used",
    ),
    "test": (
        "qemu/tests/qtest/ten-kinds-emulated-test.c",
        ("const PropertyCase *property = data;", "const PropertyCase *property = data; int left;"),
        "unused variable",
    ),
}


@pytest.mark.objects
@pytest.mark.parametrize("mistake", _BROKEN)
def test_a_mistake_is_seen(mistake: str, with_devices: Callable[[str], Integrated]) -> None:
    """The very commands of the tree, on a text with a mistake."""
    path, (old, new), said = _BROKEN[mistake]
    made = with_devices("10.0")
    made.objects()
    inside = path.removeprefix("qemu/")
    text = made.build.tree.read(inside)
    assert text.count(old) == 1
    with pytest.raises(CommandError, match=said):
        compiled(made.build, inside, Overlay({inside: text.replace(old, new)}))


@pytest.mark.binary
def test_a_wrong_register_fails_the_qtest(with_devices: Callable[[str], Integrated]) -> None:
    made = with_devices("10.0")
    inside = "hw/misc/ten-kinds-emulated.c"
    text = made.build.tree.read(inside)
    assert text.count("s->scratch = 0;") == 1
    made.objects()
    wrong = compiled(
        made.build, inside, Overlay({inside: text.replace("s->scratch = 0;", "(void)s;")})
    )
    with pytest.raises(CommandError, match="registers"):
        run_qtest(made.qtest("ten-kinds-emulated-test"), made.program({inside: wrong}))


# A device of one's own that was written by hand, spec and all, in the test data.


_MY_ACCEL = """\
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "hw/qdev-properties.h"
#include "qemu/module.h"
#include "pci.h"
#include "my-accel.h.inc"

static void my_accel_realize(PCIDevice *pdev, Error **errp)
{
    MyAccel *s = MY_ACCEL(pdev);

    if (s->max_queues < 1 || s->max_queues > 64) {
        error_setg(errp, "my-accel: max-queues %u is not 1 to 64",
                   s->max_queues);
        return;
    }
    my_accel_parent_realize(pdev, errp);
}

static void my_accel_reset(DeviceState *dev)
{
    my_accel_parent_reset(dev);
}

#include "my-accel.c.inc"
"""


@pytest.mark.objects
@pytest.mark.parametrize("series", ALL)
def test_the_example_compiles(
    series: str, series_or_reason: Callable[[str], Tree], tmp_path: Path
) -> None:
    """tests/data/specs/my-accel.yaml, by the command that compiles hw/vfio/pci.c."""
    series_or_reason(series)
    specs = tmp_path / "specs"
    specs.mkdir()
    shutil.copy(_PROJECT / "tests" / "data" / "specs" / "my-accel.yaml", specs)
    run(
        [
            *(projects.PYTHON, "-m", "qomgen", "generate", "--specs", specs, "--no-cache"),
            *("--output", tmp_path, "--target", "c", "--qemu", series),
        ],
        cwd=tmp_path,
    )
    where = tmp_path / "c" / f"qemu-{series}"
    parts = {f"hw/vfio/{path.name}": path.read_text() for path in where.iterdir()}
    assert len(parts) == 2
    made = compiled(
        build(series, binary.ARCH), "hw/vfio/pci.c", Overlay({"hw/vfio/pci.c": _MY_ACCEL, **parts})
    )
    symbols = subprocess.run(["nm", made], capture_output=True, text=True, check=True).stdout
    assert "my_accel_realize" in symbols
