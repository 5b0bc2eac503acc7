# SPDX-License-Identifier: GPL-2.0-or-later
"""C by series: each fact of a profile shows, and what is conditional stands under its guard.

That the C is right is proved elsewhere, by real compilers in real trees (tests/qemu).
"""

from __future__ import annotations

import pytest

from .conftest import CHECKOUT, Generate, generated

PCI = """
type: my-dev
license: GPL-2.0-or-later
parent: pci-device
interfaces: [pci-express-device]
targets: [c]
source: hw/misc/my-dev.c
instance_struct:
  name: MyDev
  fields:
    parent_obj: PCIDevice
    level: uint32_t
    mode: OnOffAuto
    bootindex: int32_t
"""


def between(text: str, start: str, end: str) -> str:
    return text[text.index(start) : text.index(end, text.index(start)) + len(end)]


@pytest.mark.parametrize(
    ("series", "there", "absent"),
    [
        ("7.2", "static Property vfio_pci_dev_properties[]", "const Property"),
        ("7.2", "DEFINE_PROP_END_OF_LIST(),", "device_class_set_legacy_reset"),
        ("7.2", "dc->reset = vfio_pci_reset;", "object_class_property_set_description"),
        ("7.2", "OFF_AUTOPCIBAR_OFF", "OFF_AUTO_PCIBAR_OFF"),
        ("10.0", "static const Property vfio_pci_dev_properties[]", "DEFINE_PROP_END_OF_LIST"),
        ("10.0", "device_class_set_legacy_reset(dc, vfio_pci_reset);", "dc->reset"),
        ("10.0", "(ObjectClass *klass, void *data)", "const void *data"),
        ("10.0", "(InterfaceInfo[]) {", "const InterfaceInfo"),
        ("10.2", "(ObjectClass *klass, const void *data)", "klass, void *data"),
        ("10.2", "(const InterfaceInfo[]) {", "(InterfaceInfo[])"),
    ],
)
def test_a_profile_decides(series: str, there: str, absent: str) -> None:
    text = generated(f"c/qemu-{series}/vfio-pci.c.inc")
    assert there in text
    assert absent not in text


def test_headers_are_spelt_as_in_their_series() -> None:
    old, new = (generated(f"c/qemu-{series}/vfio-pci.c.inc") for series in ("7.2", "10.0"))
    assert "system/iommufd.h" in new.replace("\n *", "")
    assert "system/" not in between(old, "Included by", ".\n")


def test_neighbours_under_one_guard_share_it(generate: Generate) -> None:
    spec = PCI + (
        "properties:\n"
        "  a: {kind: uint32, field: level, default: 1, if: CONFIG_A}\n"
        "  b: {kind: uint32, field: level, default: 2, if: CONFIG_A}\n"
        "  c: {kind: uint32, field: level, default: 3, if: {not: CONFIG_A}}\n"
        "  d: {kind: uint32, field: level, default: 4, if: {all: [CONFIG_A, CONFIG_B]}}\n"
        "  e: {kind: uint32, field: level, default: 5}\n"
    )
    table = between(generate(spec)["c/qemu-10.0/my-dev.c.inc"], "static const Property", "};")
    lines = [line.strip() for line in table.splitlines()[1:-1]]
    assert [line for line in lines if line.startswith("#")] == [
        "#ifdef CONFIG_A",
        "#endif",
        "#ifndef CONFIG_A",
        "#endif",
        "#if defined(CONFIG_A) && defined(CONFIG_B)",
        "#endif",
    ]


def test_bootindex_alone_makes_an_instance_init(generate: Generate) -> None:
    spec = (
        PCI + "properties:\n  bootindex: {kind: bootindex, field: bootindex, suffix: '/disk@0,0'}\n"
    )
    text = generate(spec)["c/qemu-10.0/my-dev.c.inc"]
    assert 'device_add_bootindex_property(obj, &s->bootindex, "bootindex",' in text
    assert '"/disk@0,0", DEVICE(obj));' in " ".join(text.split())
    assert ".instance_init = my_dev_init," in text
    assert "Property my_dev_properties" not in text


def test_a_type_without_anything_to_do_has_no_class_init(generate: Generate) -> None:
    text = generate(PCI)["c/qemu-10.0/my-dev.c.inc"]
    assert "class_init" not in text
    assert ".instance_size = sizeof(MyDev)," in text


def test_a_place_that_another_series_has_is_not_made_up(generate: Generate) -> None:
    spec = PCI + (
        "properties:\n  a: {kind: uint32, field: level, default: 1, description: Text}\n"
        'class_init:\n  - descriptions:\n    since: "10.0"\n'
    )
    files = generate(spec)
    assert "set_description" in files["c/qemu-10.0/my-dev.c.inc"]
    assert "set_description" not in files["c/qemu-7.2/my-dev.c.inc"]
    assert "device_class_set_props" in files["c/qemu-7.2/my-dev.c.inc"]


def test_descriptions_come_by_since_then_as_in_the_table(generate: Generate) -> None:
    rows = [("a", "9.0"), ("b", "8.0"), ("c", "8.0"), ("d", None), ("e", "7.0")]
    spec = PCI + "properties:\n"
    for name, since in rows:
        version = f', since: "{since}"' if since else ""
        spec += (
            f"  {name}: {{kind: uint32, field: level, default: 1, description: Text{version}}}\n"
        )
    spec += "class_init:\n  - descriptions: {order: [c, b]}\n"
    text = generate(spec)["c/qemu-10.0/my-dev.c.inc"]
    calls = text.split("object_class_property_set_description(klass, ")[1:]
    assert [call.split('"')[1] for call in calls] == ["d", "e", "c", "b", "a"]


def test_no_line_is_longer_than_qemus_style_allows() -> None:
    for path in (CHECKOUT / "generated/c").rglob("*.inc"):
        assert max(map(len, path.read_text("utf-8").splitlines())) <= 80, path


def test_an_enum_default_is_the_users_word(generate: Generate) -> None:
    spec = PCI + 'properties:\n  mode: {kind: on-off-auto, field: mode, default: "off"}\n'
    assert "ON_OFF_AUTO_OFF" in generate(spec)["c/qemu-7.2/my-dev.c.inc"]


def test_a_header_is_made_only_for_what_others_see(generate: Generate) -> None:
    spec = "type: my-bare\nlicense: GPL-2.0-only\nparent: object\ntargets: [c]\nsource: a/b.c\n"
    files = generate(spec)
    assert "c/qemu-10.0/my-bare.h.inc" not in files
    assert '#define TYPE_MY_BARE "my-bare"' in files["c/qemu-10.0/my-bare.c.inc"]
