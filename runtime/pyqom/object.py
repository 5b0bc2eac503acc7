# SPDX-License-Identifier: GPL-2.0-or-later
"""Objects: how they are made, cast, counted and finalised.

Twin of the object part of qom/object.c.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TypeVar

from .errors import Abort
from .klass import (
    TYPE_OBJECT,
    ObjectClass,
    object_class_dynamic_cast,
    type_initialize,
)
from .property import (
    ObjectProperty,
    object_class_property_add_str,
    object_class_property_init_all,
    object_property_del_all,
)
from .typetable import (
    TypeImpl,
    TypeInfo,
    type_get_by_name,
    type_get_parent,
    type_init,
    type_instance_struct,
    type_register_internal,
)
from .world import at_least

T = TypeVar("T", bound="Object")


@dataclass(eq=False, slots=True, weakref_slot=True, repr=False)
class Object:
    """The base of all instance structs (include/qom/object.h, struct Object).

    A struct derives from its parent's and adds fields with zero defaults. `klass` is C's `class`.
    Objects are made with `object_new` and live until their last reference is dropped.
    """

    klass: ObjectClass = field(init=False, repr=False)
    properties: dict[str, ObjectProperty] = field(default_factory=dict, init=False, repr=False)
    ref: int = field(default=0, init=False, repr=False)
    parent: Object | None = field(default=None, init=False, repr=False)

    def __repr__(self) -> str:
        name = self.klass.type.name if hasattr(self, "klass") else type(self).__name__
        return f"<{name} object>"


def object_new(typename: str) -> Object:
    """A new object of a registered type, with one reference, the caller's (object_new).

    Raises:
        Abort: the type is unknown or abstract; callers check what users typed.
    """
    ti = type_get_by_name(typename)
    if ti is None:
        raise Abort(f"unknown type '{typename}'")
    return object_new_with_type(ti)


def object_new_with_class(klass: ObjectClass) -> Object:
    """A new object of a class (object_new_with_class)."""
    return object_new_with_type(klass.type)


def object_new_with_type(ti: TypeImpl) -> Object:
    """Make an object (object_initialize_with_type).

    The defaults of class properties come first, leaf class first; then instance_init from the
    root to the leaf; then instance_post_init from the leaf to the root, or since QEMU 10.1 from
    the root to the leaf.

    Raises:
        Abort: the type is abstract.
        Error: a user's global does not fit; QEMU exits then.
    """
    klass = type_initialize(ti)
    struct = type_instance_struct(ti)
    if struct is None or ti.abstract:
        raise Abort(f"type '{ti.name}' is abstract")
    obj = struct()
    obj.klass = klass
    obj.ref = 1
    with ExitStack() as undo:
        undo.callback(object_unref, obj)
        object_class_property_init_all(obj)
        lineage = _lineage(ti)
        for each in reversed(lineage):
            if each.instance_init is not None:
                each.instance_init(obj)
        for each in reversed(lineage) if at_least("10.1") else lineage:
            if each.instance_post_init is not None:
                each.instance_post_init(obj)
        undo.pop_all()
    return obj


def _lineage(ti: TypeImpl) -> list[TypeImpl]:
    """The type and its ancestors, leaf first."""
    lineage: list[TypeImpl] = []
    each: TypeImpl | None = ti
    while each is not None:
        lineage.append(each)
        each = type_get_parent(each)
    return lineage


def object_ref(obj: T) -> T:
    """Take a reference and hand the object back (object_ref)."""
    if obj.ref <= 0:
        raise Abort("object_ref on an object that is finalised")
    obj.ref += 1
    return obj


def object_unref(obj: Object | None) -> None:
    """Drop a reference; the last one finalises the object (object_unref)."""
    if obj is None:
        return
    if obj.ref <= 0:
        raise Abort("object_unref on an object that is finalised")
    obj.ref -= 1
    if obj.ref == 0:
        object_finalize(obj)


def object_finalize(obj: Object) -> None:
    """Take an object down (object_finalize).

    First all properties are released, so that a string or a link is gone when instance_finalize
    runs; then instance_finalize from the leaf to the root.

    Raises:
        Abort: somebody took a reference meanwhile, or the object still has a parent.
    """
    object_property_del_all(obj)
    for each in _lineage(obj.klass.type):
        if each.instance_finalize is not None:
            each.instance_finalize(obj)
    if obj.ref != 0:
        raise Abort("an object got a new reference while it was finalised")
    if obj.parent is not None:
        raise Abort("a finalised object still has a parent")


def object_get_class(obj: Object) -> ObjectClass:
    """The object's class."""
    return obj.klass


def object_get_typename(obj: Object) -> str:
    """The name of the object's own type, never an ancestor's."""
    return obj.klass.type.name


def object_dynamic_cast(obj: Object | None, typename: str) -> Object | None:
    """The object if it is one of `typename`, else None (object_dynamic_cast)."""
    if obj is not None and object_class_dynamic_cast(obj.klass, typename) is not None:
        return obj
    return None


def object_dynamic_cast_assert(obj: Object, typename: str) -> Object:
    """The object, or QEMU's message and Abort (object_dynamic_cast_assert)."""
    if object_dynamic_cast(obj, typename) is None:
        raise Abort(f"Object {object_get_typename(obj)} is not an instance of type {typename}")
    return obj


def object_check(obj: Object, typename: str, struct: type[T]) -> T:
    """The object as `struct`: what DEVICE() and its like do (OBJECT_CHECK).

    Raises:
        Abort: the object is not one of `typename`, or its struct is another one.
    """
    object_dynamic_cast_assert(obj, typename)
    if not isinstance(obj, struct):
        raise Abort(f"the instance struct of '{object_get_typename(obj)}' is no {struct.__name__}")
    return obj


def OBJECT(obj: Object) -> Object:
    """The object as an Object, which every object is."""
    return obj


def _get_type(obj: Object) -> str:
    return object_get_typename(obj)


def object_class_init(klass: ObjectClass) -> None:
    """The one property that everything has (qom/object.c, object_class_init)."""
    object_class_property_add_str(klass, "type", _get_type, None)


ObjectHook = Callable[[Object], None]


def _register_object() -> None:
    type_register_internal(
        TypeInfo(
            name=TYPE_OBJECT,
            instance_struct=Object,
            class_struct=ObjectClass,
            class_init=object_class_init,
            abstract=True,
        )
    )


type_init(_register_object)
