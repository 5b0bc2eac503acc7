# SPDX-License-Identifier: GPL-2.0-or-later
"""Names, types, structs and units."""

from __future__ import annotations

from qomgen.diagnostics import Diagnostic


class UnknownParent(Diagnostic):
    """
    A type's parent is described nowhere.

    Every parent has a spec, if only one marked `provided: true`: inherited properties, class members and casts are
    looked up there.
    """

    id = "QG101"
    message = "the parent '{parent}' of type '{type}' is described by no spec{when}"
    default_hint = "describe it with 'provided: true', or correct the name"
    once_a_place = True
    missing = ("{parent}",)


class ParentCycle(Diagnostic):
    """A type is its own ancestor."""

    id = "QG102"
    message = "type '{type}' is its own ancestor: {chain}"


class DuplicateDocument(Diagnostic):
    """
    Two documents describe the same thing in the same series.

    Two documents may share a name if `since:` and `until:` keep them apart.
    """

    id = "QG103"
    message = "{what} '{name}' is described in {other} already"
    once_a_place = True


class UnknownInterface(Diagnostic):
    """A type implements something that is described nowhere, or that is no interface."""

    id = "QG104"
    message = "'{name}' is no interface: {reason}"
    once_a_place = True
    missing = ("{name}",)


class UnknownStruct(Diagnostic):
    """A type names a struct that no document describes, or not for that series."""

    id = "QG105"
    message = "struct '{name}' is described by no spec{when}"
    once_a_place = True
    missing = ("{name}",)


class FirstField(Diagnostic):
    """
    The first field of an instance or class struct is not the parent's struct.

    QOM casts between them, so the parent's struct must be embedded at offset 0 (include/qom/object.h).
    """

    id = "QG106"
    message = "the first field of {struct} must be the parent's {parent}; it is {actual}{when}"
    once_a_place = True
    missing = ("{struct}", "fields")


class ReservedName(Diagnostic):
    """
    A name becomes an identifier in generated code and is a keyword or a built-in macro there.

    Choose another name; for names that follow from a type's name, `c: {name: ...}` gives another stem.
    """

    id = "QG107"
    message = "'{name}' ({what}) is a reserved word of {language}"


class NotIdentifier(Diagnostic):
    """A name that becomes an identifier in generated code is none: letters, digits and _, no digit first."""

    id = "QG108"
    message = "'{name}' ({what}) is not an identifier in {language}"


class NameClash(Diagnostic):
    """
    Two things get the same name in generated code.

    `my-dev` and `my_dev`, say, both become my_dev. Give one of them another name under `c:`.
    """

    id = "QG109"
    message = "the {what} would be called '{name}' in {language}, like the {other}"
    once_a_place = True


class UnknownType(Diagnostic):
    """A type is named that no document describes."""

    id = "QG110"
    message = "type '{name}' is described by no spec{when}"
    once_a_place = True
    missing = ("{name}",)


class UnitMembership(Diagnostic):
    """
    A type stands in two units, twice in one, or in one where its parent comes later.

    A unit is what one C file registers, parents first.
    """

    id = "QG111"
    message = "type '{type}': {reason}"
    once_a_place = True


class MissingLicense(Diagnostic):
    """
    A type that is generated has no license, and its unit has none.

    Generated files carry an SPDX line, and only the spec knows it.
    """

    id = "QG112"
    message = "type '{type}' has no 'license'"
    default_hint = (
        "add the SPDX license of the generated files, such as 'license: GPL-2.0-or-later'"
    )
    missing = ("license",)


class PciInterface(Diagnostic):
    """
    A concrete PCI type implements none of the PCI interfaces, itself or through an ancestor.

    QEMU aborts when the class is initialised: pci_device_class_base_init() in hw/pci/pci.c asserts it.
    """

    id = "QG113"
    message = "type '{type}' is a concrete PCI device without a PCI interface: QEMU aborts"
    default_hint = (
        "add 'interfaces: [conventional-pci-device]' or 'pci-express-device', or make it abstract"
    )
    once_a_place = True
    missing = ("interfaces", "abstract", "interfaces of {type}")


class TooManyInterfaces(Diagnostic):
    """A type lists more interfaces than QEMU's MAX_INTERFACES, 32 (qom/object.c)."""

    id = "QG114"
    message = "type '{type}' lists {count} interfaces; QEMU takes at most 32"


class ProvidedOnly(Diagnostic):
    """A key that only describes what QEMU has stands in a type or struct that is generated, or the reverse."""

    id = "QG115"
    message = "{reason}"


class InterfaceParent(Diagnostic):
    """A type has an interface for a parent. Interfaces are implemented, not inherited from."""

    id = "QG116"
    message = "the parent '{parent}' of type '{type}' is an interface"
    default_hint = "list it under 'interfaces', and name the real parent"
    once_a_place = True


class SmallerStruct(Diagnostic):
    """
    A type names the struct of a distant ancestor, which is smaller than its parent's.

    QEMU aborts when the type is initialised: type_initialize() in qom/object.c asserts that an instance and a class
    are no smaller than the parent's. To take over the parent's struct, leave the key out.
    """

    id = "QG117"
    message = (
        "the {what} of '{type}' is {struct}, which the parent's {parent} is built upon: QEMU aborts"
    )
    default_hint = "leave it out to have the parent's"
    once_a_place = True


class StructOwners(Diagnostic):
    """
    Two types would declare the same struct, and neither descends from the other.

    The first type of a chain that names a struct declares it. Give the two a common ancestor that names it, or each a
    struct of its own.
    """

    id = "QG118"
    message = "struct {struct} would be declared twice: by '{other}' and by '{type}'"
    once_a_place = True


class Registration(Diagnostic):
    """
    The types of a unit can't be registered by array or by macro.

    DEFINE_TYPES registers an array and runs nothing else. OBJECT_DEFINE_* makes a TypeInfo by conventions that a type
    must follow: the names of its functions, all three of them, a class struct called like the instance struct with
    Class at its end. Leave `register` out, or give a function's name, and a function is generated.
    """

    id = "QG119"
    message = "unit '{unit}' can't be registered by {form}: {reason}"
    default_hint = "let 'register' name a function, or leave it out"


class NoEffect(Diagnostic):
    """
    A key is there that changes nothing, in whatever series.

    Most often it stands in the wrong document, or what it speaks of is gone. A file that says what is not so misleads
    whoever reads it.
    """

    id = "QG120"
    message = "'{key}' has no effect here: {reason}"
    default_hint = "remove it"


class LongChain(Diagnostic):
    """A type has more ancestors than any type of QEMU's. It takes a hostile spec to have so many."""

    id = "QG122"
    message = "type '{type}' has more than {limit} ancestors"
    once_a_place = True


class BitField(Diagnostic):
    """
    A bit-field or a named bit does not fit its type, or a bit-field is used where it can't be.

    Only integers and bool have bit-fields, no wider than they are; a bit-field has no address, so no property can use
    it. The macros of `flags` are made with `1 << bit`.
    """

    id = "QG121"
    message = "{reason}"
    once_a_place = True
