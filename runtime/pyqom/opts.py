# SPDX-License-Identifier: GPL-2.0-or-later
"""The syntax of `-device T,key=value,...`: QemuOpts (util/qemu-option.c)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from .errors import Error
from .ids import check_id

HELP_OPTIONS = ("help", "?")


@dataclass(eq=False, slots=True)
class QemuOpts:
    """One parsed option: its id and its settings in the order given; a later one counts.

    `id` stands in `settings` too where it was given.
    """

    id: str | None = None
    settings: list[tuple[str, str]] = field(default_factory=list)

    def get(self, name: str) -> str | None:
        """The last value of a setting (qemu_opt_get)."""
        found = None
        for key, value in self.settings:
            if key == name:
                found = value
        return found

    def has_help(self) -> bool:
        """Whether help was asked for (qemu_opt_has_help_opt)."""
        return any(key in HELP_OPTIONS for key, _ in reversed(self.settings))

    def to_qdict(self) -> dict[str, str]:
        """As a dictionary, the id first (qemu_opts_to_qdict)."""
        found = {"id": self.id} if self.id is not None else {}
        found.update(self.settings)
        return found


def _value(text: str, at: int) -> tuple[str, int]:
    """The value at `at` and where it ends; two commas stand for one (get_opt_value)."""
    value = ""
    while True:
        end = text.find(",", at)
        if end < 0:
            return value + text[at:], len(text)
        if text[end : end + 2] != ",,":
            return value + text[at:end], end
        value += text[at : end + 1]
        at = end + 2


def _settings(
    text: str, first: str | None, warn: Callable[[str, str], None]
) -> list[tuple[str, str]]:
    """All settings in `text` (get_opt_name_value, over and over)."""
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(text):
        end = min((text.find(char, at) for char in "=," if char in text[at:]), default=len(text))
        if text[end : end + 1] == "=":
            name = text[at:end]
            value, at = _value(text, end + 1)
        elif first is not None:
            name = first
            value, at = _value(text, at)
        else:
            name, at = text[at:end], end
            prefix, value = "", "on"
            if name.startswith("no"):
                prefix, name, value = "no", name[2:], "off"
            if prefix or name not in HELP_OPTIONS:
                warn(f"{prefix}{name}", f"{name}={value}")
        found.append((name, value))
        first = None
        if text[at : at + 1] == ",":
            at += 1
    return found


def _no_warning(flag: str, instead: str) -> None:
    """For the first pass over an option, which only looks for the id."""


def opts_parse(
    text: str,
    implied: str | None,
    taken: dict[str, QemuOpts],
    group: str,
    warn: Callable[[str, str], None] = _no_warning,
) -> QemuOpts:
    """Parse one option of `group`, whose ids so far are `taken` (qemu_opts_parse_noisily).

    `implied` is the name of the first setting if it has none. `warn(flag, instead)` hears of
    settings without a value.

    Raises:
        Error: an id that is not well formed or taken.
    """
    # The id is looked for without the implied name: "-device id" is no id.
    for name, value in _settings(text, None, _no_warning):
        if name == "id":
            opts = QemuOpts(id=value)
            break
    else:
        opts = QemuOpts()
    if opts.id is not None:
        check_id(opts.id)
        if opts.id in taken:
            raise Error(f"Duplicate ID '{opts.id}' for {group}")
        taken[opts.id] = opts
    opts.settings = [each for each in _settings(text, implied, warn) if each[0] != "id"]
    return opts
