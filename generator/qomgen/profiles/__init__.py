# SPDX-License-Identifier: GPL-2.0-or-later
"""QEMU series as data: one YAML file each."""
