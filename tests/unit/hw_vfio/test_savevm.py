# SPDX-License-Identifier: GPL-2.0-or-later
"""A device that is saved to a file and loaded into another; files that are bad, and devices that decline them."""

from __future__ import annotations

import hashlib
import io
import json
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hw_vfio import pci
from hw_vfio.config import PCI_MSI_FLAGS
from hw_vfio.interrupts import VFIO_INT_MSI, VFIO_INT_INTx
from hw_vfio.migration import vfio_migration
from hw_vfio.savevm import VFIO_MIG_FLAG_END_OF_STATE as EOS
from hw_vfio.savevm import vfio_load, vfio_save
from pyqom import Error
from pyqom.pci_config import PCI_COMMAND, PCI_COMMAND_MEMORY, PCI_INTERRUPT_PIN
from pyvfio.migstate import MigState
from qomgen_devices.vfio_pci import VFIOPCIDevice
from tests.unit.hw_vfio.made_up import a_world, folder, plugged
from tests.unit.pyqom.says import refused
from tests.unit.pyvfio.fake.kernel import FakeKernel
from tests.unit.pyvfio.fake.machine import Machine
from tests.unit.pyvfio.fake.machines import HELD, SOURCE, TARGET, standard
from tests.unit.pyvfio.fake.migration import HEADER, MAGIC, MigratingDevice

GROUPS = {SOURCE: 15, TARGET: 16}
NAME = b"0000:00:01.0/vfio"
NOTHING = bytes(len(HELD))


@pytest.fixture
def machine() -> Iterator[Machine]:
    made = standard()
    for address in GROUPS:
        made.functions[address].config[PCI_INTERRUPT_PIN] = 1
    yield made
    made.close()


@pytest.fixture
def kernel(machine: Machine) -> FakeKernel:
    return FakeKernel(machine)


@contextmanager
def device(
    kernel: FakeKernel, where: Path, address: str, series: str = "10.0"
) -> Iterator[VFIOPCIDevice]:
    """A device alone in a machine of its own."""
    with a_world(series), plugged(kernel, folder(where, address, GROUPS[address])) as vdev:
        yield vdev


def held(machine: Machine, address: str) -> bytes:
    return machine.functions[address].extras.held.data


def state(vdev: VFIOPCIDevice) -> MigState:
    """The state, as the kernel tells it and as the device remembers it."""
    assert vdev.vbasedev.device is not None
    told = vdev.vbasedev.device.migration.state
    assert vfio_migration(vdev.vbasedev).device_state is told
    return told


@pytest.fixture
def saved(kernel: FakeKernel, tmp_path: Path) -> bytes:
    """What is saved of the source, which runs on, with MSI and memory on."""
    file = io.BytesIO()
    with device(kernel, tmp_path, SOURCE) as vdev:
        pci.config_write(vdev, PCI_COMMAND, PCI_COMMAND_MEMORY, 2)
        pci.config_write(vdev, vdev.msi_cap + PCI_MSI_FLAGS, 1, 2)
        assert vfio_save(vdev.vbasedev, file) == len(file.getvalue())
        assert state(vdev) is MigState.RUNNING
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


# --- the file -------------------------------------------------------------------------------------


def section(kind: int, body: bytes) -> bytes:
    """A section, put together by hand."""
    named = (
        struct.pack(">B", len(NAME)) + NAME + struct.pack(">II", 0, 1) if kind in (1, 4) else b""
    )
    return struct.pack(">BI", kind, 1) + named + body + struct.pack(">BI", 0x7E, 1)


def flag(number: int) -> bytes:
    return struct.pack(">Q", 0xFFFFFFFFEF100000 + number)


def data(content: bytes) -> bytes:
    return flag(4) + struct.pack(">Q", len(content)) + content


def whole(*sections: bytes, told: dict[str, object] | None = None) -> bytes:
    """A file, put together by hand."""
    text = b"QEVM" + struct.pack(">I", 3) + b"".join(sections) + b"\0"
    if told is None:
        told = {"sha256": hashlib.sha256(text).hexdigest()}
    description = json.dumps(told).encode()
    return text + struct.pack(">BI", 6, len(description)) + description


def configuration(machine: Machine, **changes: int) -> bytes:
    """A configuration as QEMU writes it: version, 256 bytes, four pins."""
    config = bytearray(machine.functions[TARGET].config[:256])
    config[0x10:0x34] = bytes(0x24)
    config[0x2C:0x30] = machine.functions[TARGET].config[0x2C:0x30]
    for place, value in changes.items():
        config[int(place.removeprefix("at"), 16)] = value
    return struct.pack(">I", 2) + config + bytes(16)


def test_the_file_is_one_of_qemus(saved: bytes) -> None:
    """Oracle: what QEMU 10.0's savevm.c and hw/vfio/migration.c write, put down here by hand."""
    header = HEADER.pack(MAGIC, len(HELD))
    start = b"QEVM" + struct.pack(">I", 3) + section(1, flag(3) + flag(1))
    part, end = section(2, data(header) + flag(1)), section(3, data(HELD) + flag(1))
    assert saved.startswith(start + part + end)
    rest = saved[len(start + part + end) :]
    head = struct.pack(">BIB", 4, 1, len(NAME)) + NAME + struct.pack(">IIQ", 0, 1, EOS + 1)
    assert rest.startswith(head + struct.pack(">I", 2))
    config, rest = rest[len(head) + 4 :][:256], rest[len(head) + 4 + 256 :]
    assert struct.unpack_from("<HHH", config) == (0x1234, 0x11E8, PCI_COMMAND_MEMORY)
    assert rest.startswith(bytes(16) + flag(1) + struct.pack(">BIB", 0x7E, 1, 0) + b"\x06")
    told = json.loads(rest[16 + 8 + 5 + 1 + 1 + 4 :])
    assert told["devices"] == [{"name": NAME.decode(), "instance_id": 0, "version": 1}]


def test_what_one_held_another_has(
    saved: bytes, kernel: FakeKernel, machine: Machine, tmp_path: Path
) -> None:
    with device(kernel, tmp_path, TARGET) as vdev:
        vfio_load(vdev.vbasedev, io.BytesIO(saved))
        assert held(machine, TARGET) == HELD
        assert state(vdev) is MigState.RUNNING
        assert vdev.interrupt == VFIO_INT_MSI
        assert machine.functions[TARGET].config[PCI_COMMAND] & PCI_COMMAND_MEMORY
        again = io.BytesIO()
        vfio_save(vdev.vbasedev, again)
    assert again.getvalue() == saved
    assert not kernel.leaks()


def test_a_stopped_device_stays_stopped(
    kernel: FakeKernel, machine: Machine, tmp_path: Path
) -> None:
    file = io.BytesIO()
    with device(kernel, tmp_path, SOURCE) as vdev:
        vfio_save(vdev.vbasedev, file, then=MigState.STOP)
        assert state(vdev) is MigState.STOP
        once = file.getvalue()
        vfio_save(vdev.vbasedev, io.BytesIO(), then=MigState.STOP)
        assert state(vdev) is MigState.STOP
    with device(kernel, tmp_path, TARGET) as vdev:
        vfio_load(vdev.vbasedev, io.BytesIO(once), then=MigState.STOP)
        assert state(vdev) is MigState.STOP
    assert held(machine, TARGET) == HELD


@pytest.mark.parametrize("flags", [1, 3, 5, 7])
def test_devices_that_know_less(
    flags: int, kernel: FakeKernel, machine: Machine, tmp_path: Path
) -> None:
    for address in GROUPS:
        machine.functions[address].extras.held.flags = flags
    file = io.BytesIO()
    with device(kernel, tmp_path, SOURCE) as vdev:
        vfio_save(vdev.vbasedev, file)
        assert state(vdev) is MigState.RUNNING
    with device(kernel, tmp_path, TARGET) as vdev:
        vfio_load(vdev.vbasedev, io.BytesIO(file.getvalue()))
        assert state(vdev) is MigState.RUNNING
    assert held(machine, TARGET) == HELD


def test_a_pipe_will_do(kernel: FakeKernel, machine: Machine, tmp_path: Path) -> None:
    pipe = Pipe()
    with device(kernel, tmp_path, SOURCE) as vdev:
        vfio_save(vdev.vbasedev, pipe)
    pipe.data += b"what follows"
    with device(kernel, tmp_path, TARGET) as vdev:
        vfio_load(vdev.vbasedev, pipe)
    assert held(machine, TARGET) == HELD
    assert pipe.data == b"what follows"


def test_a_file_put_together_by_hand(kernel: FakeKernel, machine: Machine, tmp_path: Path) -> None:
    """As QEMU would write it, which has no sum in what it tells of the sections."""
    state_of_it = data(HEADER.pack(MAGIC, len(HELD))) + data(HELD[:9]) + data(b"") + data(HELD[9:])
    text = whole(
        section(1, flag(3) + flag(1)),
        section(2, flag(1)),
        section(3, state_of_it + flag(1)),
        section(4, flag(2) + configuration(machine) + flag(1)),
        told={"page_size": 4096, "devices": []},
    )
    with device(kernel, tmp_path, TARGET) as vdev:
        vfio_load(vdev.vbasedev, io.BytesIO(text))
        assert vdev.interrupt == VFIO_INT_INTx
    assert held(machine, TARGET) == HELD


# --- files that are bad ---------------------------------------------------------------------------

Bad = Callable[[Machine], bytes]
GOOD = section(3, data(HEADER.pack(MAGIC, len(HELD)) + HELD) + flag(1))


def full(machine: Machine, **changes: int) -> bytes:
    return section(4, flag(2) + configuration(machine, **changes) + flag(1))


UNKNOWN = (
    "Unknown savevm section or instance '0000:00:1f.2/ahci' 0. Make sure that your current VM"
    " setup matches your saved VM setup, including any hotplugged devices"
)
OTHER_VENDOR = (
    "get_pci_config_device: Bad config data: i=0x1 read: 56 device: 12 cmask: ff wmask: 0"
    " w1cmask:0"
)
TOO_LITTLE = (
    f"{TARGET}: Failed setting device state to STOP. Recover state is ERROR. Resetting device:"
    " Invalid argument"
)
BAD: dict[str, tuple[Bad, str]] = {
    "nothing": (lambda _: b"", "load of migration failed: Input/output error"),
    "something else": (lambda _: b"\x7fELF" * 9, "Not a migration stream"),
    "an old file": (
        lambda _: b"QEVM\0\0\0\2",
        "SaveVM v2 format is obsolete and don't work anymore",
    ),
    "a newer file": (lambda _: b"QEVM\0\0\0\4", "Unsupported migration stream version"),
    "a section that is none": (lambda _: b"QEVM\0\0\0\3\x09", "Unknown savevm section type 9"),
    "no beginning": (lambda _: whole(GOOD), "Unknown savevm section 1"),
    "another device": (
        lambda _: whole(section(1, flag(1)).replace(NAME, b"0000:00:1f.2/ahci")),
        UNKNOWN,
    ),
    "a newer section": (
        lambda _: whole(section(1, b"").replace(b"\0\0\0\1\x7e", b"\0\0\0\2\x7e")),
        "savevm: unsupported version 2 for '0000:00:01.0/vfio' v1",
    ),
    "no end of set-up": (
        lambda _: whole(section(1, flag(3) + flag(4))),
        f"{TARGET}: SETUP STATE: EOS not found 0xffffffffef100004",
    ),
    "an unknown tag": (
        lambda _: whole(section(1, flag(9))),
        f"{TARGET}: Unknown tag 0xffffffffef100009",
    ),
    "an answer nobody asked for": (
        lambda _: whole(section(1, flag(5))),
        f"{TARGET}: Received INIT_DATA_SENT but switchover ack is not used",
    ),
    "no footer": (
        lambda _: whole(section(1, flag(1))[:-5] + b"\1"),
        "Missing section footer for 0000:00:01.0/vfio",
    ),
    "another footer": (
        lambda _: whole(section(1, flag(1))[:-1] + b"\7"),
        "Mismatched section id in footer for 0000:00:01.0/vfio - read 0x7 expected 0x1",
    ),
    "no data": (
        lambda machine: whole(full(machine)),
        f"{TARGET}: the file does not hold all of a device",
    ),
    "no configuration": (
        lambda _: whole(section(1, flag(1)), GOOD),
        f"{TARGET}: the file does not hold all of a device",
    ),
    "another vendor's device": (
        lambda machine: whole(section(1, flag(1)), GOOD, full(machine, at1=0x56)),
        OTHER_VENDOR,
    ),
    "a pin of level 2": (
        lambda machine: whole(section(4, flag(2) + configuration(machine)[:-1] + b"\2" + flag(1))),
        "irq state 2: must be 0 or 1.",
    ),
    "a configuration of version 3": (
        lambda machine: whole(
            section(4, flag(2) + b"\0\0\0\3" + configuration(machine)[4:] + flag(1))
        ),
        "Invalid value 3 expecting positive value <= 2",
    ),
    "a longer configuration": (
        lambda machine: whole(section(4, flag(2) + configuration(machine) + flag(4) + flag(1))),
        f"{TARGET}: Failed loading device config space, end flag incorrect 0xffffffffef100004",
    ),
    "a picture": (
        lambda machine: whole(section(4, flag(2) + configuration(machine) + b"\5" * 99)),
        f"{TARGET}: a part of the configuration is for a display, which there is none of",
    ),
    "no description": (
        lambda machine: whole(section(1, flag(1)), GOOD, full(machine)).partition(b"\x06\0\0")[0]
        + b"\1",
        "Expected vmdescription section, but got 1",
    ),
    "a description that is none": (
        lambda machine: whole(section(1, flag(1)), GOOD, full(machine)).partition(b"\x06\0\0")[0]
        + b"\6\0\0\0\2{x",
        "the description behind the saved state is no JSON",
    ),
    "a description of another kind": (
        lambda machine: whole(section(1, flag(1)), GOOD, full(machine)).partition(b"\x06\0\0")[0]
        + b"\6\0\0\0\2[]",
        "the description behind the saved state is no JSON object",
    ),
    "a description without end": (
        lambda machine: whole(section(1, flag(1)), GOOD, full(machine)).partition(b"\x06\0\0")[0]
        + b"\6\xff\xff\xff\xff",
        "a description of 4294967295 bytes stands behind the saved state",
    ),
    "another sum": (
        lambda machine: whole(section(1, flag(1)), GOOD, full(machine), told={"sha256": "0" * 64}),
        "the saved state was changed: its SHA-256 is another one",
    ),
    "data the device does not know": (
        lambda machine: whole(
            section(1, flag(1)), section(3, data(b"x" * 60) + flag(1)), full(machine)
        ),
        f"{TARGET}: the device declines the data: Bad address",
    ),
    "too little data": (
        lambda machine: whole(
            section(1, flag(1)),
            section(3, data(HEADER.pack(MAGIC, len(HELD))) + flag(1)),
            full(machine),
        ),
        TOO_LITTLE,
    ),
}


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a reset take away what a device holds, as it does of most."""
    as_it_is = MigratingDevice.reset

    def reset(device: MigratingDevice) -> None:
        as_it_is(device)
        device.held.data = bytes(len(device.held.data))

    monkeypatch.setattr(MigratingDevice, "reset", reset)


@pytest.mark.parametrize("what", BAD)
@pytest.mark.parametrize("before", [MigState.RUNNING, MigState.STOP])
@pytest.mark.usefixtures("forgetful")
def test_a_bad_file_is_refused_and_nothing_is_lost(
    what: str, before: MigState, kernel: FakeKernel, machine: Machine, tmp_path: Path
) -> None:
    make, text = BAD[what]
    machine.functions[TARGET].extras.held.data = kept = bytes(reversed(HELD))
    with device(kernel, tmp_path, TARGET) as vdev:
        vfio_save(vdev.vbasedev, io.BytesIO(), then=before)
        pci.config_write(vdev, PCI_COMMAND, PCI_COMMAND_MEMORY, 2)
        config = bytes(vdev.config)
        with refused(text):
            vfio_load(vdev.vbasedev, io.BytesIO(make(machine)))
        assert held(machine, TARGET) == kept
        assert state(vdev) is before
        assert bytes(vdev.config) == config
        assert vdev.interrupt == VFIO_INT_INTx
    assert not kernel.leaks()


def test_each_byte_that_is_missing_or_changed_is_noticed(
    saved: bytes, kernel: FakeKernel, machine: Machine, tmp_path: Path
) -> None:
    with device(kernel, tmp_path, TARGET) as vdev:
        accepted = []
        for place in range(len(saved)):
            for bad in (
                saved[:place],
                saved[:place] + bytes((saved[place] ^ 1,)) + saved[place + 1 :],
            ):
                try:
                    vfio_load(vdev.vbasedev, io.BytesIO(bad))
                except Error:
                    continue
                accepted.append(place)
        # In the description's other words a change is none of what it describes.
        assert min(accepted) >= saved.index(b"page_size")
        assert held(machine, TARGET) == HELD
        machine.functions[TARGET].extras.held.data = NOTHING
        with pytest.raises(Error, match="SHA-256"):
            vfio_load(vdev.vbasedev, io.BytesIO(saved.replace(HELD, bytes(reversed(HELD)))))
        assert held(machine, TARGET) == NOTHING


@pytest.mark.usefixtures("forgetful")
def test_a_device_that_breaks_gets_back_what_it_held(
    kernel: FakeKernel, machine: Machine, tmp_path: Path
) -> None:
    machine.functions[TARGET].extras.held.breaks = True
    machine.functions[TARGET].extras.held.data = kept = bytes(reversed(HELD))
    make, _ = BAD["too little data"]
    with device(kernel, tmp_path, TARGET) as vdev:
        with pytest.raises(Error) as caught:
            vfio_load(vdev.vbasedev, io.BytesIO(make(machine)))
        assert "lost" not in caught.value.hint
        assert held(machine, TARGET) == kept
        assert state(vdev) is MigState.RUNNING


def test_what_is_lost_is_told(kernel: FakeKernel, machine: Machine, tmp_path: Path) -> None:
    make, text = BAD["data the device does not know"]
    with device(kernel, tmp_path, TARGET) as vdev:
        machine.functions[TARGET].resettable = False
        with pytest.raises(Error) as caught:
            vfio_load(vdev.vbasedev, io.BytesIO(make(machine)))
        assert str(caught.value) == text
        lost = f"what the device held is lost: {TARGET}: Failed resetting device, err: Invalid argument"
        assert lost in caught.value.hint


def test_a_full_disk_leaves_the_device_running(kernel: FakeKernel, tmp_path: Path) -> None:
    class Full(Pipe):
        def write(self, data: bytes) -> int:
            if len(self.data) > 200:
                raise OSError(28, "No space left on device")
            return super().write(data)

    with device(kernel, tmp_path, SOURCE) as vdev:
        with pytest.raises(OSError, match="No space left"):
            vfio_save(vdev.vbasedev, Full())
        assert state(vdev) is MigState.RUNNING
        vfio_save(vdev.vbasedev, io.BytesIO())
    assert not kernel.leaks()


def test_a_tag_of_later_is_unknown_before(kernel: FakeKernel, tmp_path: Path) -> None:
    for series, text in (
        ("10.0", f"{TARGET}: Unknown tag 0xffffffffef100006"),
        ("10.2", f"{TARGET}: got DEV_CONFIG_LOAD_READY outside multifd transfer"),
    ):
        with device(kernel, tmp_path, TARGET, series) as vdev, refused(text):
            vfio_load(vdev.vbasedev, io.BytesIO(whole(section(1, flag(6)))))


def test_a_reset_is_noticed(kernel: FakeKernel, tmp_path: Path) -> None:
    with device(kernel, tmp_path, SOURCE) as vdev:
        vfio_save(vdev.vbasedev, io.BytesIO(), then=MigState.STOP)
        pci.reset(vdev)
        assert state(vdev) is MigState.RUNNING
        vfio_save(vdev.vbasedev, io.BytesIO())
        assert state(vdev) is MigState.RUNNING
    assert not kernel.leaks()
