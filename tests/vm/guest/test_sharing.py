# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may have a device, one at a time; and what a process without privileges may do with it."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Generator, Iterator

import pytest

import pyvfio
from pyvfio import errors
from tests.vm.guest import binding, devices
from tests.vm.guest import edu as e
from tests.vm.guest.forked import USER, become_user, forked

KIB = 1 << 10
PAGE = 4 * KIB


def holding(name: str) -> Generator[str]:
    """Have a device open."""
    with pyvfio.open_device(devices.address(name)) as device:
        yield device.name


def test_a_group_is_open_once() -> None:
    with pyvfio.open_device(devices.address("edu")):
        with pytest.raises(errors.DeviceBusy, match=rf"open in process {os.getpid()} ") as error:
            pyvfio.open_device(devices.address("edu"))
        assert error.value.errno == errno.EBUSY


def test_another_process_has_it() -> None:
    with forked(lambda: holding("edu")) as child:
        child.value()
        with pytest.raises(errors.DeviceBusy, match=rf"open in process {child.pid} ") as error:
            pyvfio.open_device(devices.address("edu"))
        assert error.value.errno == errno.EBUSY
        assert any(str(child.pid) in holder for holder in error.value.holders)
        child.finish()
        pyvfio.open_device(devices.address("edu")).close()


def test_a_neighbour_in_the_group_goes_with_it() -> None:
    with forked(lambda: holding("edu-in-a-pair")) as child:
        child.value()
        with pytest.raises(errors.DeviceBusy):
            pyvfio.open_device(devices.address("e1000e-in-a-pair"))


def test_the_name_must_be_of_the_group() -> None:
    with pyvfio.Container() as container:
        group = container.open_group(binding.group(devices.address("edu")))
        with pytest.raises(errors.NotAvailable, match=devices.address("edu")) as error:
            group.open_device(devices.address("nvme"))
        assert error.value.errno == errno.ENODEV


def test_what_is_not_bound_is_not_there() -> None:
    address = devices.address("edu")
    with binding.given(address, None), pytest.raises(errors.NotAvailable, match="bind") as error:
        pyvfio.open_device(address)
    assert error.value.errno == errno.ENOENT


def test_a_mapping_keeps_the_device() -> None:
    """A slice of a view lives on, and with it the mapping, the device and its group."""
    device = pyvfio.open_device(devices.address("edu"))
    registers = device.bar(0).map()
    first = registers.u32[:1]
    with pytest.raises(errors.MappingInUse, match="stays busy"):
        device.close()
    with pytest.raises(errors.DeviceBusy, match="mapped still") as error:
        pyvfio.open_device(devices.address("edu"))
    assert error.value.errno == errno.EBUSY
    assert first[0] == e.ID
    first.release()
    registers.close()
    pyvfio.open_device(devices.address("edu")).close()


@pytest.fixture
def edu_of_user() -> Iterator[str]:
    """The address of an edu whose group a user without privileges may open."""
    address = devices.address("edu")
    path = f"/dev/vfio/{binding.group(address)}"
    os.chown(path, USER, USER)
    yield address
    os.chown(path, 0, 0)


def test_root_must_let_others_have_it() -> None:
    def trying() -> Generator[None]:
        become_user()
        pyvfio.open_device(devices.address("edu"))
        yield

    with forked(trying) as child, pytest.raises(errors.PermissionDenied, match="chown") as error:
        child.value()
    assert error.value.errno == errno.EACCES


def test_a_user_drives_a_device(edu_of_user: str) -> None:
    def driving() -> Generator[tuple[int, bytes]]:
        become_user()
        with (
            pyvfio.open_device(edu_of_user) as device,
            e.driven(device) as edu,
            device.msi.enable() as (vector,),
            device.dma.allocate(PAGE) as page,
        ):
            page.memory[:4] = b"mine"
            edu.send(page, 4)
            page.memory[:4] = bytes(4)
            edu.receive(page, 4, flags=e.DMA_IRQ_WHEN_DONE)
            yield vector.wait(5), bytes(page.memory[:4])

    with forked(driving) as child:
        assert child.value() == (1, b"mine")


def test_a_user_pins_no_more_than_allowed(edu_of_user: str) -> None:
    def pinning() -> Generator[None]:
        become_user()
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (64 * KIB, 64 * KIB))
        with pyvfio.open_device(edu_of_user) as device:
            device.dma.allocate(60 * KIB)
            device.dma.allocate(128 * KIB)
        yield

    with forked(pinning) as child:
        with pytest.raises(errors.MemlockExceeded, match="ulimit -l") as error:
            child.value()
        assert error.value.errno == errno.ENOMEM
        assert error.value.limit == 64 * KIB
    # Nothing of it stays behind.
    pyvfio.open_device(edu_of_user).close()
