# SPDX-License-Identifier: GPL-2.0-or-later
"""`python -m pyqom`: device types on a command line like QEMU's."""

from __future__ import annotations

import sys

from .cmdline import main
from .packages import load_device_packages

if __name__ == "__main__":
    load_device_packages()
    sys.exit(main(sys.argv[1:]))
