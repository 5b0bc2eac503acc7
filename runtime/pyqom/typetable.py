# SPDX-License-Identifier: GPL-2.0-or-later
"""TypeInfo, registration and the table of types (the first half of qom/object.c)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from .errors import Abort
from .series import ByQemu, is_present, resolve
from .world import World, current

if TYPE_CHECKING:
    from .klass import ClassStruct, ObjectClass
    from .object import Object

T = TypeVar("T")

MAX_INTERFACES = 32

_NAME = re.compile(r"[A-Za-z1-9][A-Za-z0-9._-]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class TypeInfo:
    """What a type says of itself (include/qom/object.h, struct TypeInfo).

    Every member may be a `ByQemu`; a type with `since`/`until` exists only in those series.
    Instead of sizes there are structs: an instance struct is a Python class derived from its
    parent's, a class struct one that begins with its parent's in a member `parent_class`. Without
    an own one, the nearest ancestor's is used. C passes `class_data` to class_init; here
    a class_init that wants it reads `klass.type.class_data`.
    """

    name: str
    parent: str | ByQemu[str] | None = None
    instance_struct: type[Object] | ByQemu[type[Object] | None] | None = None
    instance_init: Callable[[Object], None] | ByQemu[Callable[[Object], None] | None] | None = None
    instance_post_init: (
        Callable[[Object], None] | ByQemu[Callable[[Object], None] | None] | None
    ) = None
    instance_finalize: Callable[[Object], None] | ByQemu[Callable[[Object], None] | None] | None = (
        None
    )
    abstract: bool | ByQemu[bool] = False
    class_struct: type[ClassStruct] | ByQemu[type[ClassStruct] | None] | None = None
    class_init: (
        Callable[[ObjectClass], None] | ByQemu[Callable[[ObjectClass], None] | None] | None
    ) = None
    class_base_init: (
        Callable[[ObjectClass, object], None]
        | ByQemu[Callable[[ObjectClass, object], None] | None]
        | None
    ) = None
    class_data: object = None
    interfaces: tuple[str, ...] | ByQemu[tuple[str, ...] | None] | None = None
    since: str | None = None
    until: str | None = None


@dataclass(eq=False, slots=True)
class TypeImpl:
    """A registered type: its TypeInfo as it is in one series, and its class once there is one."""

    name: str
    parent: str | None = None
    parent_type: TypeImpl | None = field(default=None, repr=False)
    instance_struct: type[Object] | None = None
    instance_init: Callable[[Object], None] | None = None
    instance_post_init: Callable[[Object], None] | None = None
    instance_finalize: Callable[[Object], None] | None = None
    abstract: bool = False
    class_struct: type[ClassStruct] | None = None
    class_init: Callable[[ObjectClass], None] | None = None
    class_base_init: Callable[[ObjectClass, object], None] | None = None
    class_data: object = None
    interfaces: tuple[str, ...] = ()
    klass: ObjectClass | None = field(default=None, repr=False)
    initializing: bool = False


_type_inits: list[Callable[[], None]] = []


def type_init(register: Callable[[], None]) -> Callable[[], None]:
    """Have `register` called once in every world, before the first type is looked up.

    QEMU's `type_init(fn)` makes a constructor of the MODULE_INIT_QOM list. May be used as a
    decorator.
    """
    _type_inits.append(register)
    return register


def module_call_init(world: World | None = None) -> None:
    """Run the type_inits that this world has not run yet (util/module.c).

    A module imported later is picked up at the next look-up, as QEMU does for a loaded DSO.
    """
    world = world or current()
    while world.inits_run < len(_type_inits):
        register = _type_inits[world.inits_run]
        world.inits_run += 1
        with world:
            register()


def type_name_is_valid(name: str) -> bool:
    """Whether a type may have this name, since QEMU 9.0 (qom/object.c, type_name_is_valid).

    At least two characters: a letter or one of 1 to 9, then letters, digits, `-`, `_`, `.`. QEMU
    still lets `Sun-UltraSparc-*` and `*-x86_64-cpu` with `+` pass; they are SPARC CPU models.
    """
    if _NAME.fullmatch(name):
        return True
    if name.startswith(("Sun-UltraSparc-", "power")):
        return bool(_NAME.fullmatch(name.replace("+", "_")))
    return False


def type_new(info: TypeInfo, series: str) -> TypeImpl:
    """A TypeImpl that holds what `info` says in `series`, in no table yet (type_new).

    Raises:
        Abort: no name, or more interfaces than QEMU has room for.
    """
    if not info.name:
        raise Abort("a type needs a name")
    interfaces = resolve(info.interfaces, series) or ()
    if len(interfaces) >= MAX_INTERFACES:
        raise Abort(f"type '{info.name}' has more than {MAX_INTERFACES - 1} interfaces")
    return TypeImpl(
        name=info.name,
        parent=resolve(info.parent, series),
        instance_struct=resolve(info.instance_struct, series),
        instance_init=resolve(info.instance_init, series),
        instance_post_init=resolve(info.instance_post_init, series),
        instance_finalize=resolve(info.instance_finalize, series),
        abstract=bool(resolve(info.abstract, series)),
        class_struct=resolve(info.class_struct, series),
        class_init=resolve(info.class_init, series),
        class_base_init=resolve(info.class_base_init, series),
        class_data=info.class_data,
        interfaces=interfaces,
    )


def type_register_internal(info: TypeInfo) -> TypeImpl | None:
    """Put a type in the table; None if this series does not have it (type_register_internal).

    Raises:
        Abort: with QEMU's text, for an illegal name (since 9.0) or one that is taken.
    """
    world = current()
    if not is_present(world.series, info.since, info.until):
        return None
    if world.at_least("9.0") and not type_name_is_valid(info.name):
        raise Abort(f"Registering '{info.name}' with illegal type name")
    ti = type_new(info, world.series)
    if ti.name in world.types:
        raise Abort(f"Registering `{ti.name}' which already exists")
    world.types[ti.name] = ti
    return ti


def type_register_static(info: TypeInfo) -> None:
    """Register a type in the current world (type_register_static).

    Raises:
        Abort: no parent (only the two roots have none), an illegal or a taken name.
    """
    if is_present(current().series, info.since, info.until):
        if not resolve(info.parent, current().series):
            raise Abort(f"type '{info.name}' names no parent")
        type_register_internal(info)


def type_register_static_array(infos: tuple[TypeInfo, ...]) -> None:
    """Register several types in order (DEFINE_TYPES)."""
    for info in infos:
        type_register_static(info)


def type_get_by_name(name: str) -> TypeImpl | None:
    """The registered type of that name, if there is one (type_get_by_name_noload)."""
    world = current()
    module_call_init(world)
    return world.types.get(name)


def type_table() -> Iterator[TypeImpl]:
    """All registered types, in the order of registration (QEMU's order is a hash table's)."""
    world = current()
    module_call_init(world)
    yield from list(world.types.values())


def type_get_parent(ti: TypeImpl) -> TypeImpl | None:
    """The parent's TypeImpl, looked up once by its name (type_get_parent).

    Raises:
        Abort: nothing of that name is registered.
    """
    if ti.parent_type is None and ti.parent is not None:
        ti.parent_type = type_get_by_name(ti.parent)
        if ti.parent_type is None:
            raise Abort(f"Type '{ti.name}' is missing its parent '{ti.parent}'")
    return ti.parent_type


def type_has_parent(ti: TypeImpl) -> bool:
    """Whether the type is no root (type_has_parent)."""
    return ti.parent is not None


def type_is_ancestor(ti: TypeImpl | None, ancestor: TypeImpl) -> bool:
    """Whether `ancestor` is `ti` or above it (type_is_ancestor)."""
    while ti is not None:
        if ti is ancestor:
            return True
        ti = type_get_parent(ti)
    return False


def type_instance_struct(ti: TypeImpl) -> type[Object] | None:
    """The own or inherited instance struct; None for interfaces (type_object_get_size)."""
    if ti.instance_struct is not None:
        return ti.instance_struct
    parent = type_get_parent(ti)
    return type_instance_struct(parent) if parent is not None else None


def type_class_struct(ti: TypeImpl) -> type[ClassStruct] | None:
    """The own or inherited class struct (type_class_get_size)."""
    if ti.class_struct is not None:
        return ti.class_struct
    parent = type_get_parent(ti)
    return type_class_struct(parent) if parent is not None else None
