# SPDX-License-Identifier: GPL-2.0-or-later
"""The same specs give the same bytes: whoever runs qomgen, wherever, and in whatever order Python has its sets."""

from __future__ import annotations

import getpass
import os
import platform
import shutil
import socket
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from .conftest import CHECKOUT
from .running import outputs

GENERATOR = CHECKOUT / "generator"
RUNTIME = CHECKOUT / "runtime"
QOMGEN = (sys.executable, "-m", "qomgen", "generate", "--no-cache")


def generate(
    cwd: Path, output: Path, *words: str, umask: int = 0o022, **environment: str
) -> dict[str, bytes]:
    """What a process generates for itself."""
    subprocess.run(
        [*QOMGEN, "--output", str(output), *words],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": f"{GENERATOR}:{RUNTIME}"} | environment,
        umask=umask,
        check=True,
        capture_output=True,
    )
    return outputs(output)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What is generated from device_specs/ of the checkout, as most people would."""
    output = tmp_path_factory.mktemp("reference") / "out"
    return generate(CHECKOUT, output, PYTHONHASHSEED="0", LC_ALL="C.UTF-8", TZ="UTC")


def test_committed_files_are_the_same(reference: dict[str, bytes]) -> None:
    committed = outputs(CHECKOUT / "generated")
    assert reference == {
        path: data for path, data in committed.items() if "__pycache__" not in path
    }


@pytest.mark.parametrize("seed", ["1", "4294967295"])
def test_order_of_sets(tmp_path: Path, reference: dict[str, bytes], seed: str) -> None:
    assert generate(CHECKOUT, tmp_path / "out", PYTHONHASHSEED=seed) == reference


def test_locale(tmp_path: Path, reference: dict[str, bytes]) -> None:
    """Python's encoding of files is ASCII here."""
    ascii_only = {
        "LC_ALL": "C",
        "LANG": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "TZ": "Asia/Kathmandu",
    }
    assert generate(CHECKOUT, tmp_path / "out", umask=0o022, **ascii_only) == reference


def test_place_of_the_specs(tmp_path: Path, reference: dict[str, bytes]) -> None:
    """Elsewhere, named from the root, from here and from below, and through a link."""
    copy = tmp_path / "a" / "device_specs"
    shutil.copytree(CHECKOUT / "device_specs", copy)
    (tmp_path / "link").symlink_to(copy)
    below = tmp_path / "below"
    below.mkdir()
    assert generate(tmp_path, tmp_path / "1", "--specs", str(copy)) == reference
    assert generate(tmp_path, tmp_path / "2", "--specs", "./a//device_specs/") == reference
    assert generate(below, tmp_path / "3", "--specs", "../link", umask=0o077) == reference


def test_order_of_folders_and_files(tmp_path: Path, reference: dict[str, bytes]) -> None:
    """Two folders in either order; the files of one were made in reverse."""
    for name in ("qemu", "mine"):
        (tmp_path / name / "device_specs").mkdir(parents=True)
    files = [path for path in (CHECKOUT / "device_specs").rglob("*") if path.is_file()]
    for path in sorted(files, reverse=True):
        below = path.relative_to(CHECKOUT / "device_specs")
        home = tmp_path / ("qemu" if below.parts[0] == "qemu" else "mine") / "device_specs" / below
        home.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, home)
    ways = [["--specs", "qemu/device_specs"], ["--specs", "mine/device_specs"]]
    for number, order in enumerate((ways, ways[::-1])):
        words = [word for way in order for word in way]
        assert generate(tmp_path, tmp_path / f"out{number}", *words) == reference


def test_optimised_python(tmp_path: Path, reference: dict[str, bytes]) -> None:
    assert generate(CHECKOUT, tmp_path / "out", PYTHONOPTIMIZE="2") == reference


def test_text_is_ascii_in_lines_that_end_in_lf(reference: dict[str, bytes]) -> None:
    for path, data in reference.items():
        assert data.isascii(), path
        assert b"\r" not in data, path
        assert b"\t" not in data, path
        assert not data or data.endswith(b"\n"), path
        assert b" \n" not in data, path


def test_nothing_tells_who_made_it(reference: dict[str, bytes]) -> None:
    told = {
        str(CHECKOUT),
        str(Path.home()),
        sys.executable,
        socket.gethostname(),
        platform.release(),
    }
    told |= {f"{name} {version(name)}" for name in ("qomgen", "black", "jinja2")}
    told |= {f"{name}-{version(name)}" for name in ("qomgen", "black", "jinja2")}
    told.add(platform.python_version())
    if getpass.getuser() != "root":
        # QEMU has root ports, whoever runs this.
        told.add(getpass.getuser())
    for path, data in reference.items():
        found = [text for text in told if len(text) > 3 and text.encode() in data]
        assert found == [], path
