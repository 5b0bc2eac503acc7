# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the source of a Python module lies, without importing it."""

from __future__ import annotations

import os
from importlib.machinery import PathFinder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def find_module(name: str, path: Sequence[str]) -> str | None:
    """
    The source file of the module `name`: below the folders of `path`, else on Python's own path; None if there is none.

    An editable checkout is on Python's own path too.
    """
    # Python remembers what it found in a folder by the folder's name: a relative one may be another by now.
    for search in ([os.path.abspath(each) for each in path], None):
        where: Sequence[str] | None = search
        spec = None
        for depth in range(1, name.count(".") + 2):
            spec = PathFinder.find_spec(".".join(name.split(".")[:depth]), where)
            if spec is None:
                break
            where = spec.submodule_search_locations
        if spec is not None and spec.origin is not None and spec.origin.endswith(".py"):
            return spec.origin
    return None
