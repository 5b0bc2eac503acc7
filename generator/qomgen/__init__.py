# SPDX-License-Identifier: GPL-2.0-or-later
"""Generate QEMU device types, in C and in Python, from YAML device specs."""
