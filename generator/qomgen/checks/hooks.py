# SPDX-License-Identifier: GPL-2.0-or-later
"""
Hooks in Python: found in the source of their modules, and fitted to the C prototypes.

A hook is bound by class member (PCIDeviceClass.realize: `realize`), since its C name changes between series. What a
step names (a function to call, an object) keeps its C name, in the hooks module or in one beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from qomgen import model, problems
from qomgen.catalog import Catalog
from qomgen.ctype import CType
from qomgen.diagnostics import Diagnostics, Span, nearest
from qomgen.pysource import HookFinder, HookRef, Module

# Where hooks come from


def hooks_module(catalog: Catalog, type_: model.Type) -> str:
    """
    The module that has the hooks of `type_`.

    What the type or its unit names; else the twin of the C file (hw/vfio/pci.c: hw_vfio.pci); else the type's own name.
    """
    unit = catalog.unit_of(type_)
    named = type_.hooks or (unit.hooks if unit else None)
    if named:
        return named
    source = unit.source if unit else None
    if source is None:
        return type_.name.replace("-", "_").replace(".", "_")
    folder, _, file = source.removesuffix(".c").rpartition("/")
    return f"{folder.replace('/', '_')}.{file}".replace("-", "_").lstrip(".")


def hook_name(member: str) -> str:
    """The Python function of a class member: `realize`, `phases_hold`."""
    return member.replace(".", "_")


def expected_arguments(prototype: CType | None) -> int | None:
    """How many arguments a hook takes in Python: those of the prototype without `Error **errp`; None if unknown."""
    if prototype is None or prototype.function is None:
        return None
    parameters = prototype.function
    if parameters and str(parameters[-1].ctype) == "Error **":
        parameters = parameters[:-1]
    return len(parameters)


@dataclass(frozen=True, slots=True)
class Needed:
    """A hook or helper that a type needs in Python."""

    what: str
    name: str
    span: Span
    arguments: int | None
    """How many it is called with; None if that is unknown, or if it is no function."""
    named: bool = False
    """It keeps its C name and may stand in a module beside the hooks module."""
    value: bool = False
    """It is an object, not a function."""


def needed(catalog: Catalog, type_: model.Type) -> Iterator[Needed]:
    """All hooks and helpers that `type_` needs in Python."""
    for key in ("instance_init", "instance_post_init", "instance_finalize", "class_init"):
        function: model.Function | None = getattr(type_, key)
        if function is None:
            continue
        if function.steps is None:
            yield Needed(key, key, function.span, 1)
        else:
            for step in function.steps:
                yield from _needed_by_step(catalog, type_, step)
    if type_.class_base_init is not None:
        yield Needed(
            "class_base_init", "class_base_init", type_.node.value_span("class_base_init"), 2
        )
    for each in type_.class_properties:
        for accessor, count in ((each.get, 1), (each.set, 2)):
            if accessor is None:
                continue
            if accessor.steps is None:
                what = f"accessor of '{each.name}'"
                yield Needed(what, accessor.name or "", accessor.span, count, named=True)
            else:
                for step in accessor.steps:
                    yield from _needed_by_step(catalog, type_, step)


def _needed_by_step(catalog: Catalog, type_: model.Type, step: model.Step) -> Iterator[Needed]:
    match step.action:
        case model.CallStep(function=name, arguments=arguments):
            passed = [argument for argument in arguments if argument.value != "errp"]
            span = step.action.function_span or step.span
            yield Needed(f"call of {name}", name, span, len(passed), named=True)
            for argument in arguments:
                if argument.form == "object":
                    text = str(argument.value)
                    yield Needed(
                        f"object {text}", text, argument.span, None, named=True, value=True
                    )
        case model.MembersStep(struct=struct_name, values=values):
            struct = catalog.class_structs(type_).get(struct_name)
            for value in values:
                member = struct.member(value.member) if struct else None
                if member is None or struct is None:
                    continue
                if member.holds in ("function", "legacy_reset"):
                    what = f"{struct.name}.{member.name}"
                    count = expected_arguments(member.prototype)
                    yield Needed(what, hook_name(member.name), value.value_span, count)
                elif member.holds == "object" and isinstance(value.value, str):
                    what = f"{struct.name}.{member.name}"
                    yield Needed(what, value.value, value.value_span, None, named=True, value=True)


def find(finder: HookFinder, module: str, need: Needed) -> HookRef | None:
    """Where `need` is defined, or None."""
    places = finder.siblings(module) if need.named else filter(None, [finder.module(module)])
    for place in places:
        if need.name in place.names:
            return HookRef(place.name, need.name)
    own = finder.module(module)
    if own is not None and need.name in own.imports:
        return HookRef(module, need.name)
    return None


def check(catalog: Catalog, finder: HookFinder, found: Diagnostics) -> None:
    """Check the hooks of every type with a Python target."""
    for type_ in catalog.types.values():
        if type_.provided or type_.base or "python" not in type_.targets:
            continue
        _infos(catalog, type_, finder, found)
        needs = list(needed(catalog, type_))
        if not needs:
            continue
        name = hooks_module(catalog, type_)
        module = finder.module(name)
        if module is None:
            found.add(problems.HookModule(type_.span, module=name, type=type_.name))
            continue
        for need in needs:
            _hook(finder, module, need, found)


def _hook(finder: HookFinder, module: Module, need: Needed, found: Diagnostics) -> None:
    ref = find(finder, module.name, need)
    if ref is None:
        hint = nearest(need.name, module.names)
        told = {"what": need.what, "module": module.name, "name": need.name}
        found.add(problems.HookMissing(need.span, hint, **told))
        return
    home = finder.home(ref)
    defining = finder.module(home.module)
    arity = defining.functions.get(home.name) if defining else None
    if need.value or need.arguments is None or arity is None or arity.takes(need.arguments):
        return
    told = {"what": need.what, "module": ref.module, "name": need.name, "actual": str(arity)}
    gives = f"the call gives {need.arguments}" if need.named else _in_c(need.arguments)
    found.add(problems.HookArity(need.span, None, gives=gives, **told))


def _in_c(count: int) -> str:
    return f"the function in C has {count}, without errp"


def _infos(catalog: Catalog, type_: model.Type, finder: HookFinder, found: Diagnostics) -> None:
    """Hand-written PropertyInfos."""
    for prop in type_.properties:
        if isinstance(prop.info, str) and (info := catalog.infos.get(prop.info)) is not None:
            span = prop.node.value_span("info")
            module, _, name = (info.python or "").rpartition(".")
            if not finder.has(HookRef(module, name)):
                what = f"PropertyInfo of '{prop.name}'"
                found.add(
                    problems.HookMissing(
                        span, what=what, module=module or "?", name=name or prop.info
                    )
                )
