# SPDX-License-Identifier: GPL-2.0-or-later
"""linux/iommufd.h: address spaces and page tables of an iommufd, and what is mapped in them.

Every request passes a struct whose `size` tells how much of it there is. What a struct has beyond
what the kernel knows must be 0, or it answers E2BIG; a flag that it does not know is EOPNOTSUPP.
"""

from __future__ import annotations

from ctypes import Union, c_int32, c_uint8, c_uint16, c_uint32, c_uint64

from pyvfio.uapi.base import Ioctl, Struct

IOMMUFD_CMD_BASE = 0x80
IOMMUFD_CMD_DESTROY = IOMMUFD_CMD_BASE
IOMMUFD_CMD_IOAS_ALLOC = 0x81
IOMMUFD_CMD_IOAS_ALLOW_IOVAS = 0x82
IOMMUFD_CMD_IOAS_COPY = 0x83
IOMMUFD_CMD_IOAS_IOVA_RANGES = 0x84
IOMMUFD_CMD_IOAS_MAP = 0x85
IOMMUFD_CMD_IOAS_UNMAP = 0x86
IOMMUFD_CMD_OPTION = 0x87
IOMMUFD_CMD_VFIO_IOAS = 0x88
IOMMUFD_CMD_HWPT_ALLOC = 0x89
IOMMUFD_CMD_GET_HW_INFO = 0x8A
IOMMUFD_CMD_HWPT_SET_DIRTY_TRACKING = 0x8B
IOMMUFD_CMD_HWPT_GET_DIRTY_BITMAP = 0x8C
IOMMUFD_CMD_IOAS_MAP_FILE = 0x8F

IOMMU_DESTROY = Ioctl.iommufd("IOMMU_DESTROY", IOMMUFD_CMD_DESTROY)
IOMMU_IOAS_ALLOC = Ioctl.iommufd("IOMMU_IOAS_ALLOC", IOMMUFD_CMD_IOAS_ALLOC)
IOMMU_IOAS_ALLOW_IOVAS = Ioctl.iommufd("IOMMU_IOAS_ALLOW_IOVAS", IOMMUFD_CMD_IOAS_ALLOW_IOVAS)
IOMMU_IOAS_COPY = Ioctl.iommufd("IOMMU_IOAS_COPY", IOMMUFD_CMD_IOAS_COPY)
IOMMU_IOAS_IOVA_RANGES = Ioctl.iommufd("IOMMU_IOAS_IOVA_RANGES", IOMMUFD_CMD_IOAS_IOVA_RANGES)
IOMMU_IOAS_MAP = Ioctl.iommufd("IOMMU_IOAS_MAP", IOMMUFD_CMD_IOAS_MAP)
IOMMU_IOAS_UNMAP = Ioctl.iommufd("IOMMU_IOAS_UNMAP", IOMMUFD_CMD_IOAS_UNMAP)
IOMMU_OPTION = Ioctl.iommufd("IOMMU_OPTION", IOMMUFD_CMD_OPTION)
IOMMU_VFIO_IOAS = Ioctl.iommufd("IOMMU_VFIO_IOAS", IOMMUFD_CMD_VFIO_IOAS)
IOMMU_HWPT_ALLOC = Ioctl.iommufd("IOMMU_HWPT_ALLOC", IOMMUFD_CMD_HWPT_ALLOC)
IOMMU_GET_HW_INFO = Ioctl.iommufd("IOMMU_GET_HW_INFO", IOMMUFD_CMD_GET_HW_INFO)
IOMMU_HWPT_SET_DIRTY_TRACKING = Ioctl.iommufd(
    "IOMMU_HWPT_SET_DIRTY_TRACKING", IOMMUFD_CMD_HWPT_SET_DIRTY_TRACKING
)
IOMMU_HWPT_GET_DIRTY_BITMAP = Ioctl.iommufd(
    "IOMMU_HWPT_GET_DIRTY_BITMAP", IOMMUFD_CMD_HWPT_GET_DIRTY_BITMAP
)
IOMMU_IOAS_MAP_FILE = Ioctl.iommufd("IOMMU_IOAS_MAP_FILE", IOMMUFD_CMD_IOAS_MAP_FILE)


class _Sized(Struct):
    """A struct whose first field tells its size."""

    _size_field_ = "size"


class iommu_destroy(_Sized):
    """An object to take away, by its id."""

    _fields_ = (("size", c_uint32), ("id", c_uint32))


class iommu_ioas_alloc(_Sized):
    """Makes an address space; its id comes back."""

    _fields_ = (("size", c_uint32), ("flags", c_uint32), ("out_ioas_id", c_uint32))


class iommu_iova_range(Struct):
    """Addresses from `start` to `last`, both among them."""

    _fields_ = (("start", c_uint64), ("last", c_uint64))


class iommu_ioas_iova_ranges(_Sized):
    """Where mappings can be; `num_iovas` is the room at `allowed_iovas`, and then what there is."""

    _fields_ = (
        ("size", c_uint32),
        ("ioas_id", c_uint32),
        ("num_iovas", c_uint32),
        ("__reserved", c_uint32),
        ("allowed_iovas", c_uint64),
        ("out_iova_alignment", c_uint64),
    )


class iommu_ioas_allow_iovas(_Sized):
    """Where mappings must be possible, whichever devices come."""

    _fields_ = (
        ("size", c_uint32),
        ("ioas_id", c_uint32),
        ("num_iovas", c_uint32),
        ("__reserved", c_uint32),
        ("allowed_iovas", c_uint64),
    )


IOMMU_IOAS_MAP_FIXED_IOVA = 1 << 0
IOMMU_IOAS_MAP_WRITEABLE = 1 << 1
IOMMU_IOAS_MAP_READABLE = 1 << 2


class iommu_ioas_map(_Sized):
    """`length` bytes of the process at `user_va`, for devices at `iova`."""

    _fields_ = (
        ("size", c_uint32),
        ("flags", c_uint32),
        ("ioas_id", c_uint32),
        ("__reserved", c_uint32),
        ("user_va", c_uint64),
        ("length", c_uint64),
        ("iova", c_uint64),
    )


class iommu_ioas_map_file(_Sized):
    """`length` bytes from `start` of the file `fd` - a memfd, or a dma-buf - for devices."""

    _fields_ = (
        ("size", c_uint32),
        ("flags", c_uint32),
        ("ioas_id", c_uint32),
        ("fd", c_int32),
        ("start", c_uint64),
        ("length", c_uint64),
        ("iova", c_uint64),
    )


class iommu_ioas_copy(_Sized):
    """What is mapped in one address space, for another."""

    _fields_ = (
        ("size", c_uint32),
        ("flags", c_uint32),
        ("dst_ioas_id", c_uint32),
        ("src_ioas_id", c_uint32),
        ("length", c_uint64),
        ("dst_iova", c_uint64),
        ("src_iova", c_uint64),
    )


class iommu_ioas_unmap(_Sized):
    """Mappings to take away; `length` comes back as the bytes that were mapped."""

    _fields_ = (
        ("size", c_uint32),
        ("ioas_id", c_uint32),
        ("iova", c_uint64),
        ("length", c_uint64),
    )


IOMMU_OPTION_RLIMIT_MODE = 0
IOMMU_OPTION_HUGE_PAGES = 1
IOMMU_OPTION_OP_SET = 0
IOMMU_OPTION_OP_GET = 1


class iommu_option(_Sized):
    """A value to read or to set: of one object, or of the whole iommufd."""

    _fields_ = (
        ("size", c_uint32),
        ("option_id", c_uint32),
        ("op", c_uint16),
        ("__reserved", c_uint16),
        ("object_id", c_uint32),
        ("val64", c_uint64),
    )


IOMMU_VFIO_IOAS_GET = 0
IOMMU_VFIO_IOAS_SET = 1
IOMMU_VFIO_IOAS_CLEAR = 2


class iommu_vfio_ioas(_Sized):
    """Which address space is meant where the iommufd serves as a container."""

    _fields_ = (
        ("size", c_uint32),
        ("ioas_id", c_uint32),
        ("op", c_uint16),
        ("__reserved", c_uint16),
    )


IOMMU_HWPT_ALLOC_NEST_PARENT = 1 << 0
IOMMU_HWPT_ALLOC_DIRTY_TRACKING = 1 << 1
IOMMU_HWPT_FAULT_ID_VALID = 1 << 2
IOMMU_HWPT_ALLOC_PASID = 1 << 3

IOMMU_HWPT_DATA_NONE = 0


class iommu_hwpt_alloc(_Sized):
    """Makes a page table of an address space, fit for a device; its id comes back."""

    _fields_ = (
        ("size", c_uint32),
        ("flags", c_uint32),
        ("dev_id", c_uint32),
        ("pt_id", c_uint32),
        ("out_hwpt_id", c_uint32),
        ("__reserved", c_uint32),
        ("data_type", c_uint32),
        ("data_len", c_uint32),
        ("data_uptr", c_uint64),
        ("fault_id", c_uint32),
        ("__reserved2", c_uint32),
    )


IOMMU_HW_INFO_VTD_ERRATA_772415_SPR17 = 1 << 0


class iommu_hw_info_vtd(Struct):
    """What Intel's VT-d tells of itself: its capability registers."""

    _fields_ = (
        ("flags", c_uint32),
        ("__reserved", c_uint32),
        ("cap_reg", c_uint64),
        ("ecap_reg", c_uint64),
    )


IOMMU_HW_INFO_TYPE_NONE = 0
IOMMU_HW_INFO_TYPE_DEFAULT = 0
IOMMU_HW_INFO_TYPE_INTEL_VTD = 1
IOMMU_HW_INFO_TYPE_ARM_SMMUV3 = 2
IOMMU_HW_INFO_TYPE_TEGRA241_CMDQV = 3

IOMMU_HW_INFO_FLAG_INPUT_TYPE = 1 << 0

IOMMU_HW_CAP_DIRTY_TRACKING = 1 << 0
IOMMU_HW_CAP_PCI_PASID_EXEC = 1 << 1
IOMMU_HW_CAP_PCI_PASID_PRIV = 1 << 2
IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED = 1 << 3


class _WantedOrGiven(Union):
    """Kind of information that is asked for, and then that is told."""

    _fields_ = (("in_data_type", c_uint32), ("out_data_type", c_uint32))


class iommu_hw_info(_Sized):
    """What the IOMMU of a device can. `data_len` is the room at `data_uptr`, then what there is."""

    _anonymous_ = ("data_type",)
    _fields_ = (
        ("size", c_uint32),
        ("flags", c_uint32),
        ("dev_id", c_uint32),
        ("data_len", c_uint32),
        ("data_uptr", c_uint64),
        ("data_type", _WantedOrGiven),
        ("out_max_pasid_log2", c_uint8),
        ("__reserved", c_uint8 * 3),
        ("out_capabilities", c_uint64),
    )


IOMMU_HWPT_DIRTY_TRACKING_ENABLE = 1


class iommu_hwpt_set_dirty_tracking(_Sized):
    """Starts or ends the tracking of dirty pages in a page table."""

    _fields_ = (
        ("size", c_uint32),
        ("flags", c_uint32),
        ("hwpt_id", c_uint32),
        ("__reserved", c_uint32),
    )


IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR = 1


class iommu_hwpt_get_dirty_bitmap(_Sized):
    """Whose dirty pages to read, and the address to put their bits at."""

    _fields_ = (
        ("size", c_uint32),
        ("hwpt_id", c_uint32),
        ("flags", c_uint32),
        ("__reserved", c_uint32),
        ("iova", c_uint64),
        ("length", c_uint64),
        ("page_size", c_uint64),
        ("data", c_uint64),
    )
