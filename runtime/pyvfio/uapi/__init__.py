# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's own words: linux/vfio.h and linux/iommufd.h in ctypes.

Names are those of the headers. What they have for s390 (CCW, AP, zPCI), POWER (SPAPR, EEH, NVLink),
graphics planes and the IOMMUs of guests is left out, and so is migration as it was before Linux
5.18. `history.SINCE` tells which Linux brought what came after 6.1.
"""
