# SPDX-License-Identifier: GPL-2.0-or-later
"""Giving a function to VFIO and back touches that function alone, and can be undone."""

from __future__ import annotations

import errno

import pytest

import pyvfio
from pyvfio import errors
from pyvfio.errors import VfioError
from tests.unit.pyvfio.fake.kernel import FakeKernel
from tests.unit.pyvfio.fake.machine import Machine
from tests.unit.pyvfio.fake.machines import DISK, EDU, NIC, OTHER_TWIN, TWIN


def state(machine: Machine) -> dict[str, tuple[str | None, str]]:
    return {each.address: (each.driver, each.override) for each in machine.functions.values()}


def test_bind_and_undo(kernel: FakeKernel, machine: Machine) -> None:
    before = state(machine)
    made = pyvfio.bind(DISK, kernel=kernel)
    assert [str(step) for step in made.steps] == [
        "write 'vfio-pci' to /sys/bus/pci/devices/0000:02:00.0/driver_override",
        "write '0000:02:00.0' to /sys/bus/pci/drivers/nvme/unbind",
        "write '0000:02:00.0' to /sys/bus/pci/drivers_probe",
    ]
    assert made.before.driver == "nvme"
    assert made.after().driver == "vfio-pci"
    assert state(machine) == before | {DISK: ("vfio-pci", "vfio-pci")}
    assert [step.text for step in made.undo()] == ["nvme", DISK, DISK, "\n"]
    assert state(machine) == before


def test_undo_gives_a_driver_back_that_would_not_come_by_itself(
    kernel: FakeKernel, machine: Machine
) -> None:
    machine.functions[DISK].host_driver = None
    machine.functions[DISK].override = "nvme"
    before = state(machine)
    pyvfio.bind(DISK, kernel=kernel).undo()
    assert state(machine) == before


def test_bind_what_nobody_has(kernel: FakeKernel, machine: Machine) -> None:
    machine.functions[DISK].driver = None
    before = state(machine)
    made = pyvfio.bind(DISK, kernel=kernel)
    assert [step.path.rpartition("/")[2] for step in made.steps] == [
        "driver_override",
        "drivers_probe",
    ]
    made.undo()
    assert state(machine) == before


def test_unbind_gives_it_to_the_host(kernel: FakeKernel, machine: Machine) -> None:
    machine.functions[NIC].override = "vfio-pci"
    before = state(machine)
    made = pyvfio.unbind(NIC, kernel=kernel)
    assert made.after().driver == "e1000e"
    assert made.after().driver_override is None
    made.undo()
    assert state(machine) == before


def test_unbind_what_the_host_has_no_driver_for(kernel: FakeKernel, machine: Machine) -> None:
    assert pyvfio.unbind(EDU, kernel=kernel).after().driver is None
    assert state(machine)[EDU] == (None, "")
    with pytest.raises(VfioError, match="no driver has it, so it cannot be taken from VFIO"):
        pyvfio.unbind(EDU, kernel=kernel)


def test_unbind_is_not_for_what_the_host_has(kernel: FakeKernel, machine: Machine) -> None:
    before = state(machine)
    with pytest.raises(VfioError, match="nvme has it"):
        pyvfio.unbind(DISK, kernel=kernel)
    assert state(machine) == before


@pytest.mark.parametrize("act", [pyvfio.bind, pyvfio.unbind])
def test_a_dry_run_writes_nothing(kernel: FakeKernel, machine: Machine, act: object) -> None:
    before = state(machine)
    if act is pyvfio.bind:
        made = pyvfio.bind(DISK, dry_run=True, kernel=kernel)
    else:
        made = pyvfio.unbind(NIC, dry_run=True, kernel=kernel)
    assert len(made.steps) == 3
    assert "write" not in kernel.calls
    assert state(machine) == before


def test_what_is_bound_is_left_alone(kernel: FakeKernel) -> None:
    assert pyvfio.bind(NIC, kernel=kernel).steps == ()
    assert "write" not in kernel.calls


def test_a_neighbour_is_never_touched(kernel: FakeKernel, machine: Machine) -> None:
    machine.functions[TWIN].driver = machine.functions[OTHER_TWIN].driver = "e1000e"
    pyvfio.bind(TWIN, kernel=kernel)
    assert state(machine)[OTHER_TWIN] == ("e1000e", "")
    with pytest.raises(errors.GroupNotViable):
        pyvfio.open_device(TWIN, kernel=kernel)


def test_a_driver_that_is_not_there(kernel: FakeKernel, machine: Machine) -> None:
    before = state(machine)
    with pytest.raises(errors.NotAvailable, match=r"there is no driver mlx5_core: .*modprobe"):
        pyvfio.bind(DISK, driver="mlx5_core", kernel=kernel)
    with pytest.raises(errors.NotAvailable, match=r"there is no PCI function at 0000:77:00\.0"):
        pyvfio.bind("77:00.0", kernel=kernel)
    assert state(machine) == before


def test_a_driver_that_does_not_take_it(
    kernel: FakeKernel, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = state(machine)
    real = machine.write

    def write(path: str, text: str, owned: set[int]) -> None:
        if not (path.endswith("drivers_probe") and machine.functions[DISK].override == "vfio-pci"):
            real(path, text, owned)

    monkeypatch.setattr(machine, "write", write)
    with pytest.raises(VfioError, match="vfio-pci did not take it; the kernel's log may tell why"):
        pyvfio.bind(DISK, kernel=kernel)
    assert state(machine) == before, "it was undone"


def test_only_root_may(kernel: FakeKernel, machine: Machine) -> None:
    before = state(machine)
    pyvfio.bind(DISK, kernel=kernel, dry_run=True)
    kernel.fail_at, kernel.fail_with = len(kernel.calls) + 1, errno.EACCES
    kernel.calls.clear()
    with pytest.raises(
        errors.PermissionDenied, match="only root may change which driver"
    ) as caught:
        pyvfio.bind(DISK, kernel=kernel)
    assert caught.value.arguments == {"text": "vfio-pci"}
    assert state(machine) == before


@pytest.mark.parametrize(
    "path", ["/dev/vfio/10", "/dev/vfio/noiommu-10", "/dev/vfio/devices/vfio{}"]
)
def test_what_is_open_is_not_taken_away(kernel: FakeKernel, machine: Machine, path: str) -> None:
    machine.iommufd = True
    before = state(machine)
    own = pyvfio.Sysfs(kernel).cdev(pyvfio.Sysfs(kernel).place(NIC))
    assert own is not None
    machine.links["/proc/4711/fd/7"] = path.format(own.removeprefix("/dev/vfio/devices/vfio"))
    machine.files["/proc/4711/comm"] = "dpdk\n"
    with pytest.raises(errors.DeviceBusy) as caught:
        pyvfio.unbind(NIC, kernel=kernel)
    assert caught.value.holders == ("4711 (dpdk)",)
    assert "process 4711 (dpdk) has it open: taking it away would wait" in str(caught.value)
    with pytest.raises(errors.DeviceBusy):
        pyvfio.bind(NIC, driver="e1000e", kernel=kernel)
    assert state(machine) == before


def test_the_hosts_driver_may_not_have_a_neighbour_of_what_is_open(
    kernel: FakeKernel, machine: Machine
) -> None:
    before = state(machine)
    with pyvfio.open_device(TWIN, kernel=kernel):
        with pytest.raises(VfioError, match="while a process has a device of its IOMMU group"):
            pyvfio.unbind(OTHER_TWIN, kernel=kernel)
        assert state(machine) == before
