# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory that devices reach, and the addresses by which they do."""

from __future__ import annotations

import ctypes
import mmap
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Any, Self, TypeAlias

from pyvfio.errors import VfioError
from pyvfio.iommu import Translation
from pyvfio.iova import IovaAllocator

Memory: TypeAlias = "bytearray | memoryview | mmap.mmap | ctypes.Array[Any]"
"""Something writable whose memory stays where it is. Of others make a memoryview first."""


class DmaMapping:
    """Memory that devices can reach, until it is unmapped.

    Attributes:
        iova: The address that devices use.
        vaddr: The address of the memory in this process.
        size: Bytes.
    """

    def __init__(
        self,
        space: AddressSpace,
        vaddr: int,
        iova: int,
        size: int,
        view: memoryview | None = None,
        owned: mmap.mmap | None = None,
    ) -> None:
        self.vaddr = vaddr
        self.iova = iova
        self.size = size
        self._space = space
        # While the view lives, nobody can close or resize what it is a view of.
        self._view = view
        self._owned = owned

    def __repr__(self) -> str:
        return f"DmaMapping(iova={self.iova:#x}, vaddr={self.vaddr:#x}, size={self.size:#x})"

    @property
    def memory(self) -> memoryview:
        """The bytes, to read and to write. For words use `memory.cast("I")`.

        Raises:
            ValueError: it was unmapped, or was given as an address and not as memory.
        """
        if self._view is None:
            raise ValueError(f"{self} has no memory to show")
        return self._view

    @property
    def mapped(self) -> bool:
        """Whether devices reach it still."""
        return self in self._space.mappings

    def unmap(self) -> None:
        """Take it away from devices, and let the memory go; a second time does nothing.

        Raises:
            VfioError: the kernel refused; it stays mapped then.
        """
        if self.mapped:
            self._space.unmap(self)

    def release(self) -> None:
        """Let the memory go, which no device reaches any more. For AddressSpace."""
        # Who made a view of `memory` keeps the memory until that is dropped. No harm is in it.
        if self._view is not None:
            with suppress(BufferError):
                self._view.release()
        self._view = None
        memory, self._owned = self._owned, None
        if memory is not None:
            with suppress(BufferError):
                self._space.iommu.kernel.munmap(memory)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.unmap()


class AddressSpace:
    """What is mapped for devices, and who has which address.

    `iova`, `below`, `read` and `write` mean the same everywhere: the address to map at (None for
    the lowest that is free), what its end must lie below (`1 << 32` for a device that has 32 bits
    of address), and whether devices may read and write the memory.
    """

    def __init__(self, iommu: Translation) -> None:
        self.iommu = iommu
        self._mappings: dict[DmaMapping, None] = {}
        self._addresses: IovaAllocator | None = None

    @property
    def mappings(self) -> tuple[DmaMapping, ...]:
        """All that are mapped, the oldest first."""
        return tuple(self._mappings)

    @property
    def addresses(self) -> IovaAllocator:
        """Who has which address.

        Raises:
            VfioError: the kernel does not tell what it translates: no device is there yet.
        """
        if self._addresses is None:
            addresses = IovaAllocator(self.iommu.iova_ranges(), self.iommu.page_size())
            for mapping in self._mappings:
                addresses.reserve(mapping.iova, mapping.size)
            self._addresses = addresses
        return self._addresses

    def refresh(self) -> None:
        """Ask anew what can be mapped, since a device has come or gone."""
        self._addresses = None

    def allocate(
        self,
        size: int,
        *,
        iova: int | None = None,
        below: int | None = None,
        read: bool = True,
        write: bool = True,
    ) -> DmaMapping:
        """Make memory of zeros, of `size` bytes rounded up to whole pages, and map it.

        Raises:
            VfioError: MemlockExceeded, IovaOutOfRange, IovaExhausted, DmaOverlap, or `call` is
                "mmap": there is no memory.
        """
        kernel = self.iommu.kernel
        page = max(self.addresses.page_size, kernel.page_size)
        size = -(-size // page) * page
        with ExitStack() as undo:
            try:
                memory = kernel.mmap(-1, size, mmap.PROT_READ | mmap.PROT_WRITE)
            except OSError as error:
                raise VfioError.of(error, "mmap", "memory", {"size": size}) from error
            undo.callback(kernel.munmap, memory)
            mapping = self.map(memory, iova=iova, below=below, read=read, write=write)
            mapping._owned = memory
            undo.pop_all()
        return mapping

    def map(
        self,
        memory: Memory,
        *,
        iova: int | None = None,
        below: int | None = None,
        read: bool = True,
        write: bool = True,
    ) -> DmaMapping:
        """Map memory that begins at a page and has whole pages, as mmap.mmap(-1, ...) gives it.

        It cannot be closed or resized while it is mapped.

        Raises:
            VfioError: Misaligned, MemlockExceeded, IovaOutOfRange, IovaExhausted, DmaOverlap.
            TypeError: it cannot be written; use `map_address`.
        """
        with ExitStack() as undo:
            view = memoryview(memory).cast("B")
            undo.callback(view.release)
            mapping = self.map_address(
                ctypes.addressof(ctypes.c_char.from_buffer(view)),
                len(view),
                iova=iova,
                below=below,
                read=read,
                write=write,
            )
            mapping._view = view
            undo.pop_all()
        return mapping

    def map_address(
        self,
        vaddr: int,
        size: int,
        *,
        iova: int | None = None,
        below: int | None = None,
        read: bool = True,
        write: bool = True,
    ) -> DmaMapping:
        """Map memory by its address. The caller sees to it that it stays there.

        Raises:
            VfioError: as `map`.
        """
        addresses = self.addresses
        if iova is None:
            iova = addresses.allocate(size, below=below)
        else:
            addresses.reserve(iova, size)
        with ExitStack() as undo:
            undo.callback(addresses.free, iova, size)
            self.iommu.map_dma(vaddr, iova, size, read=read, write=write)
            undo.pop_all()
        mapping = DmaMapping(self, vaddr, iova, size)
        self._mappings[mapping] = None
        return mapping

    def unmap(self, mapping: DmaMapping) -> None:
        """Take one mapping away.

        Raises:
            VfioError: the kernel refused; it stays mapped then.
            KeyError: it is not mapped here.
        """
        if mapping not in self._mappings:
            raise KeyError(mapping)
        self.iommu.unmap_dma(mapping.iova, mapping.size)
        self._forget(mapping)

    def unmap_all(self) -> None:
        """Take all mappings away, those too that were made behind this object's back.

        Raises:
            VfioError: the kernel refused; all stay mapped then.
        """
        self.iommu.unmap_all_dma()
        self.forget_all()

    def forget_all(self) -> None:
        """Let all memory go, since the kernel has dropped the mappings. For a Translation."""
        for mapping in self.mappings:
            self._forget(mapping)

    def forget(self, mapping: DmaMapping) -> None:
        """Let the memory of one mapping go, which the kernel has dropped.

        Raises:
            KeyError: it is not mapped here.
        """
        self._forget(mapping)

    def _forget(self, mapping: DmaMapping) -> None:
        del self._mappings[mapping]
        if self._addresses is not None:
            self._addresses.free(mapping.iova, mapping.size)
        mapping.release()
