# SPDX-License-Identifier: GPL-2.0-or-later
"""The real kernel object, asked for what needs no device; and who has a file open."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import os
import resource
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyvfio.eventfd import EventFd
from pyvfio.handle import Handle
from pyvfio.holders import holders, locked_memory, maps_a_device, pinned_memory
from pyvfio.kernel import KERNEL
from pyvfio.sysfs import Sysfs

FIONREAD = 0x541B


@pytest.fixture
def file(tmp_path: Path) -> Iterator[int]:
    path = tmp_path / "file"
    path.write_bytes(bytes(8192))
    fd = KERNEL.open(str(path))
    yield fd
    KERNEL.close(fd)


def test_files(file: int) -> None:
    assert fcntl.fcntl(file, fcntl.F_GETFD) & fcntl.FD_CLOEXEC
    assert KERNEL.pwrite(file, b"spam", 4094) == 4
    assert KERNEL.pread(file, 4, 4094) == b"spam"
    with pytest.raises(FileNotFoundError):
        KERNEL.open("/nowhere")


def test_ioctl(file: int) -> None:
    count = ctypes.c_int32()
    assert KERNEL.ioctl(file, FIONREAD, count) == 0
    assert count.value == 8192
    with pytest.raises(OSError) as caught:  # noqa: PT011 (its errno is looked at below)
        KERNEL.ioctl(file, 0x3B64)
    assert caught.value.errno == errno.ENOTTY


def test_mappings_are_not_inherited(file: int) -> None:
    shared = KERNEL.mmap(file, 4096, mmap.PROT_READ | mmap.PROT_WRITE, 4096)
    own = KERNEL.mmap(-1, 4096, mmap.PROT_READ | mmap.PROT_WRITE)
    shared[0:4] = b"spam"
    assert KERNEL.pread(file, 4, 4096) == b"spam"
    address = ctypes.addressof(ctypes.c_char.from_buffer(own))
    flags = _flags(address)
    assert "dc" in flags, "do not copy on fork"
    view = memoryview(own)
    with pytest.raises(BufferError):
        KERNEL.munmap(own)
    view.release()
    KERNEL.munmap(own)
    KERNEL.munmap(shared)


def _flags(address: int) -> list[str]:
    """Return the VmFlags of the mapping that begins at an address."""
    found = False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if "-" in line.split()[0]:
            start, _, end = line.split()[0].partition("-")
            found = int(start, 16) <= address < int(end, 16)
        elif found and line.startswith("VmFlags:"):
            return line.split()[1:]
    return []


def test_eventfds() -> None:
    with EventFd() as counter:
        assert counter.poll() == 0
        counter.signal(2)
        assert counter.wait(1.0) == 2
        started = time.monotonic()
        assert not KERNEL.poll(counter.fileno(), 0.0005)
        assert time.monotonic() - started >= 0.0005
        assert fcntl.fcntl(counter.fileno(), fcntl.F_GETFD) & fcntl.FD_CLOEXEC


def test_a_signal_does_not_end_a_wait() -> None:
    seen = []
    before = signal.signal(signal.SIGALRM, lambda *_: seen.append(1))
    try:
        with EventFd() as counter:
            signal.setitimer(signal.ITIMER_REAL, 0.01)
            assert not KERNEL.poll(counter.fileno(), 0.05)
            assert seen == [1]
    finally:
        signal.signal(signal.SIGALRM, before)


def test_files_of_sys(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    (tmp_path / "b").symlink_to("a")
    KERNEL.write_file(str(tmp_path / "a"), "spam")
    assert KERNEL.read_file(str(tmp_path / "a")) == b"spam"
    assert KERNEL.list_folder(str(tmp_path)) == ["a", "b"]
    assert KERNEL.read_link(str(tmp_path / "b")) == "a"
    assert KERNEL.real_path(str(tmp_path / "b")) == str((tmp_path / "a").resolve())
    assert (KERNEL.exists(str(tmp_path / "b")), KERNEL.exists(str(tmp_path / "c"))) == (True, False)
    with pytest.raises(FileNotFoundError):
        KERNEL.write_file(str(tmp_path / "c"), "nothing makes it")
    with pytest.raises(FileNotFoundError):
        KERNEL.real_path(str(tmp_path / "c"))


def test_limits() -> None:
    soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    assert KERNEL.memlock_limit() == (None if soft == resource.RLIM_INFINITY else soft)
    assert KERNEL.page_size == resource.getpagesize()
    assert locked_memory(KERNEL) == 0
    assert pinned_memory(KERNEL) == 0
    assert not maps_a_device(KERNEL)


def test_who_has_a_file_open(tmp_path: Path) -> None:
    path = tmp_path / "group"
    path.touch()
    assert holders(KERNEL, str(path)) == ()
    with Handle.open(KERNEL, str(path)):
        name = Path("/proc/self/comm").read_text().strip()
        assert holders(KERNEL, str(path)) == (f"{os.getpid()} ({name})",)
        assert holders(KERNEL, str(path), others=True) == ()


def test_what_may_be_opened(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert not KERNEL.may_open(str(path))
    path.touch()
    assert KERNEL.may_open(str(path))
    assert KERNEL.exists(str(path))
    with Handle.open(KERNEL, str(path)) as handle:
        fd = handle.release()
        assert handle.closed
    assert os.fstat(fd).st_size == 0, "it is open still"
    KERNEL.close(fd)


def test_the_pci_functions_of_this_machine(tmp_path: Path) -> None:
    """The same reader, on a /sys of files."""
    folder = tmp_path / "bus/pci/devices/0000:00:1f.0"
    (tmp_path / "kernel/iommu_groups/7/devices").mkdir(parents=True)
    (tmp_path / "bus/pci/drivers/vfio-pci").mkdir(parents=True)
    folder.mkdir(parents=True)
    (tmp_path / "kernel/iommu_groups/7/devices/0000:00:1f.0").symlink_to(folder)
    (folder / "driver").symlink_to(tmp_path / "bus/pci/drivers/vfio-pci")
    (folder / "iommu_group").symlink_to(tmp_path / "kernel/iommu_groups/7")
    for name, text in (("vendor", "0x8086\n"), ("device", "0x2918\n"), ("class", "0x060100\n")):
        (folder / name).write_text(text)
    sysfs = Sysfs(root=str(tmp_path))
    (function,) = sysfs.pci_functions()
    assert (function.vendor_id, function.device_id, function.class_code) == (
        0x8086,
        0x2918,
        0x60100,
    )
    assert (function.driver, function.driver_override, function.group) == ("vfio-pci", None, 7)
    assert function.reset_methods == ()
    assert sysfs.neighbours(7) == {"0000:00:1f.0": "vfio-pci"}
    assert sysfs.place("00:1f.0").path == str(folder.resolve())
    assert sysfs.place(str(folder)).name == "0000:00:1f.0"
