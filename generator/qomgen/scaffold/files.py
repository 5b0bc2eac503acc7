# SPDX-License-Identifier: GPL-2.0-or-later
"""
The files that a new project begins with: rendered once from the answers, and their owner's from then on.

The spec comes first. The C is made of what it says (`qomgen.scaffold.cfiles`), the Python of the same answers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeAlias

import black

from qomgen import model
from qomgen.catalog import Catalog
from qomgen.encode import (
    CCode,
    CHeader,
    CIdent,
    Encoded,
    License,
    Name,
    Prose,
    PyCode,
    PyIdent,
    PyNumber,
    PyStr,
    YamlText,
)
from qomgen.profile import profiles
from qomgen.pyfiles import MODE
from qomgen.render import environment
from qomgen.scaffold import cfiles, samples
from qomgen.scaffold.answers import EXPERIMENTAL_ID, KINDS, Answers, Property
from qomgen.scaffold.samples import Kind, Refused, Sample
from qomgen.series import Series

LICENSE = "GPL-2.0-or-later"
"""Of all that a new project begins with, as of most of QEMU."""

Files: TypeAlias = Mapping[PurePosixPath, bytes]
"""Texts by path in the project's folder."""

_CLASS_ID = 0x00FF
"""PCI_CLASS_OTHERS: a device of no class."""

_LATE = frozenset({"bootindex"})
"""Kinds that may be set on a realized device."""

_ONLY_IN_PYTHON: Mapping[str, Kind] = {
    "pci-host-devaddr": Kind(
        (Sample("01:02.3", '"0000:01:02.3"'),),
        Refused("maybe", "Property '{type}.{name}' doesn't take value 'maybe'"),
        '"0000:00:00.0"',
        ("hw/qdev-properties-system.h",),
    ),
    "bootindex": Kind(
        (Sample("3", "3"),),
        Refused("first", "Parameter '{name}' expects integer"),
        "-1",
        ("system/sysemu.h",),
    ),
}
"""What is tried of kinds that `qomgen.scaffold.samples` has not."""


@dataclass(frozen=True, slots=True)
class FieldView:
    """A field of the instance struct."""

    name: CIdent
    type: CCode
    doc: Prose


@dataclass(frozen=True, slots=True)
class PropertyView:
    """A property in the spec."""

    name: Name
    kind: Name
    about: Prose
    field: CIdent
    bit: PyNumber | None
    default: Encoded | None
    description: YamlText | None


@dataclass(frozen=True, slots=True)
class CaseView:
    """A property in the pytest."""

    name: PyStr
    unset: PyCode
    good: PyStr
    read: PyCode
    bad: PyStr | None
    error: PyStr | None
    late: PyCode | None


@dataclass(frozen=True, slots=True)
class OwnerView:
    """A row of the table of who owns which file."""

    path: PyCode
    whose: Prose


@dataclass(frozen=True, slots=True)
class ProjectView:
    """What the templates in `scaffold/` print, but for those of C."""

    license: License
    name: Name
    parent: Name
    doc: YamlText
    title: Prose
    host: tuple[Prose, ...]
    source: CHeader
    symbol: CIdent
    includes: CCode
    struct: CIdent
    class_struct: CIdent
    parent_struct: CIdent
    stem: CIdent
    fields: tuple[FieldView, ...]
    properties: tuple[PropertyView, ...]
    pci_id: PyCode | None
    vendor: PyNumber
    device: PyNumber
    class_id: PyNumber
    package: PyIdent
    devices: PyIdent
    module: PyIdent
    type_name: PyStr
    devices_name: PyStr
    parent_name: PyStr
    all_series: PyCode
    cases: tuple[CaseView, ...]
    series: PyCode | None
    owners: tuple[OwnerView, ...]
    host_variable: Name | None


def owners(name: str, package: str, source: str) -> dict[str, str]:
    """Who writes which file of a project, by path; of the last one, what lies below it."""
    once = "yours; written once, by qomgen new"
    return {
        f"device_specs/{name}.yaml": f"{once}: what the device is",
        f"qemu/{source}": f"{once}: what it does, in QEMU",
        f"qemu/tests/qtest/{name}-test.c": f"{once}: its qtest",
        f"{package}/": f"{once}: what it does, in Python",
        "tests/": f"{once}: its pytest",
        "pyproject.toml": once,
        ".pre-commit-config.yaml": once,
        ".gitignore": once,
        "README.md": once,
        "generated/": "qomgen's; written by each qomgen generate, never by hand",
    }


def camel(name: str) -> str:
    """`my-accel` as QEMU names structs: MyAccel."""
    return "".join(word.capitalize() for word in re.split(r"[-_.]", name))


def spec(answers: Answers, catalog: Catalog, templates: Path, host: Sequence[str] = ()) -> bytes:
    """
    The spec of a new device.

    Args:
        answers: what was asked for.
        catalog: what is known of QEMU in the newest series.
        templates: the folder of templates.
        host: lines about the device of the host that it is made for.
    """
    return _render(templates, f"{answers.kind}.yaml", view(answers, catalog, host))


def by_hand(answers: Answers, catalog: Catalog, templates: Path, host: Sequence[str] = ()) -> Files:
    """
    Everything else that is written by hand from then on.

    Args:
        answers: what was asked for.
        catalog: that of the newest series with the new spec in it.
        templates: the folder of templates.
        host: lines about the device of the host that it is made for.
    """
    shown = view(answers, catalog, host)
    kind = answers.kind
    package, source = answers.package, str(shown.source)
    texts = {
        f"{package}/__init__.py": "package.py",
        f"{package}/hooks.py": f"{kind}_hooks.py",
        f"tests/test_{package}.py": f"{kind}_test.py",
        "pyproject.toml": "pyproject.toml",
        ".pre-commit-config.yaml": "pre-commit-config.yaml",
        ".gitignore": "gitignore",
        "README.md": "README.md",
    }
    files = {PurePosixPath(path): _render(templates, name, shown) for path, name in texts.items()}
    for path, make in (
        (f"qemu/{source}", cfiles.behaviour),
        (f"qemu/tests/qtest/{answers.name}-test.c", cfiles.qtest),
    ):
        text = make(catalog, answers.name, templates, answers.pci_id)
        files[PurePosixPath(path)] = text.encode("ascii")
    # Marks that the generated types are there for type checkers to see.
    files[PurePosixPath(f"{package}/py.typed")] = b""
    return files


def _render(templates: Path, name: str, shown: ProjectView) -> bytes:
    text = environment(templates).get_template(f"scaffold/{name}").render(project=shown)
    if name.endswith(".py"):
        text = black.format_str(text, mode=MODE)
    return text.encode("ascii")


def view(answers: Answers, catalog: Catalog, host: Sequence[str] = ()) -> ProjectView:
    """What the templates print of `answers`."""
    passed, stem = answers.is_passthrough, answers.package
    source = f"hw/{'vfio' if passed else 'misc'}/{answers.name}.c"
    symbol = f"{'VFIO_' if passed else ''}{stem.upper()}"
    parent_struct = catalog.instance_struct(catalog.types[answers.parent])
    assert parent_struct is not None
    vendor, device = answers.pci_id or EXPERIMENTAL_ID
    title = _title(answers)
    return ProjectView(
        license=License(LICENSE),
        name=Name(answers.name),
        parent=Name(answers.parent),
        doc=YamlText(title),
        title=Prose(f"{title}."),
        host=tuple(Prose(line) for line in host),
        source=CHeader(source),
        symbol=CIdent(symbol),
        includes=CCode(", ".join(_includes(answers))),
        struct=CIdent(f"{camel(answers.name)}State"),
        class_struct=CIdent(f"{camel(answers.name)}Class"),
        parent_struct=CIdent(parent_struct.name),
        stem=CIdent(stem),
        fields=tuple(_fields(answers.properties, catalog)),
        properties=tuple(_property(each) for each in answers.properties),
        pci_id=PyCode(f"(0x{vendor:04X}, 0x{device:04X})") if answers.pci_id else None,
        vendor=PyNumber(vendor, hexadecimal=True),
        device=PyNumber(device, hexadecimal=True),
        class_id=PyNumber(_CLASS_ID, hexadecimal=True),
        package=PyIdent(stem),
        devices=PyIdent(answers.devices),
        module=PyIdent(stem),
        type_name=PyStr(answers.name),
        devices_name=PyStr(answers.devices),
        parent_name=PyStr(answers.parent),
        all_series=PyCode.tuple_of(PyStr(str(each)) for each in _having(catalog, answers.parent)),
        cases=tuple(_case(answers.name, each) for each in answers.properties),
        series=_listed(answers.series) if answers.series else None,
        owners=tuple(
            OwnerView(PyCode.join(path), Prose(whose))
            for path, whose in owners(answers.name, answers.package, source).items()
        ),
        host_variable=Name(cfiles.host_variable(answers.name)) if passed else None,
    )


def _having(catalog: Catalog, parent: str) -> list[Series]:
    """The series with a profile that have the parent."""
    return [each for each in profiles() if parent in catalog.siblings[each].types]


def _title(answers: Answers) -> str:
    if not answers.is_passthrough:
        return "An emulated PCI device"
    if answers.pci_id is None:
        return "A PCI device of the host, passed through"
    vendor, device = answers.pci_id
    return f"The PCI device {vendor:04x}:{device:04x} of the host, passed through"


def _listed(series: Sequence[Series]) -> PyCode:
    return PyCode(", ".join(f'"{each}"' for each in series))


def _includes(answers: Answers) -> Iterator[str]:
    """The headers that the C file needs, as flow items of YAML."""
    yield "qemu/osdep.h"
    if not answers.is_passthrough:
        yield "hw/pci/msi.h"
    if answers.kind == "bare":
        yield "qemu/error-report.h"
        yield "hw/pci/pci.h"
    yield "hw/qdev-properties.h"
    kinds = [each.kind for each in answers.properties]
    kinds += ["pci-host-devaddr"] if answers.kind == "bare" else []
    yield from dict.fromkeys(header for kind in kinds for header in _known(kind).headers)
    yield "qemu/module.h"
    if answers.is_passthrough:
        yield "{local: pci.h}"


def _known(kind: str) -> Kind:
    return samples.KINDS.get(kind) or _ONLY_IN_PYTHON[kind]


def _fields(properties: Sequence[Property], catalog: Catalog) -> Iterator[FieldView]:
    named: dict[str, list[Property]] = {}
    for each in properties:
        named.setdefault(each.field, []).append(each)
    for field, users in named.items():
        ctype = catalog.kinds[users[0].kind].field
        assert ctype is not None
        doc = Prose(", ".join(each.name for each in users))
        yield FieldView(CIdent(field), CCode(str(ctype)), doc)


def _property(each: Property) -> PropertyView:
    words = each.name.replace("-", " ").replace("_", " ")
    description = f"{words[0].upper()}{words[1:]} ({KINDS[each.kind]})"
    return PropertyView(
        name=Name(each.name),
        kind=Name(each.kind),
        about=Prose(KINDS[each.kind]),
        field=CIdent(each.field),
        bit=None if each.bit is None else PyNumber(each.bit),
        default=_default(each.default),
        # QEMU takes a description of what instance_init adds for one of the class's, which is not there.
        description=None if each.kind == "bootindex" else YamlText(description),
    )


def _default(value: model.Constant | None) -> Encoded | None:
    match value:
        case None:
            return None
        case bool():
            return PyCode(str(value).lower())
        case int():
            return PyNumber(value, hexadecimal=type(value) is not int)
        case str():
            return YamlText(value)


def _case(type_name: str, each: Property) -> CaseView:
    kind = _known(each.kind)
    unset = kind.unset if each.default is None else json.dumps(each.default)
    good = next((sample for sample in kind.good if sample.read != unset), kind.good[0])
    bad = error = None
    if kind.refused is not None:
        bad = PyStr(kind.refused.text)
        error = PyStr(kind.refused.error.format(type=type_name, name=each.name))
    return CaseView(
        name=PyStr(each.name),
        unset=PyCode("None") if unset is None else _literal(unset),
        good=PyStr(good.text),
        read=_literal(good.read),
        bad=bad,
        error=error,
        late=PyCode("True") if each.kind in _LATE else None,
    )


def _literal(text: str) -> PyCode:
    """A JSON value as Python writes it."""
    value = json.loads(text)
    return PyCode.join(PyStr(value)) if isinstance(value, str) else PyCode(repr(value))
