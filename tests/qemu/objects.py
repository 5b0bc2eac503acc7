# SPDX-License-Identifier: GPL-2.0-or-later
"""The object proof: generated C in place of QEMU's own gives the same object, byte for byte."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from . import cache
from .compiler import Overlay, compiled
from .cut import cut
from .run import run
from .tree import Build, build
from .units import Definition

GENERATED = Path(__file__).parents[2] / "generated" / "c"
"""What is committed."""

UNTOUCHED = "QEMU's own object"
MOVED = "QEMU's own text moved to the include's place"

_DATA = (".data", ".rodata", ".data.rel.ro.local", ".rodata.str1.1", ".rodata.str1.8")


class NotGenerated(Exception):
    """A unit has no output for a series in which QEMU has it."""


@dataclass(frozen=True)
class Verdict:
    """Whether two objects are the same, and what the generated one was compared with."""

    identical: bool
    reference: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{'identical to' if self.identical else 'DIFFERS from'} {self.reference}"


def generated(series: str, names: Iterable[str], folder: Path = GENERATED) -> dict[str, str]:
    """Outputs by name (``vfio-pci.c.inc``), read below *folder*; raises `NotGenerated`."""
    parts: dict[str, str] = {}
    for name in names:
        path = folder / f"qemu-{series}" / name
        if not path.is_file():
            raise NotGenerated(f"{path} is not there; make (or qomgen generate) writes it")
        parts[name] = path.read_text(encoding="utf-8")
    return parts


def hand_written(where: Definition, series: str) -> dict[str, str]:
    """QEMU's own text of what the unit defines, as the part that would hold it."""
    text = cut(build(series, where.arch).tree.read(where.source), where.blocks, "").taken
    return {where.part: text}


def overlay(where: Definition, parts: Mapping[str, str], text: str) -> Overlay:
    """*text* of *where*'s file, with its part (*parts*: name -> text) included for the blocks."""
    rest = cut(text, where.blocks, f'#include "{where.part}"').rest
    beside = str(PurePosixPath(where.source).with_name(where.part))
    return Overlay({where.source: rest, beside: parts[where.part]})


def _without(tree: Build, option: str) -> list[str]:
    """Compiler flags that take the CONFIG_ symbol *option* from the target's devices."""
    config = (tree.path / f"{tree.arch}-softmmu-config-devices.h").read_text(encoding="utf-8")
    left = config.replace(f"#define {option} 1\n", "")
    if left == config:
        raise LookupError(f"{option} is not on in {tree.path}")
    path = tree.path / ".qomgen" / f"without-{option}-{cache.digest(left)}.h"
    if not path.exists():
        cache.write(path, left.encode())
    return ["-UCONFIG_DEVICES", f'-DCONFIG_DEVICES="{path}"']


def with_definition(where: Definition, series: str, parts: Mapping[str, str], *flags: str) -> Path:
    """The object of *where*'s file with *parts* included in place of QEMU's own definition."""
    tree = build(series, where.arch)
    text = tree.tree.read(where.source)
    return compiled(tree, where.source, overlay(where, parts, text), *flags)


def prove(
    where: Definition, series: str, parts: Mapping[str, str], *, without: str | None = None
) -> Verdict:
    """Compare the object made with *parts* (file name -> text) to QEMU's own.

    *without* is a CONFIG_ symbol to switch off for both.  Where hand-written code stands between
    the blocks, gcc may lay the functions out otherwise, whoever wrote them; then QEMU's own text,
    moved to where the include stands, is the reference, and the verdict says so.

    Raises `run.CommandError` when one does not compile.
    """
    tree = build(series, where.arch)
    flags = _without(tree, without) if without else []
    ours = with_definition(where, series, parts, *flags)
    theirs = compiled(tree, where.source, None, *flags)
    reference = UNTOUCHED
    if len(where.blocks) > 1 and ours.read_bytes() != theirs.read_bytes():
        theirs = with_definition(where, series, hand_written(where, series), *flags)
        reference = MOVED
    if ours.read_bytes() == theirs.read_bytes():
        return Verdict(True, reference)
    return Verdict(False, reference, difference(theirs, ours))


def difference(theirs: Path, ours: Path, limit: int = 60) -> str:
    """How code, data and symbols of two objects differ: a unified diff of *limit* lines."""

    def dump(path: Path) -> list[str]:
        sections = [word for name in _DATA for word in ("-j", name)]
        code = run(["objdump", "--no-addresses", "-dr", path.name], cwd=path.parent)
        data = run(["objdump", "-rs", *sections, path.name], cwd=path.parent)
        symbols = run(["objdump", "-t", path.name], cwd=path.parent)
        told = (code + data + symbols).splitlines()
        return [line for line in told if "file format" not in line]

    lines = difflib.unified_diff(dump(theirs), dump(ours), "theirs", "ours", lineterm="", n=2)
    shown = list(itertools.islice(lines, limit))
    return "\n".join([f"theirs: {theirs}", f"ours:   {ours}", *shown])
