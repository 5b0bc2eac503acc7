# SPDX-License-Identifier: GPL-2.0-or-later
"""Orders to the kernel about interrupts (VFIO_DEVICE_SET_IRQS)."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Sequence

from pyvfio.handle import Handle
from pyvfio.uapi import device as uapi

HEADER = ctypes.sizeof(uapi.vfio_irq_set)

MASK = uapi.VFIO_IRQ_SET_ACTION_MASK
UNMASK = uapi.VFIO_IRQ_SET_ACTION_UNMASK
TRIGGER = uapi.VFIO_IRQ_SET_ACTION_TRIGGER

_ACTIONS = {MASK: "MASK", UNMASK: "UNMASK", TRIGGER: "TRIGGER"}


def order(handle: Handle, index: int, flags: int, start: int, count: int, data: bytes = b"") -> int:
    """Give an order in the kernel's own words, and return its answer.

    The answer is 0, or how many vectors there could be, if it is less than what was asked for.

    Args:
        handle: The device.
        index: Kind of interrupt (VFIO_PCI_MSI_IRQ_INDEX, ...).
        flags: One of VFIO_IRQ_SET_DATA_* and one of VFIO_IRQ_SET_ACTION_*.
        start: First interrupt of that kind.
        count: How many.
        data: Nothing, a byte each (DATA_BOOL), or a descriptor of 32 bits each (DATA_EVENTFD).

    Raises:
        VfioError: the kernel refused.
    """
    header = uapi.vfio_irq_set(HEADER + len(data), flags, index, start, count)
    buffer = ctypes.create_string_buffer(bytes(header) + data, HEADER + len(data))
    action = _ACTIONS.get(flags & uapi.VFIO_IRQ_SET_ACTION_TYPE_MASK, hex(flags))
    return handle.ioctl(
        uapi.VFIO_DEVICE_SET_IRQS, buffer, index=index, action=action, start=start, count=count
    )


def now(handle: Handle, index: int, action: int, start: int = 0, count: int = 1) -> None:
    """Do `action` to interrupts at once. TRIGGER of none switches all of the index off.

    Raises:
        VfioError: the kernel refused.
    """
    order(handle, index, uapi.VFIO_IRQ_SET_DATA_NONE | action, start, count)


def where_true(handle: Handle, index: int, action: int, start: int, chosen: Sequence[bool]) -> None:
    """Do `action` to those interrupts from `start` whose value is true.

    Raises:
        VfioError: the kernel refused.
    """
    flags = uapi.VFIO_IRQ_SET_DATA_BOOL | action
    order(handle, index, flags, start, len(chosen), bytes(chosen))


def on_eventfds(handle: Handle, index: int, action: int, start: int, fds: Sequence[int]) -> int:
    """Tie `action` to eventfds; -1 unties. Return the kernel's answer, as `order` does.

    Raises:
        VfioError: the kernel refused.
    """
    flags = uapi.VFIO_IRQ_SET_DATA_EVENTFD | action
    return order(handle, index, flags, start, len(fds), struct.pack(f"={len(fds)}i", *fds))
