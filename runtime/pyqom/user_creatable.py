# SPDX-License-Identifier: GPL-2.0-or-later
"""The interface "user-creatable": objects that -object makes (qom/object_interfaces.c)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from .klass import TYPE_INTERFACE, ClassStruct, InterfaceClass, object_class_check
from .object import Object
from .typetable import TypeInfo, type_init, type_register_static

TYPE_USER_CREATABLE = "user-creatable"


@dataclass(eq=False, slots=True)
class UserCreatableClass(ClassStruct):
    """Methods of objects that users make (include/qom/object_interfaces.h).

    `complete` runs when all properties are set and may raise Error. `can_be_deleted` says whether
    the object is out of use.
    """

    parent_class: InterfaceClass = field(default_factory=InterfaceClass)
    complete: Callable[[Object], None] | None = None
    can_be_deleted: Callable[[Object], bool] | None = None


def USER_CREATABLE_CLASS(klass: ClassStruct) -> UserCreatableClass:
    """The class's UserCreatableClass."""
    return object_class_check(klass, TYPE_USER_CREATABLE, UserCreatableClass)


def _register() -> None:
    type_register_static(
        TypeInfo(name=TYPE_USER_CREATABLE, parent=TYPE_INTERFACE, class_struct=UserCreatableClass)
    )


type_init(_register)
