# SPDX-License-Identifier: GPL-2.0-or-later
"""Properties, and the fields behind them."""

from __future__ import annotations

from qomgen.diagnostics import Diagnostic


class UnknownKind(Diagnostic):
    """A property's kind is not one of QEMU's, or not in that series."""

    id = "QG201"
    message = "there is no property kind '{kind}'{when}"
    once_a_place = True


class FieldMissing(Diagnostic):
    """
    A property, a step or an argument names a field that the struct does not have in some series.

    A field of an ancestor's struct is reached with `in: <type>`. If the field came later or went earlier than what
    uses it, QEMU would not compile in between: give both the same `since:` and `until:`. Every series at which
    something changes is looked at, not only those with a profile.
    """

    id = "QG202"
    message = "{what}: {reason}"
    once_a_place = True
    missing = ("{field}", "{struct}")


class FieldType(Diagnostic):
    """
    A property's field has a type that the kind can't have.

    The DEFINE_PROP_* macros check it at compile time (type_check in hw/qdev-properties.h).
    """

    id = "QG203"
    message = (
        "property '{property}' is of kind {kind}, which needs {expected};"
        " {field} is of type {actual}{when}"
    )
    once_a_place = True


class KindKey(Diagnostic):
    """A property lacks a key that its kind needs, or has one that its kind has no use for."""

    id = "QG204"
    message = "property '{property}' of kind {kind} {verb} '{key}'"
    missing = ("{lacks}",)


class DefaultRange(Diagnostic):
    """A default does not fit the field. QEMU would cut it off silently."""

    id = "QG205"
    message = "the default {value} of property '{property}' is outside {minimum} to {maximum}"
    once_a_place = True


class DefaultValue(Diagnostic):
    """A default is of the wrong form: a bool takes true or false, an enum one of its words (quoted, if on or off)."""

    id = "QG206"
    message = (
        "'{value}' is no default for property '{property}' of kind {kind}: it takes {expected}"
    )
    once_a_place = True


class DuplicateProperty(Diagnostic):
    """
    A type has a property that it or an ancestor has already.

    QEMU aborts when the class is initialised: object_class_property_add() in qom/object.c asserts it.
    """

    id = "QG207"
    message = "type '{type}' has a property '{property}' already{when}, from '{owner}': QEMU aborts"
    once_a_place = True


class BitRange(Diagnostic):
    """A bit's number is outside its field."""

    id = "QG208"
    message = "bit {bit} of property '{property}' is outside 0 to {maximum}"


class UnknownConstant(Diagnostic):
    """
    A constant is named that no document describes.

    Known are the names under `constants:`, the flags of struct fields and the enumerators. Python needs the value.
    """

    id = "QG209"
    message = "{what}: the constant '{name}' is described by no spec{when}"
    once_a_place = True
    missing = ("{name}",)


class EmptyTable(Diagnostic):
    """
    A type has no property left in a series whose QEMU refuses an empty table (10.0 and later, at compile time).

    Give the `properties` step the `since:` and `until:` of the properties, or their `if:`.
    """

    id = "QG210"
    message = "type '{type}' has no properties left in QEMU {series}{without}, which refuses an empty table"
    default_hint = "give the step 'properties' the 'since' and 'until' of the properties"
    once_a_place = True
    missing = ("properties", "kind")


class UnknownInfo(Diagnostic):
    """A property names a PropertyInfo that no `property_info` document describes."""

    id = "QG211"
    message = "property '{property}': the PropertyInfo '{info}' is described by no spec{when}"
    once_a_place = True
    missing = ("{info}",)


class NotADevice(Diagnostic):
    """A type that is no device has what only devices have: qdev properties or a bootindex."""

    id = "QG212"
    message = "type '{type}' is no device and can't have {what}"
    default_hint = "an object has class_properties"
    missing = ("ancestors of {type}",)


class BitTaken(Diagnostic):
    """
    Two properties of a type are the same bit of the same field.

    Setting one sets the other, and the second default overwrites the first.
    """

    id = "QG213"
    message = "property '{property}' is bit {bit} of '{field}', and so is '{other}'"
    once_a_place = True


class SecondBootindex(Diagnostic):
    """
    A type has two properties of kind bootindex.

    instance_init adds one, at the place of the `bootindex` step.
    """

    id = "QG214"
    message = "'{property}' is a second bootindex, after '{other}'"
    once_a_place = True


class ClassPropertyKind(Diagnostic):
    """
    A class property of kind link can only be described, of a type that QEMU has.

    object_class_property_add_link() wants an offset and a check function. A qdev property of kind link does the same
    with data.
    """

    id = "QG215"
    message = "class property '{property}' is of kind link, which only describes what QEMU has"
    default_hint = "use a property of kind link"
    once_a_place = True


class GuardedField(Diagnostic):
    """
    A field that is only there under a build symbol is used where the symbol may be off.

    Without the symbol QEMU would not compile. Give what uses the field the same `if:`.
    """

    id = "QG216"
    message = "{what}: field '{field}' is only there {guard}"
    once_a_place = True


class OutsideType(Diagnostic):
    """
    A property is said to be there in a series in which its type is not.

    One of the two is wrong: `since` and `until` say which QEMU releases have the thing.
    """

    id = "QG217"
    message = "{what} is said to be there {when}, and its type '{type}' is there {life}"


class DescribedBootindex(Diagnostic):
    """
    A property of kind bootindex has a description.

    instance_init adds it to each object, and descriptions are set on the class, which has no such property:
    object_class_property_set_description() in qom/object.c would write through a null pointer.
    """

    id = "QG218"
    message = (
        "property '{property}' is of kind bootindex and can't have a description: QEMU crashes"
    )
    default_hint = "leave it out, or make it a comment"
    once_a_place = True
