# SPDX-License-Identifier: GPL-2.0-or-later
"""What pyvfio costs, beside a C program that does the same: in the guest of tests/vm."""
