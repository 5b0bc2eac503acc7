# SPDX-License-Identifier: GPL-2.0-or-later
"""Run a command in the guest and show what it writes: ``python -m tests.vm ls /dev/vfio``."""

from __future__ import annotations

import shlex
import sys

from tests.qemu.run import CommandError

from .image import project
from .machine import GuestError, Machine
from .packages import Missing


def main(words: list[str]) -> int:
    """Return the exit code of the command, or 3 if the guest did not come to its end."""
    try:
        with Machine(shlex.join(words) or "true", project()) as machine:
            results = machine.results()
    except (CommandError, GuestError, Missing) as error:
        sys.stderr.write(f"{error}\n")
        return 3
    sys.stdout.write(results.console)
    return results.status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
