# SPDX-License-Identifier: GPL-2.0-or-later
"""Types in templates: what each expression of a Jinja template is, by the type hints of the views it gets.

The walk knows what the templates use and refuses the rest of Jinja, so nothing passes because it was not looked at.
"""

from __future__ import annotations

import functools
import operator
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, is_dataclass

from jinja2 import Environment, nodes
from jinja2.runtime import LoopContext

from qomgen.encode import Encoded

Hint = object
"""A type as `typing.get_type_hints` gives it."""

Scope = Mapping[str, Hint]


@dataclass(frozen=True)
class Finding:
    """Something that a template must not do."""

    template: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.template}:{self.line}: {self.what}"


class Walk:
    """Walks templates from the ones that are rendered, through includes."""

    def __init__(self, environment: Environment, source: Callable[[str], str]) -> None:
        self.environment = environment
        self.source = source
        self.findings: set[Finding] = set()
        self.walked: set[str] = set()
        self.printed = 0

    def template(self, name: str, scope: Scope) -> None:
        """Walk a template that is rendered or included with `scope`."""
        self.walked.add(name)
        tree = self.environment.parse(self.source(name), name)
        _Template(self, name).body(tree.body, scope)


class _Template:
    def __init__(self, walk: Walk, name: str) -> None:
        self.walk = walk
        self.name = name

    def find(self, node: nodes.Node, what: str) -> None:
        self.walk.findings.add(Finding(self.name, node.lineno, what))

    def body(self, statements: list[nodes.Node], scope: Scope) -> None:
        for statement in statements:
            self.statement(statement, scope)

    def statement(self, node: nodes.Node, scope: Scope) -> None:
        match node:
            case nodes.Output():
                for printed in node.nodes:
                    if not isinstance(printed, nodes.TemplateData):
                        self.output(printed, scope)
            case nodes.For(target=nodes.Name(name=name), recursive=False):
                inside = {**scope, name: self.element(node.iter, scope), "loop": LoopContext}
                if node.test is not None:
                    self.hint(node.test, inside)
                self.body(node.body, inside)
                self.body(node.else_, scope)
            case nodes.If():
                self.hint(node.test, scope)
                for branch in (node.body, *(each.body for each in node.elif_), node.else_):
                    self.body(branch, scope)
                for each in node.elif_:
                    self.hint(each.test, scope)
            case nodes.With():
                inside = dict(scope)
                for target, value in zip(node.targets, node.values, strict=True):
                    assert isinstance(target, nodes.Name)
                    inside[target.name] = self.hint(value, scope)
                self.body(node.body, inside)
            case nodes.Include(template=nodes.Const(value=str(name)), ignore_missing=False):
                self.walk.template(name, scope)
            case nodes.FilterBlock(filter=nodes.Filter(name="indented") as used):
                # What a filter block returns is printed as it is: only this one, which moves text, is known.
                self.constants(used)
                self.body(node.body, scope)
            case _:
                self.find(node, f"a statement that the walk does not know: {type(node).__name__}")

    def output(self, node: nodes.Node, scope: Scope) -> None:
        """An expression that is printed."""
        self.walk.printed += 1
        for hint in variants(self.hint(node, scope)):
            if not (isinstance(hint, type) and issubclass(hint, Encoded)):
                self.find(node, f"prints {describe(hint)}, which is not Encoded")

    def element(self, node: nodes.Node, scope: Scope) -> Hint:
        """What a loop over `node` gets."""
        hint = self.hint(node, scope)
        arguments = typing.get_args(hint)
        if typing.get_origin(hint) is tuple and len(arguments) == 2 and arguments[1] is ...:
            return arguments[0]
        self.find(node, f"loops over {describe(hint)}, which is no tuple")
        return object

    def hint(self, node: nodes.Node, scope: Scope) -> Hint:
        """The type of an expression; `object` after a finding."""
        match node:
            case nodes.Name(name=name) if name in scope:
                return scope[name]
            case nodes.Getattr(node=of, attr=name):
                return self.attribute(node, self.hint(of, scope), name)
            case nodes.Filter(node=nodes.Expr() as piped, name=name):
                self.constants(node)
                return self.filtered(node, self.hint(piped, scope), name)
            case nodes.CondExpr(expr1=nodes.Expr() as one, expr2=nodes.Expr() as other):
                self.hint(node.test, scope)
                return union([self.hint(one, scope), self.hint(other, scope)])
            case nodes.Not() | nodes.And() | nodes.Or():
                for child in node.iter_child_nodes():
                    self.hint(child, scope)
                return bool
            case nodes.Const():
                return type(node.value)
        self.find(node, f"an expression that the walk does not know: {node!r}")
        return object

    def attribute(self, node: nodes.Node, of: Hint, name: str) -> Hint:
        found = []
        for hint in variants(of):
            known = dict(attributes(hint))
            if name not in known:
                self.find(node, f"{describe(hint)} has no '{name}'")
                return object
            found.append(known[name])
        return union(found)

    def filtered(self, node: nodes.Node, piped: Hint, name: str) -> Hint:
        if name not in self.walk.environment.filters:
            self.find(node, f"there is no filter '{name}'")
            return object
        hints = typing.get_type_hints(self.walk.environment.filters[name])
        result = hints.pop("return", object)
        wanted = next(iter(hints.values()), object)
        for hint in variants(piped):
            if not (
                isinstance(hint, type) and isinstance(wanted, type) and issubclass(hint, wanted)
            ):
                self.find(node, f"'{name}' takes {describe(wanted)}, not {describe(hint)}")
        return typing.cast("Hint", result)

    def constants(self, used: nodes.Filter) -> None:
        """The arguments of a filter must be the template's own: they might be printed."""
        given = [*used.args, *(each.value for each in used.kwargs)]
        given += [each for each in (used.dyn_args, used.dyn_kwargs) if each is not None]
        while given:
            argument = given.pop()
            if isinstance(argument, nodes.CondExpr):
                given += [argument.expr1, *([argument.expr2] if argument.expr2 else [])]
            elif not isinstance(argument, nodes.Const):
                self.find(used, f"'{used.name}' gets an argument that is no constant")


def union(hints: Iterable[Hint]) -> Hint:
    """The union of types."""
    return functools.reduce(operator.or_, typing.cast("Iterable[typing.Any]", hints))


def variants(hint: Hint) -> tuple[Hint, ...]:
    """The members of a union but None, which StrictUndefined's neighbour `finalize` refuses to print."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return tuple(each for each in typing.get_args(hint) if each is not type(None))
    return (hint,)


def attributes(hint: Hint) -> Iterator[tuple[str, Hint]]:
    """Fields and properties of a view with their types; those of a generic one with its arguments put in."""
    origin = typing.get_origin(hint) or hint
    if not isinstance(origin, type) or not (is_dataclass(origin) or origin is LoopContext):
        return
    parameters = getattr(origin, "__parameters__", ())
    known = dict(zip(parameters, typing.get_args(hint), strict=False))
    if is_dataclass(origin):
        for name, found in typing.get_type_hints(origin).items():
            yield name, substituted(found, known)
    for name, member in vars(origin).items():
        if isinstance(member, property) and member.fget is not None:
            yield name, typing.get_type_hints(member.fget).get("return", object)


def substituted(hint: typing.Any, known: Mapping[typing.Any, Hint]) -> Hint:
    """`hint` with type variables replaced."""
    if hint in known:
        return known[hint]
    arguments = typing.get_args(hint)
    if not arguments or not known:
        return typing.cast("Hint", hint)
    new = tuple(each if each is ... else substituted(each, known) for each in arguments)
    if typing.get_origin(hint) is types.UnionType:
        return union(new)
    return typing.cast("Hint", typing.get_origin(hint)[new])


def describe(hint: Hint) -> str:
    return hint.__name__ if isinstance(hint, type) else str(hint).replace("typing.", "")
