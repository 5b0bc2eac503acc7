# SPDX-License-Identifier: GPL-2.0-or-later
"""
Where C keeps the fields that have a Python twin: measured by a compiler in a real QEMU tree, and kept as data.

`layouts/qemu-<series>.json` in a spec folder holds sizes and offsets, in bytes. The generator only passes them on;
what it computes itself would prove nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from qomgen import pytypes, pyview
from qomgen.catalog import Catalog, FieldPath
from qomgen.series import Series

LICENSE = "GPL-2.0-only"
"""Of the tables: they describe hw/vfio/pci.h."""

Place: TypeAlias = tuple[int, int]
"""Offset and size of a field, in bytes."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A struct in one series: its size, and the place of each field path, in bytes."""

    size: int
    fields: Mapping[str, Place]


class LayoutError(ValueError):
    """A file of layouts is not of the form that it is measured in; the message names it."""


def path(folder: Path, series: Series) -> Path:
    """The file with the layouts of `series` in a spec folder."""
    return folder / "layouts" / f"qemu-{series}.json"


def read(folders: Iterable[Path], series: Series) -> dict[str, Layout]:
    """
    The layouts of `series` that the spec folders have, by struct.

    Raises:
        LayoutError: if a file is not of the form that `write` gives it; the message names the file.
    """
    found: dict[str, Layout] = {}
    for folder in folders:
        file = path(folder, series)
        if not file.is_file():
            continue
        try:
            structs = json.loads(file.read_text("utf-8"))["structs"]
            for name, row in structs.items():
                fields = {
                    field: (int(place[0]), int(place[1])) for field, place in row["fields"].items()
                }
                found[name] = Layout(int(row["size"]), fields)
        except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
            raise LayoutError(f"{file} is no table of layouts: {error!r}") from error
    return found


def write(layouts: Mapping[str, Layout], machine: str) -> str:
    """The text of a file of layouts."""
    structs = {
        name: {
            "size": layout.size,
            "fields": {field: list(place) for field, place in layout.fields.items()},
        }
        for name, layout in sorted(layouts.items())
    }
    head = {
        "license": LICENSE,
        "comment": f"Measured by the compiler in QEMU's tree, {machine}: size; offset and size of fields; in bytes.",
    }
    text = json.dumps({**head, "structs": structs}, indent=2)
    # A field a line.
    return (
        text.replace("[\n          ", "[")
        .replace(",\n          ", ", ")
        .replace("\n        ]", "]")
        + "\n"
    )


def wanted(catalog: Catalog) -> dict[str, list[str]]:
    """The field paths with a Python twin, by the generated instance struct they start from."""
    found: dict[str, dict[str, None]] = {}
    for type_ in catalog.types.values():
        if type_.provided or "python" not in type_.targets:
            continue
        own = catalog.instance_struct(type_)
        if own is not None and not own.provided:
            fields = (field for field in own.fields[1:] if field.bits is None)
            twins = (field.name for field in fields if pytypes.twin(catalog, field))
            found.setdefault(own.name, {}).update(dict.fromkeys(twins))
        for in_type, text in pyview.field_paths(catalog, type_):
            struct = catalog.instance_struct(catalog.types[in_type] if in_type else type_)
            reached = catalog.path(struct, text) if struct and not struct.provided else None
            if (
                isinstance(reached, FieldPath)
                and struct
                and not any(field.bits for field in reached.fields)
            ):
                found.setdefault(struct.name, {}).setdefault(text)
    return {name: _ordered(catalog, name, rows) for name, rows in sorted(found.items())}


def _ordered(catalog: Catalog, struct: str, rows: Iterable[str]) -> list[str]:
    """Field paths in the order of the struct."""
    places = {field.name: index for index, field in enumerate(catalog.structs[struct].fields)}
    return sorted(rows, key=lambda row: (places[re.split(r"[.\[]", row)[0]], row))
