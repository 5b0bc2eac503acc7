# SPDX-License-Identifier: GPL-2.0-or-later
"""VFIO on a real kernel, in a machine made for it; docs/testing-on-a-real-kernel.md tells how."""
