# SPDX-License-Identifier: GPL-2.0-or-later
"""`python -m qomgen`."""

from __future__ import annotations

import sys

from qomgen.cli import main

sys.exit(main())
