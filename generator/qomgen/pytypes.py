# SPDX-License-Identifier: GPL-2.0-or-later
"""Python twins of C types: what a field of an instance struct is in a generated module."""

from __future__ import annotations

from dataclasses import dataclass

from qomgen import model
from qomgen.catalog import Catalog
from qomgen.ctype import CType
from qomgen.pysource import HookRef

_INTEGERS = frozenset(
    {
        "int",
        "unsigned",
        "unsigned int",
        "long",
        "unsigned long",
        "size_t",
        "off_t",
        "hwaddr",
        "char",
        "ssize_t",
    }
    | {f"{sign}int{width}_t" for sign in ("", "u") for width in (8, 16, 32, 64)}
)
_VALUES = {"QemuUUID": "QemuUUID", "PCIHostDeviceAddress": "PCIHostDeviceAddress"}
"""Structs that pyqom has as values of their own."""


@dataclass(frozen=True, slots=True)
class PyType:
    """A field's type: its annotation, its value when nothing was set, and what must be imported."""

    annotation: str
    zero: str | None
    """An expression; None if `factory` makes the value."""
    factory: str | None = None
    imports: tuple[HookRef, ...] = ()


def twin(catalog: Catalog, field: model.Field) -> PyType | None:
    """The Python twin of `field`, or None if its type has none."""
    if field.python is not None:
        module, _, name = field.python.rpartition(".")
        imports = (HookRef(module, name),)
        if field.ctype.pointee is not None:
            return PyType(f"{name} | None", "None", imports=imports)
        return PyType(name, None, name, imports)
    return _twin(catalog, field.ctype)


def _twin(catalog: Catalog, ctype: CType) -> PyType | None:
    text = str(ctype)
    if text == "bool":
        return PyType("bool", "False")
    if text in _INTEGERS:
        return PyType("int", "0")
    if text in ("char *", "const char *"):
        return PyType("str | None", "None")
    if text == "uint8_t *":
        return PyType("bytearray | None", "None")
    if text in _VALUES:
        name = _VALUES[text]
        return PyType(name, None, name, (HookRef("pyqom", name),))
    if text in catalog.enums:
        zero = catalog.enums[text].members[0].upper().replace("-", "_")
        return PyType(text, f"{text}.{zero}", imports=(HookRef("pyqom", text),))
    pointee = ctype.pointee
    if pointee is not None and _is_instance_struct(catalog, str(pointee)):
        return PyType("Object | None", "None", imports=(HookRef("pyqom", "Object"),))
    struct = catalog.structs.get(text)
    if struct is not None and struct.python is not None:
        module, _, name = struct.python.rpartition(".")
        return PyType(name, None, name, (HookRef(module, name),))
    return None


def _is_instance_struct(catalog: Catalog, name: str) -> bool:
    return any(type_.instance_struct == name for type_ in catalog.types.values())
