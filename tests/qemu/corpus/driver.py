# SPDX-License-Identifier: GPL-2.0-or-later
"""Many pyqom command lines in one process: ``python -m tests.qemu.corpus.driver``.

Reads a JSON list of [words, standard input], and writes one of what each wrote to standard output.
The device packages are those that this process finds first, such as a folder of PYTHONPATH.
"""

from __future__ import annotations

import io
import json
import sys

from pyqom.cmdline import main
from pyqom.packages import load_device_packages


def _written(words: list[str], given: str) -> str:
    out = io.StringIO()
    main(words, out, io.StringIO(), io.StringIO(given))
    return out.getvalue()


if __name__ == "__main__":
    load_device_packages()
    json.dump([_written(words, given) for words, given in json.load(sys.stdin)], sys.stdout)
