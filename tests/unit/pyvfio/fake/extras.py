# SPDX-License-Identifier: GPL-2.0-or-later
"""What functions of the made-up machine have beside regions and interrupts."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

PAGE = 4096


@dataclass
class Held:
    """What a device holds, and what it can of migration.

    Attributes:
        flags: VFIO_MIGRATION_*; 0 if it cannot migrate.
        data: What is to be saved and loaded.
        breaks: Whether a load that fails leaves it in ERROR.
        cannot_stop: Whether it fails to stop.
    """

    flags: int = 0
    data: bytes = b""
    breaks: bool = False
    cannot_stop: bool = False


@dataclass(eq=False)
class Extras:
    """What a function has beside regions and interrupts.

    Attributes:
        held: Its state, and how it migrates.
        logs: Whether it logs what it writes.
        log_page_size: The page size in which it does, whatever is asked for.
        written: Addresses that it has written to since they were last asked for.
        low_power: Whether its driver manages its power.
        physical: Whether it is a physical function with virtual ones, and so has a token.
        set_token: The token that was set.
        dma_buf: Whether its regions can be exported.
    """

    held: Held = field(default_factory=Held)
    logs: bool = False
    log_page_size: int = PAGE
    written: set[int] = field(default_factory=set)
    low_power: bool = True
    physical: bool = False
    set_token: uuid.UUID | None = None
    dma_buf: bool = False
