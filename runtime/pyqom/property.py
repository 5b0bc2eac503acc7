# SPDX-License-Identifier: GPL-2.0-or-later
"""Object properties: of a class or of one object, with accessors that a visitor passes through.

Twin of the property part of qom/object.c.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from .errors import Abort, Error
from .klass import ObjectClass, object_class_get_parent
from .output import QObjectOutputVisitor, StringOutputVisitor
from .qapi import QapiEnum
from .visitors import JSONValue, QObjectInputVisitor, StringInputVisitor, Visitor

if TYPE_CHECKING:
    from .object import Object

E = TypeVar("E", bound=QapiEnum)

# QEMU hands each accessor its property's `opaque` pointer: whatever the one who added it wants.
PropertyAccessor = Callable[["Object", Visitor, str, Any], None]
PropertyRelease = Callable[["Object", str, Any], None]
PropertyResolve = Callable[["Object", Any, str], "Object | None"]
PropertyInit = Callable[["Object", "ObjectProperty"], None]


@dataclass(eq=False, slots=True)
class ObjectProperty:
    """One property (include/qom/object.h, struct ObjectProperty).

    `type` is the QOM type string that introspection shows. Without `get` it cannot be read,
    without `set` not be written. `resolve` makes it a step of a path, `release` runs once when the
    object goes or the property is deleted, and `init` puts `defval` into every new object.
    """

    name: str
    type: str
    get: PropertyAccessor | None = None
    set: PropertyAccessor | None = None
    release: PropertyRelease | None = None
    opaque: Any = None
    description: str | None = None
    resolve: PropertyResolve | None = None
    init: PropertyInit | None = None
    defval: JSONValue = None


def object_property_is_child(prop: ObjectProperty) -> bool:
    """Whether the property holds a part of the composition tree."""
    return prop.type.startswith("child<")


# --- adding ---------------------------------------------------------------------------------------


def object_property_try_add(
    obj: Object,
    name: str,
    type_: str,
    get: PropertyAccessor | None = None,
    set_: PropertyAccessor | None = None,
    release: PropertyRelease | None = None,
    opaque: Any = None,
) -> ObjectProperty:
    """Add a property to one object; a name ending in "[*]" takes the first free index.

    Raises:
        Error: the class or the object has a property of that name.
    """
    if name.endswith("[*]"):
        stem, index = name[:-3], 0
        while object_property_find(obj, f"{stem}[{index}]") is not None:
            index += 1
        name = f"{stem}[{index}]"
    elif object_property_find(obj, name) is not None:
        raise Error(
            f"attempt to add duplicate property '{name}' to object"
            f" (type '{obj.klass.type.name}')"
        )
    prop = ObjectProperty(name, type_, get, set_, release, opaque)
    obj.properties[name] = prop
    return prop


def object_property_add(
    obj: Object,
    name: str,
    type_: str,
    get: PropertyAccessor | None = None,
    set_: PropertyAccessor | None = None,
    release: PropertyRelease | None = None,
    opaque: Any = None,
) -> ObjectProperty:
    """`object_property_try_add` where failure is a programming error (object_property_add).

    Raises:
        Abort: the name is taken.
    """
    try:
        return object_property_try_add(obj, name, type_, get, set_, release, opaque)
    except Error as error:
        raise Abort(str(error)) from error


def object_class_property_add(
    klass: ObjectClass,
    name: str,
    type_: str,
    get: PropertyAccessor | None = None,
    set_: PropertyAccessor | None = None,
    release: PropertyRelease | None = None,
    opaque: Any = None,
) -> ObjectProperty:
    """Add a property to every object of a class (object_class_property_add).

    Raises:
        Abort: the class or an ancestor has a property of that name; QEMU asserts it.
    """
    if object_class_property_find(klass, name) is not None:
        raise Abort(f"class '{klass.type.name}' has a property '{name}' already")
    prop = ObjectProperty(name, type_, get, set_, release, opaque)
    klass.properties[name] = prop
    return prop


def _str_get(obj: Object, visitor: Visitor, name: str, opaque: Any) -> None:
    visitor.type_str(name, opaque[0](obj) or "")


def _str_set(obj: Object, visitor: Visitor, name: str, opaque: Any) -> None:
    opaque[1](obj, visitor.type_str(name, ""))


def _bool_get(obj: Object, visitor: Visitor, name: str, opaque: Any) -> None:
    visitor.type_bool(name, opaque[0](obj))


def _bool_set(obj: Object, visitor: Visitor, name: str, opaque: Any) -> None:
    opaque[1](obj, visitor.type_bool(name, False))


def _enum_get(obj: Object, visitor: Visitor, name: str, opaque: Any) -> None:
    visitor.type_enum(name, opaque[0](obj), opaque[2])


def _enum_set(obj: Object, visitor: Visitor, name: str, opaque: Any) -> None:
    opaque[1](obj, visitor.type_enum(name, opaque[2].zero(), opaque[2]))


def object_property_add_str(
    obj: Object,
    name: str,
    get: Callable[[Object], str | None] | None,
    set_: Callable[[Object, str], None] | None,
) -> ObjectProperty:
    """A string property of one object; its QOM type is "string" (object_property_add_str)."""
    return object_property_add(
        obj, name, "string", get and _str_get, set_ and _str_set, None, (get, set_)
    )


def object_property_add_bool(
    obj: Object,
    name: str,
    get: Callable[[Object], bool] | None,
    set_: Callable[[Object, bool], None] | None,
) -> ObjectProperty:
    """A boolean property of one object (object_property_add_bool)."""
    return object_property_add(
        obj, name, "bool", get and _bool_get, set_ and _bool_set, None, (get, set_)
    )


def object_property_add_enum(
    obj: Object,
    name: str,
    typename: str,
    enum: type[QapiEnum],
    get: Callable[[Object], Any] | None,
    set_: Callable[[Object, Any], None] | None,
) -> ObjectProperty:
    """An enumeration property of one object; `typename` is the QAPI enum's name."""
    return object_property_add(
        obj, name, typename, get and _enum_get, set_ and _enum_set, None, (get, set_, enum)
    )


def object_class_property_add_str(
    klass: ObjectClass,
    name: str,
    get: Callable[[Object], str | None] | None,
    set_: Callable[[Object, str], None] | None,
) -> ObjectProperty:
    """A string property of a class; its QOM type is "string" (object_class_property_add_str)."""
    return object_class_property_add(
        klass, name, "string", get and _str_get, set_ and _str_set, None, (get, set_)
    )


def object_class_property_add_bool(
    klass: ObjectClass,
    name: str,
    get: Callable[[Object], bool] | None,
    set_: Callable[[Object, bool], None] | None,
) -> ObjectProperty:
    """A boolean property of a class (object_class_property_add_bool)."""
    return object_class_property_add(
        klass, name, "bool", get and _bool_get, set_ and _bool_set, None, (get, set_)
    )


def object_class_property_add_enum(
    klass: ObjectClass,
    name: str,
    typename: str,
    enum: type[QapiEnum],
    get: Callable[[Object], Any] | None,
    set_: Callable[[Object, Any], None] | None,
) -> ObjectProperty:
    """An enumeration property of a class (object_class_property_add_enum)."""
    return object_class_property_add(
        klass, name, typename, get and _enum_get, set_ and _enum_set, None, (get, set_, enum)
    )


def object_property_set_description(obj: Object, name: str, description: str) -> None:
    """Describe a property of this object or its class (object_property_set_description).

    Raises:
        Abort: there is no such property (error_abort in QEMU).
    """
    prop = object_property_find(obj, name)
    if prop is None:
        raise Abort(not_found(obj, name))
    prop.description = description


def object_class_property_set_description(klass: ObjectClass, name: str, description: str) -> None:
    """Describe a property that this very class has (object_class_property_set_description).

    Raises:
        Abort: the class itself has none of that name; QEMU dereferences NULL.
    """
    if name not in klass.properties:
        raise Abort(f"class '{klass.type.name}' itself has no property '{name}' to describe")
    klass.properties[name].description = description


# --- defaults -------------------------------------------------------------------------------------


def object_property_init_defval(obj: Object, prop: ObjectProperty) -> None:
    """Give a new object the default value, through the setter (object_property_init_defval).

    Raises:
        Abort: the setter refuses its own default.
    """
    if prop.set is None:
        raise Abort(f"property '{prop.name}' has a default and no setter")
    try:
        prop.set(obj, QObjectInputVisitor(prop.defval), prop.name, prop.opaque)
    except Error as error:
        raise Abort(f"the default of '{obj.klass.type.name}.{prop.name}': {error}") from error


def object_property_set_default(prop: ObjectProperty, value: JSONValue) -> None:
    """Have every new object start with `value` (object_property_set_default and its kinds).

    Raises:
        Abort: the property has a default already.
    """
    if prop.init is not None:
        raise Abort(f"property '{prop.name}' has a default already")
    prop.defval = value
    prop.init = object_property_init_defval


def object_class_property_init_all(obj: Object) -> None:
    """Put the defaults of all class properties into a new object, leaf class first."""
    for prop in object_class_property_iter(obj.klass):
        if prop.init is not None:
            prop.init(obj, prop)


# --- finding --------------------------------------------------------------------------------------


def object_class_property_find(klass: ObjectClass, name: str) -> ObjectProperty | None:
    """The property in the class chain, root first (object_class_property_find)."""
    parent = object_class_get_parent(klass)
    if parent is not None:
        found = object_class_property_find(parent, name)
        if found is not None:
            return found
    return klass.properties.get(name)


def object_property_find(obj: Object, name: str) -> ObjectProperty | None:
    """The property: in the class chain first, then in the object (object_property_find)."""
    return object_class_property_find(obj.klass, name) or obj.properties.get(name)


def not_found(obj: Object, name: str) -> str:
    """QEMU's words for a property that is not there."""
    return f"Property '{obj.klass.type.name}.{name}' not found"


def object_property_find_err(obj: Object, name: str) -> ObjectProperty:
    """`object_property_find`, or the error (object_property_find_err)."""
    prop = object_property_find(obj, name)
    if prop is None:
        raise Error(not_found(obj, name))
    return prop


def object_class_property_iter(klass: ObjectClass) -> Iterator[ObjectProperty]:
    """All properties of a class, its own first, then its ancestors' upwards."""
    each: ObjectClass | None = klass
    while each is not None:
        yield from list(each.properties.values())
        each = object_class_get_parent(each)


def object_property_iter(obj: Object) -> Iterator[ObjectProperty]:
    """All properties: the object's, then its classes' from the leaf up (object_property_iter_*)."""
    yield from list(obj.properties.values())
    yield from object_class_property_iter(obj.klass)


# --- deleting -------------------------------------------------------------------------------------


def object_property_del(obj: Object, name: str) -> None:
    """Take a property away from an object, releasing it first (object_property_del)."""
    prop = obj.properties[name]
    if prop.release is not None:
        prop.release(obj, name, prop.opaque)
    del obj.properties[name]


def object_property_del_all(obj: Object) -> None:
    """Release every property once, the class's too, before the object goes.

    A release may delete other properties, so the search begins again after each one
    (qom/object.c, object_property_del_all).
    """
    done: set[int] = set()
    released = True
    while released:
        released = False
        for prop in object_property_iter(obj):
            if id(prop) not in done:
                done.add(id(prop))
                if prop.release is not None:
                    prop.release(obj, prop.name, prop.opaque)
                    released = True
                    break
    obj.properties.clear()


# --- getting and setting --------------------------------------------------------------------------


def object_property_get(obj: Object, name: str, visitor: Visitor) -> None:
    """Read a property into `visitor` (object_property_get).

    Raises:
        Error: no such property, or it cannot be read.
    """
    prop = object_property_find_err(obj, name)
    if prop.get is None:
        raise Error(f"Property '{obj.klass.type.name}.{name}' is not readable")
    prop.get(obj, visitor, name, prop.opaque)


def object_property_set(obj: Object, name: str, visitor: Visitor) -> None:
    """Set a property from `visitor` (object_property_set).

    Raises:
        Error: no such property, it cannot be written, or the value does not fit.
    """
    prop = object_property_find_err(obj, name)
    if prop.set is None:
        raise Error(f"Property '{obj.klass.type.name}.{name}' is not writable")
    prop.set(obj, visitor, name, prop.opaque)


def object_property_get_qobject(obj: Object, name: str) -> JSONValue:
    """A property's value as QMP shows it: what qom-get returns (object_property_get_qobject)."""
    visitor = QObjectOutputVisitor()
    object_property_get(obj, name, visitor)
    return visitor.complete()


def object_property_set_qobject(obj: Object, name: str, value: JSONValue) -> None:
    """Set a property from a JSON value, strictly typed (object_property_set_qobject)."""
    object_property_set(obj, name, QObjectInputVisitor(value))


def object_property_parse(obj: Object, name: str, text: str) -> None:
    """Set a property from a bare string, as -global does (object_property_parse)."""
    object_property_set(obj, name, StringInputVisitor(text))


def object_property_print(obj: Object, name: str, human: bool = False) -> str:
    """A property's value as text (object_property_print)."""
    visitor = StringOutputVisitor(human)
    object_property_get(obj, name, visitor)
    return visitor.complete()


def object_property_get_type(obj: Object, name: str) -> str:
    """The QOM type string of a property (object_property_get_type)."""
    return object_property_find_err(obj, name).type


def object_property_set_bool(obj: Object, name: str, value: bool) -> None:
    """Set a boolean property (object_property_set_bool)."""
    object_property_set_qobject(obj, name, value)


def object_property_set_int(obj: Object, name: str, value: int) -> None:
    """Set an integer property (object_property_set_int)."""
    object_property_set_qobject(obj, name, value)


def object_property_set_str(obj: Object, name: str, value: str) -> None:
    """Set a string property (object_property_set_str)."""
    object_property_set_qobject(obj, name, value)


def _wrong_type(name: str, expected: str) -> Error:
    """QEMU's complaint about a value that is not what the caller asked for."""
    return Error(f"Invalid parameter type for '{name}', expected: {expected}")


def object_property_get_bool(obj: Object, name: str) -> bool:
    """The value of a boolean property (object_property_get_bool)."""
    value = object_property_get_qobject(obj, name)
    if not isinstance(value, bool):
        raise _wrong_type(name, "boolean")
    return value


def object_property_get_int(obj: Object, name: str) -> int:
    """The value of an integer property (object_property_get_int)."""
    value = object_property_get_qobject(obj, name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong_type(name, "int")
    return value


def object_property_get_str(obj: Object, name: str) -> str:
    """The value of a string property (object_property_get_str)."""
    value = object_property_get_qobject(obj, name)
    if not isinstance(value, str):
        raise _wrong_type(name, "string")
    return value


def object_property_get_enum(obj: Object, name: str, typename: str, enum: type[E]) -> E:
    """The value of an enumeration property (object_property_get_enum).

    Raises:
        Error: the property is of another type.
    """
    prop = object_property_find_err(obj, name)
    if prop.type != typename:
        raise Error(f"Property {name} on {obj.klass.type.name} is not '{typename}' enum type")
    return enum(object_property_get_str(obj, name))
