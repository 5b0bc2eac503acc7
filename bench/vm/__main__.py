# SPDX-License-Identifier: GPL-2.0-or-later
"""``python -m bench.vm``: what pyvfio costs in the guest, beside C, as ratios.

Times are those of an emulated machine, in which a register is a function of QEMU: of use are the
ratios, and those only as far as they are of the same machine at the same time.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.vm.image import project
from tests.vm.machine import GuestError, Machine
from tests.vm.packages import Missing

HERE = Path(__file__).resolve().parent

ROWS = (
    # What is done; who does it: in C, with a bare memoryview, through a view, by a call.
    ("32-bit load of a register", "c load", "bare load", "view load", "call load"),
    ("32-bit store to a register", "c store", "bare store", "view store", "call store"),
    ("32-bit read through the descriptor", "c pread", None, None, "call pread"),
    ("16-bit read of configuration space", "c config", None, None, "call config"),
    ("map and unmap a page", "c map", None, None, "call map"),
    ("interrupt by loopback", "c irq", None, None, "call irq"),
)
TITLES = ("", "C", "bare memoryview", "view", "call")


def compiled(folder: Path) -> Path:
    """The C program, which runs without any library of the guest."""
    program = folder / "native"
    words = ["cc", "-O2", "-static", "-o", str(program), str(HERE / "native.c")]
    subprocess.run(words, check=True)
    return program


def table(times: Mapping[str, float]) -> str:
    """Microseconds, and how often C would be done by then."""
    lines = [f"{TITLES[0]:36}" + "".join(f"{title:>20}" for title in TITLES[1:])]
    for what, *names in ROWS:
        base = times[str(names[0])]
        cells = [
            f"{times[name] / 1000:.2f} us x{times[name] / base:.1f}" if name else ""
            for name in names
        ]
        lines.append(f"{what:36}" + "".join(f"{cell:>20}" for cell in cells))
    return "\n".join(lines)


def main() -> int:
    """Compile, boot, measure, print."""
    with tempfile.TemporaryDirectory() as name:
        files = {**project(), "bench/vm": HERE, "bench/native": compiled(Path(name))}
        try:
            with Machine("python3 -m bench.vm.guest", files) as machine:
                results = machine.results()
        except (GuestError, Missing) as error:
            sys.exit(str(error))
    if results.status:
        sys.exit(results.console)
    print(table(json.loads(results.files["bench.json"])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
