# SPDX-License-Identifier: GPL-2.0-or-later
"""The states of a device that migrates, and the ways between them.

linux/vfio.h describes them at enum vfio_device_mig_state: which arcs there are, and how a way of
several arcs is chosen - the shortest, and one that does not pass a saving state if it can.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Final, TypeAlias

from pyvfio.uapi import feature as uapi


class MigState(IntEnum):
    """A state (enum vfio_device_mig_state)."""

    ERROR = uapi.VFIO_DEVICE_STATE_ERROR
    """It has failed, and must be reset."""
    STOP = uapi.VFIO_DEVICE_STATE_STOP
    """It changes nothing, neither in itself nor outside."""
    RUNNING = uapi.VFIO_DEVICE_STATE_RUNNING
    """It runs."""
    STOP_COPY = uapi.VFIO_DEVICE_STATE_STOP_COPY
    """It is stopped, and what it holds can be read."""
    RESUMING = uapi.VFIO_DEVICE_STATE_RESUMING
    """It is stopped, and takes what another one held."""
    RUNNING_P2P = uapi.VFIO_DEVICE_STATE_RUNNING_P2P
    """It runs, but does no DMA to other devices."""
    PRE_COPY = uapi.VFIO_DEVICE_STATE_PRE_COPY
    """It runs, and what it holds can be read, before it has stopped."""
    PRE_COPY_P2P = uapi.VFIO_DEVICE_STATE_PRE_COPY_P2P
    """The same, but it does no DMA to other devices."""


class MigFlags(IntFlag):
    """What a device can (struct vfio_device_feature_migration)."""

    STOP_COPY = uapi.VFIO_MIGRATION_STOP_COPY
    """It knows STOP, STOP_COPY and RESUMING: all that migrate do."""
    P2P = uapi.VFIO_MIGRATION_P2P
    """It knows RUNNING_P2P."""
    PRE_COPY = uapi.VFIO_MIGRATION_PRE_COPY
    """It knows PRE_COPY, and with P2P also PRE_COPY_P2P."""


Arc: TypeAlias = tuple[MigState, MigState]

_S = MigState

SAVING: Final = frozenset({_S.PRE_COPY, _S.PRE_COPY_P2P, _S.STOP_COPY})
"""States that share one stream, which goes on from one to the other."""

STREAMING: Final = SAVING | {_S.RESUMING}
"""States with a stream of data."""

NEEDS: Final[dict[MigState, MigFlags]] = {
    _S.ERROR: MigFlags(0),
    _S.STOP: MigFlags.STOP_COPY,
    _S.RUNNING: MigFlags.STOP_COPY,
    _S.STOP_COPY: MigFlags.STOP_COPY,
    _S.RESUMING: MigFlags.STOP_COPY,
    _S.RUNNING_P2P: MigFlags.STOP_COPY | MigFlags.P2P,
    _S.PRE_COPY: MigFlags.STOP_COPY | MigFlags.PRE_COPY,
    _S.PRE_COPY_P2P: MigFlags.STOP_COPY | MigFlags.P2P | MigFlags.PRE_COPY,
}
"""What a device must be able to do to know a state."""

ARCS: Final[frozenset[Arc]] = frozenset(
    {
        (_S.RUNNING_P2P, _S.STOP),
        (_S.STOP_COPY, _S.STOP),
        (_S.RESUMING, _S.STOP),
        (_S.PRE_COPY, _S.RUNNING),
        (_S.RUNNING_P2P, _S.RUNNING),
        (_S.PRE_COPY_P2P, _S.RUNNING_P2P),
        (_S.RUNNING, _S.RUNNING_P2P),
        (_S.STOP, _S.RUNNING_P2P),
        (_S.RUNNING, _S.PRE_COPY),
        (_S.RUNNING_P2P, _S.PRE_COPY_P2P),
        (_S.STOP, _S.STOP_COPY),
        (_S.PRE_COPY, _S.PRE_COPY_P2P),
        (_S.PRE_COPY_P2P, _S.PRE_COPY),
        (_S.PRE_COPY_P2P, _S.STOP_COPY),
        (_S.STOP, _S.RESUMING),
    }
)
"""The arcs of a device that knows all states. Others are ways of several of these."""

FORBIDDEN: Final[frozenset[Arc]] = frozenset(
    {(_S.STOP_COPY, _S.PRE_COPY), (_S.STOP_COPY, _S.PRE_COPY_P2P)}
)
"""What the kernel declines although ways would lead there: a device does not go back to copying."""


def knows(flags: MigFlags, state: MigState) -> bool:
    """Whether a device that can `flags` knows a state."""
    return NEEDS[state] & ~flags == 0


def way(flags: MigFlags, old: MigState, new: MigState) -> tuple[MigState, ...] | None:
    """Return the states that a device goes through, the new one last; None if there is no way.

    The kernel goes all of the way when it is asked for its end. States that the device does not
    know are left out: RUNNING to STOP passes RUNNING_P2P, unless there is no such state.
    """
    if not (knows(flags, old) and knows(flags, new)):
        return None
    if (old, new) in FORBIDDEN or _S.ERROR in (old, new):
        return None
    return tuple(state for state in _ways(old)[new] if knows(flags, state))


def _ways(old: MigState) -> dict[MigState, tuple[MigState, ...]]:
    """Return the way from a state to each, of a device that knows all."""
    found: dict[MigState, tuple[MigState, ...]] = {old: ()}
    last = found
    while last:
        longer: dict[MigState, tuple[MigState, ...]] = {}
        # Of two that are equally long, the one with fewer saving states on it.
        for before, passed in sorted(last.items(), key=lambda each: _saving(each[1])):
            for start, end in ARCS:
                if start == before and end not in found:
                    longer.setdefault(end, (*passed, end))
        found |= longer
        last = longer
    return found


def _saving(passed: tuple[MigState, ...]) -> int:
    """Count the saving states."""
    return sum(state in SAVING for state in passed)
