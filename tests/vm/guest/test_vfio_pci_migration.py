# SPDX-License-Identifier: GPL-2.0-only
"""A vfio-pci that is saved on one machine and loaded on another: the kernel's serial ports mtty, which migrate."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from hw_vfio.region import vfio_region_read, vfio_region_write
from hw_vfio.savevm import VFIO_MIG_FLAG_DEV_DATA_STATE, vfio_load, vfio_save
from pyqom import Error, current
from pyqom.migration import migration_is_blocked
from pyqom.qmp import qmp_dispatch
from pyvfio.migstate import MigFlags, MigState
from pyvfio.opening import Backend
from qomgen_devices.vfio_pci import VFIOPCIDevice
from tests.vm.guest import devices, plugs
from tests.vm.guest.plugs import plugged, switch_on

# Registers of a 16550.
DATA, MODEM_CONTROL, LINE_STATUS, SCRATCH = 0, 4, 5, 7
LOOP = 0x10
RECEIVED = 0x01
PORTS = 2

NO_TRACKING = "VFIO device doesn't support device and IOMMU dirty tracking"


@contextmanager
def port(folder: str, backend: Backend, place: str = "1") -> Iterator[VFIOPCIDevice]:
    """The serial ports in a machine of their own, in the slot *place*."""
    with plugs.machine("10.0", backend), plugged(sysfsdev=folder, addr=place) as vdev:
        switch_on(vdev)
        yield vdev


def state(vdev: VFIOPCIDevice) -> MigState:
    """The state that the kernel tells."""
    assert vdev.vbasedev.device is not None
    return vdev.vbasedev.device.migration.state


def marked(vdev: VFIOPCIDevice, mark: bytes) -> None:
    """Let each port hold something: a byte to be kept, and a text that it has sent to itself."""
    for number in range(PORTS):
        vfio_region_write(vdev, number, SCRATCH, mark[number], 1)
        vfio_region_write(vdev, number, MODEM_CONTROL, LOOP, 1)
        for byte in mark:
            vfio_region_write(vdev, number, DATA, byte, 1)


def held(vdev: VFIOPCIDevice) -> list[tuple[int, bytes]]:
    """What the ports hold; a text is gone when it was read."""
    found = []
    for number in range(PORTS):
        text = b""
        while vfio_region_read(vdev, number, LINE_STATUS, 1) & RECEIVED:
            text += bytes((vfio_region_read(vdev, number, DATA, 1),))
        found.append((vfio_region_read(vdev, number, SCRATCH, 1), text))
    return found


def expected(mark: bytes) -> list[tuple[int, bytes]]:
    """What ports hold that were marked."""
    return [(mark[number], mark) for number in range(PORTS)]


def saved(vdev: VFIOPCIDevice, then: MigState = MigState.RUNNING) -> bytes:
    """What is saved of it."""
    file = io.BytesIO()
    vfio_save(vdev.vbasedev, file, then=then)
    return file.getvalue()


def test_what_one_holds_another_gets(mtty: str, other_mtty: str, backend: Backend) -> None:
    with port(mtty, backend) as vdev:
        assert vdev.vbasedev.migration is not None
        assert vdev.vbasedev.migration.mig_flags == MigFlags(7)
        marked(vdev, b"hello")
        file = saved(vdev, MigState.STOP)
        assert state(vdev) is MigState.STOP
    with port(other_mtty, backend) as vdev:
        vfio_load(vdev.vbasedev, io.BytesIO(file))
        assert state(vdev) is MigState.RUNNING
        assert saved(vdev) == file
        assert held(vdev) == expected(b"hello")


def test_it_goes_on_where_it_was_saved(mtty: str, backend: Backend) -> None:
    with port(mtty, backend) as vdev:
        marked(vdev, b"first")
        file = saved(vdev)
        assert state(vdev) is MigState.RUNNING
        assert held(vdev) == expected(b"first")
        marked(vdev, b"second")
        vfio_load(vdev.vbasedev, io.BytesIO(file))
        assert held(vdev) == expected(b"first")


def test_states_are_told(mtty: str, backend: Backend) -> None:
    told: list[object] = []
    with (
        plugs.machine("10.0", backend),
        plugged(sysfsdev=mtty, migration_events=True, id="tty") as vdev,
    ):
        current().event = lambda _, data: told.append(data.get("device-state"))
        saved(vdev)
        assert told == [
            *("pre-copy", "pre-copy-p2p", "stop-copy"),
            *("stop", "running-p2p", "running"),
        ]


def _cut(file: bytes) -> bytes:
    return file[: len(file) // 2]


def _flipped(file: bytes) -> bytes:
    place = len(file) // 3
    return file[:place] + bytes((file[place] ^ 0x40,)) + file[place + 1 :]


def _of_another_kind(file: bytes) -> bytes:
    """Another device's data in a frame that is right, as QEMU would write it without a sum."""
    flag = VFIO_MIG_FLAG_DEV_DATA_STATE.to_bytes(8, "big")
    start = file.index(flag) + 16
    return _without_sum(file[:start] + b"WRONG" + file[start + 5 :])


def _too_little(file: bytes) -> bytes:
    """Data that ends before it should."""
    flag = VFIO_MIG_FLAG_DEV_DATA_STATE.to_bytes(8, "big")
    start = file.rindex(flag) + 8
    size = int.from_bytes(file[start : start + 8], "big")
    short = (size - 8).to_bytes(8, "big") + file[start + 8 : start + 8 + size - 8]
    return _without_sum(file[:start] + short + file[start + 8 + size :])


def _without_sum(file: bytes) -> bytes:
    return file.replace(b'"sha256"', b'"sha255"')


@pytest.mark.parametrize("spoil", [_cut, _flipped, _of_another_kind, _too_little])
def test_a_bad_file_is_refused_and_nothing_is_lost(
    mtty: str, other_mtty: str, backend: Backend, spoil: object
) -> None:
    assert callable(spoil)
    with port(mtty, backend) as vdev:
        marked(vdev, b"bad")
        file = saved(vdev)
    with port(other_mtty, backend) as vdev:
        marked(vdev, b"good")
        before = saved(vdev)
        with pytest.raises(Error) as caught:
            vfio_load(vdev.vbasedev, io.BytesIO(spoil(file)))
        assert "lost" not in caught.value.hint
        assert state(vdev) is MigState.RUNNING
        assert saved(vdev) == before
        assert held(vdev) == expected(b"good")
        # And what is good is taken afterwards.
        vfio_load(vdev.vbasedev, io.BytesIO(file))
        assert held(vdev) == expected(b"bad")


def test_another_place_of_the_machine_is_another_device(
    mtty: str, other_mtty: str, backend: Backend
) -> None:
    with port(mtty, backend) as vdev:
        file = saved(vdev)
    text = r"^Unknown savevm section or instance '0000:00:01\.0/vfio' 0\. Make sure that your"
    with port(other_mtty, backend, "7") as vdev, pytest.raises(Error, match=text):
        vfio_load(vdev.vbasedev, io.BytesIO(file))


def test_a_device_whose_word_of_what_it_wrote_is_not_taken(mtty: str, backend: Backend) -> None:
    """Mtty itself tells where it writes. auto: there is a blocker; on: a warning."""
    with plugs.machine("10.0", backend) as warnings:
        with plugged(sysfsdev=mtty):
            migration_is_blocked()
        with plugged(sysfsdev=mtty, x_device_dirty_page_tracking="off") as vdev:
            text = f"{vdev.vbasedev.name}: {NO_TRACKING}"
            assert qmp_dispatch(current(), "query-migrate", {}) == {"blocked-reasons": [text]}
            with pytest.raises(Error, match=text):
                saved(vdev)
        migration_is_blocked()
        assert warnings == []
        with plugged(sysfsdev=mtty, x_device_dirty_page_tracking="off", enable_migration="on"):
            migration_is_blocked()
        assert warnings == [f"{text}\n"]


@pytest.mark.parametrize("series", ["10.0", "10.2"])
@pytest.mark.parametrize("name", ["edu", "nvme"])
def test_what_vfio_pci_itself_drives_cannot_migrate(
    name: str, series: str, backend: Backend
) -> None:
    address = devices.address(name)
    text = f"{address}: VFIO migration is not supported in kernel"
    with plugs.machine(series, backend):
        with plugged(name) as vdev, pytest.raises(Error, match=f"^{text}$"):
            saved(vdev)
        with (
            pytest.raises(Error, match=f"^vfio {address}: {text}$"),
            plugged(name, enable_migration="on"),
        ):
            pass


def test_7_2_cannot_at_all(mtty: str) -> None:
    with (
        plugs.machine("7.2", "legacy"),
        plugged(sysfsdev=mtty, x_enable_migration=True) as vdev,
        pytest.raises(Error, match=r"^VFIO device doesn't support migration$"),
    ):
        saved(vdev)
