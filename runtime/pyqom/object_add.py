# SPDX-License-Identifier: GPL-2.0-or-later
"""Objects that users make: -object, object-add and object-del (qom/object_interfaces.c)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from .errors import Error
from .ids import check_id
from .introspect import PropertyRecord, property_record, sorted_help
from .klass import (
    ObjectClass,
    object_class_by_name,
    object_class_dynamic_cast,
    object_class_get_list,
    object_class_is_abstract,
)
from .monitor import monitor_command
from .object import Object, object_dynamic_cast, object_new_with_class, object_unref
from .property import (
    object_class_property_iter,
    object_property_del,
    object_property_parse,
    object_property_set,
)
from .qdict import qdict_order
from .tree import (
    object_get_objects_root,
    object_property_try_add_child,
    object_resolve_path_component,
    object_unparent,
)
from .user_creatable import TYPE_USER_CREATABLE, USER_CREATABLE_CLASS
from .visitors import JSONValue, KeyvalInputVisitor, QObjectInputVisitor

Options = Mapping[str, JSONValue]


def user_creatable_types() -> list[str]:
    """The types of which users may make objects, sorted without case."""
    classes = object_class_get_list(TYPE_USER_CREATABLE, False)
    return sorted((klass.type.name for klass in classes), key=str.lower)


def user_creatable_complete(obj: Object) -> None:
    """Tell an object that its properties are set, if it is of those (user_creatable_complete)."""
    if object_dynamic_cast(obj, TYPE_USER_CREATABLE) is not None:
        complete = USER_CREATABLE_CLASS(obj.klass).complete
        if complete is not None:
            complete(obj)


def user_creatable_add_type(typename: str, name: str, options: Options, from_json: bool) -> Object:
    """Make an object at /objects/<name>: set its properties, then complete it.

    Raises:
        Error: a bad name or type, a property that does not fit, or what `complete` says; nothing
            of the object stays then.
    """
    check_id(name)
    klass = object_class_by_name(typename)
    if klass is None:
        raise Error(f"invalid object type: {typename}")
    if object_class_dynamic_cast(klass, TYPE_USER_CREATABLE) is None:
        raise Error(f"object type '{typename}' isn't supported by object-add")
    if object_class_is_abstract(klass):
        raise Error(f"object type '{typename}' is abstract")
    obj = object_new_with_class(klass)
    with ExitStack() as undo:
        # The reference that made it goes in any case: the tree holds one of its own.
        undo.callback(object_unref, obj)
        visitor = (QObjectInputVisitor if from_json else KeyvalInputVisitor)(options)
        visitor.start_struct(None)
        for key in qdict_order(options):
            object_property_set(obj, key, visitor)
        root = object_get_objects_root()
        object_property_try_add_child(root, name, obj)
        undo.callback(object_property_del, root, name)
        complete = USER_CREATABLE_CLASS(klass).complete
        if complete is not None:
            complete(obj)
        undo.pop_all()
    object_unref(obj)
    return obj


def _settable(klass: ObjectClass) -> dict[str, PropertyRecord]:
    return {
        prop.name: property_record(prop)
        for prop in object_class_property_iter(klass)
        if prop.set is not None
    }


@dataclass(frozen=True, slots=True)
class ObjectOptions:
    """A wish for an object that fits the types there are (QAPI's ObjectOptions)."""

    typename: str
    name: str
    properties: Options
    from_json: bool


def object_parse(options: Options, from_json: bool = True) -> ObjectOptions:
    """Check `qom-type`, `id` and that the type has the other options (visit_type_ObjectOptions).

    QEMU's schema lists the types and their options; here a type's options are its class
    properties that can be set. JSON is QMP's and `-object '{...}'`'s; otherwise all are strings
    and the words are those of the command line.

    Raises:
        Error: the type is none of which users make objects, or something is missing or unknown.
    """
    visitor = (QObjectInputVisitor if from_json else KeyvalInputVisitor)(options)
    visitor.start_struct(None)
    typename = visitor.type_str("qom-type", "")
    if typename not in user_creatable_types():
        raise Error(f"Parameter 'qom-type' does not accept value '{typename}'")
    name = visitor.type_str("id", "")
    klass = object_class_by_name(typename)
    known = _settable(klass) if klass is not None else {}
    properties = {key: value for key, value in options.items() if key not in ("qom-type", "id")}
    for key in properties:
        if key in known and known[key]["type"] in ("string", "str"):
            visitor.type_str(key, "")
    for key in properties:
        if key not in known:
            what = f"Parameter '{key}' is unexpected" if from_json else f"Invalid parameter '{key}'"
            raise Error(what)
    return ObjectOptions(typename, name, properties, from_json)


def object_create(options: ObjectOptions) -> Object:
    """Make the object (user_creatable_add_qapi).

    Raises:
        Error: as `user_creatable_add_type`.
    """
    return user_creatable_add_type(
        options.typename, options.name, options.properties, options.from_json
    )


def object_add(options: Options) -> Object:
    """QMP's object-add (qmp_object_add).

    Raises:
        Error: as `object_parse` and `user_creatable_add_type`.
    """
    wanted = object_parse(options)
    with monitor_command():
        return object_create(wanted)


def object_del(name: str) -> None:
    """QMP's object-del (user_creatable_del).

    Raises:
        Error: there is no such object, or it is in use.
    """
    obj = object_resolve_path_component(object_get_objects_root(), name)
    if obj is None:
        raise Error(f"object '{name}' not found")
    can_be_deleted = USER_CREATABLE_CLASS(obj.klass).can_be_deleted
    if can_be_deleted is not None and not can_be_deleted(obj):
        raise Error(f"object '{name}' is in use, can not be deleted")
    object_unparent(obj)


def objects_help() -> str:
    """What `-object help` prints (user_creatable_print_types)."""
    lines = "".join(f"  {name}\n" for name in user_creatable_types())
    return "List of user creatable objects:\n" + lines


def object_help(typename: str) -> str | None:
    """What `-object T,help` prints, None for an unknown type (type_print_class_properties)."""
    klass = object_class_by_name(typename)
    if klass is None:
        return None
    lines = sorted_help(_settable(klass).values())
    if not lines:
        return f"There are no options for {typename}.\n"
    return "\n".join([f"{typename} options:", *lines]) + "\n"


def object_new_with_props(
    typename: str, parent: Object, name: str | None, props: Mapping[str, str]
) -> Object:
    """Make an object below `parent` with properties from strings (object_new_with_props).

    Only the tree holds a reference, so that without a `name` the caller's is the last one.

    Raises:
        Error: no such type, an abstract one, or a property that does not fit.
    """
    klass = object_class_by_name(typename)
    if klass is None:
        raise Error(f"invalid object type: {typename}")
    if object_class_is_abstract(klass):
        raise Error(f"object type '{typename}' is abstract")
    obj = object_new_with_class(klass)
    with ExitStack() as undo:
        undo.callback(object_unref, obj)
        for key, value in props.items():
            object_property_parse(obj, key, value)
        if name is not None:
            object_property_try_add_child(parent, name, obj)
            undo.callback(object_unparent, obj)
        user_creatable_complete(obj)
        undo.pop_all()
    if name is not None:
        object_unref(obj)
    return obj
