# SPDX-License-Identifier: GPL-2.0-or-later
"""Configuration space, as the kernel lets it be seen and changed."""

from __future__ import annotations

import pytest

from pyvfio import Device, errors
from tests.vm.guest import devices
from tests.vm.guest.backends import Opener
from tests.vm.guest.edu import Edu

NETWORK, STORAGE, OTHER = 0x020000, 0x010802, 0x00FF00

CAPABILITIES = {
    "edu": {"MSI"},
    "nvme": {"MSI-X", "PCI Express", "power management", "SR-IOV"},
    "e1000e": {"MSI", "MSI-X", "PCI Express", "power management", "advanced error reporting"},
}

PCI_BASE_ADDRESS_0 = 0x10
PCI_INTERRUPT_PIN = 0x3D
PCI_COMMAND_MEMORY, PCI_COMMAND_MASTER = 0x2, 0x4


@pytest.mark.parametrize(
    ("name", "vendor", "device", "kind"),
    [
        ("edu", 0x1234, 0x11E8, OTHER),
        ("nvme", 0x1B36, 0x0010, STORAGE),
        ("e1000e", 0x8086, 0x10D3, NETWORK),
    ],
)
def test_ids(name: str, vendor: int, device: int, kind: int, open_device: Opener) -> None:
    with open_device(devices.address(name)) as opened:
        config = opened.config
        assert (config.vendor_id, config.device_id, config.class_code) == (vendor, device, kind)
        # All widths, and bytes, tell the same.
        assert config.read32(0) == device << 16 | vendor
        assert config.read8(1) == vendor >> 8
        assert config.read(0, 4) == config.read32(0).to_bytes(4, "little")


@pytest.mark.parametrize("name", CAPABILITIES)
def test_capabilities(name: str, open_device: Opener) -> None:
    with open_device(devices.address(name)) as device:
        found = device.config.capabilities()
        assert CAPABILITIES[name] <= {each.name for each in found}
        for each in found:
            header = device.config.read16(each.offset)
            assert header if each.extended else header & 0xFF == each.id


def test_it_is_there_and_has_a_pin(device: Device) -> None:
    assert device.config.command & PCI_COMMAND_MEMORY
    assert device.config.read8(PCI_INTERRUPT_PIN) == 1


def test_base_addresses_are_the_users_own(edu: Edu) -> None:
    """The kernel keeps what is written there from the device, whose registers stay where they are."""
    config = edu.device.config
    before = config.read32(PCI_BASE_ADDRESS_0)
    config.write32(PCI_BASE_ADDRESS_0, 0xFFFFFFFF)
    assert config.read32(PCI_BASE_ADDRESS_0) == 0xFFF00000  # what a BAR of 1 MiB holds
    config.write32(PCI_BASE_ADDRESS_0, before)
    assert edu.factorial(5) == 120


def test_bus_mastering_goes_on_and_off(device: Device) -> None:
    for on in (True, False):
        device.config.set_bus_master(on)
        assert bool(device.config.command & PCI_COMMAND_MASTER) is on


def test_without_bus_mastering_there_is_no_dma(any_edu: Edu) -> None:
    with any_edu.device.dma.allocate(4096) as page:
        page.memory[:4] = b"spam"
        any_edu.send(page, 4)
        page.memory[:4] = b"eggs"
        any_edu.device.config.set_bus_master(False)
        any_edu.receive(page, 4)
        assert bytes(page.memory[:4]) == b"eggs"
        any_edu.device.config.set_bus_master(True)
        any_edu.receive(page, 4)
        assert bytes(page.memory[:4]) == b"spam"


def test_without_bus_mastering_there_is_no_msi(any_edu: Edu) -> None:
    with any_edu.device.msi.enable() as vectors:
        any_edu.device.config.set_bus_master(False)
        any_edu.interrupt()
        with pytest.raises(errors.InterruptTimeout):
            vectors[0].wait(0.3)
        any_edu.device.config.set_bus_master(True)
        any_edu.interrupt()
        assert vectors[0].wait(5) == 1
        any_edu.acknowledge()
