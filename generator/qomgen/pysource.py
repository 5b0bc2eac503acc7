# SPDX-License-Identifier: GPL-2.0-or-later
"""What Python modules define, read from their source with `ast`: nothing is imported, and nothing runs."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from qomgen.modulepath import find_module


@dataclass(frozen=True, slots=True)
class Arity:
    """How many positional arguments a function takes."""

    least: int
    most: int | None
    """None: any number."""
    keywords: tuple[str, ...] = ()
    """Arguments that must be given by name: whoever calls by position alone can't call it."""

    def takes(self, count: int) -> bool:
        """Whether a call with `count` arguments fits."""
        return (
            not self.keywords and self.least <= count and (self.most is None or count <= self.most)
        )

    def __str__(self) -> str:
        counts = str(self.least) if self.least == self.most else f"{self.least} to {self.most}"
        if self.most is None:
            counts = f"{self.least} or more"
        needs = f" and needs {', '.join(self.keywords)} by name" if self.keywords else ""
        return f"{counts} argument{'' if counts == '1' else 's'}{needs}"


@dataclass(frozen=True, slots=True)
class Class:
    """A class: what its own body gives its instances, and what it names as bases."""

    attributes: frozenset[str]
    bases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HookRef:
    """Something in a module."""

    module: str
    name: str


@dataclass(slots=True)
class Module:
    """What a Python file defines at its top level."""

    name: str
    functions: dict[str, Arity] = field(default_factory=dict)
    values: set[str] = field(default_factory=set)
    classes: dict[str, Class] = field(default_factory=dict)
    imports: dict[str, HookRef] = field(default_factory=dict)
    """Names taken from other modules, by the name they have here."""

    @property
    def names(self) -> set[str]:
        """Everything that is defined in it."""
        return {*self.functions, *self.values, *self.classes}


class HookFinder:
    """Finds modules on a search path and reads what they define."""

    def __init__(self, path: Sequence[Path]) -> None:
        self._path = [str(each) for each in path]
        self._known: dict[str, Module | None] = {}
        self.found: dict[str, Path | None] = {}
        """Where each module was found that was looked for."""

    def module(self, name: str) -> Module | None:
        """The module called `name`, or None if there is none that can be read as Python."""
        if name not in self._known:
            file = self._find(name)
            self._known[name] = _read(name, file) if file else None
            self.found[name] = file
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

    def has(self, ref: HookRef) -> bool:
        """Whether a module has something of that name, its own or imported."""
        module = self.module(ref.module)
        return module is not None and (ref.name in module.names or ref.name in module.imports)

    def home(self, ref: HookRef) -> HookRef:
        """Where what `ref` names is defined: imports followed."""
        seen = {ref}
        while (module := self.module(ref.module)) is not None and ref.name in module.imports:
            ref = module.imports[ref.name]
            if ref in seen:
                break
            seen.add(ref)
        return ref

    def attributes(self, ref: HookRef) -> frozenset[str] | None:
        """What instances of a class have, bases included; None if there is no such class to be read."""
        return self._attributes(ref, depth=0)

    def _attributes(self, ref: HookRef, depth: int) -> frozenset[str] | None:
        home = self.home(ref)
        module = self.module(home.module)
        found = module.classes.get(home.name) if module else None
        if found is None or depth > 20:
            return None
        inherited = (
            self._attributes(HookRef(home.module, base), depth + 1) for base in found.bases
        )
        return found.attributes.union(*(each for each in inherited if each is not None))

    def _find(self, name: str) -> Path | None:
        found = find_module(name, self._path)
        return Path(found) if found else None


def _read(name: str, file: Path) -> Module | None:
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, OSError, RecursionError, MemoryError):
        # Not readable as Python: the same as not there, and the message names the module.
        return None
    module = Module(name)
    package = name if file.stem == "__init__" else name.rpartition(".")[0]
    for node in _top_level(tree.body):
        _define(module, package, node)
    return module


def _top_level(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module, with those that stand under an `if` or `try`."""
    for node in body:
        yield node
        match node:
            case ast.If(body=inside, orelse=other):
                yield from _top_level([*inside, *other])
            case ast.Try(body=inside, handlers=handlers, orelse=other):
                handled = [each for handler in handlers for each in handler.body]
                yield from _top_level([*inside, *handled, *other])


def _define(module: Module, package: str, node: ast.stmt) -> None:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            module.functions[node.name] = _arity(node.args)
        case ast.ClassDef():
            bases = tuple(ast.unparse(base) for base in node.bases)
            module.classes[node.name] = Class(frozenset(_attributes(node)), bases)
        case ast.Assign(targets=targets):
            module.values.update(_assigned(targets))
        case ast.AnnAssign(target=ast.Name(id=target)):
            module.values.add(target)
        case ast.ImportFrom(module=source, names=names, level=level):
            parts = package.split(".")
            above = ".".join(parts[: len(parts) - level + 1]) if level else ""
            origin = ".".join(filter(None, [above, source or ""]))
            for each in names:
                module.imports[each.asname or each.name] = HookRef(origin, each.name)


def _assigned(targets: Sequence[ast.expr]) -> Iterator[str]:
    for target in targets:
        if isinstance(target, ast.Name):
            yield target.id
        elif isinstance(target, ast.Tuple | ast.List):
            yield from _assigned(target.elts)


def _attributes(node: ast.ClassDef) -> Iterator[str]:
    for item in node.body:
        match item:
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.Assign(targets=targets):
                yield from _assigned(targets)
            case ast.FunctionDef(name=name):
                yield name
                if name == "__init__":
                    yield from _set_on_self(item)


def _set_on_self(function: ast.FunctionDef) -> Iterator[str]:
    for node in ast.walk(function):
        match node:
            case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                yield name


def _arity(args: ast.arguments) -> Arity:
    most = len(args.posonlyargs) + len(args.args)
    keywords = tuple(
        each.arg
        for each, default in zip(args.kwonlyargs, args.kw_defaults, strict=True)
        if default is None
    )
    return Arity(most - len(args.defaults), None if args.vararg else most, keywords)
