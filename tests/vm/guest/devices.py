# SPDX-License-Identifier: GPL-2.0-or-later
"""The devices of the machine: for the host QEMU's words, for the guest where they are.

A root port is a bus of its own, and what is behind it can be reset without others; the functions
of one slot behind it share an IOMMU group.  On the root bus each slot is a group, and nothing
there can be reset through the bus.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_PORTS = {"edu": 0x11, "nvme": 0x12, "e1000e": 0x13, "pair": 0x14, "spare": 0x15, "open": 0x16}
"""What is behind a root port -> the slot of the port on the root bus."""

_PLACES = {
    "edu-on-root-bus": None,
    "edu": ("edu", 0),
    "nvme": ("nvme", 0),
    "e1000e": ("e1000e", 0),
    "edu-in-a-pair": ("pair", 0),
    "e1000e-in-a-pair": ("pair", 1),
    "spare": ("spare", 0),
    "edu-with-its-port": ("open", 0),
}
"""Name of a device -> the port that it is behind and its function, None on the root bus."""

_ON_ROOT_BUS = "0000:00:10.0"

NAMES = tuple(_PLACES)
EDUS = ("edu-on-root-bus", "edu", "edu-in-a-pair")
"""The first cannot be reset, the second can through its bus, the third has a neighbour."""

TESTED = (*EDUS, "nvme", "e1000e")
"""What may be opened, and closed again, as a test likes."""

SPARE = "spare"
"""An edu that tests may unplug; QEMU calls it so too."""

RESULTS, REPORTS, MONITOR = "qomgen.results", "qomgen.reports", "qomgen.monitor"
"""Names of the virtio-serial ports: /out as a tar; pytest's reports; QEMU's own monitor (QMP)."""

# A port of QEMU's default speed (16 GT/s) tells of an active link in a way that the kernel does not
# find, and a hot reset then fails with ENOTTY.
_PORT = "pcie-root-port,x-speed=2_5,bus=pcie.0,addr={slot:x}.0,id=port-{name},chassis={slot},slot={slot}"

_OPTIONS = {"open": ",disable-acs=on"}
"""The port "open" does not keep apart what is behind it, so that it is in the same IOMMU group."""

# An NVMe controller with two virtual functions to be switched on, and nine MSI-X vectors.
_NVME = (
    "nvme,id=nvme,serial=qomgen,bus=port-nvme,subsys=subsystem,msix_qsize=9,max_ioqpairs=8,"
    "sriov_max_vfs=2,sriov_vq_flexible=4,sriov_vi_flexible=2"
)


def qemu_words(disk: Path) -> Iterator[str]:
    """QEMU's arguments that make the devices; the file *disk* is what NVMe has of storage."""
    for name, slot in _PORTS.items():
        yield from ("-device", _PORT.format(name=name, slot=slot) + _OPTIONS.get(name, ""))
    # No network is behind the NICs, and no boot ROM, which would take two seconds to run.
    for name in ("h0", "h1"):
        yield from ("-netdev", f"hubport,id={name},hubid={name[1:]}")
    yield from ("-drive", f"if=none,id=disk,format=raw,file={disk}")
    for device in (
        "edu,bus=pcie.0,addr=10.0",
        "edu,bus=port-edu",
        "nvme-subsys,id=subsystem",
        _NVME,
        "nvme-ns,drive=disk,bus=nvme",
        "e1000e,bus=port-e1000e,netdev=h0,romfile=",
        "edu,bus=port-pair,addr=0.0,multifunction=on",
        "e1000e,bus=port-pair,addr=0.1,netdev=h1,romfile=",
        f"edu,bus=port-spare,id={SPARE}",
        "edu,bus=port-open",
    ):
        yield from ("-device", device)


def address(name: str) -> str:
    """The address, like 0000:01:00.0, of the device *name* (in the guest).

    Raises `LookupError` when it is not plugged in.
    """
    found = address_if_there(name)
    if found is None:
        raise LookupError(f"{name} is not plugged in")
    return found


def address_if_there(name: str) -> str | None:
    """The address of the device *name*, None if it is not plugged in (in the guest)."""
    place = _PLACES[name]
    if place is None:
        return _ON_ROOT_BUS
    port, function = place
    folder = Path(f"/sys/bus/pci/devices/0000:00:{_PORTS[port]:02x}.0")
    return next((path.name for path in folder.glob(f"0000:??:00.{function}")), None)
