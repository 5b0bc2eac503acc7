# SPDX-License-Identifier: GPL-2.0-or-later
"""The integer types of C that a field may have, as QEMU's hosts have them (LP64)."""

from __future__ import annotations

from dataclasses import dataclass

from qomgen.ctype import CType


@dataclass(frozen=True, slots=True)
class Integer:
    """The values of an integer type."""

    bits: int
    signed: bool

    @property
    def minimum(self) -> int:
        """Its least value."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def maximum(self) -> int:
        """Its greatest value."""
        return (1 << (self.bits - 1 if self.signed else self.bits)) - 1

    def holds(self, value: object) -> bool:
        """Whether `value` is one of them."""
        return isinstance(value, int) and self.minimum <= value <= self.maximum

    def __str__(self) -> str:
        return f"{self.minimum} to {self.maximum}"


_BY_WORDS = {
    "char": 8,
    "short": 16,
    "short int": 16,
    "int": 32,
    "long": 64,
    "long int": 64,
    "long long": 64,
    "long long int": 64,
}
_INTEGERS = {
    **{words: Integer(bits, signed=True) for words, bits in _BY_WORDS.items()},
    **{f"signed {words}": Integer(bits, signed=True) for words, bits in _BY_WORDS.items()},
    **{f"unsigned {words}": Integer(bits, signed=False) for words, bits in _BY_WORDS.items()},
    **{f"int{bits}_t": Integer(bits, signed=True) for bits in (8, 16, 32, 64)},
    **{f"uint{bits}_t": Integer(bits, signed=False) for bits in (8, 16, 32, 64)},
    "unsigned": Integer(32, signed=False),
    "size_t": Integer(64, signed=False),
    "ssize_t": Integer(64, signed=True),
    "off_t": Integer(64, signed=True),
    "hwaddr": Integer(64, signed=False),
    "ram_addr_t": Integer(64, signed=False),
}


def integer(ctype: CType) -> Integer | None:
    """The values of `ctype`, or None if it is no integer type known here."""
    return _INTEGERS.get(str(ctype))
