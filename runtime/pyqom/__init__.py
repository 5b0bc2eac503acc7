# SPDX-License-Identifier: GPL-2.0-or-later
"""The QEMU object model in Python."""
