# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: ARG001, N802 - fixtures work by being named; hooks and casts are as in QEMU
"""Registration and classes: section by section what qom/object.c does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from pyqom import (
    DEVICE_CLASS,
    OBJECT_CLASS,
    Abort,
    ClassStruct,
    DeviceClass,
    DeviceState,
    Object,
    ObjectClass,
    TypeInfo,
    World,
    module_call_init,
    object_check,
    object_class_by_name,
    object_class_check,
    object_class_dynamic_cast,
    object_class_dynamic_cast_assert,
    object_class_get_list,
    object_class_get_parent,
    object_class_property_add_bool,
    object_dynamic_cast,
    object_dynamic_cast_assert,
    object_new,
    object_unref,
    type_init,
    type_register_static,
)
from pyqom.klass import EmbeddedStruct
from pyqom.typetable import _type_inits, type_name_is_valid
from tests.unit.pyqom import devices
from tests.unit.pyqom.says import refused


@dataclass(slots=True)
class Vectors(EmbeddedStruct):
    reset: str = ""


@dataclass(eq=False, slots=True)
class AnimalClass(ClassStruct):
    parent_class: ObjectClass = field(default_factory=ObjectClass)
    sound: str = ""
    legs: int = 0
    speak: Callable[[], str] | None = None
    vectors: Vectors = field(default_factory=Vectors)


@dataclass(eq=False, slots=True)
class DogClass(ClassStruct):
    parent_class: AnimalClass = field(default_factory=AnimalClass)
    breed: str = ""
    legs: int = 0  # not AnimalClass's: C would find each in its own struct


@dataclass(eq=False, slots=True)
class Animal(Object):
    age: int = 0


@dataclass(eq=False, slots=True)
class Dog(Animal):
    name: str = ""


def ANIMAL_CLASS(klass: ClassStruct) -> AnimalClass:
    return object_class_check(klass, "animal", AnimalClass)


def DOG_CLASS(klass: ClassStruct) -> DogClass:
    return object_class_check(klass, "dog", DogClass)


def animal_class_init(klass: ObjectClass) -> None:
    ac = ANIMAL_CLASS(klass)
    ac.sound = "..."
    ac.legs = 4
    ac.vectors.reset = "animal"


def dog_class_init(klass: ObjectClass) -> None:
    ANIMAL_CLASS(klass).sound = "woof"
    DOG_CLASS(klass).breed = "any"
    DOG_CLASS(klass).legs = 3


ANIMAL = TypeInfo(
    name="animal",
    parent="object",
    instance_struct=Animal,
    class_struct=AnimalClass,
    class_init=animal_class_init,
)
DOG = TypeInfo(
    name="dog",
    parent="animal",
    instance_struct=Dog,
    class_struct=DogClass,
    class_init=dog_class_init,
)


def klass_of(name: str) -> ObjectClass:
    klass = object_class_by_name(name)
    assert klass is not None
    return klass


def _noting(calls: list[str], name: str) -> Callable[[ObjectClass], None]:
    return lambda klass: calls.append(f"{name} of {klass.name}")


def _noting_base(
    calls: list[tuple[str, str, object]], name: str
) -> Callable[[ObjectClass, object], None]:
    return lambda klass, data: calls.append((name, klass.name, data))


# --- registration: type_register_static, type_name_is_valid ---------------------------------------


@pytest.mark.parametrize("name", ["vfio-pci", "A_b.c", "9p-x", "ab"])
def test_names_that_are_valid(name: str) -> None:
    assert type_name_is_valid(name)


@pytest.mark.parametrize("name", ["a", "0ab", "-ab", "a b", "a/b", "a:b", "", "ä1"])
def test_names_that_are_not(world: World, name: str) -> None:
    assert not type_name_is_valid(name)
    if name:
        with refused(f"Registering '{name}' with illegal type name", Abort):
            type_register_static(TypeInfo(name=name, parent="object"))


def test_7_2_does_not_look_at_names(old_world: World) -> None:
    type_register_static(TypeInfo(name="a b", parent="object"))
    assert klass_of("a b").name == "a b"


def test_a_name_is_registered_once(any_world: World) -> None:
    type_register_static(ANIMAL)
    with refused("Registering `animal' which already exists", Abort):
        type_register_static(ANIMAL)


def test_a_type_names_its_parent(world: World) -> None:
    with pytest.raises(Abort, match="names no parent"):
        type_register_static(TypeInfo(name="orphan"))


def test_the_parent_is_looked_up_late_and_must_be_there(world: World) -> None:
    type_register_static(DOG)
    with refused("Type 'dog' is missing its parent 'animal'", Abort):
        object_class_by_name("dog")
    type_register_static(ANIMAL)
    assert klass_of("dog").name == "dog"


def test_a_type_exists_in_the_series_it_names() -> None:
    info = TypeInfo(name="middle", parent="object", since="8.0", until="10.2")
    found = []
    for series in ("7.2", "10.0", "10.2"):
        with World(series):
            type_register_static(info)
            found.append(object_class_by_name("middle") is not None)
    assert found == [False, True, False]


def test_type_inits_run_once_in_each_world_even_when_they_come_late() -> None:
    calls: list[str] = []

    def register() -> None:
        calls.append("register")

    with World("10.0") as world:
        module_call_init(world)
        type_init(register)
        try:
            assert object_class_by_name("nosuch") is None
            module_call_init(world)
            assert calls == ["register"]
            with World("7.2"):
                module_call_init()
            assert calls == ["register"] * 2
        finally:
            _type_inits.remove(register)


# --- type_initialize ------------------------------------------------------------------------------


def test_a_class_is_made_on_first_use_and_once(world: World) -> None:
    calls: list[str] = []

    def class_init(klass: ObjectClass) -> None:
        calls.append(klass.name)

    type_register_static(TypeInfo(name="lazy", parent="object", class_init=class_init))
    assert calls == []
    assert klass_of("lazy") is klass_of("lazy")
    assert calls == ["lazy"]


def test_a_class_is_a_copy_of_its_parents(world: World) -> None:
    type_register_static(ANIMAL)
    type_register_static(DOG)
    dog, animal = klass_of("dog"), klass_of("animal")
    assert ANIMAL_CLASS(dog).sound == "woof"
    assert ANIMAL_CLASS(animal).sound == "..."
    assert ANIMAL_CLASS(dog).legs == 4
    assert DOG_CLASS(dog).legs == 3


def test_a_struct_in_a_class_is_copied_by_value(world: World) -> None:
    type_register_static(ANIMAL)
    type_register_static(DOG)
    ANIMAL_CLASS(klass_of("dog")).vectors.reset = "dog"
    assert ANIMAL_CLASS(klass_of("animal")).vectors.reset == "animal"


def test_only_the_leafs_class_init_runs_for_the_leaf(world: World) -> None:
    calls: list[str] = []
    for name, parent in (("top", "object"), ("middle", "top"), ("leaf", "middle")):
        type_register_static(
            TypeInfo(
                name=name,
                parent=parent,
                class_init=_noting(calls, name),
            )
        )
    klass_of("leaf")
    assert calls == ["top of top", "middle of middle", "leaf of leaf"]


def test_class_base_init_of_the_ancestors_nearest_first_with_the_leafs_data(world: World) -> None:
    calls: list[tuple[str, str, object]] = []
    for name, parent in (("top", "object"), ("middle", "top"), ("leaf", "middle")):
        type_register_static(
            TypeInfo(
                name=name,
                parent=parent,
                class_base_init=_noting_base(calls, name),
                class_data=f"data of {name}",
            )
        )
    klass_of("leaf")
    assert calls[-2:] == [("middle", "leaf", "data of leaf"), ("top", "leaf", "data of leaf")]
    assert ("leaf", "leaf", "data of leaf") not in calls


def test_class_properties_are_each_classes_own(world: World) -> None:
    def class_init(klass: ObjectClass) -> None:
        object_class_property_add_bool(klass, f"{klass.name}-flag", None, None)

    type_register_static(TypeInfo(name="top", parent="object", class_init=class_init))
    type_register_static(TypeInfo(name="leaf", parent="top", class_init=class_init))
    assert list(klass_of("leaf").properties) == ["leaf-flag"]
    assert list(klass_of("top").properties) == ["top-flag"]


def test_without_an_instance_a_type_is_abstract(world: World) -> None:
    assert klass_of("user-creatable").type.abstract
    assert klass_of("interface").type.abstract


def test_class_structs_must_begin_with_the_parents(world: World) -> None:
    type_register_static(ANIMAL)
    type_register_static(TypeInfo(name="stone", parent="animal", class_struct=DeviceClass))
    with pytest.raises(Abort, match="DeviceClass does not begin with the parent's AnimalClass"):
        klass_of("stone")


def test_instance_structs_must_begin_with_the_parents(world: World) -> None:
    type_register_static(ANIMAL)
    type_register_static(TypeInfo(name="stone", parent="animal", instance_struct=DeviceState))
    with pytest.raises(Abort, match="DeviceState is not derived from the parent's Animal"):
        klass_of("stone")


def test_instance_structs_must_not_take_a_parents_field(world: World) -> None:
    @dataclass(eq=False, slots=True)
    class Cat(Animal):
        age: int = 1

    type_register_static(ANIMAL)
    type_register_static(TypeInfo(name="cat", parent="animal", instance_struct=Cat))
    with pytest.raises(Abort, match="Cat has a field 'age', which its parent Animal has already"):
        klass_of("cat")


def test_device_classes_start_with_qemus_defaults(any_world: World) -> None:
    dc = DEVICE_CLASS(klass_of("device"))
    assert dc.hotpluggable
    assert dc.user_creatable
    assert list(klass_of("device").properties) == [
        "realized",
        "hotpluggable",
        "hotplugged",
        "parent_bus",
    ]


def test_property_tables_are_not_inherited_but_hooks_are(world: World) -> None:
    """device_class_base_init forgets props_; everything else is copied."""
    devices.register()
    leaf, parent = DEVICE_CLASS(klass_of("nic-nohotplug")), DEVICE_CLASS(klass_of("nic"))
    assert leaf.props_ == ()
    assert [prop.name for prop in parent.props_] == ["speed", "fail"]
    assert (leaf.desc, leaf.categories) == (parent.desc, parent.categories)
    assert (leaf.hotpluggable, parent.hotpluggable) == (False, True)


def test_a_pci_device_says_of_which_kind_it_is(world: World) -> None:
    type_register_static(TypeInfo(name="bare", parent="pci-device"))
    with pytest.raises(Abort, match="neither PCI, PCIe nor CXL"):
        klass_of("bare")
    type_register_static(TypeInfo(name="base", parent="pci-device", abstract=True))
    assert klass_of("base").type.abstract


# --- casts ----------------------------------------------------------------------------------------


def test_casts_along_the_chain(world: World) -> None:
    type_register_static(ANIMAL)
    type_register_static(DOG)
    dog, animal = klass_of("dog"), klass_of("animal")
    assert object_class_dynamic_cast(dog, "animal") is dog
    assert object_class_dynamic_cast(dog, "dog") is dog
    assert object_class_dynamic_cast(animal, "dog") is None
    assert object_class_dynamic_cast(dog, "nosuch") is None
    assert object_class_dynamic_cast(None, "dog") is None
    assert object_class_get_parent(dog) is animal
    assert OBJECT_CLASS(DOG_CLASS(dog)) is dog


def test_checked_casts_say_what_the_object_is_not(world: World) -> None:
    type_register_static(ANIMAL)
    type_register_static(DOG)
    obj = object_new("animal")
    assert object_dynamic_cast(obj, "animal") is obj
    assert object_dynamic_cast(obj, "dog") is None
    with refused("Object animal is not an instance of type dog", Abort):
        object_dynamic_cast_assert(obj, "dog")
    with refused("Object animal is not an instance of type dog", Abort):
        object_class_dynamic_cast_assert(obj.klass, "dog")
    with pytest.raises(Abort, match="is no Dog"):
        object_check(obj, "animal", Dog)
    object_unref(obj)


def test_lists_of_classes(world: World) -> None:
    type_register_static(ANIMAL)
    type_register_static(DOG)
    names = [klass.name for klass in object_class_get_list("animal")]
    assert names == ["animal", "dog"]
    concrete = {klass.name for klass in object_class_get_list(None, include_abstract=False)}
    assert {"animal", "dog"} <= concrete
    assert not {"object", "device"} & concrete
