# SPDX-License-Identifier: GPL-2.0-or-later
"""A small model of Linux with VFIO, whose calls fail when a test says so.

It keeps to what a real kernel answers - test_fake.py holds it to what one did answer: who refuses
what, with which errno, and what stays busy as long as something lives. Eventfds are real ones.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import weakref
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from pyvfio.kernel import Argument, Kernel, MappedMemory
from pyvfio.uapi import container, device, feature, pci
from pyvfio.uapi.base import Ioctl
from tests.unit.pyvfio.fake.bits import fail
from tests.unit.pyvfio.fake.cdev import CdevFile
from tests.unit.pyvfio.fake.device import DeviceFile
from tests.unit.pyvfio.fake.files import ContainerFile, File, GroupFile
from tests.unit.pyvfio.fake.iommufd import IommufdFile
from tests.unit.pyvfio.fake.machine import Function, Machine

CANNOT_FAIL = frozenset({"munmap", "exists", "may_open", "memlock_limit"})
"""Calls whose failure Python does not pass on, or that have none."""

_CONTAINER = {
    each.number: each.name
    for each in vars(container).values()
    if isinstance(each, Ioctl) and not each.name.startswith("VFIO_GROUP")
}
_GROUP = {
    each.number: each.name
    for each in vars(container).values()
    if isinstance(each, Ioctl) and each.name.startswith("VFIO_GROUP")
}
_DEVICE = {
    each.number: each.name
    for module in (device, feature, pci)
    for each in vars(module).values()
    if isinstance(each, Ioctl)
}


class EventFile(File):
    """A real eventfd."""


class MemoryMap(mmap.mmap):
    """A mapping that tells when it is gone, be it unmapped or forgotten by all."""

    gone: Callable[[], object]


@dataclass(frozen=True)
class Leaks:
    """What is open, mapped or on, and who has which function.

    Two of them are equal if nothing was left between. One is true if there is something to close.
    """

    files: tuple[str, ...]
    mappings: int
    memory: int
    dma: tuple[tuple[int, int], ...]
    irqs: tuple[tuple[str, str, int], ...]
    drivers: tuple[tuple[str, str | None, str], ...]
    objects: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return any((self.files, self.mappings, self.memory, self.dma, self.irqs, self.objects))


class FakeKernel(Kernel):
    """A kernel for one process.

    Attributes:
        machine: What it runs on.
        calls: What was asked, in order, failures among it.
        fail_at: Number of the call, from 1, that fails; None for none.
        fail_with: The errno that it fails with.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.calls: list[str] = []
        self.fail_at: int | None = None
        self.fail_with = errno.EIO
        self.failed: str | None = None
        self.files: dict[int, File] = {}
        self.groups: dict[int, GroupFile] = {}
        self.iommufds: list[IommufdFile] = []
        self.devices: list[DeviceFile] = []
        self._next = 1000
        self._mapped: Counter[str] = Counter()

    def leaks(self) -> Leaks:
        """Tell what is open, mapped or on."""
        containers = {f for f in self.files.values() if isinstance(f, ContainerFile)}
        containers |= {g.container for g in self.groups.values() if g.container is not None}
        dma = [entry for each in containers for entry in each.dma.items()]
        dma += [entry for each in self.iommufds for entry in each.all_mapped()]
        found = [irq for each in self.devices for irq in each.irqs()]
        found += [("container", "dirty pages", 0) for each in containers if each.dirty.on]
        return Leaks(
            tuple(sorted(file.name for file in self.files.values())),
            self._mapped["device"],
            self._mapped["memory"],
            tuple(sorted(dma)),
            tuple(sorted(found)),
            tuple((f.address, f.driver, f.override) for f in self.machine.functions.values()),
            tuple(sorted(name for each in self.iommufds for name in each.names())),
        )

    def _step(self, name: str) -> None:
        """Count a call, and let it fail if it is its turn."""
        if name in CANNOT_FAIL:
            return
        self.calls.append(name)
        if len(self.calls) == self.fail_at:
            self.failed = name
            fail(self.fail_with)

    def _install(self, file: File, fd: int | None = None) -> int:
        if fd is None:
            self._next += 1
            fd = self._next
        self.files[fd] = file
        return fd

    def open_device(self, group: GroupFile, function: Function) -> int:
        """Open a function of a group."""
        opened = DeviceFile(self, function, group)
        self.devices.append(opened)
        group.get()
        return self._install(opened)

    def file(self, fd: int) -> File:
        """Return what is open under a number."""
        return self.files.get(fd) or fail(errno.EBADF)

    def open(self, path: str, flags: int = os.O_RDWR) -> int:
        assert flags == os.O_RDWR
        self._step("open")
        if path not in self.machine.files_of_vfio():
            fail(errno.ENOENT)
        if path in self.machine.closed:
            fail(errno.EACCES)
        if path == "/dev/vfio/vfio":
            return self._install(ContainerFile(self))
        if path == "/dev/iommu":
            self.iommufds.append(IommufdFile(self))
            return self._install(self.iommufds[-1])
        if path in self.machine.cdevs():
            self.devices.append(CdevFile(self, self.machine.cdevs()[path]))
            return self._install(self.devices[-1])
        number = int(path.rpartition("/")[2].removeprefix("noiommu-"))
        if number in self.groups or self.owners_of(number):
            fail(errno.EBUSY)
        if "noiommu" in path and not self.machine.raw_io:
            fail(errno.EPERM)
        self.groups[number] = GroupFile(self, number)
        return self._install(self.groups[number])

    def owners_of(self, group: int) -> set[IommufdFile]:
        """Return the iommufds that functions of a group are bound to."""
        return {
            each.iommufd
            for each in self.devices
            if isinstance(each, CdevFile)
            and each.iommufd is not None
            and each.function.group == group
        }

    def container(self, fd: int) -> File:
        """Return what serves as a container under a number, if it is one."""
        found = self.file(fd)
        return found.compat if isinstance(found, IommufdFile) else found

    def close(self, fd: int) -> None:
        file = self.file(fd)
        del self.files[fd]
        if isinstance(file, EventFile):
            os.close(fd)
        file.put()
        # As in Linux the descriptor is gone, whatever is told.
        self._step("close")

    def ioctl(self, fd: int, request: int, argument: Argument = 0) -> int:
        file = self.file(fd)
        names = file.requests or _DEVICE
        if isinstance(file, ContainerFile):
            names = _CONTAINER
        elif isinstance(file, GroupFile):
            names = _GROUP
        self._step(names[request])
        if isinstance(argument, int):
            return file.ioctl(names[request], argument, bytearray())
        memory = (ctypes.c_char * ctypes.sizeof(argument)).from_buffer(argument)
        return file.ioctl(names[request], 0, memoryview(memory).cast("B"))

    def install(self, file: File) -> int:
        """Return a number under which a file that a call has made is open."""
        return self._install(file)

    def read(self, fd: int, size: int) -> bytes:
        self._step("read")
        return self.file(fd).read(size)

    def write(self, fd: int, data: bytes | memoryview) -> int:
        self._step("write")
        return self.file(fd).write(bytes(data))

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        self._step("pread")
        return self._device(fd).pread(size, offset)

    def pwrite(self, fd: int, data: bytes | memoryview, offset: int) -> int:
        self._step("pwrite")
        return self._device(fd).pwrite(bytes(data), offset)

    def _device(self, fd: int) -> DeviceFile:
        file = self.file(fd)
        return file if isinstance(file, DeviceFile) else fail(errno.EINVAL)

    def mmap(self, fd: int, size: int, prot: int, offset: int = 0) -> MappedMemory:
        self._step("mmap")
        if fd < 0:
            mapping = MemoryMap(-1, size, prot=prot)
            self._mapped["memory"] += 1
            mapping.gone = weakref.finalize(mapping, self._unmapped, "memory", None)
            return mapping
        file = self._device(fd)
        bar, start = file.mmap(size, offset)
        mapping = MemoryMap(bar.fd, size, prot=prot, offset=start)
        self._mapped["device"] += 1
        file.get()
        mapping.gone = weakref.finalize(mapping, self._unmapped, "device", file)
        return mapping

    def munmap(self, mapping: MappedMemory) -> None:
        assert isinstance(mapping, MemoryMap)
        mapping.close()
        # The second of two calls does nothing.
        mapping.gone()

    def _unmapped(self, kind: str, file: File | None) -> None:
        self._mapped[kind] -= 1
        if file is not None:
            file.put()

    def eventfd(self) -> int:
        self._step("eventfd")
        return self._install(EventFile("eventfd"), super().eventfd())

    def eventfd_read(self, fd: int) -> int:
        self.file(fd)
        self._step("read")
        return super().eventfd_read(fd)

    def eventfd_write(self, fd: int, value: int) -> None:
        self.file(fd)
        self._step("write")
        super().eventfd_write(fd, value)

    def poll(self, fd: int, timeout: float | None) -> bool:
        self.file(fd)
        self._step("poll")
        return super().poll(fd, timeout)

    def memlock_limit(self) -> int | None:
        return self.machine.memlock

    def read_file(self, path: str) -> bytes:
        self._step("read")
        return self.machine.text(path).encode()

    def write_file(self, path: str, text: str) -> None:
        self._step("write")
        owned = {each.function.group for each in self.devices if isinstance(each, CdevFile)}
        self.machine.write(path, text, owned | set(self.groups))

    def list_folder(self, path: str) -> list[str]:
        self._step("readdir")
        return self.machine.names(path)

    def read_link(self, path: str) -> str:
        self._step("readlink")
        number = path.removeprefix("/proc/self/fd/")
        if number.isdecimal():
            return self._path_of(int(number))
        return self.machine.link(path)

    def _path_of(self, fd: int) -> str:
        file = self.file(fd)
        if isinstance(file, CdevFile):
            return f"/dev/vfio/devices/{self.machine.cdev_name(file.function)}"
        return f"anon_inode:{file.name}"

    def real_path(self, path: str) -> str:
        self._step("realpath")
        return self.machine.real(path)

    def exists(self, path: str) -> bool:
        return self.machine.exists(path)

    def may_open(self, path: str) -> bool:
        return self.machine.exists(path) and path not in self.machine.closed
