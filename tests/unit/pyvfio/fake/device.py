# SPDX-License-Identifier: GPL-2.0-or-later
"""A device that is open in the made-up kernel: regions, interrupts, resets."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pyvfio.uapi import device as uapi
from pyvfio.uapi import pci
from tests.unit.pyvfio.fake.bits import Memory, fail
from tests.unit.pyvfio.fake.features import Features
from tests.unit.pyvfio.fake.files import File, GroupFile, capabilities, put_behind
from tests.unit.pyvfio.fake.ioeventfd import IoEventFds
from tests.unit.pyvfio.fake.machine import PAGE, Bar, Function

if TYPE_CHECKING:
    from tests.unit.pyvfio.fake.kernel import FakeKernel

SHIFT = 40
CONFIG = pci.VFIO_PCI_CONFIG_REGION_INDEX
INTX = pci.VFIO_PCI_INTX_IRQ_INDEX
MSI = pci.VFIO_PCI_MSI_IRQ_INDEX
MSIX = pci.VFIO_PCI_MSIX_IRQ_INDEX
ERR = pci.VFIO_PCI_ERR_IRQ_INDEX
REQ = pci.VFIO_PCI_REQ_IRQ_INDEX
NAMES = {INTX: "INTx", MSI: "MSI", MSIX: "MSI-X", ERR: "ERR", REQ: "REQ"}


class DeviceFile(File):
    """An open device.

    Attributes:
        kind: Which of INTx, MSI and MSI-X is on, None for none of them.
        fds: By (kind, vector), the eventfd to signal.
        prepared: How many vectors of `kind` there are.
        masked: Whether INTx is.
        resample: The eventfd that unmasks INTx.
        features: What it has besides.
        ioeventfds: What is written when which eventfd is signalled.
    """

    def __init__(
        self, kernel: FakeKernel, function: Function, group: GroupFile | None = None
    ) -> None:
        super().__init__(f"device {function.address}")
        self.kernel = kernel
        self.group = group
        self.function = function
        self.kind: int | None = None
        self.fds: dict[tuple[int, int], int] = {}
        self.prepared = 0
        self.masked = False
        self.resample: int | None = None
        self.features = Features(function.extras, function.address, kernel.install)
        self.ioeventfds = IoEventFds(function)

    def irqs(self) -> Iterator[tuple[str, str, int]]:
        """Yield what is on."""
        if self.kind in (MSI, MSIX):
            yield self.function.address, f"{NAMES[self.kind]} on", self.prepared
        for kind, vector in self.fds:
            yield self.function.address, NAMES[kind], vector
        if self.resample is not None:
            yield self.function.address, "resample", 0
        yield from self.features.on()
        yield from self.ioeventfds.on()

    def release(self) -> None:
        self.features.migration.reset()
        self.kernel.devices.remove(self)
        if self.group is not None:
            self.group.put()

    def ioctl(self, name: str, number: int, memory: Memory) -> int:
        del number
        match name:
            case "VFIO_DEVICE_BIND_IOMMUFD":
                fail(errno.EINVAL)
            case "VFIO_DEVICE_GET_INFO":
                return self._info(uapi.vfio_device_info.from_buffer(memory))
            case "VFIO_DEVICE_GET_REGION_INFO":
                return self._region_info(memory)
            case "VFIO_DEVICE_GET_IRQ_INFO":
                return self._irq_info(uapi.vfio_irq_info.from_buffer(memory))
            case "VFIO_DEVICE_SET_IRQS":
                return self._set_irqs(memory)
            case "VFIO_DEVICE_RESET":
                if not self.function.resettable:
                    fail(errno.EINVAL)
                self.function.resets += 1
                self.features.migration.reset()
                return 0
            case "VFIO_DEVICE_FEATURE":
                return self.features.ioctl(memory)
            case "VFIO_DEVICE_IOEVENTFD":
                return self.ioeventfds.assign(uapi.vfio_device_ioeventfd.from_buffer(memory), SHIFT)
            case "VFIO_DEVICE_GET_PCI_HOT_RESET_INFO":
                return self._hot_reset_info(memory)
            case "VFIO_DEVICE_PCI_HOT_RESET":
                return self._hot_reset(memory)
        return fail(errno.ENOTTY)

    def _info(self, info: uapi.vfio_device_info) -> int:
        info.flags = uapi.VFIO_DEVICE_FLAGS_PCI | self.function.resettable
        info.num_regions, info.num_irqs = 9, 5
        return 0

    def _region_info(self, memory: Memory) -> int:
        info = uapi.vfio_region_info.from_buffer(memory)
        if info.index >= 8:
            fail(errno.EINVAL)
        info.offset = info.index << SHIFT
        chain = []
        bar = self.function.bars.get(info.index)
        if info.index == CONFIG:
            info.flags, info.size = 3, len(self.function.config)
        elif bar is not None:
            info.flags, info.size = 3 | bar.mappable << 2, bar.size
            if bar.sparse is not None:
                areas = b"".join(struct.pack("=QQ", a.offset, a.size) for a in bar.sparse)
                chain.append((1, struct.pack("=II", len(bar.sparse), 0) + areas))
            if bar.msix:
                chain.append((3, b""))
        else:
            info.flags = info.size = 0
        if chain:
            info.flags |= uapi.VFIO_REGION_INFO_FLAG_CAPS
            fixed = ctypes.sizeof(uapi.vfio_region_info)
            behind = capabilities(chain, fixed)
            info.cap_offset = put_behind(memory, info.argsz, fixed, behind)
            info.argsz = max(info.argsz, fixed + len(behind))
        return 0

    def _count(self, index: int) -> int:
        express = int(self.function.express)
        counts = {INTX: 1, MSI: self.function.msi, MSIX: self.function.msix, ERR: express, REQ: 1}
        return counts[index]

    def _irq_info(self, info: uapi.vfio_irq_info) -> int:
        if info.index > REQ or (info.index == ERR and not self.function.express):
            fail(errno.EINVAL)
        info.count = self._count(info.index)
        info.flags = uapi.VFIO_IRQ_INFO_EVENTFD
        if info.index == INTX:
            info.flags |= uapi.VFIO_IRQ_INFO_MASKABLE | uapi.VFIO_IRQ_INFO_AUTOMASKED
        elif not (info.index == MSIX and self.function.dynamic):
            info.flags |= uapi.VFIO_IRQ_INFO_NORESIZE
        return 0

    def _set_irqs(self, memory: Memory) -> int:
        order = uapi.vfio_irq_set.from_buffer(memory)
        if order.index > REQ or order.start + order.count > max(self._count(order.index), 0):
            fail(errno.EINVAL)
        data = bytes(memory[ctypes.sizeof(uapi.vfio_irq_set) : order.argsz])
        action = order.flags & uapi.VFIO_IRQ_SET_ACTION_TYPE_MASK
        form = order.flags & uapi.VFIO_IRQ_SET_DATA_TYPE_MASK
        width = {
            uapi.VFIO_IRQ_SET_DATA_NONE: 0,
            uapi.VFIO_IRQ_SET_DATA_BOOL: 1,
            uapi.VFIO_IRQ_SET_DATA_EVENTFD: 4,
        }[form]
        if len(data) < width * order.count:
            fail(errno.EINVAL)
        fds = None
        chosen = [True] * order.count
        if width == 4:
            fds = list(struct.unpack(f"={order.count}i", data[: 4 * order.count]))
        elif width == 1:
            chosen = [bool(each) for each in data[: order.count]]
        if action != uapi.VFIO_IRQ_SET_ACTION_TRIGGER:
            return self._mask(order.index, action, fds)
        if order.index in (ERR, REQ):
            return self._notify(order.index, fds, chosen)
        if fds is None and not chosen:
            return self._off(order.index)
        if self.kind not in (None, order.index):
            fail(errno.EINVAL)
        if fds is not None:
            return self._assign(order.index, order.start, fds)
        if self.kind is None:
            fail(errno.EINVAL)
        for place, yes in enumerate(chosen, order.start):
            if yes and (order.index, place) in self.fds:
                self.signal(order.index, place)
        return 0

    def _mask(self, index: int, action: int, fds: list[int] | None) -> int:
        if index != INTX:
            fail(errno.ENOTTY)
        if self.kind != INTX:
            fail(errno.EINVAL)
        unmask = action == uapi.VFIO_IRQ_SET_ACTION_UNMASK
        if fds is None:
            self.masked = not unmask
        elif not unmask:
            fail(errno.ENOTTY)
        elif fds[0] < 0:
            self.resample = None
        elif self.resample is not None:
            fail(errno.EBUSY)
        else:
            self.kernel.file(fds[0])
            self.resample = fds[0]
        return 0

    def _notify(self, index: int, fds: list[int] | None, chosen: list[bool]) -> int:
        if fds is None:
            if any(chosen) and (index, 0) in self.fds:
                self.signal(index, 0)
            elif not chosen:
                self.fds.pop((index, 0), None)
        elif fds[0] < 0:
            self.fds.pop((index, 0), None)
        else:
            self.kernel.file(fds[0])
            self.fds[index, 0] = fds[0]
        return 0

    def _off(self, index: int) -> int:
        if self.kind != index:
            fail(errno.EINVAL)
        self.kind = None
        self.prepared = 0
        self.resample = None
        self.fds = {key: fd for key, fd in self.fds.items() if key[0] != index}
        return 0

    def _assign(self, index: int, start: int, fds: list[int]) -> int:
        for fd in fds:
            if fd >= 0:
                self.kernel.file(fd)
        end = start + len(fds)
        if self.kind is None:
            if end > self.function.spare:
                return self.function.spare
            self.prepared = end
        elif end > self.prepared:
            if not (index == MSIX and self.function.dynamic):
                fail(errno.EINVAL)
            self.prepared = end
        self.kind = index
        for place, fd in enumerate(fds, start):
            if fd < 0:
                self.fds.pop((index, place), None)
            else:
                self.fds[index, place] = fd
        return 0

    def signal(self, index: int, vector: int = 0) -> None:
        """Let the device interrupt."""
        fd = self.fds.get((index, vector))
        if fd is not None and fd in self.kernel.files:
            os.eventfd_write(fd, 1)

    def _hot_reset_info(self, memory: Memory) -> int:
        if self.function.bus is None:
            fail(errno.ENODEV)
        info = pci.vfio_pci_hot_reset_info.from_buffer(memory)
        info.count = len(self.function.bus)
        fixed = ctypes.sizeof(pci.vfio_pci_hot_reset_info)
        if info.argsz < fixed + 8 * info.count:
            fail(errno.ENOSPC)
        others = [self.kernel.machine.functions[each] for each in self.function.bus]
        owners, info.flags = self.owners(others)
        for place, address in enumerate(self.function.bus):
            domain, bus, rest = address.split(":")
            slot, _, number = rest.partition(".")
            devfn = int(slot, 16) << 3 | int(number)
            packed = struct.pack("=iHBB", owners[address], int(domain, 16), int(bus, 16), devfn)
            memory[fixed + 8 * place : fixed + 8 * place + 8] = packed
        return 0

    def owners(self, functions: list[Function]) -> tuple[dict[str, int], int]:
        """Tell whose functions are that a hot reset resets, and flags of the answer: of groups."""
        return {each.address: each.group for each in functions}, 0

    def _hot_reset(self, memory: Memory) -> int:
        order = pci.vfio_pci_hot_reset.from_buffer(memory)
        fixed = ctypes.sizeof(pci.vfio_pci_hot_reset)
        fds = struct.unpack_from(f"={order.count}i", memory, fixed)
        others = [self.kernel.machine.functions[each] for each in self.function.bus or ()]
        owned = self.owned(others, [self.kernel.file(fd) for fd in fds])
        if not others or any(each.driver != "vfio-pci" for each in others) or not owned:
            fail(errno.EINVAL)
        for each in others:
            each.resets += 1
        return 0

    def owned(self, functions: list[Function], files: list[File]) -> bool:
        """Tell whether the caller has shown that functions are theirs: by their groups."""
        given = {each.number for each in files if isinstance(each, GroupFile)}
        return bool(files) and {each.group for each in functions} <= given

    def _place(self, offset: int) -> tuple[int, int]:
        return offset >> SHIFT, offset & (1 << SHIFT) - 1

    def pread(self, size: int, offset: int) -> bytes:
        """Read a region."""
        self.features.access()
        index, start = self._place(offset)
        if index == CONFIG:
            return bytes(self.function.config[start : start + size])
        bar = self.function.bars.get(index) or fail(errno.EINVAL)
        return os.pread(bar.fd, size, start)

    def pwrite(self, data: bytes, offset: int) -> int:
        """Write a region."""
        self.features.access()
        index, start = self._place(offset)
        if index == CONFIG:
            self.function.config[start : start + len(data)] = data
            return len(data)
        bar = self.function.bars.get(index) or fail(errno.EINVAL)
        return os.pwrite(bar.fd, data, start)

    def mmap(self, size: int, offset: int) -> tuple[Bar, int]:
        """Return the BAR to map, and where in it."""
        index, start = self._place(offset)
        bar = self.function.bars.get(index) or fail(errno.EINVAL)
        if not bar.mappable or size % PAGE or start % PAGE or start + size > bar.size:
            fail(errno.EINVAL)
        return bar, start
