# SPDX-License-Identifier: GPL-2.0-or-later
"""
How long qomgen takes: `make bench`, or `python bench/run.py [ROUNDS]`.

Every row is a process of its own, as a user or a hook starts it. Rounds are interleaved (each runs every row once),
so that a busy moment of the machine is everybody's. Printed are medians, and how they compare with Python doing
nothing and with a pass of SHA-256 over the bytes that a check must look at: what was read and what is generated.
"""

from __future__ import annotations

import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

CHECKOUT = Path(__file__).resolve().parents[1]

SHA256 = """
import hashlib, sys
digest = hashlib.sha256()
for path in open(sys.argv[1]).read().splitlines():
    with open(path, "rb") as stream:
        digest.update(stream.read())
print(digest.hexdigest())
"""


@dataclass
class Row:
    """Something that is measured: a command, and what is done before each run."""

    name: str
    command: list[str]
    prepare: Callable[[], None] = lambda: None
    times: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The median of the runs, in seconds."""
        return statistics.median(self.times)


class House:
    """Copies of the specs, one of them to be edited, with outputs and a speed cache."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for home in (folder, folder / "edited"):
            shutil.copytree(CHECKOUT / "device_specs", home / "device_specs")
        self.spec = folder / "edited" / "device_specs" / "vfio-pci.yaml"
        self.environment = os.environ | {"QOMGEN_CACHE_DIR": str(folder / "cache")}
        self.text = self.spec.read_text(encoding="utf-8")
        self.edits = 0

    def run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        """Run a command in the house."""
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def edit(self) -> None:
        """Change a text of one spec, so that its C and its Python change, for every series."""
        self.edits += 1
        old = "description: "
        assert old in self.text
        self.spec.write_text(self.text.replace(old, f"{old}{self.edits} ", 1), encoding="utf-8")

    def clear(self) -> None:
        """Take the outputs of a cold run away."""
        shutil.rmtree(self.folder / "cold", ignore_errors=True)


def rows(house: House) -> list[Row]:
    """What is measured."""
    python = sys.executable
    script = Path(python).with_name("qomgen")
    qomgen = [str(script)] if script.exists() else [python, "-m", "qomgen"]
    generate, check = [*qomgen, "generate"], [*qomgen, "check"]
    listed = house.folder / "listed"
    paths = [house.run([*generate, f"--list-{what}"]).stdout for what in ("inputs", "outputs")]
    listed.write_text("".join(paths), encoding="utf-8")
    edited = [*generate, "--specs", "edited/device_specs", "--output", "edited/generated"]
    cold = [*generate, "--no-cache", "--output", "cold"]
    return [
        Row("python -c pass", [python, "-c", "pass"]),
        Row("sha256 of what a check looks at", [python, "-c", SHA256, str(listed)]),
        Row("qomgen check, nothing changed", check),
        Row("qomgen generate, nothing changed", generate),
        Row("qomgen check --no-cache, nothing changed", [*check, "--no-cache"]),
        Row("qomgen generate, one spec changed", edited, house.edit),
        Row("qomgen generate, cold", cold, house.clear),
    ]


def measure(measured: list[Row], house: House, rounds: int) -> None:
    """Run every row once a round, after one round that does not count."""
    for number in range(rounds + 1):
        for row in measured:
            row.prepare()
            start = perf_counter()
            done = house.run(row.command)
            elapsed = perf_counter() - start
            if done.returncode:
                sys.exit(f"{row.name}: {done.stdout}{done.stderr}")
            if number:
                row.times.append(elapsed)


def table(measured: list[Row]) -> str:
    """Medians and ratios, as a table of Markdown."""
    nothing, digest = measured[0].median, measured[1].median
    lines = ["| what | median | fastest | of `pass` | of sha256 |", "|---|---:|---:|---:|---:|"]
    lines += [
        f"| {row.name} | {row.median * 1000:.0f} ms | {min(row.times) * 1000:.0f} ms"
        f" | {row.median / nothing:.1f} | {row.median / digest:.1f} |"
        for row in measured
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    with tempfile.TemporaryDirectory() as name:
        house = House(Path(name))
        measured = rows(house)
        for _ in range(2):
            house.run(measured[3].command)
        files = (house.folder / "listed").read_text(encoding="utf-8").splitlines()
        size = sum((house.folder / path).stat().st_size for path in files)
        measure(measured, house, rounds)
        print(table(measured))
    print(
        f"\n{rounds} rounds, {len(files)} files of {size // 1024} KiB,"
        f" Python {platform.python_version()}, {os.cpu_count()} CPUs,"
        f" load {os.getloadavg()[0]:.1f}"
    )


if __name__ == "__main__":
    main()
