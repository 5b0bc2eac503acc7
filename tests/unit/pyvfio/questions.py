# SPDX-License-Identifier: GPL-2.0-or-later
"""Questions to a kernel, in its own words: what does it say to what is right, and to what is not?

The made-up kernel of these tests must answer as a real one did, whose answers are in answers.json:
`python -m tests.unit.pyvfio.questions BDF` asks the running kernel, for a PCI Express function that
is alone in its group, has INTx and MSI, a BAR 0 of two pages or more, and vfio-pci as its driver.
"""

from __future__ import annotations

import ctypes
import errno
import json
import mmap
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from pyvfio.kernel import Kernel
from pyvfio.sysfs import Sysfs
from pyvfio.uapi import container as c
from pyvfio.uapi import device as d
from pyvfio.uapi import feature as f
from pyvfio.uapi import pci
from pyvfio.uapi.base import Ioctl, Struct

PAGE = mmap.PAGESIZE
NONE, BOOL, EVENTFD = 1, 2, 4
MASK, UNMASK, TRIGGER = 8, 16, 32
INTX, MSI, ERR, REQ = 0, 1, 3, 4


class Questions:
    """Asks, and writes down what was said: a value, or the name of an errno."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.answers: dict[str, int | str] = {}

    def ask(self, question: str, call: Callable[[], int]) -> int:
        """Write down what a call says; return it, -1 for an errno."""
        assert question not in self.answers, question
        try:
            answer = call()
        except OSError as error:
            self.answers[question] = errno.errorcode[error.errno or 0]
            return -1
        self.answers[question] = answer
        return answer

    def ioctl(self, question: str, fd: int, request: Ioctl, argument: Struct | int = 0) -> int:
        """Ask an ioctl."""
        return self.ask(question, lambda: self.kernel.ioctl(fd, request.number, argument))

    @contextmanager
    def opened(self, path: str) -> Iterator[int]:
        """Open a file for a while."""
        fd = self.kernel.open(path)
        try:
            yield fd
        finally:
            self.kernel.close(fd)


def flags_of(info: Struct, mask: int = -1) -> int:
    """Return the flags of an answer, for a call."""
    return int(info.flags) & mask


def of_container(q: Questions, fd: int) -> None:
    """Ask an empty container."""
    q.ioctl("api version", fd, c.VFIO_GET_API_VERSION)
    for extension in (1, 3, 9, 99):
        q.ioctl(f"extension {extension}", fd, c.VFIO_CHECK_EXTENSION, extension)
    q.ioctl("set iommu of an empty container", fd, c.VFIO_SET_IOMMU, 3)
    info = c.vfio_iommu_type1_info.sized()
    q.ioctl("info of an empty container", fd, c.VFIO_IOMMU_GET_INFO, info)
    mapping = c.vfio_iommu_type1_dma_map.sized(flags=3, vaddr=PAGE, iova=0, size=PAGE)
    q.ioctl("map in an empty container", fd, c.VFIO_IOMMU_MAP_DMA, mapping)


def status(q: Questions, when: str, group: int) -> None:
    """Ask how a group is."""
    told = c.vfio_group_status.sized()
    q.kernel.ioctl(group, c.VFIO_GROUP_GET_STATUS.number, told)
    q.ask(f"status {when}", lambda: int(told.flags))


def device_fd(q: Questions, group: int, name: str) -> int:
    """Open a device."""
    text = ctypes.create_string_buffer(name.encode())
    return q.kernel.ioctl(group, c.VFIO_GROUP_GET_DEVICE_FD.number, text)


def of_group(q: Questions, container: int, group: int, path: str, name: str) -> None:
    """Ask a group on its way into a container."""
    q.ask("open group twice", lambda: q.kernel.open(path))
    status(q, "without container", group)
    q.ask("device without container", lambda: device_fd(q, group, name))
    fd = ctypes.c_int32(container)
    q.ask("set container", lambda: q.kernel.ioctl(group, c.VFIO_GROUP_SET_CONTAINER.number, fd))
    q.ask("again", lambda: q.kernel.ioctl(group, c.VFIO_GROUP_SET_CONTAINER.number, fd))
    status(q, "in a container", group)
    q.ask("device without iommu", lambda: device_fd(q, group, name))
    q.ioctl("set unknown iommu", container, c.VFIO_SET_IOMMU, 99)
    q.ioctl("set iommu", container, c.VFIO_SET_IOMMU, 3)
    q.ioctl("set iommu again", container, c.VFIO_SET_IOMMU, 3)
    q.ask("device of another name", lambda: device_fd(q, group, "0000:ff:1f.7"))


def of_dma(q: Questions, container: int) -> None:
    """Ask for mappings that can and cannot be."""
    memory = mmap.mmap(-1, 4 * PAGE)
    vaddr = ctypes.addressof(ctypes.c_char.from_buffer(memory))

    def map_dma(what: str, vaddr: int, iova: int, size: int, flags: int = 3) -> None:
        mapping = c.vfio_iommu_type1_dma_map.sized(flags=flags, vaddr=vaddr, iova=iova, size=size)
        q.ioctl(f"map {what}", container, c.VFIO_IOMMU_MAP_DMA, mapping)

    def unmap(what: str, iova: int, size: int, flags: int = 0) -> None:
        order = c.vfio_iommu_type1_dma_unmap.sized(flags=flags, iova=iova, size=size)
        q.ioctl(f"unmap {what}", container, c.VFIO_IOMMU_UNMAP_DMA, order)
        q.ask(f"unmapped {what}", lambda: int(order.size))

    map_dma("vaddr that is no page's", vaddr + 1, 0, PAGE)
    map_dma("iova that is no page's", vaddr, 1, PAGE)
    map_dma("size that is no page's", vaddr, 0, PAGE + 1)
    map_dma("nothing", vaddr, 0, 0)
    map_dma("without flags", vaddr, 0, PAGE, 0)
    map_dma("where interrupts are", vaddr, 0xFEE00000, PAGE)
    map_dma("far above", vaddr, 1 << 62, PAGE)
    map_dma("memory that is not there", 0, 0, PAGE)
    map_dma("four pages", vaddr, 0x10000, 4 * PAGE)
    map_dma("over it", vaddr, 0x10000 + 3 * PAGE, PAGE)
    map_dma("behind it", vaddr, 0x10000 + 4 * PAGE, PAGE)
    unmap("a part", 0x10000 + PAGE, PAGE)
    unmap("a part and more", 0x10000 + 2 * PAGE, 3 * PAGE)
    unmap("where nothing is", 1 << 30, PAGE)
    unmap("nothing", 0, 0)
    unmap("more than both", 0x10000 - PAGE, 16 * PAGE)
    map_dma("one again", vaddr, 0, PAGE)
    unmap("all with a size", 0, PAGE, c.VFIO_DMA_UNMAP_FLAG_ALL)
    unmap("all", 0, 0, c.VFIO_DMA_UNMAP_FLAG_ALL)


def of_regions(q: Questions, device: int) -> None:
    """Ask for regions that are there and that are not."""
    for index in (0, 7, 8, 99):
        info = d.vfio_region_info.sized(index=index)
        q.ioctl(f"region {index}", device, d.VFIO_DEVICE_GET_REGION_INFO, info)
        if index < 8:
            q.ask(f"flags of region {index}", partial(flags_of, info, 7))
    info = d.vfio_region_info.sized(index=0)
    q.kernel.ioctl(device, d.VFIO_DEVICE_GET_REGION_INFO.number, info)

    def mapped(what: str, size: int, offset: int) -> None:
        def call() -> int:
            q.kernel.munmap(q.kernel.mmap(device, size, mmap.PROT_READ, info.offset + offset))
            return 0

        q.ask(f"mmap {what}", call)

    mapped("a page", PAGE, 0)
    mapped("the second page", PAGE, PAGE)
    mapped("more than there is", info.size + PAGE, 0)
    mapped("configuration space", PAGE, (7 << 40) - info.offset)


def of_irqs(q: Questions, device: int) -> None:
    """Go through the life of interrupts, and through what cannot be."""
    eventfd = q.kernel.eventfd()

    def order(
        what: str, index: int, flags: int, count: int = 1, data: bytes = b"", start: int = 0
    ) -> None:
        head = d.vfio_irq_set(20 + len(data), flags, index, start, count)
        text = ctypes.create_string_buffer(bytes(head) + data, 20 + len(data))
        q.ask(what, lambda: q.kernel.ioctl(device, d.VFIO_DEVICE_SET_IRQS.number, text))

    def seen(when: str) -> None:
        def call() -> int:
            try:
                return q.kernel.eventfd_read(eventfd)
            except BlockingIOError:
                return 0

        q.ask(f"signals {when}", call)

    fd, nobody = struct.pack("=i", eventfd), struct.pack("=i", -1)
    for index in (INTX, MSI, REQ, 5):
        info = d.vfio_irq_info.sized(index=index)
        q.ioctl(f"irq {index}", device, d.VFIO_DEVICE_GET_IRQ_INFO, info)
        if index < 5:
            q.ask(f"flags of irq {index}", partial(flags_of, info))
    order("INTx: mask when it is off", INTX, NONE | MASK)
    order("INTx: trigger when it is off", INTX, NONE | TRIGGER)
    order("INTx: off when it is off", INTX, NONE | TRIGGER, 0)
    order("INTx: two", INTX, EVENTFD | TRIGGER, 2, fd + fd)
    order("INTx: too little data", INTX, EVENTFD | TRIGGER, 1, b"\0")
    order("INTx: on", INTX, EVENTFD | TRIGGER, 1, fd)
    order("INTx: trigger", INTX, BOOL | TRIGGER, 1, b"\1")
    seen("of INTx")
    order("INTx: trigger not", INTX, BOOL | TRIGGER, 1, b"\0")
    seen("of INTx, not triggered")
    order("INTx: mask", INTX, NONE | MASK)
    order("INTx: unmask", INTX, NONE | UNMASK)
    order("INTx: unmask by bool", INTX, BOOL | UNMASK, 1, b"\1")
    order("INTx: mask by eventfd", INTX, EVENTFD | MASK, 1, fd)
    order("INTx: resample", INTX, EVENTFD | UNMASK, 1, fd)
    order("INTx: resample twice", INTX, EVENTFD | UNMASK, 1, fd)
    order("INTx: resample no more", INTX, EVENTFD | UNMASK, 1, nobody)
    order("MSI beside INTx", MSI, EVENTFD | TRIGGER, 1, fd)
    order("MSI: off beside INTx", MSI, NONE | TRIGGER, 0)
    order("INTx: off", INTX, NONE | TRIGGER, 0)
    order("MSI: trigger when it is off", MSI, BOOL | TRIGGER, 1, b"\1")
    order("MSI: too many", MSI, EVENTFD | TRIGGER, 999, fd * 999)
    order("MSI: from far", MSI, EVENTFD | TRIGGER, 1, fd, 999)
    order("MSI: bad eventfd", MSI, EVENTFD | TRIGGER, 1, struct.pack("=i", 1 << 20))
    order("MSI: on", MSI, EVENTFD | TRIGGER, 1, fd)
    order("MSI: mask", MSI, NONE | MASK)
    order("MSI: trigger", MSI, BOOL | TRIGGER, 1, b"\1")
    seen("of MSI")
    order("MSI: one off", MSI, EVENTFD | TRIGGER, 1, nobody)
    order("MSI: trigger the one", MSI, BOOL | TRIGGER, 1, b"\1")
    seen("of MSI, switched off")
    order("INTx beside MSI without vectors", INTX, EVENTFD | TRIGGER, 1, fd)
    order("MSI: one on", MSI, EVENTFD | TRIGGER, 1, fd)
    order("MSI: off", MSI, NONE | TRIGGER, 0)
    order("REQ: trigger when it is off", REQ, BOOL | TRIGGER, 1, b"\1")
    order("REQ: on", REQ, EVENTFD | TRIGGER, 1, fd)
    order("REQ: trigger", REQ, BOOL | TRIGGER, 1, b"\1")
    seen("of REQ")
    order("REQ: mask", REQ, NONE | MASK)
    order("REQ: off", REQ, EVENTFD | TRIGGER, 1, nobody)
    order("no such kind", 5, NONE | TRIGGER, 0)
    q.kernel.close(eventfd)


def of_dirty_pages(q: Questions, container: int) -> None:
    """Ask which pages were written to."""
    memory = mmap.mmap(-1, 4 * PAGE)
    vaddr = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    mapping = c.vfio_iommu_type1_dma_map.sized(flags=3, vaddr=vaddr, iova=0x10000, size=4 * PAGE)
    q.kernel.ioctl(container, c.VFIO_IOMMU_MAP_DMA.number, mapping)
    bits = (ctypes.c_uint64 * 1)()

    def order(what: str, flags: int, data: bytes = b"") -> None:
        text = bytes(c.vfio_iommu_type1_dirty_bitmap(8 + len(data), flags)) + data
        buffer = ctypes.create_string_buffer(text, len(text))
        request = c.VFIO_IOMMU_DIRTY_PAGES.number
        q.ask(f"dirty pages: {what}", lambda: q.kernel.ioctl(container, request, buffer))

    def bitmap(pages: int = PAGE, size: int = 8) -> c.vfio_bitmap:
        return c.vfio_bitmap(pages, size, ctypes.cast(bits, ctypes.POINTER(ctypes.c_uint64)))

    def get(what: str, iova: int, size: int, where: c.vfio_bitmap) -> None:
        bits[0] = 0
        order(what, 4, bytes(c.vfio_iommu_type1_dirty_bitmap_get(iova, size, where)))
        q.ask(f"dirty pages: bits of {what}", lambda: int(bits[0]))

    get("before", 0x10000, 4 * PAGE, bitmap())
    order("two flags", 3)
    order("unknown flag", 8)
    order("start", 1)
    order("start again", 1)
    order("too short", 4)
    get("all", 0x10000, 4 * PAGE, bitmap())
    get("all again", 0x10000, 4 * PAGE, bitmap())
    get("more", 0x10000 - PAGE, 8 * PAGE, bitmap())
    get("a part", 0x10000, PAGE, bitmap())
    get("a hole", 1 << 30, PAGE, bitmap())
    get("no page", 0x10000, PAGE + 1, bitmap())
    get("nothing", 0x10000, 0, bitmap())
    get("large pages", 0x10000, 4 * PAGE, bitmap(2 * PAGE))
    get("no room", 0x10000, 4 * PAGE, bitmap(size=0))
    bits[0] = 0
    for what, tracked in (("tracked", True), ("not tracked", False)):
        if not tracked:
            order("stop", 2)
            order("stop again", 2)
            q.kernel.ioctl(container, c.VFIO_IOMMU_MAP_DMA.number, mapping)
        text = bytes(c.vfio_iommu_type1_dma_unmap(48, 1, 0x10000, 4 * PAGE)) + bytes(bitmap())
        buffer = ctypes.create_string_buffer(text, len(text))
        unmap = partial(q.kernel.ioctl, container, c.VFIO_IOMMU_UNMAP_DMA.number, buffer)
        q.ask(f"unmap with bits, {what}", unmap)
        q.ask(f"bits of what was unmapped, {what}", lambda: int(bits[0]))
    everything = c.vfio_iommu_type1_dma_unmap.sized(flags=c.VFIO_DMA_UNMAP_FLAG_ALL)
    q.kernel.ioctl(container, c.VFIO_IOMMU_UNMAP_DMA.number, everything)


def of_features(q: Questions, device: int) -> None:
    """Ask what a device has besides, as one does that has nothing but low power."""
    get, set_it, probe = 1 << 16, 1 << 17, 1 << 18

    def order(what: str, flags: int, data: bytes = b"", argsz: int = 0) -> None:
        text = bytes(f.vfio_device_feature(argsz or 8 + len(data), flags)) + data
        buffer = ctypes.create_string_buffer(text, len(text))
        request = f.VFIO_DEVICE_FEATURE.number
        q.ask(f"feature {what}", lambda: q.kernel.ioctl(device, request, buffer))

    for number in (*range(13), 4711):
        for what, flags in (("", 0), (" to get", get), (" to set", set_it)):
            order(f"{number}: probe{what}", number | probe | flags, bytes(64))
        order(f"{number}: get", number | get, bytes(64))
    for number in (3, 4, 5):
        order(f"{number}: nothing", number, bytes(64))
        order(f"{number}: both", number | get | set_it, bytes(64))
        order(f"{number}: unknown flag", number | set_it | 1 << 19, bytes(64))
        order(f"{number}: short", number | set_it, bytes(64), argsz=4)
    wakeup = q.kernel.eventfd()
    order("sleep until", 4 | set_it, struct.pack("=iI", -1, 0))
    order("sleep until, without room", 4 | set_it, struct.pack("=i", wakeup))
    order("sleep", 3 | set_it)
    order("sleep again", 3 | set_it)
    order("sleep until, asleep", 4 | set_it, struct.pack("=iI", wakeup, 0))
    order("wake", 5 | set_it)
    order("wake again", 5 | set_it)
    order("sleep until again", 4 | set_it, struct.pack("=iI", wakeup, 0))
    order("wake at last", 5 | set_it)
    q.kernel.close(wakeup)


def of_ioeventfds(q: Questions, device: int) -> None:
    """Tie writes to an eventfd."""
    eventfd = q.kernel.eventfd()

    def order(what: str, flags: int, offset: int, data: int = 0, fd: int = eventfd) -> None:
        wanted = d.vfio_device_ioeventfd.sized(flags=flags, offset=offset, data=data, fd=fd)
        q.ioctl(f"ioeventfd: {what}", device, d.VFIO_DEVICE_IOEVENTFD, wanted)

    order("nobody's", 4, 0x5440, fd=-1)
    order("two widths", 6, 0x5440)
    order("no width", 0, 0x5440)
    order("unknown flag", 20, 0x5440)
    order("fd -2", 4, 0x5440, fd=-2)
    order("configuration space", 4, 7 << 40)
    order("behind the end", 4, 1 << 17)
    order("a BAR that is not there", 4, 5 << 40)
    order("MSI-X's table", 4, 3 << 40)
    for width in (1, 2, 4, 8):
        order(f"{width} wide", width, 0x5440)
        order(f"{width} wide again", width, 0x5440)
        order(f"{width} wide, another value", width, 0x5440, 1)
        order(f"{width} wide, no more", width, 0x5440, fd=-1)
        order(f"{width} wide, the other no more", width, 0x5440, 1, fd=-1)
    order("no more again", 4, 0x5440, fd=-1)
    q.kernel.close(eventfd)


def of_resets(q: Questions, device: int, group: int) -> None:
    """Ask for resets."""
    q.ioctl("reset", device, d.VFIO_DEVICE_RESET)
    small = pci.vfio_pci_hot_reset_info.sized()
    q.ioctl("hot reset info without room", device, pci.VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, small)
    q.ask("how many it resets", lambda: int(small.count))
    none = pci.vfio_pci_hot_reset.sized()
    q.ioctl("hot reset without groups", device, pci.VFIO_DEVICE_PCI_HOT_RESET, none)
    order = pci.vfio_pci_hot_reset(16, 0, 1)
    text = ctypes.create_string_buffer(bytes(order) + struct.pack("=i", group), 16)
    request = pci.VFIO_DEVICE_PCI_HOT_RESET.number
    q.ask("hot reset", lambda: q.kernel.ioctl(device, request, text))


def answers(kernel: Kernel, name: str) -> dict[str, int | str]:
    """Ask a kernel all questions; leave nothing open."""
    q = Questions(kernel)
    path = f"/dev/vfio/{Sysfs(kernel).place(name).group}"
    with q.opened("/dev/vfio/vfio") as container:
        of_container(q, container)
        with q.opened(path) as group:
            of_group(q, container, group, path, name)
            of_dma(q, container)
            device = device_fd(q, group, name)
            of_regions(q, device)
            of_irqs(q, device)
            of_dirty_pages(q, container)
            of_features(q, device)
            of_ioeventfds(q, device)
            of_resets(q, device, group)
            held = kernel.mmap(device, PAGE, mmap.PROT_READ, 0)
            kernel.close(device)
        q.ask("open a group of which a region is mapped", lambda: kernel.open(path))
        kernel.munmap(held)
    with q.opened(path) as group:
        status(q, "when all is closed", group)
    return q.answers


if __name__ == "__main__":
    json.dump(answers(Kernel(), sys.argv[1]), sys.stdout, indent=1)
