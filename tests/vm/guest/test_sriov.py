# SPDX-License-Identifier: GPL-2.0-or-later
"""Virtual functions of a device whose owner is a process: who knows the owner's token may have one."""

from __future__ import annotations

import ctypes
import errno
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

import pyvfio
from pyvfio import Device, errors
from pyvfio.uapi import feature as f
from tests.vm.guest import binding, devices
from tests.vm.guest import nvme as n

TOKEN = uuid.UUID("d0c0ffee-0000-4000-8000-00005ca1ab1e")
OTHER = uuid.UUID("0bad0bad-0000-4000-8000-000000000bad")

PARAMETER = Path("/sys/module/vfio_pci/parameters/enable_sriov")


def set_token(device: Device, token: uuid.UUID) -> None:
    """Let no one have a virtual function who does not know *token*."""
    flags = f.VFIO_DEVICE_FEATURE_PCI_VF_TOKEN | f.VFIO_DEVICE_FEATURE_SET
    size = ctypes.sizeof(f.vfio_device_feature) + len(token.bytes)
    order = bytes(f.vfio_device_feature(argsz=size, flags=flags)) + token.bytes
    buffer = ctypes.create_string_buffer(order, size)
    device.handle.ioctl(f.VFIO_DEVICE_FEATURE, buffer)


@pytest.fixture
def virtual(nvme: Device) -> Iterator[str]:
    """The address of a virtual function of the NVMe controller, which is open."""
    PARAMETER.write_text("Y\n")
    set_token(nvme, TOKEN)
    physical = binding.folder(devices.address("nvme"))
    number = physical / "sriov_numvfs"
    number.write_text("2\n")
    yield (physical / "virtfn0").readlink().name
    number.write_text("0\n")
    PARAMETER.write_text("N\n")


def test_virtual_functions_are_vfios_from_the_start(virtual: str) -> None:
    assert binding.driver(virtual) == binding.VFIO
    assert binding.group(virtual) != binding.group(devices.address("nvme"))


@pytest.mark.parametrize("token", [None, OTHER])
def test_without_the_token_there_is_none(virtual: str, token: uuid.UUID | None) -> None:
    with pytest.raises(errors.PermissionDenied, match="vf_token") as error:
        pyvfio.open_device(virtual, vf_token=None if token is None else str(token))
    assert error.value.errno == errno.EACCES


def test_with_the_token_it_is_a_device_like_others(virtual: str) -> None:
    with pyvfio.open_device(virtual, vf_token=str(TOKEN)) as device:
        # A virtual function has no ids of its own: the kernel tells those that its owner gives it.
        assert (device.config.vendor_id, device.config.device_id) == (0x1B36, 0x0010)
        assert device.info.resettable
        device.reset()
        # Its controller waits for the physical one to give it queues, and says that it failed.
        assert device.bar(0).read32(n.REG_STATUS) == n.FAILED
