# SPDX-License-Identifier: GPL-2.0-or-later
"""Features of a device: what is there, what is not, and what the kernel says to either."""

from __future__ import annotations

import errno
import uuid
from collections.abc import Iterator

import pytest

import pyvfio
from pyvfio import Device, errors
from pyvfio.features import MISSING, Feature, operation
from pyvfio.uapi import feature as uapi
from tests.unit.pyvfio.fake.kernel import FakeKernel
from tests.unit.pyvfio.fake.machine import Machine
from tests.unit.pyvfio.fake.machines import NIC, SOURCE

TOKEN = uuid.UUID("00112233-4455-6677-8899-aabbccddeeff")


@pytest.fixture
def nic(kernel: FakeKernel) -> Iterator[Device]:
    with pyvfio.open_device(NIC, kernel=kernel) as device:
        yield device


@pytest.fixture
def source(kernel: FakeKernel) -> Iterator[Device]:
    with pyvfio.open_device(SOURCE, kernel=kernel) as device:
        yield device


def test_probing_asks_for_no_data(source: Device, nic: Device) -> None:
    assert source.features.supports(Feature.MIGRATION)
    assert source.features.supports(Feature.MIGRATION, get=True)
    assert not source.features.supports(Feature.MIGRATION, set=True)
    assert source.features.supports(Feature.MIG_DEVICE_STATE, get=True, set=True)
    assert not nic.features.supports(Feature.MIGRATION)
    assert not nic.features.supports(4711)
    assert nic.features.supports(Feature.LOW_POWER_EXIT, set=True)


def test_probing_does_not_hide_a_failure(nic: Device, kernel: FakeKernel) -> None:
    kernel.calls.clear()
    kernel.fail_at = 1
    with pytest.raises(errors.VfioError) as caught:
        nic.features.supports(Feature.MIGRATION)
    assert caught.value.errno == errno.EIO


def test_what_is_read_and_set_has_a_struct(source: Device) -> None:
    told = source.features.get(Feature.MIGRATION, uapi.vfio_device_feature_migration)
    assert told.flags == 7
    order = uapi.vfio_device_feature_mig_state(uapi.VFIO_DEVICE_STATE_STOP, 99)
    source.features.set(Feature.MIG_DEVICE_STATE, order)
    assert order.data_fd == -1, "the kernel's answer is in the struct"
    now = source.features.get(Feature.MIG_DEVICE_STATE, uapi.vfio_device_feature_mig_state)
    assert now.device_state == uapi.VFIO_DEVICE_STATE_STOP
    source.reset()


@pytest.mark.parametrize("feature", MISSING)
def test_what_a_device_lacks_is_told_with_what_to_do(feature: Feature, nic: Device) -> None:
    if feature.name.startswith("LOW_POWER"):
        return
    with pytest.raises(errors.NotAvailable) as caught:
        nic.features.get(feature, uapi.vfio_device_feature_mig_state)
    assert caught.value.errno == errno.ENOTTY
    assert caught.value.call == "VFIO_DEVICE_FEATURE"
    assert caught.value.arguments == {"feature": feature.name, "op": "GET"}
    assert caught.value.advice == MISSING[feature]


def test_every_feature_has_advice() -> None:
    assert set(MISSING) == set(Feature)


def test_a_feature_of_another_kernel_goes_by_its_number(nic: Device) -> None:
    with pytest.raises(errors.NotAvailable, match="knows feature 4711") as caught:
        nic.features.set(4711, b"\1")
    assert caught.value.arguments == {"feature": "4711", "op": "SET"}
    probe_and_set = uapi.VFIO_DEVICE_FEATURE_PROBE | uapi.VFIO_DEVICE_FEATURE_SET
    assert operation(probe_and_set) == "PROBE|SET"


def test_a_token_for_virtual_functions(nic: Device, machine: Machine) -> None:
    with pytest.raises(errors.NotAvailable, match="only a physical function"):
        nic.features.set_vf_token(TOKEN)
    extras = machine.functions[SOURCE].extras
    extras.physical = True
    with pyvfio.open_device(SOURCE, kernel=nic.handle.kernel) as physical:
        physical.features.set_vf_token(str(TOKEN))
        assert extras.set_token == TOKEN
        other = uuid.UUID(int=7)
        physical.features.set_vf_token(other)
        assert extras.set_token == other
        with pytest.raises(ValueError, match="badly formed"):
            physical.features.set_vf_token("my token")
