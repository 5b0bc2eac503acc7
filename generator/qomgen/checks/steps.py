# SPDX-License-Identifier: GPL-2.0-or-later
"""Steps: where each may stand, what calls are given, and the orders in which QEMU would crash."""

from __future__ import annotations

from qomgen import model, problems
from qomgen.catalog import Catalog
from qomgen.checks import members
from qomgen.checks.properties import unknown_constant, unknown_type
from qomgen.diagnostics import Diagnostics, Span, nearest

_ARGUMENT_WORDS = {
    "class_init": frozenset({"klass"}),
    "instance_init": frozenset({"obj"}),
    "instance_post_init": frozenset({"obj"}),
    "instance_finalize": frozenset({"obj"}),
    "accessor": frozenset({"obj", "value", "errp"}),
}
"""What a call may be given in each function besides constants and mappings."""

_ALL_WORDS = frozenset(word for words in _ARGUMENT_WORDS.values() for word in words)


def check(catalog: Catalog, found: Diagnostics) -> None:
    """Check every step of `catalog`."""
    for type_ in catalog.types.values():
        if type_.provided:
            continue
        for key, function in catalog.functions(type_):
            _Function(catalog, type_, key, found).check(function.steps or ())
        for each in type_.class_properties:
            for accessor in (each.get, each.set):
                if accessor is not None:
                    _Function(catalog, type_, "accessor", found).check(accessor.steps or ())
        _reset(type_, found)
        _attached(catalog, type_, found)
        _empty_table(catalog, type_, found)


class _Function:
    """The steps of one function."""

    def __init__(self, catalog: Catalog, type_: model.Type, where: str, found: Diagnostics) -> None:
        self.catalog = catalog
        self.type_ = type_
        self.where = where
        self.found = found
        self.placed: dict[str, model.Step] = {}

    def check(self, steps: tuple[model.Step, ...]) -> None:
        for step in steps:
            if self._is_ancestor(step.in_type, step.in_span or step.span):
                self._step(step)

    def _step(self, step: model.Step) -> None:
        match step.action:
            case model.MembersStep(struct=struct):
                if self.where == "class_init":
                    members.check(self.catalog, self.type_, step.action, step.span, self.found)
                else:
                    self._misplaced(step, f"setting members of {struct}", "belongs in class_init")
            case model.PlaceStep(what=what):
                self._place(step, what)
            case model.DescriptionsStep():
                self._place(step, "descriptions")
                self._order(step.action)
            case model.AssignStep(values=values, bits=bits, value_spans=spans):
                word = "'set_bits'" if bits else "'set'"
                if self.where == "class_init":
                    reason = "belongs in instance_init or an accessor; class_init sets members of class structs"
                    self._misplaced(step, word, reason)
                for (path, value, _), span in zip(values, spans, strict=True):
                    if isinstance(value, str):
                        self._constant(value, f"the value of {path}", span)
            case model.CallStep(arguments=arguments):
                for argument in arguments:
                    if self._is_ancestor(argument.in_type, argument.in_span or argument.span):
                        self._argument(argument)

    def _is_ancestor(self, name: str | None, span: Span) -> bool:
        """Whether `in` or `self` names the type itself or an ancestor; says so if not."""
        if name is None or self.catalog.descends_from(self.type_, name):
            return True
        hint = nearest(name, [each.name for each in self.catalog.chain(self.type_)])
        self.found.add(problems.NotAnAncestor(span, hint, name=name, type=self.type_.name))
        return False

    def _misplaced(self, step: model.Step, what: str, reason: str) -> None:
        self.found.add(problems.MisplacedStep(step.span, step=what, reason=reason))

    def _constant(self, name: str, what: str, span: Span) -> None:
        if self.catalog.constant(name) is None:
            unknown_constant(self.catalog, name, what, span, self.found)

    def _place(self, step: model.Step, what: str) -> None:
        home = "instance_init" if what == "bootindex" else "class_init"
        has_bootindex = any(each.kind == "bootindex" for each in self.type_.properties)
        if self.where != home:
            self._misplaced(step, f"'{what}'", f"belongs in {home}")
        elif what in self.placed:
            self._misplaced(step, f"'{what}'", "stands here twice")
        elif what == "bootindex" and not has_bootindex:
            reason = "needs a property of kind bootindex, and the type has none"
            self._misplaced(step, "'bootindex'", reason)
        elif what in ("properties", "class_properties") and "descriptions" in self.placed:
            reason = f"'{what}' comes after 'descriptions', which need the properties to exist: QEMU crashes"
            self.found.add(problems.DescriptionOrder(step.span, reason=reason, name=""))
        elif what == "descriptions":
            self._same_guard(step)
        self.placed.setdefault(what, step)

    def _same_guard(self, step: model.Step) -> None:
        """Descriptions without the build symbol that the properties need."""
        for what in ("properties", "class_properties"):
            placed = self.placed.get(what)
            if placed is not None and placed.guard is not None and placed.guard != step.guard:
                reason = (
                    f"'{what}' is only done {placed.guard}, and 'descriptions' is not: QEMU crashes"
                )
                hint = "give both steps the same 'if'"
                self.found.add(problems.DescriptionOrder(step.span, hint, reason=reason, name=""))

    def _order(self, action: model.DescriptionsStep) -> None:
        for name, span in zip(action.order, action.order_spans, strict=True):
            # A series may lack a property that another has: then the order passes over it.
            if name not in self.type_.written_properties:
                reason = (
                    f"'order' names '{name}', which is no property of '{self.type_.name}' itself"
                )
                hint = nearest(name, self.type_.written_properties)
                self.found.add(problems.DescriptionOrder(span, hint, reason=reason, name=name))

    def _argument(self, argument: model.Argument) -> None:
        value = argument.value
        where = self.where.replace("_", " ") if self.where == "accessor" else self.where
        match argument.form:
            case "field" | "value" if self.where == "class_init":
                shown = f"{{{argument.form}: {value}}}"
                hint = "class_init has no instance"
                self.found.add(
                    problems.ArgumentUse(argument.span, hint, argument=shown, where=where)
                )
            case "self":
                self._is_ancestor(str(value), argument.span)
            case "type_name" if value not in self.catalog.types:
                unknown_type(self.catalog, str(value), argument.span, self.found)
            case "constant" if value in _ALL_WORDS:
                if value not in _ARGUMENT_WORDS[self.where]:
                    self.found.add(problems.ArgumentUse(argument.span, argument=value, where=where))
            case "constant" if isinstance(value, str):
                self._constant(value, "this argument", argument.span)


def _class_steps(type_: model.Type) -> tuple[model.Step, ...] | None:
    """The steps of class_init; None if it is written by hand."""
    if type_.class_init is None:
        return ()
    return type_.class_init.steps


def _reset(type_: model.Type, found: Diagnostics) -> None:
    actions = [step.action for step in _class_steps(type_) or ()]
    set_members = [each for each in actions if isinstance(each, model.MembersStep)]
    legacy = [
        value
        for each in set_members
        for value in each.values
        if each.struct == "DeviceClass" and value.member == "reset"
    ]
    phases = [
        value
        for each in set_members
        for value in each.values
        if each.struct == "ResettableClass" and value.member.startswith("phases.")
    ]
    if legacy and phases:
        later = max(legacy[0], phases[0], key=lambda value: (value.span.line, value.span.column))
        told = {"type": type_.name, "phase": phases[0].member}
        found.add(problems.ResetAndPhases(later.span, None, **told))


def _attached(catalog: Catalog, type_: model.Type, found: Diagnostics) -> None:
    """Properties in a series in which no step attaches them, since the step is there for other series."""
    in_table = [each for each in type_.properties if _in_table(catalog, each)]
    bootindex = [each for each in type_.properties if each.kind == "bootindex"]
    init = type_.instance_init
    for what, key, first, steps in (
        ("properties", "properties", in_table[:1], _class_steps(type_)),
        ("class_properties", "class_properties", type_.class_properties[:1], _class_steps(type_)),
        ("bootindex", "properties", bootindex[:1], init.steps if init else ()),
    ):
        if not first or steps is None or what not in type_.written_places:
            continue
        if not any(step.action == model.PlaceStep(what) for step in steps):
            told = {"type": type_.name, "step": what, "series": catalog.series}
            span = first[0].span if what == "bootindex" else type_.node.key_span(key)
            found.add(problems.NotAttached(span, None, **told))


def _in_table(catalog: Catalog, prop: model.Property) -> bool:
    kind = catalog.kinds.get(prop.kind)
    return kind is not None and kind.in_table


def _empty_table(catalog: Catalog, type_: model.Type, found: Diagnostics) -> None:
    """A `properties` step that may stand for an empty table, where QEMU refuses one."""
    steps = _class_steps(type_)
    if catalog.profile.facts.empty_properties or steps is None:
        return
    listed = [each for each in type_.properties if _in_table(catalog, each)]
    if any(each.guard is None for each in listed):
        return
    guards = {each.guard for each in listed}
    placed = [step for step in steps if step.action == model.PlaceStep("properties")]
    told = {"type": type_.name, "series": catalog.series}
    if not placed and listed and "properties" not in type_.written_places:
        span, guard = type_.node.key_span("properties"), None
    elif placed:
        span, guard = placed[0].span, placed[0].guard
    else:
        return
    if not listed:
        found.add(problems.EmptyTable(span, None, without="", **told))
    elif guard is None or guards != {guard}:
        symbols = " and ".join(sorted({" and ".join(each.symbols) for each in guards if each}))
        hint = f"the step '- {{properties: , if: {symbols}}}' in class_init does that"
        if len(guards) > 1:
            hint = "one property without 'if' is enough; a step can't have an 'if' for several"
        found.add(problems.EmptyTable(span, hint, without=f" without {symbols}", **told))
