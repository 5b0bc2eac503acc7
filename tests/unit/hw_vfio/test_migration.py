# SPDX-License-Identifier: GPL-2.0-or-later
"""What enable-migration and its kin make of devices that can, and of devices that cannot.

Texts and order are those of vfio_migration_realize in QEMU 10.0 and 10.2, and of vfio_migration_probe in 7.2.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hw_vfio.migration import vfio_migration_set_state
from hw_vfio.savevm import vfio_load, vfio_save
from pyqom import Error, current
from pyqom.migration import migrate_add_blocker, migrate_del_blocker, migration_is_blocked
from pyqom.qmp import qmp_dispatch
from pyvfio.migstate import MigState
from qomgen_devices.vfio_pci import VFIOPCIDevice
from tests.unit.hw_vfio.made_up import a_world, folder, plugged
from tests.unit.pyqom.says import refused
from tests.unit.pyvfio.fake.kernel import FakeKernel
from tests.unit.pyvfio.fake.machine import Machine
from tests.unit.pyvfio.fake.machines import NIC, NIC_GROUP, SOURCE, TARGET, standard

GROUPS = {NIC: NIC_GROUP, SOURCE: 15, TARGET: 16}
P2P = "Multiple VFIO devices migration is supported only if all of them support P2P migration"


@pytest.fixture
def machine() -> Iterator[Machine]:
    made = standard()
    yield made
    made.close()


@pytest.fixture
def kernel(machine: Machine) -> FakeKernel:
    return FakeKernel(machine)


@contextmanager
def device(
    kernel: FakeKernel,
    where: Path,
    address: str,
    name: str | None = None,
    **properties: Any,
) -> Iterator[VFIOPCIDevice]:
    place = folder(where, address, GROUPS[address])
    with plugged(kernel, place, name, **properties) as vdev:
        yield vdev


def reasons() -> list[str]:
    """QMP's blocked-reasons of the current world."""
    found: list[str] = qmp_dispatch(current(), "query-migrate", {}).get("blocked-reasons", [])
    return found


def test_a_device_that_can_migrate(kernel: FakeKernel, tmp_path: Path) -> None:
    with a_world(), device(kernel, tmp_path, SOURCE) as vdev:
        assert vdev.vbasedev.migration is not None
        assert vdev.vbasedev.migration.idstr == "0000:00:01.0/vfio"
        assert reasons() == []
        migration_is_blocked()
    assert not kernel.leaks()


def test_migration_is_off(kernel: FakeKernel, tmp_path: Path) -> None:
    text = f"{SOURCE}: Migration is disabled for VFIO device"
    with a_world():
        with device(kernel, tmp_path, SOURCE, enable_migration="off") as vdev:
            assert vdev.vbasedev.migration is None
            assert reasons() == [text]
            for work in (migration_is_blocked, lambda: vfio_save(vdev.vbasedev, io.BytesIO())):
                with refused(text):
                    work()
        assert reasons() == []


@pytest.mark.parametrize("series", ["10.0", "10.2"])
def test_a_driver_that_cannot(series: str, kernel: FakeKernel, tmp_path: Path) -> None:
    text = f"{NIC}: VFIO migration is not supported in kernel"
    with a_world(series):
        with device(kernel, tmp_path, NIC):
            assert reasons() == [text]
        with (
            refused(f"vfio {NIC}: {text}"),
            device(kernel, tmp_path, NIC, enable_migration="on"),
        ):
            pass
        assert reasons() == []
    assert not kernel.leaks()


def test_a_driver_that_lacks_the_basics(
    kernel: FakeKernel, machine: Machine, tmp_path: Path
) -> None:
    machine.functions[SOURCE].extras.held.flags = 2
    text = (
        f"{SOURCE}: Migration couldn't be initialized for VFIO device, err: -95 (Operation not"
        " supported)"
    )
    with a_world(), device(kernel, tmp_path, SOURCE):
        assert reasons() == [text]


@pytest.mark.parametrize("by_property", [False, True])
def test_nobody_tells_where_the_device_wrote(
    by_property: bool, kernel: FakeKernel, machine: Machine, tmp_path: Path
) -> None:
    """auto: a blocker; on: a warning."""
    options: dict[str, Any] = {}
    if by_property:
        options["x_device_dirty_page_tracking"] = "off"
    else:
        machine.functions[SOURCE].extras.logs = False
    text = f"{SOURCE}: VFIO device doesn't support device and IOMMU dirty tracking"
    with a_world() as (_, heard):
        with device(kernel, tmp_path, SOURCE, **options) as vdev:
            assert reasons() == [text]
            assert vdev.vbasedev.migration is not None
            with refused(text):
                vfio_save(vdev.vbasedev, io.BytesIO())
        assert heard.warnings == []
        with device(kernel, tmp_path, SOURCE, enable_migration="on", **options) as vdev:
            assert reasons() == []
            vfio_save(vdev.vbasedev, io.BytesIO())
        assert heard.warnings == [f"{text}\n"]


def test_several_devices_must_all_know_p2p(
    kernel: FakeKernel, machine: Machine, tmp_path: Path
) -> None:
    machine.functions[TARGET].extras.held.flags = 1
    with a_world(), device(kernel, tmp_path, SOURCE):
        with device(kernel, tmp_path, TARGET):
            assert reasons() == [P2P]
        assert reasons() == []
        with (
            refused(f"vfio {TARGET}: {P2P}"),
            device(kernel, tmp_path, TARGET, enable_migration="on"),
        ):
            pass
        assert reasons() == []
    assert not kernel.leaks()


def test_several_devices_that_do(kernel: FakeKernel, tmp_path: Path) -> None:
    with a_world(), device(kernel, tmp_path, SOURCE), device(kernel, tmp_path, TARGET):
        assert reasons() == []


@pytest.mark.parametrize("enabled", [False, True])
def test_7_2_speaks_what_no_kernel_does(enabled: bool, kernel: FakeKernel, tmp_path: Path) -> None:
    text = "VFIO device doesn't support migration"
    with a_world("7.2"):
        with device(kernel, tmp_path, SOURCE, x_enable_migration=enabled) as vdev:
            assert reasons() == [text]
            with refused(text):
                vfio_save(vdev.vbasedev, io.BytesIO())
        assert reasons() == []


ONLY = "disallowing migration blocker (--only-migratable) for: "


@pytest.mark.parametrize(
    ("series", "address", "text"),
    [
        ("7.2", SOURCE, f"{ONLY}VFIO device doesn't support migration"),
        ("10.0", NIC, f"vfio {NIC}: {ONLY}{NIC}: VFIO migration is not supported in kernel"),
    ],
)
def test_a_machine_of_what_can_migrate_only(
    series: str, address: str, text: str, kernel: FakeKernel, tmp_path: Path
) -> None:
    with a_world(series) as (world, _):
        world.only_migratable = True
        with refused(text), device(kernel, tmp_path, address):
            pass
        assert reasons() == []
    assert not kernel.leaks()


def test_blockers_are_told_in_their_order() -> None:
    with a_world() as (world, _):
        first, second = Error("first"), Error("second")
        migrate_add_blocker(first)
        migrate_add_blocker(second)
        assert reasons() == ["first", "second"]
        with refused("second"):
            migration_is_blocked()
        migrate_del_blocker(second)
        assert reasons() == ["first"]
        world.saving = True
        with refused("disallowing migration blocker (migration/snapshot in progress) for: second"):
            migrate_add_blocker(second)


# --- states ---------------------------------------------------------------------------------------


def test_states_are_told(kernel: FakeKernel, tmp_path: Path) -> None:
    with (
        a_world() as (_, heard),
        device(kernel, tmp_path, SOURCE, name="v", migration_events=True) as vdev,
    ):
        vfio_save(vdev.vbasedev, io.BytesIO())
        path = "/machine/peripheral/v"
        assert heard.events[0] == (
            "VFIO_MIGRATION",
            {"device-id": "v", "qom-path": path, "device-state": "pre-copy"},
        )
        assert heard.states == [
            *("pre-copy", "pre-copy-p2p", "stop-copy"),
            *("stop", "running-p2p", "running"),
        ]


def test_states_are_kept_to_oneself(kernel: FakeKernel, tmp_path: Path) -> None:
    with a_world() as (_, heard), device(kernel, tmp_path, SOURCE) as vdev:
        vfio_save(vdev.vbasedev, io.BytesIO())
        assert heard.states == []


def test_a_state_that_is_refused(kernel: FakeKernel, machine: Machine, tmp_path: Path) -> None:
    with (
        a_world() as (_, heard),
        device(kernel, tmp_path, SOURCE, migration_events=True) as vdev,
    ):
        machine.functions[SOURCE].extras.held.cannot_stop = True
        with refused(
            f"{SOURCE}: Failed setting device state to STOP. Setting device in recover state"
            " RUNNING: Input/output error"
        ):
            vfio_migration_set_state(vdev.vbasedev, MigState.STOP, MigState.RUNNING)
        with refused(
            f"{SOURCE}: Failed setting device state to STOP. Recover state is ERROR. Resetting"
            " device: Input/output error"
        ):
            vfio_migration_set_state(vdev.vbasedev, MigState.STOP, MigState.ERROR)
        assert heard.states == ["running", "running"]


def test_more_channels_are_refused(kernel: FakeKernel, tmp_path: Path) -> None:
    text = f"{SOURCE}: Multifd device transfer requested but unsupported in the current config"
    with (
        a_world(),
        device(kernel, tmp_path, SOURCE, x_migration_multifd_transfer="on") as vdev,
    ):
        for work in (vfio_save, vfio_load):
            with refused(text):
                work(vdev.vbasedev, io.BytesIO())
