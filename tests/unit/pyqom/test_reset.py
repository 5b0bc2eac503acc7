# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: ARG001, ARG005 - fixtures work by being named; hooks and casts are as in QEMU
"""Reset in three phases and of the old kind (hw/core/resettable.c, hw/core/qdev.c)."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from pyqom import (
    DEVICE_CLASS,
    RESETTABLE_CLASS,
    Abort,
    ClassStruct,
    DeviceClass,
    DeviceState,
    Object,
    ObjectClass,
    ResettablePhases,
    ResetType,
    TypeInfo,
    World,
    bus_cold_reset,
    device_class_set_legacy_reset,
    device_class_set_parent_reset,
    device_cold_reset,
    device_is_in_reset,
    object_class_check,
    object_new,
    qbus_new,
    qdev_new,
    resettable_assert_reset,
    resettable_class_set_parent_phases,
    resettable_is_in_reset,
    resettable_release_reset,
    resettable_reset,
    type_register_static,
)
from pyqom.device import bus_add_child
from pyqom.resettable import resettable_change_parent
from tests.unit.pyqom.says import refused

COLD = ResetType.COLD
log: list[str] = []


def note(phase: str, obj: Object) -> None:
    assert isinstance(obj, DeviceState)
    log.append(f"{obj.id or obj.klass.name} {phase}")


def _phased(klass: ObjectClass) -> None:
    phases = RESETTABLE_CLASS(klass).phases
    phases.enter = lambda obj, kind: note("enter", obj)
    phases.hold = lambda obj, kind: note("hold", obj)
    phases.exit = lambda obj, kind: note("exit", obj)


@pytest.fixture(autouse=True)
def types(any_world: World) -> None:
    log.clear()
    type_register_static(TypeInfo(name="plain-bus", parent="bus"))
    type_register_static(TypeInfo(name="phased", parent="device", class_init=_phased))


def tree() -> tuple[DeviceState, DeviceState, DeviceState]:
    """A device with a bus and two devices on it; the newest is visited first."""
    top = qdev_new("phased")
    top.id = "top"
    bus = qbus_new("plain-bus", top)
    kids = []
    for name in ("left", "right"):
        kid = qdev_new("phased")
        kid.id = name
        bus_add_child(bus, kid)
        kids.append(kid)
    return top, kids[0], kids[1]


def test_children_first_and_phase_by_phase() -> None:
    top, _, _ = tree()
    device_cold_reset(top)
    assert log == [
        f"{name} {phase}"
        for phase in ("enter", "hold", "exit")
        for name in ("right", "left", "top")
    ]


def test_only_the_first_of_several_resets_enters_and_only_the_last_exits() -> None:
    top, _, _ = tree()
    resettable_assert_reset(top, COLD)
    assert device_is_in_reset(top)
    log.clear()
    resettable_assert_reset(top, COLD)
    resettable_release_reset(top, COLD)
    assert log == []
    assert resettable_is_in_reset(top)
    resettable_release_reset(top, COLD)
    assert log == ["right exit", "left exit", "top exit"]
    assert not device_is_in_reset(top)


def test_a_child_that_is_in_reset_is_not_reset_again() -> None:
    top, left, _ = tree()
    resettable_assert_reset(left, COLD)
    log.clear()
    resettable_reset(top, COLD)
    assert [line for line in log if line.startswith("left")] == []
    resettable_release_reset(left, COLD)
    assert log[-1] == "left exit"


def test_a_bus_resets_what_is_on_it() -> None:
    top, _, _ = tree()
    bus_cold_reset(top.child_bus[0])
    assert "top hold" not in log
    assert "left hold" in log


def test_a_device_in_the_middle_of_a_reset_is_no_place_for_another() -> None:
    def again(obj: Object, kind: ResetType) -> None:
        resettable_assert_reset(obj, kind)

    def enter(klass: ObjectClass) -> None:
        RESETTABLE_CLASS(klass).phases.enter = again

    def exit_(klass: ObjectClass) -> None:
        RESETTABLE_CLASS(klass).phases.exit = again

    type_register_static(TypeInfo(name="bad-enter", parent="device", class_init=enter))
    type_register_static(TypeInfo(name="bad-exit", parent="device", class_init=exit_))
    with pytest.raises(Abort, match="in the enter phase of another"):
        device_cold_reset(qdev_new("bad-enter"))
    with pytest.raises(Abort, match="in its own exit phase"):
        device_cold_reset(qdev_new("bad-exit"))


def test_a_cycle_ends() -> None:
    def foreach(obj: Object, callback: object, kind: ResetType) -> None:
        assert callable(callback)
        callback(obj, kind)

    def class_init(klass: ObjectClass) -> None:
        RESETTABLE_CLASS(klass).child_foreach = foreach

    type_register_static(TypeInfo(name="cyclic", parent="device", class_init=class_init))
    with refused("the reset tree has a cycle", Abort):
        device_cold_reset(qdev_new("cyclic"))


def test_a_release_without_a_reset() -> None:
    with pytest.raises(Abort, match="never entered"):
        resettable_release_reset(qdev_new("phased"), COLD)


def test_who_moves_takes_the_new_parents_depth() -> None:
    """resettable_change_parent."""
    top, _, _ = tree()
    other, _, _ = tree()
    mover = qdev_new("phased")
    mover.id = "mover"
    resettable_assert_reset(top, COLD)
    resettable_assert_reset(top, COLD)
    log.clear()
    resettable_change_parent(mover, top, None)
    assert mover.reset.count == 2
    assert log == ["mover enter", "mover hold"]
    resettable_change_parent(mover, other, top)
    assert mover.reset.count == 0
    assert log[-1] == "mover exit"


# --- the old kind ---------------------------------------------------------------------------------


def _legacy(dev: DeviceState) -> None:
    log.append("legacy")


def _with_legacy(klass: ObjectClass) -> None:
    device_class_set_legacy_reset(DEVICE_CLASS(klass), _legacy)


def test_a_legacy_reset_runs_in_hold_and_the_phases_of_the_parent_do_not() -> None:
    type_register_static(TypeInfo(name="old", parent="phased", class_init=_with_legacy))
    dev = qdev_new("old")
    resettable_assert_reset(dev, COLD)
    assert log == ["legacy"]
    resettable_release_reset(dev, COLD)
    assert log == ["legacy"]


@pytest.mark.parametrize(
    ("series", "expected"), [("7.2", ["legacy"]), ("10.0", ["old enter", "old hold", "old exit"])]
)
def test_phases_below_a_legacy_reset(series: str, expected: list[str]) -> None:
    """7.2 asks whether dc->reset was overridden, newer ones look at the phases alone."""
    with World(series):
        type_register_static(TypeInfo(name="base", parent="device", class_init=_with_legacy))
        type_register_static(TypeInfo(name="old", parent="base", class_init=_phased))
        device_cold_reset(qdev_new("old"))
    assert log == expected


@dataclass(eq=False, slots=True)
class ChainClass(ClassStruct):
    parent_class: DeviceClass = field(default_factory=DeviceClass)
    parent_reset: object = None
    parent_phases: ResettablePhases | None = None


def chain_class(obj: Object) -> ChainClass:
    return object_class_check(obj.klass, "chained", ChainClass)


def _chained_reset(dev: DeviceState) -> None:
    log.append("chained before")
    parent = chain_class(dev).parent_reset
    assert callable(parent)
    parent(dev)
    log.append("chained after")


def _chained_class_init(klass: ObjectClass) -> None:
    cc = object_class_check(klass, "chained", ChainClass)
    cc.parent_reset = device_class_set_parent_reset(DEVICE_CLASS(klass), _chained_reset)


@pytest.mark.parametrize(
    ("parent", "own"), [("old", ["legacy"]), ("phased", ["chained hold"]), ("device", [])]
)
def test_a_reset_chains_up_whatever_the_parents_is(parent: str, own: list[str]) -> None:
    type_register_static(TypeInfo(name="old", parent="device", class_init=_with_legacy))
    type_register_static(
        TypeInfo(
            name="chained", parent=parent, class_struct=ChainClass, class_init=_chained_class_init
        )
    )
    device_cold_reset(qdev_new("chained"))
    inside = log[log.index("chained before") + 1 : log.index("chained after")]
    assert [line for line in inside if line in own] == own


def test_phases_chain_up() -> None:
    """resettable_class_set_parent_phases overrides what is given and returns all of the parent's."""

    def hold(obj: Object, kind: ResetType) -> None:
        parent = chain_class(obj).parent_phases
        assert parent is not None
        assert parent.hold is not None
        parent.hold(obj, kind)
        log.append("own hold")

    def class_init(klass: ObjectClass) -> None:
        cc = object_class_check(klass, "chained", ChainClass)
        rc = RESETTABLE_CLASS(klass)
        cc.parent_phases = resettable_class_set_parent_phases(rc, None, hold, None)

    type_register_static(
        TypeInfo(name="chained", parent="phased", class_struct=ChainClass, class_init=class_init)
    )
    device_cold_reset(qdev_new("chained"))
    assert log == ["chained enter", "chained hold", "own hold", "chained exit"]
    log.clear()
    device_cold_reset(qdev_new("phased"))
    assert "own hold" not in log


def test_what_is_not_resettable_is_no_place_for_a_reset() -> None:
    with pytest.raises(Abort, match="not an instance of type resettable"):
        resettable_reset(object_new("container"), COLD)
