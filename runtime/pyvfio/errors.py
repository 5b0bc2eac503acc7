# SPDX-License-Identifier: GPL-2.0-or-later
"""What can go wrong, in classes: each tells the call, on what, with what, and what to do.

All are OSErrors whose `errno` is the kernel's where the kernel refused.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from pyvfio.address import PciAddress
    from pyvfio.iova import IovaRange
    from pyvfio.migstate import MigState

Refined = TypeVar("Refined", bound="VfioError")


class VfioError(OSError):
    """A call failed.

    Attributes:
        call: What was asked, as the kernel's header names it: `VFIO_GROUP_SET_CONTAINER`, `open`.
        path: What it was asked of.
        arguments: What it was given, by name.
        advice: Why it may have failed and what to do, "" where nothing better is known than
            what `errno` says.
    """

    def __init__(
        self,
        errno: int,
        call: str = "",
        path: str = "",
        arguments: Mapping[str, object] | None = None,
        advice: str = "",
    ) -> None:
        super().__init__(errno, os.strerror(errno))
        self.filename = path or None
        self.call = call
        self.path = path
        self.arguments = dict(arguments or {})
        self.advice = advice

    @classmethod
    def of(
        cls,
        error: OSError,
        call: str,
        path: str = "",
        arguments: Mapping[str, object] | None = None,
    ) -> VfioError:
        """Tell of which call a plain OSError is."""
        return cls(error.errno or 0, call, path, arguments)

    def refined(self, kind: type[Refined], advice: str, **attributes: object) -> Refined:
        """Return the same failure as one of a kind, with advice and what else is known of it."""
        error = kind(self.errno or 0, self.call, self.path, self.arguments, advice)
        for name, value in attributes.items():
            setattr(error, name, value)
        return error

    def __reduce__(self) -> tuple[object, ...]:
        """Let other processes have it too."""
        given = (self.errno, self.call, self.path, self.arguments, self.advice)
        return type(self), given, self.__dict__

    def __str__(self) -> str:
        shown = ", ".join(f"{name}={show(value)}" for name, value in self.arguments.items())
        step = f"{self.call}({shown})" if shown else self.call
        where = f" on {self.path}" if self.path else ""
        advice = f": {self.advice}" if self.advice else ""
        return f"{step}{where}: {self.strerror}{advice}"


def show(value: object) -> str:
    """Write an argument as a person reads it: large numbers in hexadecimal, names bare."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 4096:
        return hex(value)
    return str(value)


class NotAvailable(VfioError):
    """There is no such thing: a module is not loaded, nothing is bound, or Linux lacks it."""


class PermissionDenied(VfioError, PermissionError):
    """This user may not open it."""


class DeviceBusy(VfioError):
    """Somebody else has it open, or this process has a mapping of it still.

    Attributes:
        holders: The processes that could be found, as "PID (name)".
    """

    holders: tuple[str, ...] = ()


class GroupNotViable(VfioError):
    """A neighbour in the IOMMU group belongs to a driver of the host.

    Attributes:
        group: Its number.
        neighbours: The devices in the way, by name, and the driver of each.
    """

    group: int = -1
    neighbours: Mapping[str, str] = {}


class NoInterruptRemapping(VfioError, PermissionError):
    """The IOMMU does not remap interrupts, so a device could forge them: the kernel declines."""


class IovaOutOfRange(VfioError):
    """An address lies outside of what the IOMMU translates.

    Attributes:
        ranges: Where DMA can be mapped.
    """

    ranges: tuple[IovaRange, ...] = ()


class Misaligned(VfioError, ValueError):
    """An address or a size is no multiple of the page size."""


class IovaExhausted(VfioError):
    """No room is left for a mapping of this size, alignment and limit."""


class DmaOverlap(VfioError):
    """Something is mapped there already."""


class MemlockExceeded(VfioError):
    """The process may not pin that much memory.

    Attributes:
        limit: RLIMIT_MEMLOCK in bytes.
        locked: Bytes that were pinned before, None where /proc does not tell.
    """

    limit: int = 0
    locked: int | None = None


class InUse(VfioError):
    """An address space or a page table cannot be destroyed while something is made of it."""


class NotAttached(VfioError):
    """The device is attached to no address space, so that it reaches no memory."""


class MappingInUse(VfioError):
    """A view of a mapping lives on, and so does the mapping: the device stays busy."""


class IrqError(VfioError):
    """Interrupts cannot be set up like this."""


class InterruptTimeout(VfioError, TimeoutError):
    """No interrupt came in time."""


class ResetUnsupported(VfioError):
    """There is no way to reset this device alone."""


class HotResetBlocked(VfioError):
    """The bus cannot be reset, for there are devices on it that are not ours.

    Attributes:
        blockers: Their addresses.
    """

    blockers: tuple[PciAddress, ...] = ()


class MigrationError(VfioError):
    """A device could not go from one state of migration to another.

    Attributes:
        state: The state that it is in now, None if it does not tell even that.
    """

    state: MigState | None = None


class NoSuchArc(MigrationError):
    """No way leads from the state that the device is in to the one that was asked for."""


class BadStream(VfioError):
    """What was saved of a device is cut off, was changed, or is not such a thing at all."""


class MalformedReply(VfioError):
    """The kernel, or something in its place, answered what makes no sense."""


class Closed(VfioError):
    """It was closed before."""
