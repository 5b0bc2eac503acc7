# SPDX-License-Identifier: GPL-2.0-or-later
"""Steps: what is set and called, and when."""

from __future__ import annotations

from qomgen.diagnostics import Diagnostic


class NotInClassChain(Diagnostic):
    """A class_init sets members of a class struct that the type's class neither is nor implements."""

    id = "QG301"
    message = "{struct} is not in the class chain of '{type}' ({chain})"
    once_a_place = True
    missing = ("{struct}", "interfaces", "ancestors of {type}", "interfaces of {type}")


class UnknownMember(Diagnostic):
    """A class_init sets a member that the class struct does not have in that series."""

    id = "QG302"
    message = "{struct} has no member '{member}'{when}"
    once_a_place = True
    missing = ("{member}",)


class MemberType(Diagnostic):
    """A class member is set to something of the wrong form."""

    id = "QG303"
    message = "{struct}.{member} takes {expected}, and this is {actual}"
    once_a_place = True


class ResetAndPhases(Diagnostic):
    """
    A type sets the legacy reset and phases of the three-phase reset.

    device_class_set_legacy_reset() overwrites the phases (hw/core/qdev.c), and whichever comes second wins silently.
    """

    id = "QG304"
    message = (
        "type '{type}' sets DeviceClass.reset and ResettableClass.{phase}: one overwrites the other"
    )
    default_hint = "keep the phases and move the reset into phases.hold"
    once_a_place = True


class ChainField(Diagnostic):
    """
    A chained hook keeps the parent's function in a field that the own class struct does not have.

    Declare it there: `parent_realize: {hook: PCIDeviceClass.realize}`.
    """

    id = "QG305"
    message = "{reason}"
    once_a_place = True
    missing = ("{parent}", "class_struct")


class KeptHook(Diagnostic):
    """
    A field of a class struct is to keep a hook that the parent's class does not have.

    `parent_realize: {hook: PCIDeviceClass.realize}` takes its type from that class member's prototype.
    """

    id = "QG313"
    message = "field '{field}' of {struct}: {reason}"
    once_a_place = True
    missing = ("{parent}",)


class MisplacedStep(Diagnostic):
    """A step stands in a function where it has no meaning, or twice where once is all."""

    id = "QG306"
    message = "{step} {reason}"
    once_a_place = True


class DescriptionOrder(Diagnostic):
    """
    Descriptions are set before the properties exist, or for properties that the type itself does not have.

    object_class_property_set_description() dereferences the property without a check (qom/object.c): QEMU crashes.
    """

    id = "QG307"
    message = "{reason}"
    once_a_place = True
    missing = ("{name}",)


class ArgumentUse(Diagnostic):
    """An argument has no meaning in that function: `value` outside a setter, `errp` where there is none."""

    id = "QG308"
    message = "the argument '{argument}' has no meaning in {where}"


class NotAnAncestor(Diagnostic):
    """`in:` or `self:` names a type that is neither the own one nor an ancestor."""

    id = "QG309"
    message = "'{name}' is neither '{type}' nor one of its ancestors"
    once_a_place = True
    missing = ("ancestors of {type}",)


class AccessorSteps(Diagnostic):
    """
    An accessor is made of steps that can't do what it has to.

    Steps make a setter of kind str or bool. A getter, and every accessor of another kind, is written by hand and named.
    """

    id = "QG310"
    message = "class property '{property}': {reason}"
    once_a_place = True


class NotAttached(Diagnostic):
    """
    A type has properties in a series in which no step attaches them.

    A step that is not written is placed by itself; one that is written only for some series is missing in the others.
    QEMU would not compile (the table is unused), or crash when it sets descriptions of properties that do not exist.
    """

    id = "QG311"
    message = (
        "type '{type}' has properties in QEMU {series}, and there no step '{step}' attaches them"
    )
    default_hint = "give the step and the properties the same 'since' and 'until'"
    once_a_place = True


class AssignedValue(Diagnostic):
    """
    A step assigns something that the field can't hold.

    C would convert it silently or not compile, and Python would hold another value than C. A pointer or a struct is
    zero when the object is made; what else it is to be, a `call` sets.
    """

    id = "QG312"
    message = "{value} can't be assigned to '{field}' ({actual}): it takes {expected}"
    once_a_place = True
