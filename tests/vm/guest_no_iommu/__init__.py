# SPDX-License-Identifier: GPL-2.0-or-later
"""The tests that run in a guest without an IOMMU."""
