# SPDX-License-Identifier: GPL-2.0-or-later
"""`python -m pyvfio`."""

from __future__ import annotations

import sys

from pyvfio.cli import main

if __name__ == "__main__":
    sys.exit(main())
