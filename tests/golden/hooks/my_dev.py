# SPDX-License-Identifier: GPL-2.0-or-later
"""The hooks of `my-dev`, which is no device: qomgen reads this file and never runs it."""

from __future__ import annotations


class MyOther:
    """The twin of a struct."""

    size: int


def realize(dev: object) -> None:
    """Takes what it should."""


def exits(dev: object) -> None:
    """Has a name beside the right one."""


def config_read(dev: object, address: int) -> int:
    """Takes one argument too few."""
    raise NotImplementedError(dev, address)


def config_write(dev: object, address: int, value: int, *, length: int) -> None:
    """Takes one argument by name alone."""


def my_setup(first: object, second: object = None) -> None:
    """Takes one or two."""
