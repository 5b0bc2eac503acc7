# SPDX-License-Identifier: GPL-2.0-or-later
"""The tests that run QEMU within the guest, which passes a device of the guest on to a machine of its own."""
