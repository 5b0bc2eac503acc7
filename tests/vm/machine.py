# SPDX-License-Identifier: GPL-2.0-or-later
"""One run of the machine: QEMU, emulating all of a PC with an IOMMU, from boot to power-off.

Software emulation (TCG) always: it is there where /dev/kvm is not, and gives each machine the
same devices and the same IOMMU.
"""

from __future__ import annotations

import io
import socket
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Self

from . import image, packages
from .guest import devices

_ARGUMENTS = (
    # One CPU: with two at once, kernels that change their own code (int3 and back) die of it under
    # TCG, one boot in ten on a busy host.
    *"-nodefaults -no-user-config -display none -no-reboot".split(),
    *"-machine q35 -accel tcg -cpu max -m 1024".split(),
)
_KERNEL_ARGUMENTS = (
    "console=ttyS0 quiet intel_iommu=on"
    # A panic reboots at once, and -no-reboot makes that QEMU's end.
    " panic=-1"
    # On a host that has no time for it, the guest must not measure clocks against each other: it
    # finds that its timer is broken (a panic), or takes its seconds for shorter than they are.
    # The HPET alone tells how fast it is.
    " no_timer_check tsc=unstable clocksource=hpet nolapic_timer"
)

SILENCE = 120.0
"""Seconds without a report; a boot takes six, a test less, but the host may be busy."""


class Iommu(Enum):
    """What stands between the machine's devices and its memory: QEMU's word for it."""

    REMAPPING = "intel-iommu,caching-mode=on,intremap=on"
    NO_REMAPPING = "intel-iommu,caching-mode=on,intremap=off"
    """Interrupts are not remapped: VFIO refuses to set it up (EPERM)."""
    NONE = ""


_DISK = 1 << 20  # bytes

TAIL = 6000
"""How much of the end of a console is shown, in characters."""


class GuestError(Exception):
    """The guest did not come to its end; the text shows the end of its console."""


@dataclass(frozen=True)
class Results:
    """What a guest left: the exit code of its command, and the files of its folder /out."""

    status: int
    files: Mapping[str, bytes]
    console: str


class Machine:
    """A guest that runs *command* (of sh, in /qomgen) and powers itself off.

    *files* are what it has in /qomgen: name there -> file or folder here.  *silence* is how long,
    in seconds, it may send no report; *iommu* is what it has for one.  Leaving the context ends
    QEMU.  Raises what `image.base` raises.
    """

    def __init__(
        self,
        command: str,
        files: Mapping[str, Path],
        *,
        iommu: Iommu = Iommu.REMAPPING,
        silence: float = SILENCE,
    ) -> None:
        self._silence = silence
        self._folder = tempfile.TemporaryDirectory(prefix="qomgen-vm-")
        here = Path(self._folder.name)
        self._console = here / "console"
        self._errors = here / "errors"
        self._tar = here / "results.tar"
        base = image.base()
        with (here / "initrd").open("wb") as stream:
            image.write_initrd(stream, base, files, command)

        disk = here / "disk"
        with disk.open("wb") as stream:
            stream.truncate(_DISK)
        self._reports, reports = socket.socketpair()
        # QEMU holds both ends: what the guest writes to its port is read by QEMU's monitor.
        monitor, port = socket.socketpair()
        ours = (reports, monitor, port)
        words = ["nice", "-n", "10", packages.qemu(), *_ARGUMENTS]
        if iommu.value:
            words += ["-device", iommu.value]
        words += devices.qemu_words(disk)
        words += ["-kernel", str(base.kernel), "-initrd", str(here / "initrd")]
        words += ["-append", _KERNEL_ARGUMENTS, "-serial", f"file:{self._console}"]
        words += ["-device", "virtio-serial-pci,bus=pcie.0,addr=1e.0"]
        words += ["-chardev", f"socket,id=qmp,fd={monitor.fileno()}"]
        words += ["-mon", "chardev=qmp,mode=control"]
        for number, (name, chardev) in enumerate(
            (
                (devices.RESULTS, f"file,path={self._tar}"),
                (devices.REPORTS, f"socket,fd={reports.fileno()}"),
                (devices.MONITOR, f"socket,fd={port.fileno()}"),
            ),
            start=1,
        ):
            kind, options = chardev.split(",", 1)
            words += ["-chardev", f"{kind},id={name},{options}"]
            words += ["-device", f"virtserialport,nr={number},chardev={name},name={name}"]
        with self._errors.open("wb") as stream:
            self._process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                pass_fds=[end.fileno() for end in ours],
            )
        for end in ours:
            end.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End QEMU, however far it is, and take away its files."""
        self._process.kill()
        self._process.wait()
        self._reports.close()
        self._folder.cleanup()

    def reports(self) -> Iterator[bytes]:
        """The lines that the guest writes to its port of reports, until it powers off.

        Raises `GuestError` when none comes for too long.
        """
        self._reports.settimeout(self._silence)
        buffered = b""
        while True:
            try:
                received = self._reports.recv(1 << 16)
            except TimeoutError:
                raise self._error(f"nothing was heard of it for {self._silence:g} s") from None
            if not received:
                return
            *lines, buffered = (buffered + received).split(b"\n")
            yield from lines

    def results(self) -> Results:
        """What the guest left, once it has powered off.

        Raises `GuestError` when it does not, or leaves nothing.
        """
        for _ in self.reports():
            pass
        code = self._process.wait()
        if code:
            raise self._error(f"QEMU ended with exit code {code}")
        try:
            with tarfile.open(fileobj=io.BytesIO(self._tar.read_bytes())) as tar:
                members = {member.name: tar.extractfile(member) for member in tar}
                files = {
                    name.removeprefix("./"): file.read() for name, file in members.items() if file
                }
            return Results(int(files["status"]), files, self._read_console())
        except (tarfile.TarError, KeyError, ValueError) as error:
            raise self._error(f"it brought no results back ({error!r})") from error

    def _read_console(self) -> str:
        """What the guest's kernel and command have written so far."""
        text = self._console.read_bytes() if self._console.exists() else b""
        return text.decode(errors="replace").replace("\r\n", "\n")

    def _error(self, what: str) -> GuestError:
        errors = self._errors.read_text(errors="replace").strip()
        parts = [f"the guest: {what}", errors and f"QEMU said:\n{errors}"]
        parts.append(f"the end of its console:\n{self._read_console()[-TAIL:]}")
        return GuestError("\n".join(part for part in parts if part))
