# SPDX-License-Identifier: GPL-2.0-or-later
"""Who imports whom: the contracts of pyproject.toml, and the packages that need Python alone.

Both checks are shown to bite: each runs on packages of the same names with one wrong import.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.house.imports import RULES, Rule, violations

ROOT = Path(__file__).parents[3]
PACKAGES = ("qomgen", "pyqom", "pyvfio", "hw_vfio", "qomgen_devices")
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")


def run(folder: Path, *argv: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a program that finds packages in `folder` first."""
    return subprocess.run(
        argv,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": f"{folder}:{ROOT}", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def make_packages(folder: Path, module: str, source: str) -> None:
    """Make packages with our names in `folder`, empty but for one module."""
    for package in PACKAGES:
        (folder / package).mkdir()
        (folder / package / "__init__.py").touch()
    (folder / f"{module.replace('.', '/')}.py").write_text(source)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.package)
def test_the_runtime_needs_python_alone(rule: Rule) -> None:
    assert violations(rule) == []


@pytest.mark.parametrize(
    ("module", "source", "expected"),
    [
        ("pyqom.x", "import jinja2\n", "pyqom.x:1 imports jinja2"),
        ("pyqom.x", "import pyvfio\n", "pyqom.x:1 imports pyvfio"),
        ("pyqom.x", "def f():\n    import attrs\n", "pyqom.x:2 imports attrs"),
        (
            "pyqom.x",
            "import typing\nif typing.TYPE_CHECKING:\n    import attrs\n",
            "pyqom.x:3 imports attrs",
        ),
        ("pyvfio.x", "from ruamel.yaml import YAML\n", "pyvfio.x:1 imports ruamel"),
        ("pyvfio.x", "from pyqom import Error\n", "pyvfio.x:1 imports pyqom"),
        (
            "hw_vfio.x",
            "try:\n    import numpy\nexcept ImportError: ...\n",
            "hw_vfio.x:2 imports numpy",
        ),
        ("hw_vfio.x", "import qomgen_devices\n", "hw_vfio.x:1 imports qomgen_devices"),
        ("qomgen_devices.x", "import pyvfio\n", "qomgen_devices.x:1 imports pyvfio"),
    ],
)
def test_a_foreign_import_is_found(module: str, source: str, expected: str, tmp_path: Path) -> None:
    make_packages(tmp_path, module, source)
    done = run(tmp_path, sys.executable, "-m", "tests.unit.house.imports")
    assert done.stdout == f"{expected}\n", done.stderr


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("pyqom.x", "import pyvfio\n"),
        ("pyqom.x", "import hw_vfio\n"),
        ("pyvfio.x", "import pyqom\n"),
        ("pyvfio.x", "import qomgen_devices\n"),
        ("hw_vfio.x", "import qomgen_devices\n"),
        ("hw_vfio.x", "import qomgen\n"),
        ("hw_vfio.x", "import ruamel.yaml\n"),
        ("qomgen_devices.x", "import pyvfio\n"),
        ("qomgen_devices.x", "import jinja2\n"),
        ("qomgen.x", "import pyqom\n"),
        ("qomgen.x", "def f():\n    from pyvfio import x\n"),
    ],
)
def test_a_broken_contract_is_found(module: str, source: str, tmp_path: Path) -> None:
    make_packages(tmp_path, module, source)
    done = run(tmp_path, LINT_IMPORTS, "--no-cache", "--config", ROOT / "pyproject.toml")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "BROKEN" in done.stdout


def test_a_hook_may_name_a_generated_type(tmp_path: Path) -> None:
    source = "import typing\nif typing.TYPE_CHECKING:\n    import qomgen_devices\n"
    make_packages(tmp_path, "hw_vfio.x", source)
    linted = run(tmp_path, LINT_IMPORTS, "--no-cache", "--config", ROOT / "pyproject.toml")
    listed = run(tmp_path, sys.executable, "-m", "tests.unit.house.imports")
    assert (linted.returncode, listed.returncode, listed.stdout) == (0, 0, "")
