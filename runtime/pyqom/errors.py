# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes wrong: `Error` is QEMU's Error object, `Abort` its failed assertions."""

from __future__ import annotations


class Error(Exception):
    """What QEMU hands back through an `Error **errp` (util/error.c, qapi/error.h).

    `desc` is exactly the text that QEMU would give, `error_class` the class QMP reports with it
    (`GenericError`, `DeviceNotFound`, ...) and `hint` what QEMU prints after the message on a
    terminal only: each line ends in a newline, and QMP never shows it.
    """

    def __init__(self, desc: str, *, error_class: str = "GenericError", hint: str = "") -> None:
        super().__init__(desc)
        self.desc = desc
        self.error_class = error_class
        self.hint = hint

    def __str__(self) -> str:
        return self.desc

    def prepend(self, text: str) -> None:
        """Put `text` before the message; the class stays (error_prepend)."""
        self.desc = text + self.desc

    def append_hint(self, text: str) -> None:
        """Add `text` to the hint (error_append_hint)."""
        self.hint += text


class DeviceNotFound(Error):
    """`Device 'x' not found` and its like: ERROR_CLASS_DEVICE_NOT_FOUND."""

    def __init__(self, desc: str, *, hint: str = "") -> None:
        super().__init__(desc, error_class="DeviceNotFound", hint=hint)


class Abort(Exception):
    """Where QEMU prints a message and calls abort(), or fails an assertion.

    It means a mistake in a device model or in the program that uses pyqom, never in what a user
    typed; it is not an `Error`, so that no `except Error` swallows it.
    """
