# SPDX-License-Identifier: GPL-2.0-or-later
"""linux/vfio.h: containers, groups, and the type1 IOMMU that maps their DMA."""

from __future__ import annotations

from ctypes import POINTER, c_uint8, c_uint16, c_uint32, c_uint64

from pyvfio.uapi.base import Ioctl, Struct

VFIO_API_VERSION = 0

VFIO_TYPE1_IOMMU = 1
VFIO_TYPE1v2_IOMMU = 3
VFIO_DMA_CC_IOMMU = 4
VFIO_NOIOMMU_IOMMU = 8
VFIO_UNMAP_ALL = 9
VFIO_UPDATE_VADDR = 10

VFIO_GET_API_VERSION = Ioctl.vfio("VFIO_GET_API_VERSION", 0)
VFIO_CHECK_EXTENSION = Ioctl.vfio("VFIO_CHECK_EXTENSION", 1)
VFIO_SET_IOMMU = Ioctl.vfio("VFIO_SET_IOMMU", 2)

VFIO_GROUP_GET_STATUS = Ioctl.vfio("VFIO_GROUP_GET_STATUS", 3)
VFIO_GROUP_SET_CONTAINER = Ioctl.vfio("VFIO_GROUP_SET_CONTAINER", 4)
VFIO_GROUP_UNSET_CONTAINER = Ioctl.vfio("VFIO_GROUP_UNSET_CONTAINER", 5)
VFIO_GROUP_GET_DEVICE_FD = Ioctl.vfio("VFIO_GROUP_GET_DEVICE_FD", 6)

VFIO_GROUP_FLAGS_VIABLE = 1 << 0
VFIO_GROUP_FLAGS_CONTAINER_SET = 1 << 1


class vfio_group_status(Struct):
    """What VFIO_GROUP_GET_STATUS answers."""

    _fields_ = (("argsz", c_uint32), ("flags", c_uint32))


class vfio_info_cap_header(Struct):
    """How each capability of an answer begins; `next` is an offset from the answer's start."""

    _fields_ = (("id", c_uint16), ("version", c_uint16), ("next", c_uint32))


VFIO_IOMMU_GET_INFO = Ioctl.vfio("VFIO_IOMMU_GET_INFO", 12)

VFIO_IOMMU_INFO_PGSIZES = 1 << 0
VFIO_IOMMU_INFO_CAPS = 1 << 1


class vfio_iommu_type1_info(Struct):
    """What VFIO_IOMMU_GET_INFO answers, capabilities behind it."""

    _fields_ = (
        ("argsz", c_uint32),
        ("flags", c_uint32),
        ("iova_pgsizes", c_uint64),
        ("cap_offset", c_uint32),
        ("pad", c_uint32),
    )


VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE = 1
VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION = 2
VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL = 3


class vfio_iova_range(Struct):
    """Addresses from `start` to `end`, both among them."""

    _fields_ = (("start", c_uint64), ("end", c_uint64))


class vfio_iommu_type1_info_cap_iova_range(Struct):
    """Where DMA may be mapped."""

    _fields_ = (
        ("header", vfio_info_cap_header),
        ("nr_iovas", c_uint32),
        ("reserved", c_uint32),
        ("iova_ranges", vfio_iova_range * 0),
    )


class vfio_iommu_type1_info_cap_migration(Struct):
    """That dirty pages can be tracked, and in what sizes."""

    _fields_ = (
        ("header", vfio_info_cap_header),
        ("flags", c_uint32),
        ("pgsize_bitmap", c_uint64),
        ("max_dirty_bitmap_size", c_uint64),
    )


class vfio_iommu_type1_info_dma_avail(Struct):
    """How many more mappings there may be."""

    _fields_ = (("header", vfio_info_cap_header), ("avail", c_uint32))


VFIO_IOMMU_MAP_DMA = Ioctl.vfio("VFIO_IOMMU_MAP_DMA", 13)

VFIO_DMA_MAP_FLAG_READ = 1 << 0
VFIO_DMA_MAP_FLAG_WRITE = 1 << 1
VFIO_DMA_MAP_FLAG_VADDR = 1 << 2


class vfio_iommu_type1_dma_map(Struct):
    """`size` bytes of the process at `vaddr`, for devices at `iova`."""

    _fields_ = (
        ("argsz", c_uint32),
        ("flags", c_uint32),
        ("vaddr", c_uint64),
        ("iova", c_uint64),
        ("size", c_uint64),
    )


class vfio_bitmap(Struct):
    """One bit a page, in `size` bytes at `data`."""

    _fields_ = (("pgsize", c_uint64), ("size", c_uint64), ("data", POINTER(c_uint64)))


VFIO_IOMMU_UNMAP_DMA = Ioctl.vfio("VFIO_IOMMU_UNMAP_DMA", 14)

VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP = 1 << 0
VFIO_DMA_UNMAP_FLAG_ALL = 1 << 1
VFIO_DMA_UNMAP_FLAG_VADDR = 1 << 2


class vfio_iommu_type1_dma_unmap(Struct):
    """Mappings to take away; `size` comes back as the bytes that were mapped."""

    _fields_ = (
        ("argsz", c_uint32),
        ("flags", c_uint32),
        ("iova", c_uint64),
        ("size", c_uint64),
        ("data", c_uint8 * 0),
    )


VFIO_IOMMU_ENABLE = Ioctl.vfio("VFIO_IOMMU_ENABLE", 15)
VFIO_IOMMU_DISABLE = Ioctl.vfio("VFIO_IOMMU_DISABLE", 16)
VFIO_IOMMU_DIRTY_PAGES = Ioctl.vfio("VFIO_IOMMU_DIRTY_PAGES", 17)

VFIO_IOMMU_DIRTY_PAGES_FLAG_START = 1 << 0
VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP = 1 << 1
VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP = 1 << 2


class vfio_iommu_type1_dirty_bitmap(Struct):
    """Starts, stops or reads the tracking of dirty pages."""

    _fields_ = (("argsz", c_uint32), ("flags", c_uint32), ("data", c_uint8 * 0))


class vfio_iommu_type1_dirty_bitmap_get(Struct):
    """Whose dirty pages to read, and where to put their bits."""

    _fields_ = (("iova", c_uint64), ("size", c_uint64), ("bitmap", vfio_bitmap))
