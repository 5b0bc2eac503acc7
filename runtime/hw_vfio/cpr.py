# SPDX-License-Identifier: GPL-2.0-or-later
"""Live update of QEMU with VFIO devices: only what types name (hw/vfio/cpr.c, since 10.1)."""

from __future__ import annotations

from pyqom import VMStateDescription

vfio_cpr_pci_vmstate = VMStateDescription(name="vfio-cpr-pci")
