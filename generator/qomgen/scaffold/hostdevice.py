# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the kernel tells of a PCI device of this machine, in /sys/bus/pci/devices: ids, BARs, capabilities, MSI-X.

Nothing is opened but those files. The kernel shows the first 64 bytes of configuration space to everybody, and the
rest, where capabilities stand, to root alone (drivers/pci/pci-sysfs.c, pci_read_config).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DEVICES = Path("/sys/bus/pci/devices")
"""Where the kernel shows the machine's PCI devices."""

# Registers of configuration space and capabilities (include/uapi/linux/pci_regs.h).
_STATUS, _STATUS_CAP_LIST, _CAPABILITY_LIST = 0x06, 0x10, 0x34
_HEADER_END = 0x40
_CAP_MSI, _CAP_EXPRESS, _CAP_MSIX = 0x05, 0x10, 0x11
_MSIX_SIZE = 0x7FF
_CAPABILITIES = {
    0x01: "power management",
    0x03: "vital product data",
    _CAP_MSI: "MSI",
    0x09: "vendor specific",
    0x0D: "bridge subsystem id",
    _CAP_EXPRESS: "PCI Express",
    _CAP_MSIX: "MSI-X",
    0x12: "SATA",
    0x13: "advanced features",
    0x14: "enhanced allocation",
}

_IORESOURCE_IO, _IORESOURCE_MEM = 0x100, 0x200
_IORESOURCE_PREFETCH, _IORESOURCE_MEM_64 = 0x2000, 0x100000


class NoDevice(ValueError):
    """There is no such device, or it can't be read; the message says why."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A BAR; `size` is in bytes."""

    number: int
    size: int
    what: str


@dataclass(frozen=True, slots=True)
class HostDevice:
    """A PCI device of this machine."""

    address: str
    vendor: int
    device: int
    class_code: int
    """24 bits: class, subclass, interface."""
    bars: tuple[Bar, ...]
    capabilities: tuple[tuple[int, str], ...] | None
    """Number and name of each, in the order of the list; None: the kernel did not show them."""
    msix_vectors: int | None
    """None without MSI-X, or where capabilities are not shown."""

    def lines(self) -> tuple[str, ...]:
        """The device in words, a line a fact."""
        return tuple(self._lines())

    def _lines(self) -> Iterator[str]:
        yield (
            f"Made for the device {self.vendor:04x}:{self.device:04x}, class {self.class_code:06x}, found at"
            f" {self.address}:"
        )
        for bar in self.bars:
            yield f"- BAR {bar.number}: {_size(bar.size)}, {bar.what}"
        if self.capabilities is None:
            yield "- capabilities: not read, the kernel shows them to root alone"
            return
        names = ", ".join(f"{name} (0x{number:02x})" for number, name in self.capabilities)
        yield f"- capabilities: {names or 'none'}"
        if self.msix_vectors is not None:
            yield f"- MSI-X: {self.msix_vectors} vector{'' if self.msix_vectors == 1 else 's'}"


def _size(size: int) -> str:
    for shift, unit in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
        if size >= 1 << shift and not size % (1 << shift):
            return f"{size >> shift} {unit}"
    return f"{size} bytes"


def read(address: str, devices: Path = DEVICES) -> HostDevice:
    """
    The device at `address`.

    Args:
        address: `0000:01:00.0`, or without the domain.
        devices: the folder with a folder a device.

    Raises:
        NoDevice: if there is none, or its files can't be read.
    """
    match = re.fullmatch(r"(?:([0-9a-fA-F]{4,8}):)?([0-9a-fA-F]{2}:[0-9a-fA-F]{2}\.[0-7])", address)
    if match is None:
        raise NoDevice(f"{address!a} is no PCI address: write it as lspci -D does, 0000:01:00.0")
    full = f"{match[1] or '0000'}:{match[2]}".lower()
    folder = devices / full
    if not folder.is_dir():
        raise NoDevice(f"there is no PCI device {full} in this machine: lspci -D lists them")
    try:
        config = (folder / "config").read_bytes()
        capabilities = _capabilities(config)
        return HostDevice(
            full,
            vendor=_number(folder / "vendor"),
            device=_number(folder / "device"),
            class_code=_number(folder / "class"),
            bars=tuple(_bars((folder / "resource").read_text("ascii"))),
            capabilities=capabilities,
            msix_vectors=_msix(config, capabilities),
        )
    except (OSError, ValueError) as error:
        raise NoDevice(f"{folder} can't be read: {error}") from error


def _number(path: Path) -> int:
    return int(path.read_text("ascii"), 16)


def _bars(text: str) -> Iterator[Bar]:
    """The BARs among the lines `start end flags`; after the first six come the ROM and bridges' windows."""
    for number, line in enumerate(text.splitlines()[:6]):
        start, end, flags = (int(word, 16) for word in line.split())
        if not flags:
            continue
        what = "I/O ports" if flags & _IORESOURCE_IO else "memory"
        if flags & _IORESOURCE_MEM:
            what += ", 64 bits" if flags & _IORESOURCE_MEM_64 else ", 32 bits"
            what += ", prefetchable" if flags & _IORESOURCE_PREFETCH else ""
        yield Bar(number, end - start + 1, what)


def _chain(config: bytes) -> Iterator[tuple[int, int]]:
    """Place and number of each capability; a list that bites its tail ends."""
    seen: set[int] = set()
    at = config[_CAPABILITY_LIST] & ~3
    while at >= _HEADER_END and at not in seen and at + 2 <= len(config):
        seen.add(at)
        yield at, config[at]
        at = config[at + 1] & ~3


def _capabilities(config: bytes) -> tuple[tuple[int, str], ...] | None:
    if len(config) < _HEADER_END:
        raise ValueError(f"configuration space has {len(config)} bytes")
    if not config[_STATUS] & _STATUS_CAP_LIST:
        return ()
    if len(config) == _HEADER_END:
        return None
    return tuple((number, _CAPABILITIES.get(number, "other")) for _, number in _chain(config))


def _msix(config: bytes, capabilities: tuple[tuple[int, str], ...] | None) -> int | None:
    for at, number in _chain(config) if capabilities else ():
        if number == _CAP_MSIX and at + 4 <= len(config):
            return (int.from_bytes(config[at + 2 : at + 4], "little") & _MSIX_SIZE) + 1
    return None
