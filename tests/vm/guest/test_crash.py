# SPDX-License-Identifier: GPL-2.0-or-later
"""A process that dies with a device in full use leaves it as good as new, ten times in a row."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.vm.guest import devices, e1000e
from tests.vm.guest import edu as e
from tests.vm.guest import nvme as n
from tests.vm.guest.backends import Opener
from tests.vm.guest.forked import forked

PAGE = 4096


def use_edu(name: str, open_device: Opener) -> Generator[int]:
    """Have memory mapped, an interrupt on, and a transfer on its way."""
    with (
        open_device(devices.address(name)) as device,
        e.driven(device) as edu,
        device.msi.enable() as (vector,),
        device.dma.allocate(PAGE, below=e.REACH) as page,
    ):
        page.memory[:4] = b"spam"
        edu.send(page, 4, flags=e.DMA_IRQ_WHEN_DONE)
        assert vector.wait(5) == 1
        edu.acknowledge()
        page.memory[:4] = bytes(4)
        edu.receive(page, 4)
        assert bytes(page.memory[:4]) == b"spam"
        edu.registers.write64(e.REG_DMA_COMMAND, e.DMA_RUN | e.DMA_FROM_DEVICE)
        yield page.iova


def use_nvme(name: str, open_device: Opener) -> Generator[int]:
    """Have all vectors on and the controller running."""
    with (
        open_device(devices.address(name)) as device,
        device.msix.enable(device.msix.count) as vectors,
        n.driven(device, vectors[0]) as controller,
    ):
        controller.write(0, b"spam" * 128)
        assert controller.read(0) == b"spam" * 128
        yield controller.mapping.iova


def use_e1000e(name: str, open_device: Opener) -> Generator[int]:
    """Have all vectors on, and rings that the device knows."""
    with open_device(devices.address(name)) as device, e1000e.driven(device) as nic:
        nic.registers.write32(e1000e.REG_VECTORS, e1000e.VECTORS)
        with device.msix.enable(5) as vectors, device.dma.allocate(4 * PAGE) as memory:
            nic.interrupt(e1000e.CAUSES_OF_VECTORS[2])
            assert vectors[2].wait(5) == 1
            nic.quiet()
            assert nic.loop(nic.address() * 2 + b"\x88\xb5" + bytes(46), memory)
            yield memory.iova


USES = {"edu-on-root-bus": use_edu, "edu": use_edu, "nvme": use_nvme, "e1000e": use_e1000e}


@pytest.mark.parametrize("name", USES)
def test_killed_and_usable_at_once(name: str, open_device: Opener) -> None:
    for _ in range(10):
        with forked(lambda: USES[name](name, open_device)) as child:
            child.value()
            child.kill()
    for _ in USES[name](name, open_device):
        pass
