# SPDX-License-Identifier: GPL-2.0-or-later
"""Where qomgen's own data lies: in the package when installed, in the checkout when worked on."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parent
"""The folder of the package qomgen itself."""


def data_folder(name: str) -> Path:
    """
    The folder `templates` or `device_specs` that belongs to this qomgen.

    Raises:
        FileNotFoundError: if the installation lacks it.
    """
    for folder in (PACKAGE / name, PACKAGE.parents[1] / name):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"this installation of qomgen lacks its folder '{name}'")


def own_files() -> list[Path]:
    """Code and data of the package: what an output depends on besides specs, templates and hooks."""
    # A linter's cache in a checkout is none of it, nor are the folders above where they lie in the package.
    others = {".mypy_cache", "templates", "device_specs"}
    found = (path for path in PACKAGE.rglob("*") if path.suffix in (".py", ".yaml", ".json"))
    return sorted(path for path in found if not others & set(path.relative_to(PACKAGE).parts))
