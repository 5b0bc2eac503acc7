# SPDX-License-Identifier: GPL-2.0-or-later
"""A device from opening to closing, as a user goes through it."""

from __future__ import annotations

import pyvfio
from tests.unit.pyvfio.fake.kernel import FakeKernel
from tests.unit.pyvfio.fake.machines import EDU

BACKENDS = ("legacy", "iommufd")


def test_a_whole_session(kernel: FakeKernel) -> None:
    with pyvfio.open_device(EDU, kernel=kernel) as edu:
        assert edu.config.vendor_id == 0x1234
        edu.config.set_bus_master(True)
        assert edu.config.command & 4
        assert [each.name for each in edu.config.capabilities()] == ["power management", "MSI"]
        bar = edu.bar(0)
        bar.write32(0, 0x010000ED)
        with bar.map() as registers:
            assert registers.read32(0) == 0x010000ED
            registers.u32[2] = 720
            assert bar.read32(8) == 720
            with edu.intx.enable() as irq:
                edu.intx.trigger()
                assert irq.wait(5.0) == 1
                edu.intx.unmask()
            with edu.msi.enable() as vectors:
                edu.msi.trigger(0)
                assert vectors[0].wait(5.0) == 1
            with edu.dma.allocate(4096, below=1 << 28) as page:
                page.memory[:4] = b"spam"
                assert page.iova == 4096
