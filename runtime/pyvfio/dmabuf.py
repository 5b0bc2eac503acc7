# SPDX-License-Identifier: GPL-2.0-or-later
"""Parts of a region as dma-bufs, which other drivers take: DMA from device to device (Linux 6.19)."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence

from pyvfio.errors import VfioError
from pyvfio.features import DeviceFeatures, Feature
from pyvfio.handle import Handle
from pyvfio.info import Area
from pyvfio.uapi import feature as uapi


class DmaBuf(Handle):
    """A dma-buf of a region. Its descriptor is for other drivers; it is closed like any other.

    `Region.export_dma_buf` makes it. When the device is reset or closed, those who have it lose
    their access.

    Attributes:
        areas: What of the region it is made of, in this order.
    """

    areas: tuple[Area, ...] = ()


def export(handle: Handle, region: int, areas: Sequence[Area]) -> DmaBuf:
    """Make a dma-buf of parts of a region (VFIO_DEVICE_FEATURE_DMA_BUF).

    Args:
        handle: The device.
        region: Which one.
        areas: Parts of it, of whole pages each.

    Raises:
        NotAvailable: Linux, or the driver of the device, cannot do that.
        VfioError: the kernel refused.
    """
    kind = uapi.vfio_region_dma_range
    head = uapi.vfio_device_feature_dma_buf(
        region_index=region, open_flags=os.O_RDWR | os.O_CLOEXEC, nr_ranges=len(areas)
    )
    ranges = (kind * len(areas))(*(kind(area.offset, area.size) for area in areas))
    shown = {"region": region, "areas": [(hex(area.offset), hex(area.size)) for area in areas]}
    try:
        fd = DeviceFeatures(handle).transact(
            Feature.DMA_BUF, uapi.VFIO_DEVICE_FEATURE_GET, bytes(head) + bytes(ranges), **shown
        )
    except VfioError as error:
        if error.errno == errno.EINVAL:
            advice = "only memory BARs can be exported, in whole pages, and not MSI-X's table"
            raise error.refined(VfioError, advice) from error
        raise
    made = DmaBuf(handle.kernel, fd, f"dma-buf of {handle.path} region {region}")
    made.areas = tuple(areas)
    return made
