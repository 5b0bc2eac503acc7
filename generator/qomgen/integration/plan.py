# SPDX-License-Identifier: GPL-2.0-or-later
"""
Bringing a project into a QEMU tree, and taking it back.

A plan first takes back in memory what the project has in the tree (by its record), which gives the tree without it,
and then lays the project over that. So a second run finds nothing to do, and a newer one replaces the older.
`qomgen.integration.writer` writes what differs from the disk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from qomgen import problems
from qomgen.diagnostics import Diagnostics
from qomgen.integration import kconfig, mesonbuild, record
from qomgen.integration.parts import QTESTS, Hand, Part, includes
from qomgen.integration.qemutree import (
    Draft,
    Insertion,
    QemuTree,
    TreeTroubles,
    Trouble,
    Unreadable,
    find_inserted,
    kconfig_files,
    text_of,
)
from qomgen.integration.record import PlacedEntry, PlacedFile, Record

_HEADER = b"# SPDX-License-Identifier: GPL-2.0-or-later\n"
"""What a build file of a new folder begins with."""

_KNOWN = {
    "kconfig": "defined",
    "sources": "built",
    "qtest": "listed",
    "subdir": "entered",
    "source": "read",
}
"""What a build file does with that which an entry names, by the entry's kind."""

QTEST_BUILD = QTESTS / "meson.build"

Key: TypeAlias = tuple[PurePosixPath, str, str]
"""By what an entry is known: its file, its kind and what it is for."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One step on the way into the tree: a patch of the series."""

    part: Part
    is_test: bool
    after: Draft


@dataclass(slots=True)
class Plan:
    """What a run would do."""

    root: Path
    project: str
    before: Record
    after: Record
    clean: Draft
    """The tree without the project."""
    draft: Draft
    """The tree with it."""
    stages: list[Stage] = field(default_factory=list)

    @property
    def changes(self) -> dict[PurePosixPath, bytes | None]:
        """The files that a run would write (None: remove), by path."""
        return self.draft.differences()


class _Planner:
    """Makes a plan, collecting what is in the way."""

    def __init__(self, root: Path, before: Record, *, force: bool) -> None:
        self.root = root
        self.before = before
        self.force = force
        self.draft = Draft(root)
        self.clean = self.draft
        """The tree without the project; `draft` goes on from it."""
        self.troubles: list[Trouble] = []
        self.record = Record()
        self.found: set[Key] = set()
        """Entries of an earlier run that were where and as it wrote them."""

    def trouble(
        self, path: PurePosixPath, text: str, hint: str | None = None, line: int | None = None
    ) -> None:
        """Note what is in the way."""
        self.troubles.append(Trouble(path, text, hint, line))

    def raise_if_any(self) -> None:
        """End if anything is in the way."""
        if self.troubles:
            order = {each: number for number, each in enumerate(dict.fromkeys(self.troubles))}
            raise TreeTroubles(self.root, sorted(order, key=lambda each: str(each.path)))

    # Taking back

    def strip(self, wanted: Mapping[PurePosixPath, bytes]) -> None:
        """Take back what the record tells of; an edit that makes a file what it is to be is no loss."""
        for path, placed in self.before.files.items():
            if (problem := self._strange(path)) is not None:
                self.trouble(path, problem)
                continue
            there = self.draft.on_disk(path)
            known = there is None or record.digest(there) in placed.digests
            if (
                not known
                and there != placed.replaced
                and there != wanted.get(path)
                and not self.force
            ):
                self.trouble(path, *_edited(path, placed, wanted))
            self.draft.write(path, placed.replaced)
        for entry in reversed(self.before.entries):
            try:
                self._strip_entry(entry)
            except Unreadable as error:
                self.troubles.append(error.trouble)

    def _strange(self, path: PurePosixPath) -> str | None:
        """What is wrong with the place of a file, if it is neither free nor a plain file."""
        target = self.root / path
        for folder in path.parents:
            above = self.root / folder
            if above.is_symlink() and folder != PurePosixPath():
                return f"'{folder}' is a link, and nothing is put behind one"
            if above.exists() and not above.is_dir():
                return f"'{folder}' is no folder"
        if target.is_symlink() or (target.exists() and not target.is_file()):
            return "this is no plain file, and one belongs here"
        return None

    def _strip_entry(self, entry: PlacedEntry) -> None:
        if (problem := self._strange(entry.file)) is not None:
            self.trouble(entry.file, problem)
            return
        if self.draft.read(entry.file) is None:
            return
        text = text_of(self.draft, entry.file)
        for inserted in sorted(entry.texts, key=len, reverse=True):
            places = find_inserted(text, inserted)
            if entry.kind == "kconfig":
                places = [each for each in places if kconfig.is_whole(text, each[1])]
            if len(places) == 1:
                ((start, end),) = places
                rest = text[:start] + text[end:]
                self.draft.write(entry.file, rest.encode())
                if len(entry.texts) == 1:
                    self.found.add(entry.key)
                return
        line = _named_on(text, entry.kind, entry.name)
        if line is not None:
            self.trouble(
                entry.file,
                f"the entry of {entry.name} was edited since qomgen wrote it",
                "put it back as it was, or delete it: then it is written anew",
                line,
            )

    # Putting in

    def place_files(self, files: Mapping[PurePosixPath, bytes], hand: Hand) -> None:
        """Lay files over the tree; one that is there with another content is somebody else's."""
        for path, data in files.items():
            if (problem := self._strange(path)) is not None:
                self.trouble(path, problem)
                continue
            there = self.draft.read(path)
            if there == data:
                continue
            earlier = self.before.files.get(path)
            agreed = self.force or (earlier is not None and earlier.replaced == there)
            if there is not None and not agreed:
                self.trouble(
                    path,
                    "this file is there already, and it was not put there from this project",
                    "give it another name in the project; --force replaces it, and --undo brings it back",
                )
                continue
            self.draft.write(path, data)
            self._own(path, data, there, str(hand.folder / path) if path in hand.files else "")

    def place_entry(
        self, path: PurePosixPath, kind: str, name: str, lines: Sequence[str], insertion: Insertion
    ) -> None:
        """Put an entry where `insertion` says; one that is there to the letter stays as it is."""
        if (problem := self._strange(path)) is not None:
            self.trouble(path, problem)
            return
        text = text_of(self.draft, path)
        line = _named_on(text, kind, name)
        if line is not None:
            if "\n".join(["", *lines, ""]) not in f"\n{text}\n":
                known = _KNOWN[kind]
                self.trouble(
                    path,
                    f"{name} is {known} here already, in other words than qomgen's",
                    "qomgen adds to what QEMU has and changes none of it: take another name, or delete this entry",
                    line,
                )
            return
        data = insertion.applied(text).encode()
        self.draft.write(path, data)
        own = self.record.files.get(path)
        if own is None:
            self.record.entries.append(PlacedEntry(path, kind, name, (insertion.text,)))
        else:
            # A build file of the project's own folder goes as a whole.
            self._own(path, data, own.replaced, own.origin)

    def _own(
        self, path: PurePosixPath, data: bytes, replaced: bytes | None = None, origin: str = ""
    ) -> None:
        digests = frozenset({record.digest(data)})
        self.record.files[path] = PlacedFile(digests, replaced, origin)

    def place_folder(self, part: Part) -> None:
        """Let the build enter the part's folder, if that is new, through build files of its own."""
        above, name = part.folder.parent, part.folder.name
        build, symbols = part.folder / "meson.build", part.folder / "Kconfig"
        ways = []
        if part.sources is not None and self.clean.read(build) is None:
            ways.append((build, "subdir", mesonbuild.subdir_line(name), mesonbuild.place_subdir))
        if part.symbol is not None and self.clean.read(symbols) is None:
            ways.append((symbols, "source", kconfig.source_line(name), kconfig.place_source))
        if any(self.clean.read(path) is not None for path in (build, symbols)):
            # One of QEMU's own that lacks the other is no place for a device: what needs the missing one tells so.
            return
        for path, kind, line, place in ways:
            if self.draft.read(path) is None:
                self.draft.write(path, _HEADER)
                self._own(path, _HEADER)
            outer = above / path.name
            try:
                insertion = place(text_of(self.draft, outer), name)
            except mesonbuild.Unexpected as error:
                self.trouble(outer, str(error), None, error.line)
                continue
            self.place_entry(outer, kind, name, [line], insertion)

    def place_symbol(self, part: Part) -> None:
        """Define the part's Kconfig symbol in its folder."""
        if part.symbol is None:
            return
        path = part.folder / "Kconfig"
        name = part.symbol.name
        for other, text in kconfig_files(self.draft):
            line = kconfig.defined(text, name)
            if line is not None and other != path:
                self.trouble(
                    other,
                    f"{name} is defined here already",
                    "take another symbol; to build under this one, leave out 'kconfig' and keep 'when'",
                    line,
                )
                return
        text = text_of(self.draft, path)
        insertion = kconfig.place(text, part.symbol)
        self.place_entry(path, "kconfig", name, part.symbol.lines(), insertion)

    def place_sources(self, part: Part) -> None:
        """Let the part's C files be built."""
        if part.sources is None:
            return
        path = part.folder / "meson.build"
        text = text_of(self.draft, path)
        top = text_of(self.draft, PurePosixPath("meson.build"))
        names = mesonbuild.set_names(part.sources.set)
        known = [
            each
            for each in names
            if any(mesonbuild.defines_set(where, each) for where in (text, top))
        ]
        if not known:
            self.trouble(
                path,
                f"there is no source set {names[0]}_ss in this file, nor in the tree's own meson.build",
                "under 'build', 'set' names the set to add to, such as 'system'",
            )
            return
        try:
            insertion = mesonbuild.place_sources(text, part.sources, known[0])
        except mesonbuild.Unexpected as error:
            self.trouble(path, str(error), None, error.line)
            return
        lines = part.sources.lines(known[0])
        self.place_entry(path, "sources", part.source.name, lines, insertion)

    def place_tests(self, part: Part) -> None:
        """Let the part's qtests be built and run."""
        for test in part.tests:
            text = text_of(self.draft, QTEST_BUILD)
            try:
                insertion = mesonbuild.place_qtest(text, test)
            except mesonbuild.Unexpected as error:
                self.trouble(QTEST_BUILD, str(error), None, error.line)
                continue
            lines = insertion.text.strip("\n").split("\n")
            self.place_entry(QTEST_BUILD, "qtest", test.name, lines, insertion)

    def keep_unmoved(self) -> None:
        """Leave a build file alone in which all entries stay the same: others may have come beside them since."""
        for path in {each.file for each in self.record.entries}:
            before = [each for each in self.before.entries if each.file == path]
            after = [each for each in self.record.entries if each.file == path]
            if {each.key for each in before} <= self.found and _rows(before) == _rows(after):
                self.draft.write(path, self.draft.on_disk(path))
                others = [each for each in self.record.entries if each.file != path]
                self.record.entries = [*others, *before]
        self.record.entries.sort(key=lambda each: each.key)

    def check_symbols(self, parts: Sequence[Part]) -> None:
        """What the project depends on must be there: Kconfig itself would only tell the one who builds."""
        try:
            files = list(kconfig_files(self.draft))
        except Unreadable as error:
            self.troubles.append(error.trouble)
            return
        known = {each.name for _, text in files for each in kconfig.entries(text)}
        for part in parts:
            asked = [
                each.removeprefix("CONFIG_") for each in (part.sources.when if part.sources else ())
            ]
            asked += part.symbol.depends if part.symbol else ()
            for name in asked:
                # A host's symbols are none of Kconfig's files but of Kconfig.host, and that is among them.
                if name not in known:
                    self.trouble(
                        part.folder / "Kconfig",
                        f"unit '{part.unit.name}' asks for {name}, which no Kconfig of this tree defines",
                        "name a symbol that this QEMU has, or define it with 'kconfig'",
                    )


def _rows(entries: Sequence[PlacedEntry]) -> dict[Key, str]:
    """What entries say, wherever they stand."""
    return {each.key: each.texts[0].strip("\n") for each in entries}


def _edited(
    path: PurePosixPath, placed: PlacedFile, wanted: Mapping[PurePosixPath, bytes]
) -> tuple[str, str]:
    text = "this file was edited since qomgen put it here, and the edit would be lost"
    if placed.origin:
        way = f"bring the edit into {placed.origin}"
    elif path in wanted:
        way = "it is generated: say in the spec what it is to hold"
    else:
        way = "save the edit elsewhere"
    return text, f"{way}; or give --force to lose it"


def _named_on(text: str, kind: str, name: str) -> int | None:
    """The line, from 1, on which a build file names what an entry of `kind` is for."""
    if kind == "kconfig":
        return kconfig.defined(text, name)
    if kind == "source":
        lines = text.split("\n")
        wanted = kconfig.source_line(name)
        return lines.index(wanted) + 1 if wanted in lines else None
    return mesonbuild.mentions(text, name)


def plan(
    tree: QemuTree, project: str, parts: Sequence[Part], hand: Hand, *, force: bool = False
) -> Plan:
    """
    What bringing `parts` into `tree` takes.

    Args:
        tree: the QEMU tree.
        project: the project's name; its record has it.
        parts: what `qomgen.integration.parts.read` found.
        hand: the hand-written files.
        force: lose hand edits in the tree, and replace files that are somebody else's.

    Raises:
        SpecErrors: if a C file is not written.
        TreeTroubles: if anything is in the way.
        BadRecord: if the tree's record of the project can't be read.
        OSError: if the tree can't be read.
    """
    before = record.read(tree.root, project) or Record()
    wanted = {
        path: data
        for part in parts
        for path, data in (*part.files.items(), *part.test_files.items())
    }
    planner = _Planner(tree.root, before, force=force)
    planner.strip(wanted)
    planner.raise_if_any()
    clean = planner.clean = planner.draft.copy()
    _check_sources(planner, tree, parts, hand)
    made = Plan(tree.root, project, before, planner.record, clean, planner.draft)
    for part in parts:
        _stage(planner, part, hand, made)
    if not planner.troubles:
        planner.check_symbols(parts)
    planner.raise_if_any()
    planner.draft = planner.draft.copy()
    planner.keep_unmoved()
    made.draft = planner.draft
    folders = record.parents(planner.record.files)
    there = {each for each in folders if (tree.root / each).is_dir()}
    planner.record.folders = (folders - there) | (folders & before.folders)
    return made


def _check_sources(planner: _Planner, tree: QemuTree, parts: Sequence[Part], hand: Hand) -> None:
    """Each unit's C file is written by hand, or the tree's own includes what is generated."""
    found = Diagnostics()
    for part in parts:
        if part.source in hand.files:
            continue
        there = planner.draft.read(part.source)
        name = f"{part.unit.name}.c.inc"
        if there is None:
            told = {"source": str(part.source), "unit": part.unit.name}
            told["file"] = str(hand.folder / part.source)
            found.add(problems.SourceNotWritten(part.unit.span, **told))
        elif not includes(there.decode("utf-8", "replace"), name):
            planner.trouble(
                part.source,
                f"this file is QEMU {tree.series}'s own and does not include {name}",
                f"QEMU has unit '{part.unit.name}' itself; to build what is generated, put an #include in its place",
            )
    found.raise_if_any()


def _stage(planner: _Planner, part: Part, hand: Hand, made: Plan) -> None:
    """Lay one part over the tree: first the device, then its tests."""
    steps = (
        (part.files, (planner.place_folder, planner.place_symbol, planner.place_sources)),
        (part.test_files, (planner.place_tests,)),
    )
    for is_test, (files, places) in enumerate(steps):
        planner.place_files(files, hand)
        for place in places:
            try:
                place(part)
            except Unreadable as error:
                planner.troubles.append(error.trouble)
        made.stages.append(Stage(part, bool(is_test), planner.draft.copy()))


def plan_undo(tree_root: Path, project: str, *, force: bool = False) -> Plan | None:
    """
    What taking a project back takes; None if the tree has nothing of it.

    Raises:
        TreeTroubles: if something that was put there was edited.
        BadRecord: if the tree's record of the project can't be read.
        OSError: if the tree can't be read.
    """
    before = record.read(tree_root, project)
    if before is None:
        return None
    planner = _Planner(tree_root, before, force=force)
    planner.strip({})
    planner.raise_if_any()
    return Plan(tree_root, project, before, Record(), planner.draft, planner.draft)
