# SPDX-License-Identifier: GPL-2.0-or-later
"""QEMU itself: built once from the untouched tree, then linked again with other objects."""

from __future__ import annotations

import json
import shlex
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self, cast

from . import cache, headers, objects
from .compiler import Overlay, compiled
from .run import run
from .tree import Build, build
from .units import DECLARATIONS, DEFINITIONS, Declaration, Definition

ARCH = "x86_64"
_PROGRAM = f"qemu-system-{ARCH}"
_INTROSPECT_TEST = "tests/qtest/device-introspect-test"

# q35 wants a BIOS of this size and qtest never runs it.
_BIOS = ("bios-256k.bin", 256 * 1024)


def qemu_binary(series: str) -> Path:
    """QEMU of *series* for x86_64 with VFIO, built from the untouched tree (minutes, once).

    It finds its firmware (zeros) by itself.  Raises what `tree.build` raises, and
    `run.CommandError` when the build fails.
    """
    where = build(series, ARCH)
    where.ninja([_PROGRAM])
    give_firmware(where.path)
    return where.path / _PROGRAM


def introspect_test(series: str) -> Path:
    """QEMU's own device-introspect-test, to be run on a binary of the same series."""
    where = build(series, ARCH)
    where.ninja([_INTROSPECT_TEST])
    return where.path / _INTROSPECT_TEST


def give_firmware(folder: Path) -> None:
    """Put beside a program in *folder* the firmware (zeros) that q35 does not start without."""
    name, size = _BIOS
    firmware = folder / "qemu-bundle" / "usr" / "local" / "share" / "qemu" / name
    if not firmware.exists():
        cache.write(firmware, bytes(size))


def units_here(series: str) -> tuple[list[Definition], list[Declaration]]:
    """The rows of both tables that this binary holds."""
    return (
        [row for row in DEFINITIONS if series in row.series and row.arch == ARCH],
        [row for row in DECLARATIONS if series in row.series and row.arch == ARCH],
    )


def replaced(series: str, parts: Mapping[str, str]) -> dict[str, Path]:
    """Objects of all x86 units at once, declarations and definitions: source -> object.

    *parts* are texts by file name (``vfio-pci.h.inc``, ``vfio-pci.c.inc``); for one that it lacks
    QEMU's own text stays.
    """
    where = build(series, ARCH)
    files: dict[str, str] = {}
    aliases: dict[str, str] = {}
    sources: list[str] = []
    definitions, declarations = units_here(series)
    for declared in declarations:
        if declared.part in parts:
            added = headers.overlay(declared, series, parts)
            files.update(added.files)
            aliases.update(added.aliases)
            sources += headers.readers(where, declared.header)
    for defined in definitions:
        if defined.part in parts:
            text = files.get(defined.source) or where.tree.read(defined.source)
            files.update(objects.overlay(defined, parts, text).files)
            sources.append(defined.source)
    overlay = Overlay(files, aliases)
    return {source: compiled(where, source, overlay) for source in dict.fromkeys(sources)}


def linked(series: str, made: Mapping[str, Path]) -> Path:
    """QEMU of *series* with *made* (source -> object) in place of its own.

    Repeats ninja's own link command.  Objects that this binary does not hold (of devices it is
    configured without) are left out.  Raises `LookupError` when it holds none of them.
    """
    where = build(series, ARCH)
    qemu_binary(series)
    words = shlex.split(run(["ninja", "-t", "commands", "-s", _PROGRAM], cwd=where.path))
    swapped = {output(where, source): str(path) for source, path in made.items()}
    if not swapped.keys() & set(words):
        raise LookupError(f"{_PROGRAM} is linked of none of {', '.join(made)}")
    words = [swapped.get(word, word) for word in words]
    place = words.index("-o") + 1
    key = cache.digest(*words, *(path.name for path in made.values()))

    def make(folder: Path) -> None:
        run([*words[:place], folder / _PROGRAM, *words[place + 1 :]], cwd=where.path)
        give_firmware(folder)

    return cache.folder(where.path / ".qomgen" / f"linked-{key}", make) / _PROGRAM


def output(where: Build, source: str) -> str:
    """The object that ninja makes of *source*."""
    words = where.commands[source]
    return words[words.index("-o") + 1]


_PATIENCE = 120.0  # seconds; all of QEMU's types together take less than one


class Monitor:
    """A running QEMU without a machine, asked through QMP.

    Raises `MonitorError` when a command fails; leaving the context ends the program.
    """

    def __init__(self, program: Path, *arguments: str) -> None:
        # A file, since nobody would read a pipe while QMP speaks.
        self._errors: IO[str] = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed in __exit__
        self._process = subprocess.Popen(
            [
                # Without -accel it would want /dev/kvm, which is nowhere that matters here.
                *(program, "-machine", "none", "-accel", "qtest"),
                *("-nodefaults", "-display", "none", "-S"),
                *("-qmp", "stdio", *arguments),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self._watchdog = threading.Timer(_PATIENCE, self._process.kill)
        self._watchdog.start()

    def __enter__(self) -> Self:
        self._read()  # the greeting
        self.ask("qmp_capabilities")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._watchdog.cancel()
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def _read(self) -> dict[str, object]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise self._ended()
        return cast("dict[str, object]", json.loads(line))

    def _ended(self) -> MonitorError:
        self._errors.seek(0)
        return MonitorError(f"QEMU ended: {self._errors.read().strip()}")

    def reply(self, command: str, **arguments: object) -> dict[str, object]:
        """QEMU's whole answer to *command*, "return" or "error"; events before it are skipped."""
        assert self._process.stdin is not None
        request = {"execute": command, "arguments": arguments}
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._ended() from None
        while True:
            answer = self._read()
            if "return" in answer or "error" in answer:
                return answer

    def ask(self, command: str, **arguments: object) -> object:
        """What QEMU returns for *command*."""
        answer = self.reply(command, **arguments)
        if "error" in answer:
            raise MonitorError(f"{command} {arguments}: {answer['error']}")
        return answer["return"]


class MonitorError(Exception):
    """QEMU refused a QMP command or ended."""


def _named(listed: object) -> list[str]:
    return sorted(str(entry["name"]) for entry in cast("Sequence[Mapping[str, object]]", listed))


# What qom-list-properties is asked about, with descendants. It makes an object of the type, which
# some others do not survive (qio-net-listener aborts, input-linux closes standard input).
_ASKED = ("device", "iommufd", "host-iommu-device", "vfio-iommu")


def introspection(program: Path, devices: Sequence[str]) -> dict[str, object]:
    """All that *program* tells of its types without a machine, lists in QEMU's own order.

    The order of qom-list-types alone is that of a hash table, and sorted here.  *devices* are also
    asked for with ``-device T,help``.
    """
    told: dict[str, object] = {}
    with Monitor(program) as monitor:
        told["qom-list-types"] = _named(monitor.ask("qom-list-types", abstract=True))
        for ancestor in _ASKED:
            listed = _named(monitor.ask("qom-list-types", implements=ancestor, abstract=True))
            for name in listed:
                # An abstract type has none, which is an error, and an answer as well.
                key = f"qom-list-properties {name}"
                told[key] = monitor.reply("qom-list-properties", typename=name)
        for name in _named(monitor.ask("qom-list-types", implements="device", abstract=False)):
            key = f"device-list-properties {name}"
            told[key] = monitor.reply("device-list-properties", typename=name)
    for name in devices:
        told[f"-device {name},help"] = run([program, "-device", f"{name},help"])
    return told


def run_introspect_test(series: str, program: Path) -> list[str]:
    """Run QEMU's device-introspect-test on *program*: the names of the tests that passed.

    Raises `run.CommandError` when one fails.
    """
    test = introspect_test(series)
    with tempfile.TemporaryDirectory(prefix="qomgen-") as folder:
        output = run([test, "--tap"], cwd=Path(folder), env={"QTEST_QEMU_BINARY": str(program)})
    lines = output.splitlines()
    return [line.split(" ", 2)[2] for line in lines if line.startswith("ok ")]
