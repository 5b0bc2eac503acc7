# SPDX-License-Identifier: GPL-2.0-or-later
"""What the kernel tells of a PCI device: files as in /sys/bus/pci/devices; tests/vm reads the real ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path

import pytest

from qomgen.scaffold import hostdevice
from qomgen.scaffold.hostdevice import Bar, NoDevice

ADDRESS = "0000:01:00.0"

# edu's BAR, a 64-bit prefetchable one in two rows, ports, and the rows of ROM and windows behind them.
RESOURCE = """\
0x00000000fea00000 0x00000000feafffff 0x0000000000040200
0x0000000000000000 0x0000000000000000 0x0000000000000000
0x000000c000000000 0x000000c00000ffff 0x000000000014220c
0x0000000000000000 0x0000000000000000 0x0000000000000000
0x000000000000c040 0x000000000000c05f 0x0000000000040101
0x0000000000000000 0x0000000000000000 0x0000000000000000
0x00000000feb00000 0x00000000feb7ffff 0x0000000000046200
"""

Make = Callable[..., Path]


def config(capabilities: Mapping[int, bytes], size: int = 256) -> bytes:
    """Configuration space with capabilities, by place: number and what follows the pointer."""
    data = bytearray(max(size, 256))
    if capabilities:
        data[0x06] = 0x10
    places = [*capabilities, 0]
    data[0x34] = places[0]
    for at, following in pairwise(places):
        text = capabilities[at]
        data[at : at + 2] = text[0], following
        data[at + 2 : at + 1 + len(text)] = text[1:]
    return bytes(data[:size])


MSIX = {0x40: b"\x05", 0x50: b"\x11\x08\x80", 0x60: b"\x10", 0x70: b"\x77"}


@pytest.fixture
def device(tmp_path: Path) -> Make:
    """A function that lays the files of a device, and gives the folder of all devices."""

    def make(space: bytes, resource: str = RESOURCE) -> Path:
        folder = tmp_path / ADDRESS
        folder.mkdir()
        for name, text in (("vendor", "0x1234"), ("device", "0x11e8"), ("class", "0x00ff00")):
            (folder / name).write_text(f"{text}\n")
        (folder / "resource").write_text(resource)
        (folder / "config").write_bytes(space)
        return tmp_path

    return make


def test_all_that_root_is_told(device: Make) -> None:
    found = hostdevice.read(ADDRESS, device(config(MSIX)))
    assert (found.vendor, found.device, found.class_code) == (0x1234, 0x11E8, 0xFF00)
    assert found.bars == (
        Bar(0, 1 << 20, "memory, 32 bits"),
        Bar(2, 1 << 16, "memory, 64 bits, prefetchable"),
        Bar(4, 32, "I/O ports"),
    )
    assert found.lines() == (
        "Made for the device 1234:11e8, class 00ff00, found at 0000:01:00.0:",
        "- BAR 0: 1 MiB, memory, 32 bits",
        "- BAR 2: 64 KiB, memory, 64 bits, prefetchable",
        "- BAR 4: 32 bytes, I/O ports",
        "- capabilities: MSI (0x05), MSI-X (0x11), PCI Express (0x10), other (0x77)",
        "- MSI-X: 9 vectors",
    )


def test_others_are_not_told_of_capabilities(device: Make) -> None:
    """The kernel shows 64 bytes to who is not root: that is said, and not taken for a device without any."""
    found = hostdevice.read("01:00.0", device(config(MSIX, 64)))
    assert found.capabilities is None
    assert found.msix_vectors is None
    assert found.lines()[-1] == "- capabilities: not read, the kernel shows them to root alone"


@pytest.mark.parametrize("size", [64, 256])
def test_a_device_without_capabilities(device: Make, size: int) -> None:
    found = hostdevice.read(ADDRESS, device(config({}, size)))
    assert found.capabilities == ()
    assert found.lines()[-1] == "- capabilities: none"


@pytest.mark.parametrize(
    "space",
    [
        config({0x40: b"\x05"})[:0x41] + b"\x40" + config({0x40: b"\x05"})[0x42:],
        config({0x40: b"\x11\x02\x00"})[:0x43],
        config({0xFC: b"\x11\x02\x00"}),
    ],
    ids=["a circle", "cut off", "at the end"],
)
def test_lists_of_capabilities_that_are_odd_come_to_an_end(device: Make, space: bytes) -> None:
    found = hostdevice.read(ADDRESS, device(space))
    assert found.capabilities is not None
    assert len(found.capabilities) <= 1


@pytest.mark.parametrize(
    ("space", "resource"),
    [(b"", RESOURCE), (config({}), "nonsense\n"), (config({}), "0x1 0x2\n")],
    ids=["no configuration space", "no numbers", "two numbers"],
)
def test_files_that_are_none(device: Make, space: bytes, resource: str) -> None:
    with pytest.raises(NoDevice, match="can't be read"):
        hostdevice.read(ADDRESS, device(space, resource))


@pytest.mark.parametrize(
    "address", ["", "1:0.0", "0000:01:00", "../../x", "0000:01:00.8", "0000:01:00.0\n"]
)
def test_what_is_no_address(address: str, tmp_path: Path) -> None:
    with pytest.raises(NoDevice, match="is no PCI address: write it as lspci -D does"):
        hostdevice.read(address, tmp_path)


def test_a_device_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NoDevice, match=r"there is no PCI device 0000:01:00\.0 in this machine"):
        hostdevice.read("01:00.0", tmp_path)
