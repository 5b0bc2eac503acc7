{# SPDX-License-Identifier: GPL-2.0-or-later #}
{# The Python behaviour of an emulated PCI device: rendered once, then its owner's. #}
# SPDX-License-Identifier: {{ project.license }}
"""
{{ project.name }}: what the device does.

The twin of qemu/{{ project.source }}, and like that one yours: qomgen wrote it once. `realize`, `exit` and `reset` fill
the class members of their names; `qomgen check` says if one is missing or takes the wrong arguments. `read` and
`write` are what a guest does to BAR 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from pyqom import DeviceState, PCIDevice
from pyqom.pci_config import PCI_INTERRUPT_PIN, PCI_VENDOR_ID

if TYPE_CHECKING:
    from {{ project.devices }}.{{ project.module }} import {{ project.struct }}

TYPE = {{ project.type_name }}

BAR_SIZE = 0x1000
"""Bytes of BAR 0."""

# The registers in BAR 0, of 32 bits each.
ID = 0x00
"""Read only: the PCI id."""

SCRATCH = 0x04
"""Keeps a value until a reset."""

INTERRUPT = 0x08
"""1 raises the interrupt, 0 lowers it."""
{% for line in project.host %}
# {{ line }}
{% endfor %}


def realize(pci_dev: PCIDevice) -> None:
    """Give the device its interrupt pin. Where a property is wrong, raise a pyqom.Error here."""
    pci_dev.config[PCI_INTERRUPT_PIN] = 1


def exit(pci_dev: PCIDevice) -> None:
    """Give back what `realize` took."""
    pci_dev.irq_state = 0


def reset(dev: DeviceState) -> None:
    """Put the registers back to where they were when the device came."""
    _state(dev).scratch = 0


def read(dev: PCIDevice, address: int, size: int) -> int:
    """Read a register, as a guest reads BAR 0; `size` is 4 bytes."""
    match address:
        case 0x00:
            return int.from_bytes(dev.config[PCI_VENDOR_ID : PCI_VENDOR_ID + size], "little")
        case 0x04:
            return _state(dev).scratch
    return 0


def write(dev: PCIDevice, address: int, value: int, size: int) -> None:
    """Write a register, as a guest writes BAR 0; `size` is 4 bytes."""
    match address:
        case 0x04:
            _state(dev).scratch = value & ((1 << 8 * size) - 1)
        case 0x08:
            dev.irq_state = value & 1


def _state(dev: DeviceState) -> {{ project.struct }}:
    """The device with its own fields."""
    return cast("{{ project.struct }}", dev)
