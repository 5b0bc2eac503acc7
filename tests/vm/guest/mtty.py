# SPDX-License-Identifier: GPL-2.0-or-later
"""A driver of mtty, the kernel's serial ports that are not there: what is sent is received."""

from __future__ import annotations

from dataclasses import dataclass

from pyvfio import Device

PORTS = 2

REG_DATA, REG_IER, REG_FCR, REG_LCR = 0, 1, 2, 3
REG_MCR, REG_LSR, REG_MSR, REG_SCR = 4, 5, 6, 7
REG_IIR = REG_FCR
"""Written it is one register, read it is the other."""

LCR_DIVISOR = 0x80
"""Registers 0 and 1 are the divisor."""
FCR_FIFO, FCR_CLEAR = 0x01, 0x06
LSR_DATA_READY = 0x01

HEADER, PORT = 24, 36
"""Bytes of what the kernel tells of a device that migrates: before, and for each port."""


@dataclass(frozen=True)
class Seen:
    """What can be seen of a port without changing it: all registers, but for the data."""

    registers: tuple[int, ...]


class Mtty:
    """A device of one port or two."""

    def __init__(self, device: Device, ports: int = PORTS) -> None:
        self.device = device
        self.ports = ports

    def program(self, seed: int) -> None:
        """Set every register of every port, and send something, all other than for other seeds."""
        for port in range(self.ports):
            bar = self.device.bar(port)
            bar.write8(REG_LCR, 0)
            bar.write8(REG_FCR, FCR_FIFO | FCR_CLEAR)
            for letter in self.sent(seed, port):
                bar.write8(REG_DATA, letter)
            bar.write8(REG_IER, (seed + port) & 0x0F)
            bar.write8(REG_MCR, (seed + port) & 0x1F)
            bar.write8(REG_SCR, (seed * 7 + port) & 0xFF)
            bar.write8(REG_LCR, 0x03 + (seed & 0x3C))
        last = self.device.bar(self.ports - 1)
        # Only there: where the divisor shows, data does not.
        last.write8(REG_LCR, LCR_DIVISOR | 0x03)
        last.write8(REG_DATA, seed & 0xFF)
        last.write8(REG_IER, seed + 1 & 0xFF)

    def sent(self, seed: int, port: int) -> bytes:
        """Return what `program` sends."""
        return bytes((seed + port + place) & 0xFF for place in range(9 + port))

    def seen(self) -> tuple[Seen, ...]:
        """Return what can be seen without changing it, of each port."""
        return tuple(self._seen(port) for port in range(self.ports))

    def _seen(self, port: int) -> Seen:
        bar = self.device.bar(port)
        shows_divisor = bar.read8(REG_LCR) & LCR_DIVISOR
        places = range(0 if shows_divisor else REG_IER, REG_SCR + 1)
        return Seen(tuple(bar.read8(place) for place in places))

    def received(self) -> tuple[bytes, ...]:
        """Return what was sent of each port, which is gone then; the divisor goes, too."""
        return tuple(self._received(port) for port in range(self.ports))

    def _received(self, port: int) -> bytes:
        bar = self.device.bar(port)
        bar.write8(REG_LCR, 0x03)
        data = bytearray()
        while bar.read8(REG_LSR) & LSR_DATA_READY:
            data.append(bar.read8(REG_DATA))
        return bytes(data)
