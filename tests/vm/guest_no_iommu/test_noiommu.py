# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices that no IOMMU keeps from memory: had when asked for by name, and when root allows it."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

import pyvfio
from pyvfio import Kernel, NoIommu, VfioError, errors
from pyvfio.opening import Backend
from pyvfio.uapi import container as uapi
from tests.unit.pyvfio import noiommu_questions
from tests.vm.guest import binding, devices
from tests.vm.guest.edu import driven
from tests.vm.guest.forked import USER, become_user, forked
from tests.vm.guest.refusal import refused

SWITCH = Path("/sys/module/vfio/parameters/enable_unsafe_noiommu_mode")
TAINTED_BY_USER = 1 << 6

PAGE = 4096
ANSWERS = "noiommu_answers.json"


@pytest.fixture
def address() -> Iterator[str]:
    """The address of an edu, which nobody has allowed to be used."""
    assert SWITCH.read_text() == "N\n"
    yield devices.address("edu")
    assert SWITCH.read_text() == "N\n"


@pytest.fixture
def allowed(address: str) -> Iterator[str]:
    """The address of an edu that the administrator has given away for use without an IOMMU."""
    SWITCH.write_text("Y\n")
    binding.give(address, binding.VFIO)
    yield address
    binding.give(address, None)
    SWITCH.write_text("N\n")


def group_file(address: str) -> str:
    """The file of its group."""
    return f"/dev/vfio/noiommu-{binding.group(address)}"


# Not allowed


def test_vfio_does_not_take_it(address: str) -> None:
    with pytest.raises(OSError, match="it has None"):
        binding.give(address, binding.VFIO)
    with pytest.raises(VfioError):
        pyvfio.bind(address)
    assert SWITCH.read_text() == "N\n"


@pytest.mark.parametrize("backend", ["auto", "legacy", "iommufd"])
def test_there_is_no_other_way(address: str, backend: Backend) -> None:
    with pytest.raises(errors.NotAvailable):
        pyvfio.open_device(address, backend=backend)
    assert SWITCH.read_text() == "N\n"


def test_it_is_not_allowed_for_the_asking(address: str) -> None:
    """What to do is told, and not done."""
    with pytest.raises(errors.NotAvailable, match=str(SWITCH)) as error:
        pyvfio.open_device(address, backend="noiommu")
    assert "the mode is off" in str(error.value)
    assert "all memory of the machine" in str(error.value)
    assert SWITCH.read_text() == "N\n"


# Allowed


def test_it_must_be_asked_for_by_name(allowed: str) -> None:
    alone = 'backend="noiommu" alone'
    with pytest.raises(errors.NotAvailable, match=alone):
        pyvfio.choose_backend(allowed)
    with pytest.raises(errors.NotAvailable, match=alone):
        pyvfio.open_device(allowed)
    for backend in ("legacy", "iommufd"):
        with pytest.raises(VfioError):
            pyvfio.open_device(allowed, backend=backend)


def test_registers_and_interrupts_are_as_everywhere(allowed: str) -> None:
    with pyvfio.open_device(allowed, backend="noiommu") as device:
        assert device.iommu.kind == "noiommu"
        with driven(device) as edu:
            assert edu.factorial(6) == 720
            with device.msi.enable() as (vector,):
                edu.interrupt()
                assert vector.wait(5) == 1
                edu.acknowledge()
            device.reset()
            assert edu.factorial(5) == 120


def test_nothing_is_mapped(allowed: str) -> None:
    with pyvfio.open_device(allowed, backend="noiommu") as device:
        with pytest.raises(errors.NotAvailable, match="no IOMMU that translates"):
            device.dma.allocate(PAGE)
        with pytest.raises(errors.NotAvailable, match="no IOMMU that translates"):
            device.iommu.iova_ranges()


def test_what_the_kernel_says(allowed: str) -> None:
    with NoIommu() as container:
        assert container.check_extension(uapi.VFIO_NOIOMMU_IOMMU) == 1
        container.open_device(allowed)
        (group,) = container.groups.values()
        assert group.path == group_file(allowed)
        mapping = uapi.vfio_iommu_type1_dma_map.sized(
            flags=uapi.VFIO_DMA_MAP_FLAG_READ, vaddr=0x10000, iova=0x10000, size=PAGE
        )
        with refused(errno.ENOTTY):
            container.handle.ioctl(uapi.VFIO_IOMMU_MAP_DMA, mapping)


def test_the_stored_answers_are_true() -> None:
    """The made-up kernel of the unit tests is held to them."""
    stored = json.loads(Path(noiommu_questions.__file__).with_name(ANSWERS).read_text())
    address = devices.address("e1000e")
    SWITCH.write_text("Y\n")
    binding.give(address, binding.VFIO)
    try:
        assert noiommu_questions.answers(Kernel(), address) == stored["answers"]
    finally:
        binding.give(address, None)
        SWITCH.write_text("N\n")


@pytest.mark.parametrize("kind", [uapi.VFIO_TYPE1_IOMMU, uapi.VFIO_TYPE1v2_IOMMU])
def test_it_is_no_other_kind(allowed: str, kind: int) -> None:
    with NoIommu() as container, pyvfio.Group(container, binding.group(allowed)) as group:
        group.set_container()
        assert container.check_extension(kind) == 0
        with refused(errno.ENODEV):
            container.handle.ioctl(uapi.VFIO_SET_IOMMU, kind)
        assert container.handle.ioctl(uapi.VFIO_SET_IOMMU, uapi.VFIO_NOIOMMU_IOMMU) == 0


def test_it_has_no_file_of_its_own(allowed: str) -> None:
    sysfs = pyvfio.Sysfs()
    assert sysfs.cdev(sysfs.place(allowed)) is None
    assert not Path("/dev/vfio/devices").exists()


def test_the_kernel_counts_as_tainted(allowed: str) -> None:
    pyvfio.open_device(allowed, backend="noiommu").close()
    assert int(Path("/proc/sys/kernel/tainted").read_text()) & TAINTED_BY_USER


def test_it_is_for_those_who_may_reach_all_memory(allowed: str) -> None:
    """Having been given the file is not enough."""

    def trying() -> Generator[None]:
        become_user()
        pyvfio.open_device(allowed, backend="noiommu")
        yield

    os.chown(group_file(allowed), USER, USER)
    with (
        forked(trying) as child,
        pytest.raises(errors.PermissionDenied, match="CAP_SYS_RAWIO") as error,
    ):
        child.value()
    assert error.value.errno == errno.EPERM


def test_it_is_open_once(allowed: str) -> None:
    with (
        pyvfio.open_device(allowed, backend="noiommu"),
        pytest.raises(errors.DeviceBusy) as error,
    ):
        pyvfio.open_device(allowed, backend="noiommu")
    assert error.value.errno == errno.EBUSY


def test_it_is_not_taken_away_while_it_is_open(allowed: str) -> None:
    with pyvfio.open_device(allowed, backend="noiommu"), pytest.raises(errors.DeviceBusy):
        pyvfio.unbind(allowed)


def test_it_leaves_with_the_driver(allowed: str) -> None:
    """The group is VFIO's own, and no one is left who could ask for the device."""
    file = group_file(allowed)
    assert Path(file).exists()
    pyvfio.unbind(allowed)
    assert not Path(file).exists()
    with pytest.raises(errors.NotAvailable, match="was bound before that, or is not bound"):
        pyvfio.open_device(allowed, backend="noiommu")
