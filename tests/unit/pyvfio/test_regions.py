# SPDX-License-Identifier: GPL-2.0-or-later
"""Regions by calls and by mappings: the same bytes, in accesses of the width that was asked for."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator

import pytest

import pyvfio
from pyvfio import errors
from pyvfio.device import Device
from pyvfio.info import Area, RegionInfo
from pyvfio.mapping import MappedRegion
from pyvfio.region import Region
from tests.unit.pyvfio.fake.kernel import FakeKernel
from tests.unit.pyvfio.fake.machine import Machine
from tests.unit.pyvfio.fake.machines import EDU, NIC, SPARSE

WIDTHS = (1, 2, 4, 8)


BACKENDS = ("legacy", "iommufd")


@pytest.fixture
def edu(kernel: FakeKernel) -> Iterator[Device]:
    with pyvfio.open_device(EDU, kernel=kernel) as device:
        yield device


@pytest.fixture(params=["calls", "mapping"])
def bar(request: pytest.FixtureRequest, edu: Device) -> Iterator[Region | MappedRegion]:
    if request.param == "calls":
        yield edu.bar(0)
    else:
        with edu.bar(0).map() as mapped:
            yield mapped


def methods(
    bar: Region | MappedRegion,
) -> dict[int, tuple[Callable[..., int], Callable[..., None]]]:
    return {
        1: (bar.read8, bar.write8),
        2: (bar.read16, bar.write16),
        4: (bar.read32, bar.write32),
        8: (bar.read64, bar.write64),
    }


@pytest.mark.parametrize("width", WIDTHS)
def test_each_width_is_read_and_written(
    bar: Region | MappedRegion, edu: Device, width: int
) -> None:
    read, write = methods(bar)[width]
    value = int.from_bytes(bytes(range(0xF1, 0xF1 + width)), "little")
    write(16, value)
    assert read(16) == bar.load(16, width) == value
    assert edu.bar(0).read(16, 9) == value.to_bytes(9, "little")
    bar.store(24, value, width)
    assert read(24) == value


@pytest.mark.parametrize("width", WIDTHS)
def test_what_is_no_access_is_refused(bar: Region | MappedRegion, width: int) -> None:
    read, write = methods(bar)[width]
    size = 1 << 20
    for offset in {-width, size, size - width + 1, 1} - ({1} if width == 1 else set()):
        with pytest.raises(ValueError, match=f"{width} bytes at {offset:#x} of"):
            read(offset)
        with pytest.raises(ValueError, match=f"{width} bytes at {offset:#x} of"):
            write(offset, 0)
    for value in (-1, 1 << 8 * width):
        with pytest.raises((OverflowError, ValueError)):
            write(0, value)
    read(size - width)


def test_a_call_is_one_access_of_that_width(edu: Device, kernel: FakeKernel) -> None:
    kernel.calls.clear()
    edu.bar(0)
    assert kernel.calls == ["VFIO_DEVICE_GET_REGION_INFO"]
    for width, (read, write) in methods(edu.bar(0)).items():
        kernel.calls.clear()
        write(width * 8, 0)
        read(width * 8)
        assert kernel.calls == ["pwrite", "pread"]


def test_a_mapping_asks_the_kernel_nothing(edu: Device, kernel: FakeKernel) -> None:
    with edu.bar(0).map() as mapped:
        kernel.calls.clear()
        for read, write in methods(mapped).values():
            write(8, 1)
            assert read(8) == 1
        mapped.u32[2] = 5
        assert (mapped.u8[8], mapped.u16[4], mapped.u64[1]) == (5, 5, 5)
        assert kernel.calls == []


def test_a_region_in_bytes(edu: Device) -> None:
    bar = edu.bar(0)
    data = os.urandom(1000)
    bar.write(3, data)
    assert bar.read(3, 1000) == data
    assert bar.read(bar.size, 0) == b""
    for offset, size in ((bar.size, 1), (bar.size - 1, 2), (-1, 1)):
        with pytest.raises(ValueError, match="bytes at"):
            bar.read(offset, size)
        with pytest.raises(ValueError, match="bytes at"):
            bar.write(offset, bytes(size))


def test_a_kernel_that_reads_in_pieces(edu: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    bar = edu.bar(0)
    kernel = edu.handle.kernel
    whole = kernel.pread
    bar.write(0, b"0123456789")
    monkeypatch.setattr(kernel, "pread", lambda fd, size, at: whole(fd, min(size, 3), at))
    assert bar.read(0, 10) == b"0123456789"
    with pytest.raises(errors.VfioError, match="the kernel stopped after 3 bytes"):
        bar.read32(0)
    monkeypatch.setattr(kernel, "pread", lambda *_: b"")
    with pytest.raises(errors.VfioError, match="the kernel stopped after 0 bytes"):
        bar.read(0, 10)


def test_a_kernel_that_writes_in_pieces(edu: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    bar = edu.bar(0)
    kernel = edu.handle.kernel
    whole = kernel.pwrite
    monkeypatch.setattr(kernel, "pwrite", lambda fd, data, at: whole(fd, data[:3], at))
    bar.write(0, b"0123456789")
    assert bar.read(0, 10) == b"0123456789"
    with pytest.raises(errors.VfioError, match="the kernel stopped after 3 bytes"):
        bar.write32(0, 0)
    monkeypatch.setattr(kernel, "pwrite", lambda *_: 0)
    with pytest.raises(errors.VfioError, match="the kernel stopped after 0 bytes"):
        bar.write(0, b"x")


def test_only_areas_that_may_be_mapped_are(kernel: FakeKernel) -> None:
    with pyvfio.open_device(SPARSE, kernel=kernel) as device, device.bar(2).map() as mapped:
        bar = device.bar(2)
        assert bar.info.sparse == (Area(0x1000, 0x2000), Area(0x8000, 0x1000))
        assert [(each.offset, each.size) for each in mapped.areas] == [
            (0x1000, 0x2000),
            (0x8000, 0x1000),
        ]
        kernel.calls.clear()
        mapped.write32(0x1004, 0x11)
        mapped.write64(0x8FF8, 0x22)
        assert kernel.calls == []
        assert mapped.area(0x8FFF).u64[0xFF8 // 8] == 0x22
        # Behind and between the areas it goes by calls.
        mapped.write32(0x3000, 0x33)
        assert mapped.read16(0) == 0
        assert kernel.calls == ["pwrite", "pread"]
        assert [bar.read32(offset) for offset in (0x1004, 0x8FF8, 0x3000)] == [0x11, 0x22, 0x33]
        with pytest.raises(ValueError, match="not mapped as a whole"):
            mapped.u32  # noqa: B018 (looking is what fails)
        with pytest.raises(ValueError, match=r"offset 0x3000 of .* is not mapped"):
            mapped.area(0x3000)


def test_what_may_not_be_mapped(kernel: FakeKernel) -> None:
    with pyvfio.open_device(SPARSE, kernel=kernel) as device:
        for region in (device.bar(4), device.bar(0), device.config, device.rom):
            with pytest.raises(errors.VfioError, match="none of this region may be mapped"):
                region.map()
        assert device.bar(0).size == 0
        with pytest.raises(ValueError, match="BAR 6: there are 0 to 5"):
            device.bar(6)
        with pytest.raises(errors.VfioError) as caught:
            device.region(99)
        assert (caught.value.errno, caught.value.arguments) == (errno.EINVAL, {"index": 99})


def test_the_page_of_the_msix_table(kernel: FakeKernel) -> None:
    with pyvfio.open_device(NIC, kernel=kernel) as device:
        assert device.region_info(3).msix_mappable
        assert not device.region_info(0).msix_mappable
        assert [each.id for each in device.region_info(3).capabilities] == [3]


def test_info_is_asked_once(edu: Device, kernel: FakeKernel) -> None:
    kernel.calls.clear()
    assert isinstance(edu.region_info(0), RegionInfo)
    assert edu.region(0) is edu.bar(0)
    assert edu.config is edu.region(7)
    assert kernel.calls == ["VFIO_DEVICE_GET_REGION_INFO"] * 2


def test_config_space(kernel: FakeKernel, machine: Machine) -> None:
    with pyvfio.open_device(NIC, kernel=kernel) as device:
        config = device.config
        assert (config.vendor_id, config.device_id, config.class_code) == (0x8086, 0x10D3, 0)
        assert config.change_command(on=0x6) == 0
        assert config.change_command(on=0x400, off=0x2) == 0x6
        assert config.command == 0x404
        kernel.calls.clear()
        config.set_bus_master(True)
        assert kernel.calls == ["pread"], "what is so already is not written"
        config.set_bus_master(False)
        assert config.command == 0x400
        assert [(each.offset, each.id, each.extended) for each in config.capabilities()] == [
            (0x40, 0x01, False),
            (0x50, 0x05, False),
            (0x60, 0x11, False),
            (0x70, 0x10, False),
            (0x100, 0x01, True),
            (0x140, 0x03, True),
        ]
        found = config.find(0x11)
        assert found is not None
        assert (found.offset, found.name) == (0x60, "MSI-X")
        extended = config.find_extended(1)
        assert extended is not None
        assert (extended.version, extended.name) == (2, "advanced error reporting")
        assert config.find(0x99) is config.find_extended(0x99) is None
    machine.functions[NIC].config[:] = b"\xff" * 0x1000
    with pyvfio.open_device(NIC, kernel=kernel) as device:
        assert device.config.capabilities() == (), "it was taken away"
