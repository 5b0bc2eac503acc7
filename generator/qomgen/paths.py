# SPDX-License-Identifier: GPL-2.0-or-later
"""Where qomgen's own data lies: in the package when installed, in the checkout when worked on."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def data_folder(name: str) -> Path:
    """
    The folder `templates` or `device_specs` that belongs to this qomgen.

    Raises:
        FileNotFoundError: if the installation lacks it.
    """
    package = Path(str(files("qomgen")))
    for folder in (package / name, package.parents[1] / name):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"this installation of qomgen lacks its folder '{name}'")
