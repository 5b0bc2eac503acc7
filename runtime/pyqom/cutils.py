# SPDX-License-Identifier: GPL-2.0-or-later
"""Numbers in text, read exactly as C's strtoull and QEMU's util/cutils.c read them."""

from __future__ import annotations

import re

from .world import at_least, current

INT64_MIN = -(1 << 63)
INT64_MAX = (1 << 63) - 1
UINT32_MAX = (1 << 32) - 1
UINT64_MAX = (1 << 64) - 1

_SPACE = " \t\n\v\f\r"
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_FRACTION = re.compile(r"\.[0-9]*")
_SUFFIX = {"B": 1, **{letter: 1 << 10 * (i + 1) for i, letter in enumerate("KMGTPE")}}


class NoNumber(ValueError):
    """QEMU's -EINVAL: no number, or something follows it."""


class OutOfRange(ValueError):
    """QEMU's -ERANGE: a number, too large or too small."""


def strtol(text: str, base: int = 0) -> tuple[int, int]:
    """The number at the beginning of `text` and how many characters it takes, 0 if there is none.

    Blanks before it, a sign, `0x` for base 16 and in base 0 a leading 0 for octal are taken, as
    C's strtol takes them. C23's, with which QEMU 10.0 and newer are built, takes `0b` for base 2.
    """
    at = len(text) - len(text.lstrip(_SPACE))
    sign = 1
    if text[at : at + 1] in ("+", "-"):
        sign = -1 if text[at] == "-" else 1
        at += 1
    prefix, follows = text[at : at + 2].lower(), text[at + 2 : at + 3]
    if base in (0, 16) and prefix == "0x" and _digit(follows, 16):
        base = 16
        at += 2
    elif base in (0, 2) and prefix == "0b" and _digit(follows, 2) and at_least("10.0"):
        base = 2
        at += 2
    elif base == 0:
        base = 8 if text[at : at + 1] == "0" else 10
    start, value = at, 0
    while _digit(text[at : at + 1], base):
        value = value * base + _DIGITS.index(text[at].lower())
        at += 1
    return (sign * value, at) if at > start else (0, 0)


def _digit(char: str, base: int) -> bool:
    return char != "" and char.lower() in _DIGITS[:base]


def strtoi64(text: str) -> int:
    """The whole of `text` as a signed 64-bit number, base 0 (qemu_strtoi64).

    Raises:
        NoNumber, OutOfRange
    """
    value, length = strtol(text)
    if length == 0 or length != len(text):
        raise NoNumber(text)
    if not INT64_MIN <= value <= INT64_MAX:
        raise OutOfRange(text)
    return value


def strtou64(text: str) -> int:
    """The whole of `text` as an unsigned 64-bit number, base 0 (qemu_strtou64).

    A negative number wraps around, as strtoull has it: "-1" is UINT64_MAX.

    Raises:
        NoNumber, OutOfRange
    """
    value, length = strtol(text)
    if length == 0 or length != len(text):
        raise NoNumber(text)
    if abs(value) > UINT64_MAX:
        raise OutOfRange(text)
    return value & UINT64_MAX


def strtosz(text: str) -> int:
    """A size in bytes: 4096, 0x1000, 4k, 1.5M (qemu_strtosz).

    Raises:
        NoNumber, OutOfRange
    """
    value, at = strtol(text, 10)
    negative = "-" in text[:at]
    if negative:
        # Since 8.1 even -0 is out of range; before, it was no number at all. What follows the
        # number counts first.
        raise OutOfRange(text) if at_least("8.1") and at == len(text) else NoNumber(text)
    if at and value > UINT64_MAX:
        raise OutOfRange(text) if at == len(text) else NoNumber(text)
    fraction = 0.0
    is_hex = False
    if at and value == 0 and text[at : at + 1] in ("x", "X"):
        value, at = strtol(text, 16)
        is_hex = True
        if value > UINT64_MAX:
            raise OutOfRange(text) if at == len(text) else NoNumber(text)
    elif match := _FRACTION.match(text, at):
        if not at and (match[0] == "." or not at_least("8.1")):
            raise NoNumber(text)
        fraction = float("0" + match[0] + "0")
        at = match.end()
    if at == 0:
        raise NoNumber(text)
    scale = _SUFFIX.get(text[at : at + 1].upper())
    if scale is not None:
        if is_hex:
            if at_least("8.1"):
                raise NoNumber(text)
            current().warn(f"Using a multiplier suffix on hex numbers is deprecated: {text}")
        at += 1
    value, part = _fixed_point(value, fraction)
    if at != len(text) or (part and (scale or 1) == 1):
        raise NoNumber(text)
    size = ((value << 64) + part) * (scale or 1) + (1 << 63) >> 64
    if size > UINT64_MAX:
        raise OutOfRange(text)
    return size


def _fixed_point(value: int, fraction: float) -> tuple[int, int]:
    """Value and fraction as a whole number and 64 bits behind the point, as QEMU rounds them.

    A fraction with many digits may become 1.0; 7.2 then loses it, newer ones add it.
    """
    if fraction >= 1.0:
        return (value + 1, 0) if at_least("8.1") else (value, 0)
    part = int(fraction * 2.0**64)
    return value, part or int(fraction > 0.0 and at_least("8.1"))
