# SPDX-License-Identifier: GPL-2.0-or-later
"""Three-phase reset: the "resettable" interface of devices and buses (hw/core/resettable.c)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from .errors import Abort
from .klass import (
    TYPE_INTERFACE,
    ClassStruct,
    EmbeddedStruct,
    InterfaceClass,
    object_class_check,
)
from .typetable import TypeInfo, type_init, type_register_static
from .world import current

if TYPE_CHECKING:
    from .object import Object

TYPE_RESETTABLE_INTERFACE = "resettable"

# More than this many resets of one object at once means a cycle in the reset tree.
_MAX_COUNT = 50


class ResetType(Enum):
    """Why something is reset (include/hw/resettable.h)."""

    COLD = "cold"
    SNAPSHOT_LOAD = "snapshot-load"
    WAKEUP = "wakeup"
    S390_CPU_INITIAL = "s390-cpu-initial"
    S390_CPU_NORMAL = "s390-cpu-normal"


RESET_TYPE_COLD = ResetType.COLD

ResetPhase = Callable[["Object", ResetType], None]
ChildCallback = Callable[["Object", ResetType], None]


@dataclass(slots=True)
class ResettablePhases(EmbeddedStruct):
    """The methods of the three phases. In 7.2's C hold and exit take no type; here they do."""

    enter: ResetPhase | None = None
    hold: ResetPhase | None = None
    exit: ResetPhase | None = None


@dataclass(eq=False, slots=True)
class ResettableClass(ClassStruct):
    """Methods of what can be reset (include/hw/resettable.h).

    `get_transitional_function` is of QEMU before 9.2: a function that runs in place of the phases,
    because a class still has the old reset method.
    """

    parent_class: InterfaceClass = field(default_factory=InterfaceClass)
    phases: ResettablePhases = field(default_factory=ResettablePhases)
    get_state: Callable[[Object], ResettableState] | None = None
    child_foreach: Callable[[Object, ChildCallback, ResetType], None] | None = None
    get_transitional_function: Callable[[Object], Callable[[Object], None] | None] | None = None


@dataclass(eq=False, slots=True)
class ResettableState:
    """How deep in reset an object is (include/hw/resettable.h)."""

    count: int = 0
    hold_phase_pending: bool = False
    exit_phase_in_progress: bool = False


def RESETTABLE_CLASS(klass: ClassStruct) -> ResettableClass:
    """A class's ResettableClass."""
    return object_class_check(klass, TYPE_RESETTABLE_INTERFACE, ResettableClass)


def _class_and_state(obj: Object) -> tuple[ResettableClass, ResettableState]:
    rc = RESETTABLE_CLASS(obj.klass)
    if rc.get_state is None:
        raise Abort(f"{obj!r} keeps no reset state")
    return rc, rc.get_state(obj)


def resettable_state_clear(state: ResettableState) -> None:
    """Forget all resets (resettable_state_clear)."""
    state.count = 0
    state.hold_phase_pending = False
    state.exit_phase_in_progress = False


def resettable_reset(obj: Object, reset_type: ResetType) -> None:
    """Put an object and what is below it into reset, and out again (resettable_reset)."""
    resettable_assert_reset(obj, reset_type)
    resettable_release_reset(obj, reset_type)


def resettable_assert_reset(obj: Object, reset_type: ResetType) -> None:
    """Into reset: the phase enter for the whole tree, then hold (resettable_assert_reset).

    Raises:
        Abort: called in an enter phase.
    """
    world = current()
    if world.enter_phase_in_progress:
        raise Abort("a reset is asserted in the enter phase of another")
    world.enter_phase_in_progress = True
    try:
        _phase_enter(obj, reset_type)
    finally:
        world.enter_phase_in_progress = False
    _phase_hold(obj, reset_type)


def resettable_release_reset(obj: Object, reset_type: ResetType) -> None:
    """Out of reset: the phase exit (resettable_release_reset)."""
    world = current()
    if world.enter_phase_in_progress:
        raise Abort("a reset is released in the enter phase of another")
    world.exit_phase_in_progress += 1
    try:
        _phase_exit(obj, reset_type)
    finally:
        world.exit_phase_in_progress -= 1


def resettable_is_in_reset(obj: Object) -> bool:
    """Whether the object is in reset now (resettable_is_in_reset)."""
    return _class_and_state(obj)[1].count > 0


def _transitional(rc: ResettableClass, obj: Object) -> Callable[[Object], None] | None:
    return rc.get_transitional_function(obj) if rc.get_transitional_function else None


def _phase_enter(obj: Object, reset_type: ResetType) -> None:
    rc, state = _class_and_state(obj)
    if state.exit_phase_in_progress:
        raise Abort("an object enters reset in its own exit phase")
    first = state.count == 0
    state.count += 1
    if state.count > _MAX_COUNT:
        raise Abort("the reset tree has a cycle")
    # Also when this object was in reset: the children's counts must follow.
    if rc.child_foreach is not None:
        rc.child_foreach(obj, _phase_enter, reset_type)
    if first:
        if rc.phases.enter is not None and _transitional(rc, obj) is None:
            rc.phases.enter(obj, reset_type)
        state.hold_phase_pending = True


def _phase_hold(obj: Object, reset_type: ResetType) -> None:
    rc, state = _class_and_state(obj)
    if state.exit_phase_in_progress:
        raise Abort("an object is held in reset in its own exit phase")
    if rc.child_foreach is not None:
        rc.child_foreach(obj, _phase_hold, reset_type)
    if state.hold_phase_pending:
        state.hold_phase_pending = False
        transitional = _transitional(rc, obj)
        if transitional is not None:
            transitional(obj)
        elif rc.phases.hold is not None:
            rc.phases.hold(obj, reset_type)


def _phase_exit(obj: Object, reset_type: ResetType) -> None:
    rc, state = _class_and_state(obj)
    if state.exit_phase_in_progress:
        raise Abort("an object leaves reset in its own exit phase")
    state.exit_phase_in_progress = True
    if rc.child_foreach is not None:
        rc.child_foreach(obj, _phase_exit, reset_type)
    if state.count <= 0:
        raise Abort(f"{obj!r} leaves a reset that it never entered")
    state.count -= 1
    if state.count == 0 and rc.phases.exit is not None and _transitional(rc, obj) is None:
        rc.phases.exit(obj, reset_type)
    state.exit_phase_in_progress = False


def resettable_change_parent(obj: Object, new: Object | None, old: Object | None) -> None:
    """Bring an object that moves below another parent to that one's depth of reset.

    Raises:
        Abort: called in an enter or exit phase (resettable_change_parent asserts it).
    """
    world = current()
    new_count = _class_and_state(new)[1].count if new is not None else 0
    old_count = _class_and_state(old)[1].count if old is not None else 0
    if world.enter_phase_in_progress or world.exit_phase_in_progress:
        raise Abort("an object changes its parent in the middle of a reset")
    for _ in range(old_count, new_count):
        resettable_assert_reset(obj, RESET_TYPE_COLD)
    if old_count and _class_and_state(obj)[1].hold_phase_pending:
        _phase_hold(obj, RESET_TYPE_COLD)
    for _ in range(new_count, old_count):
        resettable_release_reset(obj, RESET_TYPE_COLD)


def resettable_class_set_parent_phases(
    rc: ResettableClass,
    enter: ResetPhase | None,
    hold: ResetPhase | None,
    exit_: ResetPhase | None,
) -> ResettablePhases:
    """Override the phases that are given, and return the parent's to chain up to."""
    parent = ResettablePhases(rc.phases.enter, rc.phases.hold, rc.phases.exit)
    if enter is not None:
        rc.phases.enter = enter
    if hold is not None:
        rc.phases.hold = hold
    if exit_ is not None:
        rc.phases.exit = exit_
    return parent


def _register() -> None:
    type_register_static(
        TypeInfo(
            name=TYPE_RESETTABLE_INTERFACE, parent=TYPE_INTERFACE, class_struct=ResettableClass
        )
    )


type_init(_register)
