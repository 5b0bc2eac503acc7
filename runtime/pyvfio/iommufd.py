# SPDX-License-Identifier: GPL-2.0-or-later
"""The iommufd: an open /dev/iommu, its address spaces, and devices that are opened one by one."""

from __future__ import annotations

import ctypes
import errno
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import PurePosixPath

from pyvfio import cdev, errors
from pyvfio.device import Device
from pyvfio.dma import AddressSpace
from pyvfio.errors import VfioError
from pyvfio.handle import Handle
from pyvfio.ioas import Hwpt, Ioas
from pyvfio.iommu import Iommu
from pyvfio.iova import IovaRange
from pyvfio.kernel import KERNEL, Kernel
from pyvfio.reset import AffectedDevice
from pyvfio.sysfs import Place, Sysfs
from pyvfio.uapi import iommufd as uapi
from pyvfio.uapi import pci

IOMMU = "/dev/iommu"


@dataclass(frozen=True, slots=True)
class HwInfo:
    """What the IOMMU of a device can (struct iommu_hw_info).

    Attributes:
        type: Whose words `data` is in (IOMMU_HW_INFO_TYPE_*).
        data: What the IOMMU's driver tells: a struct iommu_hw_info_vtd and the like.
        capabilities: IOMMU_HW_CAP_*; 0 where the kernel does not tell.
        max_pasid_log2: How many bits a PASID of the device has, 0 for none.
    """

    type: int
    data: bytes
    capabilities: int
    max_pasid_log2: int

    @property
    def dirty_tracking(self) -> bool:
        """Whether it can tell which pages devices wrote to."""
        return bool(self.capabilities & uapi.IOMMU_HW_CAP_DIRTY_TRACKING)


class Iommufd(Iommu):
    """An open /dev/iommu.

    Devices that are opened with it are attached to one address space, `ioas`; with
    `allocate_ioas` and `Device.attach` each may have its own.

    Args:
        kernel: The kernel.
        fd: An open /dev/iommu to use, which stays the caller's to close; None to open one.
        path: The file that is opened, or what messages call `fd`.

    Raises:
        NotAvailable: this Linux has none, or its module is not loaded.
        PermissionDenied: this user may not open it.
        VfioError: the kernel refused.
    """

    kind = "iommufd"

    def __init__(
        self, kernel: Kernel | None = None, *, fd: int | None = None, path: str = IOMMU
    ) -> None:
        self.kernel = kernel or KERNEL
        self.path = path
        self._borrowed = fd is not None
        self._ioas: Ioas | None = None
        self._made: list[Ioas | Hwpt] = []
        self._devices: dict[Device, cdev.Binding] = {}
        if fd is not None:
            self.handle = Handle(self.kernel, fd, path)
            return
        try:
            self.handle = Handle.open(self.kernel, path)
        except VfioError as error:
            raise _explain_open(error) from error

    def __repr__(self) -> str:
        return f"Iommufd({self.path}{', closed' if self.handle.closed else ''})"

    def fileno(self) -> int:
        """Return the descriptor.

        Raises:
            Closed: there is none any more.
        """
        return self.handle.fileno()

    @property
    def ioas(self) -> Ioas:
        """The address space that devices are attached to when they are opened.

        It is allocated when it is first used, and anew after it was closed.

        Raises:
            VfioError: the kernel refused.
        """
        if self._ioas is None or self._ioas.closed:
            self._ioas = self.allocate_ioas()
        return self._ioas

    def allocate_ioas(self) -> Ioas:
        """Make an address space (IOMMU_IOAS_ALLOC).

        Raises:
            VfioError: the kernel refused.
        """
        order = uapi.iommu_ioas_alloc.sized()
        self.handle.ioctl(uapi.IOMMU_IOAS_ALLOC, order)
        made = Ioas(self, int(order.out_ioas_id))
        self._made.append(made)
        return made

    def allocate_hwpt(
        self,
        device: Device,
        ioas: Ioas | None = None,
        *,
        dirty_tracking: bool = False,
        nest_parent: bool = False,
    ) -> Hwpt:
        """Make a page table of an address space, fit for a device's IOMMU (IOMMU_HWPT_ALLOC).

        Args:
            device: A device of this iommufd.
            ioas: The address space, None for `self.ioas`.
            dirty_tracking: Only devices are to be attached whose IOMMU can track dirty pages.
            nest_parent: Page tables of a guest are to be nested in it.

        Raises:
            NotAvailable: the IOMMU cannot do what is asked for.
            VfioError: the kernel refused.
        """
        space = self.ioas if ioas is None else ioas
        flags = uapi.IOMMU_HWPT_ALLOC_DIRTY_TRACKING * dirty_tracking
        flags |= uapi.IOMMU_HWPT_ALLOC_NEST_PARENT * nest_parent
        number = _device_id(device)
        order = uapi.iommu_hwpt_alloc.sized(flags=flags, dev_id=number, pt_id=space.id)
        shown = {"dev_id": number, "pt_id": space.id, "flags": flags}
        try:
            self.handle.ioctl(uapi.IOMMU_HWPT_ALLOC, order, **shown)
        except VfioError as error:
            if error.errno in (errno.EOPNOTSUPP, errno.ENOTTY, errno.E2BIG):
                advice = "this Linux, or the IOMMU of the device, has no such page tables"
                raise error.refined(errors.NotAvailable, advice) from error
            raise
        made = Hwpt(space, int(order.out_hwpt_id), dirty_tracking=dirty_tracking)
        self._made.append(made)
        return made

    def hw_info(self, device: Device) -> HwInfo:
        """Ask what the IOMMU of a device can (IOMMU_GET_HW_INFO).

        Raises:
            NotAvailable: this Linux (before 6.6) does not tell.
            VfioError: the kernel refused.
        """
        number = _device_id(device)
        buffer = ctypes.create_string_buffer(64)
        asked = uapi.iommu_hw_info.sized(dev_id=number)
        for _attempt in range(2):
            # What lies behind what the kernel knows must be 0 each time.
            asked = uapi.iommu_hw_info.sized(
                dev_id=number, data_len=len(buffer), data_uptr=ctypes.addressof(buffer)
            )
            try:
                self.handle.ioctl(uapi.IOMMU_GET_HW_INFO, asked, dev_id=number)
            except VfioError as error:
                if error.errno == errno.ENOTTY:
                    advice = "Linux tells this since 6.6"
                    raise error.refined(errors.NotAvailable, advice) from error
                raise
            if asked.data_len <= len(buffer):
                break
            buffer = ctypes.create_string_buffer(asked.data_len)
        return HwInfo(
            int(asked.out_data_type),
            buffer.raw[: asked.data_len],
            int(asked.out_capabilities),
            int(asked.out_max_pasid_log2),
        )

    def destroy(self, number: int) -> None:
        """Destroy something by its id (IOMMU_DESTROY). For Ioas and Hwpt.

        Raises:
            VfioError: the kernel refused: EBUSY if it is used, ENOENT if there is none.
        """
        self.handle.ioctl(uapi.IOMMU_DESTROY, uapi.iommu_destroy.sized(id=number), id=number)

    def discard(self, made: object) -> None:
        """Know no more of an address space or a page table, which is destroyed. For these."""
        self._made = [each for each in self._made if each is not made]

    def names_attached_to(self, target: object) -> tuple[str, ...]:
        """Return the names of the devices that are attached to something, or to a part of it."""
        return tuple(
            each.name
            for each in self._devices
            if target in (each.attached_to, getattr(each.attached_to, "ioas", None))
        )

    @property
    def devices(self) -> tuple[Device, ...]:
        """The devices that are open."""
        return tuple(self._devices)

    def open_device(self, where: Place | str, *, vf_token: str | None = None) -> Device:
        """Open a device by its PCI address or its folder below /sys, and attach it to `ioas`.

        Raises:
            NotAvailable: the device is not bound to VFIO, or has no file of its own.
            PermissionDenied: this user may not open it, or the token is missing or wrong.
            DeviceBusy: somebody has it, or has its group open.
            GroupNotViable: a device of the group belongs to a driver of the host.
            NoInterruptRemapping: the IOMMU leaves devices free to forge interrupts.
            IovaOutOfRange: something is mapped where this device can have no mapping.
            VfioError: the kernel refused.
            ValueError: `where` names no device.
        """
        place = Sysfs(self.kernel).place(where) if isinstance(where, str) else where
        with ExitStack() as undo:
            handle = cdev.open_cdev(self.kernel, place)
            undo.callback(handle.close)
            device = self._take(handle, place, place.name, vf_token)
            undo.pop_all()
        return device

    def adopt_device(
        self,
        fd: int,
        *,
        name: str | None = None,
        vf_token: str | None = None,
        attach: bool = True,
    ) -> Device:
        """Take a device whose own file somebody has opened, as QEMU's `fd=` has it.

        The device owns the descriptor and closes it. If this fails it stays the caller's; it may
        have been bound then, which nothing undoes but closing it.

        Args:
            fd: Its descriptor.
            name: What to call it, None for what /sys tells of it, or for its file.
            vf_token: UUID that the owner of the physical function has set, for its virtual ones.
            attach: Whether it is attached to `ioas`; if not, it reaches no memory before
                `Device.attach`.

        Raises:
            VfioError: as `open_device`.
        """
        path, place = self._look_up(fd)
        known = path if place is None else place.name
        handle = Handle(self.kernel, fd, path)
        return self._take(handle, place, name or known, vf_token, attach=attach)

    def _look_up(self, fd: int) -> tuple[str, Place | None]:
        """Find out what a descriptor is of. It can be used where /proc and /sys do not tell."""
        try:
            path = self.kernel.read_link(f"/proc/self/fd/{fd}")
        except OSError:
            return f"descriptor {fd}", None
        try:
            return path, Sysfs(self.kernel).cdev_owner(PurePosixPath(path).name)
        except VfioError:
            return path, None

    def _take(
        self,
        handle: Handle,
        place: Place | None,
        name: str,
        vf_token: str | None,
        *,
        attach: bool = True,
    ) -> Device:
        """Bind an open device, and attach it to the address space if it shall be."""
        binding = cdev.bind(handle, self, place, vf_token)
        handle.path = name
        known = self._ioas
        with ExitStack() as undo:
            if attach:
                space = self.ioas
                if space is not known:
                    undo.callback(space.close)
                binding.attach(space)
                undo.callback(binding.release)
            device = Device(handle, self, closed=self._forget, binding=binding)
            undo.pop_all()
        self._devices[device] = binding
        return device

    def _forget(self, device: Device) -> None:
        self._devices.pop(device, None)

    def attached_of_group(self, group: int | None) -> tuple[cdev.Binding, ...]:
        """Return the bindings of the devices of an IOMMU group that are attached. For those."""
        known = () if group is None else self._devices.values()
        return tuple(each for each in known if each.group == group and each.target is not None)

    @property
    def dma(self) -> AddressSpace:
        """What is mapped in `ioas`."""
        return self.ioas.dma

    def page_size(self) -> int:
        """Return the smallest page of `ioas` in bytes."""
        return self.ioas.page_size()

    def iova_ranges(self) -> tuple[IovaRange, ...]:
        """Return where DMA can be mapped in `ioas` with the devices that are attached."""
        return self.ioas.iova_ranges()

    def map_dma(self, vaddr: int, iova: int, size: int, *, read: bool, write: bool) -> None:
        """Map memory in `ioas`."""
        self.ioas.map_dma(vaddr, iova, size, read=read, write=write)

    def unmap_dma(self, iova: int, size: int) -> int:
        """Take away the mappings of `ioas` within these addresses."""
        return self.ioas.unmap_dma(iova, size)

    def unmap_all_dma(self) -> int:
        """Take away all mappings of `ioas`."""
        return self.ioas.unmap_all_dma()

    def hot_reset_owned(self, affected: Sequence[AffectedDevice]) -> tuple[bool, ...]:
        """Tell for each device whether it, or its group, is bound to this iommufd."""
        return tuple(
            each.device_id not in (None, pci.VFIO_PCI_DEVID_NOT_OWNED) for each in affected
        )

    def hot_reset_fds(self, affected: Sequence[AffectedDevice]) -> tuple[int, ...]:
        """Return no descriptors: the kernel knows which devices are bound to the iommufd."""
        return ()

    def close(self) -> None:
        """Close devices, page tables, address spaces and the iommufd: what can be, all of it.

        A descriptor that was given to it stays open.

        Raises:
            VfioError: the kernel reported a failure, the last if there were several.
        """
        if self.handle.closed:
            return
        with ExitStack() as last:
            last.callback(self._close_handle)
            for made in self._made:
                last.callback(made.abandon)
                last.callback(made.close)
            for device in self._devices:
                last.callback(device.close)

    def _close_handle(self) -> None:
        if self._borrowed:
            self.handle.release()
        else:
            self.handle.close()


def _device_id(device: Device) -> int:
    number = device.device_id
    if number is None:
        raise errors.NotAvailable(
            errno.EINVAL, "device_id", device.name, advice="it was not opened through an iommufd"
        )
    return number


def _explain_open(error: VfioError) -> VfioError:
    match error.errno:
        case errno.ENOENT | errno.ENODEV | errno.ENXIO:
            advice = (
                "this Linux has no iommufd (CONFIG_IOMMUFD), or its module is not loaded: modprobe"
                " iommufd"
            )
            return error.refined(errors.NotAvailable, advice)
        case errno.EACCES | errno.EPERM:
            advice = (
                f"this user may not open {error.path}: give it to them (chown, or a udev rule for"
                ' KERNEL=="iommu")'
            )
            return error.refined(errors.PermissionDenied, advice)
    return error
