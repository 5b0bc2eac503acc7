# SPDX-License-Identifier: GPL-2.0-or-later
"""A device: its regions, its interrupts, its resets."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import cached_property
from typing import TYPE_CHECKING

from pyvfio import errors, irqset
from pyvfio import reset as resets
from pyvfio.closing import Closing
from pyvfio.dirty import DmaLogging
from pyvfio.features import DeviceFeatures
from pyvfio.handle import Handle
from pyvfio.info import DeviceInfo, IrqInfo, RegionInfo
from pyvfio.iova import IovaRange
from pyvfio.irq import ErrorIrq, Intx, Irq, Msi, Msix, RequestIrq
from pyvfio.mapping import Mappings
from pyvfio.migration import Migration
from pyvfio.pciconfig import ConfigSpace
from pyvfio.power import LowPower
from pyvfio.region import Region
from pyvfio.uapi import pci

if TYPE_CHECKING:
    from pyvfio.cdev import Binding, PageTable
    from pyvfio.dma import AddressSpace
    from pyvfio.iommu import Iommu


class Device(Closing):
    """An open device. `Iommu.open_device` and `open_device` make it.

    Closing it switches its interrupts off and unmaps its regions. DMA mappings belong to the
    address space, which devices may share: they go with that.

    Attributes:
        handle: Its descriptor.
        iommu: The container or the iommufd that it was opened with.
        info: What it has.
        intx: Its pin interrupt.
        msi: Its message signalled interrupts.
        msix: Those with a table in a BAR.
        err: The kernel's word of errors.
        req: The kernel's wish to have the device back.
        features: What it has besides.
        migration: What it holds, to be saved and loaded.
    """

    def __init__(
        self,
        handle: Handle,
        iommu: Iommu,
        *,
        closed: Callable[[Device], None] | None = None,
        binding: Binding | None = None,
    ) -> None:
        self.handle = handle
        self.iommu = iommu
        self.info = DeviceInfo.ask(handle)
        self._closed = closed
        self._binding = binding
        self._with_it = ExitStack()
        self._mappings = Mappings(handle)
        self._regions: dict[int, Region] = {}
        self._irqs: list[Irq] = []
        self.intx = Intx(handle, self._irqs)
        self.msi = Msi(handle, self._irqs)
        self.msix = Msix(handle, self._irqs)
        self.err = ErrorIrq(handle, self._irqs)
        self.req = RequestIrq(handle, self._irqs)
        self._irqs += [self.intx, self.msi, self.msix, self.err, self.req]
        self.features = DeviceFeatures(handle)
        self.migration = Migration(handle, self.features)

    def __repr__(self) -> str:
        return f"Device({self.name}{', closed' if self.handle.closed else ''})"

    @property
    def name(self) -> str:
        """What VFIO knows it by; for PCI the address."""
        return self.handle.path

    @property
    def dma(self) -> AddressSpace:
        """The memory that it reaches.

        Raises:
            NotAttached: it was detached from its address space.
        """
        if self._binding is None:
            return self.iommu.dma
        if self._binding.target is None:
            advice = "the device is attached to no address space: attach it"
            raise errors.NotAttached(errno.ENODEV, "dma", self.name, advice=advice)
        return self._binding.target.dma

    @property
    def device_id(self) -> int | None:
        """Its number in the iommufd; None if it was opened through its group."""
        return None if self._binding is None else self._binding.device_id

    @property
    def attached_to(self) -> PageTable | None:
        """The address space or page table of an iommufd that it uses; None if none."""
        return None if self._binding is None else self._binding.target

    @property
    def page_table_id(self) -> int | None:
        """Id of the page table of an iommufd that it uses; None if none.

        Where it is attached to an address space, the kernel has made or chosen one.
        """
        number = 0 if self._binding is None else self._binding.page_table
        return number or None

    def attach(self, target: PageTable, *, pasid: int | None = None) -> None:
        """Let it use an address space or a page table of its iommufd, in place of what it has.

        Args:
            target: What to use.
            pasid: Which of the device's address spaces is meant, if it tells several apart; None
                for that of all its other DMA.

        Raises:
            NotAvailable: it was opened through its group; or there are no PASIDs.
            IovaOutOfRange: something is mapped where this device can have no mapping.
            MemlockExceeded: what is mapped would be pinned now, and may not.
            VfioError: the kernel refused; it stays where it was.
        """
        self._bound("VFIO_DEVICE_ATTACH_IOMMUFD_PT").attach(target, pasid)

    def detach(self, *, pasid: int | None = None) -> None:
        """Let it reach no memory, until it is attached again; a second time does nothing.

        Raises:
            NotAvailable: it was opened through its group; or there are no PASIDs.
            VfioError: the kernel refused.
        """
        self._bound("VFIO_DEVICE_DETACH_IOMMUFD_PT").detach(pasid)

    def _bound(self, call: str) -> Binding:
        if self._binding is None:
            advice = (
                "the device was opened through its group, whose container is all that it can use:"
                " open it with an Iommufd"
            )
            raise errors.NotAvailable(errno.EINVAL, call, self.name, advice=advice)
        return self._binding

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self.handle.closed

    def fileno(self) -> int:
        """Return the descriptor.

        Raises:
            Closed: there is none any more.
        """
        return self.handle.fileno()

    def region_info(self, index: int) -> RegionInfo:
        """Tell of a region.

        Raises:
            VfioError: the kernel refused: EINVAL if there is no such index.
            MalformedReply: the kernel's answer makes no sense.
        """
        return self.region(index).info

    def region(self, index: int) -> Region:
        """Return a region by its number (VFIO_PCI_*_REGION_INDEX); errors as `region_info`."""
        if (known := self._regions.get(index)) is not None:
            return known
        kind = ConfigSpace if self._is_config(index) else Region
        region = kind(self.handle, RegionInfo.ask(self.handle, index), self._mappings)
        self._regions[index] = region
        return region

    def _is_config(self, index: int) -> bool:
        return self.info.pci and index == pci.VFIO_PCI_CONFIG_REGION_INDEX

    def bar(self, number: int) -> Region:
        """Return a BAR, of size 0 if the device has none; errors as `region_info`.

        Raises:
            ValueError: there are BARs 0 to 5.
        """
        if not 0 <= number <= 5:
            raise ValueError(f"BAR {number}: there are 0 to 5")
        return self.region(pci.VFIO_PCI_BAR0_REGION_INDEX + number)

    @property
    def rom(self) -> Region:
        """The expansion ROM, of size 0 if there is none; errors as `region_info`."""
        return self.region(pci.VFIO_PCI_ROM_REGION_INDEX)

    @cached_property
    def config(self) -> ConfigSpace:
        """Configuration space; errors as `region_info`.

        Raises:
            TypeError: the device is none of PCI's.
        """
        region = self.region(pci.VFIO_PCI_CONFIG_REGION_INDEX)
        if not isinstance(region, ConfigSpace):
            raise TypeError(f"{self.name} is no PCI device")
        return region

    @property
    def irqs(self) -> tuple[Irq, ...]:
        """All kinds of interrupt that a PCI device may have."""
        return tuple(self._irqs)

    def irq_info(self, index: int) -> IrqInfo:
        """Tell of a kind of interrupt (VFIO_PCI_*_IRQ_INDEX).

        Raises:
            VfioError: the kernel refused: EINVAL if the device cannot have it.
        """
        return IrqInfo.ask(self.handle, index)

    def set_irqs(self, index: int, flags: int, start: int, count: int, data: bytes = b"") -> int:
        """Order interrupts in the kernel's own words (VFIO_DEVICE_SET_IRQS); see `irqset.order`.

        What `intx`, `msi` and the others know of the device, they do not learn from this.

        Raises:
            VfioError: the kernel refused.
        """
        return irqset.order(self.handle, index, flags, start, count, data)

    def reset(self) -> None:
        """Reset the function alone.

        Its registers are as after power-on; configuration space and interrupts are put back by
        the kernel.

        Raises:
            ResetUnsupported: Linux has no way to.
            VfioError: the kernel refused.
        """
        resets.reset(self.handle)
        self.migration.end_session()

    def dma_logging(
        self, ranges: Iterable[IovaRange] | None = None, page_size: int = 4096
    ) -> DmaLogging:
        """Let the device log where it writes, which few can.

        Args:
            ranges: Which addresses; None for all that are mapped now.
            page_size: Bytes. The device may choose another one: `DmaLogging.page_size`.

        Raises:
            NotAvailable: the device, or its driver, cannot.
            VfioError: the kernel refused: there are too many ranges, or these are not whole pages.
        """
        if ranges is None:
            ranges = [IovaRange(m.iova, m.iova + m.size - 1) for m in self.dma.mappings]
        return DmaLogging(self.features, ranges, page_size)

    def low_power(self, *, wakeup: bool = False) -> LowPower:
        """Let Linux put the device to sleep while nobody uses it.

        Args:
            wakeup: Make an eventfd that tells when it has woken, from when on it stays awake.

        Raises:
            NotAvailable: the driver of the device leaves its power alone.
            MappingInUse: a region is mapped: an access to it would end this process.
            VfioError: the kernel refused: EINVAL if it may sleep already.
        """
        return LowPower(self.handle, self.features, self._mappings, wakeup=wakeup)

    def hot_reset_info(self) -> resets.HotResetInfo:
        """Tell which devices a hot reset affects.

        Raises:
            ResetUnsupported: the device is on a root bus.
            VfioError: the kernel refused.
        """
        return resets.hot_reset_info(self.handle)

    def hot_reset(self) -> resets.HotResetInfo:
        """Reset all on the device's bus or slot, if all of it is this process's; tell which.

        Raises:
            HotResetBlocked: some are not, or have no driver of VFIO.
            ResetUnsupported: the bus cannot be reset.
            VfioError: the kernel refused.
        """
        done = resets.hot_reset(self.handle, self.iommu)
        self.migration.end_session()
        return done

    def close_with(self, other: Iommu) -> None:
        """Close an address space when this is closed, since it was opened for this alone."""
        self._with_it.callback(other.close)

    def close(self) -> None:
        """Switch interrupts off, unmap regions, close: all of it, whatever fails.

        Raises:
            MappingInUse: a view of a region lives on. All else is closed; the device and its
                group stay busy until the view is gone.
            VfioError: the kernel reported a failure, the last if there were several.
        """
        with self._with_it.pop_all() as last:
            if self._closed is not None:
                last.callback(self._closed, self)
            last.callback(self.handle.close)
            if self._binding is not None:
                # While a mapping lives on, the kernel would keep it attached.
                last.callback(self._binding.release)
            last.callback(self._mappings.close)
            last.callback(self.migration.end_session)
            for irq in self._irqs:
                last.callback(irq.abandon)
                last.callback(irq.disable)
