# SPDX-License-Identifier: GPL-2.0-or-later
"""A device of the made-up kernel that was opened by itself, and the iommufd it is bound to."""

from __future__ import annotations

import ctypes
import errno
from typing import TYPE_CHECKING
from uuid import UUID

from pyvfio.uapi import device as uapi
from pyvfio.uapi import pci
from tests.unit.pyvfio.fake.bits import Memory, fail
from tests.unit.pyvfio.fake.device import DeviceFile
from tests.unit.pyvfio.fake.files import File
from tests.unit.pyvfio.fake.iommufd import Bound, IommufdFile
from tests.unit.pyvfio.fake.machine import Bar, Function

if TYPE_CHECKING:
    from tests.unit.pyvfio.fake.kernel import FakeKernel

FIRST_BIND = 16
FIRST_ATTACH = 12
FIRST_DETACH = 8


class CdevFile(DeviceFile):
    """An open /dev/vfio/devices/vfioN, which can do nothing until it is bound.

    Attributes:
        iommufd: What it is bound to, None as long as it is not.
        bound: The device there.
    """

    def __init__(self, kernel: FakeKernel, function: Function) -> None:
        super().__init__(kernel, function)
        self.iommufd: IommufdFile | None = None
        self.bound: Bound | None = None

    def release(self) -> None:
        super().release()
        if self.iommufd is not None and self.bound is not None:
            self.iommufd.detach(self.bound)
            del self.iommufd.objects[self.iommufd.number_of(self.bound)]
            self.iommufd.put()

    def ioctl(self, name: str, number: int, memory: Memory) -> int:
        if name == "VFIO_DEVICE_BIND_IOMMUFD":
            return self._bind(memory)
        if self.iommufd is None or self.bound is None:
            fail(errno.EINVAL)
        match name:
            case "VFIO_DEVICE_ATTACH_IOMMUFD_PT":
                attach = uapi.vfio_device_attach_iommufd_pt.from_buffer(memory)
                if attach.argsz < FIRST_ATTACH or attach.flags:
                    fail(errno.EINVAL)
                attach.pt_id = self.iommufd.attach(self.bound, attach.pt_id)
                return 0
            case "VFIO_DEVICE_DETACH_IOMMUFD_PT":
                detach = uapi.vfio_device_detach_iommufd_pt.from_buffer(memory)
                if detach.argsz < FIRST_DETACH or detach.flags:
                    fail(errno.EINVAL)
                self.iommufd.detach(self.bound)
                return 0
        return super().ioctl(name, number, memory)

    def _bind(self, memory: Memory) -> int:
        order = uapi.vfio_device_bind_iommufd.from_buffer(memory)
        machine = self.kernel.machine
        known = uapi.VFIO_DEVICE_BIND_FLAG_TOKEN if machine.bind_tokens else 0
        if order.argsz < FIRST_BIND or order.flags & ~known or order.iommufd < 0:
            fail(errno.EINVAL)
        if self.function.group in self.kernel.groups:
            fail(errno.EBUSY)
        if self.iommufd is not None:
            fail(errno.EINVAL)
        if machine.bind_tokens:
            self._check_token(order)
        iommufd = self.kernel.file(order.iommufd)
        if not isinstance(iommufd, IommufdFile):
            fail(errno.EBADFD)
        others = [each for each in self.kernel.devices if each.function is self.function]
        if any(isinstance(each, CdevFile) and each.iommufd is not None for each in others):
            fail(errno.EINVAL)
        if not machine.interrupt_remapping or not machine.viable(self.function.group):
            fail(errno.EPERM)
        if not self.kernel.owners_of(self.function.group) <= {iommufd}:
            fail(errno.EPERM)
        self.iommufd, self.bound = iommufd, Bound(self.function)
        order.out_devid = iommufd.add(self.bound)
        iommufd.get()
        return 0

    def _check_token(self, order: uapi.vfio_device_bind_iommufd) -> None:
        token = None
        if order.flags:
            if order.token_uuid_ptr == 0:
                fail(errno.EFAULT)
            token = str(UUID(bytes=ctypes.string_at(order.token_uuid_ptr, 16)))
        wanted = self.function.token
        if wanted is None and token is not None:
            fail(errno.EINVAL)
        if wanted != token:
            fail(errno.EACCES)

    def owners(self, functions: list[Function]) -> tuple[dict[str, int], int]:
        if self.iommufd is None:
            fail(errno.EINVAL)
        found = {each.address: self._device_id(each, self.iommufd) for each in functions}
        foreign = pci.VFIO_PCI_DEVID_NOT_OWNED in found.values()
        flags = pci.VFIO_PCI_HOT_RESET_FLAG_DEV_ID
        return found, flags | (0 if foreign else pci.VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED)

    def _device_id(self, function: Function, iommufd: IommufdFile) -> int:
        if function.driver != "vfio-pci":
            return pci.VFIO_PCI_DEVID_NOT_OWNED
        for number, each in iommufd.objects.items():
            if isinstance(each, Bound) and each.function is function:
                return number
        mine = self.kernel.owners_of(function.group) == {iommufd}
        return pci.VFIO_PCI_DEVID_OWNED if mine else pci.VFIO_PCI_DEVID_NOT_OWNED

    def owned(self, functions: list[Function], files: list[File]) -> bool:
        found, _flags = self.owners(functions)
        return not files and pci.VFIO_PCI_DEVID_NOT_OWNED not in found.values()

    def pread(self, size: int, offset: int) -> bytes:
        self._check_bound()
        return super().pread(size, offset)

    def pwrite(self, data: bytes, offset: int) -> int:
        self._check_bound()
        return super().pwrite(data, offset)

    def mmap(self, size: int, offset: int) -> tuple[Bar, int]:
        self._check_bound()
        return super().mmap(size, offset)

    def _check_bound(self) -> None:
        if self.iommufd is None:
            fail(errno.EINVAL)
