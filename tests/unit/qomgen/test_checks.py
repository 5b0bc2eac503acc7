# SPDX-License-Identifier: GPL-2.0-or-later
"""What the checks must let pass. What they refuse is shown by the golden cases."""

from __future__ import annotations

from pathlib import Path

import pytest

from qomgen import pipeline, source
from qomgen.checks import check_python
from qomgen.checks.integers import integer
from qomgen.ctype import parse
from qomgen.diagnostics import Diagnostics, SourceFile
from qomgen.profile import profiles
from qomgen.pysource import HookFinder
from qomgen.schema import admit

ROOT = Path(__file__).resolve().parents[3]
HOOKS = ROOT / "tests" / "golden" / "hooks"

HEAD = """\
type: my-dev
license: GPL-2.0-or-later
targets: [c]
parent: pci-device
interfaces: [conventional-pci-device]
source: hw/misc/my-dev.c
"""

STRUCT = """\
instance_struct:
  name: MyDev
  fields:
    parent_obj: PCIDevice
    vbasedev: VFIODevice
    features: {type: uint32_t, flags: {MY_FAST: 0, MY_LAST: 31}}
    more: uint32_t
    mac: "uint8_t[6]"
    backend: {type: IOMMUFDBackend *, if: CONFIG_IOMMUFD}
    bootindex: int32_t
    small: {type: uint8_t, bits: 8}
    enabled: bool
"""


@pytest.fixture(scope="module")
def specs() -> pipeline.Specs:
    found = Diagnostics()
    loaded = pipeline.load([ROOT / "device_specs"], found)
    found.raise_if_any()
    return loaded


def errors(specs: pipeline.Specs, text: str) -> list[str]:
    """Return what is wrong with a spec beside the real ones."""
    found = Diagnostics()
    documents = source.parse(SourceFile("my-dev.yaml", text), found)
    admitted = tuple(filter(None, (admit(document, found) for document in documents)))
    whole = pipeline.Specs((*specs.documents, *admitted), specs.files)
    finder = HookFinder([HOOKS])
    for catalog in pipeline.catalogs(whole, found).values():
        check_python(catalog, finder, found)
    return [f"{each.span}: {each.id} {each.text}" for each in found]


GOOD = {
    "the least": HEAD,
    "an abstract type without a PCI interface": HEAD.replace(
        "interfaces: [conventional-pci-device]", "abstract: true"
    ),
    "an interface from an ancestor": HEAD.replace("pci-device", "vfio-pci", 1).replace(
        "interfaces: [conventional-pci-device]\n", ""
    ),
    "bits of their own": HEAD + STRUCT + """\
properties:
  a: {kind: bit, field: features, bit: 0, default: false}
  b: {kind: bit, field: more, bit: 0, default: false}
  c: {kind: bit, field: features, bit: MY_LAST_BIT, default: false}
  d: {kind: bit, field: cap_present, in: pci-device, bit: 0, default: false}
""",
    "one bit after the other": HEAD + STRUCT + """\
properties:
  a: {kind: bit, field: features, bit: 0, default: false, until: "9.0"}
  b: {kind: bit, field: features, bit: 0, default: false, since: "9.0"}
""",
    "a guard around what needs it": HEAD + STRUCT + """\
properties:
  iommufd: {kind: link, field: backend, target: iommufd, if: CONFIG_IOMMUFD, since: "9.0"}
  other: {kind: bool, field: enabled, default: true}
class_properties:
  fd:
    kind: str
    if: {all: [CONFIG_VFIO, CONFIG_IOMMUFD]}
    set: {name: my_set_fd, steps: [{call: my_set, args: [{value: backend}, value, errp]}]}
""",
    "a table that is guarded with all its entries": HEAD + STRUCT + """\
properties:
  iommufd: {kind: link, field: backend, target: iommufd, if: CONFIG_IOMMUFD, since: "9.0"}
class_init:
  - {properties: , if: CONFIG_IOMMUFD, since: "9.0"}
""",
    "descriptions of some series": HEAD + STRUCT + """\
properties:
  a: {kind: bool, field: enabled, default: true, description: On}
  b: {kind: uint32, field: more, default: 8, description: More, since: "9.0"}
class_init:
  - properties
  - descriptions: {order: [b, a]}
    since: "10.0"
""",
    "fields and properties of the same life": HEAD + STRUCT.replace(
        "enabled: bool", 'enabled: {type: bool, since: "8.1", until: "10.0"}'
    ) + 'properties:\n  a: {kind: bool, field: enabled, default: true, since: "8.1", until: "10.0"}\n',
    "a field that changes its type with the kind": HEAD + STRUCT.replace(
        "enabled: bool", 'enabled: {by-qemu: {"7.2": bool, "9.0": OnOffAuto}}'
    ) + """\
properties:
  a:
    kind: {by-qemu: {"7.2": bool, "9.0": on-off-auto}}
    field: enabled
    default: {by-qemu: {"7.2": true, "9.0": "on"}}
""",
    "a bootindex and its place": HEAD + STRUCT + """\
properties:
  bootindex: {kind: bootindex, field: bootindex, device: {field: qdev, in: pci-device}}
instance_init:
  - set: {more: 5}
  - bootindex
""",
    "elements and embedded structs": HEAD + STRUCT + """\
instance_init:
  - set: {"mac[0]": 255, "mac[5]": 1, vbasedev.fd: -1, small: 255, enabled: true, more: PCI_ANY_ID}
  - set_bits: {features: MY_LAST}
  - call: my_setup
    args: [{field: vbasedev}, {value: "mac[5]"}, {self: device}, {type_name: vfio-pci}, {text: "a"}]
""",
    "members of every form": HEAD + """\
class_init:
  - DeviceClass:
      desc: {type_name: my-dev}
      categories: [misc, storage]
      hotpluggable: false
      user_creatable: true
      vmsd: {name: my_vmstate, unmigratable: true}
      realize: my_realize
      sync_config: {by-qemu: {"9.2": my_sync}}
  - PCIDeviceClass: {vendor_id: 0xFFFF, device_id: 0, class_id: PCI_CLASS_OTHERS, revision: 255}
  - ResettableClass: {phases.hold: my_hold, phases.exit: my_exit}
  - call: my_class_extra
    args: [klass, 5]
""",
    "a legacy reset in one series and phases in another": HEAD + """\
class_init:
  - DeviceClass: {reset: {by-qemu: {"7.2": my_reset, "9.2": null}}}
  - ResettableClass: {phases.hold: {by-qemu: {"9.2": my_hold}}}
""",
    "chained hooks": HEAD + """\
class_struct:
  name: MyDevClass
  fields:
    parent_class: PCIDeviceClass
    parent_realize: {hook: PCIDeviceClass.realize}
    parent_reset: {hook: DeviceClass.reset}
    speed: uint32_t
class_init:
  - PCIDeviceClass: {realize: {hook: my_realize, parent: parent_realize}}
  - DeviceClass: {reset: {hook: my_reset, parent: parent_reset}}
  - MyDevClass: {speed: 5}
""",
    "an array of types": HEAD.replace("source:", "register: {array: my_types}\nsource:"),
    "a macro": """\
type: my-thing
license: GPL-2.0-or-later
targets: [c]
parent: object
interfaces: [user-creatable]
source: hw/misc/my-thing.c
register: {macro: OBJECT_DEFINE}
instance_struct: {name: MyThing, fields: {parent: Object}}
class_struct: {name: MyThingClass, fields: {parent_class: ObjectClass}}
class_init: []
instance_init: []
instance_finalize: my_thing_finalize
""",
    "a unit of a family": HEAD.replace("source: hw/misc/my-dev.c\n", "") + """\
instance_struct: {name: MyDev, fields: {parent_obj: PCIDevice}}
---
type: my-child
targets: [c]
parent: my-dev
instance_struct: MyDev
---
unit: my-unit
license: GPL-2.0-or-later
source: hw/misc/my.c
types: [my-dev, my-child]
""",
    "two lives of one name": HEAD.replace("source:", 'until: "9.0"\nsource:') + "---\n"
    + HEAD.replace("source:", 'since: "9.0"\nsource:'),
    "names that only Python has for itself": HEAD + """\
instance_struct:
  name: MyDev
  fields: {parent_obj: PCIDevice, lambda: uint32_t, id: uint32_t}
properties:
  lambda: {kind: uint32, field: lambda, default: 0}
""",
    "a type for Python alone": HEAD.replace("targets: [c]", "targets: [python]")
    .replace("license: GPL-2.0-or-later\n", "") + "python: {hooks: my_dev}\n",
    "hooks": HEAD.replace("targets: [c]", "python: {hooks: my_dev}") + STRUCT.replace(
        "small: {type: uint8_t, bits: 8}", "small: uint8_t"
    ) + """\
class_init:
  - PCIDeviceClass: {realize: my_realize}
instance_init:
  - call: my_setup
    args: [{field: vbasedev}, {value: small}]
""",
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_what_is_right_passes(name: str, specs: pipeline.Specs) -> None:
    assert errors(specs, GOOD[name]) == []


def test_the_helper_sees_what_is_wrong(specs: pipeline.Specs) -> None:
    (said,) = errors(specs, HEAD.replace("parent: pci-device", "parent: pci-devcie"))
    assert said.startswith("my-dev.yaml:4:9: QG101 ")


def test_checks_run_between_profiles_too(specs: pipeline.Specs) -> None:
    """9.1 has no profile, and a field that is away in 9.1 alone is found."""
    assert "9.1" not in map(str, profiles())
    text = HEAD + STRUCT.replace(
        "enabled: bool", 'enabled: {type: {by-qemu: {"7.2": bool, "9.1": null, "9.2": bool}}}'
    )
    text += "properties:\n  a: {kind: bool, field: enabled, default: true}\n"
    said = errors(specs, text)
    assert [each for each in said if "QG202" in each or "QG012" in each] != []


@pytest.mark.parametrize(
    ("ctype", "least", "greatest"),
    [
        ("uint8_t", 0, 255),
        ("int32_t", -(1 << 31), (1 << 31) - 1),
        ("unsigned int", 0, (1 << 32) - 1),
        ("long long", -(1 << 63), (1 << 63) - 1),
        ("hwaddr", 0, (1 << 64) - 1),
    ],
)
def test_the_values_of_an_integer(ctype: str, least: int, greatest: int) -> None:
    values = integer(parse(ctype))
    assert values is not None
    assert (values.minimum, values.maximum) == (least, greatest)
    assert values.holds(least)
    assert not values.holds(greatest + 1)


@pytest.mark.parametrize("ctype", ["bool", "char *", "uint8_t[4]", "OnOffAuto", "double"])
def test_what_is_no_integer(ctype: str) -> None:
    assert integer(parse(ctype)) is None
