# SPDX-License-Identifier: GPL-2.0-or-later
"""What closing leaves, when somebody holds on to a part of it."""

from __future__ import annotations

import ctypes
import errno

import pytest

import pyvfio
from pyvfio import Container, errors
from tests.unit.pyvfio.fake.kernel import FakeKernel
from tests.unit.pyvfio.fake.machines import EDU, NIC, OTHER_TWIN, TWIN

BACKENDS = ("legacy", "iommufd")


def test_a_view_that_lives_on_is_reported_and_all_else_is_closed(kernel: FakeKernel) -> None:
    device = pyvfio.open_device(NIC, kernel=kernel)
    device.dma.allocate(4096)
    device.msix.enable(2)
    device.req.enable()
    mapped = device.bar(0).map()
    held = mapped.u32[4:8]
    with pytest.raises(errors.MappingInUse) as caught:
        device.close()
    assert caught.value.errno == errno.EBUSY
    assert (caught.value.call, caught.value.path) == ("munmap", NIC)
    assert caught.value.arguments == {"region": 0, "offset": 0, "size": 1 << 17}
    assert "the device stays busy" in str(caught.value)
    left = kernel.leaks()
    assert left.files == ()
    assert (left.mappings, left.memory, left.dma, left.irqs) == (1, 0, (), ())

    kernel.machine.files["/proc/self/maps"] = "7f00-7f20 rw-s 0 00:0e 1 anon_inode:[vfio-device]\n"
    with pytest.raises(errors.DeviceBusy, match="this process has a region of a device mapped"):
        pyvfio.open_device(NIC, kernel=kernel)
    held.release()
    mapped.close()
    pyvfio.open_device(NIC, kernel=kernel).close()


def test_a_ctypes_object_keeps_a_mapping_too(kernel: FakeKernel) -> None:
    device = pyvfio.open_device(EDU, kernel=kernel)
    mapped = device.bar(0).map()
    register = ctypes.c_uint32.from_buffer(mapped.u8)
    with pytest.raises(errors.MappingInUse):
        mapped.close()
    register.value = 7
    del register
    mapped.close()
    device.close()


def test_a_mapping_that_is_forgotten_is_unmapped_with_the_device(kernel: FakeKernel) -> None:
    with pyvfio.open_device(EDU, kernel=kernel) as device:
        mapped = device.bar(0).map()
        view = mapped.u32
    assert kernel.leaks().mappings == 0
    with pytest.raises(ValueError, match="released"):
        view[0]
    with pytest.raises(errors.Closed):
        mapped.read32(0)


def test_closing_twice_does_nothing(kernel: FakeKernel) -> None:
    container = Container(kernel)
    device = container.open_device(EDU)
    line = device.intx.enable()
    mapping = device.dma.allocate(4096)
    mapped = device.bar(0).map()
    for each in (mapped, line, device, container):
        each.close()
        asked = len(kernel.calls)
        each.close()
        assert len(kernel.calls) == asked
    mapping.unmap()
    assert not mapping.mapped


def test_what_is_closed_says_so(kernel: FakeKernel) -> None:
    device = pyvfio.open_device(EDU, kernel=kernel)
    bar = device.bar(0)
    device.close()
    assert device.closed
    for use in (device.fileno, device.reset, lambda: bar.read32(0), bar.map, device.intx.enable):
        with pytest.raises(errors.Closed, match="closed before"):
            use()


def test_a_group_closes_with_the_last_of_its_devices(kernel: FakeKernel) -> None:
    with Container(kernel) as container:
        first, second = container.open_device(TWIN), container.open_device(OTHER_TWIN)
        first.close()
        assert list(container.groups) == [12]
        second.close()
        assert container.groups == {}
        assert container.kind == ""
        group = container.open_group(12)
        group.open_device(TWIN).close()
        assert list(container.groups) == [12], "who opens a group closes it"


def test_mappings_go_with_the_last_group(kernel: FakeKernel) -> None:
    with Container(kernel) as container:
        device = container.open_device(EDU)
        mapping = device.dma.allocate(4096)
        device.close()
        assert not mapping.mapped
        assert container.dma.mappings == ()
        assert kernel.leaks().memory == 0
        with container.open_device(NIC) as other, other.dma.allocate(4096) as again:
            assert again.iova == mapping.iova


def test_memory_that_somebody_looks_at_outlives_its_mapping(kernel: FakeKernel) -> None:
    with pyvfio.open_device(EDU, kernel=kernel) as device:
        page = device.dma.allocate(4096)
        page.memory[:4] = b"spam"
        seen = page.memory[:4]
        page.unmap()
        assert kernel.leaks().dma == ()
        assert bytes(seen) == b"spam"
        with pytest.raises(ValueError, match="no memory"):
            page.memory  # noqa: B018 (looking is what fails)
        assert kernel.leaks().memory == 1
        del seen, page
        assert kernel.leaks().memory == 0
