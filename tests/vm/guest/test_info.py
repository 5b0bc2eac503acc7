# SPDX-License-Identifier: GPL-2.0-or-later
"""What the kernel tells of devices, their regions and their interrupts."""

from __future__ import annotations

import errno

import pytest

from pyvfio import Device, VfioError
from pyvfio.uapi import device as dev
from pyvfio.uapi import pci
from tests.vm.guest import devices
from tests.vm.guest.backends import Opener

MIB, KIB = 1 << 20, 1 << 10
CONVENTIONAL, EXPRESS = 0x100, 0x1000  # bytes of configuration space

# Offset of a region in the device's descriptor.
SHIFT = 40

BARS = {
    "edu": {0: MIB},
    "nvme": {0: 16 * KIB},
    # The third is of I/O ports, which cannot be mapped.
    "e1000e": {0: 128 * KIB, 1: 128 * KIB, 2: 32, 3: 16 * KIB},
}
WITH_MSIX_TABLE = {("nvme", 0), ("e1000e", 3)}
RESETTABLE = {"nvme", "e1000e", "edu"}

EVENTFD, MASKABLE = dev.VFIO_IRQ_INFO_EVENTFD, dev.VFIO_IRQ_INFO_MASKABLE
AUTOMASKED, NORESIZE = dev.VFIO_IRQ_INFO_AUTOMASKED, dev.VFIO_IRQ_INFO_NORESIZE


@pytest.mark.parametrize("name", devices.TESTED)
def test_device(name: str, open_device: Opener) -> None:
    with open_device(devices.address(name)) as device:
        info = device.info
        assert info.pci
        assert info.resettable == (name in RESETTABLE)
        assert (info.num_regions, info.num_irqs) == (
            pci.VFIO_PCI_NUM_REGIONS,
            pci.VFIO_PCI_NUM_IRQS,
        )
        assert info.capabilities == ()


@pytest.mark.parametrize("name", BARS)
def test_bars(name: str, open_device: Opener) -> None:
    with open_device(devices.address(name)) as device:
        for number in range(6):
            info = device.bar(number).info
            size = BARS[name].get(number, 0)
            assert info.size == size
            assert info.offset == number << SHIFT
            assert info.readable is info.writable is (size > 0)
            assert info.mappable is (size >= 4 * KIB)
            assert info.msix_mappable is ((name, number) in WITH_MSIX_TABLE)
            # This driver leaves no holes: it lets the page of the MSI-X table be mapped as well.
            assert info.sparse is None


@pytest.mark.parametrize(
    ("name", "size"), [("edu", CONVENTIONAL), ("nvme", EXPRESS), ("e1000e", EXPRESS)]
)
def test_configuration_space(name: str, size: int, open_device: Opener) -> None:
    with open_device(devices.address(name)) as device:
        info = device.config.info
        assert (info.size, info.offset) == (size, pci.VFIO_PCI_CONFIG_REGION_INDEX << SHIFT)
        assert info.readable
        assert info.writable
        assert not info.mappable


@pytest.mark.parametrize("name", BARS)
def test_there_is_no_rom(name: str, open_device: Opener) -> None:
    with open_device(devices.address(name)) as device:
        assert device.rom.size == 0


@pytest.mark.parametrize("index", [pci.VFIO_PCI_VGA_REGION_INDEX, pci.VFIO_PCI_NUM_REGIONS, 99])
def test_regions_that_are_not_there(device: Device, index: int) -> None:
    with pytest.raises(VfioError, match=f"index={index}") as error:
        device.region_info(index)
    assert error.value.errno == errno.EINVAL


@pytest.mark.parametrize(
    ("name", "intx", "msi", "msix", "err"),
    [
        ("edu-on-root-bus", 1, 1, 0, None),
        ("edu", 1, 1, 0, None),
        ("edu-in-a-pair", 1, 1, 0, None),
        ("nvme", 1, 0, 7, 1),
        ("e1000e", 1, 1, 5, 1),
    ],
)
def test_interrupts(
    name: str, intx: int, msi: int, msix: int, err: int | None, open_device: Opener
) -> None:
    with open_device(devices.address(name)) as device:
        pin = device.irq_info(pci.VFIO_PCI_INTX_IRQ_INDEX)
        assert (pin.count, pin.flags) == (intx, EVENTFD | MASKABLE | AUTOMASKED)
        messages = device.irq_info(pci.VFIO_PCI_MSI_IRQ_INDEX)
        assert (messages.count, messages.flags) == (msi, EVENTFD | NORESIZE)
        table = device.irq_info(pci.VFIO_PCI_MSIX_IRQ_INDEX)
        assert table.count == msix
        # Since Linux 6.10 vectors can be added while others are on.
        assert table.noresize is (msix == 0)
        request = device.irq_info(pci.VFIO_PCI_REQ_IRQ_INDEX)
        assert (request.count, request.eventfd) == (1, True)
        if err is not None:
            assert device.irq_info(pci.VFIO_PCI_ERR_IRQ_INDEX).count == err


@pytest.mark.parametrize("name", devices.EDUS)
def test_only_pci_express_reports_errors(name: str, open_device: Opener) -> None:
    with open_device(devices.address(name)) as device:
        with pytest.raises(VfioError) as error:
            device.irq_info(pci.VFIO_PCI_ERR_IRQ_INDEX)
        assert error.value.errno == errno.EINVAL


def test_interrupts_that_are_not_there(device: Device) -> None:
    with pytest.raises(VfioError) as error:
        device.irq_info(pci.VFIO_PCI_NUM_IRQS)
    assert error.value.errno == errno.EINVAL
