# SPDX-License-Identifier: GPL-2.0-or-later
"""What a device may have besides: features (VFIO_DEVICE_FEATURE), and eventfds that write to it."""

from __future__ import annotations

import ctypes
import errno

import pytest

from pyvfio import Device, EventFd, VfioError, errors
from pyvfio.features import MISSING, Feature
from pyvfio.uapi import device as dev
from pyvfio.uapi import feature as f
from tests.vm.guest import devices
from tests.vm.guest import edu as e
from tests.vm.guest.backends import Opener
from tests.vm.guest.edu import Edu

GET, SET, PROBE = f.VFIO_DEVICE_FEATURE_GET, f.VFIO_DEVICE_FEATURE_SET, f.VFIO_DEVICE_FEATURE_PROBE
LOW_POWER = (
    f.VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY,
    f.VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP,
    f.VFIO_DEVICE_FEATURE_LOW_POWER_EXIT,
)
MIGRATION = (
    f.VFIO_DEVICE_FEATURE_MIGRATION,
    f.VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE,
    f.VFIO_DEVICE_FEATURE_DMA_LOGGING_START,
    f.VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP,
    f.VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT,
    f.VFIO_DEVICE_FEATURE_MIG_DATA_SIZE,
)


def order(device: Device, flags: int) -> None:
    """Ask for a feature, without data."""
    device.handle.ioctl(f.VFIO_DEVICE_FEATURE, f.vfio_device_feature.sized(flags=flags))


def test_low_power_can_be_set_alone(device: Device) -> None:
    for number in LOW_POWER:
        order(device, number | SET | PROBE)
        with pytest.raises(VfioError) as error:
            order(device, number | GET)
        assert error.value.errno == errno.EINVAL


def test_vfio_pci_does_not_migrate(device: Device) -> None:
    for number in MIGRATION:
        with pytest.raises(VfioError) as error:
            order(device, number | GET | PROBE)
        assert error.value.errno == errno.ENOTTY


@pytest.mark.parametrize("name", devices.TESTED)
def test_what_can_have_virtual_functions_has_a_token(name: str, open_device: Opener) -> None:
    with open_device(devices.address(name)) as device:
        if name == "nvme":
            order(device, f.VFIO_DEVICE_FEATURE_PCI_VF_TOKEN | SET | PROBE)
            return
        with pytest.raises(VfioError) as error:
            order(device, f.VFIO_DEVICE_FEATURE_PCI_VF_TOKEN | SET | PROBE)
        assert error.value.errno == errno.ENOTTY


def test_what_it_has_is_told(device: Device) -> None:
    """Of all features that are known, by name: what the kernel has is there, the rest is refused."""
    has = {feature for feature in Feature if device.features.supports(feature)}
    low_power = {feature for feature in Feature if feature.name.startswith("LOW_POWER")}
    assert has - {Feature.PCI_VF_TOKEN} == low_power
    for feature in set(Feature) - has:
        with pytest.raises(errors.NotAvailable) as caught:
            device.features.get(feature, f.vfio_device_feature_mig_state)
        assert caught.value.errno == errno.ENOTTY
        assert caught.value.arguments == {"feature": feature.name, "op": "GET"}
        assert caught.value.advice == MISSING[feature]
    with pytest.raises(errors.NotAvailable, match="knows feature 4711"):
        device.features.set(4711)


def test_regions_are_not_exported_by_this_linux(device: Device) -> None:
    with pytest.raises(errors.NotAvailable, match=r"since Linux 6\.19") as caught:
        device.bar(0).export_dma_buf()
    assert caught.value.arguments["feature"] == "DMA_BUF"
    assert caught.value.arguments["region"] == 0


def test_there_is_a_lower_power_state_and_a_way_back(edu: Edu) -> None:
    order(edu.device, f.VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY | SET)
    order(edu.device, f.VFIO_DEVICE_FEATURE_LOW_POWER_EXIT | SET)
    assert edu.factorial(5) == 120


def test_an_eventfd_writes_a_register(edu: Edu) -> None:
    with EventFd() as eventfd:
        wanted = dev.vfio_device_ioeventfd.sized(
            flags=dev.VFIO_DEVICE_IOEVENTFD_32,
            offset=edu.device.bar(0).info.offset + e.REG_LIVENESS,
            data=0x12345678,
            fd=eventfd.fileno(),
        )
        edu.registers.write32(e.REG_LIVENESS, 0)
        edu.device.handle.ioctl(dev.VFIO_DEVICE_IOEVENTFD, wanted)
        eventfd.signal()
        assert edu.registers.read32(e.REG_LIVENESS) == ~0x12345678 & 0xFFFFFFFF
        wanted.fd = -1
        edu.device.handle.ioctl(dev.VFIO_DEVICE_IOEVENTFD, wanted)
    assert ctypes.sizeof(wanted) == wanted.argsz
