# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine of made-up PCI functions: what they are, and what /sys shows of them."""

from __future__ import annotations

import mmap
import os
import struct
from dataclasses import dataclass, field

from pyvfio.info import Area
from tests.unit.pyvfio.fake.extras import Extras

PAGE = mmap.PAGESIZE

CONFIG_BYTES = 0x100
PCIE_CONFIG_BYTES = 0x1000


@dataclass
class Bar:
    """A BAR: its memory is a file, so that calls and mappings see the same bytes."""

    size: int
    mappable: bool = True
    sparse: tuple[Area, ...] | None = None
    msix: bool = False
    fd: int = field(init=False)

    def __post_init__(self) -> None:
        self.fd = os.memfd_create("bar")
        os.ftruncate(self.fd, self.size)


@dataclass(eq=False)
class Function:
    """A PCI function.

    Attributes:
        address: `0000:01:00.0`.
        driver: That has it now.
        host_driver: That takes it when it is probed and nothing is overridden.
        vectors: How many vectors of MSI and of MSI-X it has.
        spare: How many vectors the host can give it at most.
        dynamic: Whether MSI-X vectors can be added while it is on.
        resettable: Whether it can be reset alone.
        bus: Functions that a hot reset of its bus resets, None if the bus is a root's.
        token: UUID that opening it wants.
        iommu: Whether it has one; if not, VFIO may make it a group of its own.
        extras: What it has besides.
    """

    address: str
    group: int
    driver: str | None = "vfio-pci"
    host_driver: str | None = None
    override: str = ""
    vendor: int = 0x1234
    device: int = 0x11E8
    bars: dict[int, Bar] = field(default_factory=dict)
    express: bool = False
    msi: int = 1
    msix: int = 0
    spare: int = 1 << 16
    dynamic: bool = False
    resettable: bool = True
    bus: tuple[str, ...] | None = None
    token: str | None = None
    iommu: bool = True
    extras: Extras = field(default_factory=Extras)
    resets: int = 0
    config: bytearray = field(init=False)

    def __post_init__(self) -> None:
        self.config = bytearray(PCIE_CONFIG_BYTES if self.express else CONFIG_BYTES)
        struct.pack_into("<HHHH", self.config, 0, self.vendor, self.device, 0, 0x10)
        self.config[0x34] = 0x40
        chain = [0x01, 0x05, *([0x11] if self.msix else []), *([0x10] if self.express else [])]
        for place, number in enumerate(chain):
            last = place == len(chain) - 1
            self.config[0x40 + 16 * place] = number
            self.config[0x41 + 16 * place] = 0 if last else 0x50 + 16 * place
        if self.express:
            struct.pack_into("<I", self.config, 0x100, 0x140 << 20 | 2 << 16 | 0x01)
            struct.pack_into("<I", self.config, 0x140, 1 << 16 | 0x03)


@dataclass(eq=False)
class Machine:
    """Functions, and what the kernel allows.

    Attributes:
        loaded: Drivers that are there.
        memlock: Bytes that the process may pin, None for no limit.
        windows: Addresses that the IOMMU translates, first and last.
        entries: How many DMA mappings there may be.
        interrupt_remapping: Whether the IOMMU has it.
        iommufd: Whether there is /dev/iommu, and devices have files of their own.
        iommu_tracks: Whether the IOMMU marks pages that were written to.
        written: Addresses that were written to since they were last asked for.
        bind_tokens: Whether binding to an iommufd looks at tokens, as since Linux 6.17.
        noiommu: Whether devices without an IOMMU may be had, None if Linux has no such mode.
        raw_io: Whether the process has CAP_SYS_RAWIO.
        closed: Files that the user may not open.
        files: More files below /sys and /proc, by path.
        links: More links.
    """

    functions: dict[str, Function]
    loaded: set[str] = field(default_factory=lambda: {"vfio-pci", "e1000e", "nvme"})
    memlock: int | None = None
    windows: tuple[tuple[int, int], ...] = ((0, 0xFEDFFFFF), (0xFEF00000, (1 << 39) - 1))
    entries: int = 65535
    interrupt_remapping: bool = True
    iommufd: bool = False
    iommu_tracks: bool = False
    written: set[int] = field(default_factory=set)
    bind_tokens: bool = False
    noiommu: bool | None = None
    raw_io: bool = True
    closed: set[str] = field(default_factory=set)
    files: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)

    def close(self) -> None:
        """Let the memory of the BARs go."""
        for function in self.functions.values():
            for bar in function.bars.values():
                os.close(bar.fd)

    def members(self, group: int) -> list[Function]:
        """Return the functions of an IOMMU group."""
        return [each for each in self.functions.values() if each.group == group]

    def viable(self, group: int) -> bool:
        """Tell whether no driver of the host has a function of a group."""
        return all(each.driver in (None, "vfio-pci", "pcieport") for each in self.members(group))

    def vfio_groups(self) -> set[int]:
        """Return the groups of which VFIO has a function, for which there is a file."""
        return {
            each.group
            for each in self.functions.values()
            if each.driver == "vfio-pci" and self.has_group(each)
        }

    def group_file(self, number: int) -> str:
        """Return the file of a group."""
        without = any(not each.iommu for each in self.members(number))
        return f"/dev/vfio/{'noiommu-' if without else ''}{number}"

    def has_group(self, function: Function) -> bool:
        """Tell whether a function is in a group: of its IOMMU, or of VFIO's making."""
        return function.group >= 0 and (
            function.iommu or (self.noiommu is True and function.driver == "vfio-pci")
        )

    def cdev_name(self, function: Function) -> str:
        """Return what a function's own file is called, or would be."""
        return f"vfio{list(self.functions).index(function.address)}"

    def cdevs(self) -> dict[str, Function]:
        """Return the functions that have files of their own, by the paths of these."""
        return {
            f"/dev/vfio/devices/{self.cdev_name(each)}": each
            for each in self.functions.values()
            if self.iommufd and each.iommu and each.driver == "vfio-pci"
        }

    def files_of_vfio(self) -> set[str]:
        """Return the files below /dev."""
        groups = {self.group_file(number) for number in self.vfio_groups()}
        whole = {"/dev/vfio/vfio"} if "vfio-pci" in self.loaded else set()
        return groups | whole | set(self.cdevs()) | ({"/dev/iommu"} if self.iommufd else set())

    def _folder(self, path: str) -> Function | None:
        """Return the function whose folder a path is."""
        path = path.rstrip("/")
        for prefix in ("/sys/bus/pci/devices/", "/sys/devices/pci0000:00/"):
            if path.startswith(prefix):
                return self.functions.get(path.removeprefix(prefix))
        head, _, name = path.rpartition("/")
        if head.startswith("/sys/kernel/iommu_groups/") and head.endswith("/devices"):
            return self.functions.get(name)
        return None

    def link(self, path: str) -> str:
        """Return where a link points."""
        if path in self.links:
            return self.links[path]
        folder, _, name = path.rpartition("/")
        function = self._folder(folder)
        if function is not None and name == "driver" and function.driver is not None:
            return f"../../../bus/pci/drivers/{function.driver}"
        if function is not None and name == "iommu_group" and self.has_group(function):
            return f"../../../kernel/iommu_groups/{function.group}"
        raise FileNotFoundError(2, "No such file or directory", path)

    def real(self, path: str) -> str:
        """Return a path without links."""
        function = self._folder(path)
        if path.startswith("/sys/class/vfio-dev/") and path.endswith("/device"):
            name = path.split("/")[4]
            function = self.cdevs().get(f"/dev/vfio/devices/{name}")
        if function is None:
            raise FileNotFoundError(2, "No such file or directory", path)
        return f"/sys/devices/pci0000:00/{function.address}"

    def text(self, path: str) -> str:
        """Return what is in a file."""
        if path in self.files:
            return self.files[path]
        folder, _, name = path.rpartition("/")
        function = self._folder(folder)
        if function is not None:
            said = {
                "vendor": f"{function.vendor:#06x}",
                "device": f"{function.device:#06x}",
                "class": "0x00ff00",
                "driver_override": function.override or "(null)",
                "reset_method": "flr bus" if function.resettable else "",
            }
            if name in said:
                return said[name] + "\n"
        if (found := self._vfio_file(path)) is not None:
            return found + "\n"
        raise FileNotFoundError(2, "No such file or directory", path)

    def _vfio_file(self, path: str) -> str | None:
        """Return what is in a file that VFIO has made."""
        if path == "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode":
            return None if self.noiommu is None else "NY"[self.noiommu]
        head, _, tail = path.partition("/sys/kernel/iommu_groups/")
        if head == "" and tail.endswith("/name"):
            members = self.members(int(tail.partition("/")[0]))
            return "vfio-noiommu" if members and not members[0].iommu else None
        folder, _, rest = path.partition("/vfio-dev/")
        function = self._folder(folder)
        if function is None or rest != f"{self.cdev_name(function)}/dev":
            return None
        there = any(each is function for each in self.cdevs().values())
        return f"511:{self.cdev_name(function).removeprefix('vfio')}" if there else None

    def names(self, path: str) -> list[str]:
        """Return the names in a folder."""
        if path == "/sys/bus/pci/devices":
            return sorted(self.functions)
        owner = self._folder(path.removesuffix("/vfio-dev")) if path.endswith("/vfio-dev") else None
        if owner is not None and owner.driver == "vfio-pci":
            return [self.cdev_name(owner)]
        head, _, tail = path.partition("/sys/kernel/iommu_groups/")
        if head == "" and tail.endswith("/devices"):
            number = int(tail.partition("/")[0])
            if members := sorted(each.address for each in self.members(number)):
                return members
        prefix = path.rstrip("/") + "/"
        under = {
            each.removeprefix(prefix).partition("/")[0]
            for each in (*self.files, *self.links)
            if each.startswith(prefix)
        }
        if not under:
            raise FileNotFoundError(2, "No such file or directory", path)
        return sorted(under)

    def exists(self, path: str) -> bool:
        """Tell whether there is something."""
        driver = path.removeprefix("/sys/bus/pci/drivers/")
        if driver != path:
            return driver in self.loaded
        if path.startswith("/dev/"):
            return path in self.files_of_vfio()
        if path.startswith("/sys/class/vfio/"):
            return path.replace("/sys/class", "/dev") in self.files_of_vfio()
        return self._folder(path) is not None or path in self.files or path in self.links

    def write(self, path: str, text: str, owned: set[int]) -> None:
        """Do what a driver does when its file is written. `owned` are groups that VFIO has open."""
        folder, _, name = path.rpartition("/")
        function = self._folder(folder)
        if function is not None and name == "driver_override":
            function.override = text.strip()
            return
        driver = path.removeprefix("/sys/bus/pci/drivers/").partition("/")[0]
        if path == "/sys/bus/pci/drivers_probe":
            self._probe(self.functions[text.strip()], owned)
        elif name == "unbind" and self.functions[text.strip()].driver == driver:
            self.functions[text.strip()].driver = None
        else:
            raise OSError(19, "No such device", path)

    def _probe(self, function: Function, owned: set[int]) -> None:
        if function.driver is not None:
            return
        wanted = function.override or function.host_driver
        if wanted is None or wanted not in self.loaded:
            return
        if wanted != "vfio-pci" and function.group in owned:
            raise OSError(22, "Invalid argument")
        function.driver = wanted
