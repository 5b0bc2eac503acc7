# SPDX-License-Identifier: GPL-2.0-or-later
"""vfio-pci with a kernel that is made up: what it does with it, and each call of it failing in turn.

That it drives devices is shown on a real kernel (tests/vm); here every way to fail is tried.
"""

from __future__ import annotations

import errno
import functools
import io
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from hw_vfio import interrupts, pci, savevm
from hw_vfio.config import PCI_MSI_FLAGS, PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE
from pyqom import (
    Error,
    QemuUUID,
    World,
    machine_start,
    object_new,
    object_property_set_qobject,
    object_unref,
)
from pyqom.pci_config import PCI_INTERRUPT_PIN, PCI_VENDOR_ID
from pyvfio import VfioError
from qomgen_devices.vfio_pci import VFIOPCIDevice
from tests.unit.hw_vfio import made_up
from tests.unit.pyvfio.fake.kernel import FakeKernel
from tests.unit.pyvfio.fake.machine import Machine
from tests.unit.pyvfio.fake.machines import HELD, NIC, SOURCE, TARGET, VIRTUAL, standard
from tests.unit.pyvfio.fake.migration import MigratingDevice

ERRNOS = (errno.EIO, errno.EINVAL, errno.EPERM, errno.EBUSY)


BACKENDS = ("legacy", "iommufd")


@pytest.fixture
def where(tmp_path: Path) -> Path:
    """Folders like those that /sys has of the devices."""
    machine = with_pin()
    for address, function in machine.functions.items():
        cdev = int(machine.cdev_name(function).removeprefix("vfio"))
        made_up.folder(tmp_path, address, function.group, cdev)
    machine.close()
    return tmp_path


def with_pin() -> Machine:
    """The machine with iommufd, and interrupt pins at its devices."""
    machine = standard()
    machine.iommufd = True
    for function in machine.functions.values():
        function.config[PCI_INTERRUPT_PIN] = 1
    return machine


@contextmanager
def world(kernel: FakeKernel, folder: Path, backend: str) -> Iterator[VFIOPCIDevice]:
    """A vfio-pci that is not realized, in a world of its own."""
    with World("10.0"):
        machine_start("q35")
        vdev = object_new("vfio-pci")
        assert isinstance(vdev, VFIOPCIDevice)
        vdev.vbasedev.kernel = kernel
        vdev.vbasedev.sysfsdev = str(folder)
        if backend == "iommufd":
            made_up.backend()
            object_property_set_qobject(vdev, "iommufd", made_up.IOMMUFD)
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


def save(vdev: VFIOPCIDevice) -> None:
    savevm.vfio_save(vdev.vbasedev, io.BytesIO())


def load(vdev: VFIOPCIDevice) -> None:
    savevm.vfio_load(vdev.vbasedev, io.BytesIO(saved_state()))


@functools.cache
def saved_state() -> bytes:
    """What is saved of a device that holds HELD."""
    machine = with_pin()
    file = io.BytesIO()
    with (
        tempfile.TemporaryDirectory() as name,
        world(made_up.Kernel(machine), made_up.folder(Path(name), SOURCE, 15), "legacy") as vdev,
    ):
        pci.realize(vdev)
        savevm.vfio_save(vdev.vbasedev, file)
    machine.close()
    return file.getvalue()


Operation = Callable[[VFIOPCIDevice], None]
OPERATIONS: dict[str, tuple[str, list[Operation], Operation]] = {
    "realize": (NIC, [], realize),
    "realize a virtual function": (VIRTUAL, [], realize),
    "realize what migrates": (TARGET, [], realize),
    "MSI on": (NIC, [realize], msi),
    "MSI-X on": (NIC, [realize], msix),
    "MSI-X off": (NIC, [realize, msix], msix_off),
    "reset": (NIC, [realize], pci.reset),
    "exit": (NIC, [realize, msix], pci.exit),
    "end of interrupt": (NIC, [realize], interrupts.vfio_intx_eoi),
    "save": (TARGET, [realize], save),
    "load": (TARGET, [realize], load),
}


@dataclass
class Attempt:
    """What came of an operation: how many calls, what was raised, what was left and what the device held."""

    calls: int
    raised: Exception | None
    left: str
    held: bytes


def attempt(
    name: str, backend: str, where: Path, fail_at: int | None, code: int, held: bytes = HELD
) -> Attempt:
    """Do one operation with at most one call failing."""
    address, before, operation = OPERATIONS[name]
    machine = with_pin()
    function = machine.functions[address]
    function.extras.held.data = held
    kernel = made_up.Kernel(machine)
    raised: Exception | None = None
    with ExitStack() as stack:
        stack.callback(machine.close)
        with world(kernel, where / address, backend) as vdev:
            if function.token is not None:
                vdev.vf_token = QemuUUID(uuid.UUID(function.token))
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
            kept = function.extras.held.data
        leaks = kernel.leaks()
        return Attempt(calls, raised, str(leaks) if leaks else "", kept)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", OPERATIONS)
def test_nothing_is_left_whichever_call_fails(name: str, backend: str, where: Path) -> None:
    done = attempt(name, backend, where, None, 0)
    assert done.raised is None
    assert done.left == ""
    assert done.calls
    leaks = []
    for number in range(1, done.calls + 1):
        for code in ERRNOS:
            one = attempt(name, backend, where, number, code)
            if one.left:
                what = f"call {number}, {errno.errorcode[code]}"
                leaks.append(f"{what}: {one.left} after {one.raised!r}")
    tried = done.calls * len(ERRNOS)
    sys.stdout.write(
        f"{name}, {backend}: {done.calls} calls, {tried} failures, {len(leaks)} leaks\n"
    )
    assert leaks == []


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ["save", "load"])
def test_nothing_is_lost_whichever_call_fails(
    name: str, backend: str, where: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a reset takes away what a device holds."""
    as_it_is = MigratingDevice.reset

    def reset(device: MigratingDevice) -> None:
        as_it_is(device)
        device.held.data = bytes(len(HELD))

    monkeypatch.setattr(MigratingDevice, "reset", reset)
    kept = bytes(reversed(HELD))
    done = attempt(name, backend, where, None, 0, kept)
    assert done.held == (HELD if name == "load" else kept)
    lost = []
    for number in range(1, done.calls + 1):
        one = attempt(name, backend, where, number, errno.EIO, kept)
        if one.held != (done.held if one.raised is None else kept):
            lost.append(f"call {number}: {one.raised}: {one.held!r}")
    assert lost == []


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_failed_realize_says_what_failed(backend: str, where: Path) -> None:
    done = attempt("realize", backend, where, None, 0)
    silent = []
    for number in range(1, done.calls + 1):
        raised = attempt("realize", backend, where, number, errno.EIO).raised
        # Of a file that could not be opened QEMU does not tell why.
        known = ("Input/output error", "Failed to open /dev/vfio/devices/")
        if raised is not None and not any(text in str(raised) for text in known):
            silent.append(f"call {number}: {raised}")
    assert silent == []


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_realized_device_reads_as_the_real_one(backend: str, where: Path) -> None:
    machine = with_pin()
    with ExitStack() as stack:
        stack.callback(machine.close)
        with world(made_up.Kernel(machine), where / NIC, backend) as vdev:
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
