# SPDX-License-Identifier: GPL-2.0-or-later
"""Dirty pages: what the IOMMU of a container tells, what a device logs, and the bitmaps of both."""

from __future__ import annotations

import errno
from collections.abc import Iterator

import pytest

import pyvfio
from pyvfio import Container, Device, Iommufd, IovaRange, errors
from pyvfio.dirty import DirtyBitmap
from tests.unit.pyvfio.fake.kernel import FakeKernel
from tests.unit.pyvfio.fake.machine import Machine
from tests.unit.pyvfio.fake.machines import NIC, NIC_GROUP, SOURCE

PAGE = 4096


@pytest.fixture
def container(kernel: FakeKernel) -> Iterator[Container]:
    with Container(kernel) as container:
        container.open_device(NIC)
        yield container


@pytest.fixture
def source(kernel: FakeKernel) -> Iterator[Device]:
    with pyvfio.open_device(SOURCE, kernel=kernel) as device:
        yield device


def on(kernel: FakeKernel, what: str) -> bool:
    return any(name == what for _who, name, _number in kernel.leaks().irqs)


def test_a_bitmap_is_of_whole_pages() -> None:
    for iova, size, page in ((1, PAGE, PAGE), (0, PAGE + 1, PAGE), (0, 0, PAGE), (0, 3, 3)):
        with pytest.raises(ValueError, match="page"):
            DirtyBitmap(iova, size, page)
    with pytest.raises(ValueError, match="not of the same pages"):
        DirtyBitmap(0, PAGE, PAGE).add(DirtyBitmap(PAGE, PAGE, PAGE))
    shown = DirtyBitmap(PAGE, 2 * PAGE, PAGE)
    assert repr(shown) == "DirtyBitmap(0x1000-0x2fff, 0 of 2 pages)"


def test_a_container_tells_what_may_have_been_written(
    container: Container, kernel: FakeKernel
) -> None:
    one = container.dma.allocate(2 * PAGE, iova=0x10000)
    container.dma.allocate(PAGE, iova=0x14000)
    with container.dirty_tracking() as tracking:
        assert on(kernel, "dirty pages")
        assert tracking.page_size == PAGE
        told = tracking.report(0x10000, 0x10000)
        assert list(told) == [0x10000, 0x11000, 0x14000]
        assert told.ranges() == (IovaRange(0x10000, 0x11FFF), IovaRange(0x14000, 0x14FFF))
        with pytest.raises(errors.VfioError, match="must hold whole mappings") as caught:
            tracking.report(0x11000, PAGE)
        assert caught.value.errno == errno.EINVAL
        assert caught.value.arguments == {"flags": "GET_BITMAP", "iova": 0x11000, "size": PAGE}
        assert tracking.unmap(one).count == 2
        assert not one.mapped
        with pytest.raises(KeyError):
            tracking.unmap(one)
        with pytest.raises(errors.VfioError, match="are tracked already"):
            container.dirty_tracking()
        assert list(tracking.report(0x10000, 0x10000)) == [0x14000]
    assert not on(kernel, "dirty pages")
    with pytest.raises(errors.Closed):
        tracking.report(0x10000, 0x10000)
    container.dirty_tracking().close()


def test_tracking_ends_with_the_iommu(container: Container, kernel: FakeKernel) -> None:
    with container.dirty_tracking() as tracking:
        container.groups[NIC_GROUP].close()
        assert not tracking.on
        container.open_group(NIC_GROUP)
        assert not on(kernel, "dirty pages")
        with container.dirty_tracking() as other:
            assert other.on
            tracking.close()
            assert on(kernel, "dirty pages")
    with pytest.raises(errors.VfioError), Container(kernel) as empty:
        empty.dirty_tracking()


def test_what_stays_mapped_when_it_cannot_be_unmapped(
    container: Container, kernel: FakeKernel
) -> None:
    mapping = container.dma.allocate(PAGE)
    with container.dirty_tracking() as tracking:
        kernel.calls.clear()
        kernel.fail_at = 1
        with pytest.raises(errors.VfioError) as caught:
            tracking.unmap(mapping)
        assert caught.value.arguments["flags"] == "GET_DIRTY_BITMAP"
        assert mapping.mapped


def test_a_device_logs_where_it_writes(
    source: Device, machine: Machine, kernel: FakeKernel
) -> None:
    extras = machine.functions[SOURCE].extras
    extras.log_page_size = 2 * PAGE
    wanted = [IovaRange(0x10000, 0x1FFFF), IovaRange(0x40000, 0x4FFFF)]
    with source.dma_logging(wanted, PAGE) as log:
        assert on(kernel, "DMA logging")
        assert log.page_size == 2 * PAGE, "the device chooses"
        extras.written |= {0x10000, 0x13004, 0x4FFFF}
        told = log.report(0x10000, 0x10000)
        assert (told.page_size, list(told)) == (2 * PAGE, [0x10000, 0x12000])
        assert not log.report(0x10000, 0x10000), "it is forgotten when it was told"
        assert list(log.report(0x40000, 0x10000, page_size=PAGE)) == [0x4F000]
    assert not on(kernel, "DMA logging")
    log.close()
    with pytest.raises(errors.VfioError):
        log.report(0x10000, 0x10000)


def test_an_iommu_that_marks_what_was_written(kernel: FakeKernel, machine: Machine) -> None:
    machine.iommufd = machine.iommu_tracks = True
    with Iommufd(kernel) as iommufd:
        nic = iommufd.open_device(NIC)
        table = iommufd.allocate_hwpt(nic, dirty_tracking=True)
        nic.attach(table)
        with table.track_dirty_pages() as tracking:
            machine.written |= {0x10000, 0x12FFF}
            assert list(tracking.report(0x10000, 0x10000, clear=False)) == [0x10000, 0x12000]
            assert tracking.report(0x10000, 0x10000).count == 2
            assert not tracking.report(0x10000, 0x10000)
            assert "tracking of a Table" in kernel.leaks().objects
        assert "tracking of a Table" not in kernel.leaks().objects
        with pytest.raises(errors.VfioError) as caught:
            tracking.report(0x10000, 0x10000)
        assert caught.value.arguments == {"hwpt_id": table.id, "iova": 0x10000, "length": 0x10000}
        plain = iommufd.allocate_hwpt(nic)
        with pytest.raises(errors.NotAvailable, match="dirty_tracking=True"):
            plain.track_dirty_pages()
        with table.track_dirty_pages():
            nic.attach(plain)
            table.close()


def test_what_cannot_be_logged(source: Device, kernel: FakeKernel) -> None:
    with pytest.raises(errors.VfioError, match="must be whole pages"):
        source.dma_logging([IovaRange(0x10000, 0x10800)])
    with pytest.raises(errors.VfioError, match="there must be one"):
        source.dma_logging()
    many = [IovaRange(place << 20, (place << 20) + 0xFFF) for place in range(1000)]
    with pytest.raises(errors.VfioError, match="1000 ranges are too many"):
        source.dma_logging(many)
    mapping = source.dma.allocate(PAGE)
    with source.dma_logging(), pytest.raises(errors.VfioError) as caught:
        source.dma_logging([IovaRange(mapping.iova, mapping.iova + PAGE - 1)])
    assert caught.value.errno == errno.EBUSY
    with (
        pyvfio.open_device(NIC, kernel=kernel) as nic,
        pytest.raises(errors.NotAvailable, match=r"Container\.dirty_tracking"),
    ):
        nic.dma_logging([IovaRange(0, 0xFFF)])


def test_a_linux_that_cannot_read_the_log(source: Device, kernel: FakeKernel) -> None:
    with source.dma_logging([IovaRange(0, 0xFFF)]) as log:
        kernel.calls.clear()
        kernel.fail_at, kernel.fail_with = 1, errno.EOPNOTSUPP
        with pytest.raises(errors.NotAvailable, match="IOMMUFD_DRIVER"):
            log.report(0, 0x1000)


def test_a_log_ends_with_the_device(source: Device) -> None:
    with source.dma_logging([IovaRange(0, 0xFFF)]):
        source.close()
