# SPDX-License-Identifier: GPL-2.0-or-later
"""linux/vfio.h: devices of every bus, their regions and interrupts, and binding to iommufd."""

from __future__ import annotations

from ctypes import c_int32, c_uint8, c_uint32, c_uint64

from pyvfio.uapi.base import Ioctl, Struct
from pyvfio.uapi.container import vfio_info_cap_header

VFIO_DEVICE_GET_INFO = Ioctl.vfio("VFIO_DEVICE_GET_INFO", 7)

VFIO_DEVICE_FLAGS_RESET = 1 << 0
VFIO_DEVICE_FLAGS_PCI = 1 << 1
VFIO_DEVICE_FLAGS_PLATFORM = 1 << 2
VFIO_DEVICE_FLAGS_AMBA = 1 << 3
VFIO_DEVICE_FLAGS_CCW = 1 << 4
VFIO_DEVICE_FLAGS_AP = 1 << 5
VFIO_DEVICE_FLAGS_FSL_MC = 1 << 6
VFIO_DEVICE_FLAGS_CAPS = 1 << 7
VFIO_DEVICE_FLAGS_CDX = 1 << 8


class vfio_device_info(Struct):
    """What VFIO_DEVICE_GET_INFO answers, capabilities behind it."""

    _fields_ = (
        ("argsz", c_uint32),
        ("flags", c_uint32),
        ("num_regions", c_uint32),
        ("num_irqs", c_uint32),
        ("cap_offset", c_uint32),
        ("pad", c_uint32),
    )


VFIO_DEVICE_INFO_CAP_PCI_ATOMIC_COMP = 5
VFIO_PCI_ATOMIC_COMP32 = 1 << 0
VFIO_PCI_ATOMIC_COMP64 = 1 << 1
VFIO_PCI_ATOMIC_COMP128 = 1 << 2


class vfio_device_info_cap_pci_atomic_comp(Struct):
    """Which AtomicOps the root complex completes."""

    _fields_ = (("header", vfio_info_cap_header), ("flags", c_uint32), ("reserved", c_uint32))


VFIO_DEVICE_GET_REGION_INFO = Ioctl.vfio("VFIO_DEVICE_GET_REGION_INFO", 8)

VFIO_REGION_INFO_FLAG_READ = 1 << 0
VFIO_REGION_INFO_FLAG_WRITE = 1 << 1
VFIO_REGION_INFO_FLAG_MMAP = 1 << 2
VFIO_REGION_INFO_FLAG_CAPS = 1 << 3


class vfio_region_info(Struct):
    """What VFIO_DEVICE_GET_REGION_INFO answers, capabilities behind it."""

    _fields_ = (
        ("argsz", c_uint32),
        ("flags", c_uint32),
        ("index", c_uint32),
        ("cap_offset", c_uint32),
        ("size", c_uint64),
        ("offset", c_uint64),
    )


VFIO_REGION_INFO_CAP_SPARSE_MMAP = 1
VFIO_REGION_INFO_CAP_TYPE = 2
VFIO_REGION_INFO_CAP_MSIX_MAPPABLE = 3


class vfio_region_sparse_mmap_area(Struct):
    """A part of a region that may be mapped."""

    _fields_ = (("offset", c_uint64), ("size", c_uint64))


class vfio_region_info_cap_sparse_mmap(Struct):
    """That only parts of a region may be mapped, and which."""

    _fields_ = (
        ("header", vfio_info_cap_header),
        ("nr_areas", c_uint32),
        ("reserved", c_uint32),
        ("areas", vfio_region_sparse_mmap_area * 0),
    )


class vfio_region_info_cap_type(Struct):
    """What a region is for, when its index cannot tell."""

    _fields_ = (("header", vfio_info_cap_header), ("type", c_uint32), ("subtype", c_uint32))


VFIO_REGION_TYPE_PCI_VENDOR_TYPE = 1 << 31
VFIO_REGION_TYPE_PCI_VENDOR_MASK = 0xFFFF
VFIO_REGION_SUBTYPE_INTEL_IGD_OPREGION = 1
VFIO_REGION_SUBTYPE_INTEL_IGD_HOST_CFG = 2
VFIO_REGION_SUBTYPE_INTEL_IGD_LPC_CFG = 3

VFIO_DEVICE_GET_IRQ_INFO = Ioctl.vfio("VFIO_DEVICE_GET_IRQ_INFO", 9)

VFIO_IRQ_INFO_EVENTFD = 1 << 0
VFIO_IRQ_INFO_MASKABLE = 1 << 1
VFIO_IRQ_INFO_AUTOMASKED = 1 << 2
VFIO_IRQ_INFO_NORESIZE = 1 << 3


class vfio_irq_info(Struct):
    """What VFIO_DEVICE_GET_IRQ_INFO answers."""

    _fields_ = (
        ("argsz", c_uint32),
        ("flags", c_uint32),
        ("index", c_uint32),
        ("count", c_uint32),
    )


VFIO_DEVICE_SET_IRQS = Ioctl.vfio("VFIO_DEVICE_SET_IRQS", 10)

VFIO_IRQ_SET_DATA_NONE = 1 << 0
VFIO_IRQ_SET_DATA_BOOL = 1 << 1
VFIO_IRQ_SET_DATA_EVENTFD = 1 << 2
VFIO_IRQ_SET_ACTION_MASK = 1 << 3
VFIO_IRQ_SET_ACTION_UNMASK = 1 << 4
VFIO_IRQ_SET_ACTION_TRIGGER = 1 << 5
VFIO_IRQ_SET_DATA_TYPE_MASK = (
    VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_DATA_BOOL | VFIO_IRQ_SET_DATA_EVENTFD
)
VFIO_IRQ_SET_ACTION_TYPE_MASK = (
    VFIO_IRQ_SET_ACTION_MASK | VFIO_IRQ_SET_ACTION_UNMASK | VFIO_IRQ_SET_ACTION_TRIGGER
)


class vfio_irq_set(Struct):
    """An action on interrupts `start` to `start + count - 1`; `data` as `flags` say."""

    _fields_ = (
        ("argsz", c_uint32),
        ("flags", c_uint32),
        ("index", c_uint32),
        ("start", c_uint32),
        ("count", c_uint32),
        ("data", c_uint8 * 0),
    )


VFIO_DEVICE_RESET = Ioctl.vfio("VFIO_DEVICE_RESET", 11)
VFIO_DEVICE_IOEVENTFD = Ioctl.vfio("VFIO_DEVICE_IOEVENTFD", 16)

VFIO_DEVICE_IOEVENTFD_8 = 1 << 0
VFIO_DEVICE_IOEVENTFD_16 = 1 << 1
VFIO_DEVICE_IOEVENTFD_32 = 1 << 2
VFIO_DEVICE_IOEVENTFD_64 = 1 << 3
VFIO_DEVICE_IOEVENTFD_SIZE_MASK = 0xF


class vfio_device_ioeventfd(Struct):
    """A write of `data` at `offset` that the kernel makes when `fd` is signalled."""

    _fields_ = (
        ("argsz", c_uint32),
        ("flags", c_uint32),
        ("offset", c_uint64),
        ("data", c_uint64),
        ("fd", c_int32),
        ("reserved", c_uint32),
    )


VFIO_DEVICE_BIND_IOMMUFD = Ioctl.vfio("VFIO_DEVICE_BIND_IOMMUFD", 18)
VFIO_DEVICE_ATTACH_IOMMUFD_PT = Ioctl.vfio("VFIO_DEVICE_ATTACH_IOMMUFD_PT", 19)
VFIO_DEVICE_DETACH_IOMMUFD_PT = Ioctl.vfio("VFIO_DEVICE_DETACH_IOMMUFD_PT", 20)

VFIO_DEVICE_BIND_FLAG_TOKEN = 1 << 0
VFIO_DEVICE_ATTACH_PASID = 1 << 0
VFIO_DEVICE_DETACH_PASID = 1 << 0


class vfio_device_bind_iommufd(Struct):
    """Ties an open device to an iommufd; `out_devid` is its name there."""

    _fields_ = (
        ("argsz", c_uint32),
        ("flags", c_uint32),
        ("iommufd", c_int32),
        ("out_devid", c_uint32),
        ("token_uuid_ptr", c_uint64),
    )


class vfio_device_attach_iommufd_pt(Struct):
    """Gives a device the page table, or the address space, `pt_id`."""

    _fields_ = (
        ("argsz", c_uint32),
        ("flags", c_uint32),
        ("pt_id", c_uint32),
        ("pasid", c_uint32),
    )


class vfio_device_detach_iommufd_pt(Struct):
    """Takes a device's page table away."""

    _fields_ = (("argsz", c_uint32), ("flags", c_uint32), ("pasid", c_uint32))
