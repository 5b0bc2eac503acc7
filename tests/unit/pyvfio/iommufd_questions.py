# SPDX-License-Identifier: GPL-2.0-or-later
"""Questions about iommufd and devices' own files to a kernel, in its own words.

As `questions`: the made-up kernel must answer as a real one did, whose answers are in
iommufd_answers.json. `python -m tests.unit.pyvfio.iommufd_questions BDF ONE OTHER` asks the running
kernel, for such a function as `questions` wants and two that share an IOMMU group and a bus, all
with vfio-pci as their driver.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import struct
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from pyvfio.kernel import Kernel
from pyvfio.sysfs import Sysfs
from pyvfio.uapi import container as c
from pyvfio.uapi import device as d
from pyvfio.uapi import iommufd as u
from pyvfio.uapi import pci
from tests.unit.pyvfio.questions import PAGE, Questions, of_irqs, of_regions

IOMMU = "/dev/iommu"
BIND, ATTACH, DETACH = 16, 12, 8
"""Sizes of the structs of Linux 6.6."""


def path_of(kernel: Kernel, name: str) -> str:
    """Return a device's own file."""
    sysfs = Sysfs(kernel)
    path = sysfs.cdev(sysfs.place(name))
    assert path is not None, f"{name} has no file of its own"
    return path


def bind(q: Questions, what: str, device: int, iommufd: int, argsz: int = BIND, **more: int) -> int:
    """Ask to bind a device; return its id."""
    order = d.vfio_device_bind_iommufd(argsz=argsz, iommufd=iommufd, **more)
    if q.ioctl(f"bind {what}", device, d.VFIO_DEVICE_BIND_IOMMUFD, order) < 0:
        return 0
    return q.ask(f"id of what is bound {what}", lambda: int(order.out_devid))


def attach(
    q: Questions, what: str, device: int, number: int, argsz: int = ATTACH, flags: int = 0
) -> int:
    """Ask to attach a device; return the id of the page table."""
    order = d.vfio_device_attach_iommufd_pt(argsz, flags, number, 0)
    if q.ioctl(f"attach {what}", device, d.VFIO_DEVICE_ATTACH_IOMMUFD_PT, order) < 0:
        return 0
    return q.ask(f"page table attached {what}", lambda: int(order.pt_id))


def detach(q: Questions, what: str, device: int, argsz: int = DETACH, flags: int = 0) -> None:
    """Ask to detach a device."""
    order = d.vfio_device_detach_iommufd_pt(argsz, flags, 0)
    q.ioctl(f"detach {what}", device, d.VFIO_DEVICE_DETACH_IOMMUFD_PT, order)


def alloc(q: Questions, what: str, fd: int, flags: int = 0) -> int:
    """Ask for an address space; return its id."""
    order = u.iommu_ioas_alloc.sized(flags=flags)
    if q.ioctl(f"allocate {what}", fd, u.IOMMU_IOAS_ALLOC, order) < 0:
        return 0
    return q.ask(f"id of {what}", lambda: int(order.out_ioas_id))


def destroy(q: Questions, what: str, fd: int, number: int) -> None:
    """Ask to destroy something."""
    q.ioctl(f"destroy {what}", fd, u.IOMMU_DESTROY, u.iommu_destroy.sized(id=number))


def ranges(q: Questions, when: str, fd: int, number: int, room: int = 8) -> None:
    """Ask what can be mapped."""
    found = (u.iommu_iova_range * max(room, 1))()
    asked = u.iommu_ioas_iova_ranges.sized(
        ioas_id=number, num_iovas=room, allowed_iovas=ctypes.addressof(found)
    )
    q.ioctl(f"ranges {when}", fd, u.IOMMU_IOAS_IOVA_RANGES, asked)
    q.ask(f"number of ranges {when}", lambda: int(asked.num_iovas))
    q.ask(f"alignment {when}", lambda: int(asked.out_iova_alignment))
    for place in range(min(room, asked.num_iovas)):
        q.ask(f"end of range {place} {when}", partial(int, found[place].last))


def map_dma(
    q: Questions, what: str, fd: int, number: int, vaddr: int, iova: int, size: int, flags: int = 7
) -> None:
    """Ask for a mapping."""
    order = u.iommu_ioas_map.sized(
        flags=flags, ioas_id=number, user_va=vaddr, iova=iova, length=size
    )
    q.ioctl(f"map {what}", fd, u.IOMMU_IOAS_MAP, order)
    if not flags & 1:
        q.ask(f"address of {what}", lambda: int(order.iova))


def unmap(q: Questions, what: str, fd: int, number: int, iova: int, size: int) -> None:
    """Ask to take mappings away."""
    order = u.iommu_ioas_unmap.sized(ioas_id=number, iova=iova, length=size)
    if q.ioctl(f"unmap {what}", fd, u.IOMMU_IOAS_UNMAP, order) >= 0:
        q.ask(f"unmapped {what}", lambda: int(order.length))


def allow(q: Questions, what: str, fd: int, number: int, *wanted: tuple[int, int]) -> None:
    """Ask that addresses stay possible."""
    array = (u.iommu_iova_range * max(len(wanted), 1))()
    for place, (start, last) in enumerate(wanted):
        array[place].start, array[place].last = start, last
    order = u.iommu_ioas_allow_iovas.sized(
        ioas_id=number, num_iovas=len(wanted), allowed_iovas=ctypes.addressof(array)
    )
    q.ioctl(f"allow {what}", fd, u.IOMMU_IOAS_ALLOW_IOVAS, order)


def of_binding(q: Questions, device: int, path: str, group: str, fd: int) -> int:
    """Ask a device on its way to an iommufd; return its id there."""
    info = d.vfio_device_info.sized()
    q.ioctl("info before binding", device, d.VFIO_DEVICE_GET_INFO, info)
    q.ask("read before binding", lambda: len(q.kernel.pread(device, 4, 7 << 40)))
    q.ask("map before binding", lambda: len(q.kernel.mmap(device, PAGE, mmap.PROT_READ, 0)))
    attach(q, "before binding", device, 1)
    eventfd = q.kernel.eventfd()
    bind(q, "to an eventfd", device, eventfd)
    q.kernel.close(eventfd)
    bind(q, "to nothing", device, -1)
    bind(q, "to what is not open", device, 1 << 20)
    bind(q, "with too short a struct", device, fd, argsz=BIND - 4)
    bind(q, "with an unknown flag", device, fd, flags=1 << 5)
    bind(q, "with a token at address 0", device, fd, argsz=24, flags=1)
    with q.opened(group):
        bind(q, "while its group is open", device, fd)
    number = bind(q, "to an iommufd", device, fd)
    bind(q, "again", device, fd)
    with q.opened(path) as other:
        bind(q, "by another descriptor", other, fd)
    q.ask("open its group", lambda: q.kernel.open(group))
    q.ioctl("info after binding", device, d.VFIO_DEVICE_GET_INFO, info)
    return number


def of_spaces(q: Questions, fd: int) -> int:
    """Ask address spaces without devices; return one's id."""
    memory = mmap.mmap(-1, 2 * PAGE)
    vaddr = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    alloc(q, "with flags", fd, 1)
    number = alloc(q, "an address space", fd)
    ranges(q, "without devices", fd, number)
    ranges(q, "without room", fd, number, 0)
    ranges(q, "of nothing", fd, 99)
    map_dma(q, "with an unknown flag", fd, number, vaddr, 0, PAGE, 1 << 5 | 7)
    map_dma(q, "without reading or writing", fd, number, vaddr, 0, PAGE, 1)
    map_dma(q, "in nothing", fd, 99, vaddr, 0, PAGE)
    map_dma(q, "no bytes", fd, number, vaddr, 0, 0)
    map_dma(q, "beyond the end", fd, number, vaddr, (1 << 64) - PAGE, 2 * PAGE)
    map_dma(q, "at the very end", fd, number, vaddr, (1 << 64) - 1, PAGE)
    map_dma(q, "where interrupts are, without devices", fd, number, vaddr, 0xFEE00000, PAGE)
    map_dma(q, "over it, without devices", fd, number, vaddr, 0xFEE00000, PAGE)
    map_dma(q, "by halves, without devices", fd, number, vaddr + 16, 0x1008, 24)
    map_dma(q, "memory that is not there, without devices", fd, number, 0, 0x10000, PAGE)
    unmap(q, "in nothing", fd, 99, 0, PAGE)
    unmap(q, "a half, without devices", fd, number, 0x1008, 8)
    unmap(q, "all, without devices", fd, number, 0, (1 << 64) - 1)
    unmap(q, "all of nothing", fd, number, 0, (1 << 64) - 1)
    return number


def of_attaching(q: Questions, device: int, fd: int, space: int) -> None:
    """Ask for what a device can be attached to."""
    memory = mmap.mmap(-1, PAGE)
    vaddr = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    attach(q, "to nothing", device, 99)
    attach(q, "to itself", device, 1)
    attach(q, "with too short a struct", device, space, argsz=ATTACH - 4)
    attach(q, "with an unknown flag", device, space, flags=1 << 5)
    attach(q, "for a pasid", device, space, argsz=16, flags=1)
    detach(q, "what is not attached", device)
    detach(q, "with an unknown flag", device, flags=1 << 5)
    detach(q, "with too short a struct", device, argsz=DETACH - 4)
    map_dma(q, "where interrupts will be", fd, space, vaddr, 0xFEE00000, PAGE)
    attach(q, "over a mapping", device, space)
    unmap(q, "where interrupts will be", fd, space, 0xFEE00000, PAGE)
    map_dma(q, "what no page is", fd, space, vaddr, 0x1008, 24)
    attach(q, "over a mapping of no page", device, space)
    unmap(q, "what no page is", fd, space, 0x1000, PAGE)
    map_dma(q, "what will not be there", fd, space, 0, 0x10000, PAGE)
    attach(q, "over memory that is not there", device, space)
    unmap(q, "what was not there", fd, space, 0x10000, PAGE)
    allow(q, "addresses backwards", fd, space, (0x2000, 0x1000))
    allow(q, "addresses twice", fd, space, (0x1000, 0x2FFF), (0x2000, 0x3FFF))
    allow(q, "addresses of nothing", fd, 99, (0x1000, 0x1FFF))
    allow(q, "addresses of interrupts", fd, space, (0xFEE00000, 0xFEE00FFF))
    attach(q, "over what is allowed", device, space)
    allow(q, "low addresses", fd, space, (0x1000, 0xFFFFF))
    attach(q, "to an address space", device, space)
    attach(q, "to it again", device, space)
    allow(q, "addresses of interrupts, with a device", fd, space, (0xFEE00000, 0xFEE00FFF))
    allow(q, "all again", fd, space)
    ranges(q, "with a device", fd, space)
    ranges(q, "with a device and little room", fd, space, 1)
    other = alloc(q, "another address space", fd)
    destroy(q, "an address space that is used", fd, space)
    destroy(q, "a page table that is used", fd, 3)
    destroy(q, "a device", fd, 1)
    destroy(q, "nothing", fd, 99)
    attach(q, "to the other", device, other)
    ranges(q, "of what it has left", fd, space)
    detach(q, "from the other", device)
    detach(q, "a second time", device)
    destroy(q, "the other", fd, other)
    destroy(q, "the other again", fd, other)


def of_tables(q: Questions, device: int, fd: int, space: int) -> None:
    """Ask for page tables made by hand, and for what the IOMMU tells."""

    def hwpt(what: str, dev_id: int, pt_id: int, flags: int = 0, data_type: int = 0) -> int:
        order = u.iommu_hwpt_alloc.sized(
            flags=flags, dev_id=dev_id, pt_id=pt_id, data_type=data_type
        )
        if q.ioctl(f"page table {what}", fd, u.IOMMU_HWPT_ALLOC, order) < 0:
            return 0
        return q.ask(f"id of page table {what}", lambda: int(order.out_hwpt_id))

    hwpt("of no device", 99, space)
    hwpt("of nothing", 1, 99)
    hwpt("with an unknown flag", 1, space, 1 << 20)
    hwpt("that tracks dirty pages", 1, space, u.IOMMU_HWPT_ALLOC_DIRTY_TRACKING)
    hwpt("of data that is not there", 1, space, 0, 1)
    number = hwpt("by hand", 1, space)
    attach(q, "to a page table", device, number)
    destroy(q, "a page table made by hand that is used", fd, number)
    attach(q, "from there to its address space", device, space)
    destroy(q, "a page table made by hand", fd, number)
    for what, dev_id, flags in (("", 1, 0), (" of nothing", 99, 0), (" with a flag", 1, 1 << 5)):
        text = ctypes.create_string_buffer(64)
        info = u.iommu_hw_info.sized(
            flags=flags, dev_id=dev_id, data_len=64, data_uptr=ctypes.addressof(text)
        )
        q.ioctl(f"what the IOMMU can{what}", fd, u.IOMMU_GET_HW_INFO, info)
        q.ask(f"length of what the IOMMU can{what}", partial(int, info.data_len))
        q.ask(f"kind of what the IOMMU can{what}", partial(int, info.out_data_type))
        q.ask(f"capabilities{what}", partial(int, info.out_capabilities))


def of_mappings(q: Questions, fd: int, space: int) -> None:
    """Ask for mappings that can and cannot be with a device."""
    memory = mmap.mmap(-1, 4 * PAGE)
    vaddr = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    map_dma(q, "vaddr that is no page's", fd, space, vaddr + 1, 0, PAGE)
    map_dma(q, "iova that is no page's", fd, space, vaddr, 1, PAGE)
    map_dma(q, "size that is no page's", fd, space, vaddr, 0, PAGE + 1)
    map_dma(q, "where interrupts are", fd, space, vaddr, 0xFEE00000, PAGE)
    map_dma(q, "far above", fd, space, vaddr, 1 << 62, PAGE)
    map_dma(q, "memory that is not there", fd, space, 0, 0, PAGE)
    map_dma(q, "four pages", fd, space, vaddr, 0x10000, 4 * PAGE)
    map_dma(q, "over it", fd, space, vaddr, 0x10000 + 3 * PAGE, PAGE)
    map_dma(q, "behind it", fd, space, vaddr, 0x10000 + 4 * PAGE, PAGE)
    map_dma(q, "to be read", fd, space, vaddr, 0x20000, PAGE, 1 | 4)
    unmap(q, "a part", fd, space, 0x10000 + PAGE, PAGE)
    unmap(q, "where nothing is", fd, space, 1 << 30, PAGE)
    unmap(q, "no bytes", fd, space, 0x10000, 0)
    unmap(q, "beyond the end", fd, space, (1 << 64) - PAGE, 2 * PAGE)
    unmap(q, "one and a part", fd, space, 0x10000 + 2 * PAGE, 3 * PAGE)
    unmap(q, "more than both", fd, space, 0x10000 - PAGE, 8 * PAGE)
    unmap(q, "the rest", fd, space, 0, (1 << 64) - 1)
    # Of several pages the address would depend on how that of the memory is aligned.
    map_dma(q, "a page anywhere", fd, space, vaddr, 0, PAGE, 6)


def reset_info(q: Questions, when: str, device: int, count: int) -> None:
    """Ask what a hot reset affects."""
    text = bytearray(ctypes.sizeof(pci.vfio_pci_hot_reset_info) + 8 * count)
    struct.pack_into("=I", text, 0, len(text))
    buffer = (ctypes.c_char * len(text)).from_buffer(text)
    request = pci.VFIO_DEVICE_GET_PCI_HOT_RESET_INFO.number
    q.ask(f"hot reset info {when}", lambda: q.kernel.ioctl(device, request, buffer))
    q.ask(f"flags of hot reset {when}", lambda: int(struct.unpack_from("=I", text, 4)[0]))
    for place in range(count):
        (owner,) = struct.unpack_from("=i", text, 12 + 8 * place)
        q.ask(f"owner {place} of hot reset {when}", partial(int, owner))


def hot_reset(q: Questions, when: str, device: int, *fds: int) -> None:
    """Ask for a hot reset."""
    order = pci.vfio_pci_hot_reset(12 + 4 * len(fds), 0, len(fds))
    data = bytes(order) + struct.pack(f"={len(fds)}i", *fds)
    buffer = ctypes.create_string_buffer(data, len(data))
    request = pci.VFIO_DEVICE_PCI_HOT_RESET.number
    q.ask(f"hot reset {when}", lambda: q.kernel.ioctl(device, request, buffer))


def of_twins(q: Questions, one: str, other: str) -> None:
    """Ask for two devices of one group."""
    paths = [path_of(q.kernel, each) for each in (one, other)]
    with q.opened(IOMMU) as fd, q.opened(paths[0]) as first, q.opened(paths[1]) as second:
        bind(q, "the first of a group", first, fd)
        reset_info(q, "with one of a group", first, 2)
        hot_reset(q, "with one of a group", first)
        with q.opened(IOMMU) as foreign:
            bind(q, "the second elsewhere", second, foreign)
        bind(q, "the second of a group", second, fd)
        reset_info(q, "with both of a group", first, 2)
        space, another = alloc(q, "one for twins", fd), alloc(q, "another for twins", fd)
        attach(q, "the first of a group", first, space)
        attach(q, "the second elsewhere", second, another)
        attach(q, "the second to the same", second, space)
        attach(q, "both by replacing one's", second, another)
        destroy(q, "what both have left", fd, space)
        detach(q, "the first of a group", first)
        detach(q, "the second of a group", second)
        destroy(q, "what both had", fd, another)


def of_compat(q: Questions, name: str) -> None:
    """Ask an iommufd as a container."""
    place = Sysfs(q.kernel).place(name)
    with q.opened(IOMMU) as fd, q.opened(f"/dev/vfio/{place.group}") as group:
        q.ioctl("api version of an iommufd", fd, c.VFIO_GET_API_VERSION)
        q.ioctl("set iommu of an iommufd without group", fd, c.VFIO_SET_IOMMU, 3)
        container = ctypes.c_int32(fd)
        request = c.VFIO_GROUP_SET_CONTAINER.number
        q.ask("put a group into an iommufd", lambda: q.kernel.ioctl(group, request, container))
        q.ioctl("set iommu of an iommufd", fd, c.VFIO_SET_IOMMU, 3)
        text = ctypes.create_string_buffer(name.encode())
        device = q.kernel.ioctl(group, c.VFIO_GROUP_GET_DEVICE_FD.number, text)
        memory = mmap.mmap(-1, PAGE)
        vaddr = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        mapping = c.vfio_iommu_type1_dma_map.sized(flags=3, vaddr=vaddr, iova=0, size=PAGE)
        q.ioctl("map in an iommufd as a container", fd, c.VFIO_IOMMU_MAP_DMA, mapping)
        order = c.vfio_iommu_type1_dma_unmap.sized(iova=0, size=PAGE)
        q.ioctl("unmap in an iommufd as a container", fd, c.VFIO_IOMMU_UNMAP_DMA, order)
        q.kernel.close(device)


@contextmanager
def bound(q: Questions, path: str, fd: int) -> Iterator[int]:
    """Bind a device for a while, without a word."""
    with q.opened(path) as device:
        order = d.vfio_device_bind_iommufd(argsz=BIND, iommufd=fd)
        q.kernel.ioctl(device, d.VFIO_DEVICE_BIND_IOMMUFD.number, order)
        yield device


def answers(kernel: Kernel, name: str, twins: tuple[str, str]) -> dict[str, int | str]:
    """Ask a kernel all questions; leave nothing open."""
    q = Questions(kernel)
    path = path_of(kernel, name)
    with ExitStack() as stack:
        fd = stack.enter_context(q.opened(IOMMU))
        device = stack.enter_context(q.opened(path))
        of_binding(q, device, path, f"/dev/vfio/{Sysfs(kernel).place(name).group}", fd)
        space = of_spaces(q, fd)
        of_attaching(q, device, fd, space)
        attach(q, "for good", device, space)
        of_tables(q, device, fd, space)
        of_mappings(q, fd, space)
        of_regions(q, device)
        of_irqs(q, device)
        reset_info(q, "of one alone", device, 1)
        hot_reset(q, "with a descriptor", device, fd)
        hot_reset(q, "without descriptors", device)
    with q.opened(IOMMU) as fd:
        with bound(q, path, fd) as device:
            held = kernel.mmap(device, PAGE, mmap.PROT_READ, 0)
        with q.opened(path) as again:
            bind(q, "what has a region mapped still", again, fd)
        kernel.munmap(held)
        with q.opened(path) as again:
            bind(q, "it later", again, fd)
    of_twins(q, *twins)
    of_compat(q, name)
    return q.answers


if __name__ == "__main__":
    one, *pair = sys.argv[1:]
    json.dump(answers(Kernel(), one, (pair[0], pair[1])), sys.stdout, indent=1)
