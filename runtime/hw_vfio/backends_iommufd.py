# SPDX-License-Identifier: GPL-2.0-or-later
"""iommufd: the object that holds /dev/iommu for devices (twin of QEMU's backends/iommufd.c)."""

from __future__ import annotations

import os
from typing import Protocol, cast
from weakref import WeakKeyDictionary

from pyqom import Error, Object, monitor_fd_param, object_dynamic_cast_assert
from pyvfio import Iommufd, Kernel, VfioError

TYPE_IOMMUFD_BACKEND = "iommufd"


class IOMMUFDBackend(Protocol):
    """The fields that are used here of the generated struct.

    `fd` is /dev/iommu's descriptor, -1 until it is open; `owned` whether it was opened here;
    `users` how many devices are connected.
    """

    fd: int
    owned: bool
    users: int


_open: WeakKeyDictionary[Object, Iommufd] = WeakKeyDictionary()
"""What pyvfio has open for an object with users."""


def IOMMUFD_BACKEND(obj: Object) -> IOMMUFDBackend:
    """The object as an IOMMUFDBackend."""
    return cast("IOMMUFDBackend", object_dynamic_cast_assert(obj, TYPE_IOMMUFD_BACKEND))


def iommufd_backend_set_fd(obj: Object, text: str) -> None:
    """Take an open /dev/iommu by its number or a monitor's name (iommufd_backend_set_fd).

    Raises:
        Error: `text` is no descriptor.
    """
    backend = IOMMUFD_BACKEND(obj)
    try:
        backend.fd = monitor_fd_param(text)
    except Error as error:
        error.prepend(f"Could not parse remote object fd {text}:")
        raise
    backend.owned = False


def iommufd_backend_connect(obj: Object, kernel: Kernel | None = None) -> Iommufd:
    """Have one user more; the first one has /dev/iommu opened, unless it was given (same name in QEMU).

    Raises:
        Error: it cannot be opened.
    """
    backend = IOMMUFD_BACKEND(obj)
    iommufd = _open.get(obj)
    if iommufd is None:
        try:
            iommufd = Iommufd(kernel, fd=None if backend.owned else backend.fd)
        except VfioError as error:
            text = f"Could not open '{error.path}': {os.strerror(error.errno or 0)}"
            raise Error(text, hint=f"{error.advice}\n" if error.advice else "") from error
        _open[obj] = iommufd
        backend.fd = iommufd.fileno()
    backend.users += 1
    return iommufd


def iommufd_backend_disconnect(obj: Object) -> None:
    """Have one user less; the last one has /dev/iommu closed, unless it was given (same name in QEMU).

    Raises:
        VfioError: the kernel reported a failure; it is closed nevertheless.
    """
    backend = IOMMUFD_BACKEND(obj)
    if not backend.users:
        return
    backend.users -= 1
    if not backend.users:
        _close(obj)


def _close(obj: Object) -> None:
    backend = IOMMUFD_BACKEND(obj)
    if backend.owned:
        backend.fd = -1
    iommufd = _open.pop(obj, None)
    if iommufd is not None:
        # One that was given stays open: what was made in it goes.
        iommufd.close()


def can_be_deleted(obj: Object) -> bool:
    """Whether no device is connected (iommufd_backend_can_be_deleted)."""
    return not IOMMUFD_BACKEND(obj).users


def complete(obj: Object) -> None:
    """Nothing is opened before a device connects (iommufd_backend_complete, since 10.1).

    QEMU remembers the descriptor here for a live update of itself, which pyqom does not have.
    """
    IOMMUFD_BACKEND(obj)


def instance_finalize(obj: Object) -> None:
    """Close what was opened here (iommufd_backend_finalize)."""
    _close(obj)
