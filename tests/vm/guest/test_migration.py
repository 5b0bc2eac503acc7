# SPDX-License-Identifier: GPL-2.0-or-later
"""Migration of mtty, whose driver knows all states: what one device held, another one has."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable, Generator, Iterator
from itertools import product
from pathlib import Path

import pytest

import pyvfio
from pyvfio import Device, MigFlags, MigState, PrecopyInfo, errors
from pyvfio.features import Feature
from pyvfio.migstate import STREAMING, way
from pyvfio.uapi import feature as f
from tests.vm.guest import mdev
from tests.vm.guest.backends import BACKENDS, Opener
from tests.vm.guest.forked import forked
from tests.vm.guest.mtty import HEADER, PORT, Mtty

S = MigState
ALL = MigFlags.STOP_COPY | MigFlags.P2P | MigFlags.PRE_COPY
SIZE = HEADER + 2 * PORT
SEED, OTHER = 0x35, 0x62


@pytest.fixture
def source(mtty: str, open_device: Opener) -> Iterator[Mtty]:
    """A device that holds something."""
    with open_device(mtty) as device:
        driver = Mtty(device)
        driver.program(SEED)
        yield driver


@pytest.fixture
def target(other_mtty: str, open_device: Opener) -> Iterator[Mtty]:
    """A device that holds something else."""
    with open_device(other_mtty) as device:
        driver = Mtty(device)
        driver.program(OTHER)
        yield driver


def state(driver: Mtty) -> MigState:
    """Ask for the state."""
    return driver.device.migration.state


def saved(driver: Mtty) -> bytes:
    """Return what is saved of a device, which goes on."""
    file = io.BytesIO()
    driver.device.migration.save(file, then=S.RUNNING)
    return file.getvalue()


def holds(driver: Mtty, seed: int) -> bool:
    """Tell whether the device holds what was programmed, to the last letter that it received."""
    return driver.received() == tuple(driver.sent(seed, port) for port in range(driver.ports))


class Once:
    """A file that one cannot go back in."""

    def __init__(self, data: bytes) -> None:
        self.read = io.BytesIO(data).read


def test_what_it_tells_of_itself(source: Mtty) -> None:
    migration = source.device.migration
    assert migration.supported
    assert migration.flags == ALL
    assert state(source) is S.RUNNING
    assert migration.data_size() == SIZE


def test_it_is_found_on_the_bus_of_its_kind(mtty: str, open_device: Opener) -> None:
    with open_device(f"/sys/bus/mdev/devices/{Path(mtty).name}") as device:
        assert device.name == Path(mtty).name
        assert device.migration.flags == ALL


def test_one_port_is_60_bytes(open_device: Opener) -> None:
    """Each step in the kernel's own words: RUNNING, STOP_COPY, STOP, RESUMING, STOP, RUNNING."""
    with mdev.created(ports=1) as folder, open_device(folder) as device:
        Mtty(device, 1).program(SEED)
        before = Mtty(device, 1).seen()
        assert device.migration.data_size() == HEADER + PORT == 60
        fd = go(device, S.STOP_COPY)
        data = os.read(fd, 4096)
        assert len(data) == 60
        assert os.read(fd, 4096) == b""
        os.close(fd)
        assert go(device, S.STOP) == -1
        fd = go(device, S.RESUMING)
        assert os.write(fd, data) == 60
        os.close(fd)
        assert go(device, S.STOP) == -1
        assert go(device, S.RUNNING) == -1
        assert Mtty(device, 1).seen() == before


def go(device: Device, new: int) -> int:
    """Ask the kernel for a state, whatever we think of it; return its `data_fd`."""
    order = f.vfio_device_feature_mig_state(new, 99)
    device.features.set(Feature.MIG_DEVICE_STATE, order)
    return int(order.data_fd)


def test_ways_are_those_of_the_kernel(mtty: str, open_device: Opener) -> None:
    """From each state to each: the kernel goes there or declines, as we think that it does."""
    with open_device(mtty) as device:
        good = raw(device)
        for old, new in product(set(S) - {S.ERROR}, S):
            device.reset()
            fds = [go(device, old)]
            if old is S.RESUMING:
                os.write(fds[0], good)
            passed = way(ALL, old, new)
            if passed is None:
                with pytest.raises(errors.VfioError) as caught:
                    go(device, new)
                assert caught.value.errno == errno.EINVAL
            else:
                fds.append(go(device, new))
                assert device.migration.state is new
                begins = new in STREAMING and bool(passed)
                goes_on = old in STREAMING and new in STREAMING and S.RESUMING not in (old, new)
                # A way that comes out of the saving states and into them again has a new stream.
                goes_on = goes_on and all(each in STREAMING for each in passed)
                assert (fds[1] >= 0) == (begins and not goes_on), (old, new)
            for fd in fds:
                if fd >= 0:
                    os.close(fd)
        device.reset()
        for unknown in (8, 99):
            with pytest.raises(errors.VfioError) as caught:
                go(device, unknown)
            assert caught.value.errno == errno.EINVAL


def raw(device: Device) -> bytes:
    """Return the data of a device, as the kernel gives it."""
    with device.migration.stop_copy(then=S.RUNNING) as stream:
        return b"".join(stream)


@pytest.mark.parametrize("pre_copy", [False, True])
def test_what_one_held_another_has(
    pre_copy: bool, source: Mtty, target: Mtty, tmp_path: Path
) -> None:
    before = source.seen()
    assert target.seen() != before
    path = tmp_path / "state"
    with path.open("wb") as file:
        assert source.device.migration.save(file, pre_copy=pre_copy) == SIZE
    assert state(source) is S.STOP
    with path.open("rb") as file:
        assert target.device.migration.load(file) == SIZE
    assert state(target) is S.RUNNING
    assert target.seen() == before
    assert holds(target, SEED)
    # What was saved is where it was as well, if it is to go on there after all.
    source.device.migration.set_state(S.RUNNING)
    assert source.seen() == before
    assert holds(source, SEED)


def test_from_one_back_end_to_the_other(mtty: str, other_mtty: str) -> None:
    for first, second in (BACKENDS, BACKENDS[::-1]):
        with (
            pyvfio.open_device(mtty, backend=first) as one,
            pyvfio.open_device(other_mtty, backend=second) as other,
        ):
            source, target = Mtty(one), Mtty(other)
            source.program(SEED)
            target.program(OTHER)
            target.device.migration.load(io.BytesIO(saved(source)))
            assert target.seen() == source.seen()
            assert holds(target, SEED)


def test_to_another_process(target: Mtty, mtty: str) -> None:
    """Through a pipe, while it is saved: the one stops, the other one runs on."""
    reading, writing = os.pipe()

    def save() -> Generator[int]:
        os.close(reading)
        with pyvfio.open_device(mtty) as device, os.fdopen(writing, "wb") as pipe:
            Mtty(device).program(SEED)
            yield device.migration.save(pipe)

    with os.fdopen(reading, "rb") as pipe, forked(save) as child:
        os.close(writing)
        assert child.value() == SIZE
        child.finish()
        assert target.device.migration.load(pipe) == SIZE
    assert holds(target, SEED)


def test_copying_while_it_runs(source: Mtty) -> None:
    """What the driver can give before is the head; what is sent meanwhile comes behind."""
    migration = source.device.migration
    with migration.pre_copy() as stream:
        assert state(source) is S.PRE_COPY
        assert migration.precopy_info() == PrecopyInfo(HEADER, 0)
        head = b"".join(stream)
        assert len(head) == HEADER
        assert migration.precopy_info() == PrecopyInfo(0, 0)
        source.device.bar(0).write8(7, 0x99)
        assert migration.set_state(S.STOP_COPY) is stream
        with pytest.raises(errors.VfioError) as caught:
            migration.precopy_info()
        assert caught.value.errno == errno.EINVAL
        rest = b"".join(stream)
        assert len(rest) == 2 * PORT
    assert state(source) is S.STOP
    assert 0x99 in rest


def test_a_copy_given_up_changes_nothing(source: Mtty) -> None:
    before = source.seen()
    with source.device.migration.pre_copy() as stream:
        stream.read(5)
    assert state(source) is S.RUNNING
    with (
        Path("/dev/full").open("wb", buffering=0) as file,
        pytest.raises(OSError, match="No space"),
    ):
        source.device.migration.save(file)
    assert state(source) is S.RUNNING
    assert source.seen() == before
    assert holds(source, SEED)


def test_a_reset_ends_a_session(source: Mtty) -> None:
    for wanted, act in (
        (S.STOP_COPY, lambda fd: os.read(fd, 1)),
        (S.RESUMING, lambda fd: os.write(fd, b"x")),
    ):
        stream = source.device.migration.set_state(wanted)
        assert stream is not None
        kept = os.dup(stream.fileno())
        source.device.reset()
        assert state(source) is S.RUNNING
        assert stream.closed
        with pytest.raises(OSError, match="No such device"):
            act(kept)
        os.close(kept)


def test_closing_a_device_that_is_being_saved(mtty: str, open_device: Opener) -> None:
    with open_device(mtty) as device:
        device.migration.set_state(S.PRE_COPY)
    with open_device(mtty) as device:
        # The kernel keeps the state; what it does not keep is the stream.
        device.reset()
        assert device.migration.state is S.RUNNING


BAD: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda _data: b"",
    "another file": lambda data: bytes(len(data)),
    "cut off in the head": lambda data: data[:6],
    "cut off in the middle": lambda data: data[: len(data) // 2],
    "cut off at the end": lambda data: data[:-1],
    "a bit of the device's head": lambda data: data[:20] + bytes([data[20] ^ 1]) + data[21:],
    "a bit of the device's data": lambda data: data[:70] + bytes([data[70] ^ 1]) + data[71:],
    "a bit of the sum": lambda data: data[:-1] + bytes([data[-1] ^ 0x80]),
}


@pytest.mark.parametrize("how", BAD)
def test_a_bad_file_is_refused_and_loses_nothing(how: str, source: Mtty, target: Mtty) -> None:
    there = target.seen()
    good = saved(source)
    bad = BAD[how](good)
    with pytest.raises(errors.BadStream):
        target.device.migration.load(io.BytesIO(bad))
    assert state(target) is S.RUNNING
    assert target.seen() == there
    # What one cannot go back in is noticed late, by us or by the device, which is then reset.
    with pytest.raises(errors.VfioError):
        target.device.migration.load(Once(bad))
    assert state(target) is S.RUNNING
    assert target.seen() == there
    assert state(source) is S.RUNNING
    # The device is of use, and so is the good file.
    target.device.migration.load(io.BytesIO(good))
    assert holds(target, SEED)
    assert holds(source, SEED)


@pytest.mark.parametrize(
    ("data", "number"),
    [
        (lambda _good: b"", errno.EINVAL),
        (lambda good: good[:-1], errno.EINVAL),
        (lambda good: b"x" + good[1:], errno.EFAULT),
        (lambda good: good + b"x", errno.ENOMEM),
    ],
    ids=["nothing", "too little", "another magic", "too much"],
)
def test_data_that_the_device_declines(
    data: Callable[[bytes], bytes], number: int, source: Mtty, target: Mtty
) -> None:
    there = target.seen()
    wrong = data(raw(source.device))
    with pytest.raises(errors.VfioError) as caught, target.device.migration.resuming() as stream:
        stream.write(wrong)
    assert caught.value.errno == number
    if number == errno.EINVAL:
        assert isinstance(caught.value, errors.MigrationError)
        assert caught.value.state is S.RESUMING
    assert state(target) is S.RUNNING
    assert target.seen() == there
    assert holds(target, OTHER)


def test_a_device_of_another_kind_declines(source: Mtty, open_device: Opener) -> None:
    with mdev.created(ports=1) as folder, open_device(folder) as device:
        single = Mtty(device, 1)
        single.program(OTHER)
        there = single.seen()
        with pytest.raises(errors.VfioError, match="it is another one's") as caught:
            device.migration.load(io.BytesIO(saved(source)))
        assert caught.value.errno in (errno.EFAULT, errno.ENOMEM)
        assert device.migration.state is S.RUNNING
        assert single.seen() == there


def test_what_no_way_leads_to(source: Mtty) -> None:
    source.device.migration.set_state(S.STOP_COPY)
    for new in (S.PRE_COPY, S.PRE_COPY_P2P, S.ERROR):
        with pytest.raises(errors.NoSuchArc) as caught:
            source.device.migration.set_state(new)
        assert caught.value.state is S.STOP_COPY
    source.device.migration.set_state(S.RUNNING)


def test_vfio_pci_itself_does_not_migrate(device: Device) -> None:
    assert not device.migration.supported
    with pytest.raises(errors.NotAvailable, match="vfio-pci itself does not") as caught:
        device.migration.save(io.BytesIO())
    assert caught.value.errno == errno.ENOTTY
    assert caught.value.arguments["feature"] == Feature.MIG_DEVICE_STATE.name
