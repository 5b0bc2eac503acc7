# SPDX-License-Identifier: GPL-2.0-or-later
"""Names that become identifiers in C and Python: reserved words, and two things with one name."""

from __future__ import annotations

from collections.abc import Iterator

from qomgen import model, naming, problems
from qomgen.catalog import Catalog
from qomgen.diagnostics import Diagnostics, Span
from qomgen.reserved import C_KEYWORDS, PYTHON_KEYWORDS


def check(catalog: Catalog, found: Diagnostics) -> None:
    """Check the names of everything that is generated. Names written as such, the schema has seen to."""
    made = [type_ for type_ in catalog.types.values() if not type_.provided]
    for type_ in made:
        stem = naming.names(catalog, type_).stem
        _derived(type_, stem, "stem of C names", "C", C_KEYWORDS, found)
        if "python" in type_.targets:
            module = naming.python_module(type_.name)
            _derived(type_, module, "Python module", "Python", PYTHON_KEYWORDS, found)
    _Clashes(catalog, found).check(made)


def _derived(
    type_: model.Type,
    name: str,
    what: str,
    language: str,
    reserved: frozenset[str],
    found: Diagnostics,
) -> None:
    """A name that follows from the type's."""
    told = {"name": name, "language": language, "what": f"{what} of type '{type_.name}'"}
    if not name.isidentifier():
        hint = "give a stem: 'c: {name: ...}'" if language == "C" else "say 'targets: [c]'"
        found.add(problems.NotIdentifier(type_.span, hint, **told))
    elif name in reserved:
        found.add(problems.ReservedName(type_.span, None, **told))


class _Clashes:
    """Two symbols of one C file, two macros anywhere, two Python modules."""

    def __init__(self, catalog: Catalog, found: Diagnostics) -> None:
        self.catalog = catalog
        self.found = found

    def check(self, made: list[model.Type]) -> None:
        macros = {name: f"constant {name}" for name in self.catalog.constants}
        modules: dict[str, str] = {}
        # What QEMU has comes first, wherever it stands: the name that has to change is the other.
        for type_ in sorted(self.catalog.types.values(), key=lambda each: not each.provided):
            macro = naming.names(self.catalog, type_).type_macro
            self._take(macros, macro, f"macro of type '{type_.name}'", type_.span, "C")
        for struct in self.catalog.structs.values():
            for field in struct.fields:
                for flag, _ in field.flags if not struct.provided else ():
                    for name in (flag, f"{flag}_BIT"):
                        what = f"flag {flag} of {struct.name}.{field.name}"
                        self._take(macros, name, what, field.span, "C")
        for type_ in made:
            if "python" in type_.targets:
                module = naming.python_module(type_.name)
                what = f"module of type '{type_.name}'"
                self._take(modules, module, what, type_.span, "Python")
        files: dict[str, dict[str, str]] = {}
        for unit in self.catalog.units.values():
            symbols = files.setdefault(unit.source or f"\0{unit.name}", {})
            for what, symbol, span in self._symbols(unit):
                self._take(symbols, symbol, what, span, "C")

    def _take(self, taken: dict[str, str], name: str, what: str, span: Span, language: str) -> None:
        other = taken.setdefault(name, what)
        if other != what:
            told = {"what": what, "name": name, "language": language, "other": other}
            self.found.add(problems.NameClash(span, None, **told))

    def _symbols(self, unit: model.Unit) -> Iterator[tuple[str, str, Span]]:
        """The static symbols that a unit defines in the C file that includes it."""
        types = [self.catalog.types[name] for name, _ in unit.types if name in self.catalog.types]
        made = [each for each in types if not each.provided and "c" in each.targets]
        for type_ in made:
            for what, symbol in naming.symbols(self.catalog, type_):
                yield f"{what.removeprefix('the ')} of '{type_.name}'", symbol, type_.span
            for value in _vmstates(type_):
                what = f"VMStateDescription of '{type_.name}'"
                assert isinstance(value.value, model.VmState)
                yield what, value.value.name, value.value_span
        if made and unit.registration.form == "function":
            name = unit.registration.name or naming.names(self.catalog, made[0]).register
            yield f"register function of unit '{unit.name}'", name, unit.span
        elif made and unit.registration.form == "array":
            name = unit.registration.name or ""
            yield f"TypeInfo array of unit '{unit.name}'", name, unit.span


def _vmstates(type_: model.Type) -> Iterator[model.MemberValue]:
    for step in (type_.class_init.steps or ()) if type_.class_init else ():
        if isinstance(step.action, model.MembersStep):
            for value in step.action.values:
                if isinstance(value.value, model.VmState):
                    yield value
