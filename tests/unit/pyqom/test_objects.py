# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: ARG001, ARG005 - fixtures work by being named; hooks and casts are as in QEMU
"""The life of objects: object_new, references, object_finalize."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from pyqom import (
    Abort,
    Error,
    Object,
    ObjectClass,
    TypeInfo,
    World,
    object_check,
    object_class_property_add_bool,
    object_get_root,
    object_new,
    object_property_add_child,
    object_ref,
    object_unparent,
    object_unref,
    type_register_static,
)
from pyqom.property import object_class_property_add, object_property_set_default
from pyqom.visitors import Visitor
from tests.unit.pyqom.says import refused

log: list[str] = []


@dataclass(eq=False, slots=True)
class Thing(Object):
    flag: bool = False
    name: str | None = None


def note(what: str) -> None:
    log.append(what)


def _noting(what: str) -> Callable[[Object], None]:
    return lambda obj: note(what)


def _class_init(klass: ObjectClass) -> None:
    def get(obj: Object) -> bool:
        return object_check(obj, "top", Thing).flag

    def set_(obj: Object, value: bool) -> None:
        note(f"set {value}")
        object_check(obj, "top", Thing).flag = value

    object_property_set_default(object_class_property_add_bool(klass, "flag", get, set_), True)

    def get_name(obj: Object, visitor: Visitor, name: str, opaque: object) -> None:
        visitor.type_str(name, object_check(obj, "top", Thing).name or "")

    def release(obj: Object, name: str, opaque: object) -> None:
        note("release name")
        object_check(obj, "top", Thing).name = None

    object_class_property_add(klass, "name", "str", get_name, None, release)


@pytest.fixture(autouse=True)
def types() -> None:
    log.clear()


def register() -> None:
    parent = "object"
    for name in ("top", "middle", "leaf"):
        type_register_static(
            TypeInfo(
                name=name,
                parent=parent,
                instance_struct=Thing if name == "top" else None,
                class_init=_class_init if name == "top" else None,
                instance_init=_noting(f"init {name}"),
                instance_post_init=_noting(f"post {name}"),
                instance_finalize=_noting(f"finalize {name}"),
            )
        )
        parent = name


@pytest.mark.parametrize(
    ("series", "post"),
    [
        ("7.2", ["leaf", "middle", "top"]),
        ("10.0", ["leaf", "middle", "top"]),
        ("10.2", ["top", "middle", "leaf"]),
    ],
)
def test_order_of_object_new(series: str, post: list[str]) -> None:
    """object_initialize_with_type: defaults, init root to leaf, post_init by series."""
    with World(series):
        register()
        obj = object_new("leaf")
        inits = [f"init {name}" for name in ("top", "middle", "leaf")]
        assert log == ["set True", *inits, *(f"post {name}" for name in post)]
        assert obj.ref == 1
        object_unref(obj)


def test_order_of_object_finalize(world: World) -> None:
    """object_finalize: properties are released first, then instance_finalize leaf to root."""
    register()
    obj = object_new("leaf")
    log.clear()
    object_unref(obj)
    assert log == ["release name", "finalize leaf", "finalize middle", "finalize top"]


def test_references_are_counted(world: World) -> None:
    register()
    obj = object_new("leaf")
    assert object_ref(obj) is obj
    object_unref(obj)
    assert obj.ref == 1
    object_unref(obj)
    assert "finalize leaf" in log
    with pytest.raises(Abort, match="finalised"):
        object_unref(obj)
    with pytest.raises(Abort, match="finalised"):
        object_ref(obj)
    object_unref(None)


def test_abstract_and_unknown_types_make_no_objects(world: World) -> None:
    type_register_static(TypeInfo(name="idea", parent="object", abstract=True))
    with pytest.raises(Abort, match="type 'idea' is abstract"):
        object_new("idea")
    with refused("unknown type 'nosuch'", Abort):
        object_new("nosuch")


def test_an_object_that_fails_to_be_made_is_taken_down(world: World) -> None:
    """A -global that does not fit ends QEMU in instance_post_init; here nothing stays."""

    def refuse(obj: Object) -> None:
        raise Error("no")

    register()
    type_register_static(TypeInfo(name="bad", parent="leaf", instance_post_init=refuse))
    with pytest.raises(Error, match="no"):
        object_new("bad")
    assert log[-3:] == ["finalize leaf", "finalize middle", "finalize top"]


def test_a_parent_keeps_its_child(world: World) -> None:
    register()
    obj = object_new("leaf")
    object_property_add_child(object_get_root(), "thing", obj)
    object_unref(obj)
    assert obj.ref == 1
    log.clear()
    object_unparent(obj)
    assert "finalize top" in log
    assert obj.parent is None
    object_unparent(obj)


def test_a_finalised_object_is_garbage(world: World) -> None:
    register()
    obj = object_new("leaf")
    seen = weakref.ref(obj)
    object_unref(obj)
    del obj
    gc.collect()
    assert seen() is None


def test_a_reference_taken_in_finalize_is_an_error(world: World) -> None:
    def grab(obj: Object) -> None:
        obj.ref += 1

    type_register_static(
        TypeInfo(name="clingy", parent="object", instance_struct=Thing, instance_finalize=grab)
    )
    with pytest.raises(Abort, match="new reference"):
        object_unref(object_new("clingy"))
