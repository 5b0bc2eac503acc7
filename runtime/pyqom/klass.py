# SPDX-License-Identifier: GPL-2.0-or-later
"""Classes: ObjectClass, how a class is made of its parent's, interfaces, class casts.

Twin of type_initialize and its neighbours in qom/object.c. `klass` is an ObjectClass, the part of
a class struct that every class has.
"""

from __future__ import annotations

import copy
import dataclasses
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from .errors import Abort
from .typetable import (
    TypeImpl,
    TypeInfo,
    type_class_struct,
    type_get_by_name,
    type_get_parent,
    type_init,
    type_instance_struct,
    type_is_ancestor,
    type_new,
    type_register_internal,
    type_table,
)
from .world import current

if TYPE_CHECKING:
    from .object import Object
    from .property import ObjectProperty

C = TypeVar("C", bound="ClassStruct")

TYPE_OBJECT = "object"
TYPE_INTERFACE = "interface"

# What a new class does not take over from its parent's.
_OWN_MEMBERS = frozenset({"type", "struct", "interfaces", "properties"})


@dataclass(slots=True)
class EmbeddedStruct:
    """Base of structs that stand by value inside a class struct, so that a copy copies them."""


@dataclass(eq=False, slots=True)
class ClassStruct:
    """Base of all class structs.

    As in C a class struct begins with its parent's, in a member `parent_class`, so that members
    of the same name do not meet: `DeviceClass.realize` and `PCIDeviceClass.realize` are two.
    """


@dataclass(eq=False, slots=True)
class ObjectClass(ClassStruct):
    """The innermost part of every class struct; a QOM class is known by it.

    `struct` is the whole that this is a part of. The casts, such as `DEVICE_CLASS(klass)`, find
    the other parts.
    """

    type: TypeImpl = field(init=False, repr=False)
    struct: ClassStruct = field(init=False, repr=False)
    interfaces: list[InterfaceClass] = field(default_factory=list, init=False, repr=False)
    properties: dict[str, ObjectProperty] = field(default_factory=dict, init=False, repr=False)
    unparent: Callable[[Object], None] | None = field(default=None, init=False, repr=False)

    @property
    def name(self) -> str:
        """The type's name (object_class_get_name)."""
        return self.type.name

    def __repr__(self) -> str:
        return f"<class of '{self.type.name}'>"


@dataclass(eq=False, slots=True)
class InterfaceClass(ClassStruct):
    """The class of an interface: methods only, no instance (include/qom/object.h)."""

    parent_class: ObjectClass = field(default_factory=ObjectClass)
    concrete_class: ObjectClass | None = field(default=None, repr=False)
    interface_type: TypeImpl | None = field(default=None, repr=False)


def OBJECT_CLASS(klass: ClassStruct) -> ObjectClass:
    """The innermost part of a class struct."""
    part: Any = klass
    while not isinstance(part, ObjectClass):
        part = part.parent_class
    return part


def _parts(klass: ClassStruct) -> Iterator[ClassStruct]:
    """A class struct and the structs in it, outermost first."""
    part: Any = klass
    yield part
    while not isinstance(part, ObjectClass):
        part = part.parent_class
        yield part


def _copy_struct(into: ClassStruct, parent: ClassStruct) -> None:
    """What C does with memcpy: every hook, flag and string of the parent's class, by value."""
    for member in dataclasses.fields(parent):
        if member.name == "parent_class":
            _copy_struct(getattr(into, member.name), getattr(parent, member.name))
        elif member.name not in _OWN_MEMBERS:
            value = getattr(parent, member.name)
            if isinstance(value, EmbeddedStruct):
                value = copy.copy(value)
            setattr(into, member.name, value)


def _check_instance_struct(ti: TypeImpl, own: type | None, parents: type | None) -> None:
    """An instance struct must begin with its parent's (C asserts it of the sizes)."""
    if own is None or parents is None or own is parents:
        return
    if not issubclass(own, parents):
        raise Abort(
            f"type '{ti.name}': {own.__name__} is not derived from the parent's {parents.__name__}"
        )
    inherited = {member.name for member in dataclasses.fields(parents)}
    for name in inspect.get_annotations(own):
        if name in inherited:
            raise Abort(
                f"type '{ti.name}': {own.__name__} has a field '{name}', which its parent"
                f" {parents.__name__} has already"
            )


def type_initialize(ti: TypeImpl) -> ObjectClass:
    """The type's class, made on first use (qom/object.c, type_initialize).

    A copy of the parent's class; then fresh classes for the parent's interfaces and its own; then
    class_base_init of every ancestor, nearest first; then its own class_init.

    Raises:
        Abort: a parent or interface that is not registered, or structs that do not fit.
    """
    if ti.klass is not None:
        return ti.klass
    class_struct = type_class_struct(ti) or ObjectClass
    instance_struct = type_instance_struct(ti)
    parent = type_get_parent(ti)
    if instance_struct is None:
        ti.abstract = True
    interface_root = type_get_by_name(TYPE_INTERFACE)
    if interface_root is not None and type_is_ancestor(ti, interface_root):
        # An interface has no instance: C asserts each of these.
        if ti.instance_struct or ti.instance_init or ti.instance_post_init or ti.instance_finalize:
            raise Abort(f"interface '{ti.name}' has an instance")
        if ti.interfaces:
            raise Abort(f"interface '{ti.name}' implements interfaces")
        ti.abstract = True
    struct = class_struct()
    klass = OBJECT_CLASS(struct)
    klass.type = ti
    klass.struct = struct
    if parent is not None:
        parent_class = type_initialize(parent)
        _check_instance_struct(ti, instance_struct, type_instance_struct(parent))
        for part in _parts(struct):
            if type(part) is type(parent_class.struct):
                _copy_struct(part, parent_class.struct)
                break
        else:
            raise Abort(
                f"type '{ti.name}': {class_struct.__name__} does not begin with the parent's"
                f" {type(parent_class.struct).__name__}"
            )
        ti.klass = klass
        _initialize_interfaces(ti, klass, parent_class)
    else:
        ti.klass = klass
    ancestor = parent
    while ancestor is not None:
        if ancestor.class_base_init is not None:
            ancestor.class_base_init(klass, ti.class_data)
        ancestor = type_get_parent(ancestor)
    if ti.class_init is not None:
        ti.class_init(klass)
    return klass


def _initialize_interfaces(ti: TypeImpl, klass: ObjectClass, parent_class: ObjectClass) -> None:
    for inherited in parent_class.interfaces:
        if inherited.interface_type is None:
            raise Abort("an interface class of a class names its interface")
        _initialize_interface(ti, klass, inherited.interface_type, inherited.parent_class.type)
    for name in ti.interfaces:
        interface = type_get_by_name(name)
        if interface is None:
            raise Abort(f"missing interface '{name}' for object '{ti.name}'")
        if not any(type_is_ancestor(OBJECT_CLASS(i).type, interface) for i in klass.interfaces):
            _initialize_interface(ti, klass, interface, interface)


def _interface_part(klass: ObjectClass) -> InterfaceClass:
    for part in _parts(klass.struct):
        if isinstance(part, InterfaceClass):
            return part
    raise Abort(f"interface '{klass.type.name}' has no InterfaceClass")


def _initialize_interface(
    ti: TypeImpl, klass: ObjectClass, interface: TypeImpl, parent: TypeImpl
) -> None:
    """Give `klass` its own class of an interface (type_initialize_interface).

    It is a type "<type>::<interface>" below the parent's, never in the table, so that a class may
    override the interface's methods without changing them for others.
    """
    sub = type_new(
        TypeInfo(name=f"{ti.name}::{interface.name}", parent=parent.name, abstract=True),
        current().series,
    )
    sub.parent_type = parent
    part = _interface_part(type_initialize(sub))
    part.concrete_class = klass
    part.interface_type = interface
    klass.interfaces.append(part)


def object_class_by_name(name: str) -> ObjectClass | None:
    """The class of a registered type, initialised; None for an unknown name."""
    ti = type_get_by_name(name)
    return type_initialize(ti) if ti is not None else None


def object_class_get_parent(klass: ObjectClass) -> ObjectClass | None:
    """The parent's class, None for a root (object_class_get_parent)."""
    parent = type_get_parent(klass.type)
    return type_initialize(parent) if parent is not None else None


def object_class_get_name(klass: ObjectClass) -> str:
    """The name of the class's type."""
    return klass.type.name


def object_class_is_abstract(klass: ObjectClass) -> bool:
    """Whether no object can be made of this class."""
    return klass.type.abstract


def object_class_dynamic_cast(klass: ObjectClass | None, typename: str) -> ObjectClass | None:
    """The class as one of `typename`, None if it is not (qom/object.c, same name).

    For an interface this is the class's own interface class; when two inherited interfaces both
    derive from `typename`, the cast is ambiguous and gives None.
    """
    if klass is None:
        return None
    ti = klass.type
    if ti.name == typename:
        return klass
    target = type_get_by_name(typename)
    if target is None:
        return None
    root = type_get_by_name(TYPE_INTERFACE)
    if klass.interfaces and root is not None and type_is_ancestor(target, root):
        own = [OBJECT_CLASS(each) for each in klass.interfaces]
        found = [each for each in own if type_is_ancestor(each.type, target)]
        return found[0] if len(found) == 1 else None
    return klass if type_is_ancestor(ti, target) else None


def object_class_dynamic_cast_assert(klass: ObjectClass, typename: str) -> ObjectClass:
    """`object_class_dynamic_cast`, or QEMU's message and Abort."""
    found = object_class_dynamic_cast(klass, typename)
    if found is None:
        raise Abort(f"Object {klass.type.name} is not an instance of type {typename}")
    return found


def object_class_check(klass: ClassStruct, typename: str, struct: type[C]) -> C:
    """The part `struct` of a class: what DEVICE_CLASS() and its like do (OBJECT_CLASS_CHECK).

    Raises:
        Abort: the class is not one of `typename`, or has no such part.
    """
    found = object_class_dynamic_cast_assert(OBJECT_CLASS(klass), typename)
    for part in _parts(found.struct):
        if isinstance(part, struct):
            return part
    raise Abort(f"the class of '{found.type.name}' has no {struct.__name__}")


def object_class_foreach(
    implements: str | None = None, include_abstract: bool = True
) -> Iterator[ObjectClass]:
    """Every registered class, or those that implement a type (object_class_foreach)."""
    for ti in type_table():
        klass = type_initialize(ti)
        if not include_abstract and ti.abstract:
            continue
        if implements is None or object_class_dynamic_cast(klass, implements) is not None:
            yield klass


def object_class_get_list(
    implements: str | None = None, include_abstract: bool = True
) -> list[ObjectClass]:
    """Those classes as a list (object_class_get_list)."""
    return list(object_class_foreach(implements, include_abstract))


def INTERFACE_CLASS(klass: ClassStruct) -> InterfaceClass:
    """The class as an InterfaceClass."""
    return object_class_check(klass, TYPE_INTERFACE, InterfaceClass)


def _register_interface() -> None:
    type_register_internal(
        TypeInfo(name=TYPE_INTERFACE, class_struct=InterfaceClass, abstract=True)
    )


type_init(_register_interface)
