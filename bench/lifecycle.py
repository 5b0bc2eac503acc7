# SPDX-License-Identifier: GPL-2.0-or-later
"""
How long an object of pyqom lives: `python bench/lifecycle.py [ROUNDS]`.

A vfio-pci goes through all that comes before the kernel is asked for anything: it is made, with QEMU's
defaults, instance_init and compat properties, gets properties from text as -device gives them, is put on
the bus of a machine, and is finalized. Beside it stands a plain dataclass with as many fields, which is
made, set and dropped. Rounds are interleaved (each runs every row for a while), so that a busy moment of
the machine is everybody's. Printed are medians.
"""

from __future__ import annotations

import dataclasses
import os
import platform
import statistics
import sys
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any, cast

from pyqom import (
    Error,
    Object,
    World,
    device_add,
    machine_start,
    object_new,
    object_unref,
)
from pyqom.packages import load_device_packages
from pyqom.property import object_property_set
from pyqom.visitors import KeyvalInputVisitor

TYPENAME = "vfio-pci"

# Seconds that a row runs in one round.
SLICE = 0.1

# What a user would write behind -device vfio-pci: one of each common kind.
PROPERTIES = {
    "host": "ffff:e7:1e.6",
    "x-no-mmap": "on",
    "x-req": "off",
    "display": "auto",
    "xres": "1024",
    "x-msix-relocation": "bar2",
    "bootindex": "3",
    "romfile": "",
}


@dataclasses.dataclass
class Row:
    """Something that is measured, and how many times a second it was done in each round."""

    name: str
    once: Callable[[], None]
    rates: list[float] = dataclasses.field(default_factory=list)

    @property
    def median(self) -> float:
        """The median of the rounds, per second."""
        return statistics.median(self.rates)


def leaves(struct: object) -> Iterator[tuple[str, object]]:
    """The fields of an instance struct, those of embedded structs instead of these."""
    for field in dataclasses.fields(cast("Any", struct)):
        value = getattr(struct, field.name)
        embedded = dataclasses.is_dataclass(value) and not isinstance(value, (type, Object))
        if embedded and not field.name.startswith(("klass", "parent")):
            yield from ((f"{field.name}_{name}", leaf) for name, leaf in leaves(value))
        else:
            yield field.name, value


def plain(fields: int) -> type:
    """A dataclass of numbers."""
    named = [(f"field{number}", int, dataclasses.field(default=0)) for number in range(fields)]
    return dataclasses.make_dataclass("Plain", named, slots=True)


def make() -> None:
    """Make an object and drop it."""
    object_unref(object_new(TYPENAME))


def make_and_set() -> None:
    """Make an object, set properties from text and drop it."""
    obj = object_new(TYPENAME)
    visitor = KeyvalInputVisitor(PROPERTIES)
    visitor.start_struct(None)
    for name in PROPERTIES:
        object_property_set(obj, name, visitor)
    visitor.end_struct()
    object_unref(obj)


def add() -> None:
    """The whole way of device_add, up to the device's folder in sysfs, and all the way back."""
    try:
        device_add({"driver": TYPENAME, "id": "v", "host": "ffff:e7:1e.6", "bootindex": 3})
    except Error as error:
        if "no such host device" not in error.desc:
            raise


def measure(row: Row) -> float:
    """How many times a second the row is done."""
    times, start = 0, perf_counter()
    while perf_counter() - start < SLICE:
        for _ in range(10):
            row.once()
        times += 10
    return times / (perf_counter() - start)


def rows(fields: int) -> list[Row]:
    """What is measured; the first two are what pyqom is compared with."""
    struct = plain(fields)
    values = [(f"field{number}", number) for number in range(len(PROPERTIES))]

    def make_plain() -> None:
        struct()

    def make_and_set_plain() -> None:
        made = struct()
        for name, value in values:
            setattr(made, name, value)

    return [
        Row(f"dataclass of {fields} fields: make", make_plain),
        Row(f"dataclass of {fields} fields: make, set {len(values)}", make_and_set_plain),
        Row(f"{TYPENAME}: object_new, finalize", make),
        Row(f"{TYPENAME}: object_new, set {len(values)} properties, finalize", make_and_set),
        Row(f"{TYPENAME}: device_add until the host is asked, and back", add),
    ]


def table(measured: list[Row]) -> str:
    """Rates and ratios, as a table of Markdown."""
    lines = ["| what | per second | each | of the dataclass |", "|---|---:|---:|---:|"]
    for number, row in enumerate(measured):
        beside = measured[0 if number in (0, 2) else 1]
        lines.append(
            f"| {row.name} | {row.median:,.0f} | {1e6 / row.median:,.1f} µs"
            f" | {beside.median / row.median:,.1f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    load_device_packages()
    with World("10.0"):
        machine_start("q35")
        obj = object_new(TYPENAME)
        measured = rows(len(list(leaves(obj))))
        object_unref(obj)
        for _ in range(rounds):
            for row in measured:
                row.rates.append(measure(row))
    print(table(measured))
    print(
        f"\n{rounds} rounds, Python {platform.python_version()}, {os.cpu_count()} CPUs,"
        f" load {os.getloadavg()[0]:.1f}"
    )


if __name__ == "__main__":
    main()
