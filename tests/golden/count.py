# SPDX-License-Identifier: GPL-2.0-or-later
"""`python -m tests.golden.count` says how many rules there are, and how many golden cases."""

from __future__ import annotations

import sys

from tests.golden.cases import count

if __name__ == "__main__":
    sys.stdout.write(count() + "\n")
