# SPDX-License-Identifier: GPL-2.0-or-later
"""What a device may have besides (VFIO_DEVICE_FEATURE): asked for, read and set."""

from __future__ import annotations

import ctypes
import errno
import uuid
from enum import IntEnum
from typing import Final, TypeVar

from pyvfio import errors
from pyvfio.errors import VfioError
from pyvfio.handle import Handle
from pyvfio.uapi import feature as uapi
from pyvfio.uapi.base import Struct

Payload = TypeVar("Payload", bound=Struct)

HEADER: Final = ctypes.sizeof(uapi.vfio_device_feature)


class Feature(IntEnum):
    """Numbers of features (VFIO_DEVICE_FEATURE_* of linux/vfio.h)."""

    PCI_VF_TOKEN = uapi.VFIO_DEVICE_FEATURE_PCI_VF_TOKEN
    MIGRATION = uapi.VFIO_DEVICE_FEATURE_MIGRATION
    MIG_DEVICE_STATE = uapi.VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE
    LOW_POWER_ENTRY = uapi.VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY
    LOW_POWER_ENTRY_WITH_WAKEUP = uapi.VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP
    LOW_POWER_EXIT = uapi.VFIO_DEVICE_FEATURE_LOW_POWER_EXIT
    DMA_LOGGING_START = uapi.VFIO_DEVICE_FEATURE_DMA_LOGGING_START
    DMA_LOGGING_STOP = uapi.VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP
    DMA_LOGGING_REPORT = uapi.VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT
    MIG_DATA_SIZE = uapi.VFIO_DEVICE_FEATURE_MIG_DATA_SIZE
    BUS_MASTER = uapi.VFIO_DEVICE_FEATURE_BUS_MASTER
    DMA_BUF = uapi.VFIO_DEVICE_FEATURE_DMA_BUF
    MIG_PRECOPY_INFO_V2 = uapi.VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2


_NO_MIGRATION = (
    "the driver of the device cannot migrate it: vfio-pci itself does not, the drivers made for"
    " some devices do (mlx5_vfio_pci, hisi_acc_vfio_pci, pds_vfio_pci and others)"
)
_NO_LOG = (
    "neither the device nor its driver logs what it writes: track dirty pages in the IOMMU"
    " (Container.dirty_tracking)"
)
_NO_LOW_POWER = "the driver of the device leaves its power alone; vfio-pci of Linux 6.1 does not"

MISSING: Final[dict[Feature, str]] = {
    Feature.PCI_VF_TOKEN: "only a physical function that can have virtual ones has a token",
    Feature.MIGRATION: _NO_MIGRATION,
    Feature.MIG_DEVICE_STATE: _NO_MIGRATION,
    Feature.MIG_DATA_SIZE: f"{_NO_MIGRATION}; and Linux tells the size since 6.2",
    Feature.LOW_POWER_ENTRY: _NO_LOW_POWER,
    Feature.LOW_POWER_ENTRY_WITH_WAKEUP: _NO_LOW_POWER,
    Feature.LOW_POWER_EXIT: _NO_LOW_POWER,
    Feature.DMA_LOGGING_START: _NO_LOG,
    Feature.DMA_LOGGING_STOP: _NO_LOG,
    Feature.DMA_LOGGING_REPORT: _NO_LOG,
    Feature.BUS_MASTER: "only CDX devices have it: PCI's bus mastering is in configuration space",
    Feature.DMA_BUF: "vfio-pci exports regions since Linux 6.19, if built with VFIO_PCI_DMABUF;"
    " without it, map the region and copy",
    Feature.MIG_PRECOPY_INFO_V2: "Linux before 7.1 does not tell of more initial data",
}
"""Why a device may lack a feature, and what to do."""


class DeviceFeatures:
    """The features of a device: `Device.features`."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    def __repr__(self) -> str:
        return f"DeviceFeatures({self._handle.path})"

    @property
    def closed(self) -> bool:
        """Whether the device was closed."""
        return self._handle.closed

    def supports(
        self,
        feature: int,
        *,
        get: bool = False,
        set: bool = False,  # noqa: A002 (the kernel's word)
    ) -> bool:
        """Whether the device has a feature, and that it can be read or set, or both.

        Nothing is read or set (VFIO_DEVICE_FEATURE_PROBE).

        Raises:
            VfioError: the kernel failed otherwise than by having no such thing.
        """
        flags = uapi.VFIO_DEVICE_FEATURE_PROBE
        flags |= uapi.VFIO_DEVICE_FEATURE_GET * get | uapi.VFIO_DEVICE_FEATURE_SET * set
        try:
            self._ask(feature, flags, b"")
        except VfioError as error:
            if error.errno in (errno.ENOTTY, errno.EINVAL):
                return False
            raise
        return True

    def get(self, feature: int, payload: Payload | type[Payload]) -> Payload:
        """Read a feature into a struct, which may hold a question.

        Args:
            feature: Its number: a `Feature`, or one that is newer.
            payload: The struct, or the kind of struct, that the header has for it.

        Raises:
            NotAvailable: the device has no such feature.
            VfioError: the kernel refused: EINVAL if it cannot be read.
        """
        if isinstance(payload, type):
            payload = payload()
        self.transact(feature, uapi.VFIO_DEVICE_FEATURE_GET, payload)
        return payload

    def set(self, feature: int, payload: Struct | bytes = b"") -> None:
        """Set a feature; what the kernel answers into a struct is in it afterwards.

        Raises:
            NotAvailable: the device has no such feature.
            VfioError: the kernel refused: EINVAL if it cannot be set.
        """
        self.transact(feature, uapi.VFIO_DEVICE_FEATURE_SET, payload)

    def transact(self, feature: int, flags: int, payload: Struct | bytes, **shown: object) -> int:
        """Read (VFIO_DEVICE_FEATURE_GET) or set (_SET), and return the kernel's answer.

        For what `get` and `set` do not do: a feature whose answer is a descriptor. `shown` are
        what a message shall tell beside the feature.

        Raises:
            NotAvailable: the device has no such feature.
            VfioError: the kernel refused.
        """
        data = bytes(payload)
        try:
            answer, reply = self._ask(feature, flags, data, **shown)
        except VfioError as error:
            raise explain(error, feature) from error
        if isinstance(payload, Struct):
            ctypes.memmove(ctypes.addressof(payload), reply, len(data))
        return answer

    def set_vf_token(self, token: uuid.UUID | str) -> None:
        """Let no one have a virtual function of this device who does not tell this token.

        Raises:
            NotAvailable: this is no physical function with SR-IOV.
            VfioError: the kernel refused.
            ValueError: it is no UUID.
        """
        if isinstance(token, str):
            token = uuid.UUID(token)
        self.set(Feature.PCI_VF_TOKEN, token.bytes)

    def _ask(self, feature: int, flags: int, data: bytes, **shown: object) -> tuple[int, bytes]:
        buffer = ctypes.create_string_buffer(HEADER + len(data))
        order = uapi.vfio_device_feature(argsz=len(buffer), flags=feature | flags)
        buffer.raw = bytes(order) + data
        answer = self._handle.ioctl(
            uapi.VFIO_DEVICE_FEATURE, buffer, feature=name(feature), op=operation(flags), **shown
        )
        return answer, buffer.raw[HEADER:]


def name(feature: int) -> str:
    """Return what messages call a feature."""
    try:
        return Feature(feature).name
    except ValueError:
        return str(feature)


def operation(flags: int) -> str:
    """Return what messages call the things to do to a feature."""
    named = {
        "PROBE": uapi.VFIO_DEVICE_FEATURE_PROBE,
        "GET": uapi.VFIO_DEVICE_FEATURE_GET,
        "SET": uapi.VFIO_DEVICE_FEATURE_SET,
    }
    return "|".join(word for word, bit in named.items() if flags & bit)


def explain(error: VfioError, feature: int) -> VfioError:
    """Tell why a feature is not there."""
    if error.errno != errno.ENOTTY:
        return error
    try:
        advice = MISSING[Feature(feature)]
    except ValueError:
        advice = f"neither the device nor its driver knows feature {feature}"
    return error.refined(errors.NotAvailable, advice)
