# SPDX-License-Identifier: GPL-2.0-or-later
"""The tests that run in the guest; the host collects the same files and shows their results."""
