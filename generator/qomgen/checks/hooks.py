# SPDX-License-Identifier: GPL-2.0-or-later
"""
Hooks in Python: found by reading source with `ast`, importing nothing, and fitted to the C prototypes.

A hook is bound by class member (PCIDeviceClass.realize: `realize`), since its C name changes between series. What a
step names (a function to call, an object) keeps its C name, in the hooks module or in one beside it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.machinery import PathFinder
from pathlib import Path

from qomgen import model, problems
from qomgen.catalog import Catalog
from qomgen.ctype import CType
from qomgen.diagnostics import Diagnostics, Span, did_you_mean


@dataclass(frozen=True, slots=True)
class Arity:
    """How many positional arguments a function takes."""

    least: int
    most: int | None
    """None: any number."""

    def takes(self, count: int) -> bool:
        """Whether a call with `count` arguments fits."""
        return self.least <= count and (self.most is None or count <= self.most)

    def __str__(self) -> str:
        if self.most is None:
            return f"{self.least} or more"
        return str(self.least) if self.least == self.most else f"{self.least} to {self.most}"


@dataclass(slots=True)
class Module:
    """What a Python file defines at its top level."""

    name: str
    functions: dict[str, Arity] = field(default_factory=dict)
    values: set[str] = field(default_factory=set)
    classes: dict[str, set[str]] = field(default_factory=dict)
    """Classes with the attributes that their bodies annotate or assign."""

    @property
    def names(self) -> set[str]:
        """Everything that can be had from it."""
        return {*self.functions, *self.values, *self.classes}


@dataclass(frozen=True, slots=True)
class HookRef:
    """Something in a hooks module."""

    module: str
    name: str


class HookFinder:
    """Finds modules on a search path and reads what they define."""

    def __init__(self, path: Sequence[Path]) -> None:
        # None is Python's own path; an editable checkout is on it too.
        self._paths = ([str(each) for each in path], None)
        self._known: dict[str, Module | None] = {}
        self.files: list[Path] = []

    def module(self, name: str) -> Module | None:
        """The module called `name`, or None if there is none that can be read as Python."""
        if name not in self._known:
            file = self._find(name)
            self._known[name] = _read(name, file) if file else None
            if file is not None:
                self.files.append(file)
        return self._known[name]

    def siblings(self, name: str) -> Iterator[Module]:
        """The module `name` and those beside it in its package."""
        if (own := self.module(name)) is not None:
            yield own
        package, _, _ = name.rpartition(".")
        file = self._find(name)
        for beside in sorted(file.parent.glob("*.py")) if package and file else ():
            other = f"{package}.{beside.stem}"
            if (
                other != name
                and beside.stem != "__init__"
                and (found := self.module(other)) is not None
            ):
                yield found

    def _find(self, name: str) -> Path | None:
        for search in self._paths:
            where: Sequence[str] | None = search
            spec = None
            for depth in range(1, name.count(".") + 2):
                partial = ".".join(name.split(".")[:depth])
                spec = PathFinder.find_spec(partial, where)
                if spec is None:
                    break
                where = spec.submodule_search_locations
            if spec is not None and spec.origin is not None and spec.origin.endswith(".py"):
                return Path(spec.origin)
        return None


def _read(name: str, file: Path) -> Module | None:
    try:
        tree = ast.parse(file.read_text("utf-8"))
    except (SyntaxError, ValueError, OSError):
        # Not readable as Python: the same as not there, and the message names the module.
        return None
    module = Module(name)
    for node in tree.body:
        match node:
            case ast.FunctionDef():
                module.functions[node.name] = _arity(node.args)
            case ast.ClassDef():
                module.classes[node.name] = set(_attributes(node))
            case ast.Assign(targets=targets):
                module.values.update(
                    target.id for target in targets if isinstance(target, ast.Name)
                )
            case ast.AnnAssign(target=ast.Name(id=target)):
                module.values.add(target)
    return module


def _attributes(node: ast.ClassDef) -> Iterator[str]:
    for item in node.body:
        match item:
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.Assign(targets=targets):
                yield from (target.id for target in targets if isinstance(target, ast.Name))
            case ast.FunctionDef(name=name):
                yield name


def _arity(args: ast.arguments) -> Arity:
    most = len(args.posonlyargs) + len(args.args)
    return Arity(most - len(args.defaults), None if args.vararg else most)


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
            yield Needed(f"call of {name}", name, step.span, len(passed), named=True)
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
    return None


def check(catalog: Catalog, finder: HookFinder, found: Diagnostics) -> None:
    """Check the hooks of every type with a Python target."""
    for type_ in catalog.types.values():
        if type_.provided or "python" not in type_.targets:
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
        hint = did_you_mean(need.name, module.names)
        told = {"what": need.what, "module": module.name, "name": need.name}
        found.add(problems.HookMissing(need.span, hint, **told))
        return
    home = finder.module(ref.module)
    arity = home.functions.get(need.name) if home else None
    if need.value or need.arguments is None or arity is None or arity.takes(need.arguments):
        return
    told = {"what": need.what, "module": ref.module, "name": need.name}
    found.add(problems.HookArity(need.span, actual=str(arity), expected=need.arguments, **told))


def _infos(catalog: Catalog, type_: model.Type, finder: HookFinder, found: Diagnostics) -> None:
    """Hand-written PropertyInfos, and hand-written twins of embedded structs."""
    for prop in type_.properties:
        if isinstance(prop.info, str) and (info := catalog.infos.get(prop.info)) is not None:
            span = prop.node.value_span("info")
            module, _, name = (info.python or "").rpartition(".")
            known = finder.module(module) if module else None
            if known is None or name not in known.names:
                what = f"PropertyInfo of '{prop.name}'"
                found.add(
                    problems.HookMissing(
                        span, what=what, module=module or "?", name=name or prop.info
                    )
                )
