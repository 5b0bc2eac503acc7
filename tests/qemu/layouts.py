# SPDX-License-Identifier: GPL-2.0-or-later
"""Measure the struct layouts that device_specs/layouts/ keeps: ``python -m tests.qemu.layouts``.

Prints what differs from the files, or with ``--write`` writes them.  Exit code 0 when they are
current (or written), 1 when one is not.
"""

from __future__ import annotations

import argparse
import functools
import sys
from pathlib import Path

from qomgen import layout, pipeline
from qomgen.catalog import Catalog
from qomgen.diagnostics import Diagnostics
from qomgen.series import Series

from . import probe, units

SPECS = Path(__file__).parents[2] / "device_specs"

MACHINE = "x86-64 Linux"
"""What the layouts hold for, beside the series: an ABI of Linux on 64 bits."""


@functools.cache
def _catalogs() -> dict[Series, Catalog]:
    found = Diagnostics()
    read = pipeline.catalogs(pipeline.load([SPECS], found), found)
    found.raise_if_any()
    return read


def measured(series: str) -> str:
    """The text of the file of layouts for *series*, from the compiler.

    Raises what `tree.build` raises, and `run.CommandError` when a field is not there.
    """
    catalog = next(catalog for of, catalog in _catalogs().items() if str(of) == series)
    layouts: dict[str, layout.Layout] = {}
    for name, fields in layout.wanted(catalog).items():
        found = probe.probe_layout(series, name, fields)
        layouts[name] = layout.Layout(found.size, found.fields)
    return layout.write(layouts, MACHINE)


def path(series: str) -> Path:
    """Where the layouts of *series* are kept."""
    return next(layout.path(SPECS, of) for of in _catalogs() if str(of) == series)


def main() -> int:
    """Measure all series; compare or write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write what is measured")
    write = parser.parse_args().write
    different = 0
    for series in units.ALL:
        file, text = path(series), measured(series)
        current = file.is_file() and file.read_text(encoding="utf-8") == text
        if write and not current:
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
            current = True
        sys.stdout.write(f"{file}: {'current' if current else 'NOT WHAT THE COMPILER SAYS'}\n")
        different += not current
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
