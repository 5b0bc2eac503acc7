# SPDX-License-Identifier: GPL-2.0-or-later
"""
The command line.

Exit codes: 0 all is well; 1 generated files are not what the specs give; 2 the input is wrong; 3 qomgen is.
"""

from __future__ import annotations

import sys

from qomgen import quick

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

CLEAN, DRIFT, BAD_INPUT, INTERNAL = range(4)


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run one command; the result is the exit code.

    Args:
        argv: the arguments; None for those of the process, which then is ours alone.
    """
    words = sys.argv[1:] if argv is None else list(argv)
    if quick.run(words):
        return CLEAN
    from qomgen import commands  # noqa: PLC0415 - what takes long to load only if it is needed

    if argv is None:
        commands.settle()
    return commands.run(words)
