# SPDX-License-Identifier: GPL-2.0-or-later
"""Migration: states, streams, what is saved and loaded, and what is left when it fails."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import pyvfio
from pyvfio import Device, errors
from pyvfio.migration import PrecopyInfo
from pyvfio.migstate import MigFlags, MigState
from pyvfio.migstream import Writer
from tests.unit.pyvfio.fake.extras import Held
from tests.unit.pyvfio.fake.kernel import FakeKernel
from tests.unit.pyvfio.fake.machine import Machine
from tests.unit.pyvfio.fake.machines import HELD, NIC, SOURCE, TARGET
from tests.unit.pyvfio.fake.migration import HEADER

S = MigState
NOTHING = bytes(len(HELD))


@pytest.fixture
def source(kernel: FakeKernel) -> Iterator[Device]:
    with pyvfio.open_device(SOURCE, kernel=kernel) as device:
        yield device


@pytest.fixture
def target(kernel: FakeKernel) -> Iterator[Device]:
    with pyvfio.open_device(TARGET, kernel=kernel) as device:
        yield device


def held(machine: Machine, name: str) -> Held:
    return machine.functions[name].extras.held


def state(device: Device) -> MigState:
    """Ask for the state."""
    return device.migration.state


def streams(kernel: FakeKernel) -> list[str]:
    """Return the streams that are open."""
    return [name for name in kernel.leaks().files if name.startswith("stream")]


def saved(device: Device) -> bytes:
    """Return what is saved of a device, which runs on."""
    file = io.BytesIO()
    device.migration.save(file, then=S.RUNNING)
    return file.getvalue()


class Pipe:
    """A file that one cannot go back in, and that gives and takes little at a time."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = data

    def read(self, size: int) -> bytes:
        part, self.data = self.data[: min(size, 7)], self.data[min(size, 7) :]
        return part

    def write(self, data: bytes) -> int:
        self.data += data[:7]
        return len(data[:7])


def test_a_device_tells_what_it_can(source: Device) -> None:
    assert source.migration.supported
    assert source.migration.flags == MigFlags.STOP_COPY | MigFlags.P2P | MigFlags.PRE_COPY
    assert state(source) is S.RUNNING
    assert source.migration.data_size() == HEADER.size + len(HELD)


def test_a_device_that_cannot_migrate_says_so(kernel: FakeKernel) -> None:
    with pyvfio.open_device(NIC, kernel=kernel) as device:
        assert not device.migration.supported
        with pytest.raises(errors.NotAvailable) as caught:
            device.migration.save(io.BytesIO())
        assert str(caught.value) == (
            "VFIO_DEVICE_FEATURE(feature=MIG_DEVICE_STATE, op=GET) on 0000:01:00.0: Inappropriate"
            " ioctl for device: the driver of the device cannot migrate it: vfio-pci itself does"
            " not, the drivers made for some devices do (mlx5_vfio_pci, hisi_acc_vfio_pci,"
            " pds_vfio_pci and others)"
        )


def test_what_one_held_another_has(source: Device, target: Device, machine: Machine) -> None:
    file = io.BytesIO()
    assert source.migration.save(file) == HEADER.size + len(HELD)
    assert state(source) is S.STOP
    file.seek(0)
    assert target.migration.load(file) == HEADER.size + len(HELD)
    assert state(target) is S.RUNNING
    assert held(machine, TARGET).data == held(machine, SOURCE).data == HELD


def test_saving_while_it_runs(source: Device, target: Device, machine: Machine) -> None:
    file = io.BytesIO()
    assert source.migration.save(file, pre_copy=True) == HEADER.size + len(HELD)
    assert state(source) is S.STOP
    file.seek(0)
    target.migration.load(file)
    assert held(machine, TARGET).data == HELD


def test_files_that_give_and_take_little(source: Device, target: Device, machine: Machine) -> None:
    pipe = Pipe()
    source.migration.save(pipe)
    target.migration.load(pipe)
    assert held(machine, TARGET).data == HELD


def test_what_stands_before_and_behind_in_the_file_is_left_alone(
    source: Device, target: Device, machine: Machine
) -> None:
    file = io.BytesIO(b"before" + saved(source) + b"behind")
    file.seek(6)
    target.migration.load(file)
    assert file.read() == b"behind"
    assert held(machine, TARGET).data == HELD


def test_the_stream_by_hand(source: Device, target: Device, machine: Machine) -> None:
    with source.migration.pre_copy() as stream:
        assert state(source) is S.PRE_COPY
        assert source.migration.precopy_info() == PrecopyInfo(HEADER.size, 0)
        data = b"".join(stream)
        assert len(data) == HEADER.size
        assert source.migration.precopy_info() == PrecopyInfo(0, 0)
        assert source.migration.set_state(S.STOP_COPY) is stream
        with pytest.raises(errors.VfioError) as caught:
            source.migration.precopy_info()
        assert (caught.value.errno, caught.value.call) == (
            errno.EINVAL,
            "VFIO_MIG_GET_PRECOPY_INFO",
        )
        data += b"".join(stream)
    assert state(source) is S.STOP
    assert source.migration.stream is None
    with target.migration.resuming(then=S.STOP) as stream:
        for place in range(len(data)):
            stream.write(data[place : place + 1])
    assert state(target) is S.STOP
    assert held(machine, TARGET).data == HELD


def test_a_copy_that_is_given_up_leaves_the_device_running(source: Device) -> None:
    with source.migration.pre_copy():
        pass
    assert state(source) is S.RUNNING


def test_descriptors_are_closed_with_their_state(kernel: FakeKernel, source: Device) -> None:
    migration = source.migration
    stream = migration.set_state(S.PRE_COPY)
    assert stream is not None
    assert streams(kernel) == [f"stream of {SOURCE}"]
    assert migration.set_state(S.STOP_COPY) is stream
    # Another session has another stream.
    other = migration.set_state(S.RESUMING)
    assert other is not None
    assert stream.closed
    assert not other.closed
    assert len(streams(kernel)) == 1
    source.reset()
    assert other.closed
    assert migration.stream is None
    assert migration.state is S.RUNNING
    migration.set_state(S.STOP_COPY)
    source.close()
    assert streams(kernel) == []


@pytest.mark.parametrize("new", [S.PRE_COPY, S.PRE_COPY_P2P, S.ERROR])
def test_what_no_way_leads_to_is_not_asked_for(
    kernel: FakeKernel, source: Device, new: MigState
) -> None:
    source.migration.set_state(S.STOP_COPY)
    kernel.calls.clear()
    with pytest.raises(errors.NoSuchArc, match=f"from STOP_COPY to {new.name}") as caught:
        source.migration.set_state(new)
    assert caught.value.state is S.STOP_COPY
    assert kernel.calls == ["VFIO_DEVICE_FEATURE"], "it asks for the state alone"


def test_states_that_a_device_does_not_know(machine: Machine, source: Device) -> None:
    held(machine, SOURCE).flags = 1
    with pytest.raises(errors.NoSuchArc, match="from RUNNING to PRE_COPY for a device that knows"):
        source.migration.save(io.BytesIO(), pre_copy=True)
    assert state(source) is S.RUNNING
    with pytest.raises(errors.NoSuchArc):
        source.migration.set_state(S.RUNNING_P2P)
    source.migration.save(io.BytesIO())


def test_a_file_that_is_full_leaves_the_source_running(
    machine: Machine, source: Device, kernel: FakeKernel
) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    with os.fdopen(full, "wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        source.migration.save(file)
    assert state(source) is S.RUNNING
    assert held(machine, SOURCE).data == HELD
    assert streams(kernel) == []


def test_a_device_that_does_not_stop(machine: Machine, source: Device) -> None:
    held(machine, SOURCE).cannot_stop = True
    with pytest.raises(errors.MigrationError, match="it is in RUNNING_P2P") as caught:
        source.migration.save(io.BytesIO())
    assert caught.value.errno == errno.EIO
    assert caught.value.state is S.RUNNING_P2P
    assert state(source) is S.RUNNING, "it went back"


BAD: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda _data: b"",
    "something else": lambda data: b"x" * len(data),
    "another version": lambda data: data[:8] + b"\2" + data[9:],
    "cut off in the head": lambda data: data[:5],
    "cut off in the data": lambda data: data[:40],
    "cut off at the end": lambda data: data[:-1],
    "a bit of the data": lambda data: data[:60] + bytes([data[60] ^ 1]) + data[61:],
    "a bit of a length": lambda data: data[:12] + bytes([data[12] ^ 1]) + data[13:],
    "a length far too long": lambda data: data[:15] + b"\xff" + data[16:],
    "a bit of the sum": lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    "a bit of the count": lambda data: data[:-40] + bytes([data[-40] ^ 1]) + data[-39:],
    "a piece left out": lambda data: data[:12] + bytes(4) + data[-40:],
}


@pytest.mark.parametrize("how", BAD)
def test_a_bad_file_is_refused_and_nothing_is_lost(
    how: str, machine: Machine, source: Device, target: Device, kernel: FakeKernel, tmp_path: Path
) -> None:
    held(machine, TARGET).data = b"t" * len(HELD)
    good = saved(source)
    bad = BAD[how](good)
    path = tmp_path / "state"
    path.write_bytes(bad)
    kernel.calls.clear()
    with path.open("rb") as file, pytest.raises(errors.BadStream):
        target.migration.load(file)
    assert kernel.calls == [], "the device was not touched"
    # What one cannot go back in shows later; the device may be the first to notice.
    with pytest.raises(errors.VfioError):
        target.migration.load(Pipe(bad))
    assert state(target) is S.RUNNING
    assert held(machine, TARGET).data == b"t" * len(HELD)
    assert held(machine, SOURCE).data == HELD
    assert streams(kernel) == []
    target.migration.load(io.BytesIO(good))
    assert held(machine, TARGET).data == HELD


@pytest.mark.parametrize("breaks", [False, True])
@pytest.mark.parametrize("data", [b"", b"short", bytes(200), HEADER.pack(b"other", 48) + HELD])
def test_data_that_the_device_declines(
    data: bytes, breaks: bool, machine: Machine, target: Device, kernel: FakeKernel
) -> None:
    held(machine, TARGET).breaks = breaks
    with pytest.raises(errors.VfioError) as caught, target.migration.resuming() as stream:
        stream.write(data)
    if len(data) < HEADER.size:
        assert isinstance(caught.value, errors.MigrationError)
        assert caught.value.state is (S.ERROR if breaks else S.RESUMING)
    else:
        assert "it is another one's" in str(caught.value)
    assert state(target) is S.RUNNING
    assert machine.functions[TARGET].resets == 1
    assert streams(kernel) == []
    assert held(machine, TARGET).data == NOTHING


def test_a_device_in_error_wants_a_reset(machine: Machine, target: Device) -> None:
    held(machine, TARGET).breaks = True
    target.migration.set_state(S.RESUMING)
    with pytest.raises(errors.MigrationError, match="only a reset helps"):
        target.migration.set_state(S.STOP)
    assert state(target) is S.ERROR
    for new in S:
        with pytest.raises(errors.NoSuchArc, match="only a reset helps"):
            target.migration.set_state(new)
    target.migration.recover()
    assert state(target) is S.RUNNING


def test_a_load_that_cannot_be_ended_by_a_reset(machine: Machine, target: Device) -> None:
    machine.functions[TARGET].resettable = False
    with pytest.raises(errors.ResetUnsupported), target.migration.resuming() as stream:
        stream.write(b"short")
    assert state(target) is S.RESUMING


def test_saving_and_loading_do_not_meet(source: Device) -> None:
    source.migration.set_state(S.STOP_COPY)
    with pytest.raises(errors.MigrationError, match="the device is in STOP_COPY: finish that"):
        source.migration.load(io.BytesIO(whole()))
    source.migration.set_state(S.RESUMING)
    with pytest.raises(errors.MigrationError, match="the device is in RESUMING: finish that"):
        source.migration.save(io.BytesIO())
    assert state(source) is S.RESUMING


def whole() -> bytes:
    """Return a file that is whole."""
    file = io.BytesIO()
    Writer(file).finish()
    return file.getvalue()


def test_a_state_that_is_not_known_here(
    source: Device, monkeypatch: pytest.MonkeyPatch, kernel: FakeKernel
) -> None:
    (file,) = (each for group in kernel.groups.values() for each in group.devices)
    monkeypatch.setattr(file.features.migration, "state", 12)
    with pytest.raises(errors.MalformedReply, match="state=12"):
        _ = source.migration.state
    monkeypatch.undo()
