# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: ARG001, ARG005, N802 - fixtures work by being named; hooks and casts are as in QEMU
"""Interfaces: what QEMU's tests/unit/check-qom-interface.c asserts, and the rules beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from pyqom import (
    INTERFACE_CLASS,
    OBJECT_CLASS,
    Abort,
    ClassStruct,
    InterfaceClass,
    Object,
    ObjectClass,
    TypeInfo,
    World,
    object_class_by_name,
    object_class_check,
    object_class_dynamic_cast,
    object_dynamic_cast,
    object_new,
    object_unref,
    type_register_static,
)
from tests.unit.pyqom.says import refused


@dataclass(eq=False, slots=True)
class SpeakerClass(ClassStruct):
    parent_class: InterfaceClass = field(default_factory=InterfaceClass)
    number: int = 0
    speak: Callable[[Object], str] | None = None


def SPEAKER_CLASS(klass: ClassStruct) -> SpeakerClass:
    return object_class_check(klass, "speaker", SpeakerClass)


def _set_number(klass: ObjectClass) -> None:
    SPEAKER_CLASS(klass).number = 0xFACADE


def _override(klass: ObjectClass) -> None:
    SPEAKER_CLASS(klass).number = 7


@pytest.fixture(autouse=True)
def types(world: World) -> None:
    type_register_static(TypeInfo(name="speaker", parent="interface", class_struct=SpeakerClass))
    type_register_static(
        TypeInfo(name="direct", parent="object", interfaces=("speaker",), class_init=_set_number)
    )
    type_register_static(TypeInfo(name="intermediate", parent="direct"))


def klass_of(name: str) -> ObjectClass:
    klass = object_class_by_name(name)
    assert klass is not None
    return klass


@pytest.mark.parametrize("typename", ["direct", "intermediate"])
def test_an_object_is_one_of_its_interface(typename: str) -> None:
    """interface_direct_test and interface_intermediate_test."""
    obj = object_new(typename)
    assert object_dynamic_cast(obj, "speaker") is obj
    assert SPEAKER_CLASS(obj.klass).number == 0xFACADE
    object_unref(obj)


def test_each_class_has_its_own_interface_class_copied_from_the_parents() -> None:
    type_register_static(TypeInfo(name="other", parent="direct", class_init=_override))
    assert [SPEAKER_CLASS(klass_of(name)).number for name in ("direct", "other")] == [0xFACADE, 7]
    assert OBJECT_CLASS(SPEAKER_CLASS(klass_of("other"))).name == "other::speaker"
    assert INTERFACE_CLASS(SPEAKER_CLASS(klass_of("other"))).concrete_class is klass_of("other")


def test_the_types_of_interface_classes_are_in_no_table() -> None:
    klass_of("direct")
    assert object_class_by_name("direct::speaker") is None


def test_the_interface_itself_is_untouched() -> None:
    klass_of("direct")
    assert SPEAKER_CLASS(klass_of("speaker")).number == 0


def test_an_interface_that_is_inherited_already_is_not_added_again() -> None:
    type_register_static(TypeInfo(name="again", parent="direct", interfaces=("speaker",)))
    assert len(klass_of("again").interfaces) == 1


def test_an_interface_above_an_inherited_one_is_not_added_either() -> None:
    """type_initialize asks type_is_ancestor of each interface that is there."""
    type_register_static(TypeInfo(name="singer", parent="speaker"))
    type_register_static(TypeInfo(name="tenor", parent="object", interfaces=("singer", "speaker")))
    klass = klass_of("tenor")
    assert [OBJECT_CLASS(each).name for each in klass.interfaces] == ["tenor::singer"]
    assert object_class_dynamic_cast(klass, "speaker") is not None


def test_two_interfaces_below_the_wanted_one_are_ambiguous() -> None:
    """object_class_dynamic_cast gives nothing when more than one interface fits."""
    type_register_static(TypeInfo(name="singer", parent="speaker"))
    type_register_static(TypeInfo(name="orator", parent="speaker"))
    type_register_static(TypeInfo(name="both", parent="object", interfaces=("singer", "orator")))
    klass = klass_of("both")
    assert object_class_dynamic_cast(klass, "speaker") is None
    assert object_class_dynamic_cast(klass, "singer") is not None


def test_a_missing_interface_ends_it() -> None:
    type_register_static(TypeInfo(name="wrong", parent="object", interfaces=("nosuch",)))
    with refused("missing interface 'nosuch' for object 'wrong'", Abort):
        klass_of("wrong")


def test_an_interface_has_no_instance_and_no_interfaces() -> None:
    type_register_static(TypeInfo(name="alive", parent="interface", instance_init=lambda obj: None))
    with pytest.raises(Abort, match="has an instance"):
        klass_of("alive")
    type_register_static(TypeInfo(name="deep", parent="interface", interfaces=("speaker",)))
    with pytest.raises(Abort, match="implements interfaces"):
        klass_of("deep")


def test_there_is_room_for_so_many() -> None:
    names = tuple(f"i{number}" for number in range(32))
    with pytest.raises(Abort, match="more than 31 interfaces"):
        type_register_static(TypeInfo(name="many", parent="object", interfaces=names))


def test_no_object_is_made_of_an_interface() -> None:
    with pytest.raises(Abort, match="is abstract"):
        object_new("speaker")
