# SPDX-License-Identifier: GPL-2.0-or-later
"""An open /dev/iommu of the made-up kernel: address spaces, page tables, and devices bound to it."""

from __future__ import annotations

import ctypes
import errno
import struct
from dataclasses import dataclass, field
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING

from pyvfio.uapi import container
from pyvfio.uapi import iommufd as uapi
from pyvfio.uapi.base import Ioctl
from tests.unit.pyvfio.fake.bits import Memory, fail, mark
from tests.unit.pyvfio.fake.files import ContainerFile, File, GroupFile
from tests.unit.pyvfio.fake.machine import PAGE, Function

if TYPE_CHECKING:
    from tests.unit.pyvfio.fake.kernel import FakeKernel

FULL = (0, (1 << 64) - 1)
VTD = struct.pack("=IIQQ", 1, 0, 0xD2008C22260286, 0xF00F4A)
"""What VT-d tells of itself: struct iommu_hw_info_vtd."""


@dataclass(eq=False)
class Space:
    """An address space.

    Attributes:
        mapped: What is, by address: (address in the process, size).
        tables: Page tables that were made of it.
        allowed: What must stay possible.
    """

    mapped: dict[int, tuple[int, int]] = field(default_factory=dict)
    tables: list[Table] = field(default_factory=list)
    allowed: list[tuple[int, int]] = field(default_factory=list)


@dataclass(eq=False)
class Table:
    """A page table; one that the kernel has made goes with the last device."""

    space: Space
    automatic: bool
    users: int = 0
    can_track: bool = False
    tracks: bool = False


@dataclass(eq=False)
class Bound:
    """A device that is bound to the iommufd, and what it uses."""

    function: Function
    table: Table | None = None


class IommufdFile(File):
    """An open /dev/iommu, which lives on while a device is bound to it.

    Attributes:
        objects: What there is, by id.
        compat: What it is where it serves as a container.
    """

    requests = MappingProxyType(
        {
            each.number: each.name
            for module in (uapi, container)
            for each in vars(module).values()
            if isinstance(each, Ioctl) and not each.name.startswith("VFIO_GROUP")
        }
    )

    def __init__(self, kernel: FakeKernel) -> None:
        super().__init__("iommufd")
        self.kernel = kernel
        self.objects: dict[int, Space | Table | Bound] = {}
        self.compat = CompatContainer(self)

    def number_of(self, wanted: object) -> int:
        """Return the id of an object."""
        return next(number for number, each in self.objects.items() if each is wanted)

    def add(self, made: Space | Table | Bound) -> int:
        """Give an object the lowest id that is free."""
        number = next(each for each in range(1, 1 << 16) if each not in self.objects)
        self.objects[number] = made
        return number

    def space(self, number: int) -> Space:
        """Return an address space by its id."""
        found = self.objects.get(number)
        return found if isinstance(found, Space) else fail(errno.ENOENT)

    def bound(self, number: int) -> Bound:
        """Return a device by its id."""
        found = self.objects.get(number)
        return found if isinstance(found, Bound) else fail(errno.ENOENT)

    def all_mapped(self) -> list[tuple[int, int]]:
        """Return address and size of all that is mapped."""
        spaces = [each for each in self.objects.values() if isinstance(each, Space)]
        return [(iova, size) for each in spaces for iova, (_, size) in each.mapped.items()]

    def names(self) -> list[str]:
        """Return what there is, for comparisons."""
        names = [type(each).__name__ for each in self.objects.values()]
        tracking = [each for each in self.objects.values() if isinstance(each, Table)]
        return names + ["tracking of a Table" for each in tracking if each.tracks]

    def release(self) -> None:
        self.objects.clear()
        self.kernel.iommufds.remove(self)

    def ioctl(self, name: str, number: int, memory: Memory) -> int:
        match name:
            case "IOMMU_DESTROY":
                return self._destroy(uapi.iommu_destroy.from_buffer(memory))
            case "IOMMU_IOAS_ALLOC":
                return self._ioas_alloc(uapi.iommu_ioas_alloc.from_buffer(memory))
            case "IOMMU_IOAS_IOVA_RANGES":
                return self._ranges(uapi.iommu_ioas_iova_ranges.from_buffer(memory))
            case "IOMMU_IOAS_ALLOW_IOVAS":
                return self._allow(uapi.iommu_ioas_allow_iovas.from_buffer(memory))
            case "IOMMU_IOAS_MAP":
                return self._map(uapi.iommu_ioas_map.from_buffer(memory))
            case "IOMMU_IOAS_UNMAP":
                return self._unmap(uapi.iommu_ioas_unmap.from_buffer(memory))
            case "IOMMU_HWPT_ALLOC":
                return self._hwpt_alloc(uapi.iommu_hwpt_alloc.from_buffer(memory))
            case "IOMMU_HWPT_SET_DIRTY_TRACKING":
                return self._track(uapi.iommu_hwpt_set_dirty_tracking.from_buffer(memory))
            case "IOMMU_HWPT_GET_DIRTY_BITMAP":
                return self._dirty(uapi.iommu_hwpt_get_dirty_bitmap.from_buffer(memory))
            case "IOMMU_GET_HW_INFO":
                return self._hw_info(uapi.iommu_hw_info.from_buffer(memory))
        if name.startswith("VFIO_"):
            return self.compat.ioctl(name, number, memory)
        return fail(errno.ENOTTY)

    def _destroy(self, order: uapi.iommu_destroy) -> int:
        found = self.objects.get(order.id) or fail(errno.ENOENT)
        if (
            isinstance(found, Bound)
            or (isinstance(found, Space) and found.tables)
            or (isinstance(found, Table) and found.users)
        ):
            fail(errno.EBUSY)
        if isinstance(found, Table):
            found.space.tables.remove(found)
        del self.objects[order.id]
        return 0

    def _ioas_alloc(self, order: uapi.iommu_ioas_alloc) -> int:
        if order.flags:
            fail(errno.EOPNOTSUPP)
        order.out_ioas_id = self.add(Space())
        return 0

    def windows(self, space: Space) -> tuple[tuple[int, int], ...]:
        """Return where mappings can be: everywhere, without devices."""
        used = any(table.users for table in space.tables)
        return self.kernel.machine.windows if used else (FULL,)

    def _ranges(self, order: uapi.iommu_ioas_iova_ranges) -> int:
        space = self.space(order.ioas_id)
        windows = self.windows(space)
        room, order.num_iovas = order.num_iovas, len(windows)
        order.out_iova_alignment = PAGE if space.tables else 1
        text = b"".join(struct.pack("=QQ", *each) for each in windows[:room])
        ctypes.memmove(order.allowed_iovas, text, len(text))
        return fail(errno.EMSGSIZE) if len(windows) > room else 0

    def _allow(self, order: uapi.iommu_ioas_allow_iovas) -> int:
        space = self.space(order.ioas_id)
        wanted = (uapi.iommu_iova_range * order.num_iovas).from_address(order.allowed_iovas or 1)
        ranges = [(each.start, each.last) for each in wanted]
        ordered = sorted(ranges)
        twice = any(one[1] >= other[0] for one, other in pairwise(ordered))
        if twice or any(start >= last for start, last in ranges):
            fail(errno.EINVAL)
        if not all(_within(each, self.windows(space)) for each in ranges):
            fail(errno.EADDRINUSE)
        space.allowed = ranges
        return 0

    def _map(self, order: uapi.iommu_ioas_map) -> int:
        flags = order.flags
        if flags & ~7:
            fail(errno.EOPNOTSUPP)
        if order.iova >= FULL[1] or order.length >= FULL[1]:
            fail(errno.EOVERFLOW)
        if not flags & (uapi.IOMMU_IOAS_MAP_READABLE | uapi.IOMMU_IOAS_MAP_WRITEABLE):
            fail(errno.EINVAL)
        space = self.space(order.ioas_id)
        if order.length == 0:
            fail(errno.EINVAL)
        if not flags & uapi.IOMMU_IOAS_MAP_FIXED_IOVA:
            order.iova = self._choose(space, order.length)
        self.add_mapping(space, order.user_va, order.iova, order.length)
        return 0

    def add_mapping(self, space: Space, vaddr: int, iova: int, size: int) -> None:
        """Map memory, and pin it if a device is there."""
        end = iova + size - 1
        if space.tables and (size | iova) % PAGE:
            fail(errno.EINVAL)
        if end > FULL[1]:
            fail(errno.EOVERFLOW)
        if not _within((iova, end), self.windows(space)):
            fail(errno.EINVAL)
        if any(start <= end and iova < start + n for start, (_, n) in space.mapped.items()):
            fail(errno.EEXIST)
        if space.tables:
            if vaddr % PAGE:
                fail(errno.EINVAL)
            self._pin([(vaddr, size)])
        space.mapped[iova] = (vaddr, size)

    def _pin(self, pages: list[tuple[int, int]]) -> None:
        if any(vaddr == 0 for vaddr, _ in pages):
            fail(errno.EFAULT)
        limit = self.kernel.machine.memlock
        pinned = sum(size for _, size in self.all_mapped())
        if limit is not None and pinned + sum(size for _, size in pages) > limit:
            fail(errno.ENOMEM)

    def _choose(self, space: Space, length: int) -> int:
        places = [max(PAGE, start) for start, _ in self.windows(space)]
        places += [start + size for start, (_, size) in sorted(space.mapped.items())]
        for start in sorted(places):
            end = start + length - 1
            free = all(s > end or s + n <= start for s, (_, n) in space.mapped.items())
            if free and _within((start, end), self.windows(space)):
                return start
        return fail(errno.ENOSPC)

    def _unmap(self, order: uapi.iommu_ioas_unmap) -> int:
        space = self.space(order.ioas_id)
        everything = (order.iova, order.length) == FULL
        if not everything and order.length == 0:
            fail(errno.EINVAL)
        last = FULL[1] if everything else order.iova + order.length - 1
        if last > FULL[1]:
            fail(errno.EOVERFLOW)
        gone = 0
        for start, (_, size) in sorted(space.mapped.items()):
            if start > last or start + size <= order.iova:
                continue
            if start < order.iova or start + size - 1 > last:
                fail(errno.ENOENT)
            del space.mapped[start]
            gone += size
        if not gone and not everything:
            fail(errno.ENOENT)
        order.length = gone
        return 0

    def _hwpt_alloc(self, order: uapi.iommu_hwpt_alloc) -> int:
        if order.data_type and not order.data_len:
            fail(errno.EINVAL)
        self.bound(order.dev_id)
        space = self.objects.get(order.pt_id)
        if order.flags & ~0x7:
            fail(errno.EOPNOTSUPP)
        if not isinstance(space, Space):
            fail(errno.EINVAL)
        can_track = bool(order.flags & uapi.IOMMU_HWPT_ALLOC_DIRTY_TRACKING)
        if can_track and not self.kernel.machine.iommu_tracks:
            fail(errno.EOPNOTSUPP)
        order.out_hwpt_id, table = self._make_table(space, automatic=False)
        table.can_track = can_track
        return 0

    def _table(self, number: int) -> Table:
        found = self.objects.get(number)
        return found if isinstance(found, Table) else fail(errno.ENOENT)

    def _track(self, order: uapi.iommu_hwpt_set_dirty_tracking) -> int:
        table = self._table(order.hwpt_id)
        if order.flags & ~1 or not table.can_track:
            fail(errno.EOPNOTSUPP)
        table.tracks = bool(order.flags)
        return 0

    def _dirty(self, order: uapi.iommu_hwpt_get_dirty_bitmap) -> int:
        table, size = self._table(order.hwpt_id), order.page_size
        if order.flags & ~1 or not table.can_track:
            fail(errno.EOPNOTSUPP)
        if size < PAGE or (order.iova | order.length) % size or not table.tracks:
            fail(errno.EINVAL)
        written = self.kernel.machine.written
        found = {each for each in written if 0 <= each - order.iova < order.length}
        mark(order.data, {(each - order.iova) // size for each in found})
        if not order.flags:
            written -= found
        return 0

    def _make_table(self, space: Space, *, automatic: bool) -> tuple[int, Table]:
        if any(start % PAGE or size % PAGE for start, (_, size) in space.mapped.items()):
            fail(errno.EADDRINUSE)
        if not space.tables:
            self._pin(list(space.mapped.values()))
        table = Table(space, automatic)
        space.tables.append(table)
        return self.add(table), table

    def _hw_info(self, order: uapi.iommu_hw_info) -> int:
        if order.flags or any(getattr(order, "__reserved")):
            fail(errno.EOPNOTSUPP)
        self.bound(order.dev_id)
        text = VTD[: order.data_len]
        ctypes.memmove(order.data_uptr, text, len(text))
        order.data_len, order.out_data_type, order.out_capabilities = len(VTD), 1, 0
        return 0

    def attach(self, bound: Bound, number: int) -> int:
        """Attach a device to an address space or a page table; return the table's id."""
        found = self.objects.get(number) or fail(errno.ENOENT)
        if isinstance(found, Bound):
            fail(errno.EINVAL)
        space = found.space if isinstance(found, Table) else found
        windows = self.kernel.machine.windows
        claimed = [(start, start + size - 1) for start, (_, size) in space.mapped.items()]
        if not all(_within(each, windows) for each in [*claimed, *space.allowed]):
            fail(errno.EADDRINUSE)
        if isinstance(found, Table):
            table, made = found, None
        else:
            known = [each for each in space.tables if each.automatic]
            made = None if known else self._make_table(space, automatic=True)[1]
            table = known[0] if made is None else made
        mates = [
            each
            for each in self.objects.values()
            if isinstance(each, Bound) and each.function.group == bound.function.group
        ]
        if bound.table is None and any(each.table not in (None, table) for each in mates):
            if made is not None:
                self._drop(made)
            fail(errno.EINVAL)
        # Those of a group that are attached go along, since the IOMMU cannot tell them apart.
        for each in mates:
            if each.table is not table and (each is bound or each.table is not None):
                table.users += 1
                before, each.table = each.table, table
                self._leave(before)
        return self.number_of(table)

    def detach(self, bound: Bound) -> None:
        """Let a device use no page table."""
        table, bound.table = bound.table, None
        self._leave(table)

    def _leave(self, table: Table | None) -> None:
        if table is not None:
            table.users -= 1
            if table.automatic and table.users == 0:
                self._drop(table)

    def _drop(self, table: Table) -> None:
        table.space.tables.remove(table)
        del self.objects[self.number_of(table)]


class CompatContainer(ContainerFile):
    """What an iommufd is where a group is put into it."""

    def __init__(self, iommufd: IommufdFile) -> None:
        super().__init__(iommufd.kernel)
        self.iommufd = iommufd

    def ioctl(self, name: str, number: int, memory: Memory) -> int:
        if name == "VFIO_SET_IOMMU" and not self.groups:
            fail(errno.ENODEV)
        return super().ioctl(name, number, memory)

    def get(self) -> None:
        self.iommufd.get()

    def put(self) -> None:
        self.iommufd.put()

    def leave(self, group: GroupFile) -> None:
        self.groups.remove(group)
        self.put()


def _within(wanted: tuple[int, int], windows: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= wanted[0] and wanted[1] <= last for first, last in windows)
