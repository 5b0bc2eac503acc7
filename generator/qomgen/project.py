# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a project need not type: `[tool.qomgen]` in the pyproject.toml of the current folder.

Its keys are the names of options; what stands there counts as if it were typed, unless the command line gives that
option itself. Loads nothing unless there is such a table: an unchanged `qomgen check` has no time for it.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

FILE = "pyproject.toml"
"""Where settings stand, in the current folder."""

OF_SPECS = ("specs", "python-path")
"""Settings of every command that reads specs."""

OF_OUTPUTS = ("output", "qemu", "target", "package")
"""Settings of those that make outputs too."""

LISTS = ("specs", "python-path", "qemu", "target")
"""Settings that are lists of strings; the others are strings."""

COMMANDS = {
    "generate": (*OF_SPECS, *OF_OUTPUTS),
    "watch": (*OF_SPECS, *OF_OUTPUTS),
    "check": (*OF_SPECS, *OF_OUTPUTS),
    "integrate": OF_SPECS,
    "docs": OF_SPECS,
    "list": OF_SPECS,
    "show": OF_SPECS,
}
"""Which settings each command takes."""


class BadSettings(ValueError):
    """The table can't be read; the message says where and why."""


def settled(words: Sequence[str]) -> list[str]:
    """
    A command line with the settings of the project in it.

    Raises:
        BadSettings: if pyproject.toml is no TOML, or its table holds anything else.
    """
    if not words or words[0] not in COMMANDS:
        return list(words)
    command, *rest = words
    given = {word.partition("=")[0] for word in rest}
    found = []
    for name, values in _settings().items():
        if name in COMMANDS[command] and f"--{name}" not in given:
            found += [each for value in values for each in (f"--{name}", value)]
    return [command, *found, *rest]


def inputs() -> list[str]:
    """The file with the settings, if it has any: what is made depends on it too."""
    return [FILE] if _text() else []


def _settings() -> dict[str, list[str]]:
    """The settings, each as a list."""
    data = _text()
    return _read(data) if data else {}


def _text() -> bytes:
    """What is in the file; nothing if it is not there, or has no settings."""
    if not os.path.isfile(FILE):
        return b""
    try:
        with open(FILE, "rb") as stream:
            data = stream.read()
    except OSError:
        return b""
    return data if b"tool.qomgen" in data else b""


def _read(data: bytes) -> dict[str, list[str]]:
    plain = plain_table(data)
    return _checked(_toml(data) if plain is None else plain)


def plain_table(data: bytes) -> dict[str, object] | None:
    """
    The table, if it is of the plainest form, as `qomgen new` writes it; else None.

    Python's own reader of TOML takes as long to load as an unchanged `qomgen check` runs.
    """
    if data.count(b"tool.qomgen") != 1 or b'"""' in data or b"'''" in data:
        return None
    _, head, below = data.partition(b"\n[tool.qomgen]\n")
    if not head:
        return None
    found: dict[str, object] = {}
    for line in below.split(b"\n"):
        if line.startswith(b"["):
            # The next table; what is wrong in there is no business of ours.
            return found
        if not line or line.startswith(b"#"):
            continue
        key, equals, text = line.partition(b" = ")
        name = key.decode("latin-1")
        if not equals or name in found or not _is_word(name):
            return None
        if text.startswith(b"[") and text.endswith(b"]"):
            values = [_string(each) for each in text[1:-1].split(b", ")]
            if None in values:
                return None
            found[name] = values
        else:
            value = _string(text)
            if value is None:
                return None
            found[name] = value
    return found


def _is_word(text: str) -> bool:
    return bool(text) and all(char.isascii() and (char.isalnum() or char == "-") for char in text)


def _string(text: bytes) -> str | None:
    """A string in double quotes with nothing but plain characters in it."""
    inside = text[1:-1]
    is_quoted = len(text) > 1 and text[:1] == text[-1:] == b'"'
    if not is_quoted or not all(32 <= byte < 127 and byte not in b'"\\' for byte in inside):
        return None
    return inside.decode("ascii")


def _toml(data: bytes) -> dict[str, object]:
    import tomllib  # noqa: PLC0415 - for tables that are not plain

    try:
        table = tomllib.loads(data.decode("utf-8")).get("tool", {}).get("qomgen", {})
    except (ValueError, AttributeError) as error:
        raise BadSettings(f"{FILE}: {error}") from error
    if not isinstance(table, dict):
        raise BadSettings(f"{FILE}: tool.qomgen is no table")
    return table


def _checked(table: dict[str, object]) -> dict[str, list[str]]:
    found = {}
    for name, value in table.items():
        if name not in (*OF_SPECS, *OF_OUTPUTS):
            known = ", ".join((*OF_SPECS, *OF_OUTPUTS))
            raise BadSettings(f"{FILE}: [tool.qomgen] has no setting '{name}': there are {known}")
        values = value if name in LISTS else [value]
        what = "a list of strings" if name in LISTS else "a string"
        if not isinstance(values, list) or not all(
            isinstance(each, str) and each and not each.startswith("-") for each in values
        ):
            raise BadSettings(f"{FILE}: [tool.qomgen] {name} is not {what}: {value!r}")
        found[name] = values
    return found
