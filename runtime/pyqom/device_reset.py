# SPDX-License-Identifier: GPL-2.0-or-later
"""Reset of devices, in phases and of the old kind (hw/core/qdev.c)."""

from __future__ import annotations

from collections.abc import Callable

from .object import Object
from .qdev import DEVICE, DEVICE_GET_CLASS, DeviceClass, DeviceState
from .resettable import (
    RESET_TYPE_COLD,
    RESETTABLE_CLASS,
    ChildCallback,
    ResettableState,
    ResetType,
    resettable_is_in_reset,
    resettable_reset,
)
from .world import at_least


def device_cold_reset(dev: DeviceState) -> None:
    """Reset a device and what hangs on it (device_cold_reset)."""
    resettable_reset(dev, RESET_TYPE_COLD)


def device_is_in_reset(dev: DeviceState) -> bool:
    """Whether the device is in reset now (device_is_in_reset)."""
    return resettable_is_in_reset(dev)


def _reset_state(obj: Object) -> ResettableState:
    return DEVICE(obj).reset


def _reset_children(obj: Object, callback: ChildCallback, reset_type: ResetType) -> None:
    for bus in list(DEVICE(obj).child_bus):
        callback(bus, reset_type)


def _legacy_reset_in_hold(obj: Object, reset_type: ResetType) -> None:
    """The hold phase of a class with a legacy reset (do_legacy_reset)."""
    reset = DEVICE_GET_CLASS(obj).legacy_reset
    if reset is not None:
        reset(DEVICE(obj))


def _phases_reset(dev: DeviceState) -> None:
    """Before 9.2: the default legacy reset, which runs the phases (device_phases_reset)."""
    phases = RESETTABLE_CLASS(dev.klass).phases
    for phase in (phases.enter, phases.hold, phases.exit):
        if phase is not None:
            phase(dev, RESET_TYPE_COLD)


def _transitional_reset(obj: Object) -> None:
    reset = DEVICE_GET_CLASS(obj).legacy_reset
    if reset is not None:
        reset(DEVICE(obj))


def _get_transitional_reset(obj: Object) -> Callable[[Object], None] | None:
    """Before 9.2: an overridden legacy reset runs in place of the phases."""
    return None if DEVICE_GET_CLASS(obj).legacy_reset is _phases_reset else _transitional_reset


def device_class_set_legacy_reset(dc: DeviceClass, reset: Callable[[DeviceState], None]) -> None:
    """Give a class a reset of the old kind; its ancestors' phases are forgotten.

    It runs in the hold phase. Before QEMU 9.2 this is the assignment `dc->reset = f`, which
    leaves the phases alone but runs in place of them (device_class_set_legacy_reset).
    """
    if at_least("9.2"):
        phases = RESETTABLE_CLASS(dc).phases
        phases.enter = None
        phases.hold = _legacy_reset_in_hold
        phases.exit = None
    dc.legacy_reset = reset


def device_class_set_parent_reset(
    dc: DeviceClass, reset: Callable[[DeviceState], None]
) -> Callable[[DeviceState], None]:
    """Override the reset and return the parent's to chain up to.

    Before 9.2 QEMU has a function of this name; newer ones override the hold phase with
    resettable_class_set_parent_phases. Either way both sides are `reset(dev)` here.
    """
    if not at_least("9.2"):
        parent = dc.legacy_reset
        dc.legacy_reset = reset

        def chain(dev: DeviceState) -> None:
            if parent is not None:
                parent(dev)

        return chain
    phases = RESETTABLE_CLASS(dc).phases
    parent_hold = phases.hold

    def hold(obj: Object, reset_type: ResetType) -> None:
        reset(DEVICE(obj))

    def chain_hold(dev: DeviceState) -> None:
        # A parent with a legacy reset is called through its class member, which stays the
        # parent's: the override is in the phase.
        if parent_hold is not None:
            parent_hold(dev, RESET_TYPE_COLD)

    phases.hold = hold
    return chain_hold


def device_class_init_reset(dc: DeviceClass) -> None:
    """The reset part of device_class_init."""
    rc = RESETTABLE_CLASS(dc)
    rc.get_state = _reset_state
    rc.child_foreach = _reset_children
    if not at_least("9.2"):
        dc.legacy_reset = _phases_reset
        rc.get_transitional_function = _get_transitional_reset
