# SPDX-License-Identifier: GPL-2.0-or-later
"""Low power: letting Linux put a device to sleep that nobody uses (since 6.1)."""

from __future__ import annotations

from contextlib import ExitStack

from pyvfio.closing import Closing
from pyvfio.eventfd import EventFd
from pyvfio.features import DeviceFeatures, Feature
from pyvfio.handle import Handle
from pyvfio.mapping import Mappings
from pyvfio.uapi import feature as uapi

ASLEEP = "the device is in low power: leave that first"


class LowPower(Closing):
    """A device that may sleep, from now to the end of the with block.

    `Device.low_power` makes it. Linux puts it to sleep if all that it depends on allows it to;
    nobody tells whether it does. Accesses by calls, and orders to the device, wake it for as long
    as they take. Accesses to a mapped region would end this process (SIGBUS), so none may be
    mapped, and none can be mapped until this has ended.

    Attributes:
        wakeup: With `wakeup=True`, the eventfd that is signalled when the device has woken: then it
            stays awake. It is not signalled if the device never slept. None without.
    """

    def __init__(
        self, handle: Handle, features: DeviceFeatures, mappings: Mappings, *, wakeup: bool
    ) -> None:
        self.wakeup: EventFd | None = None
        self._features = features
        self._mappings = mappings
        self._on = False
        with ExitStack() as undo:
            mappings.forbid(ASLEEP)
            undo.callback(mappings.allow)
            if wakeup:
                self.wakeup = EventFd(handle.kernel, f"{handle.path} wake-up")
                undo.callback(self.wakeup.close)
                payload = uapi.vfio_device_low_power_entry_with_wakeup(self.wakeup.fileno(), 0)
                features.set(Feature.LOW_POWER_ENTRY_WITH_WAKEUP, payload)
            else:
                features.set(Feature.LOW_POWER_ENTRY)
            undo.pop_all()
        self._on = True
        mappings.keep(self)

    def close(self) -> None:
        """Let it not sleep any more, and wake it; a second time does nothing.

        Raises:
            VfioError: the kernel refused; it may go on sleeping then.
        """
        if self._on:
            self._features.set(Feature.LOW_POWER_EXIT)
        self.abandon()

    def abandon(self) -> None:
        """Close the eventfd alone, since the device is closed.

        Raises:
            VfioError: the kernel reported a failure. It is closed nevertheless.
        """
        self._on = False
        self._mappings.drop(self)
        self._mappings.allow()
        if self.wakeup is not None:
            self.wakeup.close()
