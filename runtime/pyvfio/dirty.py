# SPDX-License-Identifier: GPL-2.0-or-later
"""Which memory devices have written to: the IOMMU's word for it, and a device's own.

The IOMMU of a container tracks all that is mapped in it (`Container.dirty_tracking`). Where the
hardware does not tell, it takes every page that a device could have written to for written: a
page that is not in its answer was not written to, one that is may have been. A device that logs
its writes itself is exact (`Device.dma_logging`), and so is an IOMMU that marks what was written
to (`Hwpt.track_dirty_pages`).
"""

from __future__ import annotations

import ctypes
import errno
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from pyvfio import errors
from pyvfio.closing import Closing
from pyvfio.errors import VfioError
from pyvfio.features import DeviceFeatures, Feature
from pyvfio.iova import IovaRange, describe, merged
from pyvfio.uapi import container as type1
from pyvfio.uapi import feature as uapi
from pyvfio.uapi import iommufd as uapi_iommufd

if TYPE_CHECKING:
    from pyvfio.container import Container
    from pyvfio.dma import DmaMapping
    from pyvfio.ioas import Hwpt

WORD: Final = 64
"""Bits. The kernel writes bitmaps in words of 64 bits."""


class DirtyBitmap:
    """Which pages of a range of addresses were written to.

    Iterating gives the addresses of these pages, in order; `address in bitmap` asks for one.

    Attributes:
        iova: The first address.
        size: Bytes of the range.
        page_size: Bytes of a page.
    """

    def __init__(self, iova: int, size: int, page_size: int) -> None:
        if page_size <= 0 or page_size & (page_size - 1):
            raise ValueError(f"page size {page_size:#x} is no power of two")
        if size <= 0 or (iova | size) & (page_size - 1):
            raise ValueError(f"{size:#x} bytes at {iova:#x} are not whole pages of {page_size:#x}")
        self.iova = iova
        self.size = size
        self.page_size = page_size
        self._words = (ctypes.c_uint64 * -(-self.pages // WORD))()

    def __repr__(self) -> str:
        whole = IovaRange(self.iova, self.iova + self.size - 1)
        return f"DirtyBitmap({whole}, {self.count} of {self.pages} pages)"

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return self.size // self.page_size

    @property
    def count(self) -> int:
        """How many of them were written to."""
        return self._number().bit_count()

    @property
    def address(self) -> int:
        """Where in memory the bits are, for the kernel to set them."""
        return ctypes.addressof(self._words)

    @property
    def bytes(self) -> int:
        """How many bytes of bits there are, which are whole words of 64 bits."""
        return ctypes.sizeof(self._words)

    def __bool__(self) -> bool:
        return self._number() != 0

    def __contains__(self, address: int) -> bool:
        place = (address - self.iova) // self.page_size
        return 0 <= place < self.pages and bool(self._words[place // WORD] >> place % WORD & 1)

    def __iter__(self) -> Iterator[int]:
        """Yield the addresses of the pages that were written to."""
        for number, word in enumerate(self._words):
            rest = word
            while rest:
                lowest = rest & -rest
                place = number * WORD + lowest.bit_length() - 1
                if place < self.pages:
                    yield self.iova + place * self.page_size
                rest ^= lowest

    def ranges(self) -> tuple[IovaRange, ...]:
        """Return what was written to as ranges, in order, without neighbours that touch."""
        return merged(IovaRange(page, page + self.page_size - 1) for page in self)

    def add(self, other: DirtyBitmap) -> None:
        """Take the pages of another bitmap of the same range as well.

        Raises:
            ValueError: it is of another range, or of other pages.
        """
        if (self.iova, self.size, self.page_size) != (other.iova, other.size, other.page_size):
            raise ValueError(f"{other} is not of the same pages as {self}")
        for number, word in enumerate(other._words):
            self._words[number] |= word

    def _number(self) -> int:
        """Return the bits without those behind the last page, which Linux may set as well."""
        return int.from_bytes(bytes(self._words), "little") & (1 << self.pages) - 1


class DirtyTracking(Closing):
    """The IOMMU of a container tracks dirty pages, from now to the end of the with block.

    `Container.dirty_tracking` makes it.
    """

    def __init__(self, container: Container) -> None:
        self._container = container
        self._on = False
        info = container.info()
        if info.dirty_tracking is None:
            advice = "this IOMMU does not track dirty pages (Linux does since 5.8)"
            raise errors.NotAvailable(
                errno.ENOTTY, type1.VFIO_IOMMU_DIRTY_PAGES.name, container.path, advice=advice
            )
        self.page_size = info.page_size
        self._order("START", type1.VFIO_IOMMU_DIRTY_PAGES_FLAG_START)
        self._on = True

    @property
    def on(self) -> bool:
        """Whether it goes on. It ends with the last group of the container, too."""
        return self._on

    def lost(self) -> None:
        """Know that it has ended, since the IOMMU is gone. For Container."""
        self._on = False

    def report(self, iova: int, size: int) -> DirtyBitmap:
        """Return which pages were written to since this was last asked for, and forget it.

        Args:
            iova: The first address.
            size: Bytes; what is mapped within must be whole mappings. Holes are never dirty.

        Raises:
            ValueError: these are not whole pages.
            Closed: the tracking has ended.
            VfioError: the kernel refused: EINVAL if a mapping would be cut.
        """
        if not self._on:
            advice = "dirty pages are not tracked any more"
            raise errors.Closed(errno.EBADF, "report", self._container.path, advice=advice)
        bitmap = DirtyBitmap(iova, size, self.page_size)
        asked = type1.vfio_iommu_type1_dirty_bitmap_get(iova, size, _bitmap(bitmap))
        try:
            flag = type1.VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP
            self._order("GET_BITMAP", flag, bytes(asked), iova=iova, size=size)
        except VfioError as error:
            if error.errno == errno.EINVAL:
                advice = (
                    "the range must hold whole mappings, and its bitmap have at most"
                    f" {self._container.info().dirty_tracking} bytes"
                )
                raise error.refined(VfioError, advice) from error
            raise
        return bitmap

    def unmap(self, mapping: DmaMapping) -> DirtyBitmap:
        """Take a mapping away, and return which of its pages were written to before it was gone.

        Raises:
            KeyError: it is not mapped in this container.
            VfioError: the kernel refused; it stays mapped then.
        """
        space = self._container.dma
        if mapping not in space.mappings:
            raise KeyError(mapping)
        bitmap = DirtyBitmap(mapping.iova, mapping.size, self.page_size)
        order = type1.vfio_iommu_type1_dma_unmap(
            ctypes.sizeof(type1.vfio_iommu_type1_dma_unmap) + ctypes.sizeof(type1.vfio_bitmap),
            type1.VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP,
            mapping.iova,
            mapping.size,
        )
        text = bytes(order) + bytes(_bitmap(bitmap))
        self._container.handle.ioctl(
            type1.VFIO_IOMMU_UNMAP_DMA,
            ctypes.create_string_buffer(text, len(text)),
            iova=mapping.iova,
            size=mapping.size,
            flags="GET_DIRTY_BITMAP",
        )
        space.forget(mapping)
        return bitmap

    def close(self) -> None:
        """Track no longer; a second time does nothing.

        Raises:
            VfioError: the kernel refused; it goes on then.
        """
        if self._on:
            self._order("STOP", type1.VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP)
        self._on = False

    def _order(self, what: str, flag: int, data: bytes = b"", **shown: object) -> None:
        fixed = ctypes.sizeof(type1.vfio_iommu_type1_dirty_bitmap)
        order = type1.vfio_iommu_type1_dirty_bitmap(fixed + len(data), flag)
        text = bytes(order) + data
        buffer = ctypes.create_string_buffer(text, len(text))
        self._container.handle.ioctl(type1.VFIO_IOMMU_DIRTY_PAGES, buffer, flags=what, **shown)


def _bitmap(bitmap: DirtyBitmap) -> type1.vfio_bitmap:
    """Tell the kernel where a bitmap is."""
    data = ctypes.cast(bitmap.address, ctypes.POINTER(ctypes.c_uint64))
    return type1.vfio_bitmap(bitmap.page_size, bitmap.bytes, data)


class HwptDirtyTracking(Closing):
    """The IOMMU tracks dirty pages of a page table, from now to the end of the with block.

    `Hwpt.track_dirty_pages` makes it. It is exact: the IOMMU's hardware marks what was written to.
    """

    def __init__(self, hwpt: Hwpt) -> None:
        self._hwpt = hwpt
        self._on = False
        self.page_size = hwpt.ioas.page_size()
        self._switch(uapi_iommufd.IOMMU_HWPT_DIRTY_TRACKING_ENABLE)
        self._on = True

    def report(self, iova: int, size: int, *, clear: bool = True) -> DirtyBitmap:
        """Return which pages were written to since this was last asked for.

        Args:
            iova: The first address.
            size: Bytes.
            clear: Forget it then; without, the next report has them as well.

        Raises:
            ValueError: these are not whole pages.
            VfioError: the kernel refused.
        """
        bitmap = DirtyBitmap(iova, size, self.page_size)
        asked = uapi_iommufd.iommu_hwpt_get_dirty_bitmap.sized(
            hwpt_id=self._hwpt.id,
            flags=uapi_iommufd.IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR * (not clear),
            iova=iova,
            length=size,
            page_size=self.page_size,
            data=bitmap.address,
        )
        shown = {"hwpt_id": self._hwpt.id, "iova": iova, "length": size}
        request = uapi_iommufd.IOMMU_HWPT_GET_DIRTY_BITMAP
        self._hwpt.iommufd.handle.ioctl(request, asked, **shown)
        return bitmap

    def close(self) -> None:
        """Track no longer; a second time, or with the page table gone, nothing happens.

        Raises:
            VfioError: the kernel refused; it goes on then.
        """
        if self._on and not self._hwpt.closed:
            self._switch(0)
        self._on = False

    def _switch(self, flags: int) -> None:
        order = uapi_iommufd.iommu_hwpt_set_dirty_tracking.sized(flags=flags, hwpt_id=self._hwpt.id)
        shown = {"hwpt_id": self._hwpt.id, "flags": flags}
        request = uapi_iommufd.IOMMU_HWPT_SET_DIRTY_TRACKING
        try:
            self._hwpt.iommufd.handle.ioctl(request, order, **shown)
        except VfioError as error:
            if error.errno in (errno.EOPNOTSUPP, errno.ENOTTY):
                advice = (
                    "the page table was not made to be tracked: Iommufd.allocate_hwpt with"
                    " dirty_tracking=True, which the IOMMU and Linux (since 6.7) must be able to"
                )
                raise error.refined(errors.NotAvailable, advice) from error
            raise


class DmaLogging(Closing):
    """A device logs where it writes, from now to the end of the with block.

    `Device.dma_logging` makes it. Linux lets a device keep one log at a time.

    Attributes:
        page_size: The page size in which the device logs, which may be another one than asked for.
    """

    def __init__(
        self, features: DeviceFeatures, ranges: Iterable[IovaRange], page_size: int
    ) -> None:
        self._features = features
        self._on = False
        wanted = merged(ranges)
        kind = uapi.vfio_device_feature_dma_logging_range
        array = (kind * len(wanted))(*(kind(each.start, each.size) for each in wanted))
        order = uapi.vfio_device_feature_dma_logging_control(
            page_size=page_size, num_ranges=len(wanted), ranges=ctypes.addressof(array)
        )
        try:
            features.set(Feature.DMA_LOGGING_START, order)
        except VfioError as error:
            raise _explain_start(error, wanted, page_size) from error
        self._on = True
        self.page_size = int(order.page_size)

    def report(self, iova: int, length: int, *, page_size: int | None = None) -> DirtyBitmap:
        """Return which pages the device wrote to since this was last asked for, and forget it.

        Where this fails the log is of no use any more: take all of the memory for written to, and
        begin anew.

        Args:
            iova: The first address.
            length: Bytes.
            page_size: In which pages to tell, None for those in which the device logs.

        Raises:
            ValueError: these are not whole pages.
            NotAvailable: Linux cannot read it: it was built without IOMMUFD_DRIVER.
            VfioError: the kernel refused: EINVAL if the device does not log any more.
        """
        bitmap = DirtyBitmap(iova, length, page_size or self.page_size)
        asked = uapi.vfio_device_feature_dma_logging_report(
            iova, length, bitmap.page_size, bitmap.address
        )
        try:
            self._features.get(Feature.DMA_LOGGING_REPORT, asked)
        except VfioError as error:
            if error.errno == errno.EOPNOTSUPP:
                advice = "this Linux was built without what logs are read with (IOMMUFD_DRIVER)"
                raise error.refined(errors.NotAvailable, advice) from error
            raise
        return bitmap

    def close(self) -> None:
        """Log no longer; a second time does nothing.

        Raises:
            VfioError: the kernel refused; it goes on then.
        """
        if self._on and not self._features.closed:
            self._features.set(Feature.DMA_LOGGING_STOP)
        self._on = False


def _explain_start(error: VfioError, ranges: tuple[IovaRange, ...], page_size: int) -> VfioError:
    """Tell why a device does not begin to log."""
    match error.errno:
        case errno.E2BIG:
            advice = f"{len(ranges)} ranges are too many: join those that are near to each other"
        case errno.EINVAL:
            advice = (
                f"the ranges, {describe(ranges)}, must be whole pages of {page_size:#x}, and there"
                " must be one; or the device logs already"
            )
        case _:
            return error
    return error.refined(VfioError, advice)
