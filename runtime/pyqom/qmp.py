# SPDX-License-Identifier: GPL-2.0-or-later
"""The commands of QMP that concern types, objects and devices, as JSON in and JSON out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .errors import Error
from .introspect import (
    device_list_properties,
    qom_get,
    qom_list,
    qom_list_get,
    qom_list_properties,
    qom_list_types,
    qom_set,
)
from .machine import system_reset
from .migration import query_migrate
from .monitor import monitor_add_fd, monitor_command
from .object_add import object_add, object_del
from .qdev_monitor import device_add, device_del, device_eject
from .visitors import QObjectInputVisitor
from .world import World

Arguments = Mapping[str, Any]


def _device_add(arguments: Arguments) -> dict[str, Any]:
    device_add(arguments)
    return {}


def _object_add(arguments: Arguments) -> dict[str, Any]:
    object_add(arguments)
    return {}


def _nothing(function: Callable[..., None]) -> Callable[..., dict[str, Any]]:
    def call(*arguments: Any) -> dict[str, Any]:
        function(*arguments)
        return {}

    return call


# Name: the function and its arguments, each with its JSON type and, if optional, a default. No
# list of arguments means that the function takes them all as they are.
_REQUIRED = object()
_Argument = tuple[str, type, Any]
_COMMANDS: dict[str, tuple[Callable[..., Any], tuple[_Argument, ...] | None]] = {
    "qom-list-types": (qom_list_types, (("implements", str, None), ("abstract", bool, False))),
    "device-list-properties": (device_list_properties, (("typename", str, _REQUIRED),)),
    "qom-list-properties": (qom_list_properties, (("typename", str, _REQUIRED),)),
    "qom-list": (qom_list, (("path", str, _REQUIRED),)),
    "qom-list-get": (qom_list_get, (("paths", list, _REQUIRED),)),
    "qom-get": (qom_get, (("path", str, _REQUIRED), ("property", str, _REQUIRED))),
    "qom-set": (
        _nothing(qom_set),
        (("path", str, _REQUIRED), ("property", str, _REQUIRED), ("value", object, _REQUIRED)),
    ),
    "device_add": (_device_add, None),
    "device_del": (_nothing(device_del), (("id", str, _REQUIRED),)),
    "object-add": (_object_add, None),
    "object-del": (_nothing(object_del), (("id", str, _REQUIRED),)),
    "system_reset": (_nothing(system_reset), ()),
    "query-migrate": (query_migrate, ()),
    # Not QEMU's: what a guest does in answer to device_del.
    "x-pyqom-device-eject": (_nothing(device_eject), (("id", str, _REQUIRED),)),
    # Not QEMU's getfd, which takes the descriptor from the socket.
    "x-pyqom-name-fd": (
        _nothing(monitor_add_fd),
        (("fdname", str, _REQUIRED), ("fd", int, _REQUIRED)),
    ),
}


_SINCE = {"qom-list-get": "10.2"}


def _read(arguments: Arguments, expected: tuple[_Argument, ...]) -> list[Any]:
    """The arguments in order, checked as QAPI's generated code checks them."""
    visitor = QObjectInputVisitor(arguments)
    visitor.start_struct(None)
    found: list[Any] = []
    for name, kind, default in expected:
        if default is not _REQUIRED and not visitor.optional(name, False):
            found.append(default)
        elif kind is str:
            found.append(visitor.type_str(name, ""))
        elif kind is bool:
            found.append(visitor.type_bool(name, False))
        elif kind is int:
            found.append(visitor.type_int64(name, 0))
        elif kind is list:
            length = visitor.start_list(name)
            found.append([visitor.type_str(None, "") for _ in range(length)])
            visitor.end_list()
        else:
            found.append(visitor.type_any(name, None))
    visitor.check_struct()
    return found


def qmp_dispatch(world: World, command: str, arguments: Arguments) -> Any:
    """Run one command in a world and return what QMP's "return" would hold.

    Raises:
        Error: what QMP's "error" would hold.
    """
    with world, monitor_command():
        since = _SINCE.get(command)
        if command not in _COMMANDS or (since is not None and not world.at_least(since)):
            raise Error(f"The command {command} has not been found", error_class="CommandNotFound")
        function, expected = _COMMANDS[command]
        if expected is None:
            return function(arguments)
        return function(*_read(arguments, expected))


def qmp_answer(world: World, request: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a request such as {"execute": "qom-list", "arguments": {"path": "/"}}."""
    answer: dict[str, Any]
    try:
        result = qmp_dispatch(world, request.get("execute", ""), request.get("arguments", {}))
        answer = {"return": result}
    except Error as error:
        answer = {"error": {"class": error.error_class, "desc": error.desc}}
    if "id" in request:
        answer["id"] = request["id"]
    return answer
