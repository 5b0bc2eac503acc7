# SPDX-License-Identifier: GPL-2.0-or-later
"""Nothing is generated for QEMU that no proof looks at."""

from __future__ import annotations

from tests.qemu import objects, units


def test_every_generated_part_has_a_proof() -> None:
    proved = {f"qemu-{s}/{row.part}" for row in units.DEFINITIONS for s in row.series}
    proved |= {f"qemu-{s}/{row.part}" for row in units.DECLARATIONS for s in row.series}
    written = {
        path.relative_to(objects.GENERATED).as_posix() for path in objects.GENERATED.rglob("*.inc")
    }
    assert written == proved
