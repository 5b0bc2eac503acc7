# SPDX-License-Identifier: GPL-2.0-or-later
"""The devices of the machine: for the host QEMU's words, for the guest where they are.

A root port is a bus of its own, and what is behind it can be reset without others; the functions
of one slot behind it share an IOMMU group.  On the root bus each slot is a group, and nothing
there can be reset through the bus.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

EDU_ON_ROOT_BUS = "0000:00:10.0"
"""An edu that offers no reset: it has no function-level reset, and its bus is the root's."""

PORTS = {"edu": 0x11, "nvme": 0x12, "e1000e": 0x13, "pair": 0x14, "spare": 0x15}
"""Name of what is behind a root port -> the slot of that port on the root bus.

``pair`` is one group of two functions: an edu (0) and an e1000e (1).  ``spare`` is an edu that
tests may unplug; its QEMU id is "spare" as well.
"""

RESULTS, REPORTS, MONITOR = "qomgen.results", "qomgen.reports", "qomgen.monitor"
"""Names of the virtio-serial ports: /out as a tar; pytest's reports; QEMU's own monitor (QMP)."""

# A port of QEMU's default speed (16 GT/s) tells of an active link in a way that the kernel does not
# find, and a hot reset then fails with ENOTTY.
_PORT = "pcie-root-port,x-speed=2_5,bus=pcie.0,addr={slot:x}.0,id=port-{name},chassis={slot},slot={slot}"

# An NVMe controller with two virtual functions to be switched on, and nine MSI-X vectors.
_NVME = (
    "nvme,id=nvme,serial=qomgen,bus=port-nvme,subsys=subsystem,msix_qsize=9,max_ioqpairs=8,"
    "sriov_max_vfs=2,sriov_vq_flexible=4,sriov_vi_flexible=2"
)


def qemu_words() -> Iterator[str]:
    """QEMU's arguments that make the devices."""
    for name, slot in PORTS.items():
        yield from ("-device", _PORT.format(name=name, slot=slot))
    # No network is behind the NICs, and no boot ROM, which would take two seconds to run.
    for name in ("h0", "h1"):
        yield from ("-netdev", f"hubport,id={name},hubid={name[1:]}")
    yield from ("-drive", "if=none,id=disk,format=raw,file=null-co://,file.size=64M")
    for device in (
        "edu,bus=pcie.0,addr=10.0",
        "edu,bus=port-edu",
        "nvme-subsys,id=subsystem",
        _NVME,
        "nvme-ns,drive=disk,bus=nvme",
        "e1000e,bus=port-e1000e,netdev=h0,romfile=",
        "edu,bus=port-pair,addr=0.0,multifunction=on",
        "e1000e,bus=port-pair,addr=0.1,netdev=h1,romfile=",
        "edu,bus=port-spare,id=spare",
    ):
        yield from ("-device", device)


def address(name: str, function: int = 0) -> str:
    """The address, like 0000:01:00.0, of what is behind the port *name* (in the guest)."""
    port = Path(f"/sys/bus/pci/devices/0000:00:{PORTS[name]:02x}.0")
    (found,) = port.glob(f"0000:??:00.{function}")
    return found.name
