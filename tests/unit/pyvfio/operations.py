# SPDX-License-Identifier: GPL-2.0-or-later
"""What a user can ask of pyvfio, each as something to prepare, to do, and to give back."""

from __future__ import annotations

import asyncio
import mmap
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pyvfio
from pyvfio import PciAddress, Sysfs, binding
from pyvfio.cli import main
from pyvfio.container import Container
from pyvfio.device import Device
from pyvfio.eventfd import EventFd
from tests.unit.pyvfio.fake.kernel import FakeKernel
from tests.unit.pyvfio.fake.machines import DISK, EDU, NIC, NIC_GROUP, SPARSE, TOKEN, TWIN, VIRTUAL


@dataclass(frozen=True)
class Operation:
    """One thing to do.

    Attributes:
        name: What it is.
        prepare: Opens what it is done to; all that is put on the stack is closed afterwards.
        do: Does it, and returns what is to be closed to give it back, or None.
    """

    name: str
    prepare: Callable[[FakeKernel, ExitStack], Any]
    do: Callable[[Any], Any]


def kernel_only(kernel: FakeKernel, _stack: ExitStack) -> FakeKernel:
    """Prepare nothing."""
    return kernel


def container(kernel: FakeKernel, stack: ExitStack) -> Container:
    """Open a container."""
    return stack.enter_context(Container(kernel))


def device(name: str) -> Callable[[FakeKernel, ExitStack], Device]:
    """Open a device."""

    def prepare(kernel: FakeKernel, stack: ExitStack) -> Device:
        return stack.enter_context(pyvfio.open_device(name, kernel=kernel))

    return prepare


def mapped(kernel: FakeKernel, stack: ExitStack) -> Device:
    """Open a device and map memory for it."""
    opened = device(NIC)(kernel, stack)
    opened.dma.allocate(4096)
    return opened


def intx(kernel: FakeKernel, stack: ExitStack) -> Device:
    """Open a device and switch INTx on."""
    opened = device(NIC)(kernel, stack)
    opened.intx.enable()
    return opened


def msix(kernel: FakeKernel, stack: ExitStack) -> Device:
    """Open a device and switch two vectors of five on."""
    opened = device(NIC)(kernel, stack)
    opened.msix.enable(2, reserve=5)
    return opened


def all_on(kernel: FakeKernel, stack: ExitStack) -> Device:
    """Open a device, map a BAR and memory, and switch interrupts on."""
    opened = msix(kernel, stack)
    opened.req.enable()
    opened.bar(0).map()
    opened.dma.allocate(4096)
    return opened


def eventfd(kernel: FakeKernel, stack: ExitStack) -> EventFd:
    """Make a counter."""
    return stack.enter_context(EventFd(kernel))


class Closer:
    """Something to close that is several things."""

    def __init__(self, *those: Any) -> None:
        self.those = those

    def close(self) -> None:
        """Close all, the last first."""
        with ExitStack() as stack:
            for each in self.those:
                stack.callback(each.close)


class Unmapper:
    """A DMA mapping to unmap."""

    def __init__(self, mapping: pyvfio.DmaMapping) -> None:
        self.close = mapping.unmap


def pages(opened: Device) -> Unmapper:
    """Map memory of the caller's own."""
    memory = mmap.mmap(-1, 8192)
    return Unmapper(opened.dma.map(memory, iova=1 << 32))


def signalled(counter: EventFd) -> None:
    """Signal a counter and wait for it in both ways."""
    counter.signal()
    counter.wait(1.0)
    counter.signal()
    asyncio.run(counter.wait_async(1.0))


def accesses(opened: Device) -> None:
    """Access a BAR by calls."""
    bar = opened.bar(0)
    bar.write8(0, 1)
    bar.write16(2, 1)
    bar.write32(4, 1)
    bar.write64(8, bar.read8(0) + bar.read16(2) + bar.read32(4))
    bar.write(16, bar.read(0, 16))


def grow(opened: Device) -> Any:
    """Add vectors to some that are on, and take some away."""
    first = opened.msix.enable(2)
    more = opened.msix.enable(2, start=2)
    first.close()
    return more


class Resampling:
    """An eventfd that unmasks INTx."""

    def __init__(self, opened: Device) -> None:
        self.intx = opened.intx
        with ExitStack() as undo:
            self.eventfd = undo.enter_context(EventFd(opened.handle.kernel))
            self.intx.resample(self.eventfd)
            undo.pop_all()

    def close(self) -> None:
        """Take it away."""
        with self.eventfd:
            self.intx.resample(None)


def served(opened: Device) -> Resampling:
    """Go through INTx's life while it is on."""
    opened.intx.mask()
    opened.intx.unmask()
    opened.intx.trigger()
    return Resampling(opened)


def twins(kernel: FakeKernel, stack: ExitStack) -> Device:
    """Open both functions of a group."""
    whole = container(kernel, stack)
    first = whole.open_device(TWIN)
    whole.open_device("0000:04:00.1")
    return first


class Undo:
    """A binding to undo."""

    def __init__(self, made: binding.Binding) -> None:
        self.close = made.undo


def command(*arguments: str) -> Callable[[FakeKernel], None]:
    """Run the command line."""

    def do(kernel: FakeKernel) -> None:
        main(arguments, kernel)

    return do


OPERATIONS = (
    Operation("open container", kernel_only, Container),
    Operation("open group", container, lambda c: c.open_group(NIC_GROUP)),
    Operation("open device", kernel_only, lambda k: pyvfio.open_device(EDU, kernel=k)),
    Operation("open device in a container", container, lambda c: c.open_device(NIC)),
    Operation(
        "open device with token",
        kernel_only,
        lambda k: pyvfio.open_device(VIRTUAL, vf_token=TOKEN, kernel=k),
    ),
    Operation(
        "open second device of a group", twins, lambda d: d.iommu.open_device("0000:04:00.1")
    ),
    Operation("extension", container, lambda c: c.check_extension(9)),
    Operation("group status", container, lambda c: Closer(c.open_group(3))),
    Operation("device, region and irq info", device(NIC), lambda d: list(map(d.region, range(8)))),
    Operation("irq info", device(NIC), lambda d: d.irq_info(2)),
    Operation("iommu info", device(NIC), lambda d: d.iommu.info()),
    Operation("accesses by calls", device(EDU), accesses),
    Operation("config space", device(NIC), lambda d: d.config.set_bus_master(True)),
    Operation("config capabilities", device(NIC), lambda d: d.config.capabilities()),
    Operation("map BAR", device(EDU), lambda d: d.bar(0).map()),
    Operation("map sparse BAR", device(SPARSE), lambda d: d.bar(2).map()),
    Operation("dma allocate", device(NIC), lambda d: Unmapper(d.dma.allocate(10000))),
    Operation("dma map", device(NIC), pages),
    Operation(
        "dma map address",
        device(NIC),
        lambda d: Unmapper(d.dma.map_address(1 << 40, 4096, below=1 << 32)),
    ),
    Operation("dma unmap all", mapped, lambda d: d.dma.unmap_all()),
    Operation("intx enable", device(NIC), lambda d: d.intx.enable()),
    Operation("intx mask, unmask, resample, trigger", intx, served),
    Operation("msi enable", device(EDU), lambda d: d.msi.enable()),
    Operation("msix enable", device(NIC), lambda d: d.msix.enable(3, start=1, reserve=5)),
    Operation("msix add and take away", msix, lambda d: d.msix.enable(2, start=2)),
    Operation("msix trigger", msix, lambda d: d.msix.trigger(0, 1)),
    Operation("msix disable", msix, lambda d: d.msix.disable()),
    Operation("err enable", device(NIC), lambda d: d.err.enable()),
    Operation("req enable, trigger", device(NIC), lambda d: d.req.enable()),
    Operation("eventfd", kernel_only, EventFd),
    Operation("wait", eventfd, signalled),
    Operation("reset", device(NIC), lambda d: d.reset()),
    Operation("hot reset info", twins, lambda d: d.hot_reset_info()),
    Operation("hot reset", twins, lambda d: d.hot_reset()),
    Operation("close device", device(NIC), lambda d: d.close()),
    Operation("close device with all on", all_on, lambda d: d.close()),
    Operation("close container with all on", all_on, lambda d: d.iommu.close()),
    Operation("sysfs functions", kernel_only, lambda k: Sysfs(k).pci_functions()),
    Operation("sysfs place", kernel_only, lambda k: Sysfs(k).place(PciAddress.parse(NIC))),
    Operation("sysfs neighbours", kernel_only, lambda k: Sysfs(k).neighbours(12)),
    Operation("bind", kernel_only, lambda k: Undo(binding.bind(DISK, kernel=k))),
    Operation("unbind", kernel_only, lambda k: Undo(binding.unbind(NIC, kernel=k))),
    Operation("pyvfio list", kernel_only, command("list")),
    Operation("pyvfio info", kernel_only, command("info", NIC)),
    Operation("pyvfio bind", kernel_only, command("bind", DISK)),
    Operation("pyvfio unbind", kernel_only, command("unbind", NIC)),
)
