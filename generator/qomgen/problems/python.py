# SPDX-License-Identifier: GPL-2.0-or-later
"""The Python target."""

from __future__ import annotations

from qomgen.diagnostics import Diagnostic


class HookModule(Diagnostic):
    """
    The Python module that has a type's hooks can't be found.

    It is the twin of the C file (hw/vfio/pci.c: hw_vfio.pci) or what `python: {hooks: ...}` names, looked for in the
    folders of `--python-path` and on Python's own path; it is read, never imported.
    """

    id = "QG401"
    message = "the hooks module '{module}' of type '{type}' is not found"
    default_hint = "name it with 'python: {{hooks: package.module}}', give --python-path, or say 'targets: [c]'"
    once_a_place = True


class HookMissing(Diagnostic):
    """
    A hook, a named helper, or a field of a hand-written class does not exist in Python.

    Hooks are bound by class member: PCIDeviceClass.realize is the function `realize` of the hooks module. A function
    or object that a step names keeps its name.
    """

    id = "QG402"
    message = "{what}: {module} has no '{name}'"
    once_a_place = True


class HookArity(Diagnostic):
    """
    A hook takes another number of arguments in Python than in C.

    It takes those of the C prototype in order, without the `Error **errp` at the end: errors are exceptions.
    """

    id = "QG403"
    message = "{what}: {module}.{name} takes {actual}, and {gives}"
    once_a_place = True


class NoPythonTwin(Diagnostic):
    """
    A field that a property or a step uses has a type without a Python twin.

    Integers, bool, strings, enums, links to objects and the structs that pyqom has are known. Another struct has a
    hand-written class, which `python: package.Class` names, on the field or on the struct's own document.
    """

    id = "QG404"
    message = "{what}: the type {ctype} of '{field}' has no Python twin"
    default_hint = (
        "name one with 'python: package.Class' on the field or struct, or say 'targets: [c]'"
    )
    once_a_place = True


class ScalarAddress(Diagnostic):
    """
    A call is given the address of a field that in Python is a plain value.

    In C the function could write to the field; in Python it would get the value and nothing would come back. Give it
    the object with `{self: <type>}`, or a struct that has the field.
    """

    id = "QG405"
    message = (
        "the address of '{field}' can't be passed in Python, where it is a plain value ({kind})"
    )
    default_hint = "pass '{{value: {field}}}', or the object: '{{self: <type>}}'"
    once_a_place = True


class ConstantVaries(Diagnostic):
    """
    A constant has other values in other series, and a Python module defines it once.

    C prints its name and is right everywhere. For Python write the value, `by-qemu` where it differs.
    """

    id = "QG406"
    message = (
        "the constant {name} is {first} and {last}; a Python module has one value for all series"
    )
    default_hint = "write the values with 'by-qemu'"
    once_a_place = True


class FieldShadows(Diagnostic):
    """
    A field has the name of something that an ancestor's class has in Python.

    In C the parent's struct is a field of its own, and names do not meet; in Python the object has the attributes of
    all its classes.
    """

    id = "QG407"
    message = "field '{field}' of {struct} would hide {base}.{field} in Python"
    default_hint = "give the field another name"
    once_a_place = True


class NoPythonAncestor(Diagnostic):
    """A type with a Python target has a parent or an interface without one."""

    id = "QG408"
    message = "type '{type}' is to be made for Python, and its {what} '{other}' is not"
    default_hint = "say 'targets: [c]', or give '{other}' a Python target too"
    once_a_place = True


class NotInPyqom(Diagnostic):
    """
    A type needs something of QEMU's that pyqom does not have.

    pyqom, QEMU's object model in Python, has what the types of this project need. Say `targets: [c]` for a type that
    needs more, or add it there.
    """

    id = "QG409"
    message = "{what}: pyqom has no '{name}'"
    default_hint = "say 'targets: [c]'"
    once_a_place = True
