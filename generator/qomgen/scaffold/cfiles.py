# SPDX-License-Identifier: GPL-2.0-or-later
"""
The C of a new device that is written by hand from then on: its behaviour, and its qtest.

Both are made of the resolved spec, once. One text is right for all QEMU series: what differs between them is in the
generated parts that it includes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from qomgen import clayout, model, naming
from qomgen.catalog import Catalog
from qomgen.clayout import Assign, Call
from qomgen.encode import CCode, CComment, CHeader, CIdent, CNumber, CString, Encoded, License
from qomgen.render import environment
from qomgen.scaffold import samples

REGISTERS = {"mmio": "MemoryRegion", "scratch": "uint32_t"}
"""The fields that the behaviour of an emulated device works on, with their C types."""

ID_REGISTER, SCRATCH_REGISTER, INTERRUPT_REGISTER = 0x00, 0x04, 0x08
"""Offsets in BAR 0 of an emulated device, in bytes; each register has 32 bits."""

_PASSTHROUGH_ROOTS = frozenset({"vfio-pci", "vfio-pci-base", "vfio-pci-device"})


class NoScaffold(ValueError):
    """The type is of no kind that there is C for."""


@dataclass(frozen=True, slots=True)
class Signatures:
    """The first lines of the hand-written functions: the hooks that class_init names, and those of a BAR."""

    realize: CCode
    reset: CCode
    exit: CCode | None
    read: CCode
    write: CCode


@dataclass(frozen=True, slots=True)
class BehaviourView:
    """What `passthrough.c` and `plain.c` print."""

    title: CComment
    about: CComment
    license: License
    includes: tuple[CCode, ...]
    declarations: CHeader
    definitions: CHeader
    type_macro: CIdent
    struct: CIdent
    stem: CIdent
    upper: CIdent
    self_of_pdev: Assign
    self_of_dev: Assign
    signatures: Signatures
    parent_realize: CIdent
    parent_reset: CIdent
    vendor: CCode | None
    device: CCode | None
    wrong_device: Call | None
    initialise: Call


@dataclass(frozen=True, slots=True)
class Case:
    """A row of the table of properties in a qtest."""

    row: CCode


@dataclass(frozen=True, slots=True)
class QTestView:
    """What `passthrough-test.c` and `plain-test.c` print."""

    title: CComment
    license: License
    type: CString
    cases: tuple[Case, ...]
    vendor: CNumber | None
    device: CNumber | None
    id_register: CNumber
    host_variable: CString


def is_passthrough(catalog: Catalog, type_: model.Type) -> bool:
    """Whether `type_` is given a device of the host, by vfio-pci."""
    return any(each.name in _PASSTHROUGH_ROOTS for each in catalog.chain(type_))


def behaviour(
    catalog: Catalog, type_name: str, templates: Path, pci_id: tuple[int, int] | None = None
) -> str:
    """
    The behaviour file of `type_name`.

    Args:
        catalog: the specs in any one series that has the type.
        type_name: a type with a unit of its own and the hooks realize and reset.
        templates: the folder of templates.
        pci_id: vendor and device that a passed-through device must have; None: any.

    Raises:
        NoScaffold: if it is neither passed through nor a PCI device, or lacks a hook.
    """
    type_, unit = _found(catalog, type_name)
    view = _behaviour(catalog, type_, unit, pci_id)
    name = f"{_kind(catalog, type_)}.c"
    return environment(templates).get_template(f"scaffold/{name}").render(device=view)


def qtest(
    catalog: Catalog, type_name: str, templates: Path, pci_id: tuple[int, int] | None = None
) -> str:
    """
    The qtest of `type_name`; arguments and errors as of `behaviour`.

    Of properties of the type itself all whose kind is in `qomgen.scaffold.samples` are tried.
    """
    type_, _ = _found(catalog, type_name)
    passed = is_passthrough(catalog, type_)
    if not passed:
        pci_id = _class_ids(type_)
    vendor, device = pci_id or (None, None)
    view = QTestView(
        title=CComment(f"QTest of {type_name}: its properties and its life"),
        license=License(type_.license or "GPL-2.0-or-later"),
        type=CString(type_name),
        cases=tuple(_cases(type_)),
        vendor=None if vendor is None else CNumber(vendor, hexadecimal=True),
        device=None if device is None else CNumber(device, hexadecimal=True),
        id_register=CNumber(((device or 0) << 16) | (vendor or 0), hexadecimal=True),
        host_variable=CString(host_variable(type_name)),
    )
    name = "passthrough-test.c" if passed else "plain-test.c"
    return environment(templates).get_template(f"scaffold/{name}").render(test=view)


def _kind(catalog: Catalog, type_: model.Type) -> str:
    """Which of the behaviours it is."""
    if not is_passthrough(catalog, type_):
        return "plain"
    chained = any(each.name == "vfio-pci" for each in catalog.chain(type_))
    return "passthrough" if chained else "bare"


def host_variable(type_name: str) -> str:
    """The environment variable that names a device of the host to the qtest: EDU_PASSTHRU_HOST."""
    return re.sub(r"[^A-Za-z0-9]", "_", type_name).upper() + "_HOST"


def _found(catalog: Catalog, type_name: str) -> tuple[model.Type, model.Unit]:
    type_ = catalog.types[type_name]
    unit = next(
        (each for each in catalog.units.values() if type_name in dict(each.types)),
        None,
    )
    if unit is None or unit.source is None:
        raise NoScaffold(f"'{type_name}' has no source: no file is said to hold its behaviour")
    if "pci-device" not in [each.name for each in catalog.chain(type_)]:
        raise NoScaffold(f"'{type_name}' is no PCI device")
    return type_, unit


def _members(type_: model.Type) -> Iterator[tuple[str, object]]:
    """What class_init sets: (`DeviceClass.reset`, value)."""
    for step in (type_.class_init.steps or ()) if type_.class_init else ():
        if isinstance(step.action, model.MembersStep):
            for value in step.action.values:
                yield f"{step.action.struct}.{value.member}", value.value


def _hook(type_: model.Type, member: str) -> CIdent | None:
    value = dict(_members(type_)).get(member)
    if isinstance(value, model.ChainedHook):
        return CIdent(value.hook)
    return CIdent(value) if isinstance(value, str) else None


def _class_ids(type_: model.Type) -> tuple[int, int] | None:
    """The PCI id that class_init gives."""
    members = dict(_members(type_))
    vendor = members.get("PCIDeviceClass.vendor_id")
    device = members.get("PCIDeviceClass.device_id")
    return (vendor, device) if isinstance(vendor, int) and isinstance(device, int) else None


def _signatures(type_: model.Type, names: naming.Names) -> Signatures:
    realize = _hook(type_, "PCIDeviceClass.realize")
    reset = _hook(type_, "DeviceClass.reset")
    leave = _hook(type_, "PCIDeviceClass.exit")
    if realize is None or reset is None:
        raise NoScaffold(f"'{type_.name}' has no hook for realize or for reset")
    read = ("void *opaque", "hwaddr addr", "unsigned size")
    write = ("void *opaque", "hwaddr addr", "uint64_t value", "unsigned size")
    return Signatures(
        realize=clayout.signature(realize, ("PCIDevice *pdev", "Error **errp")),
        reset=clayout.signature(reset, ("DeviceState *dev",)),
        exit=clayout.signature(leave, ("PCIDevice *pdev",)) if leave else None,
        read=clayout.signature(CIdent(f"{names.stem}_read"), read, returns="uint64_t"),
        write=clayout.signature(CIdent(f"{names.stem}_write"), write),
    )


def _behaviour(
    catalog: Catalog, type_: model.Type, unit: model.Unit, pci_id: tuple[int, int] | None
) -> BehaviourView:
    names = naming.names(catalog, type_)
    struct = catalog.instance_struct(type_)
    assert struct is not None
    vendor_name = CIdent(f"{names.upper}_VENDOR_ID")
    device_name = CIdent(f"{names.upper}_DEVICE_ID")
    vendor = device = wrong = None
    if pci_id is not None and is_passthrough(catalog, type_):
        vendor = clayout.define(vendor_name, CNumber(pci_id[0], hexadecimal=True))
        device = clayout.define(device_name, CNumber(pci_id[1], hexadecimal=True))
        wrong = _wrong_device(CIdent(names.type_macro), vendor_name, device_name)
    return BehaviourView(
        title=CComment(f"{type_.name}: {type_.doc}" if type_.doc else type_.name),
        about=CComment(
            f"What the type is - its properties, its class, its registration - stands in {unit.name}.h.inc and "
            f"{unit.name}.c.inc, which qomgen makes of {type_.span.file.name}. What it does stands here, and is yours."
        ),
        license=License(type_.license or "GPL-2.0-or-later"),
        includes=tuple(_includes(catalog, type_, unit)),
        declarations=CHeader(f"{unit.name}.h.inc"),
        definitions=CHeader(f"{unit.name}.c.inc"),
        type_macro=CIdent(names.type_macro),
        struct=CIdent(struct.name),
        stem=CIdent(names.stem),
        upper=CIdent(names.upper),
        self_of_pdev=_self(struct, names, "pdev"),
        self_of_dev=_self(struct, names, "dev"),
        signatures=_signatures(type_, names),
        parent_realize=CIdent(f"{names.stem}_parent_realize"),
        parent_reset=CIdent(f"{names.stem}_parent_reset"),
        vendor=vendor,
        device=device,
        wrong_device=wrong,
        initialise=_initialise(names),
    )


def _self(struct: model.Struct, names: naming.Names, of: str) -> Assign:
    """The object that the device `of` is."""
    value = CCode.join(CIdent(names.cast), "(", CIdent(of), ")")
    return Assign(CCode.join(CIdent(struct.name), " *s"), "=", value)


def _wrong_device(type_macro: CIdent, vendor: CIdent, device: CIdent) -> Call:
    text = CString("%s: the device of the host is %04x:%04x, not %04x:%04x")
    arguments: tuple[Encoded, ...] = (CIdent("errp"), text, type_macro)
    arguments += (CIdent("vendor"), CIdent("device"), vendor, device)
    return Call(CIdent("error_setg"), arguments)


def _initialise(names: naming.Names) -> Call:
    arguments: tuple[Encoded, ...] = (CCode("&s->mmio"), CCode("OBJECT(s)"))
    arguments += (CCode.join("&", CIdent(f"{names.stem}_ops")), CIdent("s"))
    arguments += (CIdent(names.type_macro), CIdent(f"{names.upper}_BAR_SIZE"))
    return Call(CIdent("memory_region_init_io"), arguments)


_MOVED = {"system/system.h": "sysemu/sysemu.h"}
"""Headers that a kind of property needs and that had another name before 10.0."""


def _includes(catalog: Catalog, type_: model.Type, unit: model.Unit) -> Iterator[CCode]:
    """The headers that the spec names, and those of the code in the template: osdep.h first, local ones last."""
    own = ["qapi/error.h"] if is_passthrough(catalog, type_) else ["qemu/log.h"]
    named = [each.path for each in unit.includes if each.form == "header"]
    for name in dict.fromkeys(["qemu/osdep.h", *own, *named]):
        line = CCode.join('#include "', CHeader(name), '"')
        if name in _MOVED:
            there = CCode.join('#if __has_include("', CHeader(name), '")\n', line)
            older = CCode.join('#include "', CHeader(_MOVED[name]), '"')
            line = CCode.join(there, "\n#else /* before QEMU 10.0 */\n", older, "\n#endif")
        yield line
    for each in unit.includes:
        if each.form == "config_devices":
            yield CCode("#include CONFIG_DEVICES")
    for each in unit.includes:
        if each.form == "local":
            yield CCode.join('#include "', CHeader(each.path), '"')


def _cases(type_: model.Type) -> Iterator[Case]:
    for prop in type_.properties:
        tried = samples.of(type_.name, prop)
        # What sets a field of the parent's (host, sysfsdev) says where the device is.
        if tried is None or prop.in_type is not None:
            continue
        unset: Encoded = CCode("NULL") if tried.unset is None else CString(tried.unset)
        words: list[Encoded] = [CString(prop.name), unset]
        words += [CString(tried.good.text), CString(tried.good.read)]
        if tried.refused is not None:
            words += [CString(tried.refused.text), CString(tried.refused.error)]
            words += [CCode("true")] if tried.late else []
        yield Case(clayout.initialiser(words, 4))
