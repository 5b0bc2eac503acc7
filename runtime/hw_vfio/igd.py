# SPDX-License-Identifier: GPL-2.0-only
"""vfio-pci-igd-lpc-bridge: a stand-in for the ISA bridge (twin of QEMU's hw/vfio/igd.c)."""

from __future__ import annotations

from pyqom import Error, PCIDevice

_ISA_BRIDGE_DEVFN = 0x1F << 3


def realize(pci_dev: PCIDevice) -> None:
    """Guests look for the bridge at one address only (vfio_pci_igd_lpc_bridge_realize).

    Raises:
        Error: the device has another address.
    """
    if pci_dev.devfn != _ISA_BRIDGE_DEVFN:
        raise Error("VFIO dummy ISA/LPC bridge must have address 1f.0")
