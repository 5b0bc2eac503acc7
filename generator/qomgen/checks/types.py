# SPDX-License-Identifier: GPL-2.0-or-later
"""Types, structs and units: parents, interfaces, first fields, membership."""

from __future__ import annotations

from qomgen import model, problems
from qomgen.catalog import Catalog
from qomgen.diagnostics import Diagnostics, did_you_mean

PCI_INTERFACES = frozenset({"conventional-pci-device", "pci-express-device", "cxl-device"})
"""One of these a concrete PCI device must have: pci_device_class_base_init(), hw/pci/pci.c."""

MAX_INTERFACES = 32
"""qom/object.c."""


def check(catalog: Catalog, found: Diagnostics) -> None:
    """Check every type, struct and unit of `catalog`."""
    for type_ in catalog.types.values():
        if _parents(catalog, type_, found):
            _interfaces(catalog, type_, found)
            _structs(catalog, type_, found)
    _units(catalog, found)


def _parents(catalog: Catalog, type_: model.Type, found: Diagnostics) -> bool:
    """Whether the chain of `type_` leads to a root."""
    parent_span = type_.node.value_span("parent")
    if type_.parent is None:
        if not type_.provided:
            found.add(
                problems.MissingKey(
                    type_.node.key_span("type"), key="parent", where=f"type '{type_.name}'"
                )
            )
        return type_.provided
    if type_.parent not in catalog.types:
        hint = did_you_mean(type_.parent, catalog.types)
        found.add(problems.UnknownParent(parent_span, hint, parent=type_.parent, type=type_.name))
        return False
    chain = catalog.chain(type_)
    if chain[-1].parent is not None and chain[-1].parent in catalog.types:
        told = " -> ".join([*(each.name for each in chain), chain[-1].parent])
        if chain[-1].parent == type_.name:
            found.add(problems.ParentCycle(parent_span, type=type_.name, chain=told))
        return False
    return chain[-1].parent is None


def _interfaces(catalog: Catalog, type_: model.Type, found: Diagnostics) -> None:
    for name, span in type_.interfaces:
        interface = catalog.types.get(name)
        if interface is None or not interface.interface:
            known = [each.name for each in catalog.types.values() if each.interface]
            found.add(problems.UnknownInterface(span, did_you_mean(name, known), name=name))
    if len(type_.interfaces) > MAX_INTERFACES:
        span = type_.node.key_span("interfaces")
        found.add(problems.TooManyInterfaces(span, type=type_.name, count=len(type_.interfaces)))
    if type_.provided or type_.abstract or not catalog.descends_from(type_, "pci-device"):
        return
    if not PCI_INTERFACES.intersection(each.name for each in catalog.interfaces(type_)):
        found.add(problems.PciInterface(type_.span, type=type_.name))


def _structs(catalog: Catalog, type_: model.Type, found: Diagnostics) -> None:
    parent = catalog.types[type_.parent] if type_.parent else None
    for key, name, above in (
        (
            "instance_struct",
            type_.instance_struct,
            catalog.instance_struct(parent) if parent else None,
        ),
        ("class_struct", type_.class_struct, catalog.class_struct(parent) if parent else None),
    ):
        if name is None:
            continue
        struct = catalog.structs.get(name)
        if struct is None:
            hint = did_you_mean(name, catalog.structs)
            found.add(problems.UnknownStruct(type_.node.value_span(key), hint, name=name))
        elif not type_.provided and above is not None and above.name != name:
            _first_field(struct, above, found)
        if struct is not None and not type_.provided and not struct.provided and struct.members:
            reason = f"'members' describes what QEMU has; {struct.name} is generated, and its fields are its members"
            found.add(problems.ProvidedOnly(struct.span, reason=reason))
    if type_.interface and not type_.provided:
        reason = (
            f"type '{type_.name}' is an interface; only interfaces that QEMU has can be described"
        )
        found.add(problems.ProvidedOnly(type_.span, "add 'provided: true'", reason=reason))


def _first_field(struct: model.Struct, above: model.Struct, found: Diagnostics) -> None:
    first = struct.fields[0] if struct.fields else None
    actual = str(first.ctype) if first else "absent"
    if actual != above.name:
        span = first.span if first else struct.span
        found.add(problems.FirstField(span, struct=struct.name, parent=above.name, actual=actual))


def _units(catalog: Catalog, found: Diagnostics) -> None:
    homes: dict[str, str] = {}
    for unit in catalog.units.values():
        before: set[str] = set()
        for name, span in unit.types:
            type_ = catalog.types.get(name)
            if type_ is None:
                # It may be absent from this series alone; `pipeline` looks for names no series has.
                continue
            if type_.provided:
                reason = "it is provided by QEMU, and a unit registers what is generated"
                found.add(problems.UnitMembership(span, type=name, reason=reason))
            if (other := homes.get(name)) is not None and other != unit.name:
                found.add(
                    problems.UnitMembership(
                        span, type=name, reason=f"it stands in unit '{other}' already"
                    )
                )
            homes[name] = unit.name
            later = [each for each, _ in unit.types if each not in before and each != name]
            if type_.parent in later:
                reason = f"its parent '{type_.parent}' comes after it, and parents come first"
                found.add(problems.UnitMembership(span, type=name, reason=reason))
            before.add(name)
            if (
                "c" in type_.targets
                and type_.license is None
                and unit.license is None
                and not type_.provided
            ):
                found.add(problems.MissingLicense(type_.span, type=name))
