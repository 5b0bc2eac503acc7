# SPDX-License-Identifier: GPL-2.0-or-later
"""Fields of instance structs by path: what an offset into a struct is in C."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from .errors import Abort

_STEP = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)|\[([0-9]+)\]")


class Field:
    """A path such as "vbasedev.iommufd" or "bars[0].size" below a struct."""

    __slots__ = ("_steps", "path")

    def __init__(self, path: str) -> None:
        self.path = path
        self._steps: list[str | int] = []
        at = 0
        while at < len(path):
            match = _STEP.match(path, at)
            if match is None:
                raise Abort(f"'{path}' is not the path of a field")
            self._steps.append(match[1] or int(match[2]))
            at = match.end()
            if path[at : at + 1] == ".":
                at += 1
        if not self._steps:
            raise Abort("the path of a field is empty")

    def _holder(self, struct: Any) -> Any:
        for step in self._steps[:-1]:
            struct = struct[step] if isinstance(step, int) else getattr(struct, step)
        return struct

    def get(self, struct: Any) -> Any:
        """The field's value in `struct`."""
        holder, last = self._holder(struct), self._steps[-1]
        return holder[last] if isinstance(last, int) else getattr(holder, last)

    def set(self, struct: Any, value: Any) -> None:
        """Store `value` in the field."""
        holder, last = self._holder(struct), self._steps[-1]
        if isinstance(last, int):
            holder[last] = value
        else:
            setattr(holder, last, value)


@cache
def field_at(path: str) -> Field:
    """The `Field` of a path, parsed once."""
    return Field(path)
