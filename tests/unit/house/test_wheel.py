# SPDX-License-Identifier: GPL-2.0-or-later
"""What a user installs: a wheel, made from a source archive, in a place that has no checkout."""

from __future__ import annotations

import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from tests.unit.house import checkout

PACKAGES = {"qomgen", "pyqom", "pyvfio", "hw_vfio", "qomgen_devices"}


def run(*argv: str | Path, cwd: Path) -> str:
    """Run a program and return its standard output; its errors go to pytest's."""
    return subprocess.run(
        argv, cwd=cwd, env=checkout.environment(), check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def make_venv(folder: Path, *install: str | Path) -> Path:
    """Make a venv with `install` in it and return its folder of programs."""
    run(sys.executable, "-m", "venv", folder, cwd=folder.parent)
    run(folder / "bin/pip", "install", "--quiet", *install, cwd=folder.parent)
    return folder / "bin"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from an sdist that was built from this checkout."""
    folder = tmp_path_factory.mktemp("build")
    source = checkout.copy(folder / "checkout")
    programs = make_venv(folder / "venv", "hatchling")
    run(programs / "hatchling", "build", "--target", "sdist", "--directory", folder, cwd=source)
    (sdist,) = folder.glob("qomgen-*.tar.gz")
    run(
        *(programs / "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"),
        *("--wheel-dir", folder, sdist),
        cwd=folder,
    )
    (built,) = folder.glob("qomgen-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of a venv in which the wheel and its dependencies are."""
    return make_venv(tmp_path_factory.mktemp("user") / "venv", wheel)


def contents(folder: Path) -> dict[str, bytes]:
    """What is generated below `folder`."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts and path.name != "py.typed"
    }


def test_the_wheel_holds_our_packages_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    top = {name.partition("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == PACKAGES
    assert {f"{package}/py.typed" for package in PACKAGES} <= set(names)
    assert not [name for name in names if "__pycache__" in name]


def test_the_wheel_holds_each_spec_and_template(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    data = [p for p in checkout.files() if p.parts[0] in ("device_specs", "templates")]
    assert data
    assert {f"qomgen/{path}" for path in data} <= names


def test_an_installed_qomgen_generates_what_this_checkout_holds(
    installed: Path, tmp_path: Path
) -> None:
    run(installed / "qomgen", "generate", "--output", "out", cwd=tmp_path)
    assert contents(tmp_path / "out") == contents(checkout.ROOT / "generated")


def test_an_installed_qomgen_says_that_its_outputs_are_current(
    installed: Path, tmp_path: Path
) -> None:
    run(installed / "qomgen", "generate", "--output", "out", cwd=tmp_path)
    run(installed / "qomgen", "check", "--output", "out", cwd=tmp_path)
    assert "vfio-pci" in run(installed / "qomgen", "list", cwd=tmp_path).split()


def test_an_installed_runtime_finds_its_devices(installed: Path, tmp_path: Path) -> None:
    script = (
        "from importlib.metadata import entry_points\n"
        "for each in entry_points(group='pyqom.types'):\n"
        "    print(each.name, each.load().__name__)\n"
    )
    assert run(installed / "python", "-c", script, cwd=tmp_path) == "qomgen qomgen_devices\n"


# A project of one's own


NEW = (
    *("new", "edu-passthru", "--parent", "vfio-pci", "--pci-id", "1234:11e8", "--yes"),
    *("--property", "max-queues:uint32=8", "--property", "x-trace:bool"),
    *("--property", "mode:on-off-auto", "--property", "vram:size=16M"),
)


@pytest.fixture(scope="module")
def programs(installed: Path) -> Path:
    """The same, with pytest, which a project asks for when it is worked on."""
    run(installed / "pip", "install", "--quiet", "pytest", cwd=installed)
    return installed


def test_from_an_empty_folder_to_a_passing_pytest(
    programs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start = time.monotonic()
    run(programs / "qomgen", *NEW, cwd=tmp_path)
    made = time.monotonic()
    said = run(programs / "python", "-m", "pytest", "-q", cwd=tmp_path / "edu-passthru")
    end = time.monotonic()
    with capsys.disabled():
        took = f"{end - start:.1f} s, {made - start:.1f} s of it to make it"
        sys.stdout.write(f"\nfrom qomgen new to a passing pytest: {took}\n")
    assert " passed in " in said
    assert "skipped" not in said
    assert run(programs / "qomgen", "check", cwd=tmp_path / "edu-passthru").endswith(
        " are current\n"
    )


def test_an_installed_project_is_found_by_pyqom(programs: Path, tmp_path: Path) -> None:
    run(programs / "qomgen", *NEW, cwd=tmp_path)
    run(programs / "pip", "install", "--quiet", "./edu-passthru", cwd=tmp_path)
    said = run(programs / "python", "-m", "pyqom", "-device", "edu-passthru,help", cwd=tmp_path)
    assert "  max-queues=<uint32>" in said
    assert "  x-no-mmap=<bool>" in said
    run(programs / "pip", "uninstall", "--quiet", "--yes", "edu-passthru", cwd=tmp_path)
