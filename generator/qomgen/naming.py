# SPDX-License-Identifier: GPL-2.0-or-later
"""
Names by QEMU's convention, and where a spec deviates from it.

From `vfio-pci`: `VFIO_PCI` (cast), `TYPE_VFIO_PCI`, and with the stem `vfio_pci`: `vfio_pci_info`,
`vfio_pci_class_init`, `vfio_pci_properties`, `vfio_pci_init`, `vfio_pci_finalize`, `vfio_pci_register_types`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from qomgen import model
from qomgen.catalog import Catalog

PACKAGE = "qomgen_devices"
"""The Python package of qomgen's own specs, and of generated modules unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Names:
    """What a type's parts are called in C."""

    upper: str
    stem: str
    type_macro: str
    cast: str
    info: str
    properties: str
    class_init: str
    instance_init: str
    instance_post_init: str
    instance_finalize: str
    register: str


def _underscored(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "_", name)


def names(catalog: Catalog, type_: model.Type) -> Names:
    """What the parts of `type_` are called in C."""
    upper = type_.c.name or _underscored(type_.name).upper()
    stem = type_.c.stem or upper.lower()

    def function(key: str, suffix: str) -> str:
        made: model.Function | None = getattr(type_, key)
        return (made.name if made else None) or f"{stem}_{suffix}"

    struct = catalog.structs.get(type_.instance_struct) if type_.instance_struct else None
    return Names(
        upper=upper,
        stem=stem,
        type_macro=type_.c.type_macro or f"TYPE_{upper}",
        cast=(struct.cast if struct else None) or upper,
        info=type_.c.info or f"{stem}_info",
        properties=type_.c.properties or f"{stem}_properties",
        class_init=type_.c.class_init or function("class_init", "class_init"),
        instance_init=function("instance_init", "init"),
        instance_post_init=function("instance_post_init", "post_init"),
        instance_finalize=function("instance_finalize", "finalize"),
        register=f"{stem}_register_types",
    )


def symbols(catalog: Catalog, type_: model.Type) -> Iterator[tuple[str, str]]:
    """The static symbols that the C of `type_` defines: what each is, and its name."""
    own = names(catalog, type_)
    yield "the TypeInfo", own.info
    yield "the property table", own.properties
    yield "class_init", own.class_init
    for key, name in (
        ("instance_init", own.instance_init),
        ("instance_post_init", own.instance_post_init),
        ("instance_finalize", own.instance_finalize),
    ):
        function: model.Function | None = getattr(type_, key)
        if function is not None and function.steps is not None:
            yield key, name
    for each in type_.properties:
        if isinstance(each.info, model.PropertyInfoCopy):
            yield f"the PropertyInfo of '{each.name}'", each.info.name
    for prop in type_.class_properties:
        for accessor in (prop.get, prop.set):
            if accessor is not None and accessor.steps is not None and accessor.name is not None:
                yield f"an accessor of '{prop.name}'", accessor.name


def python_module(type_name: str) -> str:
    """The module that holds a type: `vfio_pci` for `vfio-pci`."""
    return _underscored(type_name)
