# SPDX-License-Identifier: GPL-2.0-or-later
"""The state that a QEMU process keeps in global variables, one object for all of it.

QEMU has one type table, one composition tree and one list of boot indices a process. Here they
belong to a `World`, and exactly one world is the current one: `with World("7.2"):` makes a fresh
one current for a while. Without that, a default world for QEMU 10.0 is made at the first use.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from types import TracebackType
from typing import TYPE_CHECKING, Self

from .series import DEFAULT_SERIES, parse_series

if TYPE_CHECKING:
    from .bootdevice import BootEntry
    from .errors import Error
    from .globalprops import GlobalProperty
    from .object import Object
    from .qdev import BusState, DeviceListener, MachineState
    from .typetable import TypeImpl


class MachineInitPhase(IntEnum):
    """How far a machine has come (hw/core/qdev.c, phase_advance)."""

    NO_MACHINE = 1
    MACHINE_CREATED = 2
    ACCEL_CREATED = 3
    LATE_BACKENDS_CREATED = 4
    MACHINE_INITIALIZED = 5
    MACHINE_READY = 6


def print_warning(text: str) -> None:
    """Say `text` on standard error, as warn_report does without a location."""
    sys.stderr.write(f"warning: {text}\n")


@dataclass(eq=False)
class World:
    """One QEMU process: its series and everything that is global in it.

    `series` chooses whose QEMU's behaviour, types and texts count; `warn` takes what warn_report
    prints, `event` the QMP events (name, data).
    """

    series: str = DEFAULT_SERIES
    warn: Callable[[str], None] = print_warning
    event: Callable[[str, dict[str, object]], None] = lambda name, data: None
    types: dict[str, TypeImpl] = field(default_factory=dict, init=False, repr=False)
    inits_run: int = field(default=0, init=False, repr=False)
    root: Object | None = field(default=None, init=False, repr=False)
    machine: MachineState | None = field(default=None, init=False, repr=False)
    phase: MachineInitPhase = field(default=MachineInitPhase.NO_MACHINE, init=False)
    boot_order: list[BootEntry] = field(default_factory=list, init=False, repr=False)
    acpi_indices: list[int] = field(default_factory=list, init=False, repr=False)
    global_props: list[GlobalProperty] = field(default_factory=list, init=False, repr=False)
    # Slot 0: the accelerator, 1: the machine, 2: sugar (qom/object.c, object_compat_props).
    compat_props: list[list[GlobalProperty]] = field(
        default_factory=lambda: [[], [], []], init=False, repr=False
    )
    device_listeners: list[DeviceListener] = field(default_factory=list, init=False, repr=False)
    only_migratable: bool = field(default=False, init=False)
    # Why it cannot be migrated, the latest reason first; whether something is being saved.
    migration_blockers: list[Error] = field(default_factory=list, init=False, repr=False)
    saving: bool = field(default=False, init=False, repr=False)
    enter_phase_in_progress: bool = field(default=False, init=False, repr=False)
    exit_phase_in_progress: int = field(default=0, init=False, repr=False)
    # Whether a monitor command runs now, and the descriptors that getfd gave it by name.
    in_monitor: bool = field(default=False, init=False, repr=False)
    monitor_fds: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    anonymous_devices: int = field(default=0, init=False, repr=False)
    unattached_devices: int = field(default=0, init=False, repr=False)
    main_system_bus: BusState | None = field(default=None, init=False, repr=False)
    # How a monitor sees the time, in milliseconds; a guest that is stopped stays at 0.
    clock_ms: Callable[[], int] = field(default=lambda: int(time.monotonic() * 1000), repr=False)

    def __post_init__(self) -> None:
        parse_series(self.series)

    def at_least(self, series: str) -> bool:
        """Whether this world's QEMU is `series` or newer."""
        return parse_series(self.series) >= parse_series(series)

    def __enter__(self) -> Self:
        _stack.append(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _stack.pop()


_stack: list[World] = []


def current() -> World:
    """The world that counts now; made for the default series if there is none yet."""
    if not _stack:
        _stack.append(World())
    return _stack[-1]


def at_least(series: str) -> bool:
    """Whether the current world's QEMU is `series` or newer."""
    return current().at_least(series)
