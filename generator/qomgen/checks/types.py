# SPDX-License-Identifier: GPL-2.0-or-later
"""Types and structs: parents, interfaces, sizes, first fields, who declares what."""

from __future__ import annotations

from qomgen import model, problems
from qomgen.catalog import MAX_CHAIN, Catalog
from qomgen.checks.when import absence, only_here
from qomgen.diagnostics import Diagnostics, nearest

PCI_INTERFACES = frozenset({"conventional-pci-device", "pci-express-device", "cxl-device"})
"""One of these a concrete PCI device must have: pci_device_class_base_init(), hw/pci/pci.c."""

MAX_INTERFACES = 32
"""qom/object.c."""

_STRUCTS = ("instance_struct", "class_struct")


def check(catalog: Catalog, found: Diagnostics) -> None:
    """Check every type and struct of `catalog`."""
    broken: set[str] = set()
    for type_ in catalog.types.values():
        if _parents(catalog, type_, found):
            _interfaces(catalog, type_, found)
            for key in _STRUCTS:
                _struct(catalog, type_, key, found)
        else:
            broken.add(type_.name)
    # Nobody knows what these inherit.
    found.leave_out(f"ancestors of {name}" for name in broken)
    for key in _STRUCTS:
        _owners(catalog, key, found)
    for struct in catalog.structs.values():
        _generated(struct, found)


def _parents(catalog: Catalog, type_: model.Type, found: Diagnostics) -> bool:
    """Whether the chain of `type_` leads to a root."""
    parent_span = type_.node.value_span("parent")
    if type_.parent is None:
        if not type_.provided:
            head = type_.node.key_span("type")
            found.add(problems.MissingKey(head, key="parent", where=f"type '{type_.name}'"))
        return type_.provided
    parent = type_.parent
    if parent not in catalog.types:
        when, by_series = absence(catalog, lambda other: parent in other.types)
        hint = by_series or nearest(parent, catalog.types)
        told = {"parent": parent, "type": type_.name, "when": when}
        found.add(problems.UnknownParent(parent_span, hint or None, **told))
        return False
    chain = catalog.chain(type_)
    end = chain[-1].parent
    if end is not None and end in catalog.types:
        if end == type_.name:
            told = {"type": type_.name, "chain": " -> ".join([*(each.name for each in chain), end])}
            found.add(problems.ParentCycle(parent_span, None, **told))
        elif len(chain) == MAX_CHAIN:
            found.add(problems.LongChain(parent_span, type=type_.name, limit=MAX_CHAIN))
        return False
    return end is None


def _interfaces(catalog: Catalog, type_: model.Type, found: Diagnostics) -> None:
    listed: set[str] = set()
    for name, span in type_.interfaces:
        interface = catalog.types.get(name)
        if interface is None or not interface.interface:
            known = [each.name for each in catalog.types.values() if each.interface]
            hint = nearest(name, known) if interface is None else None
            reason = "no spec describes it" if interface is None else "it is a type with instances"
            found.add(problems.UnknownInterface(span, hint, name=name, reason=reason))
            found.leave_out([f"interfaces of {type_.name}"])
        if name in listed:
            where = f"'interfaces' of type '{type_.name}'"
            found.add(problems.Repeated(span, value=name, where=where))
        listed.add(name)
    if len(type_.interfaces) > MAX_INTERFACES:
        span = type_.node.key_span("interfaces")
        found.add(problems.TooManyInterfaces(span, type=type_.name, count=len(type_.interfaces)))
    if type_.interface and not type_.provided:
        reason = (
            f"type '{type_.name}' is an interface; only interfaces that QEMU has can be described"
        )
        found.add(problems.ProvidedOnly(type_.span, "add 'provided: true'", reason=reason))
    parent = catalog.types.get(type_.parent or "")
    if parent is not None and parent.interface and not type_.interface:
        span = type_.node.value_span("parent")
        found.add(problems.InterfaceParent(span, type=type_.name, parent=parent.name))
    if type_.provided or type_.abstract or not catalog.descends_from(type_, "pci-device"):
        return
    if not PCI_INTERFACES.intersection(each.name for each in catalog.interfaces(type_)):
        found.add(problems.PciInterface(type_.span, type=type_.name))


def _struct(catalog: Catalog, type_: model.Type, key: str, found: Diagnostics) -> None:
    """The instance or class struct that `type_` names."""
    name: str | None = getattr(type_, key)
    if name is None:
        return
    struct = catalog.structs.get(name)
    span = type_.node.value_span(key)
    if struct is None:
        when, by_series = absence(catalog, lambda other: name in other.structs)
        hint = by_series or nearest(name, catalog.structs)
        found.add(problems.UnknownStruct(span, hint, name=name, when=when))
        return
    if type_.provided:
        return
    above = [getattr(each, key) for each in catalog.chain(type_)[1:]]
    named = [each for each in above if each is not None]
    if not named or named[0] == name or named[0] not in catalog.structs:
        return
    if name in named:
        told = {"what": key.replace("_", " "), "struct": name, "parent": named[0]}
        found.add(problems.SmallerStruct(span, None, type=type_.name, **told))
        return
    first = struct.fields[0] if struct.fields else None
    actual = str(first.ctype) if first else "absent"
    if actual != named[0]:
        place = first.span if first else struct.span
        when = only_here(catalog, lambda other: _first_is_wrong(other, type_.name, key))
        told = {"struct": struct.name, "parent": named[0], "actual": actual, "when": when}
        found.add(problems.FirstField(place, None, **told))


def _first_is_wrong(catalog: Catalog, name: str, key: str) -> bool:
    """Whether the first field of a type's struct is not the parent's struct, in another series."""
    type_ = catalog.types.get(name)
    chain = catalog.chain(type_) if type_ else []
    named = [each for each in (getattr(each, key) for each in chain) if each is not None]
    struct = catalog.structs.get(named[0]) if len(named) > 1 and type_ else None
    return struct is None or not struct.fields or str(struct.fields[0].ctype) != named[1]


def _owners(catalog: Catalog, key: str, found: Diagnostics) -> None:
    """A struct that two types would declare, neither of which descends from the other."""
    owners: dict[str, str] = {}
    for type_ in catalog.types.values():
        name: str | None = getattr(type_, key)
        struct = catalog.structs.get(name) if name else None
        if struct is None or struct.provided or type_.provided:
            continue
        owner = catalog.struct_owner(type_) if key == _STRUCTS[0] else catalog.class_owner(type_)
        first = owners.setdefault(struct.name, owner.name)
        if owner is type_ and first != type_.name:
            told = {"struct": struct.name, "type": type_.name, "other": first}
            found.add(problems.StructOwners(type_.node.value_span(key), None, **told))


def _generated(struct: model.Struct, found: Diagnostics) -> None:
    """Keys that describe what QEMU has, in a struct that is generated."""
    if struct.provided:
        return
    if struct.members:
        reason = f"'members' describes what QEMU has; {struct.name} is generated, and its fields are its members"
        found.add(problems.ProvidedOnly(struct.members[0].span, None, reason=reason))
    if struct.cast is not None:
        reason = (
            f"'cast' describes what QEMU has; the macro that casts to {struct.name} is generated"
        )
        hint = "its name follows from the type's, or from 'c: {name: ...}'"
        found.add(problems.ProvidedOnly(struct.span, hint, reason=reason))
