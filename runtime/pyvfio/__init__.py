# SPDX-License-Identifier: GPL-2.0-or-later
"""Linux VFIO through ctypes: PCI devices for a process of yours.

    import pyvfio

    with pyvfio.open_device("0000:00:10.0") as device, device.bar(0).map() as registers:
        print(hex(registers.read32(0)))

Everything that is opened is a context manager. Everything that fails is a `VfioError`, which tells
the call, what it was asked of, with what, and what to do.
"""

from pyvfio import errors, uapi
from pyvfio.address import PciAddress
from pyvfio.binding import Binding, bind, unbind
from pyvfio.container import Container
from pyvfio.device import Device
from pyvfio.dirty import DirtyBitmap, DirtyTracking, DmaLogging, HwptDirtyTracking
from pyvfio.dma import AddressSpace, DmaMapping
from pyvfio.dmabuf import DmaBuf
from pyvfio.errors import VfioError
from pyvfio.eventfd import EventFd
from pyvfio.features import DeviceFeatures, Feature
from pyvfio.group import Group
from pyvfio.ioas import Hwpt, Ioas
from pyvfio.ioeventfd import IoEventFd
from pyvfio.iommu import Iommu
from pyvfio.iommufd import HwInfo, Iommufd
from pyvfio.iova import IovaAllocator, IovaRange
from pyvfio.kernel import KERNEL, Kernel
from pyvfio.mapping import MappedRegion
from pyvfio.migration import Migration, MigrationStream, PrecopyInfo
from pyvfio.migstate import MigFlags, MigState
from pyvfio.noiommu import NoIommu
from pyvfio.opening import BackendChoice, choose_backend, open_device
from pyvfio.pciconfig import ConfigSpace
from pyvfio.power import LowPower
from pyvfio.region import Region
from pyvfio.sysfs import Sysfs

__all__ = [
    "KERNEL",
    "AddressSpace",
    "BackendChoice",
    "Binding",
    "ConfigSpace",
    "Container",
    "Device",
    "DeviceFeatures",
    "DirtyBitmap",
    "DirtyTracking",
    "DmaBuf",
    "DmaLogging",
    "DmaMapping",
    "EventFd",
    "Feature",
    "Group",
    "HwInfo",
    "Hwpt",
    "HwptDirtyTracking",
    "IoEventFd",
    "Ioas",
    "Iommu",
    "Iommufd",
    "IovaAllocator",
    "IovaRange",
    "Kernel",
    "LowPower",
    "MappedRegion",
    "MigFlags",
    "MigState",
    "Migration",
    "MigrationStream",
    "NoIommu",
    "PciAddress",
    "PrecopyInfo",
    "Region",
    "Sysfs",
    "VfioError",
    "bind",
    "choose_backend",
    "errors",
    "open_device",
    "uapi",
    "unbind",
]
