# SPDX-License-Identifier: GPL-2.0-or-later
"""iommufd: the object that holds /dev/iommu for devices (twin of QEMU's backends/iommufd.c)."""

from __future__ import annotations

import os
from typing import Protocol, cast

from pyqom import Error, Object, monitor_fd_param, object_dynamic_cast_assert

TYPE_IOMMUFD_BACKEND = "iommufd"


class IOMMUFDBackend(Protocol):
    """The fields that are used here of the generated struct.

    `fd` is /dev/iommu's descriptor, -1 until it is open; `owned` whether it was opened here;
    `users` how many devices are connected.
    """

    fd: int
    owned: bool
    users: int


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
    backend = IOMMUFD_BACKEND(obj)
    if backend.owned and backend.fd >= 0:
        os.close(backend.fd)
        backend.fd = -1
