{# SPDX-License-Identifier: GPL-2.0-or-later #}
{# The pytest of a device of the host on vfio-pci-device: rendered once, then its owner's. #}
# SPDX-License-Identifier: {{ project.license }}
"""
{{ project.name }} in pyqom: its class, its properties, its life.

No device of the host is needed: where one would be opened, QEMU's VFIO code is replaced. qomgen wrote this once; it
is yours.
"""

from __future__ import annotations

import tomllib
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
{% if project.cases %}
from typing import cast
{% endif %}

import pytest
from pyqom import DEVICE_CLASS, PCI_DEVICE_CLASS, DeviceState, Error, Object, PCIDevice, World, device_cold_reset, machine_start, object_class_by_name, object_class_get_parent, object_new, {% if project.cases %}object_property_get_qobject, object_property_set_qobject, {% endif %}object_unparent, object_unref, qdev_device_add_from_qdict
from pyqom.pci_config import PCI_DEVICE_ID, PCI_VENDOR_ID, pci_set_word

from {{ project.package }} import hooks
{% if project.pci_id %}
from {{ project.package }}.hooks import PCI_ID
{% endif %}
from {{ project.devices }}.{{ project.module }} import {{ project.struct }}

{% include "scaffold/_test.py" %}


# Realize, with a device of the host that is not there


@dataclass
class Host:
    """What would be the host's device, and what was done to it."""

    pci_id: tuple[int, int]
    calls: list[str] = field(default_factory=list)

    def realize(self, dev: PCIDevice) -> None:
        """Take the place of VFIO's realize."""
        self.calls.append("realize")
        pci_set_word(dev.config, PCI_VENDOR_ID, self.pci_id[0])
        pci_set_word(dev.config, PCI_DEVICE_ID, self.pci_id[1])

    def exit(self, dev: PCIDevice) -> None:
        """Take the place of VFIO's exit."""
        self.calls.append("exit")

    def reset(self, dev: DeviceState) -> None:
        """Take the place of VFIO's reset."""
        self.calls.append("reset")

    def instance_finalize(self, obj: Object) -> None:
        """Take the place of VFIO's instance_finalize."""
        self.calls.append("finalize")


@pytest.fixture
def host(machine: World, monkeypatch: pytest.MonkeyPatch) -> Host:
    """A device of the host in each machine."""
    made = Host({% if project.pci_id %}PCI_ID{% else %}(0x1234, 0x0001){% endif %})
    klass = object_class_by_name(TYPE)
    assert klass is not None
    monkeypatch.setattr(hooks, "pci", made)
    PCI_DEVICE_CLASS(klass).exit = made.exit
    return made


def test_realize_wants_a_device_of_the_host(machine: World) -> None:
    with pytest.raises(Error) as caught:
        add()
    assert str(caught.value) == "No provided host device"
    assert "host=DDDD:BB:DD.F" in caught.value.hint


def test_a_device_comes_is_reset_and_goes(host: Host) -> None:
    dev = add()
    assert isinstance(dev, {{ project.struct }})
    assert dev.realized
    device_cold_reset(dev)
    object_unparent(dev)
    del dev
    assert host.calls == ["realize", "reset", "exit", "finalize"]
{% if project.pci_id %}


def test_another_device_is_refused_and_let_go(host: Host) -> None:
    host.pci_id = (0x8086, 0x10D3) if PCI_ID != (0x8086, 0x10D3) else (0x8086, 0x100E)
    with pytest.raises(Error) as caught:
        add()
    own = f"{PCI_ID[0]:04x}:{PCI_ID[1]:04x}"
    other = f"{host.pci_id[0]:04x}:{host.pci_id[1]:04x}"
    assert str(caught.value) == f"{TYPE}: the device of the host is {other}, not {own}"
    assert host.calls == ["realize", "exit", "finalize"]
{% endif %}
