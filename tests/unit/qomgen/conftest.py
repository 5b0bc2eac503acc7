# SPDX-License-Identifier: GPL-2.0-or-later
"""Small specs beside the real ones, generated in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

from qomgen import pipeline

CHECKOUT = Path(__file__).resolve().parents[3]

Generate = Callable[..., dict[str, str]]


@pytest.fixture
def generate(tmp_path: Path) -> Generate:
    """Generate from a spec given as text, beside those of QEMU; the result is text by path."""

    def run(spec: str, *, hooks: str = "", versions: list[str] | None = None) -> dict[str, str]:
        folder = tmp_path / "specs"
        folder.mkdir(exist_ok=True)
        (folder / "device.yaml").write_text(spec, encoding="utf-8")
        modules = tmp_path / "modules"
        modules.mkdir(exist_ok=True)
        (modules / "my_hooks.py").write_text(hooks, encoding="utf-8")
        plan = pipeline.build(
            [CHECKOUT / "device_specs", folder],
            versions=versions,
            python_path=[modules, CHECKOUT / "runtime"],
        )
        return {str(path): data.decode() for path, data in plan.files.items()}

    return run


def generated(path: str) -> str:
    """A committed output."""
    return (CHECKOUT / "generated" / PurePosixPath(path)).read_text(encoding="utf-8")
