# SPDX-License-Identifier: GPL-2.0-or-later
"""Which fields of its instance a type uses, and where: in properties, assignments and arguments of calls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from qomgen import model
from qomgen.catalog import Catalog
from qomgen.diagnostics import Span


class Form(Enum):
    """How a field is used."""

    PROPERTY = "property"
    SET = "set"
    SET_BITS = "set_bits"
    ADDRESS = "address"
    VALUE = "value"


@dataclass(frozen=True, slots=True)
class Use:
    """A field that something of a type uses."""

    form: Form
    what: str
    """What uses it, for messages."""
    path: str
    in_type: str | None
    span: Span
    guards: tuple[model.Guard, ...]
    """All build symbols around the use."""
    prop: model.Property | None = None
    value: model.Constant | None = None
    """What is assigned."""
    value_span: Span | None = None


def uses(catalog: Catalog, type_: model.Type) -> Iterator[Use]:
    """Every use of a field in `type_`."""
    for prop in type_.properties:
        guards = (prop.guard,) if prop.guard else ()
        what = f"property '{prop.name}'"
        if prop.field is not None:
            span = prop.node.value_span("field")
            yield Use(Form.PROPERTY, what, prop.field, prop.in_type, span, guards, prop)
        if prop.device is not None:
            yield from _argument(prop.device, None, guards)
    for key, function in catalog.functions(type_):
        # class_init has no instance; that is said elsewhere.
        for step in (function.steps or ()) if key != "class_init" else ():
            yield from _step(step, ())
    for each in type_.class_properties:
        around = (each.guard,) if each.guard else ()
        for accessor in (each.get, each.set):
            for step in (accessor.steps or ()) if accessor else ():
                yield from _step(step, around)


def _step(step: model.Step, around: tuple[model.Guard, ...]) -> Iterator[Use]:
    guards = (*around, step.guard) if step.guard else around
    match step.action:
        case model.AssignStep(values=values, bits=bits, value_spans=spans):
            form = Form.SET_BITS if bits else Form.SET
            what = f"'{form.value}'"
            for (path, value, span), place in zip(values, spans, strict=True):
                yield Use(form, what, path, step.in_type, span, guards, None, value, place)
        case model.CallStep(arguments=arguments):
            for argument in arguments:
                yield from _argument(argument, step.in_type, guards)


def _argument(
    argument: model.Argument, in_type: str | None, guards: tuple[model.Guard, ...]
) -> Iterator[Use]:
    if argument.form in ("field", "value"):
        form = Form.ADDRESS if argument.form == "field" else Form.VALUE
        where = argument.in_type or in_type
        yield Use(form, "this argument", str(argument.value), where, argument.span, guards)
