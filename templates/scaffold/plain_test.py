{# SPDX-License-Identifier: GPL-2.0-or-later #}
{# The pytest of an emulated PCI device: rendered once, then its owner's. #}
# SPDX-License-Identifier: {{ project.license }}
"""
{{ project.name }} in pyqom: its class, its properties, its life, its registers.

qomgen wrote this once; it is yours.
"""

from __future__ import annotations

import tomllib
import weakref
from collections.abc import Iterator
{% if project.cases %}
from dataclasses import dataclass
{% endif %}
from pathlib import Path
{% if project.cases %}
from typing import cast
{% endif %}

import pytest
from pyqom import DEVICE_CLASS, DeviceState, {% if project.cases %}Error, {% endif %}PCIDevice, World, device_cold_reset, machine_start, object_class_by_name, object_class_get_parent, object_new, {% if project.cases %}object_property_get_qobject, object_property_set_qobject, {% endif %}object_unparent, object_unref, qdev_device_add_from_qdict
from pyqom.pci_config import PCI_DEVICE_ID, PCI_VENDOR_ID, pci_get_word

from {{ project.package }} import hooks
from {{ project.devices }}.{{ project.module }} import {{ project.struct }}

{% include "scaffold/_test.py" %}


# Its life
{% if project.cases %}


@pytest.fixture
def host(machine: World) -> World:
    """What a device needs to be realized: a machine."""
    return machine
{% endif %}


@pytest.fixture
def dev(machine: World) -> PCIDevice:
    """A realized device."""
    made = add()
    assert isinstance(made, {{ project.struct }})
    return made


def test_a_device_comes_and_goes(machine: World) -> None:
    dev = add()
    assert dev.realized
    object_unparent(dev)
    assert not dev.realized


def test_a_guest_finds_it_by_its_id(dev: PCIDevice) -> None:
    assert pci_get_word(dev.config, PCI_VENDOR_ID) == {{ project.vendor }}
    assert pci_get_word(dev.config, PCI_DEVICE_ID) == {{ project.device }}
    assert hooks.read(dev, hooks.ID, 4) == {{ project.device }} << 16 | {{ project.vendor }}


def test_a_register_keeps_a_value_until_a_reset(dev: PCIDevice) -> None:
    hooks.write(dev, hooks.SCRATCH, 0x12345678, 4)
    assert hooks.read(dev, hooks.SCRATCH, 4) == 0x12345678
    device_cold_reset(dev)
    assert hooks.read(dev, hooks.SCRATCH, 4) == 0


def test_the_interrupt_is_raised_and_lowered(dev: PCIDevice) -> None:
    hooks.write(dev, hooks.INTERRUPT, 1, 4)
    assert dev.irq_state == 1
    hooks.write(dev, hooks.INTERRUPT, 0, 4)
    assert dev.irq_state == 0


def test_what_is_no_register_reads_as_zero(dev: PCIDevice) -> None:
    hooks.write(dev, hooks.BAR_SIZE - 4, 1, 4)
    assert hooks.read(dev, hooks.BAR_SIZE - 4, 4) == 0
