# SPDX-License-Identifier: GPL-2.0-or-later
"""What the descriptors of the made-up kernel are of: container and group."""

from __future__ import annotations

import ctypes
import errno
import struct
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from pyvfio.uapi import container as uapi
from tests.unit.pyvfio.fake.bits import Memory, fail
from tests.unit.pyvfio.fake.dirty import DirtyPages
from tests.unit.pyvfio.fake.machine import PAGE

if TYPE_CHECKING:
    from tests.unit.pyvfio.fake.device import DeviceFile
    from tests.unit.pyvfio.fake.kernel import FakeKernel


class File:
    """Something open, which is closed when nothing refers to it any more.

    Attributes:
        requests: Names of the requests that it knows, by number, if it is neither of a container,
            nor of a group, nor of a device.
    """

    requests: Mapping[int, str] = MappingProxyType({})

    def __init__(self, name: str) -> None:
        self.name = name
        self._references = 1

    def get(self) -> None:
        """Refer to it."""
        self._references += 1

    def put(self) -> None:
        """Refer to it no more."""
        self._references -= 1
        if self._references == 0:
            self.release()

    def release(self) -> None:
        """Clean up."""

    def ioctl(self, name: str, number: int, memory: Memory) -> int:
        """Answer a request, which has a number or memory to write into."""
        del name, number, memory
        fail(errno.ENOTTY)

    def read(self, size: int) -> bytes:
        """Return what comes next of a stream."""
        del size
        fail(errno.EINVAL)

    def write(self, data: bytes) -> int:
        """Take what comes next of a stream."""
        del data
        fail(errno.EINVAL)


class ContainerFile(File):
    """An open /dev/vfio/vfio."""

    def __init__(self, kernel: FakeKernel) -> None:
        super().__init__("container")
        self.kernel = kernel
        self.groups: list[GroupFile] = []
        self.iommu = False
        self.without_iommu = False
        self.dma: dict[int, int] = {}
        self.dirty = DirtyPages(self.dma)

    def ioctl(self, name: str, number: int, memory: Memory) -> int:
        match name:
            case "VFIO_GET_API_VERSION":
                return 0
            case "VFIO_CHECK_EXTENSION":
                return int(number in self._extensions())
            case "VFIO_SET_IOMMU":
                return self._set_iommu(number)
        if not self.iommu:
            fail(errno.EINVAL)
        if self.without_iommu:
            fail(errno.ENOTTY)
        match name:
            case "VFIO_IOMMU_GET_INFO":
                return self._info(memory)
            case "VFIO_IOMMU_MAP_DMA":
                return self._map(uapi.vfio_iommu_type1_dma_map.from_buffer(memory))
            case "VFIO_IOMMU_UNMAP_DMA":
                return self._unmap(uapi.vfio_iommu_type1_dma_unmap.from_buffer(memory), memory)
            case "VFIO_IOMMU_DIRTY_PAGES":
                return self.dirty.ioctl(memory)
        return fail(errno.ENOTTY)

    def _extensions(self) -> set[int]:
        """Return what the drivers of IOMMUs can that fit the groups, or that there are."""
        without = {8} if self.kernel.machine.noiommu else set()
        if not self.groups:
            return {1, 3, 9} | without
        return {1, 3, 9} if all(each.has_iommu for each in self.groups) else without

    def _set_iommu(self, kind: int) -> int:
        if not self.groups or self.iommu:
            fail(errno.EINVAL)
        without = any(not each.has_iommu for each in self.groups)
        if kind not in ((8,) if without else (1, 3)):
            fail(errno.ENODEV)
        if without:
            self.iommu = self.without_iommu = True
            return 0
        if not self.kernel.machine.interrupt_remapping:
            fail(errno.EPERM)
        self.iommu = True
        return 0

    def _info(self, memory: Memory) -> int:
        machine = self.kernel.machine
        windows = b"".join(struct.pack("=QQ", *each) for each in machine.windows)
        chain = [
            (1, struct.pack("=II", len(machine.windows), 0) + windows),
            (2, struct.pack("=IIQQ", 0, 0, PAGE, 1 << 28)),
            (3, struct.pack("=I", machine.entries - len(self.dma))),
        ]
        fixed = ctypes.sizeof(uapi.vfio_iommu_type1_info)
        behind = capabilities(chain, fixed)
        info = uapi.vfio_iommu_type1_info.from_buffer(memory)
        info.flags = uapi.VFIO_IOMMU_INFO_PGSIZES | uapi.VFIO_IOMMU_INFO_CAPS
        info.iova_pgsizes = 0x40201000
        info.cap_offset = put_behind(memory, info.argsz, fixed, behind)
        info.argsz = max(info.argsz, fixed + len(behind))
        return 0

    def _map(self, order: uapi.vfio_iommu_type1_dma_map) -> int:
        machine = self.kernel.machine
        end = order.iova + order.size - 1
        if (
            order.size == 0
            or (order.vaddr | order.iova | order.size) % PAGE
            or order.flags & 3 == 0
            or not any(first <= order.iova and end <= last for first, last in machine.windows)
        ):
            fail(errno.EINVAL)
        if order.vaddr == 0:
            fail(errno.EFAULT)
        if any(iova <= end and order.iova < iova + size for iova, size in self.dma.items()):
            fail(errno.EEXIST)
        if len(self.dma) >= machine.entries:
            fail(errno.ENOSPC)
        if machine.memlock is not None and sum(self.dma.values()) + order.size > machine.memlock:
            fail(errno.ENOMEM)
        self.dma[order.iova] = order.size
        return 0

    def _unmap(self, order: uapi.vfio_iommu_type1_dma_unmap, memory: Memory) -> int:
        if order.flags & uapi.VFIO_DMA_UNMAP_FLAG_ALL:
            if order.iova or order.size:
                fail(errno.EINVAL)
            gone = dict(self.dma)
        else:
            start, end = order.iova, order.iova + order.size
            if order.size == 0 or (start | order.size) % PAGE:
                fail(errno.EINVAL)
            touched = {i: n for i, n in self.dma.items() if i < end and start < i + n}
            gone = {i: n for i, n in touched.items() if start <= i and i + n <= end}
            if gone != touched:
                fail(errno.EINVAL)
            if order.flags & uapi.VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP:
                bitmap = uapi.vfio_bitmap.from_buffer_copy(memory, ctypes.sizeof(order))
                if not self.dirty.on:
                    fail(errno.EINVAL)
                self.dirty.check(bitmap, order.size)
                self.dirty.report(bitmap, start, end)
        for iova in gone:
            del self.dma[iova]
        order.size = sum(gone.values())
        return 0

    def leave(self, group: GroupFile) -> None:
        """Let a group go; with the last the mappings go."""
        self.groups.remove(group)
        if not self.groups:
            self.iommu = self.without_iommu = False
            self.dma.clear()
            self.dirty.on = False
        self.put()


class GroupFile(File):
    """An open /dev/vfio/NUMBER."""

    def __init__(self, kernel: FakeKernel, number: int) -> None:
        super().__init__(f"group {number}")
        self.kernel = kernel
        self.number = number
        self.container: ContainerFile | None = None
        self.has_iommu = all(each.iommu for each in kernel.machine.members(number))

    @property
    def devices(self) -> list[DeviceFile]:
        """Its devices that were opened through it."""
        return [each for each in self.kernel.devices if each.group is self]

    def ioctl(self, name: str, number: int, memory: Memory) -> int:
        del number
        viable = self.kernel.machine.viable(self.number)
        match name:
            case "VFIO_GROUP_GET_STATUS":
                status = uapi.vfio_group_status.from_buffer(memory)
                status.flags = viable | (self.container is not None) << 1
                return 0
            case "VFIO_GROUP_SET_CONTAINER":
                (fd,) = struct.unpack("=i", memory)
                found = self.kernel.container(fd)
                if not isinstance(found, ContainerFile) or self.container is not None:
                    fail(errno.EINVAL)
                if not viable:
                    fail(errno.EPERM)
                self.container = found
                found.groups.append(self)
                found.get()
                return 0
            case "VFIO_GROUP_GET_DEVICE_FD":
                return self._open(bytes(memory).partition(b"\0")[0].decode())
        return fail(errno.ENOTTY)

    def _open(self, asked: str) -> int:
        if self.container is None or not self.container.iommu:
            fail(errno.EINVAL)
        name, _, token = asked.partition(" vf_token=")
        function = self.kernel.machine.functions.get(name)
        if function is None or function.group != self.number or function.driver != "vfio-pci":
            fail(errno.ENODEV)
        if function.token is not None and token != function.token:
            fail(errno.EACCES)
        return self.kernel.open_device(self, function)

    def release(self) -> None:
        if self.container is not None:
            self.container.leave(self)
        del self.kernel.groups[self.number]


def capabilities(chain: list[tuple[int, bytes]], fixed: int) -> bytes:
    """Lay out a chain of capabilities behind a struct."""
    text = b""
    for place, (number, data) in enumerate(chain):
        size = 8 + -(-len(data) // 8) * 8
        last = place == len(chain) - 1
        following = 0 if last else fixed + len(text) + size
        text += struct.pack("=HHI", number, 1, following) + data.ljust(size - 8, b"\0")
    return text


def put_behind(memory: Memory, argsz: int, fixed: int, behind: bytes) -> int:
    """Put a chain behind a struct if there is room; return its offset, 0 if there is none."""
    if not behind or argsz < fixed + len(behind):
        return 0
    memory[fixed : fixed + len(behind)] = behind
    return fixed
