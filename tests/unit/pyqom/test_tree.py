# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: ARG001 - fixtures work by being named; hooks and casts are as in QEMU
"""The composition tree: children, links, paths."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from pyqom import (
    OBJ_PROP_LINK_STRONG,
    Abort,
    DeviceNotFound,
    Error,
    Object,
    TypeInfo,
    World,
    object_get_canonical_path,
    object_get_objects_root,
    object_get_root,
    object_initialize_child,
    object_new,
    object_property_add_child,
    object_property_add_const_link,
    object_property_add_link,
    object_property_allow_set_link,
    object_property_get_link,
    object_property_get_qobject,
    object_property_set_link,
    object_property_set_str,
    object_resolve_path,
    object_resolve_path_component,
    object_resolve_path_type,
    object_unparent,
    object_unref,
    type_register_static,
)
from pyqom.tree import (
    object_child_foreach,
    object_child_foreach_recursive,
    object_property_try_add_child,
    object_resolve_path_at,
)
from tests.unit.pyqom.says import refused


@dataclass(eq=False, slots=True)
class Node(Object):
    target: Object | None = None


@pytest.fixture(autouse=True)
def types(any_world: World) -> None:
    type_register_static(TypeInfo(name="node", parent="object", instance_struct=Node))
    type_register_static(TypeInfo(name="special", parent="node"))


def child(parent: Object, name: str, typename: str = "node") -> Node:
    made = object_initialize_child(parent, name, typename)
    assert isinstance(made, Node)
    return made


def test_the_root_has_qemus_containers() -> None:
    root = object_get_root()
    assert object_get_canonical_path(root) == "/"
    assert object_get_canonical_path(object_get_objects_root()) == "/objects"
    names = {"chardevs", "objects", "backend"}
    assert names <= set(root.properties)
    assert {root.properties[name].type for name in names} == {"child<container>"}


def test_a_child_knows_its_path_and_holds_no_cycle() -> None:
    a = child(object_get_root(), "a")
    b = child(a, "b")
    assert object_get_canonical_path(b) == "/a/b"
    assert object_property_get_qobject(a, "b") == "/a/b"
    assert (a.ref, b.ref) == (1, 1)
    assert b.parent is a


def test_a_child_has_one_parent_and_a_name_one_child() -> None:
    a = child(object_get_root(), "a")
    with refused("attempt to add duplicate property 'a' to object (type 'container')"):
        object_property_try_add_child(object_get_root(), "a", object_new("node"))
    with pytest.raises(Abort, match="has a parent already"):
        object_property_add_child(object_get_root(), "again", a)


def test_taking_out_a_parent_takes_all_below() -> None:
    a = child(object_get_root(), "a")
    b = child(a, "b")
    object_unparent(a)
    assert (a.ref, b.ref, b.parent) == (0, 0, None)
    assert object_resolve_path("/a") == (None, False)


def test_outside_of_the_tree_there_is_no_path() -> None:
    obj = object_new("node")
    assert object_get_canonical_path(obj) is None
    assert object_get_canonical_path(child(obj, "below")) is None
    object_unref(obj)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/a/b", True),
        ("/a//b/", True),
        ("b", True),
        ("a/b", True),
        ("/b", False),
        ("b/a", False),
        ("nosuch", False),
        ("/a/type", False),
    ],
)
def test_paths(path: str, found: bool) -> None:
    b = child(child(object_get_root(), "a"), "b")
    assert object_resolve_path(path) == (b if found else None, False)


def test_a_partial_path_must_fit_one_object() -> None:
    root = object_get_root()
    twin = child(child(root, "a"), "twin")
    child(child(root, "b"), "twin", "special")
    assert object_resolve_path("twin") == (None, True)
    assert object_resolve_path("a/twin") == (twin, False)
    only, ambiguous = object_resolve_path_type("twin", "special")
    assert (only is not None, ambiguous) == (True, False)


def test_the_empty_path_finds_the_only_object_of_a_type() -> None:
    special = child(object_get_root(), "s", "special")
    assert object_resolve_path_type("", "special") == (special, False)
    child(object_get_root(), "t", "special")
    assert object_resolve_path_type("", "special") == (None, True)


def test_paths_from_an_object() -> None:
    a = child(object_get_root(), "a")
    b = child(a, "b")
    assert object_resolve_path_at(a, "b") is b
    assert object_resolve_path_at(a, "/a") is a
    assert object_resolve_path_at(a, "a") is None


def test_walking() -> None:
    a = child(object_get_root(), "a")
    b = child(a, "b")
    c = child(b, "c")
    assert list(object_child_foreach(a)) == [b]
    assert list(object_child_foreach_recursive(a)) == [b, c]


# --- links ----------------------------------------------------------------------------------------


def linked(check: bool = True, strong: bool = False) -> tuple[Node, Node]:
    a, b = child(object_get_root(), "a"), child(object_get_root(), "b")
    flags = OBJ_PROP_LINK_STRONG if strong else type(OBJ_PROP_LINK_STRONG).NONE
    allow = object_property_allow_set_link if check else None
    object_property_add_link(a, "link", "node", a, "target", allow, flags)
    return a, b


def test_a_link_is_set_by_path_and_cleared() -> None:
    a, b = linked()
    object_property_set_str(a, "link", "/b")
    assert a.target is b
    assert object_property_get_qobject(a, "link") == "/b"
    assert object_resolve_path("/a/link") == (b, False)
    assert object_property_get_link(a, "link") is b
    object_property_set_str(a, "link", "")
    assert a.target is None
    assert object_property_get_qobject(a, "link") == ""
    object_property_set_link(a, "link", b)
    assert a.target is b
    object_property_set_link(a, "link", None)
    assert a.target is None


def test_a_strong_link_keeps_its_target() -> None:
    a, b = linked(strong=True)
    object_property_set_str(a, "link", "b")
    assert b.ref == 2
    object_unparent(b)
    assert b.ref == 1
    object_unparent(a)
    assert b.ref == 0


def test_a_weak_link_does_not() -> None:
    a, b = linked()
    object_property_set_str(a, "link", "b")
    assert b.ref == 1


def test_setting_a_strong_link_anew_lets_the_old_target_go() -> None:
    a, b = linked(strong=True)
    other = child(object_get_root(), "other")
    object_property_set_str(a, "link", "b")
    object_property_set_str(a, "link", "other")
    assert (b.ref, other.ref) == (1, 2)


@pytest.mark.parametrize(
    ("path", "text", "kind"),
    [
        ("nosuch", "Device 'nosuch' not found", DeviceNotFound),
        ("/objects", "Invalid parameter type for 'link', expected: node", Error),
        ("twin", "Path 'twin' does not uniquely identify an object", Error),
        ("double", "Invalid parameter type for 'link', expected: node", Error),
    ],
)
def test_what_a_link_refuses(path: str, text: str, kind: type[Error]) -> None:
    a, b = linked()
    for parent in (a, b):
        child(parent, "twin")
        object_initialize_child(parent, "double", "container")
    with pytest.raises(Error) as caught:
        object_property_set_str(a, "link", path)
    assert (str(caught.value), type(caught.value)) == (text, kind)
    assert a.target is None


def test_a_link_without_a_check_is_read_only() -> None:
    a, _ = linked(check=False)
    with refused("Property 'node.link' is not writable"):
        object_property_set_str(a, "link", "b")


def test_a_check_may_refuse() -> None:
    def never(obj: Object, name: str, target: Object | None) -> None:
        raise Error(f"{name} stays")

    a, _ = linked()
    object_property_add_link(a, "other", "node", a, "target", never)
    with refused("other stays"):
        object_property_set_str(a, "other", "b")


def test_a_constant_link() -> None:
    a, b = linked()
    prop = object_property_add_const_link(a, "const", b)
    assert prop.type == "link<node>"
    assert object_property_get_qobject(a, "const") == "/b"
    assert object_resolve_path_component(a, "const") is b
    assert b.ref == 1
