# SPDX-License-Identifier: GPL-2.0-or-later
"""Hand-written behaviour of the vfio device types: the Python twins of QEMU's hw/vfio."""
