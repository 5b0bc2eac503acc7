# SPDX-License-Identifier: GPL-2.0-or-later
"""What QEMU tells of its types and objects: the qom-* commands and the help texts.

Twin of qom/qom-qmp-cmds.c and the help of system/qdev-monitor.c. QEMU's lists have no order worth
the name (a hash table's); these are in the order in which pyqom finds things.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from .errors import DeviceNotFound, Error
from .klass import (
    object_class_by_name,
    object_class_dynamic_cast,
    object_class_foreach,
    object_class_get_list,
    object_class_get_parent,
    object_class_is_abstract,
)
from .object import Object, object_new_with_class, object_unref
from .property import (
    ObjectProperty,
    object_class_property_iter,
    object_property_get_qobject,
    object_property_iter,
    object_property_set_qobject,
)
from .qdev import DEVICE_CLASS, TYPE_DEVICE, DeviceClass
from .tree import object_resolve_path
from .visitors import JSONValue, expects
from .world import at_least

# What device-list-properties leaves out: the properties of every object and device.
_BASE_PROPERTIES = frozenset({"type", "realized", "hotpluggable", "hotplugged", "parent_bus"})

_CATEGORY_NAMES = (
    ("bridge", "Controller/Bridge/Hub"),
    ("usb", "USB"),
    ("storage", "Storage"),
    ("network", "Network"),
    ("input", "Input"),
    ("display", "Display"),
    ("sound", "Sound"),
    ("misc", "Misc"),
    ("cpu", "CPU"),
    ("watchdog", "Watchdog"),
    (None, "Uncategorized"),
)

# From here on a description or a default is indented in the help.
_HELP_COLUMN = 24

PropertyRecord = dict[str, Any]


def property_record(prop: ObjectProperty, with_default: bool = True) -> PropertyRecord:
    """One ObjectPropertyInfo of the QAPI schema."""
    record: PropertyRecord = {"name": prop.name, "type": prop.type}
    if prop.description is not None:
        record["description"] = prop.description
    if with_default and prop.init is not None:
        record["default-value"] = prop.defval
    return record


def qom_list_types(
    implements: str | None = None, abstract: bool = False
) -> list[dict[str, str | bool]]:
    """The types that implement `implements`; abstract ones only if asked for (qom-list-types)."""
    found: list[dict[str, str | bool]] = []
    for klass in object_class_foreach(implements, abstract):
        record: dict[str, str | bool] = {"name": klass.type.name}
        if object_class_is_abstract(klass):
            record["abstract"] = True
        parent = object_class_get_parent(klass)
        if parent is not None:
            record["parent"] = parent.type.name
        found.append(record)
    return found


def device_list_properties(typename: str) -> list[PropertyRecord]:
    """The properties of a device type, found on an object made for it (device-list-properties).

    Raises:
        Error: (DeviceNotFound) no such type, or no device type, or an abstract one.
    """
    klass = object_class_by_name(typename)
    if klass is None:
        raise DeviceNotFound(f"Device '{typename}' not found")
    if object_class_dynamic_cast(klass, TYPE_DEVICE) is None or object_class_is_abstract(klass):
        raise expects("typename", "a non-abstract device type")
    obj = object_new_with_class(klass)
    try:
        return [
            property_record(prop)
            for prop in object_property_iter(obj)
            if prop.name not in _BASE_PROPERTIES and not prop.name.startswith("legacy-")
        ]
    finally:
        object_unref(obj)


def qom_list_properties(typename: str) -> list[PropertyRecord]:
    """All properties of a type; of an abstract one those of its classes (qom-list-properties).

    Raises:
        Error: (DeviceNotFound) no such type, or it is an interface.
    """
    klass = object_class_by_name(typename)
    if klass is None:
        raise DeviceNotFound(f"Class '{typename}' not found")
    if object_class_dynamic_cast(klass, "object") is None:
        raise expects("typename", "a QOM type")
    # 7.2 does not show the defaults here.
    with_default = at_least("8.0")
    if object_class_is_abstract(klass):
        return [property_record(prop, with_default) for prop in object_class_property_iter(klass)]
    obj = object_new_with_class(klass)
    try:
        return [property_record(prop, with_default) for prop in object_property_iter(obj)]
    finally:
        object_unref(obj)


def _resolve(path: str) -> Object:
    obj, _ = object_resolve_path(path)
    if obj is None:
        raise DeviceNotFound(f"Device '{path}' not found")
    return obj


def qom_list(path: str) -> list[dict[str, str]]:
    """The properties of a live object (qom-list).

    Raises:
        Error: (DeviceNotFound) nothing of that path, or more than one.
    """
    obj, ambiguous = object_resolve_path(path)
    if ambiguous:
        raise Error(f"Path '{path}' is ambiguous")
    if obj is None:
        raise DeviceNotFound(f"Device '{path}' not found")
    return [{"name": prop.name, "type": prop.type} for prop in object_property_iter(obj)]


def qom_list_get(paths: Sequence[str]) -> list[dict[str, list[PropertyRecord]]]:
    """All properties of several objects with their values, since 10.2 (qom-list-get).

    A property that cannot be read has no "value".

    Raises:
        Error: as `qom_list`, for the first path that is wrong.
    """
    return [{"properties": [_with_value(path, each) for each in qom_list(path)]} for path in paths]


def _with_value(path: str, record: dict[str, str]) -> PropertyRecord:
    with suppress(Error):
        return {**record, "value": qom_get(path, record["name"])}
    return dict(record)


def qom_get(path: str, name: str) -> JSONValue:
    """The value of a property (qom-get)."""
    return object_property_get_qobject(_resolve(path), name)


def qom_set(path: str, name: str, value: JSONValue) -> None:
    """Set a property from a JSON value (qom-set)."""
    object_property_set_qobject(_resolve(path), name, value)


# --- help -----------------------------------------------------------------------------------------


def object_property_help(record: PropertyRecord) -> str:
    """One line of a help text (object_property_help)."""
    line = f"  {record['name']}=<{record['type']}>"
    if "description" in record or "default-value" in record:
        line = f"{line:{_HELP_COLUMN}} - {record.get('description', '')}"
    if "default-value" in record:
        line += f" (default: {_default_text(record['default-value'])})"
    return line


def _default_text(value: JSONValue) -> str:
    if at_least("10.0"):
        if isinstance(value, str):
            return value
        if isinstance(value, bool):
            return "on" if value else "off"
    return json.dumps(value)


def sorted_help(records: Iterable[PropertyRecord]) -> list[str]:
    """The help lines of properties, sorted as text by bytes."""
    return sorted((object_property_help(record) for record in records), key=str.encode)


def device_help(typename: str) -> str:
    """What `-device T,help` prints (qdev_device_help).

    Raises:
        Error: as `device_list_properties`; QEMU prints that and exits with 0 all the same.
    """
    records = device_list_properties(typename)
    if not records:
        return f"There are no options for {typename}.\n"
    return "\n".join([f"{typename} options:", *sorted_help(records)]) + "\n"


def devices_help() -> str:
    """What `-device help` prints: who may be added, by category (qdev_print_devinfos)."""
    classes = sorted(
        (DEVICE_CLASS(klass) for klass in object_class_get_list(TYPE_DEVICE, False)),
        key=lambda dc: dc.parent_class.type.name.lower(),
    )
    text = ""
    for position, (category, title) in enumerate(_CATEGORY_NAMES):
        lines = [
            _device_line(dc)
            for dc in classes
            if dc.user_creatable and (category in dc.categories if category else not dc.categories)
        ]
        if lines:
            # As in QEMU only the first category of all goes without an empty line before it.
            gap = "\n" if position else ""
            text += f"{gap}{title} devices:\n" + "".join(lines)
    return text


def _device_line(dc: DeviceClass) -> str:
    line = f'name "{dc.parent_class.type.name}"'
    if dc.bus_type is not None:
        line += f", bus {dc.bus_type}"
    if dc.desc is not None:
        line += f', desc "{dc.desc}"'
    return line + "\n"
