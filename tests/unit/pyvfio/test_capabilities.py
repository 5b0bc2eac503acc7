# SPDX-License-Identifier: GPL-2.0-or-later
"""Answers of the kernel that are longer than expected, unknown in part, or wrong."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable

import pytest

from pyvfio import errors
from pyvfio.capabilities import Capability, parse_chain, query
from pyvfio.handle import Handle
from pyvfio.info import Area, DeviceInfo, IommuInfo, RegionInfo, RegionType
from pyvfio.iova import IovaRange
from pyvfio.kernel import Argument, Kernel
from pyvfio.uapi import container as type1
from pyvfio.uapi import device as dev
from tests.unit.pyvfio.fake.files import capabilities


class Answers(Kernel):
    """A kernel that writes an answer into memory, as much of it as there is room for."""

    def __init__(self, answer: Callable[[int], bytes]) -> None:
        self.answer = answer
        self.sizes: list[int] = []

    def ioctl(self, fd: int, request: int, argument: Argument = 0) -> int:
        del fd, request
        assert not isinstance(argument, int)
        size = ctypes.sizeof(argument)
        self.sizes.append(size)
        text = self.answer(size)[:size]
        ctypes.memmove(ctypes.addressof(argument), text, len(text))
        return 0


def handle(answer: bytes | Callable[[int], bytes]) -> Handle:
    """Return a descriptor of a kernel that gives an answer."""
    return Handle(Answers(answer if callable(answer) else lambda _size: answer), 3, "thing")


def region(chain: list[tuple[int, bytes]], size: int = 0x10000) -> RegionInfo:
    """Return what is made of a region that has capabilities."""
    behind = capabilities(chain, 32)
    flags = dev.VFIO_REGION_INFO_FLAG_CAPS | dev.VFIO_REGION_INFO_FLAG_MMAP
    head = struct.pack("=IIIIQQ", 32 + len(behind), flags, 0, 32 if behind else 0, size, 0)
    return RegionInfo.ask(handle(head + behind), 0)


def test_an_answer_is_asked_for_again_with_room_for_it() -> None:
    chain = capabilities([(3, b"")], 32)
    whole = struct.pack("=IIIIQQ", 40, 15, 2, 32, 4096, 0) + chain
    short = struct.pack("=IIIIQQ", 40, 15, 2, 0, 4096, 0)
    opened = handle(lambda size: whole if size >= 40 else short)
    assert RegionInfo.ask(opened, 2).msix_mappable
    assert isinstance(opened.kernel, Answers)
    assert opened.kernel.sizes == [32, 40]


@pytest.mark.parametrize("grow", [lambda size: size + 8, lambda _size: 1 << 30])
def test_an_answer_that_grows_without_end(grow: Callable[[int], int]) -> None:
    opened = handle(lambda size: struct.pack("=I", grow(size)))
    with pytest.raises(errors.MalformedReply, match="VFIO_DEVICE_GET_REGION_INFO"):
        query(opened, dev.VFIO_DEVICE_GET_REGION_INFO, dev.vfio_region_info)
    assert isinstance(opened.kernel, Answers)
    assert len(opened.kernel.sizes) <= 4


def test_unknown_capabilities_are_kept() -> None:
    info = region([(77, b"spamspam"), (3, b""), (78, b"")])
    assert info.capabilities == (
        Capability(77, 1, b"spamspam"),
        Capability(3, 1, b""),
        Capability(78, 1, b""),
    )
    assert info.msix_mappable


def test_a_regions_type() -> None:
    vendor = dev.VFIO_REGION_TYPE_PCI_VENDOR_TYPE | 0x8086
    assert region([(2, struct.pack("=II", vendor, 1))]).type == RegionType(0x80008086, 1)


def test_sparse_areas() -> None:
    areas = struct.pack("=IIQQQQQQ", 3, 0, 0x8000, 0x1000, 0x3000, 0, 0, 0x2000)
    info = region([(1, areas)])
    assert info.mmap_areas() == (Area(0, 0x2000), Area(0x8000, 0x1000))
    assert region([(1, struct.pack("=II", 0, 0))]).mmap_areas() == ()
    assert region([]).mmap_areas() == (Area(0, 0x10000),)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (struct.pack("=II", 1 << 31, 0), "tells of 2147483648 ranges in 8 bytes"),
        (struct.pack("=IIQQ", 2, 0, 0, 4096), "tells of 2 ranges in 24 bytes"),
        (b"", "ends after 0 bytes"),
        (struct.pack("=IIQQ", 1, 0, 0xF000, 0x2000), "overlaps or leaves it"),
        (struct.pack("=IIQQ", 1, 0, (1 << 64) - 4096, 0x2000), "overlaps or leaves it"),
        (struct.pack("=IIQQQQ", 2, 0, 0, 0x2000, 0x1000, 0x1000), "overlaps or leaves it"),
    ],
)
def test_sparse_areas_that_make_no_sense(data: bytes, message: str) -> None:
    with pytest.raises(errors.MalformedReply, match=message):
        region([(1, data)])


def header(number: int, following: int) -> bytes:
    return struct.pack("=HHI", number, 1, following)


@pytest.mark.parametrize(
    ("reply", "first", "message"),
    [
        (bytes(16) + header(1, 16), 16, "comes back to offset 16"),
        (bytes(16) + header(1, 24) + header(2, 16), 16, "comes back to offset 16"),
        (bytes(16) + header(1, 8), 16, "offset 8 lies outside of 16..24"),
        (bytes(16) + header(1, 20), 16, "offset 20 lies outside of 16..24"),
        (bytes(16), 16, "offset 16 lies outside of 16..16"),
        (bytes(16), 0xFFFFFFFF, "offset 4294967295 lies outside"),
        (bytes(16) + header(1, 20) + bytes(8), 16, "at offset 16 runs into the next one"),
    ],
)
def test_chains_that_make_no_sense(reply: bytes, first: int, message: str) -> None:
    with pytest.raises(errors.MalformedReply, match=message):
        parse_chain(reply, first, 16)


def test_an_iommu_that_tells_nothing() -> None:
    info = IommuInfo.ask(handle(struct.pack("=IIQII", 24, 0, 0, 0, 0)))
    assert info.iova_ranges == (IovaRange(0, (1 << 64) - 1),)
    assert (info.page_size, info.dma_available, info.dirty_tracking) == (4096, None, None)


def test_an_iommu_of_an_older_kernel_has_its_chain_behind_twenty_bytes() -> None:
    # Before Linux 6.6 the struct ended with cap_offset, and the chain began at 24.
    chain = capabilities([(3, struct.pack("=I", 5))], 24)
    flags = type1.VFIO_IOMMU_INFO_CAPS
    reply = struct.pack("=IIQII", 24 + len(chain), flags, 4096, 24, 0) + chain
    assert IommuInfo.ask(handle(reply)).dma_available == 5


def test_a_devices_capabilities() -> None:
    chain = capabilities([(5, struct.pack("=II", 3, 0)), (99, b"")], 24)
    flags = dev.VFIO_DEVICE_FLAGS_CAPS | dev.VFIO_DEVICE_FLAGS_PCI
    reply = struct.pack("=IIIIII", 24 + len(chain), flags, 9, 5, 24, 0) + chain
    info = DeviceInfo.ask(handle(reply))
    assert (info.pci, info.resettable, info.atomic_completion) == (True, False, 3)
    assert [each.id for each in info.capabilities] == [5, 99]
