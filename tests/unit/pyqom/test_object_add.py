# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: ARG001 - fixtures work by being named; hooks and casts are as in QEMU
"""Objects that users make: object-add, object-del, -object."""

from __future__ import annotations

import pytest

from pyqom import (
    Error,
    TypeInfo,
    World,
    object_add,
    object_del,
    object_get_objects_root,
    object_new_with_props,
    object_resolve_path,
    type_register_static,
)
from pyqom.object_add import (
    object_help,
    object_parse,
    objects_help,
    user_creatable_add_type,
    user_creatable_types,
)
from pyqom.visitors import JSONValue
from tests.unit.pyqom import devices
from tests.unit.pyqom.devices import Backend
from tests.unit.pyqom.says import refused


@pytest.fixture(autouse=True)
def types(any_world: World) -> None:
    devices.register()


def test_an_object_is_made_and_deleted() -> None:
    obj = object_add({"qom-type": "backend", "id": "b1", "path": "/x"})
    assert isinstance(obj, Backend)
    assert (obj.path, obj.ref) == ("/x", 1)
    assert object_resolve_path("/objects/b1") == (obj, False)
    object_del("b1")
    assert obj.ref == 0
    with refused("object 'b1' not found"):
        object_del("b1")


def test_an_object_in_use_stays() -> None:
    obj = object_add({"qom-type": "backend", "id": "b1"})
    assert isinstance(obj, Backend)
    obj.busy = True
    with refused("object 'b1' is in use, can not be deleted"):
        object_del("b1")


def test_who_does_not_complete_is_gone() -> None:
    with refused("the backend has no place"):
        object_add({"qom-type": "backend", "id": "b1", "path": "nowhere"})
    assert object_resolve_path("/objects/b1") == (None, False)
    object_add({"qom-type": "backend", "id": "b1"})


def test_a_name_is_taken_once() -> None:
    object_add({"qom-type": "backend", "id": "b1"})
    with refused("attempt to add duplicate property 'b1' to object (type 'container')"):
        object_add({"qom-type": "backend", "id": "b1"})


@pytest.mark.parametrize(
    ("options", "by_json", "by_text"),
    [
        ({}, "Parameter 'qom-type' is missing", None),
        ({"qom-type": "nosuch"}, "Parameter 'qom-type' does not accept value 'nosuch'", None),
        ({"qom-type": "nic"}, "Parameter 'qom-type' does not accept value 'nic'", None),
        ({"qom-type": "backend"}, "Parameter 'id' is missing", None),
        (
            {"qom-type": "backend", "id": "b", "x": "1"},
            "Parameter 'x' is unexpected",
            "Invalid parameter 'x'",
        ),
        (
            {"qom-type": "backend", "id": "b", "type": "1"},
            "Parameter 'type' is unexpected",
            "Invalid parameter 'type'",
        ),
    ],
)
def test_what_no_object_is_made_of(
    options: dict[str, JSONValue], by_json: str, by_text: str | None
) -> None:
    with refused(by_json):
        object_parse(options)
    with refused(by_text or by_json):
        object_parse(options, from_json=False)


def test_types_are_strict_in_json() -> None:
    with refused("Invalid parameter type for 'path', expected: string"):
        object_parse({"qom-type": "backend", "id": "b", "path": 5})
    with refused("Invalid parameter type for 'qom-type', expected: string"):
        object_parse({"qom-type": 5})


def test_names_are_well_formed() -> None:
    with pytest.raises(Error) as caught:
        object_add({"qom-type": "backend", "id": "0b"})
    assert str(caught.value) == "Parameter 'id' expects an identifier"
    assert caught.value.hint == (
        "Identifiers consist of letters, digits, '-', '.', '_', starting with a letter.\n"
    )


@pytest.mark.parametrize(
    ("typename", "text"),
    [
        ("nosuch", "invalid object type: nosuch"),
        ("nic", "object type 'nic' isn't supported by object-add"),
        ("abstract-backend", "object type 'abstract-backend' is abstract"),
    ],
)
def test_the_lower_door_has_its_own_words(typename: str, text: str) -> None:
    """user_creatable_add_type, which QAPI keeps users from."""
    type_register_static(
        TypeInfo(
            name="abstract-backend", parent="object", interfaces=("user-creatable",), abstract=True
        )
    )
    with refused(text):
        user_creatable_add_type(typename, "x", {}, True)


def test_help() -> None:
    # Other tests of this process may have brought types of a device package.
    listed = user_creatable_types()
    assert "backend" in listed
    lines = "".join(f"  {name}\n" for name in listed)
    assert objects_help() == f"List of user creatable objects:\n{lines}"
    assert object_help("backend") == "backend options:\n  path=<string>\n"
    assert object_help("container") == "There are no options for container.\n"
    assert object_help("nosuch") is None


def test_objects_from_programs_are_completed_too() -> None:
    root = object_get_objects_root()
    obj = object_new_with_props("backend", root, None, {"path": "/x"})
    assert (obj.ref, obj.parent) == (1, None)
    with refused("the backend has no place"):
        object_new_with_props("backend", root, "b", {"path": "nowhere"})
    assert object_resolve_path("/objects/b") == (None, False)
    with refused("invalid object type: nosuch"):
        object_new_with_props("nosuch", root, None, {})
    with refused("object type 'device' is abstract"):
        object_new_with_props("device", root, None, {})
