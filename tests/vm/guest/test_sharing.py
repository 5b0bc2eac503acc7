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
from pyvfio.opening import Backend
from tests.vm.guest import binding, devices
from tests.vm.guest import edu as e
from tests.vm.guest.backends import Opener
from tests.vm.guest.forked import USER, become_user, forked

KIB = 1 << 10
PAGE = 4 * KIB

BUSY = {"legacy": errno.EBUSY, "iommufd": errno.EINVAL}
"""What the kernel says of what somebody has: of a group, and of a device that is bound."""


def holding(name: str, open_device: Opener = pyvfio.open_device) -> Generator[str]:
    """Have a device open."""
    with open_device(devices.address(name)) as device:
        yield device.name


def test_a_device_is_open_once(backend: Backend, open_device: Opener) -> None:
    with open_device(devices.address("edu")):
        with pytest.raises(errors.DeviceBusy) as error:
            open_device(devices.address("edu"))
        assert error.value.errno == BUSY[backend]


def test_another_process_has_it(backend: Backend, open_device: Opener) -> None:
    with forked(lambda: holding("edu", open_device)) as child:
        child.value()
        with pytest.raises(errors.DeviceBusy, match=rf"open in process {child.pid} ") as error:
            open_device(devices.address("edu"))
        assert error.value.errno == BUSY[backend]
        assert any(str(child.pid) in holder for holder in error.value.holders)
        child.finish()
        open_device(devices.address("edu")).close()


REFUSED = {
    "legacy": (errors.DeviceBusy, "open in process"),
    # The same word as for an IOMMU that does not remap interrupts; the text has both.
    "iommufd": (errors.NoInterruptRemapping, "may be bound to another iommufd"),
}


def test_a_neighbour_in_the_group_goes_with_it(backend: Backend, open_device: Opener) -> None:
    kind, text = REFUSED[backend]
    with forked(lambda: holding("edu-in-a-pair", open_device)) as child:
        child.value()
        with pytest.raises(kind, match=text):
            open_device(devices.address("e1000e-in-a-pair"))


def test_what_is_not_bound_is_not_there(open_device: Opener) -> None:
    address = devices.address("edu")
    with binding.given(address, None), pytest.raises(errors.NotAvailable, match="bind") as error:
        open_device(address)
    assert error.value.errno == errno.ENOENT


def test_a_mapping_keeps_the_device(backend: Backend, open_device: Opener) -> None:
    """A slice of a view lives on, and with it the mapping, the device and its group."""
    device = open_device(devices.address("edu"))
    registers = device.bar(0).map()
    first = registers.u32[:1]
    with pytest.raises(errors.MappingInUse, match="stays busy"):
        device.close()
    with pytest.raises(errors.DeviceBusy, match="mapped still") as error:
        open_device(devices.address("edu"))
    assert error.value.errno == BUSY[backend]
    assert first[0] == e.ID
    first.release()
    registers.close()
    open_device(devices.address("edu")).close()


@pytest.fixture
def edu_of_user(backend: Backend) -> Iterator[str]:
    """The address of an edu that a user without privileges may open."""
    address = devices.address("edu")
    group = [f"/dev/vfio/{binding.group(address)}"]
    paths = group if backend == "legacy" else ["/dev/iommu", binding.cdev(address)]
    for path in paths:
        os.chown(path, USER, USER)
    yield address
    for path in paths:
        os.chown(path, 0, 0)


def test_root_must_let_others_have_it(open_device: Opener) -> None:
    def trying() -> Generator[None]:
        become_user()
        open_device(devices.address("edu"))
        yield

    with forked(trying) as child, pytest.raises(errors.PermissionDenied, match="chown") as error:
        child.value()
    assert error.value.errno == errno.EACCES


def test_a_user_drives_a_device(edu_of_user: str, open_device: Opener) -> None:
    def driving() -> Generator[tuple[int, bytes]]:
        become_user()
        with (
            open_device(edu_of_user) as device,
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


def test_a_user_pins_no_more_than_allowed(edu_of_user: str, open_device: Opener) -> None:
    def pinning() -> Generator[None]:
        become_user()
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (64 * KIB, 64 * KIB))
        with open_device(edu_of_user) as device:
            device.dma.allocate(60 * KIB)
            device.dma.allocate(128 * KIB)
        yield

    with forked(pinning) as child:
        with pytest.raises(errors.MemlockExceeded, match="ulimit -l") as error:
            child.value()
        assert error.value.errno == errno.ENOMEM
        assert error.value.limit == 64 * KIB
    # Nothing of it stays behind.
    open_device(edu_of_user).close()
