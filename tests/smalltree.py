# SPDX-License-Identifier: GPL-2.0-or-later
"""A made-up QEMU tree, as small as bringing a project into it allows, and a small project to bring in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

TREE: Mapping[str, str] = {
    "VERSION": "10.0.3\n",
    "Kconfig": "source Kconfig.host\nsource hw/Kconfig\n",
    "Kconfig.host": "# What the host has\n\nconfig LINUX\n    bool\n",
    "meson.build": "system_ss = ss.source_set()\nspecific_ss = ss.source_set()\nsubdir('hw')\n",
    "hw/Kconfig": "source misc/Kconfig\nsource vfio/Kconfig\nconfig PCI\n    bool\n",
    "hw/meson.build": "subdir('misc')\nsubdir('vfio')\n",
    "hw/misc/Kconfig": """\
config TIMER
    bool

config BEEPER
    bool
    default y if PCI_DEVICES
    depends on PCI

source deeper/Kconfig
""",
    "hw/misc/deeper/Kconfig": "config DEEPER\n    bool",
    "hw/misc/meson.build": """\
system_ss.add(when: 'CONFIG_TIMER', if_true: files('timer.c'))
system_ss.add(when: 'CONFIG_BEEPER', if_true: files(
  'beeper.c',
  'beeper-tone.c',
))

# Boards of old
system_ss.add(when: 'CONFIG_ABACUS', if_true: files('abacus.c'))
""",
    "hw/vfio/Kconfig": "config VFIO_PCI\n    bool\n    default y\n    depends on LINUX && PCI\n",
    "hw/vfio/meson.build": """\
vfio_ss = ss.source_set()
vfio_ss.add(when: 'CONFIG_VFIO_PCI', if_true: files('pci.c'))
specific_ss.add_all(when: 'CONFIG_VFIO', if_true: vfio_ss)
""",
    "hw/vfio/pci.c": "/* vfio-pci, by hand */\n",
    "tests/qtest/meson.build": """\
qtests_generic = [
  'qom-test',
]

qtests_i386 = \\
  qtests_filter + \\
  (config_all_devices.has_key('CONFIG_TIMER') ? ['timer-test'] : []) +       \\
  (config_all_devices.has_key('CONFIG_BEEPER') and                           \\
   config_all_devices.has_key('CONFIG_TIMER') ? ['beeper-test'] : []) +      \\
  [
   'boot-test',
  ]

qtests_x86_64 = qtests_i386

qtests_s390x = \\
  qtests_filter + \\
  ['boot-test']
""",
}
"""The text of each file, by its path."""

MY_DEV = """\
# SPDX-License-Identifier: GPL-2.0-or-later
type: my-dev
doc: A PCI device of mine, emulated.
license: GPL-2.0-or-later
targets: [c]
parent: pci-device
interfaces: [conventional-pci-device]
source: hw/misc/my-dev.c
build: {set: system, when: CONFIG_MY_DEV, kconfig: MY_DEV, depends: [PCI]}
instance_struct:
  name: MyDev
  fields:
    parent_obj: PCIDevice
    level: {type: uint32_t, doc: how much of it}
properties:
  level: {kind: uint32, field: level, default: 7, description: How much of it}
class_init:
  - PCIDeviceClass: {realize: my_dev_realize}
"""

MY_ASSIGN = """\
# SPDX-License-Identifier: GPL-2.0-or-later
type: my-assign
doc: A device of mine, passed through.
license: GPL-2.0-or-later
targets: [c]
parent: vfio-pci
source: hw/vfio/my-assign.c
build: {set: vfio, when: CONFIG_VFIO_MY_ASSIGN, kconfig: VFIO_MY_ASSIGN, depends: [VFIO_PCI]}
class_init:
  - DeviceClass: {desc: My device}
"""

_BY_HAND = """\
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "qemu/osdep.h"
#include "NAME.c.inc"
"""

PROJECT: Mapping[str, str] = {
    "device_specs/my-dev.yaml": MY_DEV,
    "device_specs/my-assign.yaml": MY_ASSIGN,
    "qemu/hw/misc/my-dev.c": _BY_HAND.replace("NAME", "my-dev"),
    "qemu/hw/vfio/my-assign.c": _BY_HAND.replace("NAME", "my-assign"),
    "qemu/tests/qtest/my-dev-test.c": "/* SPDX-License-Identifier: GPL-2.0-or-later */\n",
    "qemu/tests/qtest/my-assign-test.c": "/* SPDX-License-Identifier: GPL-2.0-or-later */\n",
}
"""The text of each file, by its path."""


def lay(folder: Path, files: Mapping[str, str]) -> Path:
    """Write `files` below `folder`."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    return folder
