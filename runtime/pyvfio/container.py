# SPDX-License-Identifier: GPL-2.0-or-later
"""The container: an address space of the type1 IOMMU, for the devices of whole IOMMU groups."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from contextlib import ExitStack
from typing import ClassVar

from pyvfio import errors
from pyvfio.device import Device
from pyvfio.dirty import DirtyTracking
from pyvfio.dma import AddressSpace
from pyvfio.errors import VfioError
from pyvfio.group import Group
from pyvfio.handle import Handle
from pyvfio.holders import locked_memory
from pyvfio.info import IommuInfo
from pyvfio.iommu import Iommu
from pyvfio.iova import IovaRange
from pyvfio.kernel import KERNEL, Kernel
from pyvfio.mapfaults import explain_map, explain_memlock
from pyvfio.reset import AffectedDevice
from pyvfio.sysfs import Place, Sysfs
from pyvfio.uapi import container as uapi

CONTAINER = "/dev/vfio/vfio"


class Container(Iommu):
    """An open /dev/vfio/vfio with the groups that were put into it.

    An iommufd serves as one too: `Container(path="/dev/iommu")`, for programs that know groups and
    want the kernel's newer half below them.

    Attributes:
        iommu_type: What VFIO_SET_IOMMU asks for, and its name in the kernel's header.
        kind_name: What `kind` says when there is an IOMMU.

    Raises:
        NotAvailable: the module vfio is not loaded.
        PermissionDenied: this user may not open it.
        VfioError: the kernel refused, or speaks another version of the interface.
    """

    iommu_type: ClassVar[tuple[int, str]] = (uapi.VFIO_TYPE1v2_IOMMU, "VFIO_TYPE1v2_IOMMU")
    kind_name: ClassVar[str] = "type1"

    def __init__(self, kernel: Kernel | None = None, path: str = CONTAINER) -> None:
        self.kernel = kernel or KERNEL
        self.path = path
        self.kind = ""
        self._dma = AddressSpace(self)
        self._groups: dict[int, Group] = {}
        self._tracking: DirtyTracking | None = None
        try:
            self.handle = Handle.open(self.kernel, path)
        except VfioError as error:
            raise explain_open(error) from error
        with ExitStack() as undo:
            undo.callback(self.handle.close)
            self._check_version()
            undo.pop_all()

    @property
    def dma(self) -> AddressSpace:
        """What is mapped in it."""
        return self._dma

    @property
    def groups(self) -> dict[int, Group]:
        """The groups in it by their numbers."""
        return dict(self._groups)

    def group_path(self, number: int) -> str:
        """Return the file of an IOMMU group."""
        return f"/dev/vfio/{number}"

    def _check_version(self) -> None:
        version = self.handle.ioctl(uapi.VFIO_GET_API_VERSION)
        if version != uapi.VFIO_API_VERSION:
            raise VfioError(
                errno.EPROTO,
                uapi.VFIO_GET_API_VERSION.name,
                self.path,
                advice=f"the kernel speaks version {version} of VFIO, this package"
                f" {uapi.VFIO_API_VERSION}",
            )

    def check_extension(self, extension: int) -> int:
        """Return what the kernel says of an extension, 0 if it has none such.

        Raises:
            VfioError: the kernel refused.
        """
        return self.handle.ioctl(uapi.VFIO_CHECK_EXTENSION, extension, extension=extension)

    def open_group(self, number: int) -> Group:
        """Put an IOMMU group into the container, or return it if it is there.

        The first one decides the kind of IOMMU, which is type1.

        Raises:
            NotAvailable: no device of the group is bound to VFIO.
            PermissionDenied: this user may not open it.
            DeviceBusy: somebody has it.
            GroupNotViable: a device of the group belongs to a driver of the host.
            NoInterruptRemapping: the IOMMU leaves devices free to forge interrupts.
            VfioError: the kernel refused.
        """
        if (known := self._groups.get(number)) is not None:
            return known
        with ExitStack() as undo:
            group = Group(self, number)
            undo.callback(group.close)
            group.set_container()
            if not self.kind:
                self._set_iommu()
            self._groups[number] = group
            undo.pop_all()
        self.dma.refresh()
        return group

    def _set_iommu(self) -> None:
        """Choose the type1 IOMMU, version 2, whose mappings are taken away as they were made."""
        number, name = self.iommu_type
        try:
            self.handle.ioctl(uapi.VFIO_SET_IOMMU, number, type=name)
        except VfioError as error:
            if error.errno == errno.EPERM:
                raise error.refined(
                    errors.NoInterruptRemapping,
                    "the IOMMU does not remap interrupts, so the device could forge any. Switch"
                    " interrupt remapping on in the firmware; where devices are trusted, root may"
                    " set allow_unsafe_interrupts of the module vfio_iommu_type1",
                ) from error
            if error.errno == errno.ENODEV:
                advice = "the module vfio_iommu_type1 is not loaded"
                raise error.refined(errors.NotAvailable, advice) from error
            raise
        self.kind = self.kind_name

    def leaving(self, group: Group) -> None:
        """Take all mappings away if a group that is to be closed is the last one.

        With the last group Linux drops them itself - but not while a view of a region lives on.
        """
        if self._groups == {group.number: group} and self.dma.mappings:
            self.dma.unmap_all()

    def discard(self, group: Group) -> None:
        """Know no more of a group, which was closed. With the last one the IOMMU goes."""
        if self._groups.get(group.number) is group:
            del self._groups[group.number]
        self.dma.refresh()
        if not self._groups:
            self.dma.forget_all()
            if self._tracking is not None:
                self._tracking.lost()
            self.kind = ""

    def open_device(self, where: Place | str, *, vf_token: str | None = None) -> Device:
        """Open a device by its PCI address or its folder below /sys, and its group before it.

        A group that is opened for it closes with the last of its devices, or at once if the device
        cannot be had.

        Raises:
            VfioError: as `open_group`, and as `Group.open_device`.
            ValueError: `where` names no device.
        """
        if isinstance(where, str):
            where = Sysfs(self.kernel).place(where)
        known = where.group in self._groups
        with ExitStack() as undo:
            group = self.open_group(where.group)
            if not known:
                undo.callback(group.close)
            device = group.open_device(where.name, vf_token=vf_token)
            undo.pop_all()
        group.close_with_last = group.close_with_last or not known
        return device

    def info(self) -> IommuInfo:
        """Ask what the IOMMU can now; groups and mappings change it.

        Raises:
            VfioError: there is no group in the container.
            MalformedReply: the answer makes no sense.
        """
        return IommuInfo.ask(self.handle)

    def page_size(self) -> int:
        """Return the smallest page of the IOMMU in bytes."""
        return self.info().page_size

    def iova_ranges(self) -> tuple[IovaRange, ...]:
        """Return where DMA can be mapped with the groups that are in the container."""
        return self.info().iova_ranges

    def map_dma(self, vaddr: int, iova: int, size: int, *, read: bool, write: bool) -> None:
        """Let devices reach memory (VFIO_IOMMU_MAP_DMA)."""
        flags = uapi.VFIO_DMA_MAP_FLAG_READ * read | uapi.VFIO_DMA_MAP_FLAG_WRITE * write
        order = uapi.vfio_iommu_type1_dma_map.sized(flags=flags, vaddr=vaddr, iova=iova, size=size)
        shown = {"iova": iova, "size": size, "vaddr": vaddr, "read": read, "write": write}
        try:
            self.handle.ioctl(uapi.VFIO_IOMMU_MAP_DMA, order, **shown)
        except VfioError as error:
            raise self._explain_map(error, vaddr, iova, size) from error

    def _explain_map(self, error: VfioError, vaddr: int, iova: int, size: int) -> VfioError:
        """Find out why the kernel would not map."""
        if error.errno == errno.ENOSPC:
            advice = (
                "there are as many mappings as the module vfio_iommu_type1 allows"
                " (dma_entry_limit): map larger pieces"
            )
            return error.refined(VfioError, advice)
        if error.errno == errno.ENOMEM:
            return explain_memlock(error, self.kernel, size, locked_memory(self.kernel))
        return explain_map(error, self, vaddr, iova, size)

    def unmap_dma(self, iova: int, size: int) -> int:
        """Take away the mappings within these addresses (VFIO_IOMMU_UNMAP_DMA).

        Raises:
            VfioError: the kernel refused: EINVAL to split a mapping.
        """
        return self._unmap(iova, size, 0)

    def unmap_all_dma(self) -> int:
        """Take away all mappings (VFIO_DMA_UNMAP_FLAG_ALL, since Linux 5.12)."""
        return self._unmap(0, 0, uapi.VFIO_DMA_UNMAP_FLAG_ALL)

    def _unmap(self, iova: int, size: int, flags: int) -> int:
        order = uapi.vfio_iommu_type1_dma_unmap.sized(flags=flags, iova=iova, size=size)
        self.handle.ioctl(uapi.VFIO_IOMMU_UNMAP_DMA, order, iova=iova, size=size, flags=flags)
        return int(order.size)

    def dirty_tracking(self) -> DirtyTracking:
        """Let the IOMMU track which pages devices write to (VFIO_IOMMU_DIRTY_PAGES).

        Raises:
            NotAvailable: Linux does not do that (before 5.8).
            VfioError: it does so already, there is no group in the container, or the kernel
                refused.
        """
        if self._tracking is not None and self._tracking.on:
            call = uapi.VFIO_IOMMU_DIRTY_PAGES.name
            advice = "dirty pages are tracked already: end that first"
            raise VfioError(errno.EBUSY, call, self.path, advice=advice)
        self._tracking = DirtyTracking(self)
        return self._tracking

    def hot_reset_owned(self, affected: Sequence[AffectedDevice]) -> tuple[bool, ...]:
        """Tell for each device whether its group is in this container."""
        return tuple(each.group in self._groups for each in affected)

    def hot_reset_fds(self, affected: Sequence[AffectedDevice]) -> tuple[int, ...]:
        """Return the descriptors of the groups of the devices, each once."""
        numbers = sorted({each.group for each in affected} & self._groups.keys())
        return tuple(self._groups[number].fileno() for number in numbers)

    def close(self) -> None:
        """Close devices, take mappings away, close groups and container: what can be, all of it.

        Raises:
            VfioError: the kernel reported a failure, the last if there were several.
        """
        with ExitStack() as last:
            last.callback(self.handle.close)
            last.callback(self.dma.forget_all)
            for group in self._groups.values():
                last.callback(group.close)
            for group in self._groups.values():
                last.callback(group.close_devices)


def explain_open(error: VfioError) -> VfioError:
    """Tell why /dev/vfio/vfio cannot be opened."""
    match error.errno:
        case errno.ENOENT | errno.ENODEV | errno.ENXIO:
            return error.refined(
                errors.NotAvailable, "VFIO is not there: load the module vfio-pci (modprobe)"
            )
        case errno.EACCES | errno.EPERM:
            advice = f"this user may not open {error.path}, which is everybody's by default"
            return error.refined(errors.PermissionDenied, advice)
    return error
