# SPDX-License-Identifier: GPL-2.0-only
"""Interrupts of a passthrough device: INTx, MSI or MSI-X, one kind at a time.

From QEMU's hw/vfio/pci.c. QEMU hands interrupts to a guest; here they arrive at eventfds: `vdev.intx.interrupt` and
`vdev.msi_vectors`. The MSI-X table is the device's own and not emulated, so that switching MSI-X on in configuration
space takes all vectors at once.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pyqom import Error
from pyqom.pci_config import PCI_INTERRUPT_PIN, pci_get_word
from pyvfio import EventFd, VfioError
from pyvfio.irq import IrqVectors, NotifyIrq, VectorIrq

from . import config

if TYPE_CHECKING:
    from qomgen_devices.vfio_pci import VFIOPCIDevice

VFIO_INT_NONE = 0
VFIO_INT_INTx = 1
VFIO_INT_MSI = 2
VFIO_INT_MSIX = 3
PCI_NUM_PINS = 4


@dataclass(eq=False, slots=True)
class EventNotifier:
    """An eventfd that may not be there yet (struct EventNotifier)."""

    eventfd: EventFd | None = None

    def close(self) -> None:
        """Switch off what signals it, and close it."""
        eventfd, self.eventfd = self.eventfd, None
        if eventfd is not None:
            eventfd.close()


@dataclass(eq=False, slots=True)
class VFIOINTx:
    """State of the INTx interrupt (struct VFIOINTx).

    `pin` counts from 0 for INTA; `interrupt` is signalled when it fires, and masked until `vfio_intx_eoi`.
    `mmap_timeout` is in milliseconds: how long BARs stay unmapped after an interrupt that nobody ended.
    """

    mmap_timeout: int = 0
    pin: int = 0
    interrupt: EventNotifier = field(default_factory=EventNotifier)


@dataclass(eq=False, slots=True)
class VFIOMSIVectors:
    """The vectors in use (C's array of VFIOMSIVector)."""

    vectors: IrqVectors


def _refused(what: str, error: VfioError) -> Error:
    advice = f"{error.advice}\n" if error.advice else ""
    return Error(f"failed to set up {what}: {error.strerror}", hint=advice)


def vfio_intx_enable(vdev: VFIOPCIDevice) -> None:
    """Take the pin interrupt, if the device has a pin (vfio_intx_enable).

    Raises:
        Error: the pin is none of A to D, or the kernel refused.
    """
    pin = config.read(vdev, PCI_INTERRUPT_PIN, 1)
    if not pin:
        return
    if pin > PCI_NUM_PINS:
        raise Error(f"invalid PCI interrupt pin {pin}")
    vfio_disable_interrupts(vdev)
    device = vdev.vbasedev.device
    if device is None:
        raise Error(f"vfio {vdev.vbasedev.name}: the device is not open")
    vdev.intx.pin = pin - 1
    vdev.config[PCI_INTERRUPT_PIN] = pin
    try:
        vdev.intx.interrupt.eventfd = device.intx.enable()
    except VfioError as error:
        raise _refused("INTx", error) from error
    vdev.interrupt = VFIO_INT_INTx


def vfio_intx_eoi(vdev: VFIOPCIDevice) -> None:
    """End the pin interrupt: it may fire again (vfio_intx_eoi).

    Raises:
        Error: the kernel refused.
    """
    device = vdev.vbasedev.device
    if vdev.interrupt != VFIO_INT_INTx or device is None:
        return
    try:
        device.intx.unmask()
    except VfioError as error:
        raise _refused("INTx", error) from error


def vfio_intx_disable(vdev: VFIOPCIDevice) -> None:
    """Give the pin interrupt back (vfio_intx_disable)."""
    vdev.intx.interrupt.close()
    vdev.interrupt = VFIO_INT_NONE


def vfio_msi_enable(vdev: VFIOPCIDevice) -> None:
    """Take as many MSI vectors as the guest asked for (vfio_msi_enable).

    Raises:
        Error: the kernel refused; INTx is on again then.
    """
    flags = pci_get_word(vdev.config, vdev.msi_cap + config.PCI_MSI_FLAGS)
    device = vdev.vbasedev.device
    if device is not None:
        count = 1 << ((flags & config.PCI_MSI_FLAGS_QSIZE) >> 4)
        _enable(vdev, device.msi, count, VFIO_INT_MSI, "MSI")


def vfio_msix_enable(vdev: VFIOPCIDevice) -> None:
    """Take all MSI-X vectors (vfio_msix_enable).

    Raises:
        Error: the kernel refused; INTx is on again then.
    """
    flags = pci_get_word(vdev.config, vdev.msix_cap + config.PCI_MSIX_FLAGS)
    device = vdev.vbasedev.device
    if device is not None:
        count = (flags & config.PCI_MSIX_FLAGS_QSIZE) + 1
        _enable(vdev, device.msix, count, VFIO_INT_MSIX, "MSI-X")


def _enable(vdev: VFIOPCIDevice, irq: VectorIrq, count: int, kind: int, name: str) -> None:
    vfio_disable_interrupts(vdev)
    try:
        vdev.msi_vectors = VFIOMSIVectors(irq.enable(count))
    except VfioError as error:
        with ExitStack() as after:
            after.callback(vfio_intx_enable, vdev)
            raise _refused(name, error) from error
    vdev.nr_vectors = count
    vdev.interrupt = kind


def vfio_msi_disable(vdev: VFIOPCIDevice) -> None:
    """Give the MSI vectors back and fall back on INTx (vfio_msi_disable).

    Raises:
        Error: INTx can't be had.
    """
    _disable_vectors(vdev)
    vfio_intx_enable(vdev)


def vfio_msix_disable(vdev: VFIOPCIDevice) -> None:
    """Give the MSI-X vectors back and fall back on INTx (vfio_msix_disable).

    Raises:
        Error: INTx can't be had.
    """
    _disable_vectors(vdev)
    vfio_intx_enable(vdev)


def _disable_vectors(vdev: VFIOPCIDevice) -> None:
    vectors, vdev.msi_vectors = vdev.msi_vectors, None
    vdev.nr_vectors = 0
    vdev.interrupt = VFIO_INT_NONE
    if vectors is not None:
        vectors.vectors.close()


def vfio_disable_interrupts(vdev: VFIOPCIDevice) -> None:
    """Switch off whatever interrupt is on, and nothing on instead (vfio_disable_interrupts)."""
    if vdev.interrupt in (VFIO_INT_MSI, VFIO_INT_MSIX):
        _disable_vectors(vdev)
    if vdev.interrupt == VFIO_INT_INTx:
        vfio_intx_disable(vdev)


def vfio_register_notifiers(vdev: VFIOPCIDevice, *, wants_req: bool) -> None:
    """Hear of errors and of the kernel's wish to have the device back, where the kernel can tell.

    As in QEMU (vfio_register_err_notifier, vfio_register_req_notifier) a device without them is no error.
    """
    device = vdev.vbasedev.device
    if device is None:
        return
    if _has(device.err):
        vdev.err_notifier.eventfd = device.err.enable()
        vdev.pci_aer = True
    if wants_req and _has(device.req):
        vdev.req_notifier.eventfd = device.req.enable()
        vdev.req_enabled = True


def _has(irq: NotifyIrq) -> bool:
    try:
        return bool(irq.info.count)
    except VfioError:
        # The kernel answers EINVAL for an interrupt that the device can't have.
        return False


def vfio_unregister_notifiers(vdev: VFIOPCIDevice) -> None:
    """Hear of them no more (vfio_unregister_err_notifier, vfio_unregister_req_notifier)."""
    vdev.req_notifier.close()
    vdev.err_notifier.close()
    vdev.req_enabled = False
    vdev.pci_aer = False
