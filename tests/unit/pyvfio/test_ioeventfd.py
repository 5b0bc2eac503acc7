# SPDX-License-Identifier: GPL-2.0-or-later
"""Eventfds that write to a register, and regions as dma-bufs."""

from __future__ import annotations

import errno
from collections.abc import Iterator

import pytest

import pyvfio
from pyvfio import Device, errors
from pyvfio.info import Area
from tests.unit.pyvfio.fake.kernel import FakeKernel
from tests.unit.pyvfio.fake.machine import Machine
from tests.unit.pyvfio.fake.machines import NIC


@pytest.fixture
def nic(kernel: FakeKernel) -> Iterator[Device]:
    with pyvfio.open_device(NIC, kernel=kernel) as device:
        yield device


def tied(kernel: FakeKernel) -> list[tuple[str, int]]:
    """Return what is written when something is signalled: BAR and width, and offset."""
    return [(name, place) for _who, name, place in kernel.leaks().irqs if "ioeventfd" in name]


@pytest.mark.parametrize("width", [1, 2, 4, 8])
def test_a_signal_is_a_write(width: int, nic: Device, kernel: FakeKernel) -> None:
    bar = nic.bar(0)
    bar.write64(0x40, 0)
    value = 0x1122334455667788 & (1 << 8 * width) - 1
    with bar.ioeventfd(0x40, width, value) as eventfd:
        assert tied(kernel) == [(f"ioeventfd 0 {width}", 0x40)]
        assert (eventfd.offset, eventfd.width, eventfd.value) == (0x40, width, value)
        eventfd.signal()
        kernel.devices[0].ioeventfds.run()
        assert bar.read64(0x40) == value
    assert tied(kernel) == []
    assert eventfd.closed


def test_values_tell_eventfds_apart(nic: Device, kernel: FakeKernel) -> None:
    bar = nic.bar(0)
    with bar.ioeventfd(0, 4, 1) as one, bar.ioeventfd(0, 4, 2):
        with pytest.raises(errors.VfioError, match="writes this value there already") as caught:
            bar.ioeventfd(0, 4, 1)
        assert caught.value.errno == errno.EEXIST
        one.signal()
        kernel.devices[0].ioeventfds.run()
        assert bar.read32(0) == 1
        one.close()
        bar.ioeventfd(0, 4, 1).close()
        one.close()
    assert tied(kernel) == []


def test_what_cannot_be_written(nic: Device) -> None:
    bar = nic.bar(0)
    for offset, width, value, why in (
        (2, 4, 0, "0x2"),
        (bar.size, 4, 0, "bytes at"),
        (0, 3, 0, "1, 2, 4 or 8 bytes wide"),
    ):
        with pytest.raises(ValueError, match=why):
            bar.ioeventfd(offset, width, value)
    with pytest.raises(OverflowError):
        bar.ioeventfd(0, 1, 256)
    with pytest.raises(errors.VfioError, match="BARs alone") as caught:
        nic.config.ioeventfd(0, 4, 0)
    assert caught.value.errno == errno.EINVAL
    with pytest.raises(errors.VfioError, match="not to the table of MSI-X; and"):
        nic.bar(3).ioeventfd(0, 8, 0)


def test_they_end_with_the_device(nic: Device, kernel: FakeKernel) -> None:
    eventfd = nic.bar(0).ioeventfd(0, 4, 1)
    nic.close()
    assert eventfd.closed
    assert not kernel.leaks()


def test_one_that_cannot_be_untied_stays(nic: Device, kernel: FakeKernel) -> None:
    eventfd = nic.bar(0).ioeventfd(0, 4, 1)
    kernel.calls.clear()
    kernel.fail_at = 1
    with pytest.raises(errors.VfioError):
        eventfd.close()
    assert not eventfd.closed
    assert tied(kernel) == [("ioeventfd 0 4", 0)]


def test_a_region_as_a_dma_buf(nic: Device, machine: Machine) -> None:
    bar = nic.bar(0)
    with pytest.raises(errors.NotAvailable, match=r"since Linux 6\.19") as caught:
        bar.export_dma_buf()
    assert caught.value.arguments == {
        "feature": "DMA_BUF",
        "op": "GET",
        "region": 0,
        "areas": [("0x0", "0x20000")],
    }
    machine.functions[NIC].extras.dma_buf = True
    kernel = nic.handle.kernel
    nic.close()
    with pyvfio.open_device(NIC, kernel=kernel) as newer:
        bar = newer.bar(0)
        with bar.export_dma_buf(0x1000, 0x2000) as exported:
            assert exported.fileno() > 0
            assert exported.areas == (Area(0x1000, 0x2000),)
            assert exported.path == "dma-buf of 0000:01:00.0 region 0"
        assert exported.closed
        with bar.export_dma_buf(0x1000) as exported:
            assert exported.areas == (Area(0x1000, 0x1F000),)
        with pytest.raises(errors.VfioError, match="in whole pages"):
            bar.export_dma_buf(0x10, 0x1000)
        for offset, size in ((0, 0), (0, 1 << 18), (1 << 17, None)):
            with pytest.raises(ValueError, match="bytes at"):
                bar.export_dma_buf(offset, size)
