# SPDX-License-Identifier: GPL-2.0-or-later
"""Which driver has a PCI function: giving it to VFIO, and back to the host.

One function is touched, the one that is named. It goes by driver_override, which concerns this
function alone; new_id would change what the driver takes in general.
"""

from __future__ import annotations

import errno
from contextlib import ExitStack
from dataclasses import dataclass

from pyvfio import errors
from pyvfio.address import PciAddress
from pyvfio.errors import VfioError
from pyvfio.holders import holders
from pyvfio.kernel import Kernel
from pyvfio.sysfs import PciFunction, Sysfs, is_vfio

DRIVER = "vfio-pci"

NO_OVERRIDE = "\n"
"""What driver_override is emptied with: an empty write does not reach the kernel."""


@dataclass(frozen=True, slots=True)
class Step:
    """Something to write to a file of /sys."""

    path: str
    text: str

    def __str__(self) -> str:
        return f"write {self.text.strip()!r} to {self.path}"


class Binding:
    """A change of a function's driver, made or, after a dry run, only planned.

    Attributes:
        before: The function as it was.
        steps: What was written, or would be; nothing if the driver had it before.
    """

    def __init__(self, sysfs: Sysfs, before: PciFunction, steps: tuple[Step, ...]) -> None:
        self.before = before
        self.steps = steps
        self._sysfs = sysfs

    def after(self) -> PciFunction:
        """Look at the function as it is now.

        Raises:
            VfioError: it is gone, or /sys cannot be read.
        """
        return self._sysfs.pci(self.before.address)

    def undo(self) -> tuple[Step, ...]:
        """Give it back to the driver that had it, and restore driver_override; tell the steps.

        Raises:
            DeviceBusy: somebody has it open through VFIO.
            VfioError: the kernel refused, or the driver did not take it.
        """
        steps = self._way_back()
        _check_idle(self._sysfs, self.after(), steps)
        for step in steps:
            _write(self._sysfs.kernel, step)
        if self.after().driver != self.before.driver:
            raise _not_taken(self._sysfs, self.before, self.before.driver or "no driver")
        return steps

    def _way_back(self) -> tuple[Step, ...]:
        now, before = self.after(), self.before
        steps = []
        if now.driver != before.driver:
            if before.driver is not None:
                # By name: it may have been bound to a driver that does not know its ids.
                steps.append(_override(self._sysfs, before, before.driver))
            if now.driver is not None:
                steps.append(_unbind(self._sysfs, now))
            if before.driver is not None:
                steps.append(_probe(self._sysfs, before))
        steps.append(_override(self._sysfs, before, before.driver_override))
        return tuple(steps)


def bind(
    address: PciAddress | str,
    *,
    driver: str = DRIVER,
    dry_run: bool = False,
    kernel: Kernel | None = None,
) -> Binding:
    """Give a PCI function to a driver, and take it from the one that has it.

    If a step fails, those before it are undone.

    Args:
        address: The function. Its neighbours are left alone.
        driver: Name of the driver.
        dry_run: Only plan it.
        kernel: Where.

    Raises:
        NotAvailable: there is no such function, or no such driver.
        DeviceBusy: somebody has it open through VFIO, and taking it away would wait for them.
        PermissionDenied: this needs root.
        VfioError: the kernel refused, or the driver did not take it.
    """
    sysfs = Sysfs(kernel)
    before = sysfs.pci(address)
    folder = f"{sysfs.root}/bus/pci/drivers/{driver}"
    if not sysfs.kernel.exists(folder):
        advice = f"there is no driver {driver}: load its module (modprobe {driver})"
        raise errors.NotAvailable(errno.ENOENT, "open", folder, advice=advice)
    if before.driver == driver:
        return Binding(sysfs, before, ())
    steps = [_override(sysfs, before, driver)]
    if before.driver is not None:
        steps.append(_unbind(sysfs, before))
    steps.append(_probe(sysfs, before))
    return _change(Binding(sysfs, before, tuple(steps)), driver, dry_run=dry_run)


def unbind(
    address: PciAddress | str, *, dry_run: bool = False, kernel: Kernel | None = None
) -> Binding:
    """Take a PCI function from VFIO, and let the host's driver have it that knows it, if any.

    If a step fails, those before it are undone.

    Raises:
        NotAvailable: there is no such function.
        DeviceBusy: somebody has it open, and this would wait for them.
        PermissionDenied: this needs root.
        VfioError: it belongs to a driver of the host, or the kernel refused.
    """
    sysfs = Sysfs(kernel)
    before = sysfs.pci(address)
    if not is_vfio(before.driver):
        whose = "no driver has it" if before.driver is None else f"{before.driver} has it"
        raise VfioError(
            errno.EINVAL,
            "unbind",
            before.path,
            {"address": before.address},
            f"{whose}, so it cannot be taken from VFIO",
        )
    steps = (_override(sysfs, before, None), _unbind(sysfs, before), _probe(sysfs, before))
    return _change(Binding(sysfs, before, steps), None, dry_run=dry_run)


def _change(binding: Binding, wanted: str | None, *, dry_run: bool) -> Binding:
    """Write the steps, and see that the wanted driver has the function; None for any."""
    sysfs = binding._sysfs
    _check_idle(sysfs, binding.before, binding.steps)
    if dry_run:
        return binding
    with ExitStack() as undo:
        undo.callback(binding.undo)
        for step in binding.steps:
            _write(sysfs.kernel, step)
        if wanted is not None and binding.after().driver != wanted:
            raise _not_taken(sysfs, binding.before, wanted)
        undo.pop_all()
    return binding


def _override(sysfs: Sysfs, function: PciFunction, driver: str | None) -> Step:
    return Step(f"{sysfs.pci_path(function.address)}/driver_override", driver or NO_OVERRIDE)


def _unbind(sysfs: Sysfs, function: PciFunction) -> Step:
    path = f"{sysfs.root}/bus/pci/drivers/{function.driver}/unbind"
    return Step(path, str(function.address))


def _probe(sysfs: Sysfs, function: PciFunction) -> Step:
    return Step(f"{sysfs.root}/bus/pci/drivers_probe", str(function.address))


def _check_idle(sysfs: Sysfs, function: PciFunction, steps: tuple[Step, ...]) -> None:
    """Refuse to take a device from VFIO that is open: the write would not come back."""
    taken = any(step.path.endswith("/unbind") for step in steps)
    if not taken or not is_vfio(function.driver):
        return
    own = sysfs.cdev(sysfs.place(function.address))
    group = [f"/dev/vfio/{prefix}{function.group}" for prefix in ("", "noiommu-")]
    for path in group if own is None else (own, *group):
        found = holders(sysfs.kernel, path)
        if found:
            error = errors.DeviceBusy(
                errno.EBUSY,
                "unbind",
                path,
                {"address": function.address},
                f"process {', '.join(found)} has it open: taking it away would wait for them",
            )
            error.holders = found
            raise error


def _write(kernel: Kernel, step: Step) -> None:
    try:
        kernel.write_file(step.path, step.text)
    except OSError as error:
        failed = VfioError.of(error, "write", step.path, {"text": step.text.strip()})
        if failed.errno in (errno.EACCES, errno.EPERM):
            advice = "only root may change which driver has a device"
            raise failed.refined(errors.PermissionDenied, advice) from error
        if failed.errno == errno.EINVAL and step.path.endswith("/drivers_probe"):
            advice = (
                "the driver would not take it: while a process has a device of its IOMMU group"
                " open through VFIO, the host's drivers may not have another"
            )
            raise failed.refined(VfioError, advice) from error
        raise failed from error


def _not_taken(sysfs: Sysfs, function: PciFunction, driver: str) -> VfioError:
    return VfioError(
        errno.ENODEV,
        "write",
        f"{sysfs.root}/bus/pci/drivers_probe",
        {"text": function.address},
        f"{driver} did not take it; the kernel's log may tell why",
    )
