# SPDX-License-Identifier: GPL-2.0-or-later
"""A table of all object proofs: ``python -m tests.qemu.table [SERIES...]``.

Exit code 0 when all objects are identical, 1 when one differs or does not compile, 2 when a tree
cannot be had.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from . import archive, headers, objects, tree, units
from .run import CommandError


def _definition(unit: str, series: str, folder: Path) -> str | None:
    where = units.definition(unit, series)
    if where is None:
        return None
    verdict = objects.prove(where, series, objects.generated(series, [where.part], folder))
    if not verdict.identical:
        raise _Different(f"{where.source}: {verdict}\n{verdict.detail}")
    return "identical" if verdict.reference == objects.UNTOUCHED else "identical, moved"


def _declaration(unit: str, series: str, folder: Path) -> str | None:
    where = units.declaration(unit, series)
    if where is None:
        return None
    verdict = headers.prove(where, series, objects.generated(series, [where.part], folder))
    if not verdict.identical:
        raise _Different(f"{where.header}: {verdict}\n{verdict.detail}")
    return f"identical ({len(verdict.objects)})"


class _Different(Exception):
    """An object is not QEMU's."""


def main() -> int:
    """Print the table, and what differs below it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("series", nargs="*", default=units.ALL, help="QEMU series, all by default")
    parser.add_argument(
        "--generated", type=Path, default=objects.GENERATED, help="the C outputs (generated/c)"
    )
    arguments = parser.parse_args()
    chosen = arguments.series
    notes: list[str] = []
    absent: set[str] = set()
    for series in chosen:
        try:
            found = tree.source(series)
            notes.append(f"QEMU {series}: Debian's {found.version}")
        except archive.NotServed as error:
            notes.append(str(error))
            absent.add(series)
        except (archive.Unreachable, tree.Missing, CommandError) as error:
            sys.stdout.write(f"QEMU {series}: {error}\n")
            return 2
    width = max(len(unit) for unit in units.units()) + len(".c.inc") + 2
    sys.stdout.write("".ljust(width) + "".join(f"{series:<18}" for series in chosen) + "\n")
    failures: list[str] = []
    for unit in units.units():
        for part, prove in ((".c.inc", _definition), (".h.inc", _declaration)):
            cells: list[str] = []
            for series in chosen:
                try:
                    cell = (
                        "not served"
                        if series in absent
                        else (prove(unit, series, arguments.generated) or "-")
                    )
                except objects.NotGenerated as error:
                    cell = "NOT GENERATED"
                    failures.append(str(error))
                except _Different as error:
                    cell = "DIFFERENT"
                    failures.append(f"{unit}{part} for QEMU {series}\n{error}")
                except CommandError as error:
                    cell = "DOES NOT COMPILE"
                    failures.append(f"{unit}{part} for QEMU {series}: {error}")
                cells.append(cell)
            if set(cells) != {"-"}:
                row = f"{unit}{part}".ljust(width) + "".join(f"{cell:<18}" for cell in cells)
                sys.stdout.write(row.rstrip() + "\n")
                sys.stdout.flush()
    sys.stdout.write("\n".join(["", *notes, _LEGEND, *failures, ""]))
    return 1 if failures else 0


_LEGEND = """identical         the object that QEMU's own text makes, byte for byte
identical, moved  the same, with QEMU's own text moved to where the include stands
identical (n)     the n objects of VFIO, back ends and migration that read the header
-                 QEMU does not have it in this series"""

if __name__ == "__main__":
    sys.exit(main())
