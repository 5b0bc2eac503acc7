# SPDX-License-Identifier: GPL-2.0-or-later
"""vfio-pci with a kernel that is made up: what it does with it, and each call of it failing in turn.

That it drives devices is shown on a real kernel (tests/vm); here every way to fail is tried.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from hw_vfio import interrupts, pci
from hw_vfio.config import PCI_MSI_FLAGS, PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE
from pyqom import Error, World, machine_start, object_new, object_unref
from pyqom.pci_config import PCI_INTERRUPT_PIN, PCI_VENDOR_ID
from pyvfio import VfioError
from qomgen_devices.vfio_pci import VFIOPCIDevice
from tests.unit.pyvfio.fake.kernel import FakeKernel
from tests.unit.pyvfio.fake.machine import Machine
from tests.unit.pyvfio.fake.machines import NIC, NIC_GROUP, standard

ERRNOS = (errno.EIO, errno.EINVAL, errno.EPERM, errno.EBUSY)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder like the one that /sys has of the NIC."""
    made = tmp_path / NIC
    made.mkdir()
    (made / "iommu_group").symlink_to(f"../iommu_groups/{NIC_GROUP}")
    return made


def with_pin() -> Machine:
    """The machine, with an interrupt pin at the NIC."""
    machine = standard()
    machine.functions[NIC].config[PCI_INTERRUPT_PIN] = 1
    return machine


@contextmanager
def world(kernel: FakeKernel, folder: Path) -> Iterator[VFIOPCIDevice]:
    """A vfio-pci that is not realized, in a world of its own."""
    with World("10.0"):
        machine_start("q35")
        vdev = object_new("vfio-pci")
        assert isinstance(vdev, VFIOPCIDevice)
        vdev.vbasedev.kernel = kernel
        vdev.vbasedev.sysfsdev = str(folder)
        try:
            yield vdev
        finally:
            object_unref(vdev)


def realize(vdev: VFIOPCIDevice) -> None:
    pci.realize(vdev)


def msi(vdev: VFIOPCIDevice) -> None:
    flags = vdev.msi_cap + PCI_MSI_FLAGS
    pci.config_write(vdev, flags, pci.config_read(vdev, flags, 2) | 1, 2)


def msix(vdev: VFIOPCIDevice) -> None:
    flags = vdev.msix_cap + PCI_MSIX_FLAGS
    pci.config_write(vdev, flags, pci.config_read(vdev, flags, 2) | PCI_MSIX_FLAGS_ENABLE, 2)


def msix_off(vdev: VFIOPCIDevice) -> None:
    flags = vdev.msix_cap + PCI_MSIX_FLAGS
    pci.config_write(vdev, flags, pci.config_read(vdev, flags, 2) & ~PCI_MSIX_FLAGS_ENABLE, 2)


Operation = Callable[[VFIOPCIDevice], None]
OPERATIONS: dict[str, tuple[list[Operation], Operation]] = {
    "realize": ([], realize),
    "MSI on": ([realize], msi),
    "MSI-X on": ([realize], msix),
    "MSI-X off": ([realize, msix], msix_off),
    "reset": ([realize], pci.reset),
    "exit": ([realize, msix], pci.exit),
    "end of interrupt": ([realize], interrupts.vfio_intx_eoi),
}


def attempt(
    name: str, folder: Path, fail_at: int | None, code: int
) -> tuple[int, Exception | None, str]:
    """Do one operation with at most one call failing: how many calls, what was raised, what was left."""
    before, operation = OPERATIONS[name]
    machine = with_pin()
    kernel = FakeKernel(machine)
    raised: Exception | None = None
    with ExitStack() as stack:
        stack.callback(machine.close)
        with world(kernel, folder) as vdev:
            for step in before:
                step(vdev)
            kernel.calls.clear()
            kernel.fail_at, kernel.fail_with = fail_at, code
            try:
                operation(vdev)
            except (Error, VfioError) as error:
                raised = error
            calls = len(kernel.calls)
            kernel.fail_at = None
        leaks = kernel.leaks()
        return calls, raised, str(leaks) if leaks else ""


@pytest.mark.parametrize("name", OPERATIONS)
def test_nothing_is_left_whichever_call_fails(name: str, folder: Path) -> None:
    calls, raised, left = attempt(name, folder, None, 0)
    assert raised is None
    assert left == ""
    assert calls
    leaks = []
    for number in range(1, calls + 1):
        for code in ERRNOS:
            _, raised, left = attempt(name, folder, number, code)
            if left:
                leaks.append(f"call {number}, {errno.errorcode[code]}: {left} after {raised!r}")
    tried = calls * len(ERRNOS)
    sys.stdout.write(f"{name}: {calls} calls, {tried} failures, {len(leaks)} leaks\n")
    assert leaks == []


def test_a_failed_realize_says_what_failed(folder: Path) -> None:
    calls, _, _ = attempt("realize", folder, None, 0)
    silent = []
    for number in range(1, calls + 1):
        _, raised, _ = attempt("realize", folder, number, errno.EIO)
        if raised is not None and "Input/output error" not in str(raised):
            silent.append(f"call {number}: {raised}")
    assert silent == []


def test_a_realized_device_reads_as_the_real_one(folder: Path) -> None:
    machine = with_pin()
    with ExitStack() as stack:
        stack.callback(machine.close)
        with world(FakeKernel(machine), folder) as vdev:
            pci.realize(vdev)
            assert pci.config_read(vdev, PCI_VENDOR_ID, 4) == 0x10D38086
            assert sorted(vdev.bars) == [0, 3]
            assert vdev.interrupt == interrupts.VFIO_INT_INTx
            msix(vdev)
            assert vdev.msi_vectors is not None
            assert vdev.nr_vectors == len(vdev.msi_vectors.vectors) > 0
            pci.reset(vdev)
            assert vdev.interrupt == interrupts.VFIO_INT_INTx
            assert vdev.msi_vectors is None
