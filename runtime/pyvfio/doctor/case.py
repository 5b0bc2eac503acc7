# SPDX-License-Identifier: GPL-2.0-or-later
"""What is looked at: a device, a user, what is wanted, and what /sys says of the device."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Literal

from pyvfio.address import PciAddress
from pyvfio.doctor.finding import Seen
from pyvfio.doctor.reading import names, target, text
from pyvfio.doctor.users import User
from pyvfio.kernel import Kernel
from pyvfio.opening import Backend
from pyvfio.sysfs import is_vfio

DEFAULT_DMA: Final = 1 << 20
"""Bytes of memory that a program is taken to map for its device, if nothing else is said."""

NOIOMMU_GROUP: Final = "vfio-noiommu"
"""What the kernel names a group that it makes up for a device without an IOMMU."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How the device is to be opened.

    Attributes:
        backend: `auto`, `iommufd`, `legacy` or `noiommu`, as `pyvfio.open_device` has it.
        dma: Bytes of memory that will be mapped.
        vf_token: UUID that will be given, None for none.
        really: Open the device in the end as a program would, which resets it.
    """

    backend: Backend | Literal["auto"] = "auto"
    dma: int = DEFAULT_DMA
    vf_token: str | None = None
    really: bool = False


@dataclass
class Case:
    """A device, a user and a wish, with what was found out.

    Attributes:
        notes: What to tell beside.
        attempts: What was opened.
    """

    kernel: Kernel
    address: PciAddress
    user: User
    wanted: Wanted
    notes: list[str] = field(default_factory=list)
    attempts: list[Seen] = field(default_factory=list)

    @property
    def folder(self) -> str:
        """The device's folder below /sys."""
        return f"/sys/bus/pci/devices/{self.address}"

    def read(self, name: str) -> str | None:
        """Return what a file of the device's folder says."""
        return text(self.kernel, f"{self.folder}/{name}")

    def seen(self, name: str) -> Seen:
        """Quote a file of the device's folder, or tell that it is not there."""
        value = self.read(name)
        return Seen(f"{self.folder}/{name}", "there is no such file" if value is None else value)

    @cached_property
    def driver(self) -> str | None:
        """The driver that has it."""
        return target(self.kernel, f"{self.folder}/driver")

    @cached_property
    def bound(self) -> bool:
        """Whether that is one of VFIO's."""
        return is_vfio(self.driver)

    @cached_property
    def group(self) -> int | None:
        """Number of its IOMMU group, also of one that is made up (`unprotected`)."""
        number = target(self.kernel, f"{self.folder}/iommu_group")
        return int(number) if number is not None and number.isdecimal() else None

    @cached_property
    def unprotected(self) -> bool:
        """Whether the group is made up for a device without an IOMMU."""
        name = text(self.kernel, f"/sys/kernel/iommu_groups/{self.group}/name")
        return self.group is not None and name == NOIOMMU_GROUP

    @cached_property
    def members(self) -> tuple[str, ...]:
        """The folders of all devices of its group, its own first."""
        folder = f"/sys/kernel/iommu_groups/{self.group}/devices"
        others = [name for name in names(self.kernel, folder) if name != str(self.address)]
        return (self.folder, *(f"{folder}/{name}" for name in others))

    @cached_property
    def vfio_device(self) -> str | None:
        """What VFIO numbers the device as: `vfio0`; None if it does not have it."""
        return self._numbered(self.folder)

    def _numbered(self, folder: str) -> str | None:
        found = names(self.kernel, f"{folder}/vfio-dev")
        return found[0] if found else None

    @property
    def group_node(self) -> str | None:
        """The file by which the group is opened."""
        if self.group is None:
            return None
        return f"/dev/vfio/{'noiommu-' if self.unprotected else ''}{self.group}"

    @property
    def group_number(self) -> str | None:
        """The file of /sys that tells the device number of that, None if there is none."""
        if self.group_node is None:
            return None
        folder = f"/sys/class/vfio/{self.group_node.rpartition('/')[2]}"
        return f"{folder}/dev" if self.kernel.exists(folder) else None

    @property
    def device_node(self) -> str | None:
        """The file by which the device itself is opened; None where the kernel makes none."""
        return self._node(self.folder)

    def _node(self, folder: str) -> str | None:
        name = self._numbered(folder)
        if name is None or text(self.kernel, f"{folder}/vfio-dev/{name}/dev") is None:
            return None
        return f"/dev/vfio/devices/{name}"

    def nodes(self) -> tuple[str, ...]:
        """Return all files by which somebody may have the group, or a device of it."""
        found = (self.group_node, *map(self._node, self.members))
        return tuple(path for path in found if path is not None)
