# SPDX-License-Identifier: GPL-2.0-or-later
"""Address spaces of an iommufd, which devices attach to, and page tables made of them."""

from __future__ import annotations

import ctypes
import errno
from collections.abc import Iterable
from typing import TYPE_CHECKING

from pyvfio import errors
from pyvfio.closing import Closing
from pyvfio.dirty import HwptDirtyTracking
from pyvfio.dma import AddressSpace
from pyvfio.errors import VfioError
from pyvfio.holders import pinned_memory
from pyvfio.iommu import Translation
from pyvfio.iova import IovaRange
from pyvfio.mapfaults import explain_map, explain_memlock
from pyvfio.uapi import iommufd as uapi

if TYPE_CHECKING:
    from pyvfio.iommufd import Iommufd

EVERYTHING = (1 << 64) - 1


class _Owned:
    """Something of an iommufd that has an id, and is destroyed once.

    Attributes:
        iommufd: Whose it is.
        id: Its number there.
    """

    def __init__(self, iommufd: Iommufd, number: int) -> None:
        self.iommufd = iommufd
        self.id = number
        self._destroyed = False

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id}{', closed' if self._destroyed else ''})"

    @property
    def closed(self) -> bool:
        """Whether it was destroyed."""
        return self._destroyed

    def _destroy(self) -> None:
        """Destroy it (IOMMU_DESTROY), unless that was done."""
        if self._destroyed:
            return
        try:
            self.iommufd.destroy(self.id)
        except VfioError as error:
            if error.errno == errno.EBUSY:
                raise self._explain_busy(error) from error
            raise
        self._destroyed = True

    def _explain_busy(self, error: VfioError) -> VfioError:
        names = ", ".join(self.iommufd.names_attached_to(self))
        what = f"{names} is attached to it: detach or close that first"
        if not names:
            what = "a page table was made of it, or a device is attached that was opened elsewhere"
        return error.refined(errors.InUse, what)


class Ioas(_Owned, Translation, Closing):
    """An address space: what is mapped in it, devices reach that are attached to it.

    `Iommufd.ioas` and `Iommufd.allocate_ioas` make it. Memory can be mapped before any device is
    there; with each device that is attached, the addresses that can be used may become fewer.
    """

    def __init__(self, iommufd: Iommufd, number: int) -> None:
        super().__init__(iommufd, number)
        self.kernel = iommufd.kernel
        self._dma = AddressSpace(self)
        # The kernel says ENOENT both of a hole and of a mapping that would be split.
        self._sizes: dict[int, int] = {}

    @property
    def dma(self) -> AddressSpace:
        """What is mapped in it."""
        return self._dma

    def page_size(self) -> int:
        """Return the page of memory in bytes.

        The IOMMU may have smaller ones, and an address space without devices any alignment; the
        mappings of a container are whole pages too.
        """
        return max(self._ranges()[1], self.kernel.page_size)

    def iova_ranges(self) -> tuple[IovaRange, ...]:
        """Return where DMA can be mapped with the devices that are attached now."""
        return self._ranges()[0]

    def _ranges(self) -> tuple[tuple[IovaRange, ...], int]:
        """Ask for ranges and alignment (IOMMU_IOAS_IOVA_RANGES).

        Raises:
            VfioError: the kernel refused.
            MalformedReply: there are more ranges each time.
        """
        request = uapi.IOMMU_IOAS_IOVA_RANGES
        room = 8
        for _attempt in range(4):
            found = (uapi.iommu_iova_range * room)()
            asked = uapi.iommu_ioas_iova_ranges.sized(
                ioas_id=self.id, num_iovas=room, allowed_iovas=ctypes.addressof(found)
            )
            try:
                self.iommufd.handle.ioctl(request, asked, ioas_id=self.id)
            except VfioError as error:
                # The kernel tells how many there are, and wants room for them.
                if error.errno != errno.EMSGSIZE or asked.num_iovas <= room:
                    raise
                room = asked.num_iovas
                continue
            ranges = tuple(IovaRange(each.start, each.last) for each in found[: asked.num_iovas])
            return ranges, int(asked.out_iova_alignment)
        raise errors.MalformedReply(
            errno.EPROTO,
            request.name,
            self.iommufd.path,
            {"ioas_id": self.id},
            f"{asked.num_iovas} ranges, room for {room}",
        )

    def allow_iovas(self, ranges: Iterable[IovaRange]) -> None:
        """See to it that these addresses can be used whichever devices come; none to end that.

        A device that cannot have them is not attached then (IOMMU_IOAS_ALLOW_IOVAS).

        Raises:
            VfioError: the kernel refused: EADDRINUSE if the devices now there have them not.
        """
        wanted = [uapi.iommu_iova_range(each.start, each.end) for each in ranges]
        array = (uapi.iommu_iova_range * len(wanted))(*wanted)
        order = uapi.iommu_ioas_allow_iovas.sized(
            ioas_id=self.id, num_iovas=len(wanted), allowed_iovas=ctypes.addressof(array)
        )
        shown = {"ioas_id": self.id, "num_iovas": len(wanted)}
        self.iommufd.handle.ioctl(uapi.IOMMU_IOAS_ALLOW_IOVAS, order, **shown)

    def map_dma(self, vaddr: int, iova: int, size: int, *, read: bool, write: bool) -> None:
        """Let devices reach memory (IOMMU_IOAS_MAP)."""
        flags = uapi.IOMMU_IOAS_MAP_FIXED_IOVA
        flags |= uapi.IOMMU_IOAS_MAP_READABLE * read | uapi.IOMMU_IOAS_MAP_WRITEABLE * write
        order = uapi.iommu_ioas_map.sized(
            flags=flags, ioas_id=self.id, user_va=vaddr, length=size, iova=iova
        )
        shown = {"iova": iova, "size": size, "vaddr": vaddr, "read": read, "write": write}
        try:
            self.iommufd.handle.ioctl(uapi.IOMMU_IOAS_MAP, order, ioas_id=self.id, **shown)
        except VfioError as error:
            raise self._explain_map(error, vaddr, iova, size) from error
        self._sizes[iova] = size

    def _explain_map(self, error: VfioError, vaddr: int, iova: int, size: int) -> VfioError:
        if error.errno == errno.ENOMEM:
            return self.explain_memlock(error, size)
        if error.errno == errno.EFAULT:
            advice = (
                "the process has no memory at vaddr, or may not write to it. If it is a BAR that"
                " is mapped there: an iommufd takes those only as a dma-buf (IOMMU_IOAS_MAP_FILE)"
            )
            return error.refined(VfioError, advice)
        return explain_map(error, self, vaddr, iova, size)

    def explain_memlock(self, error: VfioError, size: int) -> VfioError:
        """Tell of RLIMIT_MEMLOCK, which is for all processes of a user here. For Iommufd."""
        return explain_memlock(error, self.kernel, size, pinned_memory(self.kernel))

    @property
    def mapped_size(self) -> int:
        """Bytes that are mapped."""
        return sum(self._sizes.values())

    def unmap_dma(self, iova: int, size: int) -> int:
        """Take away the mappings within these addresses (IOMMU_IOAS_UNMAP).

        Raises:
            VfioError: the kernel refused: ENOENT to split a mapping. Those before it are gone then.
        """
        order = uapi.iommu_ioas_unmap.sized(ioas_id=self.id, iova=iova, length=size)
        shown = {"ioas_id": self.id, "iova": iova, "size": size}
        try:
            self.iommufd.handle.ioctl(uapi.IOMMU_IOAS_UNMAP, order, **shown)
        except VfioError as error:
            if error.errno != errno.ENOENT:
                raise
            if self._forget_within(iova, size):
                return 0
            advice = "a mapping goes as it was made, not in parts"
            raise error.refined(VfioError, advice) from error
        if self._sizes.get(iova) == size:
            del self._sizes[iova]
        else:
            self._forget_within(iova, size)
        return int(order.length)

    def _forget_within(self, iova: int, size: int) -> bool:
        """Forget the mappings within these addresses, as the kernel does, up to one that is not.

        Returns:
            Whether there was none that lies within them in part.
        """
        end = iova + size
        touched = sorted(i for i, n in self._sizes.items() if i < end and iova < i + n)
        for each in touched:
            if each < iova or each + self._sizes[each] > end:
                return False
            del self._sizes[each]
        return True

    def unmap_all_dma(self) -> int:
        """Take away all mappings (IOMMU_IOAS_UNMAP of everything)."""
        order = uapi.iommu_ioas_unmap.sized(ioas_id=self.id, iova=0, length=EVERYTHING)
        self.iommufd.handle.ioctl(uapi.IOMMU_IOAS_UNMAP, order, ioas_id=self.id)
        self._sizes.clear()
        return int(order.length)

    def close(self) -> None:
        """Destroy it, and the mappings with it; a second time does nothing.

        Raises:
            InUse: a device is attached to it, or a page table was made of it.
            VfioError: the kernel refused; it stays then.
        """
        self._destroy()
        self.abandon()

    def abandon(self) -> None:
        """Let all memory go, since the kernel has dropped the mappings. For Iommufd."""
        self._destroyed = True
        self._sizes.clear()
        self._dma.forget_all()
        self.iommufd.discard(self)


class Hwpt(_Owned, Closing):
    """A page table of an address space, for devices behind an IOMMU of one kind.

    Attaching a device to an address space makes one; one that is made by hand may have what that
    has not, such as the tracking of dirty pages. `Iommufd.allocate_hwpt` makes it.

    Attributes:
        ioas: The address space.
        dirty_tracking: Whether devices are only attached to it whose IOMMU can track dirty pages.
    """

    def __init__(self, ioas: Ioas, number: int, *, dirty_tracking: bool) -> None:
        super().__init__(ioas.iommufd, number)
        self.ioas = ioas
        self.dirty_tracking = dirty_tracking

    @property
    def dma(self) -> AddressSpace:
        """What is mapped in its address space."""
        return self.ioas.dma

    def track_dirty_pages(self) -> HwptDirtyTracking:
        """Let the IOMMU track which pages devices write to (IOMMU_HWPT_SET_DIRTY_TRACKING).

        Raises:
            NotAvailable: it was not made for that (`dirty_tracking`).
            VfioError: the kernel refused.
        """
        return HwptDirtyTracking(self)

    def close(self) -> None:
        """Destroy it; a second time does nothing.

        Raises:
            InUse: a device is attached to it.
            VfioError: the kernel refused; it stays then.
        """
        self._destroy()
        self.abandon()

    def abandon(self) -> None:
        """Know no more of it, since the kernel has destroyed it. For Iommufd."""
        self._destroyed = True
        self.iommufd.discard(self)
