# SPDX-License-Identifier: GPL-2.0-or-later
"""By which way a device is had, why, and why not."""

from __future__ import annotations

import errno

import pytest

import pyvfio
from pyvfio import BackendChoice, Container, Iommufd, NoIommu, choose_backend, errors
from pyvfio.errors import VfioError
from pyvfio.noiommu import SWITCH
from tests.unit.pyvfio.fake.kernel import FakeKernel
from tests.unit.pyvfio.fake.machine import Machine
from tests.unit.pyvfio.fake.machines import (
    DISK,
    EDU,
    NIC,
    NIC_GROUP,
    OTHER_TWIN,
    TOKEN,
    TWIN,
    VIRTUAL,
)

CDEV = "/dev/vfio/devices/vfio1"
"""NIC's own file."""


def test_without_iommufd_it_is_the_group(kernel: FakeKernel) -> None:
    choice = choose_backend(NIC, kernel)
    assert str(choice) == "legacy: there is no /dev/iommu (CONFIG_IOMMUFD, module iommufd)"
    with pyvfio.open_device(NIC, kernel=kernel) as device:
        assert isinstance(device.iommu, Container)
    with pytest.raises(errors.NotAvailable, match="modprobe iommufd"):
        pyvfio.open_device(NIC, backend="iommufd", kernel=kernel)


def test_with_iommufd_it_is_that(kernel: FakeKernel, machine: Machine) -> None:
    machine.iommufd = True
    choice = choose_backend(NIC, kernel)
    assert choice == BackendChoice("iommufd", f"there are /dev/iommu, and {CDEV} of {NIC}")
    with pyvfio.open_device(NIC, kernel=kernel) as device:
        assert isinstance(device.iommu, Iommufd)
    with pyvfio.open_device(NIC, backend="legacy", kernel=kernel) as device:
        assert isinstance(device.iommu, Container)


def test_what_the_user_may_not_open_is_not_chosen(kernel: FakeKernel, machine: Machine) -> None:
    machine.iommufd = True
    machine.closed = {"/dev/iommu"}
    choice = choose_backend(NIC, kernel)
    assert str(choice) == "legacy: this user may not open /dev/iommu, but /dev/vfio/10"
    pyvfio.open_device(NIC, kernel=kernel).close()
    with pytest.raises(errors.PermissionDenied, match='KERNEL=="iommu"'):
        pyvfio.open_device(NIC, backend="iommufd", kernel=kernel)
    machine.closed = {CDEV, "/dev/vfio/10"}
    choice = choose_backend(NIC, kernel)
    assert str(choice) == f"iommufd: this user may not open {CDEV}, nor /dev/vfio/10"
    with pytest.raises(errors.PermissionDenied, match='SUBSYSTEM=="vfio-dev"'):
        pyvfio.open_device(NIC, kernel=kernel)


def test_a_device_without_a_file_of_its_own(kernel: FakeKernel, machine: Machine) -> None:
    machine.iommufd = True
    choice = choose_backend(DISK, kernel)
    assert choice.backend == "legacy"
    assert choice.reason.startswith(f"{DISK} has no file of its own (not bound to VFIO, or")
    with pytest.raises(errors.NotAvailable) as caught:
        pyvfio.open_device(DISK, backend="iommufd", kernel=kernel)
    assert caught.value.advice.startswith(
        f"{DISK} (driver nvme) is not bound to VFIO (pyvfio bind)"
    )


def test_backends_that_are_none(kernel: FakeKernel) -> None:
    with pytest.raises(ValueError, match="there are auto, iommufd, legacy and noiommu"):
        pyvfio.open_device(NIC, backend="vdpa", kernel=kernel)  # type: ignore[arg-type] # on purpose
    with Container(kernel) as container:
        with pytest.raises(ValueError, match="what is given as iommu is legacy"):
            pyvfio.open_device(NIC, iommu=container, backend="iommufd")
        pyvfio.open_device(NIC, iommu=container, backend="legacy")


def test_a_group_that_is_open(kernel: FakeKernel, machine: Machine) -> None:
    machine.iommufd = True
    with Container(kernel) as container:
        container.open_group(NIC_GROUP)
        machine.links["/proc/4711/fd/7"] = "/dev/vfio/10"
        machine.files["/proc/4711/comm"] = "qemu-system-x86\n"
        with pytest.raises(errors.DeviceBusy) as caught:
            pyvfio.open_device(NIC, kernel=kernel)
    assert caught.value.holders == ("4711 (qemu-system-x86)",)
    assert str(caught.value) == (
        f"VFIO_DEVICE_BIND_IOMMUFD(iommufd=/dev/iommu) on {CDEV}: Device or resource busy: the"
        " device's IOMMU group 10 is open in process 4711 (qemu-system-x86): a group and its"
        " devices' own files exclude each other"
    )


def test_a_device_that_is_open_by_itself(kernel: FakeKernel, machine: Machine) -> None:
    machine.iommufd = True
    with pyvfio.open_device(NIC, kernel=kernel):
        with pytest.raises(errors.DeviceBusy, match="by this process or by one that this user"):
            pyvfio.open_device(NIC, kernel=kernel)
        machine.links["/proc/self"] = "4711"
        machine.links["/proc/4711/fd/7"] = machine.links["/proc/4712/fd/7"] = CDEV
        machine.files["/proc/4711/comm"] = machine.files["/proc/4712/comm"] = "driver\n"
        with pytest.raises(errors.DeviceBusy) as caught:
            pyvfio.open_device(NIC, kernel=kernel)
        assert caught.value.holders == ("4712 (driver)",)
        assert (caught.value.errno, caught.value.call) == (errno.EINVAL, "VFIO_DEVICE_BIND_IOMMUFD")
        with pytest.raises(errors.DeviceBusy, match="open by itself, for an iommufd, in pro") as by:
            pyvfio.open_device(NIC, backend="legacy", kernel=kernel)
        assert by.value.holders == ("4711 (driver)", "4712 (driver)")


def test_a_group_that_the_host_has_a_part_of(kernel: FakeKernel, machine: Machine) -> None:
    machine.iommufd = True
    machine.functions[OTHER_TWIN].driver = "e1000e"
    with pytest.raises(errors.GroupNotViable) as caught:
        pyvfio.open_device(TWIN, kernel=kernel)
    assert (caught.value.group, caught.value.neighbours) == (12, {OTHER_TWIN: "e1000e"})
    assert caught.value.call == "VFIO_DEVICE_BIND_IOMMUFD"


def test_no_interrupt_remapping(kernel: FakeKernel, machine: Machine) -> None:
    machine.iommufd = True
    machine.interrupt_remapping = False
    with pytest.raises(
        errors.NoInterruptRemapping, match=r"unsafe_interrupts of the module iommuf"
    ):
        pyvfio.open_device(NIC, kernel=kernel)


def test_a_neighbour_that_is_bound_elsewhere(kernel: FakeKernel, machine: Machine) -> None:
    machine.iommufd = True
    with Iommufd(kernel) as one, Iommufd(kernel) as other:
        one.open_device(TWIN)
        with pytest.raises(errors.NoInterruptRemapping) as caught:
            other.open_device(OTHER_TWIN)
        assert caught.value.advice.startswith(f"{TWIN} of the same IOMMU group may be bound to")
        one.open_device(OTHER_TWIN)


def test_tokens_that_the_kernel_looks_at(kernel: FakeKernel, machine: Machine) -> None:
    machine.iommufd = machine.bind_tokens = True
    with pytest.raises(errors.PermissionDenied, match="wants the vf_token of its physical"):
        pyvfio.open_device(VIRTUAL, kernel=kernel)
    with pytest.raises(errors.PermissionDenied, match="is not the one"):
        pyvfio.open_device(VIRTUAL, vf_token=TOKEN[::-1], kernel=kernel)
    pyvfio.open_device(VIRTUAL, vf_token=TOKEN, kernel=kernel).close()
    with pytest.raises(errors.VfioError) as caught:
        pyvfio.open_device(NIC, vf_token=TOKEN, kernel=kernel)
    assert (caught.value.errno, type(caught.value)) == (errno.EINVAL, VfioError)
    assert "wants no vf_token" in caught.value.advice
    with pytest.raises(errors.VfioError, match="the vf_token 'secret' is no UUID"):
        pyvfio.open_device(VIRTUAL, vf_token="secret", kernel=kernel)  # noqa: S106 (it is none)


def test_tokens_that_an_older_kernel_does_not_know(kernel: FakeKernel, machine: Machine) -> None:
    machine.iommufd = True
    for token in (None, TOKEN):
        pyvfio.open_device(VIRTUAL, vf_token=token, kernel=kernel).close()
    assert kernel.calls.count("VFIO_DEVICE_BIND_IOMMUFD") == 1 + 3
    with pyvfio.open_device(VIRTUAL, kernel=kernel), pytest.raises(errors.DeviceBusy):
        pyvfio.open_device(VIRTUAL, vf_token=TOKEN, kernel=kernel)


def without_iommu(machine: Machine) -> None:
    machine.functions[EDU].iommu = False
    machine.functions[EDU].group = 40


def test_a_device_without_an_iommu(kernel: FakeKernel, machine: Machine) -> None:
    without_iommu(machine)
    machine.noiommu = True
    with pyvfio.open_device(EDU, backend="noiommu", kernel=kernel) as device:
        assert isinstance(device.iommu, NoIommu)
        assert device.iommu.kind == "noiommu"
        device.bar(0).write32(0, 7)
        assert device.bar(0).read32(0) == 7
        with device.msi.enable() as (vector,):
            device.msi.trigger(0)
            assert vector.wait(1.0) == 1
        for use in (
            lambda: device.dma.allocate(4096),
            lambda: device.iommu.map_dma(1 << 40, 0, 4096, read=True, write=True),
        ):
            with pytest.raises(errors.NotAvailable, match="there is no IOMMU that translates"):
                use()
        assert device.iommu.page_size() == 4096
        assert device.iommu.unmap_dma(0, 4096) == device.iommu.unmap_all_dma() == 0
    assert not [each for each in kernel.calls if each == "write"]


def test_no_device_is_had_without_an_iommu_by_itself(kernel: FakeKernel, machine: Machine) -> None:
    without_iommu(machine)
    with pytest.raises(errors.NotAvailable, match="in no IOMMU group"):
        pyvfio.open_device(EDU, kernel=kernel)
    machine.noiommu = True
    with pytest.raises(errors.NotAvailable, match="noiommu"):
        pyvfio.open_device(EDU, kernel=kernel)
    with pytest.raises(errors.NotAvailable, match="noiommu"):
        choose_backend(EDU, kernel)


@pytest.mark.parametrize(
    ("allowed", "advice"),
    [
        (None, r"has no such mode \(CONFIG_VFIO_NOIOMMU\), or the module vfio is not loaded"),
        (False, f"root writes 1 to {SWITCH}, and then binds {EDU} to vfio-pci anew"),
    ],
)
def test_what_the_administrator_must_do(
    kernel: FakeKernel, machine: Machine, allowed: bool | None, advice: str
) -> None:
    without_iommu(machine)
    machine.noiommu = allowed
    with pytest.raises(errors.NotAvailable, match=advice):
        pyvfio.open_device(EDU, backend="noiommu", kernel=kernel)
    assert "write" not in kernel.calls


def test_what_was_bound_before(kernel: FakeKernel, machine: Machine) -> None:
    without_iommu(machine)
    machine.noiommu = True
    machine.functions[EDU].driver = None
    with pytest.raises(errors.NotAvailable, match="bind it to vfio-pci anew"):
        pyvfio.open_device(EDU, backend="noiommu", kernel=kernel)


def test_a_device_that_has_an_iommu(kernel: FakeKernel) -> None:
    with pytest.raises(errors.NotAvailable, match=f"{NIC} has an IOMMU, in whose group 10"):
        pyvfio.open_device(NIC, backend="noiommu", kernel=kernel)


def test_raw_io_is_for_the_privileged(kernel: FakeKernel, machine: Machine) -> None:
    without_iommu(machine)
    machine.noiommu = True
    machine.raw_io = False
    with pytest.raises(errors.PermissionDenied, match="who have CAP_SYS_RAWIO"):
        pyvfio.open_device(EDU, backend="noiommu", kernel=kernel)


def test_a_mediated_device_has_a_group_of_that_name_too(
    kernel: FakeKernel, machine: Machine
) -> None:
    machine.files["/sys/kernel/iommu_groups/10/name"] = "vfio-noiommu\n"
    assert choose_backend(NIC, kernel).backend != "noiommu"
    pyvfio.open_device(NIC, kernel=kernel).close()
