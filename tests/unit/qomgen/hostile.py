# SPDX-License-Identifier: GPL-2.0-or-later
"""Texts that try to become code, and a spec with one in every place that takes free text."""

from __future__ import annotations

from collections.abc import Callable

STRINGS = (
    # C: the end of a literal or of a comment, a directive, a splice, trigraphs.
    *('"', '"); system("touch canary"); ("', "*/", "*/ int canary; /*", "/*", "*//**/", "/", "*"),
    *("// canary", "#include <canary.h>", "\n#error canary\n", "\\\n#error canary", "??/", "???/"),
    *("????/", '??/"', "?\\?/", "??'", "??=define canary", "\\", "\\\\", '\\"', "\\\n", "\\0", "\\x41"),
    *("\\u0041", "\\101", "L", 'u8"', "%s%n%d", "%:", "<::>", "\x7f", "\x1b[2J", "\t", "\r", "\r\n", "\n"),
    # Python: the end of a literal or a docstring, a codec, pragmas.
    *('"""', "'''", '""""', '"""\nimport canary\n"""', '"; import canary; "', "'", "\\N{BULLET}"),
    *("\nimport canary\n", "\n    raise SystemExit\n", "coding: utf-7", "vim: fileencoding=utf-16"),
    *("# fmt: off", "# type: ignore", "{0.__class__}", "{x!r}", "$x", "`id`", "$(id)", "-*- coding: rot13 -*-"),
    # Jinja.
    *("{{ 7 * 7 }}", "{% raw %}", "{% include 'c/unit.c.inc' %}", "{#", "#}", "{{", "}}", "{%", "%}", "##"),
    # Newlines by other names, and what reorders or hides text.
    *("\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1e", "\u00a0", "\u202e", "\u2066", "\u2069"),
    *("\u200b", "\ufeff", "\u00e9", "\u0430", "\U0001f600", "\U000e0041", "\ud7ff", "\ue000", "\uffff"),
    # The end of a line, and a very long one.
    *(" " * 100, "x" * 5000, "word " * 1000, "\u20ac" * 300, "?" * 200, '"' * 200, "\\" * 201, "*/" * 100),
)  # fmt: skip
"""What means something to C, Python, Jinja, a terminal or an editor. A file has no U+FFFF; an escape may."""

Text = Callable[[str], str]
"""The text for a place, given the place's name."""


def quoted(text: str) -> str:
    """`text` as a double-quoted scalar of YAML, in printable ASCII."""
    escaped = "".join(
        char if " " <= char <= "~" and char not in '"\\' else f"\\U{ord(char):08x}" for char in text
    )
    return f'"{escaped}"'


LITERALS = (
    *("desc", "fw_name", "level", "level_old", "info", "suffix", "fd", "sock", "visits"),
    *("setter_argument", "init_argument", "class_argument"),
)  # fmt: skip
"""Places whose text is data in C, in Python or in both; the others are comments."""

PLACES = (
    *LITERALS,
    *("type", "instance_struct", "class_struct", "field", "class_field", "history", "fd_history"),
    *("info_doc", "setter_step", "init_step", "class_step", "unit"),
)  # fmt: skip


def tag(number: int) -> str:
    """What the names of a type have of its number: easy to find again."""
    return f"n{number:03}n"


def spec(number: int, text: Text) -> str:
    """A unit with one type, `hostile-<tag(number)>`; every place of `PLACES` has the text that `text` gives."""

    def at(place: str) -> str:
        return quoted(text(place))

    own = tag(number)
    return f"""
type: hostile-{own}
doc: {at("type")}
license: GPL-2.0-or-later
parent: pci-device
interfaces: [pci-express-device]
instance_struct:
  name: Hostile_{own}
  doc: {at("instance_struct")}
  fields:
    parent_obj: PCIDevice
    level: {{type: uint32_t, doc: {at("field")}}}
    mode: OnOffAuto
    bootindex: int32_t
class_struct:
  name: HostileClass_{own}
  doc: {at("class_struct")}
  fields:
    parent_class: PCIDeviceClass
    count: {{type: int, doc: {at("class_field")}}}
properties:
  level:
    kind: uint32
    field: level
    default: 1
    since: "5.0"
    history: {at("history")}
    description: {{by-qemu: {{"7.2": {at("level_old")}, "10.0": {at("level")}}}}}
  mode:
    kind: on-off-auto
    field: mode
    default: auto
    info: {{name: hostile_prop_{own}, description: {at("info")}, doc: {at("info_doc")}}}
  bootindex: {{kind: bootindex, field: bootindex, suffix: {at("suffix")}}}
class_properties:
  fd:
    kind: str
    history: {at("fd_history")}
    description: {at("fd")}
    set:
      name: hostile_set_fd_{own}
      steps:
        - call: hostile_note
          args: [{{text: {at("setter_argument")}}}]
          doc: {at("setter_step")}
  sock: {{kind: visitor, type: {at("visits")}, set: hostile_set_sock, description: {at("sock")}}}
class_init:
  - DeviceClass: {{desc: {at("desc")}, fw_name: {at("fw_name")}}}
    doc: {at("class_step")}
  - call: hostile_note
    args: [{{text: {at("class_argument")}}}]
instance_init:
  - call: hostile_note
    args: [{{text: {at("init_argument")}}}]
    doc: {at("init_step")}
---
unit: hostile-{own}
doc: {at("unit")}
license: GPL-2.0-or-later
source: hw/misc/hostile.c
python: {{hooks: hostile_hooks}}
types: [hostile-{own}]
"""


HOOKS = '''
"""What stands in for hand-written behaviour."""

NOTES = []


def hostile_note(text):
    NOTES.append(text)


def hostile_set_sock(obj, value):
    pass
'''
