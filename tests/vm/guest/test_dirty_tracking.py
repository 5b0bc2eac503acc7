# SPDX-License-Identifier: GPL-2.0-or-later
"""Dirty pages: of a container, whose IOMMU tells nothing, so that all may be; and a device's log."""

from __future__ import annotations

import ctypes
import errno
from collections.abc import Iterator

import pytest

from pyvfio import Container, Device, Iommufd, IovaRange, errors
from pyvfio.features import Feature
from pyvfio.uapi import container as uapi
from pyvfio.uapi import feature as f
from tests.vm.guest import devices
from tests.vm.guest.backends import Opener
from tests.vm.guest.edu import REACH, driven

PAGE = 4096


@pytest.fixture
def container() -> Iterator[Container]:
    with Container() as opened:
        yield opened


def order(container: Container, flags: int) -> None:
    """Ask in the kernel's own words."""
    wanted = uapi.vfio_iommu_type1_dirty_bitmap.sized(flags=flags)
    container.handle.ioctl(uapi.VFIO_IOMMU_DIRTY_PAGES, wanted)


def test_it_takes_an_iommu(container: Container) -> None:
    with pytest.raises(errors.VfioError) as caught:
        container.dirty_tracking()
    assert caught.value.errno == errno.EINVAL


def test_what_is_mapped_may_have_been_written(container: Container) -> None:
    device = container.open_device(devices.address("edu"))
    found = container.info().dirty_tracking
    assert found is not None
    assert (found.page_sizes, found.max_bitmap_size) == (PAGE, 1 << 28)
    four = container.dma.allocate(4 * PAGE, iova=0x100000)
    container.dma.allocate(PAGE, iova=0x106000)
    with container.dirty_tracking() as tracking:
        assert tracking.page_size == PAGE
        told = tracking.report(four.iova, four.size)
        assert told.count == 4
        assert list(told) == [0x100000, 0x101000, 0x102000, 0x103000]
        # VT-d does not tell of what was written, so that asking again gives the same.
        wide = tracking.report(0x100000, 16 * PAGE)
        assert wide.ranges() == (IovaRange(0x100000, 0x103FFF), IovaRange(0x106000, 0x106FFF))
        assert not tracking.report(0x200000, PAGE), "nothing is mapped there"
        with driven(device) as edu, container.dma.allocate(PAGE, below=REACH) as page:
            page.memory[:4] = b"spam"
            edu.send(page, 4)
            edu.receive(page, 4)
            assert page.iova in tracking.report(page.iova, PAGE)


def test_what_was_asked_for_from_before_it(container: Container) -> None:
    """Linux 6.12 sets bits behind the last page after this; they are none of ours."""
    container.open_device(devices.address("edu"))
    four = container.dma.allocate(4 * PAGE, iova=0x100000)
    with container.dirty_tracking() as tracking:
        for before in (3, 1, 0):
            told = tracking.report(four.iova - before * PAGE, (before + 4) * PAGE)
            assert told.ranges()[-1] == IovaRange(0x100000, 0x103FFF)
            assert four.iova - PAGE not in told
        assert tracking.unmap(four).count == 4
        assert not tracking.report(four.iova, 4 * PAGE)


def test_a_mapping_is_not_cut(container: Container) -> None:
    container.open_device(devices.address("edu"))
    four = container.dma.allocate(4 * PAGE, iova=0x100000)
    with container.dirty_tracking() as tracking:
        for iova, size in ((0x101000, PAGE), (0x100000, 3 * PAGE), (0x103000, 4 * PAGE)):
            with pytest.raises(errors.VfioError, match="must hold whole mappings") as caught:
                tracking.report(iova, size)
            assert caught.value.errno == errno.EINVAL
        assert tracking.report(four.iova, four.size).count == 4


def test_unmapping_tells_for_the_last_time(container: Container) -> None:
    container.open_device(devices.address("edu"))
    two = container.dma.allocate(2 * PAGE)
    with container.dirty_tracking() as tracking:
        told = tracking.unmap(two)
        assert list(told) == [two.iova, two.iova + PAGE]
        assert not two.mapped
        assert not tracking.report(two.iova, 2 * PAGE)
        # The addresses are free again.
        assert container.dma.allocate(2 * PAGE).iova == two.iova


def test_without_tracking_nothing_is_told(container: Container) -> None:
    container.open_device(devices.address("edu"))
    mapping = container.dma.allocate(PAGE)
    tracking = container.dirty_tracking()
    order(container, uapi.VFIO_IOMMU_DIRTY_PAGES_FLAG_START)  # again: that is no failure
    order(container, uapi.VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP)
    with pytest.raises(errors.VfioError) as caught:
        tracking.report(mapping.iova, PAGE)
    assert caught.value.errno == errno.EINVAL
    with pytest.raises(errors.VfioError) as caught:
        tracking.unmap(mapping)
    assert caught.value.errno == errno.EINVAL
    assert mapping.mapped
    order(container, uapi.VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP)
    for flags in (3, 8):
        with pytest.raises(errors.VfioError) as caught:
            order(container, flags)
        assert caught.value.errno == errno.EINVAL


def test_tracking_goes_with_the_last_group(container: Container) -> None:
    device = container.open_device(devices.address("edu"))
    with container.dirty_tracking() as tracking:
        device.close()
        assert not tracking.on
        with pytest.raises(errors.Closed):
            tracking.report(0, PAGE)


def test_what_cannot_write_is_not_dirty(mtty: str, container: Container) -> None:
    """A mediated device does no DMA of its own: the kernel pins pages for it, and knows which."""
    container.open_device(mtty)
    mapping = container.dma.allocate(4 * PAGE)
    with container.dirty_tracking() as tracking:
        assert not tracking.report(mapping.iova, mapping.size)
        # With a device beside it that can, all may be.
        container.open_device(devices.address("edu"))
        assert tracking.report(mapping.iova, mapping.size).count == 4


def test_an_iommufd_asks_the_hardware() -> None:
    """QEMU's VT-d marks no pages as written to, so nothing can be told, and that is said."""
    with Iommufd() as iommufd:
        device = iommufd.open_device(devices.address("edu"))
        assert not iommufd.hw_info(device).dirty_tracking
        with pytest.raises(errors.NotAvailable, match="has no such page tables") as caught:
            iommufd.allocate_hwpt(device, dirty_tracking=True)
        assert caught.value.errno == errno.EOPNOTSUPP
        table = iommufd.allocate_hwpt(device)
        with pytest.raises(errors.NotAvailable, match="dirty_tracking=True") as caught:
            table.track_dirty_pages()
        assert caught.value.errno == errno.EOPNOTSUPP
        assert caught.value.call == "IOMMU_HWPT_SET_DIRTY_TRACKING"


@pytest.fixture
def logging_device(mtty: str, open_device: Opener) -> Iterator[Device]:
    """A device whose driver takes orders to log, and, since it writes nothing, logs nothing."""
    with open_device(mtty) as device:
        yield device


def test_a_device_logs(logging_device: Device) -> None:
    for feature in (Feature.DMA_LOGGING_START, Feature.DMA_LOGGING_STOP):
        assert logging_device.features.supports(feature, set=True)
        assert not logging_device.features.supports(feature, get=True)
    assert logging_device.features.supports(Feature.DMA_LOGGING_REPORT, get=True)
    ranges = [IovaRange(0x100000, 0x1FFFFF), IovaRange(0x400000, 0x400FFF)]
    with logging_device.dma_logging(ranges, PAGE) as log:
        assert log.page_size == PAGE
        told = log.report(0x100000, 0x100000)
        assert (told.pages, told.count) == (256, 0)
        assert log.report(0, 1 << 30, page_size=1 << 21).pages == 512
        with pytest.raises(errors.VfioError) as caught:
            log.report(0x100000, 0x100000, page_size=2048)
        assert caught.value.errno == errno.EINVAL
    with logging_device.dma.allocate(PAGE), logging_device.dma_logging() as log:
        assert log.page_size == PAGE


def test_what_a_device_does_not_log(logging_device: Device) -> None:
    with pytest.raises(errors.VfioError, match="must be whole pages") as caught:
        logging_device.dma_logging([IovaRange(0x100000, 0x1007FF)], PAGE)
    assert caught.value.errno == errno.EINVAL
    with pytest.raises(errors.VfioError, match="there must be one") as caught:
        logging_device.dma_logging([], PAGE)
    assert caught.value.errno == errno.EINVAL
    many = [IovaRange(place << 20, (place << 20) + PAGE - 1) for place in range(257)]
    logging_device.dma_logging(many[:256], PAGE).close()
    with pytest.raises(errors.VfioError, match="257 ranges are too many") as caught:
        logging_device.dma_logging(many, PAGE)
    assert caught.value.errno == errno.E2BIG


def test_ranges_of_a_log_do_not_overlap(logging_device: Device) -> None:
    """Ours are joined before; the kernel itself declines them."""
    kind = f.vfio_device_feature_dma_logging_range
    twice = (kind * 2)(kind(0x100000, 0x2000), kind(0x101000, 0x2000))
    wanted = f.vfio_device_feature_dma_logging_control(
        page_size=PAGE, num_ranges=2, ranges=ctypes.addressof(twice)
    )
    with pytest.raises(errors.VfioError) as caught:
        logging_device.features.set(Feature.DMA_LOGGING_START, wanted)
    assert caught.value.errno == errno.EINVAL
    joined = [IovaRange(each.iova, each.iova + each.length - 1) for each in twice]
    logging_device.dma_logging(joined, PAGE).close()


def test_vfio_pci_itself_does_not_log(device: Device) -> None:
    with pytest.raises(errors.NotAvailable, match=r"Container\.dirty_tracking") as caught:
        device.dma_logging([IovaRange(0, PAGE - 1)])
    assert caught.value.errno == errno.ENOTTY
