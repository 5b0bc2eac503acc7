# SPDX-License-Identifier: GPL-2.0-or-later
"""Where everything must pass (QOMGEN_NO_SKIP=1), Hypothesis tries the same examples each time; elsewhere new ones."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("same", derandomize=True, database=None)
if os.environ.get("QOMGEN_NO_SKIP") == "1":
    settings.load_profile("same")
