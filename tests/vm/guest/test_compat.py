# SPDX-License-Identifier: GPL-2.0-or-later
"""An iommufd that takes a container's place: programs for groups run on it as they are."""

from __future__ import annotations

from pyvfio import Container
from tests.vm.guest import devices
from tests.vm.guest.edu import driven

SIZE = 4096


def test_an_iommufd_is_a_container() -> None:
    with (
        Container(path="/dev/iommu") as container,
        container.open_device(devices.address("edu")) as device,
        driven(device) as edu,
        device.msi.enable() as (vector,),
        device.dma.allocate(SIZE) as page,
    ):
        page.memory[:5] = b"there"
        edu.send(page, 5)
        page.memory[:5] = bytes(5)
        edu.receive(page, 5)
        assert bytes(page.memory[:5]) == b"there"
        edu.interrupt()
        assert vector.wait(5) == 1
        edu.acknowledge()
