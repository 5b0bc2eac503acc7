# SPDX-License-Identifier: GPL-2.0-or-later
"""
The way of a spec, whole: files -> located trees -> schema -> one catalog a series -> checks -> views -> plan.

Every stage is a function from value to value. `build` raises; only `qomgen.cli` prints and exits.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from qomgen import cview, render, schema, source
from qomgen.catalog import Catalog
from qomgen.catalog import read as read_catalog
from qomgen.checks import check, check_documents, check_python, check_series
from qomgen.diagnostics import Diagnostics
from qomgen.digest import digest
from qomgen.encode import CComment
from qomgen.layout import path as layout_path
from qomgen.layout import read as read_layouts
from qomgen.naming import PACKAGE
from qomgen.paths import data_folder, own_files
from qomgen.plan import Plan
from qomgen.profile import profiles
from qomgen.pyfiles import python_files
from qomgen.pysource import HookFinder
from qomgen.series import Series, boundaries
from qomgen.source import Mapping, Scalar

TARGETS = ("c", "python")
"""What is made unless told otherwise."""

SCHEMA = "schema"
"""The target that is the schema of specs itself: a copy that a project's editors find."""


class UnknownSeries(ValueError):
    """A QEMU series is asked for that has no profile; the message names those that have."""


@dataclass(frozen=True, slots=True)
class Specs:
    """All documents of some folders, valid by the schema."""

    documents: tuple[Mapping, ...]
    """Those of the user first, then the base ones."""
    files: tuple[Path, ...]


def load(folders: Sequence[Path], found: Diagnostics, *, base: Sequence[Path] = ()) -> Specs:
    """
    Read every `*.yaml` below `folders`.

    Args:
        folders: spec folders; messages name a file by its folder's name and the path below.
        found: takes what is wrong, which is left out of the documents.
        base: folders of specs that are known and not generated: parents, structs, what QEMU has. A document of
            `folders` takes the place of a base one of the same name, in all series.

    Raises:
        FileNotFoundError: if a folder is not there.
    """
    documents: list[Mapping] = []
    files: list[Path] = []
    own: set[tuple[str, str]] = set()
    for folder in (*folders, *base):
        if not folder.is_dir():
            raise FileNotFoundError(f"there is no spec folder '{folder}'")
        is_base = folder in base
        top = f"qomgen/{folder.name}" if is_base else folder.resolve().name
        for path in source.spec_files(folder, top, found):
            if is_base and path in files:
                # A part of it was named as the user's own.
                continue
            files.append(path)
            name = f"{top}/{path.relative_to(folder).as_posix()}"
            file = source.read(path, name, found, base=is_base)
            parsed = source.parse(file, found) if file else []
            admitted = filter(None, (schema.admit(document, found) for document in parsed))
            documents += (each for each in admitted if not (is_base and _described(each) in own))
        if not is_base:
            own.update(filter(None, map(_described, documents)))
    return Specs(tuple(documents), tuple(files))


def _described(document: Mapping) -> tuple[str, str] | None:
    """The kind of a document and the name of what it describes; None of a list of constants."""
    kind = schema.kind_of(document) or ""
    name = document.get(kind)
    return (kind, name.text) if isinstance(name, Scalar) else None


def catalogs(specs: Specs, found: Diagnostics) -> dict[Series, Catalog]:
    """
    The catalogs of all profiles' series, checked.

    The checks also run for every series in between at which something changes: a type must be right in 9.0 too.
    """
    known = profiles()
    lowest, highest = min(known), max(known)
    between = {each for each in boundaries(specs.documents) if lowest < each < highest}
    check_documents(specs.documents, found)
    every: dict[Series, Catalog] = {}
    for series in sorted(between | set(known)):
        every[series] = read_catalog(specs.documents, series, found)
        every[series].siblings = every
    for catalog in every.values():
        check(catalog, found)
    check_series(every, found)
    return {series: every[series] for series in known}


def choose(versions: Sequence[str] | None) -> tuple[Series, ...]:
    """
    The series to generate for: those named, else all that have a profile.

    Raises:
        UnknownSeries: if one has no profile.
    """
    known = profiles()
    if versions is None:
        return tuple(known)
    chosen = []
    for version in versions:
        matching = [series for series in known if str(series) == version]
        if not matching:
            raise UnknownSeries(
                f"no profile for QEMU '{version}'; there are {', '.join(str(each) for each in known)}"
            )
        chosen += matching
    return tuple(sorted(set(chosen)))


def build(
    spec_dirs: Sequence[Path],
    *,
    versions: Sequence[str] | None = None,
    targets: Collection[str] = TARGETS,
    python_path: Sequence[Path] = (),
    package: str = PACKAGE,
    templates: Path | None = None,
    base: Sequence[Path] = (),
) -> Plan:
    """
    Generate everything in memory.

    Args:
        spec_dirs: folders with specs.
        versions: QEMU series such as "10.0" for the C target; None for all that have a profile.
        targets: which of `TARGETS` and `SCHEMA`.
        python_path: folders to look for hook modules in, before Python's own path.
        package: the Python package that generated modules belong to.
        templates: a folder of templates in place of the own ones.
        base: folders with specs that are known and not generated; see `load`.

    Raises:
        SpecErrors: if the specs are wrong; it has all that was found, in order of place.
        UnknownSeries: if a version has no profile.
        FileNotFoundError: if a spec folder is not there.
    """
    chosen = choose(versions)
    found = Diagnostics()
    specs = load(spec_dirs, found, base=base)
    all_catalogs = catalogs(specs, found)
    finder = HookFinder(python_path)
    if "python" in targets:
        for catalog in all_catalogs.values():
            check_python(catalog, finder, found)
    found.raise_if_any()
    folder = templates or data_folder("templates")
    files: dict[PurePosixPath, bytes] = {}
    scope: list[PurePosixPath] = []
    if "c" in targets:
        for series in chosen:
            scope.append(PurePosixPath(f"c/qemu-{series}"))
            files.update(c_files(all_catalogs[series], folder))
        if versions is None:
            # Whatever lies in another series' folder is an orphan, if it is ours.
            scope = [PurePosixPath("c")]
    if "python" in targets:
        scope.append(PurePosixPath(f"python/{package}"))
        layouts = {series: read_layouts(spec_dirs, series) for series in all_catalogs}
        files.update(python_files(all_catalogs, layouts, folder, package, finder))
    if SCHEMA in targets:
        scope.append(PurePosixPath(SCHEMA))
        files[PurePosixPath(f"{SCHEMA}/spec.schema.json")] = schema.copy().encode()
    measured = (layout_path(each, series) for each in spec_dirs for series in all_catalogs)
    inputs = (
        *specs.files,
        *(path for path in measured if path.is_file()),
        *(path for path in finder.found.values() if path is not None),
        *sorted(path for path in folder.rglob("*") if path.is_file()),
        *own_files(),
    )
    return Plan(dict(sorted(files.items())), tuple(scope), inputs, finder.found)


def c_files(catalog: Catalog, templates: Path) -> dict[PurePosixPath, bytes]:
    """The .c.inc and .h.inc of every unit that the series has."""
    environment = render.environment(templates)
    files = {}
    for unit in catalog.units.values():
        if unit.base:
            continue
        view = cview.unit_view(catalog, unit)
        if view is None:
            continue
        for suffix in ("c.inc", "h.inc") if view.has_header else ("c.inc",):
            # Each file has a digest of its own: an edit of one must not mark the other as changed.
            part = view.without_header() if suffix == "c.inc" else view.header_alone()
            mark = render.Mark(
                CComment(f"Generated by qomgen from {unit.span.file.name}"),
                CComment(f"View: sha256:{digest([part])}"),
                CComment("Do not edit; remake with: qomgen generate"),
            )
            text = render.render(environment, f"c/unit.{suffix}", mark, unit=part)
            files[PurePosixPath(f"c/qemu-{catalog.series}/{unit.name}.{suffix}")] = text.encode(
                "ascii"
            )
    return files
