# SPDX-License-Identifier: GPL-2.0-or-later
"""Where devices and memory meet: what the container's path and iommufd's have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pyvfio.closing import Closing
from pyvfio.iova import IovaRange
from pyvfio.kernel import Kernel

if TYPE_CHECKING:
    from pyvfio.device import Device
    from pyvfio.dma import AddressSpace
    from pyvfio.reset import AffectedDevice
    from pyvfio.sysfs import Place


class Translation(ABC):
    """What translates addresses of devices: a container, or an address space of an iommufd.

    Attributes:
        kernel: Whose it is.
    """

    kernel: Kernel

    @property
    @abstractmethod
    def dma(self) -> AddressSpace:
        """What is mapped in it."""

    @abstractmethod
    def page_size(self) -> int:
        """Return the smallest page, in bytes, that all mappings are multiples of."""

    @abstractmethod
    def iova_ranges(self) -> tuple[IovaRange, ...]:
        """Return where DMA can be mapped now; another device may make it less."""

    @abstractmethod
    def map_dma(self, vaddr: int, iova: int, size: int, *, read: bool, write: bool) -> None:
        """Let devices reach `size` bytes of this process at `vaddr` through `iova`.

        Raises:
            VfioError: Misaligned, IovaOutOfRange, DmaOverlap, MemlockExceeded, or as it comes.
        """

    @abstractmethod
    def unmap_dma(self, iova: int, size: int) -> int:
        """Take away the mappings within these addresses; return how many bytes were mapped.

        Raises:
            VfioError: the kernel refused: EINVAL or ENOENT to split a mapping.
        """

    @abstractmethod
    def unmap_all_dma(self) -> int:
        """Take away all mappings; return how many bytes were mapped."""


class Iommu(Translation, Closing):
    """Devices and address spaces of theirs in the kernel: a container, or an iommufd.

    Its own translation is that of the devices that it opens.

    Attributes:
        path: The file that it was opened by.
        kind: What it is, for messages: `type1`, `iommufd`, `noiommu`.
    """

    path: str
    kind: str

    @abstractmethod
    def open_device(self, where: Place | str, *, vf_token: str | None = None) -> Device:
        """Open a device and let it use this address space."""

    @abstractmethod
    def hot_reset_owned(self, affected: Sequence[AffectedDevice]) -> tuple[bool, ...]:
        """Tell for each device whether it is this process's, so that its bus may be reset."""

    @abstractmethod
    def hot_reset_fds(self, affected: Sequence[AffectedDevice]) -> tuple[int, ...]:
        """Return the descriptors that prove to the kernel whose the devices are."""

    @abstractmethod
    def close(self) -> None:
        """Close the devices, take the mappings away, and close what is left."""
