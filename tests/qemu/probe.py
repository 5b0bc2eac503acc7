# SPDX-License-Identifier: GPL-2.0-or-later
"""What the compiler knows: values of constants and layouts of structs in a QEMU tree.

The question is an array in a section of its own at the end of one of QEMU's own files; the answer
is read from the object.  Nothing of the target is run.
"""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .compiler import Overlay, compiled
from .run import run
from .tree import build

_SECTION = ".qomgen"

# Where questions are asked unless told otherwise: a file that knows devices, PCI and VFIO.
SOURCE = "hw/vfio/pci.c"


@dataclass(frozen=True)
class Layout:
    """Size of a struct and of its fields, in bytes; *fields* maps a path to (offset, size)."""

    size: int
    fields: Mapping[str, tuple[int, int]]


def ask(
    series: str,
    expressions: Iterable[str],
    *,
    headers: Iterable[str] = (),
    source: str = SOURCE,
    arch: str = "x86_64",
) -> list[int]:
    """The values of integer constant *expressions* at the end of *source*, after *headers*.

    A negative value comes out negative.  Raises `run.CommandError` when it does not compile.
    """
    wanted = list(expressions)
    tree = build(series, arch)
    includes = "".join(f'#include "{header}"\n' for header in dict.fromkeys(headers))
    # Each value twice: as it is, and whether it is below zero (in its own type).
    values = "".join(f"    (unsigned long long)({e}), ({e}) < 0,\n" for e in wanted)
    question = f"""{includes}
#pragma GCC diagnostic ignored "-Wtype-limits"
static const unsigned long long qomgen_probe[]
    __attribute__((used, section("{_SECTION}"))) = {{
{values}}};
"""
    made = compiled(tree, source, Overlay({source: tree.tree.read(source) + question}))
    with tempfile.TemporaryDirectory(prefix="qomgen-") as folder:
        raw = Path(folder) / "raw"
        run(["objcopy", "-O", "binary", "-j", _SECTION, made, raw])
        numbers = struct.unpack(f"={2 * len(wanted)}Q", raw.read_bytes())
    pairs = zip(numbers[::2], numbers[1::2], strict=True)
    return [value - 2**64 if negative else value for value, negative in pairs]


def probe_constants(
    series: str,
    names: Iterable[str],
    *,
    headers: Iterable[str] = (),
    source: str = SOURCE,
    arch: str = "x86_64",
) -> dict[str, int]:
    """The values of constants in QEMU *series*: macros and enumerators."""
    wanted = list(names)
    values = ask(series, wanted, headers=headers, source=source, arch=arch)
    return dict(zip(wanted, values, strict=True))


def probe_layout(
    series: str,
    name: str,
    fields: Iterable[str] = (),
    *,
    headers: Iterable[str] = (),
    source: str = SOURCE,
    arch: str = "x86_64",
) -> Layout:
    """Where *fields* (paths such as ``vbasedev.no_mmap``) are in the type *name* of *series*."""
    wanted = list(fields)
    expressions = [f"sizeof({name})"]
    for path in wanted:
        expressions += [f"offsetof({name}, {path})", f"sizeof((({name} *)0)->{path})"]
    size, *rest = ask(series, expressions, headers=headers, source=source, arch=arch)
    places = zip(rest[::2], rest[1::2], strict=True)
    return Layout(size, dict(zip(wanted, places, strict=True)))
