# SPDX-License-Identifier: GPL-2.0-or-later

"""Device packages: found through entry points, never imported by pyqom itself."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import pyqom
from pyqom import World, object_class_by_name
from pyqom.packages import GROUP, load_device_packages
from pyqom.typetable import _type_inits

MODULE = """
from pyqom import TypeInfo, type_init, type_register_static


def _register() -> None:
    type_register_static(TypeInfo(name="of-a-package", parent="object"))


type_init(_register)
"""


def test_a_package_brings_its_types(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "my_devices"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "thing.py").write_text(MODULE)
    (package / "_private.py").write_text("raise RuntimeError('nobody imports this')")
    info = tmp_path / "my_devices-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-devices\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\nmine = my_devices\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        assert "my_devices" in load_device_packages()
        with World("10.0"):
            assert object_class_by_name("of-a-package") is not None
    finally:
        for name in [name for name in sys.modules if name.startswith("my_devices")]:
            module = sys.modules.pop(name)
            register = getattr(module, "_register", None)
            if register in _type_inits:
                _type_inits.remove(register)


def test_pyqom_imports_no_device_package() -> None:
    """Only the standard library and itself."""
    root = Path(pyqom.__file__).parent
    for path in root.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            else:
                continue
            for name in names:
                assert name.partition(".")[0] in sys.stdlib_module_names, (path, name)
