# SPDX-License-Identifier: GPL-2.0-or-later
"""What the kernel tells of containers, devices, regions and interrupts, as values."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from pyvfio.capabilities import Capability, malformed, parse_chain, query
from pyvfio.handle import Handle
from pyvfio.iova import IovaRange
from pyvfio.uapi import container as type1
from pyvfio.uapi import device as dev

Chain: TypeAlias = tuple[Capability, ...]


def find(chain: Chain, number: int) -> Capability | None:
    """Return the first capability of a chain with this id."""
    return next((capability for capability in chain if capability.id == number), None)


def _pairs(capability: Capability) -> Iterator[tuple[int, ...]]:
    """Read a count, a reserved word and that many pairs of 64 bits."""
    count, _reserved = capability.unpack("II")
    if 8 + 16 * count > len(capability.data):
        raise malformed(
            f"capability {capability.id} tells of {count} ranges in {len(capability.data)} bytes"
        )
    for place in range(count):
        yield capability.unpack("QQ", 8 + 16 * place)


@dataclass(frozen=True, slots=True)
class DirtyTracking:
    """That the container tracks dirty pages (struct vfio_iommu_type1_info_cap_migration).

    Attributes:
        page_sizes: A bit for each size in which it does.
        max_bitmap_size: Bytes of the longest bitmap that can be read at once.
    """

    page_sizes: int
    max_bitmap_size: int


@dataclass(frozen=True, slots=True)
class IommuInfo:
    """What an IOMMU can (struct vfio_iommu_type1_info).

    Attributes:
        page_sizes: A bit for each size of page.
        iova_ranges: Where DMA can be mapped; Linux before 5.4 does not tell: all of 64 bits.
        dma_available: How many more mappings there may be, None if the kernel does not tell.
        dirty_tracking: How dirty pages are tracked, None if they are not.
        capabilities: All that the kernel told, known here or not.
    """

    page_sizes: int
    iova_ranges: tuple[IovaRange, ...]
    dma_available: int | None
    dirty_tracking: DirtyTracking | None
    capabilities: Chain

    @property
    def page_size(self) -> int:
        """The smallest page in bytes, which all mappings are multiples of."""
        return self.page_sizes & -self.page_sizes

    @classmethod
    def ask(cls, handle: Handle) -> IommuInfo:
        """Ask a container (VFIO_IOMMU_GET_INFO).

        Raises:
            VfioError: it has no IOMMU yet.
            MalformedReply: its answer makes no sense.
        """
        info, reply = query(handle, type1.VFIO_IOMMU_GET_INFO, type1.vfio_iommu_type1_info)
        chain: Chain = ()
        if info.flags & type1.VFIO_IOMMU_INFO_CAPS:
            fixed = type1.vfio_iommu_type1_info.cap_offset.offset + 4
            chain = parse_chain(reply, info.cap_offset, fixed)
        ranges = [IovaRange(0, (1 << 64) - 1)]
        if (found := find(chain, type1.VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE)) is not None:
            ranges = [IovaRange(start, end) for start, end in _pairs(found)]
        available = None
        if (found := find(chain, type1.VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL)) is not None:
            (available,) = found.unpack("I")
        tracking = None
        if (found := find(chain, type1.VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION)) is not None:
            # Flags, which none are of yet, and four bytes that align what follows.
            tracking = DirtyTracking(*found.unpack("QQ", 8))
        sizes = info.iova_pgsizes if info.flags & type1.VFIO_IOMMU_INFO_PGSIZES else 0
        sizes = sizes or handle.kernel.page_size
        return cls(sizes, tuple(ranges), available, tracking, chain)


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """What a device has (struct vfio_device_info)."""

    flags: int
    num_regions: int
    num_irqs: int
    capabilities: Chain

    @property
    def resettable(self) -> bool:
        """Whether it can be reset alone (VFIO_DEVICE_FLAGS_RESET)."""
        return bool(self.flags & dev.VFIO_DEVICE_FLAGS_RESET)

    @property
    def pci(self) -> bool:
        """Whether it is a PCI function (VFIO_DEVICE_FLAGS_PCI)."""
        return bool(self.flags & dev.VFIO_DEVICE_FLAGS_PCI)

    @property
    def atomic_completion(self) -> int:
        """Which AtomicOps the root complex completes (VFIO_PCI_ATOMIC_COMP*)."""
        found = find(self.capabilities, dev.VFIO_DEVICE_INFO_CAP_PCI_ATOMIC_COMP)
        return 0 if found is None else found.unpack("I")[0]

    @classmethod
    def ask(cls, handle: Handle) -> DeviceInfo:
        """Ask a device (VFIO_DEVICE_GET_INFO).

        Raises:
            VfioError: the kernel refused.
            MalformedReply: its answer makes no sense.
        """
        info, reply = query(handle, dev.VFIO_DEVICE_GET_INFO, dev.vfio_device_info)
        chain: Chain = ()
        if info.flags & dev.VFIO_DEVICE_FLAGS_CAPS:
            fixed = dev.vfio_device_info.cap_offset.offset + 4
            chain = parse_chain(reply, info.cap_offset, fixed)
        return cls(info.flags, info.num_regions, info.num_irqs, chain)


@dataclass(frozen=True, order=True, slots=True)
class Area:
    """A part of a region that may be mapped (struct vfio_region_sparse_mmap_area)."""

    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class RegionType:
    """What a region is for that has no index of its own (struct vfio_region_info_cap_type)."""

    type: int
    subtype: int


@dataclass(frozen=True, slots=True)
class RegionInfo:
    """One region of a device (struct vfio_region_info).

    Attributes:
        size: Bytes; 0 for a region that the device does not have.
        offset: Where it begins in the device's descriptor.
        sparse: The areas that may be mapped if not all of it may, else None.
        type: What it is for, if it has no index of its own, else None.
        msix_mappable: Whether the page of the MSI-X table may be mapped as well.
    """

    index: int
    flags: int
    size: int
    offset: int
    capabilities: Chain
    sparse: tuple[Area, ...] | None
    type: RegionType | None
    msix_mappable: bool

    @property
    def readable(self) -> bool:
        """Whether it can be read."""
        return bool(self.flags & dev.VFIO_REGION_INFO_FLAG_READ)

    @property
    def writable(self) -> bool:
        """Whether it can be written."""
        return bool(self.flags & dev.VFIO_REGION_INFO_FLAG_WRITE)

    @property
    def mappable(self) -> bool:
        """Whether it, or a part of it, may be mapped."""
        return bool(self.flags & dev.VFIO_REGION_INFO_FLAG_MMAP)

    def mmap_areas(self) -> tuple[Area, ...]:
        """Return what may be mapped, in order."""
        if not self.mappable or self.size == 0:
            return ()
        return (Area(0, self.size),) if self.sparse is None else self.sparse

    @classmethod
    def ask(cls, handle: Handle, index: int) -> RegionInfo:
        """Ask a device for one of its regions (VFIO_DEVICE_GET_REGION_INFO).

        Raises:
            VfioError: the kernel refused: EINVAL if there is no such index.
            MalformedReply: its answer makes no sense.
        """
        request, kind = dev.VFIO_DEVICE_GET_REGION_INFO, dev.vfio_region_info
        info, reply = query(handle, request, kind, index=index)
        chain: Chain = ()
        if info.flags & dev.VFIO_REGION_INFO_FLAG_CAPS:
            chain = parse_chain(reply, info.cap_offset, ctypes.sizeof(kind))
        sparse = None
        if (found := find(chain, dev.VFIO_REGION_INFO_CAP_SPARSE_MMAP)) is not None:
            sparse = _areas(found, info.size)
        region_type = None
        if (found := find(chain, dev.VFIO_REGION_INFO_CAP_TYPE)) is not None:
            region_type = RegionType(*found.unpack("II"))
        msix = find(chain, dev.VFIO_REGION_INFO_CAP_MSIX_MAPPABLE) is not None
        return cls(
            index,
            info.flags,
            info.size,
            info.offset,
            chain,
            sparse,
            region_type,
            msix_mappable=msix,
        )


def _areas(capability: Capability, size: int) -> tuple[Area, ...]:
    """Read the areas of a sparse region, without those that are empty."""
    areas = sorted(Area(offset, length) for offset, length in _pairs(capability) if length)
    end = 0
    for area in areas:
        if area.offset < end or area.offset + area.size > size:
            raise malformed(f"{area} of a region of {size:#x} bytes overlaps or leaves it")
        end = area.offset + area.size
    return tuple(areas)


@dataclass(frozen=True, slots=True)
class IrqInfo:
    """One kind of interrupt of a device (struct vfio_irq_info).

    Attributes:
        count: How many there are of it; 0 if the device has none.
    """

    index: int
    flags: int
    count: int

    @property
    def eventfd(self) -> bool:
        """Whether they can be had through eventfds."""
        return bool(self.flags & dev.VFIO_IRQ_INFO_EVENTFD)

    @property
    def maskable(self) -> bool:
        """Whether they can be masked."""
        return bool(self.flags & dev.VFIO_IRQ_INFO_MASKABLE)

    @property
    def automasked(self) -> bool:
        """Whether one is masked as soon as it fires, until it is unmasked."""
        return bool(self.flags & dev.VFIO_IRQ_INFO_AUTOMASKED)

    @property
    def noresize(self) -> bool:
        """Whether none can be added to those that are on, unless all are switched off first."""
        return bool(self.flags & dev.VFIO_IRQ_INFO_NORESIZE)

    @classmethod
    def ask(cls, handle: Handle, index: int) -> IrqInfo:
        """Ask a device for one kind of interrupt (VFIO_DEVICE_GET_IRQ_INFO).

        Raises:
            VfioError: the kernel refused: EINVAL if the device has no such kind.
        """
        info = dev.vfio_irq_info.sized(index=index)
        handle.ioctl(dev.VFIO_DEVICE_GET_IRQ_INFO, info, index=index)
        return cls(index, info.flags, info.count)
