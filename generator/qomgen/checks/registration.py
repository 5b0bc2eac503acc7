# SPDX-License-Identifier: GPL-2.0-or-later
"""Units: which types stand in which, in what order, and whether they can be registered in the way asked for."""

from __future__ import annotations

from collections.abc import Iterator

from qomgen import model, naming, problems
from qomgen.catalog import Catalog
from qomgen.diagnostics import Diagnostics, Span


def check(catalog: Catalog, found: Diagnostics) -> None:
    """Check every unit of `catalog`."""
    homes: dict[str, str] = {}
    for unit in catalog.units.values():
        _members(catalog, unit, homes, found)
        types = [catalog.types[name] for name, _ in unit.types if name in catalog.types]
        made = [each for each in types if not each.provided and "c" in each.targets]
        if unit.registration.form != "function":
            for span, reason in _unfit(catalog, unit, made):
                told = {"unit": unit.name, "form": unit.registration.form, "reason": reason}
                found.add(problems.Registration(span, None, **told))
        for type_ in made:
            if type_.license is None and unit.license is None:
                found.add(problems.MissingLicense(type_.span, type=type_.name))


def _members(catalog: Catalog, unit: model.Unit, homes: dict[str, str], found: Diagnostics) -> None:
    places = {
        name: index
        for index, (name, _) in reversed(list(enumerate(unit.types)))
        if name in catalog.types and not catalog.types[name].provided
    }
    for index, (name, span) in enumerate(unit.types):
        type_ = catalog.types.get(name)
        if type_ is None:
            # It may be absent from this series alone; `documents` looks for names that no series has.
            continue
        reason = None
        if type_.provided:
            reason = "it is provided by QEMU, and a unit registers what is generated"
        elif type_.base and not unit.base:
            reason = "it is one of qomgen's own, which QEMU has; a unit registers what is generated"
        elif places[name] != index:
            reason = "it stands here twice"
        elif (other := homes.setdefault(name, unit.name)) != unit.name:
            reason = f"it stands in unit '{other}' already"
        elif type_.parent is not None and places.get(type_.parent, -1) > index:
            reason = f"its parent '{type_.parent}' comes after it, and parents come first"
        if reason is not None:
            found.add(problems.UnitMembership(span, type=name, reason=reason))


def _unfit(
    catalog: Catalog, unit: model.Unit, types: list[model.Type]
) -> Iterator[tuple[Span, str]]:
    """Why `types` can't be registered by array or by macro."""
    for type_ in types:
        for prop in type_.properties:
            if isinstance(prop.info, model.PropertyInfoCopy):
                yield prop.info.span, (
                    f"the PropertyInfo {prop.info.name} is filled when the types register, which needs"
                    " a function"
                )
    if unit.registration.form == "macro":
        if len(types) > 1:
            yield unit.span, f"OBJECT_DEFINE registers one type, and the unit has {len(types)}"
        for type_ in types:
            yield from ((type_.span, reason) for reason in _unfit_for_macro(catalog, type_))


def _unfit_for_macro(catalog: Catalog, type_: model.Type) -> Iterator[str]:
    """What OBJECT_DEFINE_TYPE_EXTENDED (include/qom/object.h) takes for granted and `type_` has not."""
    names = naming.names(catalog, type_)
    if type_.abstract and type_.interfaces:
        yield f"QEMU has no OBJECT_DEFINE_* for an abstract type with interfaces ('{type_.name}')"
    for key in ("instance_post_init", "class_base_init"):
        if getattr(type_, key) is not None:
            yield f"OBJECT_DEFINE has no place for '{key}'"
    for key, name, suffix in (
        ("class_init", names.class_init, "class_init"),
        ("instance_init", names.instance_init, "init"),
        ("instance_finalize", names.instance_finalize, "finalize"),
    ):
        has_own = key == "class_init" and (type_.properties or type_.class_properties)
        if getattr(type_, key) is None and not has_own:
            yield f"OBJECT_DEFINE needs '{key}' (an empty list is an empty function)"
        elif name != f"{names.stem}_{suffix}":
            yield f"OBJECT_DEFINE calls {key} {names.stem}_{suffix}, and this is {name}"
    struct = catalog.instance_struct(type_)
    class_struct = catalog.class_struct(type_)
    wanted = f"{struct.name}Class" if struct else "a class struct"
    if class_struct is None or class_struct.name != wanted:
        actual = class_struct.name if class_struct else "absent"
        yield f"OBJECT_DEFINE takes the class struct for {wanted}, and it is {actual}"
    if names.type_macro != f"TYPE_{names.upper}":
        yield f"OBJECT_DEFINE takes the type's macro for TYPE_{names.upper}, and it is {names.type_macro}"
    if (parent := catalog.types.get(type_.parent or "")) is not None:
        macro = naming.names(catalog, parent).type_macro
        if not macro.startswith("TYPE_"):
            yield f"OBJECT_DEFINE needs a parent whose macro begins with TYPE_, and it is {macro}"
