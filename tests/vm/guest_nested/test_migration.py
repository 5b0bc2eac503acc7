# SPDX-License-Identifier: GPL-2.0-only
"""What pyqom saves of a vfio-pci, a real QEMU 10.0 loads; and what that saves, pyqom loads.

The device is the kernel's mtty, which migrates. QEMU's file has all of its machine in it: the device's sections are
taken out of it, as they are.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hw_vfio.region import vfio_region_read, vfio_region_write
from hw_vfio.savevm import vfio_load, vfio_save
from pyqom import Error
from pyqom.pci_config import PCI_BASE_ADDRESS_0
from pyvfio.opening import Backend
from qomgen_devices.vfio_pci import VFIOPCIDevice
from tests.vm.guest import mdev, plugs
from tests.vm.guest.backends import BACKENDS
from tests.vm.guest_nested.innermost import Innermost, QemuError

SLOT = 4
PORT = 0xC000
SCRATCH = 7
MARK = 0xA5
NAME = f"0000:00:{SLOT:02x}.0/vfio".encode()
EOS, SETUP = (struct.pack(">Q", 0xFFFFFFFFEF100000 + each) for each in (1, 3))
PATIENCE = 30.0  # seconds

WITHOUT_THE_MACHINE = ("-global", "migration.send-configuration=off")
"""Expect no section that names the machine. QEMU 10.0 itself cannot save like that: it aborts."""


@pytest.fixture
def mtty() -> Iterator[str]:
    """The folder of two serial ports below /sys."""
    with mdev.created() as folder:
        yield folder


@pytest.fixture
def other_mtty() -> Iterator[str]:
    """That of two others."""
    with mdev.created() as folder:
        yield folder


@contextmanager
def ours(folder: str, backend: Backend) -> Iterator[VFIOPCIDevice]:
    """The serial ports in a machine of pyqom's."""
    with plugs.machine("10.0", backend), plugs.plugged(sysfsdev=folder, addr=str(SLOT)) as vdev:
        plugs.switch_on(vdev)
        yield vdev


def theirs(folder: str, backend: Backend, *more: str) -> Innermost:
    """The serial ports in a machine of QEMU's."""
    before: tuple[str, ...] = ()
    option = ""
    if backend == "iommufd":
        before, option = ("-object", "iommufd,id=iommu"), ",iommufd=iommu"
    device = f"vfio-pci,sysfsdev={folder},addr={SLOT}.0,enable-migration=on{option}"
    return Innermost(*before, "-device", device, *more)


def migrated(machine: Innermost) -> str:
    """Wait for the end of a migration, and tell what became of it."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        status = machine.qmp("query-migrate").get("status")
        if status in ("completed", "failed"):
            return str(status)
        time.sleep(0.1)
    return "not done"


def scratch(machine: Innermost, port: int) -> int:
    """A byte of the machine's I/O space."""
    _, value = machine.hmp(f"i /1b {port:#x}").split(" = ")
    return int(value, 16)


@pytest.mark.parametrize("backend", BACKENDS)
def test_qemu_loads_what_is_saved_here(
    mtty: str, other_mtty: str, backend: Backend, tmp_path: Path
) -> None:
    file = tmp_path / "state"
    with ours(mtty, backend) as vdev:
        for number in range(2):
            plugs.write(vdev, PCI_BASE_ADDRESS_0 + 4 * number, PORT + 0x100 * number, 4)
            vfio_region_write(vdev, number, SCRATCH, MARK + number, 1)
        with file.open("wb") as stream:
            vfio_save(vdev.vbasedev, stream)
    with theirs(other_mtty, backend, *WITHOUT_THE_MACHINE, "-incoming", f"file:{file}") as machine:
        assert migrated(machine) == "completed"
        # It takes its data when it runs.
        machine.qmp("cont")
        found = [scratch(machine, PORT + 0x100 * number + SCRATCH) for number in range(2)]
        assert found == [MARK, MARK + 1]


def test_qemu_refuses_what_is_refused_here(mtty: str, other_mtty: str, tmp_path: Path) -> None:
    """The same text: another place, another flag."""
    backend: Backend = "legacy"
    with ours(mtty, backend) as vdev:
        stream = io.BytesIO()
        vfio_save(vdev.vbasedev, stream)
    good = stream.getvalue()
    flag = good.replace(SETUP, SETUP[:-1] + b"\x0f", 1)
    for bad in (good.replace(NAME, NAME.replace(b"04.0", b"05.0")), flag):
        with ours(other_mtty, backend) as vdev, pytest.raises(Error) as caught:
            vfio_load(vdev.vbasedev, io.BytesIO(bad))
        file = tmp_path / "bad"
        file.write_bytes(bad)
        # It ends, and says why.
        assert str(caught.value) in last_words(other_mtty, backend, file)


def last_words(folder: str, backend: Backend, file: Path) -> str:
    """What QEMU says that cannot load a file."""
    try:
        more = (*WITHOUT_THE_MACHINE, "-incoming", f"file:{file}")
        with theirs(folder, backend, *more) as machine:
            return migrated(machine)
    except QemuError as error:
        return str(error)


def sections(file: bytes) -> bytes:
    """The sections of the device in a file of QEMU's, in their order."""
    named = struct.pack(">B", len(NAME)) + NAME
    start = file.index(named) - 5
    number = re.escape(file[start + 1 : start + 5])
    head = rb"(?:[\1\4]%b%b.{8}|[\2\3]%b)" % (number, re.escape(named), number)
    whole = rb"%b(?=\xff{4}\xef\x10\x00).*?%b\x7e%b" % (head, re.escape(EOS), number)
    return b"".join(re.findall(whole, file[start:], re.DOTALL))


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_qemu_saves_is_loaded_here(
    mtty: str, other_mtty: str, backend: Backend, tmp_path: Path
) -> None:
    file = tmp_path / "state"
    with theirs(mtty, backend) as machine:
        machine.write_config(SLOT, PCI_BASE_ADDRESS_0, PORT)
        machine.write_config(SLOT, 4, 1)
        machine.hmp(f"o /b {PORT + SCRATCH:#x} {MARK:#x}")
        assert scratch(machine, PORT + SCRATCH) == MARK
        machine.qmp("migrate", uri=f"file:{file}")
        assert migrated(machine) == "completed"
    text = b"QEVM" + struct.pack(">I", 3) + sections(file.read_bytes()) + b"\0"
    description = json.dumps({"sha256": hashlib.sha256(text).hexdigest()}).encode()
    text += struct.pack(">BI", 6, len(description)) + description
    with ours(other_mtty, backend) as vdev:
        vfio_load(vdev.vbasedev, io.BytesIO(text))
        assert vfio_region_read(vdev, 0, SCRATCH, 1) == MARK
        assert plugs.read(vdev, PCI_BASE_ADDRESS_0, 4) & ~3 == PORT
