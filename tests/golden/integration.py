# SPDX-License-Identifier: GPL-2.0-or-later
"""Projects that can't be brought into a QEMU tree, for what the specs or the hand-written files say."""

from __future__ import annotations

from collections.abc import Mapping

from tests.smalltree import MY_DEV, PROJECT

_OWN_BUILD = "build: {set: system, when: CONFIG_MY_DEV, kconfig: MY_DEV, depends: [PCI]}\n"
_SOURCE = "source: hw/misc/my-dev.c\n"
_OTHER = MY_DEV.replace("my-dev", "my-other").replace("MyDev", "MyOther")

CASES: Mapping[str, Mapping[str, str | None]] = {
    "QG601-no-build": {"device_specs/my-dev.yaml": MY_DEV.replace(_OWN_BUILD, "")},
    "QG601-no-set": {"device_specs/my-dev.yaml": MY_DEV.replace("set: system, ", "")},
    "QG602-no-source": {"device_specs/my-dev.yaml": MY_DEV.replace(_SOURCE, "")},
    "QG603-nothing-by-hand": {"qemu/hw/misc/my-dev.c": None},
    "QG604-not-included": {"qemu/hw/misc/my-dev.c": '#include "other.c.inc"\n'},
    "QG605-under-another-symbol": {
        "device_specs/my-dev.yaml": MY_DEV.replace("when: CONFIG_MY_DEV", "when: CONFIG_TIMER")
    },
    "QG606-two-of-one-symbol": {
        "device_specs/my-other.yaml": _OTHER.replace("depends: [PCI]", "depends: [LINUX]"),
        "qemu/hw/misc/my-other.c": '#include "my-other.c.inc"\n',
    },
    "QG607-in-another-folder": {"qemu/hw/net/helper.c": "/* Nobody builds this. */\n"},
    "QG608-of-two-units": {"qemu/tests/qtest/some-test.c": "/* Of which? */\n"},
}
"""What each case has in place of, or beside, the files of a good project; None for a file that is not there."""


def project(name: str) -> dict[str, str]:
    """The files of the project of a case."""
    files = {**PROJECT, **CASES[name]}
    return {path: text for path, text in files.items() if text is not None}
