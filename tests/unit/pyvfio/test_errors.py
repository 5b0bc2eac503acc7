# SPDX-License-Identifier: GPL-2.0-or-later
"""Errors tell the call, of what, with what, and what to do."""

from __future__ import annotations

import errno
import mmap
import pickle

import pytest

import pyvfio
from pyvfio import Container, errors
from pyvfio.errors import VfioError
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


def failing(kernel: FakeKernel, step: str, code: int, where: str = NIC) -> VfioError:
    """Return what opening a device raises if a call fails."""
    with pyvfio.open_device(where, kernel=kernel):
        number = kernel.calls.index(step) + 1
    kernel.calls.clear()
    kernel.fail_at, kernel.fail_with = number, code
    with pytest.raises(VfioError) as caught:
        pyvfio.open_device(where, kernel=kernel)
    return caught.value


def test_a_message_tells_the_call_its_arguments_and_its_file(kernel: FakeKernel) -> None:
    error = failing(kernel, "VFIO_GROUP_GET_DEVICE_FD", errno.EIO)
    assert str(error) == (
        "VFIO_GROUP_GET_DEVICE_FD(name=0000:01:00.0) on /dev/vfio/10: Input/output error"
    )
    assert (error.errno, error.strerror) == (errno.EIO, "Input/output error")
    assert error.filename == error.path == "/dev/vfio/10"
    assert isinstance(error.__cause__, OSError)


def test_an_error_crosses_processes() -> None:
    error = VfioError(errno.ENOMEM, "call", "path", {"size": 1}, "advice")
    refined = error.refined(errors.MemlockExceeded, "less", limit=5, locked=3)
    again = pickle.loads(pickle.dumps(refined))  # noqa: S301 (made a moment ago)
    assert type(again) is errors.MemlockExceeded
    assert str(again) == str(refined) == "call(size=1) on path: Cannot allocate memory: less"
    assert (again.limit, again.locked) == (5, 3)


def test_no_vfio(kernel: FakeKernel, machine: Machine) -> None:
    machine.loaded.clear()
    with pytest.raises(errors.NotAvailable) as caught:
        Container(kernel)
    assert str(caught.value) == (
        "open on /dev/vfio/vfio: No such file or directory: VFIO is not there: load the module"
        " vfio-pci (modprobe)"
    )


@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM])
def test_no_permission(kernel: FakeKernel, code: int) -> None:
    kernel.fail_with = code
    kernel.fail_at = 1
    with pytest.raises(PermissionError, match="this user may not open /dev/vfio/vfio") as caught:
        Container(kernel)
    assert isinstance(caught.value, errors.PermissionDenied)
    kernel.calls.clear()
    kernel.fail_at = 3
    with Container(kernel) as container, pytest.raises(errors.PermissionDenied) as denied:
        container.open_group(NIC_GROUP)
    assert denied.value.advice == (
        "this user may not open /dev/vfio/10: give it to them (chown, or a udev rule for"
        ' SUBSYSTEM=="vfio")'
    )


def test_another_version_of_vfio(kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyvfio.uapi.container.VFIO_API_VERSION", 1)
    with pytest.raises(VfioError, match="the kernel speaks version 0 of VFIO, this package 1"):
        Container(kernel)


def test_a_device_that_is_not_there(kernel: FakeKernel) -> None:
    with pytest.raises(errors.NotAvailable, match="there is no such device"):
        pyvfio.open_device("0000:77:00.0", kernel=kernel)
    with pytest.raises(ValueError, match="'0000:77:00' is no PCI address"):
        pyvfio.open_device("0000:77:00", kernel=kernel)


def test_a_device_that_is_in_no_group(kernel: FakeKernel, machine: Machine) -> None:
    machine.functions[EDU].group = -1
    with pytest.raises(errors.NotAvailable, match=r"in no IOMMU group.*intel_iommu=on"):
        pyvfio.open_device(EDU, kernel=kernel)


def test_a_device_that_is_not_bound(kernel: FakeKernel) -> None:
    with pytest.raises(errors.NotAvailable) as caught:
        pyvfio.open_device(DISK, kernel=kernel)
    assert str(caught.value) == (
        "open on /dev/vfio/11: No such file or directory: no device of group 11 is bound to"
        " vfio-pci; in it are 0000:02:00.0 (nvme). Bind them: pyvfio bind"
    )


def test_a_device_beside_one_that_is_bound(kernel: FakeKernel, machine: Machine) -> None:
    machine.functions[TWIN].driver = None
    with pytest.raises(errors.NotAvailable) as caught:
        pyvfio.open_device(TWIN, kernel=kernel)
    assert caught.value.advice == (
        "0000:04:00.0 is not bound to VFIO, or not in the group, which holds 0000:04:00.0,"
        " 0000:04:00.1"
    )


def test_a_group_that_the_host_has_a_part_of(kernel: FakeKernel, machine: Machine) -> None:
    machine.functions[OTHER_TWIN].driver = "e1000e"
    with pytest.raises(errors.GroupNotViable) as caught:
        pyvfio.open_device(TWIN, kernel=kernel)
    error = caught.value
    assert (error.errno, error.group) == (errno.EPERM, 12)
    assert error.neighbours == {OTHER_TWIN: "e1000e"}
    assert str(error) == (
        "VFIO_GROUP_GET_STATUS(container=/dev/vfio/vfio) on /dev/vfio/12: Operation not"
        " permitted: group 12 is not viable, since the host drives 0000:04:00.1 (e1000e). Bind all"
        " of the group to vfio-pci, or to no driver: pyvfio bind"
    )


def test_a_group_that_stops_being_viable_meanwhile(kernel: FakeKernel) -> None:
    error = failing(kernel, "VFIO_GROUP_SET_CONTAINER", errno.EPERM)
    assert isinstance(error, errors.GroupNotViable)
    assert "since the host drives one of 0000:01:00.0" in error.advice


def test_a_group_that_somebody_has(kernel: FakeKernel, machine: Machine) -> None:
    with pyvfio.open_device(NIC, kernel=kernel):
        machine.links["/proc/4711/fd/7"] = "/dev/vfio/10"
        machine.links["/proc/4712/fd/7"] = "/dev/vfio/11"
        machine.links["/proc/self/fd/7"] = "/dev/vfio/10"
        machine.files["/proc/4711/comm"] = "qemu-system-x86\n"
        with pytest.raises(errors.DeviceBusy) as caught:
            pyvfio.open_device(NIC, kernel=kernel)
        assert caught.value.holders == ("4711 (qemu-system-x86)",)
        assert str(caught.value) == (
            "open on /dev/vfio/10: Device or resource busy: the group is open in process 4711"
            " (qemu-system-x86)"
        )
        machine.links.clear()
        machine.files.clear()
        with pytest.raises(errors.DeviceBusy, match="somebody has the group open, whom this user"):
            pyvfio.open_device(NIC, kernel=kernel)


def test_no_interrupt_remapping(kernel: FakeKernel, machine: Machine) -> None:
    machine.interrupt_remapping = False
    with pytest.raises(errors.NoInterruptRemapping, match="allow_unsafe_interrupts") as caught:
        pyvfio.open_device(NIC, kernel=kernel)
    assert caught.value.call == "VFIO_SET_IOMMU"
    assert caught.value.arguments == {"type": "VFIO_TYPE1v2_IOMMU"}


def test_no_type1(kernel: FakeKernel) -> None:
    error = failing(kernel, "VFIO_SET_IOMMU", errno.ENODEV)
    assert isinstance(error, errors.NotAvailable)
    assert error.advice == "the module vfio_iommu_type1 is not loaded"


def test_a_virtual_function_wants_its_token(kernel: FakeKernel) -> None:
    with pytest.raises(errors.PermissionDenied, match="wants the vf_token of its physical"):
        pyvfio.open_device(VIRTUAL, kernel=kernel)
    with pytest.raises(errors.PermissionDenied, match="is not the one"):
        pyvfio.open_device(VIRTUAL, vf_token=TOKEN[::-1], kernel=kernel)
    pyvfio.open_device(VIRTUAL, vf_token=TOKEN, kernel=kernel).close()


def test_more_than_may_be_pinned(kernel: FakeKernel, machine: Machine) -> None:
    machine.memlock = 1 << 16
    machine.files["/proc/self/status"] = "VmPeak:\t 9 kB\nVmLck:\t      32 kB\n"
    with pyvfio.open_device(NIC, kernel=kernel) as device:
        device.dma.allocate(1 << 15)
        with pytest.raises(errors.MemlockExceeded) as caught:
            device.dma.allocate((1 << 15) + 1)
        error = caught.value
        assert (error.errno, error.limit, error.locked) == (errno.ENOMEM, 1 << 16, 1 << 15)
        assert error.advice == (
            "36864 bytes are to be pinned, 32768 are locked, and RLIMIT_MEMLOCK is 65536. Raise it"
            " (ulimit -l, LimitMEMLOCK= of systemd, limits.conf), or map less"
        )
        assert (error.call, error.path) == ("VFIO_IOMMU_MAP_DMA", "/dev/vfio/vfio")
        assert error.arguments["size"] == 36864


def test_no_memory_without_a_limit_is_left_as_it_is(kernel: FakeKernel) -> None:
    with pyvfio.open_device(NIC, kernel=kernel) as device:
        device.dma.addresses  # noqa: B018 (so that the next calls are mmap and MAP_DMA)
        kernel.calls.clear()
        kernel.fail_at, kernel.fail_with = 2, errno.ENOMEM
        with pytest.raises(VfioError) as caught:
            device.dma.allocate(4096)
        assert type(caught.value) is VfioError


def test_dma_where_none_can_be(kernel: FakeKernel) -> None:
    memory = mmap.mmap(-1, 8192)
    with pyvfio.open_device(NIC, kernel=kernel) as device:
        for iova in (0xFEE00000, 1 << 39, (1 << 39) - 4096):
            with pytest.raises(errors.IovaOutOfRange) as caught:
                device.dma.map(memory, iova=iova)
            assert caught.value.ranges == device.iommu.iova_ranges()
            assert caught.value.advice == (
                "the IOMMU translates 0x0-0xfedfffff, 0xfef00000-0x7fffffffff"
            )
        with device.dma.map(memory, iova=0), pytest.raises(errors.DmaOverlap):
            device.dma.map(memory, iova=4096)


@pytest.mark.parametrize(
    ("vaddr", "iova", "size", "kind", "advice"),
    [
        (1 << 40, 0xFEE00000, 4096, errors.IovaOutOfRange, "translates 0x0-0xfedfffff"),
        (1 << 40, 0x10, 4096, errors.Misaligned, "multiples of 4096"),
        (1 << 40, 0, 0, errors.Misaligned, "size not 0"),
        ((1 << 40) + 1, 0, 4096, errors.Misaligned, "multiples of 4096"),
        (0, 0, 4096, VfioError, "the process has no memory at vaddr"),
        (1 << 40, 0x2000, 4096, errors.DmaOverlap, "mapped already"),
        (1 << 40, 0x4000, 4096, VfioError, "dma_entry_limit"),
    ],
)
def test_the_kernels_refusals_are_explained(
    kernel: FakeKernel,
    machine: Machine,
    vaddr: int,
    iova: int,
    size: int,
    kind: type[VfioError],
    advice: str,
) -> None:
    with pyvfio.open_device(NIC, kernel=kernel) as device:
        device.iommu.map_dma(1 << 40, 0x2000, 0x1000, read=True, write=False)
        machine.entries = 1
        with pytest.raises(VfioError, match=advice) as caught:
            device.iommu.map_dma(vaddr, iova, size, read=True, write=True)
        assert type(caught.value) is kind
        assert caught.value.call == "VFIO_IOMMU_MAP_DMA"
        assert device.iommu.unmap_dma(0, 0x10000) == 0x1000


def test_a_read_that_the_device_does_not_answer(kernel: FakeKernel) -> None:
    with pyvfio.open_device(NIC, kernel=kernel) as device:
        bar = device.bar(0)
        kernel.calls.clear()
        kernel.fail_at = 1
        with pytest.raises(VfioError) as caught:
            bar.read32(0x10)
        assert str(caught.value) == (
            "pread(region=0, offset=16, size=4) on 0000:01:00.0: Input/output error: the device"
            " does not decode memory or I/O: its command register has them off"
        )


def test_a_device_that_cannot_be_reset(kernel: FakeKernel) -> None:
    with pyvfio.open_device(EDU, kernel=kernel) as device:
        with pytest.raises(errors.ResetUnsupported, match="try a hot reset of its bus"):
            device.reset()
        with pytest.raises(errors.ResetUnsupported, match="the device is on a root bus"):
            device.hot_reset()


def test_a_hot_reset_that_others_would_feel(kernel: FakeKernel, machine: Machine) -> None:
    machine.functions[OTHER_TWIN].group = 20
    with Container(kernel) as container:
        device = container.open_device(TWIN)
        with pytest.raises(errors.HotResetBlocked) as caught:
            device.hot_reset()
        assert [str(each) for each in caught.value.blockers] == [OTHER_TWIN]
        assert (
            "open all of them with the same Container, or the same Iommufd" in caught.value.advice
        )
        container.open_group(20)
        assert [each.group for each in device.hot_reset().affected] == [12, 20]
        assert [machine.functions[each].resets for each in (TWIN, OTHER_TWIN)] == [1, 1]


def test_a_hot_reset_of_one_without_a_driver(kernel: FakeKernel, machine: Machine) -> None:
    with pyvfio.open_device(TWIN, kernel=kernel) as device:
        machine.functions[OTHER_TWIN].driver = None
        with pytest.raises(errors.HotResetBlocked, match=r"04:00\.1 must be bound to vfio-pci too"):
            device.hot_reset()
        kernel.calls.clear()
        kernel.fail_at, kernel.fail_with = 3, errno.ENOTTY
        with pytest.raises(errors.ResetUnsupported, match="did not bring its link up"):
            device.hot_reset()
