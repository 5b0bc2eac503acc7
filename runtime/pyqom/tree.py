# SPDX-License-Identifier: GPL-2.0-or-later
"""The composition tree: child<> and link<> properties, paths and what they name.

Twin of the last part of qom/object.c.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Flag, auto
from typing import Any

from .errors import Abort, DeviceNotFound, Error
from .fields import field_at
from .klass import ObjectClass
from .object import (
    Object,
    object_dynamic_cast,
    object_get_typename,
    object_new,
    object_ref,
    object_unref,
)
from .property import (
    ObjectProperty,
    object_class_property_add,
    object_property_add,
    object_property_find,
    object_property_find_err,
    object_property_get,
    object_property_get_type,
    object_property_is_child,
    object_property_set,
    object_property_set_str,
    object_property_try_add,
)
from .typetable import TypeInfo, type_init, type_register_static
from .visitors import Visitor
from .world import current

TYPE_CONTAINER = "container"

LinkCheck = Callable[[Object, str, Object | None], None]


class ObjectPropertyLinkFlags(Flag):
    """How a link holds its target: STRONG keeps a reference, DIRECT never changes."""

    NONE = 0
    STRONG = auto()
    DIRECT = auto()
    CLASS = auto()


OBJ_PROP_LINK_STRONG = ObjectPropertyLinkFlags.STRONG


# --- children -------------------------------------------------------------------------------------


def _get_child(obj: Object, visitor: Visitor, name: str, opaque: Any) -> None:
    visitor.type_str(name, object_get_canonical_path(opaque) or "")


def _resolve_child(obj: Object, opaque: Any, part: str) -> Object:
    child: Object = opaque
    return child


def _release_child(obj: Object, name: str, opaque: Any) -> None:
    child: Object = opaque
    if child.klass.unparent is not None:
        child.klass.unparent(child)
    child.parent = None
    object_unref(child)


def object_property_try_add_child(obj: Object, name: str, child: Object) -> ObjectProperty:
    """Put `child` below `obj`, which then holds a reference (object_property_try_add_child).

    Raises:
        Error: `obj` has a property of that name.
        Abort: `child` has a parent.
    """
    if child.parent is not None:
        raise Abort(f"{child!r} has a parent already")
    prop = object_property_try_add(
        obj, name, f"child<{object_get_typename(child)}>", _get_child, None, _release_child, child
    )
    prop.resolve = _resolve_child
    object_ref(child)
    child.parent = obj
    return prop


def object_property_add_child(obj: Object, name: str, child: Object) -> ObjectProperty:
    """`object_property_try_add_child` where failure is a programming error."""
    try:
        return object_property_try_add_child(obj, name, child)
    except Error as error:
        raise Abort(str(error)) from error


def object_initialize_child(parent: Object, name: str, typename: str) -> Object:
    """Make an object below `parent`, which alone owns it (object_initialize_child)."""
    child = object_new(typename)
    object_property_add_child(parent, name, child)
    object_unref(child)
    return child


def object_unparent(obj: Object) -> None:
    """Take an object out of the tree; its parent drops its reference (object_unparent)."""
    if obj.parent is None:
        return
    parent = obj.parent
    for name, prop in list(parent.properties.items()):
        if object_property_is_child(prop) and prop.opaque is obj:
            release, prop.release = prop.release, None
            if release is not None:
                release(parent, prop.name, prop.opaque)
            if parent.properties.get(name) is prop:
                del parent.properties[name]
            return


def object_child_foreach(obj: Object) -> Iterator[Object]:
    """The children of an object (object_child_foreach)."""
    for prop in list(obj.properties.values()):
        if object_property_is_child(prop):
            yield prop.opaque


def object_child_foreach_recursive(obj: Object) -> Iterator[Object]:
    """Everything below an object, each parent before its children."""
    for child in object_child_foreach(obj):
        yield child
        yield from object_child_foreach_recursive(child)


# --- links ----------------------------------------------------------------------------------------


@dataclass(eq=False, slots=True)
class LinkProperty:
    """Where a link keeps its target (qom/object.c, struct LinkProperty).

    `holder` is the struct that has the field; None means the object itself, as in a class property.
    """

    flags: ObjectPropertyLinkFlags
    check: LinkCheck | None = None
    holder: Any = None
    path: str = ""
    target: Object | None = None

    def get(self, obj: Object) -> Object | None:
        """The target, None if the link is not set."""
        if ObjectPropertyLinkFlags.DIRECT in self.flags:
            return self.target
        struct = obj if self.holder is None else self.holder
        value: Object | None = field_at(self.path).get(struct)
        return value

    def set(self, obj: Object, target: Object | None) -> None:
        """Point the link elsewhere; references are the caller's business."""
        field_at(self.path).set(obj if self.holder is None else self.holder, target)


def _get_link(obj: Object, visitor: Visitor, name: str, opaque: Any) -> None:
    link: LinkProperty = opaque
    target = link.get(obj)
    path = object_get_canonical_path(target) if target is not None else None
    visitor.type_str(name, path or "")


def object_resolve_link(obj: Object, name: str, path: str) -> Object:
    """The object that `path` names, of the link's type (object_resolve_link).

    Raises:
        Error: ambiguous, of another type, or (DeviceNotFound) not there.
    """
    wanted = object_property_get_type(obj, name).removeprefix("link<").removesuffix(">")
    target, ambiguous = object_resolve_path_type(path, wanted)
    if ambiguous:
        raise Error(f"Path '{path}' does not uniquely identify an object")
    if target is None:
        other, ambiguous = object_resolve_path(path)
        if other is not None or ambiguous:
            raise Error(f"Invalid parameter type for '{name}', expected: {wanted}")
        raise DeviceNotFound(f"Device '{path}' not found")
    return target


def _set_link(obj: Object, visitor: Visitor, name: str, opaque: Any) -> None:
    link: LinkProperty = opaque
    old = link.get(obj)
    path = visitor.type_str(name, "")
    new = object_resolve_link(obj, name, path) if path else None
    if link.check is not None:
        link.check(obj, name, new)
    link.set(obj, new)
    if ObjectPropertyLinkFlags.STRONG in link.flags:
        if new is not None:
            object_ref(new)
        object_unref(old)


def _resolve_link(obj: Object, opaque: Any, part: str) -> Object | None:
    link: LinkProperty = opaque
    return link.get(obj)


def _release_link(obj: Object, name: str, opaque: Any) -> None:
    link: LinkProperty = opaque
    target = link.get(obj)
    if ObjectPropertyLinkFlags.STRONG in link.flags and target is not None:
        link.set(obj, None)
        object_unref(target)


def object_property_allow_set_link(obj: Object, name: str, target: Object | None) -> None:
    """A check that lets a link be set at any time (object_property_allow_set_link)."""


def object_property_add_link(
    obj: Object,
    name: str,
    typename: str,
    holder: Any,
    path: str,
    check: LinkCheck | None,
    flags: ObjectPropertyLinkFlags = ObjectPropertyLinkFlags.NONE,
) -> ObjectProperty:
    """A link of one object, kept in field `path` of `holder`; read-only without `check`."""
    link = LinkProperty(flags, check, holder, path)
    prop = object_property_add(
        obj, name, f"link<{typename}>", _get_link, check and _set_link, _release_link, link
    )
    prop.resolve = _resolve_link
    return prop


def object_property_add_const_link(obj: Object, name: str, target: Object) -> ObjectProperty:
    """A link that always shows the same object and holds no reference."""
    link = LinkProperty(ObjectPropertyLinkFlags.DIRECT, target=target)
    typename = f"link<{object_get_typename(target)}>"
    prop = object_property_add(obj, name, typename, _get_link, None, _release_link, link)
    prop.resolve = _resolve_link
    return prop


def object_class_property_add_link(
    klass: ObjectClass,
    name: str,
    typename: str,
    path: str,
    check: LinkCheck | None,
    flags: ObjectPropertyLinkFlags = ObjectPropertyLinkFlags.NONE,
) -> ObjectProperty:
    """A link that every object of a class has, in its field `path`."""
    link = LinkProperty(flags | ObjectPropertyLinkFlags.CLASS, check, None, path)
    prop = object_class_property_add(
        klass, name, f"link<{typename}>", _get_link, check and _set_link, _release_link, link
    )
    prop.resolve = _resolve_link
    return prop


# --- aliases --------------------------------------------------------------------------------------


def object_property_add_alias(
    obj: Object, name: str, target: Object, target_name: str
) -> ObjectProperty:
    """A property that is another object's under a new name (object_property_add_alias)."""
    target_prop = object_property_find_err(target, target_name)
    kind = target_prop.type
    if object_property_is_child(target_prop):
        kind = "link<" + kind.removeprefix("child<")

    def get(obj: Object, visitor: Visitor, name: str, opaque: Any) -> None:
        object_property_get(target, target_name, visitor)

    def set_(obj: Object, visitor: Visitor, name: str, opaque: Any) -> None:
        object_property_set(target, target_name, visitor)

    def resolve(obj: Object, opaque: Any, part: str) -> Object | None:
        return object_resolve_path_component(target, target_name)

    prop = object_property_add(obj, name, kind, get, set_, None, None)
    prop.resolve = resolve
    prop.description = target_prop.description
    return prop


# --- paths ----------------------------------------------------------------------------------------


def object_get_root() -> Object:
    """The root of the composition tree, with QEMU's containers in it (object_get_root)."""
    world = current()
    if world.root is None:
        world.root = object_new(TYPE_CONTAINER)
        for name in ("chardevs", "objects", "backend"):
            object_property_add_new_container(world.root, name)
    return world.root


def object_property_add_new_container(obj: Object, name: str) -> Object:
    """An empty container below `obj` (object_property_add_new_container)."""
    return object_initialize_child(obj, name, TYPE_CONTAINER)


def object_get_objects_root() -> Object:
    """Where user-creatable objects live: /objects (object_get_objects_root)."""
    return object_get_container("objects")


def object_get_container(name: str) -> Object:
    """A container below the root (object_get_container)."""
    found = object_resolve_path_component(object_get_root(), name)
    if found is None:
        raise Abort(f"the tree has no container '{name}'")
    return found


def object_get_canonical_path_component(obj: Object) -> str | None:
    """The name of the object in its parent, None without one."""
    if obj.parent is None:
        return None
    for prop in obj.parent.properties.values():
        if object_property_is_child(prop) and prop.opaque is obj:
            return prop.name
    raise Abort(f"{obj!r} is not among its parent's children")


def object_get_canonical_path(obj: Object) -> str | None:
    """The path from the root, None if the object is in no tree (object_get_canonical_path)."""
    root = object_get_root()
    if obj is root:
        return "/"
    parts: list[str] = []
    each: Object | None = obj
    while each is not None and each is not root:
        component = object_get_canonical_path_component(each)
        if component is None:
            return None
        parts.append(component)
        each = each.parent
    return "/" + "/".join(reversed(parts)) if each is root else None


def object_resolve_path_component(parent: Object, part: str) -> Object | None:
    """What a child or a link of that name holds (object_resolve_path_component)."""
    prop = object_property_find(parent, part)
    if prop is None or prop.resolve is None:
        return None
    return prop.resolve(parent, prop.opaque, part)


def _resolve_abs_path(parent: Object, parts: list[str], typename: str) -> Object | None:
    for part in parts:
        if part:
            child = object_resolve_path_component(parent, part)
            if child is None:
                return None
            parent = child
    return object_dynamic_cast(parent, typename)


class _Ambiguous(Exception):
    """A partial path fits more than one object."""


def _resolve_partial_path(parent: Object, parts: list[str], typename: str) -> Object | None:
    found = _resolve_abs_path(parent, parts, typename)
    for child in object_child_foreach(parent):
        below = _resolve_partial_path(child, parts, typename)
        if below is not None:
            if found is not None:
                raise _Ambiguous
            found = below
    return found


def object_resolve_path_type(path: str, typename: str) -> tuple[Object | None, bool]:
    """The object of that type that `path` names, and whether there were several.

    An absolute path begins with a slash. Any other is a partial one and may begin anywhere in the
    tree; it must fit exactly one object (object_resolve_path_type).
    """
    parts = path.split("/") if path else []
    if parts and parts[0] == "":
        return _resolve_abs_path(object_get_root(), parts[1:], typename), False
    try:
        return _resolve_partial_path(object_get_root(), parts, typename), False
    except _Ambiguous:
        return None, True


def object_resolve_path(path: str) -> tuple[Object | None, bool]:
    """The object that `path` names, and whether there were several (object_resolve_path)."""
    return object_resolve_path_type(path, "object")


def object_resolve_path_at(parent: Object, path: str) -> Object | None:
    """The object that `path` names below `parent` (object_resolve_path_at)."""
    parts = path.split("/") if path else []
    if parts and parts[0] == "":
        return _resolve_abs_path(object_get_root(), parts[1:], "object")
    return _resolve_abs_path(parent, parts, "object")


def object_resolve_type_unambiguous(typename: str) -> Object | None:
    """The only object of a type, None if there is none or more (object_resolve_path_type "")."""
    return object_resolve_path_type("", typename)[0]


def object_property_get_link(obj: Object, name: str) -> Object | None:
    """What a link points at (object_property_get_link)."""
    prop = object_property_find_err(obj, name)
    return prop.resolve(obj, prop.opaque, name) if prop.resolve is not None else None


def object_property_set_link(obj: Object, name: str, target: Object | None) -> None:
    """Point a link at an object in the tree (object_property_set_link)."""
    path = object_get_canonical_path(target) if target is not None else ""
    object_property_set_str(obj, name, path or "")


def _register_container() -> None:
    type_register_static(TypeInfo(name=TYPE_CONTAINER, parent="object"))


type_init(_register_container)
