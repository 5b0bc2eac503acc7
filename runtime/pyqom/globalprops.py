# SPDX-License-Identifier: GPL-2.0-or-later
"""Defaults that come from outside a type: compat properties of a machine, and -global."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .errors import Error
from .klass import object_class_by_name, object_class_dynamic_cast
from .object import Object, object_dynamic_cast
from .property import object_property_find, object_property_parse
from .qdev import DEVICE_CLASS, TYPE_DEVICE
from .world import current

SLOT_ACCELERATOR, SLOT_MACHINE, SLOT_SUGAR = range(3)


@dataclass(eq=False, slots=True)
class GlobalProperty:
    """`driver.property=value` for every object of that type (include/hw/qdev-core.h).

    An `optional` one is passed over where the property is not there.
    """

    driver: str
    property: str
    value: str
    optional: bool = False
    used: bool = False


def object_apply_global_props(
    obj: Object, props: Iterable[GlobalProperty], propagate: bool
) -> None:
    """Set those of `props` that are meant for this object (object_apply_global_props).

    They fit subtypes too. Without `propagate` an error is only warned of.

    Raises:
        Error: with the global before the setter's message.
    """
    for prop in props:
        if object_dynamic_cast(obj, prop.driver) is None:
            continue
        if prop.optional and object_property_find(obj, prop.property) is None:
            continue
        prop.used = True
        try:
            object_property_parse(obj, prop.property, prop.value)
        except Error as error:
            error.prepend(f"can't apply global {prop.driver}.{prop.property}={prop.value}: ")
            if propagate:
                raise
            current().warn(f"{error.desc}\n{error.hint}".rstrip("\n"))


def object_apply_compat_props(obj: Object) -> None:
    """Set the accelerator's, the machine's and the sugar's defaults, in that order."""
    for props in current().compat_props:
        object_apply_global_props(obj, props, True)


def object_set_machine_compat_props(props: Sequence[GlobalProperty]) -> None:
    """Set the machine's compat properties (object_set_machine_compat_props)."""
    current().compat_props[SLOT_MACHINE] = list(props)


def object_set_accelerator_compat_props(props: Sequence[GlobalProperty]) -> None:
    """Set the accelerator's compat properties (object_set_accelerator_compat_props)."""
    current().compat_props[SLOT_ACCELERATOR] = list(props)


def object_register_sugar_prop(driver: str, name: str, value: str, optional: bool = False) -> None:
    """Add a default that an old option stands for (object_register_sugar_prop)."""
    current().compat_props[SLOT_SUGAR].append(GlobalProperty(driver, name, value, optional))


def qdev_prop_register_global(prop: GlobalProperty) -> None:
    """Add a user's -global (qdev_prop_register_global)."""
    current().global_props.append(prop)


def qdev_prop_set_globals(obj: Object, hotplugged: bool) -> None:
    """Apply the user's globals; for a hotplugged device an error is only a warning."""
    object_apply_global_props(obj, current().global_props, not hotplugged)


def qdev_prop_check_globals() -> bool:
    """Warn of globals that did nothing; whether there were any (qdev_prop_check_globals).

    A device that can be plugged later may still use its global, so that is no reason to warn.
    """
    found = False
    for prop in current().global_props:
        if prop.used:
            continue
        klass = object_class_dynamic_cast(object_class_by_name(prop.driver), TYPE_DEVICE)
        if klass is None:
            current().warn(f"global {prop.driver}.{prop.property} has invalid class name")
            found = True
        elif not DEVICE_CLASS(klass).hotpluggable:
            current().warn(f"global {prop.driver}.{prop.property}={prop.value} not used")
            found = True
    return found
