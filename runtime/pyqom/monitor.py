# SPDX-License-Identifier: GPL-2.0-or-later
"""File descriptors that a monitor was given by name (monitor/fds.c)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .cutils import strtol
from .errors import Error
from .world import current

_INT_MAX = (1 << 31) - 1


@contextmanager
def monitor_command(active: bool = True) -> Iterator[None]:
    """While this lasts a monitor's command runs, so that names of descriptors count."""
    world = current()
    before, world.in_monitor = world.in_monitor, active
    try:
        yield
    finally:
        world.in_monitor = before


def monitor_add_fd(name: str, fd: int) -> None:
    """Keep a file descriptor under a name, as QMP's getfd does."""
    current().monitor_fds[name] = fd


def monitor_fd_param(text: str) -> int:
    """A file descriptor: a number, or in a monitor a name that getfd gave (monitor_fd_param).

    A named one belongs to the caller from then on.

    Raises:
        Error: no such name, or no number.
    """
    world = current()
    if world.in_monitor and not ("0" <= text[:1] <= "9"):
        if text not in world.monitor_fds:
            raise Error(f"File descriptor named '{text}' has not been found")
        return world.monitor_fds.pop(text)
    value, length = strtol(text, 10)
    if length == 0 or length != len(text) or not 0 <= value <= _INT_MAX:
        raise Error(f"Invalid file descriptor number '{text}'")
    return value
