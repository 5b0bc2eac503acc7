# SPDX-License-Identifier: GPL-2.0-or-later
"""linux/vfio.h: the regions, interrupts and hot reset of vfio-pci."""

from __future__ import annotations

from ctypes import Union, c_int32, c_uint8, c_uint16, c_uint32

from pyvfio.uapi.base import Ioctl, Struct

VFIO_PCI_BAR0_REGION_INDEX = 0
VFIO_PCI_BAR1_REGION_INDEX = 1
VFIO_PCI_BAR2_REGION_INDEX = 2
VFIO_PCI_BAR3_REGION_INDEX = 3
VFIO_PCI_BAR4_REGION_INDEX = 4
VFIO_PCI_BAR5_REGION_INDEX = 5
VFIO_PCI_ROM_REGION_INDEX = 6
VFIO_PCI_CONFIG_REGION_INDEX = 7
VFIO_PCI_VGA_REGION_INDEX = 8
VFIO_PCI_NUM_REGIONS = 9

VFIO_PCI_INTX_IRQ_INDEX = 0
VFIO_PCI_MSI_IRQ_INDEX = 1
VFIO_PCI_MSIX_IRQ_INDEX = 2
VFIO_PCI_ERR_IRQ_INDEX = 3
VFIO_PCI_REQ_IRQ_INDEX = 4
VFIO_PCI_NUM_IRQS = 5

VFIO_DEVICE_GET_PCI_HOT_RESET_INFO = Ioctl.vfio("VFIO_DEVICE_GET_PCI_HOT_RESET_INFO", 12)
VFIO_DEVICE_PCI_HOT_RESET = Ioctl.vfio("VFIO_DEVICE_PCI_HOT_RESET", 13)

VFIO_PCI_HOT_RESET_FLAG_DEV_ID = 1 << 0
VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED = 1 << 1
VFIO_PCI_DEVID_OWNED = 0
VFIO_PCI_DEVID_NOT_OWNED = -1


class _GroupOrDevice(Union):
    """Group of a device on the container's path, iommufd's name of it on the other."""

    _fields_ = (("group_id", c_uint32), ("devid", c_uint32))


class vfio_pci_dependent_device(Struct):
    """A device that a hot reset resets too."""

    _anonymous_ = ("owner",)
    _fields_ = (
        ("owner", _GroupOrDevice),
        ("segment", c_uint16),
        ("bus", c_uint8),
        ("devfn", c_uint8),
    )


class vfio_pci_hot_reset_info(Struct):
    """What VFIO_DEVICE_GET_PCI_HOT_RESET_INFO answers."""

    _fields_ = (
        ("argsz", c_uint32),
        ("flags", c_uint32),
        ("count", c_uint32),
        ("devices", vfio_pci_dependent_device * 0),
    )


class vfio_pci_hot_reset(Struct):
    """A hot reset, and the groups whose descriptors show that they are the caller's."""

    _fields_ = (
        ("argsz", c_uint32),
        ("flags", c_uint32),
        ("count", c_uint32),
        ("group_fds", c_int32 * 0),
    )
