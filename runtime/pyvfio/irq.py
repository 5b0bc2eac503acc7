# SPDX-License-Identifier: GPL-2.0-or-later
"""Interrupts of a PCI device: INTx, MSI, MSI-X, and the kernel's word of errors and requests."""

from __future__ import annotations

import errno
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import cached_property
from typing import ClassVar, overload

from pyvfio import irqset
from pyvfio.closing import Closing
from pyvfio.errors import IrqError, VfioError
from pyvfio.eventfd import EventFd
from pyvfio.handle import Handle
from pyvfio.info import IrqInfo
from pyvfio.irqset import MASK, TRIGGER, UNMASK
from pyvfio.uapi import pci


class IrqLine(EventFd):
    """The eventfd of one interrupt. Closing it, or leaving its with block, switches that off."""

    def __init__(self, handle: Handle, name: str, disable: Callable[[], None]) -> None:
        super().__init__(handle.kernel, f"{handle.path} {name}")
        self._disable = disable

    def close(self) -> None:
        """Switch the interrupt off and close the eventfd.

        Raises:
            VfioError: the kernel refused; then it stays on, and the eventfd open.
        """
        if not self.closed:
            self._disable()
        self.abandon()

    def abandon(self) -> None:
        """Close the eventfd alone.

        Raises:
            VfioError: the kernel reported a failure. It is closed nevertheless.
        """
        super().close()


class Irq(ABC):
    """One kind of interrupt of a device.

    Attributes:
        index: Its number (VFIO_PCI_*_IRQ_INDEX).
        name: What messages call it.
        exclusive: Only one of those that are can be on.
    """

    index: ClassVar[int]
    name: ClassVar[str]
    exclusive: ClassVar[bool] = True

    def __init__(self, handle: Handle, all_of_device: Sequence[Irq]) -> None:
        self._handle = handle
        self._all = all_of_device

    def __repr__(self) -> str:
        return f"{self.name} of {self._handle.path} ({'on' if self.enabled else 'off'})"

    @cached_property
    def info(self) -> IrqInfo:
        """What the kernel tells of it.

        Raises:
            VfioError: the kernel refused: EINVAL if the device cannot have it.
        """
        return IrqInfo.ask(self._handle, self.index)

    @property
    @abstractmethod
    def enabled(self) -> bool:
        """Whether it is on."""

    @abstractmethod
    def disable(self) -> None:
        """Switch it off, all of it; nothing happens if it is off.

        Raises:
            VfioError: the kernel refused; it stays on then.
        """

    @abstractmethod
    def abandon(self) -> None:
        """Close the eventfds, since the device is closed."""

    def _explain(self, error: VfioError) -> VfioError:
        """Tell why an interrupt could not be switched on."""
        if error.errno not in (errno.EINVAL, errno.ENOTTY):
            return error
        others = [each.name for each in self._all if each.exclusive and each.enabled]
        if self.exclusive and others and others != [self.name]:
            advice = f"{' and '.join(others)} of this device is on: switch it off first"
            return error.refined(IrqError, advice)
        try:
            count = self.info.count
        except VfioError:
            count = 0
        if count == 0:
            return error.refined(IrqError, f"the device has no {self.name}")
        return error.refined(IrqError, f"the device has {count} of {self.name}")


class _Single(Irq):
    """A kind of which there is one interrupt."""

    def __init__(self, handle: Handle, all_of_device: Sequence[Irq]) -> None:
        super().__init__(handle, all_of_device)
        self._line: IrqLine | None = None
        self._on = False

    @property
    def enabled(self) -> bool:
        """Whether it is on."""
        return self._on

    def enable(self) -> IrqLine:
        """Switch it on, and return the eventfd that it signals.

        Raises:
            IrqError: it is on already, the device has none, or another kind is on.
            VfioError: the kernel refused.
        """
        if self._on:
            raise IrqError(errno.EBUSY, "enable", repr(self), advice="it is on already")
        with ExitStack() as undo:
            line = IrqLine(self._handle, self.name, self.disable)
            undo.callback(line.abandon)
            self.assign(line.fileno())
            undo.pop_all()
        self._line = line
        return line

    def assign(self, eventfd: int) -> None:
        """Switch it on with an eventfd of the caller's, or exchange the one that it has.

        Raises:
            IrqError: the device has none, or another kind is on.
            VfioError: the kernel refused.
        """
        try:
            irqset.on_eventfds(self._handle, self.index, TRIGGER, 0, [eventfd])
        except VfioError as error:
            raise self._explain(error) from error
        self._on = True

    def trigger(self) -> None:
        """Signal the eventfd as the device would, for tests.

        Raises:
            VfioError: the kernel refused: EINVAL if it is off.
        """
        irqset.where_true(self._handle, self.index, TRIGGER, 0, [True])

    def disable(self) -> None:
        """Switch it off; nothing happens if it is off.

        Raises:
            VfioError: the kernel refused; it stays on then.
        """
        if self._on:
            self._switch_off()
            self.abandon()

    def abandon(self) -> None:
        """Close the eventfd, since the interrupt or the device is gone."""
        self._on = False
        line, self._line = self._line, None
        if line is not None:
            line.abandon()

    @abstractmethod
    def _switch_off(self) -> None:
        """Tell the kernel."""


class Intx(_Single):
    """The pin interrupt, which is masked as soon as it fires: call `unmask` when it is served."""

    index = pci.VFIO_PCI_INTX_IRQ_INDEX
    name = "INTx"

    def mask(self) -> None:
        """Let it not come.

        Raises:
            VfioError: the kernel refused: EINVAL if it is off.
        """
        irqset.now(self._handle, self.index, MASK)

    def unmask(self) -> None:
        """Let it come again; at once if the device still holds its line.

        Raises:
            VfioError: the kernel refused: EINVAL if it is off.
        """
        irqset.now(self._handle, self.index, UNMASK)

    def resample(self, eventfd: EventFd | int | None) -> None:
        """Let the kernel unmask it whenever this eventfd is signalled; None ends that.

        Raises:
            VfioError: the kernel refused: EINVAL if it is off, EBUSY if there is such an eventfd.
        """
        fd = -1 if eventfd is None else _number(eventfd)
        irqset.on_eventfds(self._handle, self.index, UNMASK, 0, [fd])

    def _switch_off(self) -> None:
        irqset.now(self._handle, self.index, TRIGGER, 0, 0)


class NotifyIrq(_Single):
    """Not an interrupt of the device's: the kernel tells of an error, or asks to give it back."""

    exclusive = False

    def _switch_off(self) -> None:
        # Of none (count 0) with no data would do as well; -1 says what is meant.
        irqset.on_eventfds(self._handle, self.index, TRIGGER, 0, [-1])


class ErrorIrq(NotifyIrq):
    """Signalled when the device reports an error that is not corrected (PCIe AER)."""

    index = pci.VFIO_PCI_ERR_IRQ_INDEX
    name = "ERR"


class RequestIrq(NotifyIrq):
    """Signalled when the host wants the device back: close it, or whoever asked waits for ever."""

    index = pci.VFIO_PCI_REQ_IRQ_INDEX
    name = "REQ"


class IrqVectors(Sequence[EventFd], Closing):
    """Eventfds of vectors that were switched on together.

    Closing it, or leaving its with block, switches them off.

    Attributes:
        start: The first vector; element 0 is its eventfd.
    """

    def __init__(self, irq: VectorIrq, start: int, eventfds: Sequence[EventFd]) -> None:
        self.start = start
        self._irq = irq
        self._eventfds = tuple(eventfds)

    @overload
    def __getitem__(self, place: int) -> EventFd: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[EventFd]: ...
    def __getitem__(self, place: int | slice) -> EventFd | Sequence[EventFd]:
        return self._eventfds[place]

    def __len__(self) -> int:
        return len(self._eventfds)

    @property
    def numbers(self) -> range:
        """The vectors."""
        return range(self.start, self.start + len(self))

    def close(self) -> None:
        """Switch them off - with the last of its kind, all of it - and close the eventfds.

        Raises:
            VfioError: the kernel refused; then they stay on.
        """
        self._irq.release(self)

    def abandon(self) -> None:
        """Close the eventfds alone.

        Raises:
            VfioError: the kernel reported a failure, the last if there were several.
        """
        with ExitStack() as all_of_them:
            for eventfd in self._eventfds:
                all_of_them.callback(eventfd.close)


class VectorIrq(Irq):
    """MSI or MSI-X: vectors that are switched on and off in ranges."""

    def __init__(self, handle: Handle, all_of_device: Sequence[Irq]) -> None:
        super().__init__(handle, all_of_device)
        self._on = False
        self._assigned: set[int] = set()
        self._vectors: list[IrqVectors] = []

    @property
    def enabled(self) -> bool:
        """Whether the kind is on in the device, be it with no vector left."""
        return self._on

    @property
    def count(self) -> int:
        """How many vectors the device has.

        Raises:
            VfioError: the kernel refused to tell.
        """
        return self.info.count

    @property
    def assigned(self) -> frozenset[int]:
        """The vectors that have an eventfd."""
        return frozenset(self._assigned)

    def enable(self, count: int = 1, *, start: int = 0, reserve: int = 0) -> IrqVectors:
        """Switch vectors on, and return their eventfds.

        Args:
            count: How many.
            start: The first one.
            reserve: How many vectors the kernel shall prepare, if this is the first call: where
                `info.noresize` there cannot be more later, unless all are switched off.

        Raises:
            IrqError: one of them is on already, there are not as many, or another kind is on.
            VfioError: the kernel refused.
        """
        numbers = range(start, start + count)
        if taken := self._assigned.intersection(numbers):
            advice = f"vectors {sorted(taken)} are on already"
            raise IrqError(errno.EBUSY, "enable", repr(self), advice=advice)
        with ExitStack() as undo:
            eventfds = []
            for number in numbers:
                eventfd = EventFd(self._handle.kernel, f"{self._handle.path} {self.name} {number}")
                undo.callback(eventfd.close)
                eventfds.append(eventfd)
            spare = [None] * max(0, reserve - start - count) if not self._on else []
            self.assign(start, [*eventfds, *spare])
            undo.pop_all()
        vectors = IrqVectors(self, start, eventfds)
        self._vectors.append(vectors)
        return vectors

    def assign(self, start: int, eventfds: Sequence[EventFd | int | None]) -> None:
        """Give vectors from `start` these eventfds of the caller's; None takes one's away.

        The first call switches the kind on, and the kernel prepares as many vectors as are named.

        Raises:
            IrqError: there are not as many, or another kind is on.
            VfioError: the kernel refused.
        """
        fds = [-1 if eventfd is None else _number(eventfd) for eventfd in eventfds]
        try:
            possible = irqset.on_eventfds(self._handle, self.index, TRIGGER, start, fds)
        except VfioError as error:
            raise self._explain_range(error, start + len(fds)) from error
        if possible > 0:
            # Nothing was switched on.
            raise IrqError(
                errno.ENOSPC,
                "VFIO_DEVICE_SET_IRQS",
                self._handle.path,
                {"index": self.index, "start": start, "count": len(fds)},
                f"the host has no more than {possible} vectors for {self.name} of this device",
            )
        self._on = True
        for number, fd in enumerate(fds, start):
            if fd < 0:
                self._assigned.discard(number)
            else:
                self._assigned.add(number)

    def _explain_range(self, error: VfioError, end: int) -> VfioError:
        if error.errno == errno.EINVAL and self._on and end <= self.count and self.info.noresize:
            advice = (
                f"vectors cannot be added to {self.name} of this device while it is on: reserve"
                " them when the first is enabled, or disable all before"
            )
            return error.refined(IrqError, advice)
        return self._explain(error)

    def trigger(self, *numbers: int) -> None:
        """Signal the eventfds of vectors as the device would, for tests; of others nothing comes.

        Raises:
            VfioError: the kernel refused: EINVAL if the kind is off.
        """
        first = min(numbers, default=0)
        chosen = [number in numbers for number in range(first, max(numbers, default=-1) + 1)]
        irqset.where_true(self._handle, self.index, TRIGGER, first, chosen)

    def unassign(self, numbers: range) -> None:
        """Switch some vectors off. The kind stays on, so that they can come back.

        Raises:
            VfioError: the kernel refused.
        """
        self.assign(numbers.start, [None] * len(numbers))

    def disable(self) -> None:
        """Switch all off; nothing happens if it is off.

        Raises:
            VfioError: the kernel refused; it stays on then.
        """
        if self._on:
            irqset.now(self._handle, self.index, TRIGGER, 0, 0)
            self.abandon()

    def release(self, vectors: IrqVectors) -> None:
        """Switch off what was switched on together, and all with the last of it."""
        if vectors not in self._vectors:
            return
        if self._assigned <= set(vectors.numbers):
            self.disable()
        else:
            self.unassign(vectors.numbers)
            self._vectors.remove(vectors)
            vectors.abandon()

    def abandon(self) -> None:
        """Close the eventfds that were made here, since the interrupts or the device are gone."""
        self._on = False
        self._assigned.clear()
        vectors, self._vectors = self._vectors, []
        with ExitStack() as all_of_them:
            for each in vectors:
                all_of_them.callback(each.abandon)


class Msi(VectorIrq):
    """Message signalled interrupts."""

    index = pci.VFIO_PCI_MSI_IRQ_INDEX
    name = "MSI"


class Msix(VectorIrq):
    """Message signalled interrupts with a table in a BAR."""

    index = pci.VFIO_PCI_MSIX_IRQ_INDEX
    name = "MSI-X"


def _number(eventfd: EventFd | int) -> int:
    return eventfd if isinstance(eventfd, int) else eventfd.fileno()
