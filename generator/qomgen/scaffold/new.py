# SPDX-License-Identifier: GPL-2.0-or-later
"""
A new project: asked for, made beside its place, generated, and put there as a whole.

Whatever goes wrong, the place is as it was: nothing is ever written over, and a project that is there stays.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from qomgen import pipeline, publish
from qomgen.catalog import Catalog
from qomgen.diagnostics import Diagnostics
from qomgen.paths import data_folder
from qomgen.scaffold import answers as ask
from qomgen.scaffold import files as scaffold
from qomgen.scaffold import hostdevice
from qomgen.scaffold.answers import Answers, BadAnswer
from qomgen.scaffold.hostdevice import NoDevice

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the command line says; None where it says nothing."""

    name: str
    parent: str | None = None
    pci_id: str | None = None
    properties: Sequence[str] | None = None
    from_device: str | None = None
    series: Sequence[str] | None = None
    into: Path | None = None


class NotMade(Exception):
    """No project was made; the message says why."""


ERRORS = (BadAnswer, NoDevice, NotMade)
"""What a wrong command line or answer raises; the messages are sentences for the user."""


Question = Callable[[str, str], str]
"""Asks a person: what for, and what counts if nothing is said."""


def known() -> list[Catalog]:
    """What qomgen knows of QEMU, a catalog a series."""
    found = Diagnostics()
    specs = pipeline.load([], found, base=[data_folder("device_specs")])
    made = pipeline.catalogs(specs, found)
    found.raise_if_any()
    return list(made.values())


def place(wishes: Wishes) -> Path:
    """
    Where the project goes.

    Raises:
        NotMade: if something is there, or the folder above is not.
    """
    into = wishes.into if wishes.into is not None else Path(wishes.name)
    if into.is_symlink() or (into.exists() and not into.is_dir()):
        raise NotMade(f"'{into}' is there and no folder")
    if into.is_dir():
        if into.samefile(Path.cwd()):
            raise NotMade("the current folder can't be the project: call from the one above")
        if any(into.iterdir()):
            raise NotMade(
                f"'{into}' is there and not empty; nothing of it is touched. What is generated in a project"
                " is brought up to date by 'qomgen generate' there"
            )
    if not into.absolute().parent.is_dir():
        raise NotMade(f"there is no folder '{into.parent}' to make '{into.name}' in")
    return into


def settle(
    wishes: Wishes, catalogs: Sequence[Catalog], question: Question | None
) -> tuple[Answers, tuple[str, ...]]:
    """
    All answers, and lines about the device that they are for.

    Args:
        wishes: what is wished for already.
        catalogs: what is known of QEMU.
        question: asks for the rest; None: defaults are taken.

    Raises:
        BadAnswer: if an answer is wrong; one that a person gives is asked for again.
        NoDevice: if the device to read is not there.
    """
    name = ask.name(wishes.name, catalogs)
    device = hostdevice.read(wishes.from_device) if wishes.from_device is not None else None
    parent = _answer(wishes.parent, "vfio-pci", ask.parent, question, _PARENT)
    default_id = f"{device.vendor:04x}:{device.device:04x}" if device else ""
    passed = parent != "pci-device"
    if not passed and not default_id:
        default_id = "{:04x}:{:04x}".format(*ask.EXPERIMENTAL_ID)
    pci_id = _answer(
        wishes.pci_id,
        default_id,
        lambda text: ask.pci_id(text) if text else None,
        question,
        _PASSED_ID if passed else _PLAIN_ID,
    )
    if wishes.properties is None and question is not None:
        properties = _ask_properties(parent, catalogs, question)
    else:
        properties = ask.properties(wishes.properties or (), parent, catalogs)
    series = ask.series(wishes.series or (), parent, catalogs)
    return Answers(name, parent, pci_id, properties, series), device.lines() if device else ()


_PARENT = "Parent: " + "; ".join(f"{each} is {what}" for each, what in ask.PARENTS.items())
_PASSED_ID = "PCI id that the device of the host must have, such as 1234:11e8; empty: any"
_PLAIN_ID = "PCI id that a guest finds the device by"
_PROPERTY = "A property, NAME:KIND=DEFAULT, such as queues:uint32=8; empty: no more; ?: the kinds"


def _answer(
    given: str | None, default: str, read: Callable[[str], T], question: Question | None, what: str
) -> T:
    if given is not None or question is None:
        return read(given if given is not None else default)
    while True:
        text = question(what, default)
        try:
            return read(text)
        except BadAnswer as error:
            what = f"{error}"


def _ask_properties(
    parent: str, catalogs: Sequence[Catalog], question: Question
) -> tuple[ask.Property, ...]:
    texts: list[str] = []
    what = _PROPERTY
    while text := question(what, ""):
        what = _PROPERTY
        if text == "?":
            what = "; ".join(f"{kind}: {about}" for kind, about in ask.KINDS.items())
            continue
        try:
            ask.properties([*texts, text], parent, catalogs)
        except BadAnswer as error:
            what = f"{error}"
        else:
            texts.append(text)
    return ask.properties(texts, parent, catalogs)


def make(
    answers: Answers, into: Path, catalogs: Sequence[Catalog], host: Sequence[str] = ()
) -> list[str]:
    """
    Make the project; the result is the paths of its files below `into`.

    Raises:
        NotMade: if the place was taken in the meantime.
        SpecErrors: if what was made is wrong, which is a bug of ours.
        OSError: if it can't be written.
    """
    templates, base = data_folder("templates"), data_folder("device_specs")
    with _beside(into) as folder:
        specs = folder / "device_specs"
        spec = scaffold.spec(answers, catalogs[-1], templates, host)
        _write(specs / f"{answers.name}.yaml", spec)
        found = Diagnostics()
        own = pipeline.catalogs(pipeline.load([specs], found, base=[base]), found)
        found.raise_if_any()
        newest = own[max(own)]
        for path, data in scaffold.by_hand(answers, newest, templates, host).items():
            _write(folder / path, data)
        plan = pipeline.build(
            [specs],
            versions=[str(each) for each in answers.series] if answers.series else None,
            targets=(*pipeline.TARGETS, pipeline.SCHEMA),
            python_path=[folder],
            package=answers.devices,
            base=[base],
        )
        publish.publish(plan, folder / "generated")
        files = sorted(
            path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
        )
        try:
            # Onto an empty folder too, and onto no other.
            folder.rename(into)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
            raise NotMade(f"'{into}' is there now and not empty") from error
    return files


@contextlib.contextmanager
def _beside(into: Path) -> Iterator[Path]:
    """A folder on the same file system, gone in the end if it is still there."""
    above = into.absolute().parent
    folder = Path(tempfile.mkdtemp(prefix=f".{into.name}-", dir=above))
    try:
        # mkdtemp lets nobody else look in; a project is as open as its owner's other folders.
        mask = os.umask(0)
        os.umask(mask)
        folder.chmod(0o777 & ~mask)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


# The command line


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `qomgen new`."""
    parser.set_defaults(format="text")
    parser.add_argument("name", metavar="NAME", help="the new type's name, such as my-accel")
    parser.add_argument(
        "--parent",
        metavar="TYPE",
        help="; ".join(f"{each}: {what}" for each, what in ask.PARENTS.items())
        + " (default: vfio-pci)",
    )
    parser.add_argument(
        "--pci-id",
        metavar="VVVV:DDDD",
        help="the PCI id that the device of the host must have, or that an emulated one shows",
    )
    parser.add_argument(
        "--property",
        action="append",
        metavar="NAME:KIND=DEFAULT",
        help="a property, such as queues:uint32=8; may be repeated. Kinds: " + ", ".join(ask.KINDS),
    )
    parser.add_argument(
        "--from-device",
        metavar="BDF",
        help="take the PCI id from a device of this machine, such as 0000:01:00.0, and note down its BARs"
        " and, if root calls, its capabilities",
    )
    parser.add_argument(
        "--qemu",
        action="append",
        metavar="SERIES",
        help="a QEMU series to generate C for; may be repeated (default: all that have a profile)",
    )
    parser.add_argument(
        "--into",
        type=Path,
        metavar="DIR",
        help="the project's folder, new or empty (default: NAME)",
    )
    parser.add_argument(
        "--yes", action="store_true", help="ask nothing; take the default of what is not said"
    )


def run(arguments: argparse.Namespace) -> Iterator[str]:
    """
    Make what the command line asks for; gives the lines to print.

    Raises:
        BadAnswer, NoDevice, NotMade: if there is nothing to be made; then nothing was written.
        OSError: if it can't be written.
    """
    wishes = Wishes(
        arguments.name,
        arguments.parent,
        arguments.pci_id,
        arguments.property,
        arguments.from_device,
        arguments.qemu,
        arguments.into,
    )
    into = place(wishes)
    catalogs = known()
    question = None if arguments.yes or not sys.stdin.isatty() else _ask
    answers, host = settle(wishes, catalogs, question)
    for path in make(answers, into, catalogs, host):
        yield f"wrote {into / path}"
    yield f"next: cd {into} && python -m pytest"


def _ask(what: str, default: str) -> str:
    sys.stderr.write(f"{what}\n[{default}] ")
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        raise NotMade("no answer: --yes takes the defaults")
    return line.strip() or default
