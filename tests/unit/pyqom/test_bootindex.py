# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: ARG001 - fixtures work by being named; hooks and casts are as in QEMU
"""bootindex: unique in the machine, checked when it is set (system/bootdevice.c)."""

from __future__ import annotations

import pytest

from pyqom import (
    Abort,
    World,
    object_new,
    object_property_get_int,
    object_property_set_int,
    object_unref,
)
from pyqom.bootdevice import add_boot_device_path
from tests.unit.pyqom import devices
from tests.unit.pyqom.devices import Nic
from tests.unit.pyqom.says import refused


@pytest.fixture(autouse=True)
def types(any_world: World) -> None:
    devices.register()


def nic() -> Nic:
    made = object_new("nic")
    assert isinstance(made, Nic)
    return made


def test_it_starts_at_minus_one_and_takes_no_place(any_world: World) -> None:
    made = nic()
    assert object_property_get_int(made, "bootindex") == -1
    assert any_world.boot_order == []


def test_no_two_devices_share_one_whether_realized_or_not() -> None:
    first, second = nic(), nic()
    object_property_set_int(first, "bootindex", 3)
    with refused("The bootindex 3 has already been used"):
        object_property_set_int(second, "bootindex", 3)
    assert second.bootindex == -1


def test_a_devices_own_index_is_taken_too() -> None:
    made = nic()
    object_property_set_int(made, "bootindex", 3)
    with refused("The bootindex 3 has already been used"):
        object_property_set_int(made, "bootindex", 3)
    object_property_set_int(made, "bootindex", 4)
    object_property_set_int(made, "bootindex", 3)


def test_minus_one_gives_it_back() -> None:
    first, second = nic(), nic()
    object_property_set_int(first, "bootindex", 3)
    object_property_set_int(first, "bootindex", -1)
    object_property_set_int(second, "bootindex", 3)


def test_so_does_the_end_of_the_device(any_world: World) -> None:
    first = nic()
    object_property_set_int(first, "bootindex", 3)
    object_unref(first)
    assert any_world.boot_order == []
    object_property_set_int(nic(), "bootindex", 3)


def test_the_order_is_kept(any_world: World) -> None:
    for index in (5, 1, 3):
        object_property_set_int(nic(), "bootindex", index)
    assert [entry.bootindex for entry in any_world.boot_order] == [1, 3, 5]


def test_it_is_an_int32() -> None:
    with refused("Parameter 'bootindex' expects int32_t"):
        object_property_set_int(nic(), "bootindex", 1 << 31)


def test_a_double_that_got_past_the_check_ends_it() -> None:
    first, second = nic(), nic()
    add_boot_device_path(1, first, None)
    with refused("Two devices with same boot index 1", Abort):
        add_boot_device_path(1, second, None)
