# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: ARG001 - fixtures work by being named; hooks and casts are as in QEMU
"""Property tables of devices: each kind, its three ways in, its way out, and when it may be set."""

from __future__ import annotations

import uuid
from types import SimpleNamespace

import pytest

from pyqom import (
    DEVICE_CLASS,
    Abort,
    ByQemu,
    Error,
    Object,
    ObjectClass,
    OnOffAuto,
    Property,
    TypeInfo,
    World,
    derive,
    device_class_set_props,
    object_class_by_name,
    object_class_property_set_descriptions,
    object_dynamic_cast_assert,
    object_new,
    object_property_get_qobject,
    object_property_iter,
    object_property_parse,
    object_property_print,
    object_property_set_bool,
    object_property_set_qobject,
    object_unref,
    qdev_prop_on_off_auto,
    qdev_prop_uint32,
    qom_list_properties,
    type_register_static,
)
from pyqom.fields import Field
from pyqom.property import object_property_find, object_property_set
from pyqom.propinfo_pci import parse_pci_devfn, parse_pci_host_devaddr
from pyqom.visitors import JSONValue, KeyvalInputVisitor
from tests.unit.pyqom import devices
from tests.unit.pyqom.devices import Kinds
from tests.unit.pyqom.says import refused


@pytest.fixture
def kinds(world: World) -> Kinds:
    devices.register()
    obj = object_new("kinds")
    assert isinstance(obj, Kinds)
    return obj


def keyval(obj: Object, name: str, text: str) -> None:
    visitor = KeyvalInputVisitor({name: text})
    visitor.start_struct(None)
    object_property_set(obj, name, visitor)


def test_defaults_are_in_place_before_instance_init(world: World) -> None:
    devices.register()
    seen: list[int] = []
    type_register_static(
        TypeInfo(
            name="late",
            parent="kinds",
            instance_init=lambda obj: seen.append(_kinds_of(obj).u16),
        )
    )
    object_unref(object_new("late"))
    assert seen == [16]


def _kinds_of(obj: Object) -> Kinds:
    object_dynamic_cast_assert(obj, "kinds")
    assert isinstance(obj, Kinds)
    return obj


def test_each_kind_starts_with_its_default(kinds: Kinds) -> None:
    values = {
        prop.name: object_property_get_qobject(kinds, prop.name)
        for prop in object_property_iter(kinds)
        if prop.name in {each.name for each in devices.KINDS_PROPERTIES}
    }
    assert uuid.UUID(str(values.pop("uuid"))).version == 4
    assert values == {
        "bit": True,
        "bit64": False,
        "flag": False,
        "u8": 8,
        "u16": 16,
        "u32": 32,
        "u64": (1 << 64) - 1,
        "i32": -1,
        "i64": -2,
        "size": 4096,
        "size32": 512,
        "masked": 0,
        "text": "",
        "way": "on",
        "bar": "bar2",
        "token": "00000000-0000-0000-0000-000000000000",
        "host": "0000:00:00.0",
        "backend": "",
        "numbers": [],
        "names": [],
    }


@pytest.mark.parametrize(
    ("name", "by_keyval", "by_json", "by_string", "value"),
    [
        ("bit", "off", False, "no", False),
        ("bit64", "on", True, "y", True),
        ("flag", "true", True, "yes", True),
        ("u8", "0x10", 16, "16", 16),
        ("u64", "-1", -1, "-1", (1 << 64) - 1),
        ("i32", "-5", -5, "-5", -5),
        ("size", "1M", 1 << 20, "1M", 1 << 20),
        ("size32", "4k", 4096, "0x1000", 4096),
        ("masked", "0x30", 0x30, "48", 0x30),
        ("text", "a=b", "a=b", "a=b", "a=b"),
        ("way", "auto", "auto", "auto", "auto"),
        ("bar", "off", "off", "off", "off"),
        (
            "token",
            "00112233-4455-6677-8899-AABBCCDDEEFF",
            "00112233-4455-6677-8899-aabbccddeeff",
            "00112233-4455-6677-8899-aabbccddeeff",
            "00112233-4455-6677-8899-aabbccddeeff",
        ),
        ("host", "1:2.3", "0000:01:02.3", "01:02.3", "0000:01:02.3"),
        ("bootindex", "5", 5, "5", 5),
    ],
)
def test_three_ways_in_and_one_out(
    name: str, by_keyval: str, by_json: JSONValue, by_string: str, value: JSONValue, world: World
) -> None:
    devices.register()
    for way in range(3):
        obj = object_new("kinds")
        if way == 0:
            keyval(obj, name, by_keyval)
        elif way == 1:
            object_property_set_qobject(obj, name, by_json)
        else:
            object_property_parse(obj, name, by_string)
        assert object_property_get_qobject(obj, name) == value
        object_unref(obj)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("bit", "on", "Invalid parameter type for 'bit', expected: boolean"),
        ("u8", 256, "Parameter 'u8' expects uint8_t"),
        ("u16", -1, "Parameter 'u16' expects uint16_t"),
        ("i32", "1", "Invalid parameter type for 'i32', expected: integer"),
        (
            "size32",
            1 << 32,
            "Property kinds.size32 doesn't take value 4294967296 (maximum: 4294967295)",
        ),
        ("masked", 1, "Property value for 'masked' has bits outside mask '0xf0'"),
        ("text", 5, "Invalid parameter type for 'text', expected: string"),
        ("way", "maybe", "Parameter 'way' does not accept value 'maybe'"),
        ("bar", "bar6", "Parameter 'bar' does not accept value 'bar6'"),
        ("token", "x", "Property 'kinds.token' doesn't take value 'x'"),
        ("host", "1:2", "Property 'kinds.host' doesn't take value '1:2'"),
        ("addr", "20.0", "Property 'kinds.addr' doesn't take value '20.0'"),
        ("addr", 256, "Parameter 'addr' expects a value between -1 and 255"),
        ("addr", True, "Invalid parameter type for 'addr', expected int or str"),
        ("addr", None, "Invalid parameter type for 'addr', expected int or str"),
        ("numbers", 5, "Invalid parameter type for 'numbers', expected: array"),
        ("numbers", [1, 65536], "Parameter 'null' expects uint16_t"),
        ("busnr", 3, "Property 'kinds.busnr' is not writable"),
    ],
)
def test_refusals(kinds: Kinds, name: str, value: JSONValue, text: str) -> None:
    with refused(text):
        object_property_set_qobject(kinds, name, value)


def test_a_refused_value_leaves_the_old_one(kinds: Kinds) -> None:
    object_property_set_qobject(kinds, "u8", 5)
    with pytest.raises(Error):
        object_property_set_qobject(kinds, "u8", 300)
    assert kinds.u8 == 5


def test_bits_share_a_field(kinds: Kinds) -> None:
    assert kinds.bits == 1 << 3
    object_property_set_bool(kinds, "bit64", True)
    assert kinds.bits64 == 1 << 63
    object_property_set_bool(kinds, "bit", False)
    assert kinds.bits == 0


def test_arrays_are_set_once(kinds: Kinds) -> None:
    object_property_set_qobject(kinds, "numbers", [1, 2, 3])
    object_property_set_qobject(kinds, "names", ["a", "b"])
    assert (kinds.numbers, kinds.names) == ([1, 2, 3], ["a", "b"])
    assert object_property_get_qobject(kinds, "names") == ["a", "b"]
    with refused("array size property numbers may not be set more than once"):
        object_property_set_qobject(kinds, "numbers", [4])


@pytest.mark.parametrize(
    ("text", "numbers"), [("", []), ("7", [7]), ("1,4-6,0x10", [1, 4, 5, 6, 16]), ("2-2", [2])]
)
def test_an_array_of_numbers_is_a_bare_string_too(
    kinds: Kinds, text: str, numbers: list[int]
) -> None:
    """try_parse_uint64_list_entry."""
    object_property_parse(kinds, "numbers", text)
    assert kinds.numbers == numbers


@pytest.mark.parametrize("text", ["x", "1,x", "5-1", "1-", "0-65536", "1;2", "1,,2"])
def test_what_is_no_list_of_numbers(kinds: Kinds, text: str) -> None:
    with refused("Parameter 'null' expects list of uint64 values or ranges"):
        object_property_parse(kinds, "numbers", text)
    assert kinds.numbers == []


def test_an_array_of_strings_is_no_bare_string(kinds: Kinds) -> None:
    with refused("Parameter 'null' can't be given as a bare string"):
        object_property_parse(kinds, "names", "1")


def test_an_array_that_fails_stays_empty(kinds: Kinds) -> None:
    with pytest.raises(Error):
        object_property_set_qobject(kinds, "numbers", [1, "x"])
    assert kinds.numbers == []


def test_strings_are_released_before_finalize(world: World) -> None:
    """release_string: instance_finalize must not find them any more."""
    devices.register()
    seen: list[str | None] = []
    type_register_static(
        TypeInfo(
            name="late",
            parent="kinds",
            instance_finalize=lambda obj: seen.append(_kinds_of(obj).text),
        )
    )
    obj = object_new("late")
    object_property_set_qobject(obj, "text", "here")
    object_unref(obj)
    assert seen == [None]


# --- addresses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("1:2.3", (0, 1, 2, 3)),
        ("ffff:ff:1f.7", (0xFFFF, 0xFF, 0x1F, 7)),
        ("0x1:0x2.3", (0, 1, 2, 3)),
        (" 1: 2. 3", (0, 1, 2, 3)),
        ("+1:+2.+3", (0, 1, 2, 3)),
        ("1:2.03", (0, 1, 2, 3)),
        ("1:100000002.3", (0, 1, 2, 3)),
    ],
)
def test_host_addresses(text: str, address: tuple[int, int, int, int]) -> None:
    """set_pci_host_devaddr; the last one shows that slot is cut to 32 bits, as in QEMU."""
    assert parse_pci_host_devaddr(text) == address


@pytest.mark.parametrize(
    "text",
    (
        " 1 1:2 1:2. 1:.3 :2.3 1:20.0 1:2.8 100:2.3 10000:1:2.3 -1:2.3 1:2.3x 1:2:3:4.5 z:2.3 1:2.0xa"
    ).split(" "),
)
def test_what_is_no_host_address(text: str) -> None:
    assert parse_pci_host_devaddr(text) is None


@pytest.mark.parametrize(
    ("text", "devfn"),
    [
        ("6", 48),
        ("06.0", 48),
        ("1f.7", 255),
        ("0x1f", 248),
        ("0x", 0),
        ("1.0x", 8),
        (" 1.1", 9),
        ("1. 1", 9),
        ("+1", 8),
    ],
)
def test_bus_addresses(text: str, devfn: int) -> None:
    assert parse_pci_devfn(text) == devfn


@pytest.mark.parametrize("text", ["", "x", "0xg", "20", "1.8", "1.", "1.1.1", "1.1 ", "-1", "1.x"])
def test_what_is_no_bus_address(text: str) -> None:
    assert parse_pci_devfn(text) is None


def test_addr_as_a_bare_string_ends_qemu(any_world: World) -> None:
    """visit_start_alternate has an assertion that this visitor can't meet; pyqom says no."""
    devices.register()
    obj = object_new("kinds")
    with refused("Parameter 'addr' can't be given as a bare string"):
        object_property_parse(obj, "addr", "1f.7")
    object_unref(obj)


def test_addr_is_a_number_or_a_text(any_world: World) -> None:
    """set_pci_devfn; Debian's 7.2 has the newer one."""
    devices.register()
    obj = object_new("kinds")
    object_property_set_qobject(obj, "addr", 9)
    assert object_property_get_qobject(obj, "addr") == 9
    with refused("Invalid parameter type for 'addr', expected int or str"):
        object_property_set_qobject(obj, "addr", True)


def test_legacy_properties_print(kinds: Kinds) -> None:
    """qdev_class_add_legacy_property: for what prints itself or cannot be read."""
    assert object_property_get_qobject(kinds, "legacy-addr") == "<unset>"
    object_property_set_qobject(kinds, "addr", "1f.7")
    assert object_property_get_qobject(kinds, "legacy-addr") == "1f.7"
    with refused("Property 'kinds.legacy-backend' is not readable"):
        object_property_get_qobject(kinds, "legacy-backend")
    with refused("Property 'kinds.legacy-addr' is not writable"):
        object_property_set_qobject(kinds, "legacy-addr", "1")


def test_printing_by_people(kinds: Kinds) -> None:
    assert object_property_print(kinds, "size", human=True) == "4096 (4 KiB)"
    assert object_property_print(kinds, "u64") == "-1"
    assert object_property_print(kinds, "way") == "on"


# --- after realize --------------------------------------------------------------------------------


def test_a_realized_device_keeps_its_properties(kinds: Kinds) -> None:
    kinds.realized = True
    with refused(
        "Attempt to set property 'u8' on anonymous device (type 'kinds') after it was realized"
    ):
        object_property_set_qobject(kinds, "u8", 1)
    kinds.id = "k1"
    with refused(
        "Attempt to set property 'u8' on device 'k1' (type 'kinds') after it was realized"
    ):
        object_property_set_qobject(kinds, "u8", 1)
    with refused(
        "Attempt to set link property 'backend' on device 'k1' (type 'kinds') after it was realized"
    ):
        object_property_set_qobject(kinds, "backend", "")
    kinds.realized = False


def test_what_is_no_qdev_property_may_change_at_any_time(kinds: Kinds) -> None:
    kinds.realized = True
    object_property_set_qobject(kinds, "bootindex", 3)
    assert kinds.bootindex == 3
    kinds.realized = False


def test_a_derived_kind_may_change_at_any_time(world: World) -> None:
    devices.register()

    def class_init(klass: ObjectClass) -> None:
        info = derive(qdev_prop_on_off_auto, realized_set_allowed=True)
        device_class_set_props(DEVICE_CLASS(klass), (Property("mutable", info, "way"),))

    type_register_static(TypeInfo(name="derived", parent="kinds", class_init=class_init))
    obj = _kinds_of(object_new("derived"))
    obj.realized = True
    object_property_set_qobject(obj, "mutable", "off")
    assert obj.way is OnOffAuto.OFF
    obj.realized = False
    assert not qdev_prop_on_off_auto.realized_set_allowed


# --- tables ---------------------------------------------------------------------------------------

TABLE = (
    Property("always", qdev_prop_uint32, "u32", default=ByQemu({"7.2": 1, "10.0": 2})),
    Property("new", qdev_prop_uint32, "u32", since="8.0", description="A new one"),
    Property("old", qdev_prop_uint32, "u32", until="8.0"),
    Property(
        "kind",
        ByQemu({"7.2": qdev_prop_uint32, "10.2": qdev_prop_on_off_auto}),
        "u32",
        description=ByQemu({"10.0": "Of another kind"}),
    ),
)


def _table_class_init(klass: ObjectClass) -> None:
    device_class_set_props(DEVICE_CLASS(klass), TABLE)
    object_class_property_set_descriptions(klass, TABLE)


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        ("7.2", {"always": None, "old": None, "kind": None}),
        ("10.0", {"always": None, "new": "A new one", "kind": "Of another kind"}),
        ("10.2", {"always": None, "new": "A new one", "kind": "Of another kind"}),
    ],
)
def test_a_table_is_what_the_series_has(series: str, expected: dict[str, str | None]) -> None:
    with World(series):
        devices.register()
        type_register_static(
            TypeInfo(name="versioned", parent="kinds", class_init=_table_class_init)
        )
        klass = object_class_by_name("versioned")
        assert klass is not None
        assert {name: p.description for name, p in klass.properties.items()} == expected
        kind = object_property_find(object_new("versioned"), "kind")
        assert kind is not None
        assert kind.type == ("OnOffAuto" if series == "10.2" else "uint32")
        records = {each["name"]: each for each in qom_list_properties("versioned")}
        if series != "7.2":
            assert records["always"]["default-value"] == 2


def test_a_table_must_not_be_empty_since_10_0(any_world: World) -> None:
    def class_init(klass: ObjectClass) -> None:
        device_class_set_props(DEVICE_CLASS(klass), TABLE[2:3] if any_world.series == "7.2" else ())

    devices.register()
    type_register_static(TypeInfo(name="empty", parent="kinds", class_init=class_init))
    if any_world.series == "7.2":
        assert object_class_by_name("empty") is not None
    else:
        with refused("class 'empty' has an empty property table", Abort):
            object_class_by_name("empty")


@pytest.mark.parametrize("path", ["", "a..b", "a[", "a[x]", "1a", "a b"])
def test_what_is_no_path_of_a_field(path: str) -> None:
    with pytest.raises(Abort):
        Field(path)


def test_fields_are_found_by_path() -> None:
    outer = SimpleNamespace(inner=SimpleNamespace(numbers=[1, 2]))
    field = Field("inner.numbers[1]")
    field.set(outer, 5)
    assert field.get(outer) == 5
    assert outer.inner.numbers == [1, 5]
