# SPDX-License-Identifier: GPL-2.0-or-later
"""The machine that most tests run on."""

from __future__ import annotations

from pyvfio.info import Area
from tests.unit.pyvfio.fake.extras import Extras, Held
from tests.unit.pyvfio.fake.machine import Bar, Function, Machine

EDU = "0000:00:10.0"
"""On a root bus: no reset at all. MSI, one BAR of 1 MiB."""
NIC = "0000:01:00.0"
"""PCI Express, alone behind its port. MSI and 5 vectors of MSI-X that cannot be added to."""
DISK = "0000:02:00.0"
"""Bound to the host's driver nvme. 9 vectors of MSI-X that come and go one by one."""
TWIN = "0000:04:00.0"
"""Shares its group and its bus with OTHER_TWIN."""
OTHER_TWIN = "0000:04:00.1"
SPARSE = "0000:05:00.0"
"""BAR 2 can be mapped in two areas; BAR 4 cannot be mapped."""
VIRTUAL = "0000:06:00.1"
"""A virtual function: opening it wants TOKEN."""
TOKEN = "00112233-4455-6677-8899-aabbccddeeff"  # noqa: S105 (no secret: made up)
SOURCE = "0000:07:00.0"
"""Migrates, knows all states, logs what it writes, and holds HELD."""
TARGET = "0000:08:00.0"
"""Of the same kind, but holds nothing but zeros."""
HELD = bytes(range(48))

NIC_GROUP = 10


def standard() -> Machine:
    """Make it."""
    functions = [
        Function(EDU, 3, bars={0: Bar(1 << 20)}, resettable=False),
        Function(
            NIC,
            NIC_GROUP,
            vendor=0x8086,
            device=0x10D3,
            host_driver="e1000e",
            bars={0: Bar(1 << 17), 3: Bar(1 << 14, msix=True)},
            express=True,
            msix=5,
            bus=(NIC,),
        ),
        Function(
            DISK,
            11,
            driver="nvme",
            host_driver="nvme",
            bars={0: Bar(1 << 14, msix=True)},
            express=True,
            msix=9,
            dynamic=True,
            bus=(DISK,),
        ),
        Function(TWIN, 12, bars={0: Bar(1 << 12)}, bus=(TWIN, OTHER_TWIN)),
        Function(OTHER_TWIN, 12, host_driver="e1000e", bus=(TWIN, OTHER_TWIN)),
        Function(
            SPARSE,
            13,
            bars={
                2: Bar(1 << 16, sparse=(Area(0x1000, 0x2000), Area(0x8000, 0x1000))),
                4: Bar(1 << 12, mappable=False),
            },
        ),
        Function(VIRTUAL, 14, token=TOKEN),
        Function(SOURCE, 15, extras=Extras(Held(7, HELD), logs=True)),
        Function(TARGET, 16, extras=Extras(Held(7, bytes(len(HELD))), logs=True)),
    ]
    return Machine({each.address: each for each in functions})
