# SPDX-License-Identifier: GPL-2.0-or-later
"""Device types generated from the specs."""
