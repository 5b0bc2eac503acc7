# SPDX-License-Identifier: GPL-2.0-only
"""The generated vfio-pci drives real devices: realize, config space, BARs, interrupts, DMA, reset, unplug."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator

import pytest

import pyvfio
from hw_vfio import interrupts, pci
from hw_vfio.config import PCI_MSI_FLAGS, PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE
from hw_vfio.region import vfio_region_read, vfio_region_write
from pyqom import (
    Error,
    World,
    device_add,
    device_cold_reset,
    machine_start,
)
from pyqom.pci_config import (
    PCI_BASE_ADDRESS_0,
    PCI_COMMAND,
    PCI_COMMAND_MEMORY,
    PCI_DEVICE_ID,
    PCI_VENDOR_ID,
)
from pyvfio.opening import Backend
from tests.vm.guest import binding, devices, edu, nvme, plugs
from tests.vm.guest.backends import BACKENDS
from tests.vm.guest.forked import forked
from tests.vm.guest.plugs import plugged, read, switch_on, write

IDS = {
    "edu-on-root-bus": (edu.VENDOR, edu.DEVICE),
    "edu": (edu.VENDOR, edu.DEVICE),
    "edu-in-a-pair": (edu.VENDOR, edu.DEVICE),
    "nvme": (0x1B36, 0x0010),
    "e1000e": (0x8086, 0x10D3),
}
NIC_INTERRUPT_MASK = 0xD0
"""IMS of an e1000e: which causes interrupt."""

REGISTER = {"nvme": (0x08, None), "e1000e": (0x08, None)}
"""A register of BAR 0 that reads as no zeros: NVMe's version, e1000e's status."""


def opening(address: str) -> Generator[str]:
    """In another process: open the device, and tell its name."""
    with pyvfio.open_device(address) as device:
        yield device.name


def realizing(address: str) -> Generator[str]:
    """In another process: realize the device, and tell what is said against it."""
    with World("10.0"):
        machine_start("q35")
        with pytest.raises(Error) as caught:
            device_add({"driver": "vfio-pci", "host": address})
        yield str(caught.value)


def elsewhere(work: Callable[[str], Generator[str]], address: str) -> str:
    """What another process tells of the device."""
    with forked(lambda: work(address)) as child:
        return child.value()


# 7.2 knows no iommufd.
WAYS = [
    (series, backend)
    for series in ("7.2", "10.0", "10.2")
    for backend in BACKENDS
    if (series, backend) != ("7.2", "iommufd")
]


@pytest.fixture(params=WAYS, ids="-".join)
def machine(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """A machine of each QEMU series, whose devices are had in each way that it knows: which way."""
    series, backend = request.param
    with plugs.machine(series, backend):
        yield backend


@pytest.fixture(params=BACKENDS)
def newest(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """A machine of the series that Python modules start in, by each way to a device."""
    with plugs.machine("10.0", request.param):
        yield request.param


# realize


@pytest.mark.parametrize("name", devices.TESTED)
@pytest.mark.parametrize("by", ["host", "sysfsdev"])
@pytest.mark.usefixtures("machine")
def test_realize_opens_the_device(name: str, by: str) -> None:
    address = devices.address(name)
    where = {by: address if by == "host" else str(binding.folder(address))}
    with plugged(name, **where) as vdev:
        switch_on(vdev)
        assert (read(vdev, PCI_VENDOR_ID, 2), read(vdev, PCI_DEVICE_ID, 2)) == IDS[name]
        register, expected = REGISTER.get(name, (edu.REG_ID, edu.ID))
        value = vfio_region_read(vdev, 0, register, 4)
        assert value == expected if expected is not None else value not in (0, 0xFFFFFFFF)


def test_a_second_realize_fails_as_qemu_does(machine: Backend) -> None:
    address = devices.address("edu")
    refusal = {
        "legacy": f"vfio {address}: device is already attached",
        "iommufd": rf"vfio {address}: error bind device fd=\d+ to iommufd=\d+: Invalid argument",
    }[machine]
    with plugged("edu"):
        with pytest.raises(Error, match=f"^{refusal}$"), plugged("edu"):
            pass
        group = binding.group(address)
        refusal = f"vfio {address}: Could not open '/dev/vfio/{group}': Device or resource busy"
        assert elsewhere(realizing, address) == refusal


def test_a_device_that_is_not_bound(machine: Backend) -> None:
    address = devices.address("edu")
    with binding.given(address, None), pytest.raises(Error) as caught, plugged("edu"):
        pass
    folder = f"{binding.folder(address)}/vfio-dev"
    refusal = {
        "legacy": f"Could not open '/dev/vfio/{binding.group(address)}'",
        "iommufd": f"vfio {folder}: couldn't open directory {folder}",
    }[machine]
    assert str(caught.value) == f"vfio {address}: {refusal}: No such file or directory"


def test_a_group_with_a_neighbour_of_the_host(machine: Backend) -> None:
    address, neighbour = devices.address("edu-in-a-pair"), devices.address("e1000e-in-a-pair")
    with (
        binding.given(neighbour, "e1000e"),
        pytest.raises(Error) as caught,
        plugged("edu-in-a-pair"),
    ):
        pass
    refusal = {
        "legacy": f"group {binding.group(address)} is not viable",
        "iommufd": r"error bind device fd=\d+ to iommufd=\d+: Operation not permitted",
    }[machine]
    assert re.fullmatch(f"vfio {address}: {refusal}", str(caught.value))
    assert neighbour in caught.value.hint


@pytest.mark.usefixtures("newest")
def test_both_of_a_group_share_the_address_space() -> None:
    with plugged("edu-in-a-pair") as first, plugged("e1000e-in-a-pair") as second:
        assert first.vbasedev.device is not None
        assert second.vbasedev.device is not None
        assert first.vbasedev.device.dma is second.vbasedev.device.dma


@pytest.mark.usefixtures("newest")
def test_two_devices_share_the_address_space() -> None:
    with plugged("edu") as first, plugged("nvme") as second:
        assert first.vbasedev.device is not None
        assert second.vbasedev.device is not None
        assert first.vbasedev.device.iommu is second.vbasedev.device.iommu
        assert first.vbasedev.device.dma is second.vbasedev.device.dma


@pytest.mark.usefixtures("newest")
def test_a_refused_realize_leaves_the_device_free() -> None:
    with (
        pytest.raises(Error, match="invalid PCI device ID provided"),
        plugged("edu", x_pci_device_id=0x10000),
    ):
        pass
    address = devices.address("edu")
    assert elsewhere(opening, address) == address


# Configuration space


@pytest.mark.usefixtures("machine")
def test_ids_can_be_overridden() -> None:
    with plugged("edu", x_pci_vendor_id=0x1AF4, x_pci_device_id=0x1000) as vdev:
        assert read(vdev, PCI_VENDOR_ID, 4) == 0x10001AF4
        write(vdev, PCI_VENDOR_ID, 0xFFFFFFFF, 4)
        assert read(vdev, PCI_VENDOR_ID, 4) == 0x10001AF4


@pytest.mark.parametrize("name", devices.TESTED)
@pytest.mark.usefixtures("newest")
def test_bars_are_sized_as_a_guest_does(name: str) -> None:
    with plugged(name) as vdev:
        for number, bar in vdev.bars.items():
            register = PCI_BASE_ADDRESS_0 + 4 * number
            write(vdev, register, 0xFFFFFFFF, 4)
            low_bits = 0x3 if bar.ioport else 0xF
            assert (~read(vdev, register, 4) & 0xFFFFFFFF | low_bits) + 1 == bar.size
            write(vdev, register, 0, 4)


@pytest.mark.usefixtures("newest")
def test_a_bar_that_is_switched_off_does_not_kill_the_process() -> None:
    with plugged("edu") as vdev:
        switch_on(vdev)
        write(vdev, PCI_COMMAND, read(vdev, PCI_COMMAND, 2) & ~PCI_COMMAND_MEMORY, 2)
        with pytest.raises(Error, match="memory decoding, is off"):
            vfio_region_read(vdev, 0, edu.REG_ID, 4)
        switch_on(vdev)
        assert vfio_region_read(vdev, 0, edu.REG_ID, 4) == edu.ID


@pytest.mark.usefixtures("newest")
def test_without_mmap_the_kernel_is_asked() -> None:
    with plugged("edu", x_no_mmap=True) as vdev:
        switch_on(vdev)
        assert vdev.bars[0].mapped is None
        assert vfio_region_read(vdev, 0, edu.REG_ID, 4) == edu.ID


# Interrupts and DMA


@pytest.mark.usefixtures("newest")
def test_intx_arrives_and_is_masked_until_its_end() -> None:
    with plugged("edu") as vdev:
        switch_on(vdev)
        assert vdev.interrupt == interrupts.VFIO_INT_INTx
        line = vdev.intx.interrupt.eventfd
        assert line is not None
        for _ in range(2):
            vfio_region_write(vdev, 0, edu.REG_IRQ_RAISE, 1, 4)
            assert line.wait(edu.PATIENCE) == 1
            vfio_region_write(vdev, 0, edu.REG_IRQ_ACK, 1, 4)
            interrupts.vfio_intx_eoi(vdev)


@pytest.mark.usefixtures("newest")
def test_msi_is_switched_through_config_space() -> None:
    with plugged("edu") as vdev:
        switch_on(vdev)
        flags = vdev.msi_cap + PCI_MSI_FLAGS
        write(vdev, flags, read(vdev, flags, 2) | 1, 2)
        assert vdev.interrupt == interrupts.VFIO_INT_MSI
        assert vdev.msi_vectors is not None
        vfio_region_write(vdev, 0, edu.REG_IRQ_RAISE, 1, 4)
        assert vdev.msi_vectors.vectors[0].wait(edu.PATIENCE) == 1
        write(vdev, flags, read(vdev, flags, 2) & ~1, 2)
        assert vdev.interrupt == interrupts.VFIO_INT_INTx


@pytest.mark.parametrize("name", ["nvme", "e1000e"])
@pytest.mark.usefixtures("newest")
def test_msix_is_switched_through_config_space(name: str) -> None:
    with plugged(name) as vdev:
        switch_on(vdev)
        flags = vdev.msix_cap + PCI_MSIX_FLAGS
        write(vdev, flags, read(vdev, flags, 2) | PCI_MSIX_FLAGS_ENABLE, 2)
        assert vdev.interrupt == interrupts.VFIO_INT_MSIX
        assert vdev.msi_vectors is not None
        device = vdev.vbasedev.device
        assert device is not None
        for number, vector in enumerate(vdev.msi_vectors.vectors):
            device.msix.trigger(number)
            assert vector.wait(edu.PATIENCE) == 1
        write(vdev, flags, read(vdev, flags, 2) & ~PCI_MSIX_FLAGS_ENABLE, 2)
        assert vdev.interrupt == interrupts.VFIO_INT_INTx
        assert vdev.msi_vectors is None


@pytest.mark.usefixtures("newest")
def test_dma_goes_both_ways() -> None:
    with plugged("edu") as vdev:
        switch_on(vdev)
        device = vdev.vbasedev.device
        assert device is not None
        with device.dma.allocate(4096, below=edu.REACH) as page, device.bar(0).map() as registers:
            driver = edu.Edu(device, registers)
            page.memory[:512] = bytes(range(256)) * 2
            driver.send(page, 512)
            page.memory[:512] = bytes(512)
            driver.receive(page, 512)
            assert page.memory[:512] == bytes(range(256)) * 2


# Reset and the end


@pytest.mark.usefixtures("machine")
def test_reset_reaches_an_nvme_controller() -> None:
    with plugged("nvme") as vdev:
        switch_on(vdev)
        vfio_region_write(vdev, 0, nvme.REG_CONFIGURATION, nvme.CONFIGURATION & ~1, 4)
        assert vfio_region_read(vdev, 0, nvme.REG_CONFIGURATION, 4) == nvme.CONFIGURATION & ~1
        device_cold_reset(vdev)
        assert not read(vdev, PCI_COMMAND, 2) & PCI_COMMAND_MEMORY
        switch_on(vdev)
        assert vfio_region_read(vdev, 0, nvme.REG_CONFIGURATION, 4) == 0


@pytest.mark.usefixtures("machine")
def test_reset_reaches_a_nic() -> None:
    with plugged("e1000e") as vdev:
        switch_on(vdev)
        vfio_region_write(vdev, 0, NIC_INTERRUPT_MASK, 0x4, 4)
        assert vfio_region_read(vdev, 0, NIC_INTERRUPT_MASK, 4) == 0x4
        device_cold_reset(vdev)
        switch_on(vdev)
        assert vfio_region_read(vdev, 0, NIC_INTERRUPT_MASK, 4) == 0


def test_what_has_no_reset_of_its_own_is_reset_through_its_bus(backend: Backend) -> None:
    with plugs.machine("10.0", backend) as warnings, plugged("edu") as vdev:
        switch_on(vdev)
        device_cold_reset(vdev)
        assert not read(vdev, PCI_COMMAND, 2) & PCI_COMMAND_MEMORY
        assert vdev.interrupt == interrupts.VFIO_INT_INTx
    assert warnings == []


@pytest.mark.usefixtures("newest")
def test_a_bus_is_left_alone_where_the_machine_has_another_device() -> None:
    with plugged("e1000e-in-a-pair") as neighbour:
        switch_on(neighbour)
        vfio_region_write(neighbour, 0, NIC_INTERRUPT_MASK, 0x4, 4)
        with plugged("edu-in-a-pair") as vdev:
            device_cold_reset(vdev)
            assert vfio_region_read(neighbour, 0, NIC_INTERRUPT_MASK, 4) == 0x4
            assert vdev.vbasedev.device is not None
            vdev.vbasedev.device.hot_reset()
        switch_on(neighbour)
        assert vfio_region_read(neighbour, 0, NIC_INTERRUPT_MASK, 4) == 0


def test_a_device_that_nothing_can_reset_says_so(backend: Backend) -> None:
    with plugs.machine("10.0", backend) as warnings, plugged("edu-on-root-bus") as vdev:
        device_cold_reset(vdev)
    address = devices.address("edu-on-root-bus")
    assert warnings == [f"vfio: Cannot reset device {address}, no available reset mechanism.\n"]


@pytest.mark.parametrize("name", devices.TESTED)
@pytest.mark.usefixtures("machine")
def test_after_unplug_another_process_opens_it_at_once(name: str) -> None:
    address = devices.address(name)
    with plugged(name) as vdev:
        switch_on(vdev)
    assert elsewhere(opening, address) == address
    assert not pci.VFIO_PCI(vdev).bars


def unbinding(address: str) -> Generator[None]:
    """In another process: take the driver away, which waits until nobody has the device."""
    yield
    binding.give(address, None)


@pytest.mark.usefixtures("newest")
def test_the_kernel_asks_for_the_device_back() -> None:
    address = devices.address("edu")
    with forked(lambda: unbinding(address)) as child:
        child.value()
        with plugged("edu") as vdev:
            request = vdev.req_notifier.eventfd
            assert request is not None
            child.go_on()
            assert request.wait(edu.PATIENCE) >= 1
            assert child.runs()
        child.finish()
    assert binding.driver(address) is None
    binding.give(address, binding.VFIO)
