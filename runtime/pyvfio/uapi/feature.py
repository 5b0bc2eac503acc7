# SPDX-License-Identifier: GPL-2.0-or-later
"""linux/vfio.h: what a device may have besides: VF tokens, migration, power, DMA logs, dma-bufs."""

from __future__ import annotations

from ctypes import c_int32, c_uint8, c_uint32, c_uint64

from pyvfio.uapi.base import Ioctl, Struct

VFIO_DEVICE_FEATURE = Ioctl.vfio("VFIO_DEVICE_FEATURE", 17)

VFIO_DEVICE_FEATURE_MASK = 0xFFFF
VFIO_DEVICE_FEATURE_GET = 1 << 16
VFIO_DEVICE_FEATURE_SET = 1 << 17
VFIO_DEVICE_FEATURE_PROBE = 1 << 18

VFIO_DEVICE_FEATURE_PCI_VF_TOKEN = 0
VFIO_DEVICE_FEATURE_MIGRATION = 1
VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE = 2
VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY = 3
VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP = 4
VFIO_DEVICE_FEATURE_LOW_POWER_EXIT = 5
VFIO_DEVICE_FEATURE_DMA_LOGGING_START = 6
VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP = 7
VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT = 8
VFIO_DEVICE_FEATURE_MIG_DATA_SIZE = 9
VFIO_DEVICE_FEATURE_BUS_MASTER = 10
VFIO_DEVICE_FEATURE_DMA_BUF = 11
VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2 = 12


class vfio_device_feature(Struct):
    """A feature's number and what to do with it in `flags`; `data` is the feature's own."""

    _fields_ = (("argsz", c_uint32), ("flags", c_uint32), ("data", c_uint8 * 0))


VFIO_MIGRATION_STOP_COPY = 1 << 0
VFIO_MIGRATION_P2P = 1 << 1
VFIO_MIGRATION_PRE_COPY = 1 << 2


class vfio_device_feature_migration(Struct):
    """Which states of migration a device knows."""

    _fields_ = (("flags", c_uint64),)


VFIO_DEVICE_STATE_ERROR = 0
VFIO_DEVICE_STATE_STOP = 1
VFIO_DEVICE_STATE_RUNNING = 2
VFIO_DEVICE_STATE_STOP_COPY = 3
VFIO_DEVICE_STATE_RESUMING = 4
VFIO_DEVICE_STATE_RUNNING_P2P = 5
VFIO_DEVICE_STATE_PRE_COPY = 6
VFIO_DEVICE_STATE_PRE_COPY_P2P = 7


class vfio_device_feature_mig_state(Struct):
    """A state of migration, and the descriptor of the data that entering it opened."""

    _fields_ = (("device_state", c_uint32), ("data_fd", c_int32))


VFIO_MIG_GET_PRECOPY_INFO = Ioctl.vfio("VFIO_MIG_GET_PRECOPY_INFO", 21)

VFIO_PRECOPY_INFO_REINIT = 1 << 0


class vfio_precopy_info(Struct):
    """How much there is to copy while the device still runs."""

    _fields_ = (
        ("argsz", c_uint32),
        ("flags", c_uint32),
        ("initial_bytes", c_uint64),
        ("dirty_bytes", c_uint64),
    )


class vfio_device_feature_mig_data_size(Struct):
    """How much there is to copy when the device has stopped."""

    _fields_ = (("stop_copy_length", c_uint64),)


class vfio_device_low_power_entry_with_wakeup(Struct):
    """The eventfd that tells of a wake-up."""

    _fields_ = (("wakeup_eventfd", c_int32), ("reserved", c_uint32))


class vfio_device_feature_dma_logging_control(Struct):
    """Where to log the device's writes, and in what page size."""

    _fields_ = (
        ("page_size", c_uint64),
        ("num_ranges", c_uint32),
        ("__reserved", c_uint32),
        ("ranges", c_uint64),
    )


class vfio_device_feature_dma_logging_range(Struct):
    """Addresses whose writes are logged."""

    _fields_ = (("iova", c_uint64), ("length", c_uint64))


class vfio_device_feature_dma_logging_report(Struct):
    """Whose log to read, and the address to put its bits at."""

    _fields_ = (
        ("iova", c_uint64),
        ("length", c_uint64),
        ("page_size", c_uint64),
        ("bitmap", c_uint64),
    )


VFIO_DEVICE_FEATURE_CLEAR_MASTER = 0
VFIO_DEVICE_FEATURE_SET_MASTER = 1


class vfio_device_feature_bus_master(Struct):
    """Whether a CDX device may do DMA."""

    _fields_ = (("op", c_uint32),)


class vfio_region_dma_range(Struct):
    """A part of a region that a dma-buf is made of."""

    _fields_ = (("offset", c_uint64), ("length", c_uint64))


class vfio_device_feature_dma_buf(Struct):
    """Which parts of which region to make a dma-buf of; the answer is its descriptor."""

    _fields_ = (
        ("region_index", c_uint32),
        ("open_flags", c_uint32),
        ("flags", c_uint32),
        ("nr_ranges", c_uint32),
        ("dma_ranges", vfio_region_dma_range * 0),
    )
