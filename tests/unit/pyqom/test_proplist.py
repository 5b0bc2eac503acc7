# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: ARG001, ARG005, N802 - fixtures work by being named; hooks and casts are as in QEMU
"""Properties: what QEMU's tests/unit/check-qom-proplist.c asserts, and section by section more."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from pyqom import (
    Abort,
    Error,
    Object,
    ObjectClass,
    QapiEnum,
    TypeInfo,
    World,
    object_check,
    object_class_property_add_bool,
    object_class_property_add_enum,
    object_class_property_add_str,
    object_class_property_set_description,
    object_get_objects_root,
    object_new,
    object_new_with_props,
    object_property_add,
    object_property_add_alias,
    object_property_add_bool,
    object_property_add_child,
    object_property_add_enum,
    object_property_add_str,
    object_property_get_bool,
    object_property_get_enum,
    object_property_get_int,
    object_property_get_qobject,
    object_property_get_str,
    object_property_iter,
    object_property_parse,
    object_property_print,
    object_property_set_bool,
    object_property_set_description,
    object_property_set_int,
    object_property_set_qobject,
    object_property_set_str,
    object_property_try_add,
    object_resolve_path_component,
    object_unparent,
    object_unref,
    type_register_static,
)
from pyqom.property import (
    object_class_property_iter,
    object_property_del,
    object_property_find,
    object_property_get_type,
    object_property_set_default,
)
from pyqom.visitors import Visitor
from tests.unit.pyqom.says import refused


class DummyAnimal(QapiEnum):
    FROG = "frog"
    ALLIGATOR = "alligator"
    PLATYPUS = "platypus"


@dataclass(eq=False, slots=True)
class Dummy(Object):
    bv: bool = False
    av: DummyAnimal = DummyAnimal.FROG
    sv: str | None = None
    u8v: int = 0
    calls: list[str] = field(default_factory=list)


def DUMMY(obj: Object) -> Dummy:
    return object_check(obj, "qemu-dummy", Dummy)


def _get_u8(obj: Object, visitor: Visitor, name: str, opaque: object) -> None:
    visitor.type_uint8(name, DUMMY(obj).u8v)


def _set_u8(obj: Object, visitor: Visitor, name: str, opaque: object) -> None:
    DUMMY(obj).u8v = visitor.type_uint8(name, 0)


def _set_bv(obj: Object, value: bool) -> None:
    DUMMY(obj).bv = value


def _set_av(obj: Object, value: DummyAnimal) -> None:
    DUMMY(obj).av = value


def _set_sv(obj: Object, value: str) -> None:
    DUMMY(obj).sv = value


def _class_init(klass: ObjectClass) -> None:
    object_class_property_add_str(klass, "sv", lambda obj: DUMMY(obj).sv, _set_sv)
    object_class_property_add_enum(
        klass, "av", "DummyAnimal", DummyAnimal, lambda obj: DUMMY(obj).av, _set_av
    )


def _init(obj: Object) -> None:
    object_property_add_bool(obj, "bv", lambda obj: DUMMY(obj).bv, _set_bv)
    object_property_set_default(object_property_add(obj, "u8v", "uint8", _get_u8, _set_u8), 7)


@pytest.fixture(autouse=True)
def types(any_world: World) -> None:
    type_register_static(
        TypeInfo(
            name="qemu-dummy",
            parent="object",
            instance_struct=Dummy,
            instance_init=_init,
            class_init=_class_init,
        )
    )


@pytest.fixture
def dummy() -> Dummy:
    return DUMMY(object_new("qemu-dummy"))


# --- counterpart of check-qom-proplist.c ----------------------------------------------------------


def test_an_object_is_made_with_properties_from_strings() -> None:
    """test_dummy_createv, test_dummy_createlist."""
    root = object_get_objects_root()
    obj = object_new_with_props(
        "qemu-dummy", root, "dummy0", {"bv": "yes", "sv": "Hiss hiss hiss", "av": "platypus"}
    )
    dummy = DUMMY(obj)
    assert (dummy.sv, dummy.bv, dummy.av) == ("Hiss hiss hiss", True, DummyAnimal.PLATYPUS)
    assert object_resolve_path_component(root, "dummy0") is obj
    object_unparent(obj)
    assert object_resolve_path_component(root, "dummy0") is None


def test_a_bad_word_leaves_no_object() -> None:
    """test_dummy_badenum."""
    root = object_get_objects_root()
    with refused("Parameter 'av' does not accept value 'yeti'"):
        object_new_with_props("qemu-dummy", root, "dummy0", {"bv": "yes", "av": "yeti"})
    assert object_resolve_path_component(root, "dummy0") is None


def test_enumerations_are_read_as_what_they_are(dummy: Dummy) -> None:
    """test_dummy_getenum."""
    object_property_parse(dummy, "av", "alligator")
    assert object_property_get_enum(dummy, "av", "DummyAnimal", DummyAnimal) is (
        DummyAnimal.ALLIGATOR
    )
    with refused("Property av on qemu-dummy is not 'BadAnimal' enum type"):
        object_property_get_enum(dummy, "av", "BadAnimal", DummyAnimal)
    with refused("Property 'qemu-dummy.iv' not found"):
        object_property_get_enum(dummy, "iv", "DummyAnimal", DummyAnimal)


def test_the_iterator_shows_the_objects_own_and_then_its_classes(dummy: Dummy) -> None:
    """test_dummy_iterator and test_dummy_class_iterator."""
    assert [prop.name for prop in object_property_iter(dummy)] == ["bv", "u8v", "sv", "av", "type"]
    assert [prop.name for prop in object_class_property_iter(dummy.klass)] == ["sv", "av", "type"]


def test_a_default_is_shown_but_an_instance_property_is_not_set_to_it(dummy: Dummy) -> None:
    """test_qom_dummy_prop_default: only class properties are initialised by object_new."""
    prop = object_property_find(dummy, "u8v")
    assert prop is not None
    assert prop.defval == 7
    assert dummy.u8v == 0


def test_deleting_a_child_finalises_it(dummy: Dummy) -> None:
    """test_dummy_delchild."""
    child = object_new("qemu-dummy")
    object_property_add_child(dummy, "child", child)
    object_unref(child)
    object_unparent(child)
    assert child.ref == 0
    assert object_property_find(dummy, "child") is None


# --- finding, duplicates --------------------------------------------------------------------------


def test_a_name_is_taken_by_the_class_or_the_object(dummy: Dummy) -> None:
    for name in ("sv", "bv", "type"):
        with refused(f"attempt to add duplicate property '{name}' to object (type 'qemu-dummy')"):
            object_property_try_add(dummy, name, "bool")
    with pytest.raises(Abort, match="duplicate property 'sv'"):
        object_property_add(dummy, "sv", "bool")


def test_a_class_property_is_unique_in_the_chain(dummy: Dummy) -> None:
    def again(klass: ObjectClass) -> None:
        object_class_property_add_bool(klass, "sv", None, None)

    type_register_static(TypeInfo(name="sub-dummy", parent="qemu-dummy", class_init=again))
    with pytest.raises(Abort, match="class 'sub-dummy' has a property 'sv' already"):
        object_new("sub-dummy")


def test_names_with_a_star_number_themselves(dummy: Dummy) -> None:
    names = [object_property_add(dummy, "irq[*]", "bool").name for _ in range(3)]
    assert names == ["irq[0]", "irq[1]", "irq[2]"]
    object_property_del(dummy, "irq[1]")
    assert object_property_add(dummy, "irq[*]", "bool").name == "irq[1]"


def test_errors_name_the_leaf_type() -> None:
    type_register_static(TypeInfo(name="sub-dummy", parent="qemu-dummy"))
    obj = object_new("sub-dummy")
    with refused("Property 'sub-dummy.nosuch' not found"):
        object_property_get_qobject(obj, "nosuch")
    with refused("Property 'sub-dummy.nosuch' not found"):
        object_property_set_bool(obj, "nosuch", True)
    with refused("Property 'sub-dummy.nosuch' not found"):
        object_property_get_type(obj, "nosuch")
    with refused("Property 'sub-dummy.type' is not writable"):
        object_property_set_str(obj, "type", "x")


def test_what_has_no_getter_is_not_readable(dummy: Dummy) -> None:
    object_property_add_str(dummy, "secret", None, lambda obj, value: None)
    object_property_set_str(dummy, "secret", "x")
    with refused("Property 'qemu-dummy.secret' is not readable"):
        object_property_get_str(dummy, "secret")


# --- get and set ----------------------------------------------------------------------------------


def test_typed_access(dummy: Dummy) -> None:
    object_property_set_bool(dummy, "bv", True)
    object_property_set_str(dummy, "sv", "moo")
    object_property_set_int(dummy, "u8v", 200)
    assert object_property_get_bool(dummy, "bv") is True
    assert object_property_get_str(dummy, "sv") == "moo"
    assert object_property_get_int(dummy, "u8v") == 200
    assert object_property_get_str(dummy, "type") == "qemu-dummy"


@pytest.mark.parametrize(
    ("get", "name", "text"),
    [
        (object_property_get_bool, "sv", "Invalid parameter type for 'sv', expected: boolean"),
        (object_property_get_int, "bv", "Invalid parameter type for 'bv', expected: int"),
        (object_property_get_str, "bv", "Invalid parameter type for 'bv', expected: string"),
    ],
)
def test_typed_access_to_another_type(get: object, name: str, text: str, dummy: Dummy) -> None:
    assert callable(get)
    with pytest.raises(Error) as caught:
        get(dummy, name)
    assert str(caught.value) == text


def test_a_string_that_was_never_set_is_empty(dummy: Dummy) -> None:
    assert object_property_get_str(dummy, "sv") == ""


@pytest.mark.parametrize(
    ("name", "value", "plain", "human"),
    [
        ("bv", True, "true", "true"),
        ("sv", "moo", "moo", '"moo"'),
        ("u8v", 16, "16", "16 (0x10)"),
        ("av", "frog", "frog", '"frog"'),
    ],
)
def test_printing(name: str, value: bool | int | str, plain: str, human: str, dummy: Dummy) -> None:
    object_property_set_qobject(dummy, name, value)
    assert object_property_print(dummy, name) == plain
    assert object_property_print(dummy, name, human=True) == human


def test_an_instances_enumeration(dummy: Dummy) -> None:
    object_property_add_enum(
        dummy, "other", "DummyAnimal", DummyAnimal, lambda obj: DUMMY(obj).av, _set_av
    )
    object_property_set_str(dummy, "other", "platypus")
    assert dummy.av is DummyAnimal.PLATYPUS
    assert object_property_get_qobject(dummy, "other") == "platypus"


def test_an_alias_is_the_others_property(dummy: Dummy) -> None:
    other = DUMMY(object_new("qemu-dummy"))
    object_property_set_description(other, "bv", "a boolean")
    prop = object_property_add_alias(dummy, "alias", other, "bv")
    object_property_set_bool(dummy, "alias", True)
    assert other.bv
    assert object_property_get_bool(dummy, "alias")
    assert (prop.type, prop.description) == ("bool", "a boolean")


# --- descriptions and defaults --------------------------------------------------------------------


def test_a_class_describes_its_own_properties_only(dummy: Dummy) -> None:
    object_class_property_set_description(dummy.klass, "sv", "a string")
    prop = object_property_find(dummy, "sv")
    assert prop is not None
    assert prop.description == "a string"
    with pytest.raises(Abort, match="itself has no property 'type' to"):
        object_class_property_set_description(dummy.klass, "type", "inherited")
    with pytest.raises(Abort, match="nosuch' not found"):
        object_property_set_description(dummy, "nosuch", "?")


def test_a_default_is_given_once(dummy: Dummy) -> None:
    prop = object_property_find(dummy, "u8v")
    assert prop is not None
    with pytest.raises(Abort, match="has a default already"):
        object_property_set_default(prop, 8)


def test_a_default_that_the_setter_refuses_ends_it() -> None:
    def class_init(klass: ObjectClass) -> None:
        prop = object_class_property_add_bool(klass, "flag", None, lambda obj, value: None)
        object_property_set_default(prop, "maybe")

    type_register_static(TypeInfo(name="bad-dummy", parent="qemu-dummy", class_init=class_init))
    with pytest.raises(Abort, match="the default of 'bad-dummy"):
        object_new("bad-dummy")


# --- release --------------------------------------------------------------------------------------


def test_each_property_is_released_once_also_when_one_deletes_another(dummy: Dummy) -> None:
    """object_property_del_all looks anew after each release."""
    released: list[str] = []

    def release(obj: Object, name: str, opaque: object) -> None:
        released.append(name)
        if name == "first":
            object_property_del(obj, "second")

    for name in ("first", "second", "third"):
        object_property_add(dummy, name, "bool", None, None, release)
    object_unref(dummy)
    assert sorted(released) == ["first", "second", "third"]
