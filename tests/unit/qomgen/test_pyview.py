# SPDX-License-Identifier: GPL-2.0-or-later
"""Python modules: all series in one file, importable, and nothing in them that a series lacks."""

from __future__ import annotations

import ast
import subprocess
import sys

from .conftest import CHECKOUT, Generate, generated

BASE = """
type: my-dev
license: GPL-2.0-or-later
parent: pci-device
interfaces: [pci-express-device]
source: hw/misc/my-dev.c
python: {hooks: my_hooks}
instance_struct:
  name: MyDev
  fields: {parent_obj: PCIDevice, level: uint32_t, flag: bool, opaque: "void *", bootindex: int32_t}
"""


def module(files: dict[str, str]) -> str:
    return files["python/qomgen_devices/my_dev.py"]


def test_import_registers_every_type_before_any_object_exists() -> None:
    code = (
        "from qomgen_devices import vfio_pci; import pyqom;"
        "print(pyqom.type_get_by_name('vfio-pci').parent, pyqom.type_get_by_name('vfio-pci-nohotplug').parent)"
    )
    path = ":".join(str(CHECKOUT / each) for each in ("runtime", "generated/python"))
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": path},
    )
    assert done.stdout.split() == ["pci-device", "vfio-pci"]


def test_a_default_that_changed_is_data(generate: Generate) -> None:
    spec = BASE + (
        "properties:\n  level:\n    {kind: uint32, field: level, "
        'default: {by-qemu: {"7.2": 1, "9.0": 2, "10.2": 3}}}\n'
    )
    assert 'default=ByQemu({"7.2": 1, "10.0": 2, "10.2": 3})' in module(generate(spec))


def test_a_default_that_the_macro_gives_is_given(generate: Generate) -> None:
    """DEFINE_PROP_UUID draws one by lot, DEFINE_PROP_UUID_NODEFAULT leaves zeros."""
    spec = BASE.replace("flag: bool", "one: QemuUUID, other: QemuUUID") + (
        "properties:\n"
        "  one: {kind: uuid, field: one}\n"
        "  other: {kind: uuid-nodefault, field: other}\n"
    )
    text = module(generate(spec))
    rows = "".join(text.split())
    assert 'Property("one",qdev_prop_uuid,"one",default="auto",)' in rows
    assert 'Property("other",qdev_prop_uuid,"other",)' in rows


def test_what_came_and_went_has_an_interval(generate: Generate) -> None:
    spec = BASE + (
        "properties:\n"
        '  old: {kind: uint32, field: level, default: 1, until: "10.0"}\n'
        '  new: {kind: uint32, field: level, default: 1, since: "9.1"}\n'
        '  mid: {kind: uint32, field: level, default: 1, since: "8.0", until: "10.1"}\n'
    )
    rows = {
        call.args[0].value: {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        for call in ast.walk(ast.parse(module(generate(spec))))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == "Property"
        and isinstance(call.args[0], ast.Constant)
    }
    assert rows["old"] == {"default": "1", "until": "'10.0'"}
    assert rows["new"] == {"default": "1", "since": "'10.0'"}
    assert rows["mid"] == {"default": "1", "since": "'10.0'", "until": "'10.2'"}


def test_a_statement_of_some_series_stands_under_a_condition(generate: Generate) -> None:
    spec = BASE + (
        "instance_init:\n"
        "  - set: {level: 1}\n"
        '  - set: {flag: true}\n    since: "10.0"\n'
        '  - set: {level: 0x20}\n    until: "10.0"\n'
    )
    function = next(
        node
        for node in ast.parse(module(generate(spec))).body
        if isinstance(node, ast.FunctionDef) and node.name == "my_dev_init"
    )
    assert [ast.unparse(node) for node in function.body[2:]] == [
        "s.level = 1",
        "if not at_least('10.0'):\n    s.level = 32",
        "if at_least('10.0'):\n    s.flag = True",
    ]


def test_fields_without_a_twin_stay_in_c(generate: Generate) -> None:
    text = module(generate(BASE))
    assert "level: int = 0  # uint32_t" in text
    assert "flag: bool = False" in text
    assert "opaque" not in text


def test_a_hook_is_bound_by_class_member_not_by_its_c_name(generate: Generate) -> None:
    spec = BASE + "class_init:\n  - PCIDeviceClass: {realize: whatever_it_is_called}\n"
    text = module(generate(spec, hooks="def realize(dev): ...\n"))
    assert "pdc.realize = my_hooks.realize" in text
    assert "whatever_it_is_called" not in text


def test_hooks_are_read_and_never_imported(generate: Generate) -> None:
    spec = BASE + "class_init:\n  - PCIDeviceClass: {realize: my_realize}\n"
    hooks = "raise SystemExit('imported')\ndef realize(dev): ...\n"
    assert "my_hooks.realize" in module(generate(spec, hooks=hooks))


def test_generated_modules_are_ordered_as_isort_and_black_would() -> None:
    text = generated("python/qomgen_devices/vfio_pci.py")
    names = text.split("from pyqom import (\n")[1].split(")")[0].replace(",", "").split()
    constants = [name for name in names if name.isupper()]
    assert names[: len(constants)] == sorted(constants)
