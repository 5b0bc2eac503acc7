# SPDX-License-Identifier: GPL-2.0-or-later
"""QEMU's command line as far as types and devices go (system/vl.c)."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, TextIO

from .errors import Error
from .globalprops import GlobalProperty, qdev_prop_register_global
from .introspect import device_help, devices_help
from .machine import machine_names, machine_ready, machine_start
from .object import object_unref
from .object_add import (
    ObjectOptions,
    object_create,
    object_help,
    object_parse,
    objects_help,
)
from .opts import HELP_OPTIONS, QemuOpts, opts_parse
from .qdev_monitor import device_add, qdev_device_add_from_qdict
from .qjson import qobject_from_json
from .qmp import qmp_answer
from .series import DEFAULT_SERIES, SERIES
from .tree import (
    object_child_foreach,
    object_get_root,
    object_resolve_path_at,
    object_unparent,
)
from .world import World, current

PROGRAM = "pyqom"

USAGE = f"""\
usage: {PROGRAM} [--qemu {"|".join(SERIES)}] [option...] [command [argument...]]

options, as QEMU has them (one or two dashes):
  -machine q35|pc|none|NAME   the machine, default q35; -machine help lists them
  -device T[,prop=value...]   add a device; also JSON; -device help, -device T,help
  -global T.prop=value        a default for all objects of a type
  -object T,id=ID[,prop=...]  make an object; -object help, -object T,help
  -only-migratable            refuse devices that cannot migrate
  -qmp stdio                  then read QMP commands from standard input, one a line

commands, which print QMP's JSON:
  qom-list-types [--implements T] [--abstract]
  device-list-properties T
  qom-list-properties T
  qom-list PATH
"""


class Exit(Exception):
    """The program ends with this status; what is to be said has been said."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(eq=False)
class CommandLine:
    """What a command line asks for, parsed, and where its messages go."""

    out: TextIO
    err: TextIO
    series: str = DEFAULT_SERIES
    machine: str = "q35"
    only_migratable: bool = False
    stopped: bool = False
    qmp: bool = False
    globals: list[GlobalProperty] = field(default_factory=list)
    objects: list[ObjectOptions] = field(default_factory=list)
    # Each with the words of the command line that it came from, for messages.
    devices: list[tuple[str, QemuOpts]] = field(default_factory=list)
    json_devices: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    location: str = ""

    def report(self, text: str, hint: str = "") -> None:
        """Say `text` with the place it is about, as error_report does.

        While a monitor's command runs QEMU leaves both away.
        """
        if current().in_monitor:
            self.err.write(f"{text}\n{hint}")
            return
        place = f"{self.location}: " if self.location else ""
        self.err.write(f"{PROGRAM}: {place}{text}\n{hint}")

    def fail(self, error: Error) -> Exit:
        """Report an error; the exit that QEMU makes then."""
        self.report(error.desc, error.hint)
        return Exit(1)

    def warn(self, text: str) -> None:
        """Report a warning (warn_report)."""
        self.report(f"warning: {text}")

    def warn_flag(self, flag: str, instead: str) -> None:
        """Warn of a setting without a value."""
        self.warn(f"short-form boolean option '{flag}' deprecated")
        self.err.write(f"Please use {instead} instead\n")


# --- parsing --------------------------------------------------------------------------------------

_FLAGS = ("only-migratable", "nodefaults", "S", "help", "h")
_WITH_VALUE = ("qemu", "machine", "M", "device", "global", "object", "qmp")


def parse(line: CommandLine, arguments: Sequence[str]) -> None:
    """Read the command line into `line`, in a world of the series that it asks for.

    Raises:
        Exit: something is wrong, or help was asked for and printed.
    """
    device_ids: dict[str, QemuOpts] = {}
    object_ids: dict[str, QemuOpts] = {}
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        name = word[1:].removeprefix("-") if word.startswith("-") else None
        if name is None:
            line.command = [word, *rest]
            return
        if name in _FLAGS:
            _parse_flag(line, name)
            continue
        if name not in _WITH_VALUE:
            line.location = word
            raise line.fail(Error("invalid option"))
        if not rest:
            line.location = word
            raise line.fail(Error("requires an argument"))
        value = rest.pop(0)
        line.location = f"{word} {value}"
        try:
            _parse_option(line, name, value, device_ids, object_ids)
        except Error as error:
            raise line.fail(error) from error
        line.location = ""


def _parse_flag(line: CommandLine, name: str) -> None:
    if name in ("help", "h"):
        line.out.write(USAGE)
        raise Exit(0)
    if name == "only-migratable":
        line.only_migratable = True
    if name == "S":
        line.stopped = True


def _parse_option(
    line: CommandLine,
    name: str,
    value: str,
    device_ids: dict[str, QemuOpts],
    object_ids: dict[str, QemuOpts],
) -> None:
    place = line.location
    if name == "qemu":
        if value not in SERIES:
            raise Error(f"unknown QEMU series; there are {', '.join(SERIES)}")
        line.series = value
    elif name in ("machine", "M"):
        line.machine = value
    elif name == "qmp":
        if value != "stdio":
            raise Error("only stdio is supported")
        line.qmp = True
    elif name == "global":
        line.globals.append(_parse_global(value, line))
    elif name == "device" and value.startswith("{"):
        line.json_devices.append((place, parse_json(value)))
    elif name == "device":
        opts = opts_parse(value, "driver", device_ids, "device", line.warn_flag)
        line.devices.append((place, opts))
    elif value.startswith("{"):
        line.objects.append(object_parse(parse_json(value)))
    else:
        opts = opts_parse(value, "qom-type", object_ids, "object", line.warn_flag)
        _object_help(line, opts)
        line.objects.append(object_parse(opts.to_qdict(), from_json=False))


def _object_help(line: CommandLine, options: QemuOpts) -> None:
    """Print the help that an -object asks for, if it does, and be done."""
    typename = options.get("qom-type")
    if typename is None:
        raise Error("Parameter 'qom-type' is missing")
    text = objects_help() if typename in HELP_OPTIONS else None
    if text is None and options.has_help():
        text = object_help(typename)
    if text is not None:
        line.out.write(text)
        raise Exit(0)


def parse_json(text: str) -> Mapping[str, Any]:
    """A JSON object given as an option's value or as a QMP command.

    Raises:
        Error: it is none.
    """
    value = qobject_from_json(text)
    if not isinstance(value, Mapping):
        raise Error("QMP input must be a JSON object")
    return value


def _parse_global(text: str, line: CommandLine) -> GlobalProperty:
    """`T.prop=value`, or driver=T,property=prop,value=value (qemu_global_option)."""
    head, equals, value = text.partition("=")
    driver, dot, name = head.partition(".")
    if equals and dot and 0 < len(driver) < 64 and 0 < len(name) < 64:
        return GlobalProperty(driver, name, value)
    opts = opts_parse(text, None, {}, "global", line.warn_flag)
    given = {key: opts.get(key) for key in ("driver", "property", "value")}
    for key, _ in opts.settings:
        if key not in given:
            raise Error(f"Invalid parameter '{key}'")
    if None in given.values():
        raise Error("options 'driver', 'property', and 'value' are required")
    driver, name, value = (each or "" for each in given.values())
    return GlobalProperty(driver, name, value)


# --- running --------------------------------------------------------------------------------------


def _device_help(line: CommandLine) -> None:
    """Help for -device is given before anything is made (qdev_device_help)."""
    asked = False
    for place, opts in line.devices:
        driver = opts.get("driver")
        if driver in HELP_OPTIONS:
            line.out.write(devices_help())
            asked = True
        elif driver is not None and opts.has_help():
            asked = True
            try:
                line.out.write(device_help(driver))
            except Error as error:
                line.location = place
                line.report(error.desc)
        if asked:
            raise Exit(0)


def _make_objects(line: CommandLine) -> None:
    # QEMU has forgotten by now where on the command line an object was asked for.
    try:
        for options in line.objects:
            object_create(options)
    except Error as error:
        raise line.fail(error) from error


def _make_devices(line: CommandLine) -> None:
    try:
        for place, opts in line.devices:
            line.location = place
            object_unref(qdev_device_add_from_qdict(opts.to_qdict(), False))
        for place, options in line.json_devices:
            line.location = place
            device_add(options, monitor=False)
    except Error as error:
        raise line.fail(error) from error
    line.location = ""


def _start_machine(line: CommandLine) -> None:
    if line.machine in HELP_OPTIONS:
        line.out.write("Supported machines are:\n")
        line.out.write("".join(f"{name}\n" for name in machine_names()))
        raise Exit(0)
    try:
        machine_start(line.machine)
    except Error as error:
        raise line.fail(error) from error


_NEEDS_NO_MACHINE = ("qom-list-types", "device-list-properties", "qom-list-properties")


def _command(line: CommandLine, world: World) -> int:
    name, *words = line.command
    arguments: dict[str, Any] = {}
    if name == "qom-list-types":
        while words:
            word = words.pop(0)
            if word == "--abstract":
                arguments["abstract"] = True
            elif word == "--implements" and words:
                arguments["implements"] = words.pop(0)
            else:
                line.err.write(USAGE)
                return 2
    elif name in ("device-list-properties", "qom-list-properties", "qom-list") and len(words) == 1:
        arguments["path" if name == "qom-list" else "typename"] = words[0]
    else:
        line.err.write(USAGE)
        return 2
    answer = qmp_answer(world, {"execute": name, "arguments": arguments})
    line.out.write(json.dumps(answer) + "\n")
    return 1 if "error" in answer else 0


def _serve(line: CommandLine, world: World, source: TextIO) -> None:
    """Answer QMP commands, one a line; events are lines of their own."""

    def event(name: str, data: dict[str, object]) -> None:
        line.out.write(json.dumps({"event": name, "data": data}) + "\n")

    world.event = event
    for text in source:
        if text.strip():
            try:
                request: Mapping[str, Any] = parse_json(text)
            except Error as error:
                answer = {"error": {"class": error.error_class, "desc": error.desc}}
            else:
                answer = qmp_answer(world, request)
            line.out.write(json.dumps(answer) + "\n")
            line.out.flush()


def run(line: CommandLine, world: World, source: TextIO) -> int:
    """Do what the command line asks for, in a fresh world; the exit status."""
    world.warn = line.warn
    world.only_migratable = line.only_migratable
    if line.stopped:
        # Which a guest's clock shows until it runs.
        world.clock_ms = lambda: 0
    _device_help(line)
    if line.command and line.command[0] in _NEEDS_NO_MACHINE:
        return _command(line, world)
    for prop in line.globals:
        qdev_prop_register_global(prop)
    _start_machine(line)
    try:
        _make_objects(line)
        _make_devices(line)
        machine_ready()
        if line.command:
            return _command(line, world)
        if line.qmp:
            _serve(line, world, source)
        return 0
    finally:
        shut_down()


def shut_down() -> None:
    """Take all devices and objects out of the tree, so that each lets go of what it holds."""
    root = object_get_root()
    for path in ("machine/peripheral", "machine/peripheral-anon", "objects"):
        container = object_resolve_path_at(root, path)
        if container is not None:
            for child in list(object_child_foreach(container)):
                object_unparent(child)


def main(
    arguments: Sequence[str],
    out: TextIO | None = None,
    err: TextIO | None = None,
    source: TextIO | None = None,
    prepare: Callable[[], None] | None = None,
) -> int:
    """The whole program; returns the exit status: 0, or 1 for an error as QEMU has it.

    `prepare` is called in the new world before anything else, such as to register types.
    """
    line = CommandLine(out or sys.stdout, err or sys.stderr)
    # Which types there are decides already how the rest of the command line is read.
    with World(_series(arguments), warn=line.warn) as world:
        try:
            if prepare is not None:
                prepare()
            parse(line, arguments)
            return run(line, world, source or sys.stdin)
        except Exit as end:
            return end.status


def _series(arguments: Sequence[str]) -> str:
    """The last series that is asked for, or the default."""
    found = DEFAULT_SERIES
    for word, value in pairwise(arguments):
        if word in ("-qemu", "--qemu") and value in SERIES:
            found = value
    return found
