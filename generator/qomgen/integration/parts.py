# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a project brings to a QEMU tree of one series: for each unit its files, and what builds them.

A project is a folder of specs and a folder of hand-written files laid out as QEMU's tree is. Here is read and checked
what they say; where it goes in a given tree is the business of `qomgen.integration.plan`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from qomgen import model, problems
from qomgen.catalog import Catalog
from qomgen.diagnostics import Diagnostics, SourceFile, Span
from qomgen.integration.kconfig import Symbol
from qomgen.integration.mesonbuild import QTest, Sources
from qomgen.series import Series, resolve
from qomgen.source import Mapping as Node
from qomgen.source import Scalar
from qomgen.source import Sequence as NodeSequence

QTESTS = PurePosixPath("tests/qtest")

_NAMED = (("q35", "CONFIG_Q35"), ("pcie-root-port", "CONFIG_PCIE_PORT"))
"""Words of a qtest that ask for a machine or a device, with its symbol."""

_NO_FILES = (".orig", ".rej", ".swp", "~")
"""How names end that editors and patches leave behind."""


@dataclass(frozen=True, slots=True)
class Build:
    """What a spec says under `build:`."""

    span: Span
    set: str | None = None
    when: tuple[str, ...] = ()
    kconfig: str | None = None
    depends: tuple[str, ...] | None = None


@dataclass(slots=True)
class Part:
    """A unit, and all that comes with it."""

    unit: model.Unit
    types: tuple[model.Type, ...]
    source: PurePosixPath
    """The C file that includes what is generated, below the tree."""
    files: dict[PurePosixPath, bytes] = field(default_factory=dict)
    sources: Sources | None = None
    """What meson.build in the folder of `source` is to build; None if the tree builds it already."""
    symbol: Symbol | None = None
    test_files: dict[PurePosixPath, bytes] = field(default_factory=dict)
    tests: list[QTest] = field(default_factory=list)
    when: tuple[str, ...] = ()
    """The symbols under which it is built."""

    @property
    def folder(self) -> PurePosixPath:
        """The folder whose build files name it."""
        return self.source.parent


@dataclass(frozen=True, slots=True)
class Hand:
    """The files written by hand, by their path in the tree."""

    folder: Path
    files: Mapping[PurePosixPath, bytes]

    def span(self, path: PurePosixPath) -> Span:
        """The start of such a file."""
        return Span.start_of(SourceFile(str(self.folder / path), ""))


def read_hand(folder: Path) -> Hand:
    """
    The files below `folder`; hidden ones and what editors leave are passed over.

    Raises:
        OSError: if one can't be read.
    """
    files = {}
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        below = PurePosixPath(path.relative_to(folder).as_posix())
        hidden = any(part.startswith(".") for part in below.parts)
        if not hidden and path.is_file() and not below.name.endswith(_NO_FILES):
            files[below] = path.read_bytes()
    return Hand(folder, files)


def read_builds(documents: Sequence[Node], series: Series) -> dict[str, Build | None]:
    """What the specs say under `build:` of each unit."""
    found: dict[str, Build | None] = {}
    for document in documents:
        node = None if document.span.file.base else resolve(document, series)
        if node is None or not {"type", "unit"} & set(node.entries):
            continue
        kind = "unit" if "unit" in node.entries else "type"
        name = node.get(kind)
        if isinstance(name, Scalar) and (kind == "unit" or name.text not in found):
            found[name.text] = _build(node)
    return found


def _build(node: Node) -> Build | None:
    below = node.get("build")
    if not isinstance(below, Node):
        return None
    said = {key: _words(below, key) for key in ("set", "when", "kconfig", "depends")}
    return Build(
        node.key_span("build"),
        set=next(iter(said["set"]), None),
        when=said["when"],
        kconfig=next(iter(said["kconfig"]), None),
        depends=said["depends"] if "depends" in below.entries else None,
    )


def _words(node: Node, key: str) -> tuple[str, ...]:
    value = node.get(key)
    items = value.items if isinstance(value, NodeSequence) else [value]
    return tuple(item.text for item in items if isinstance(item, Scalar))


def read(
    documents: Sequence[Node],
    catalog: Catalog,
    generated: Mapping[PurePosixPath, bytes],
    hand: Hand,
    found: Diagnostics,
) -> list[Part]:
    """
    The parts of a project, in the order of its units.

    Args:
        documents: all documents of the specs.
        catalog: what they say of the tree's series.
        generated: the plan's files for that series.
        hand: what was written by hand.
        found: takes what is wrong with the specs or the hand-written files.
    """
    builds = read_builds(documents, catalog.series)
    parts: list[Part] = []
    without_source = False
    for unit in catalog.units.values():
        own = {path: data for path, data in generated.items() if _is_of(path, unit.name)}
        if not own or unit.base:
            continue
        if unit.source is None:
            found.add(problems.NoSource(unit.span, unit=unit.name))
            without_source = True
            continue
        part = _part(catalog, unit, PurePosixPath(unit.source), own)
        part.when = _when(builds.get(unit.name))
        if part.source in hand.files:
            _build_entries(catalog, part, builds[unit.name], found)
            _check_include(part, hand, found)
        parts.append(part)
    if parts and not without_source:
        _give_files(catalog, parts, hand, found)
    _check_symbols(parts, builds, found)
    return parts


def _is_of(path: PurePosixPath, unit: str) -> bool:
    return path.name in (f"{unit}.c.inc", f"{unit}.h.inc")


def _part(
    catalog: Catalog, unit: model.Unit, source: PurePosixPath, own: Mapping[PurePosixPath, bytes]
) -> Part:
    types = tuple(catalog.types[name] for name, _ in unit.types if name in catalog.types)
    files = {source.parent / path.name: data for path, data in own.items()}
    return Part(unit, types, source, files)


def _build_entries(catalog: Catalog, part: Part, build: Build | None, found: Diagnostics) -> None:
    unit = part.unit
    if build is None or build.set is None:
        span = build.span if build is not None else unit.span
        found.add(problems.NoBuild(span, unit=unit.name))
        return
    if build.kconfig is not None:
        if f"CONFIG_{build.kconfig}" not in part.when:
            told = {"symbol": build.kconfig, "when": ", ".join(part.when)}
            found.add(problems.UnusedSymbol(build.span, unit=unit.name, **told))
        part.symbol = _symbol(catalog, part.types, build)
    part.sources = Sources(build.set, part.when, (part.source.name,))


def _when(build: Build | None) -> tuple[str, ...]:
    """What a build is under: where it is not said, the symbol that it defines."""
    if build is None or build.when or build.kconfig is None:
        return build.when if build is not None else ()
    return (f"CONFIG_{build.kconfig}",)


def _chain(catalog: Catalog, types: Sequence[model.Type]) -> set[str]:
    return {above.name for type_ in types for above in catalog.chain(type_)}


def _symbol(catalog: Catalog, types: Sequence[model.Type], build: Build) -> Symbol:
    """
    The symbol, with what follows from the ancestors.

    QEMU's own of hw/vfio are on wherever what they depend on is; emulated PCI devices where PCI_DEVICES is
    (hw/pci/Kconfig), which boards without a PCI slot for users leave off.
    """
    assert build.kconfig is not None
    chain = _chain(catalog, types)
    of_vfio = any(name.startswith("vfio-") for name in chain)
    of_pci = "pci-device" in chain
    depends = build.depends
    if depends is None:
        depends = ("VFIO_PCI",) if of_vfio and of_pci else ("PCI",) if of_pci else ()
    return Symbol(build.kconfig, "y if PCI_DEVICES" if of_pci and not of_vfio else "y", depends)


def _check_include(part: Part, hand: Hand, found: Diagnostics) -> None:
    text = hand.files[part.source].decode("utf-8", "replace")
    if not includes(text, f"{part.unit.name}.c.inc"):
        told = {"file": f"{part.unit.name}.c.inc"}
        found.add(problems.NotIncluded(hand.span(part.source), **told))


def includes(text: str, name: str) -> bool:
    """Whether C has an include of the file `name`, from whatever folder."""
    pattern = rf'^[ \t]*#[ \t]*include[ \t]+"(?:[^"\n]*/)?{re.escape(name)}"'
    return re.search(pattern, text, re.MULTILINE) is not None


@dataclass(frozen=True, slots=True)
class _Home:
    """A unit that files may come with, in whatever series."""

    unit: str
    source: PurePosixPath
    names: frozenset[str]
    part: Part | None
    """None if the series lacks it: what comes with it is left out then."""


def _homes(catalog: Catalog, parts: Sequence[Part]) -> list[_Home]:
    there = {part.unit.name: part for part in parts}
    homes = {
        part.unit.name: _Home(
            part.unit.name,
            part.source,
            frozenset((part.unit.name, *(each.name for each in part.types))),
            part,
        )
        for part in parts
    }
    for other in catalog.siblings.values():
        for unit in other.units.values():
            if unit.name not in there and not unit.base and unit.source is not None:
                names = frozenset((unit.name, *(name for name, _ in unit.types)))
                homes[unit.name] = _Home(unit.name, PurePosixPath(unit.source), names, None)
    return list(homes.values())


def _give_files(catalog: Catalog, parts: Sequence[Part], hand: Hand, found: Diagnostics) -> None:
    """Give each hand-written file to the part that it comes with."""
    homes = _homes(catalog, parts)
    for path, data in hand.files.items():
        if path.parent == QTESTS:
            _give_test(catalog, homes, path, hand, found)
            continue
        home = _home(homes, path)
        if home is None:
            parts[0].files[path] = data
            if path.suffix == ".c" and path.parts[0] != "tests":
                found.add(problems.NotBuilt(hand.span(path)))
        elif home.part is not None:
            _take(home.part, path, data)


def _take(part: Part, path: PurePosixPath, data: bytes) -> None:
    part.files[path] = data
    if path.suffix == ".c" and path != part.source and part.sources is not None:
        files = tuple(sorted((*part.sources.files, path.name)))
        part.sources = Sources(part.sources.set, part.sources.when, files)


def _home(homes: Sequence[_Home], path: PurePosixPath) -> _Home | None:
    """The unit whose C file it is, or stands beside: by the longest beginning of the name, else the only one there."""
    beside = [home for home in homes if home.source.parent == path.parent]
    if len(beside) == 1:
        return beside[0]
    named = [home for home in beside if path.name.startswith(home.source.stem)]
    return max(named, key=lambda home: len(home.source.stem), default=None)


def _give_test(
    catalog: Catalog, homes: Sequence[_Home], path: PurePosixPath, hand: Hand, found: Diagnostics
) -> None:
    name = path.stem.removesuffix("-test")
    named = [home for home in homes if name in home.names]
    if not named and len(homes) > 1:
        units = ", ".join(home.unit for home in homes)
        found.add(problems.WhoseTest(hand.span(path), units=units))
        return
    part = (named or homes)[0].part
    if part is None:
        return
    part.test_files[path] = hand.files[path]
    if path.name.endswith("-test.c"):
        needs = _needs(hand.files[path].decode("utf-8", "replace"))
        added = tuple(each for each in needs if each not in part.when)
        part.tests.append(QTest(path.stem, _targets(catalog, part), (*part.when, *added)))


def _needs(text: str) -> list[str]:
    """The symbols of what a qtest names besides its own device: without them its QEMU would not start."""
    return [symbol for word, symbol in _NAMED if re.search(rf"\b{word}\b", text)]


def _targets(catalog: Catalog, part: Part) -> str:
    """In which list of tests/qtest/meson.build the tests of a part belong: by the bus of its types."""
    chain = _chain(catalog, part.types)
    if "pci-device" in chain:
        return "i386"
    return "s390x" if chain & {"ccw-device", "ap-device"} else "generic"


def _check_symbols(
    parts: Sequence[Part],
    builds: Mapping[str, Build | None],
    found: Diagnostics,
) -> None:
    """Two units may share a symbol if they say the same of it."""
    first: dict[str, Part] = {}
    for part in parts:
        if part.symbol is None:
            continue
        other = first.setdefault(part.symbol.name, part)
        build = builds[part.unit.name]
        if other.symbol != part.symbol and build is not None:
            told = {"symbol": part.symbol.name, "unit": part.unit.name, "other": other.unit.name}
            found.add(problems.SymbolTwice(build.span, **told))
