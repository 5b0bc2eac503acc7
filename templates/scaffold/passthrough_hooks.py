{# SPDX-License-Identifier: GPL-2.0-or-later #}
{# The Python behaviour of a device of the host: rendered once, then its owner's. #}
# SPDX-License-Identifier: {{ project.license }}
"""
{{ project.name }}: what the device does beyond its parent, {{ project.parent }}.

The twin of qemu/{{ project.source }}, and like that one yours: qomgen wrote it once. A function here fills the class
member of its name; `qomgen check` says if one is missing or takes the wrong arguments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyqom import {% if project.pci_id %}PCI_DEVICE_GET_CLASS, {% endif %}DeviceState, {% if project.pci_id %}Error, {% endif %}PCIDevice, object_class_check
{% if project.pci_id %}
from pyqom.pci_config import PCI_DEVICE_ID, PCI_VENDOR_ID, pci_get_word
{% endif %}

if TYPE_CHECKING:
    from {{ project.devices }}.{{ project.module }} import {{ project.class_struct }}

TYPE = {{ project.type_name }}
{% if project.pci_id %}

PCI_ID = {{ project.pci_id }}
"""Vendor and device: the one that this type is for."""
{% endif %}
{% for line in project.host %}
# {{ line }}
{% endfor %}


def realize(pci_dev: PCIDevice) -> None:
    """Let the parent open the device{% if project.pci_id %}, and refuse one that is not ours{% endif %}.

    Raises:
        pyqom.Error: what a user is told.
    """
    # The parent opens the device and sets up all that a PCI device has.
    parent = _class(pci_dev).parent_realize
    assert parent is not None
    parent(pci_dev)
{% if project.pci_id %}
    # As the guest will see them: x-pci-vendor-id and its kin count.
{% include "scaffold/_other_device.py" %}
{% endif %}
    # Here the device is open and its BARs and interrupts are known. What this device needs beyond that comes here:
    # a look at its properties and its registers. An error is raised as a pyqom.Error.


def reset(dev: DeviceState) -> None:
    """Let the parent reset the device through the kernel."""
    parent = _class(dev).parent_reset
    assert parent is not None
    parent(dev)
    # What a reset of this device takes beyond that comes here.


def _class(dev: DeviceState) -> {{ project.class_struct }}:
    """The class of a device, in which the parent's hooks are kept."""
    # The generated module imports this one: at the top of the file it would be a circle.
    from {{ project.devices }}.{{ project.module }} import {{ project.class_struct }}

    return object_class_check(dev.klass, TYPE, {{ project.class_struct }})
{% if project.pci_id %}


def _shown(pci_id: tuple[int, int]) -> str:
    """A PCI id as lspci shows it."""
    return f"{pci_id[0]:04x}:{pci_id[1]:04x}"
{% endif %}
