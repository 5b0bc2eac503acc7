{# SPDX-License-Identifier: GPL-2.0-or-later #}
{# The Python behaviour of a device of the host on vfio-pci-device: rendered once, then its owner's. #}
# SPDX-License-Identifier: {{ project.license }}
"""
{{ project.name }}: what the device does, with what QEMU's VFIO code does for every PCI device.

The twin of qemu/{{ project.source }}, and like that one yours: qomgen wrote it once. A function here fills the class
member of its name; `qomgen check` says if one is missing or takes the wrong arguments.
"""

from __future__ import annotations

from hw_vfio import pci
from hw_vfio.device import VFIODeviceOps, vfio_device_init
from pyqom import {% if project.pci_id %}PCI_DEVICE_GET_CLASS, {% endif %}DeviceState, {% if project.pci_id %}Error, {% endif %}Object, PCIDevice
{% if project.pci_id %}
from pyqom.pci_config import PCI_DEVICE_ID, PCI_VENDOR_ID, pci_get_word
{% endif %}

# What instance_init calls, which is generated: it looks for it here.
__all__ = ["vfio_device_init"]

TYPE = {{ project.type_name }}
{% if project.pci_id %}

PCI_ID = {{ project.pci_id }}
"""Vendor and device: the one that this type is for."""
{% endif %}
{% for line in project.host %}
# {{ line }}
{% endfor %}

{{ project.stem }}_ops = VFIODeviceOps(vfio_get_object=lambda vbasedev: vbasedev.dev)
"""What QEMU's VFIO code asks of the device."""


def realize(pci_dev: PCIDevice) -> None:
    """Open the device{% if project.pci_id %}, and refuse one that is not ours{% endif %}.

    Raises:
        pyqom.Error: what a user is told.
    """
    pci.realize(pci_dev)
{% if project.pci_id %}
{% include "scaffold/_other_device.py" %}
{% endif %}
    # Here the device is open and its BARs and interrupts are known. What this device needs beyond that comes here:
    # a look at its properties and its registers. An error is raised as a pyqom.Error.


def reset(dev: DeviceState) -> None:
    """Reset the device through the kernel."""
    pci.reset(dev)
    # What a reset of this device takes beyond that comes here.


def instance_finalize(obj: Object) -> None:
    """Give back what the object holds; it is the last that happens to it."""
    pci.instance_finalize(obj)
{% if project.pci_id %}


def _shown(pci_id: tuple[int, int]) -> str:
    """A PCI id as lspci shows it."""
    return f"{pci_id[0]:04x}:{pci_id[1]:04x}"
{% endif %}
