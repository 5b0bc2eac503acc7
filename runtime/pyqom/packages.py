# SPDX-License-Identifier: GPL-2.0-or-later
"""Packages that bring device types, found through entry points of the group "pyqom.types"."""

from __future__ import annotations

import importlib
import pkgutil
from importlib.metadata import entry_points
from types import ModuleType

GROUP = "pyqom.types"


def load_device_packages() -> list[str]:
    """Import every module of every device package; their type_inits register the types.

    An entry point names a package; all modules directly in it are imported, so that its author
    lists nothing. Returns the names of the packages.
    """
    names = []
    for entry in sorted(entry_points(group=GROUP), key=lambda each: each.name):
        package: ModuleType = entry.load()
        names.append(package.__name__)
        for module in pkgutil.iter_modules(package.__path__):
            if not module.name.startswith("_"):
                importlib.import_module(f"{package.__name__}.{module.name}")
    return names
