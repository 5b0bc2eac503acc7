# SPDX-License-Identifier: GPL-2.0-or-later
"""Names that become identifiers in C and Python: reserved words, and two things with one name."""

from __future__ import annotations

from collections.abc import Iterator

from qomgen import model, naming, problems
from qomgen.catalog import Catalog
from qomgen.diagnostics import Diagnostics, Span
from qomgen.reserved import C_KEYWORDS, PYTHON_KEYWORDS


def check(catalog: Catalog, found: Diagnostics) -> None:
    """Check the names of everything that is generated."""
    for struct in catalog.structs.values():
        for each in struct.fields:
            _reserved(
                each.name, f"a field of {struct.name}", each.span, found, python=not struct.provided
            )
        if not struct.provided:
            _reserved(struct.name, "a struct", struct.span, found, python=True)
    made = [type_ for type_ in catalog.types.values() if not type_.provided]
    for type_ in made:
        for what, name, span in _functions(type_):
            _reserved(name, what, span, found, python=False)
        stem = naming.names(catalog, type_).stem
        if not stem.isidentifier():
            found.add(
                problems.NotIdentifier(type_.span, name=stem, what="stem of C names", language="C")
            )
        module = naming.python_module(type_.name)
        for language, name, reserved in (
            ("C", stem, C_KEYWORDS),
            ("Python", module, PYTHON_KEYWORDS),
        ):
            if name in reserved:
                found.add(
                    problems.ReservedName(
                        type_.span, name=name, what=f"type '{type_.name}'", language=language
                    )
                )
        if not module.isidentifier():
            found.add(
                problems.NotIdentifier(type_.span, name=module, what="module", language="Python")
            )
    _clashes(catalog, made, found)


def _functions(type_: model.Type) -> Iterator[tuple[str, str, Span]]:
    for key in ("class_init", "instance_init", "instance_post_init", "instance_finalize"):
        function: model.Function | None = getattr(type_, key)
        if function is not None and function.name is not None:
            yield key, function.name, function.span
    for each in type_.class_properties:
        for accessor in (each.get, each.set):
            if accessor is not None and accessor.name is not None:
                yield f"accessor of '{each.name}'", accessor.name, accessor.span


def _reserved(name: str, what: str, span: Span, found: Diagnostics, *, python: bool) -> None:
    if name in C_KEYWORDS:
        found.add(problems.ReservedName(span, name=name, what=what, language="C"))
    elif python and name in PYTHON_KEYWORDS:
        found.add(problems.ReservedName(span, name=name, what=what, language="Python"))


def _clashes(catalog: Catalog, made: list[model.Type], found: Diagnostics) -> None:
    """Two symbols of one C file, two macros anywhere, two Python modules."""
    macros: dict[str, str] = {}
    modules: dict[str, str] = {}
    for type_ in catalog.types.values():
        names = naming.names(catalog, type_)
        here = f"type '{type_.name}'"
        taken = macros.setdefault(names.type_macro, here)
        if taken != here and not type_.provided:
            told = {
                "what": f"the macro of {here}",
                "name": names.type_macro,
                "language": "C",
                "other": taken,
            }
            found.add(problems.NameClash(type_.span, **told))
    for type_ in made:
        here = f"type '{type_.name}'"
        module = naming.python_module(type_.name)
        taken = modules.setdefault(module, here)
        if taken != here:
            told = {
                "what": f"the module of {here}",
                "name": module,
                "language": "Python",
                "other": taken,
            }
            found.add(problems.NameClash(type_.span, **told))
    for unit in catalog.units.values():
        symbols: dict[str, str] = {}
        for name, _ in unit.types:
            member = catalog.types.get(name)
            if member is None or member.provided:
                continue
            for what, symbol in naming.symbols(catalog, member):
                here = f"{what} of '{member.name}'"
                taken = symbols.setdefault(symbol, here)
                if taken != here:
                    told = {"what": here, "name": symbol, "language": "C", "other": taken}
                    found.add(problems.NameClash(member.span, **told))
