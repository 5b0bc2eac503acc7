# SPDX-License-Identifier: GPL-2.0-or-later
"""What is opened has an end, and is better used with `with`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Closing(ABC):
    """A context manager that is closed at the end, whatever happened."""

    __slots__ = ()

    @abstractmethod
    def close(self) -> None:
        """Give it back; a second time is fine."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
