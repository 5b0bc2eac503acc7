# SPDX-License-Identifier: GPL-2.0-or-later
"""What /sys tells of devices, their drivers and their IOMMU groups."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from pathlib import PurePosixPath

from pyvfio import errors
from pyvfio.address import PciAddress
from pyvfio.errors import VfioError
from pyvfio.kernel import KERNEL, Kernel

HARMLESS = frozenset({"pci-stub", "pcieport"})
"""Drivers beside VFIO's that leave a group to it: one that does nothing, and that of ports."""


@dataclass(frozen=True, slots=True)
class Place:
    """A device that VFIO can be asked for.

    Attributes:
        path: Its folder below /sys/devices.
        name: What VFIO knows it by: the folder's name, which for PCI is the address.
        group: Number of its IOMMU group.
        driver: Name of the driver that has it, None if none.
    """

    path: str
    name: str
    group: int
    driver: str | None


@dataclass(frozen=True, slots=True)
class PciFunction:
    """A PCI function as /sys shows it.

    Attributes:
        path: Its folder.
        class_code: Base class, subclass and interface in 24 bits.
        driver: Name of the driver that has it, None if none.
        driver_override: Name of the only driver that may take it, None if any may.
        group: Number of its IOMMU group, None if there is no IOMMU.
        reset_methods: How Linux can reset it (`flr`, `pm`, `bus`, ...).
    """

    address: PciAddress
    path: str
    vendor_id: int
    device_id: int
    class_code: int
    driver: str | None
    driver_override: str | None
    group: int | None
    reset_methods: tuple[str, ...]


def is_vfio(driver: str | None) -> bool:
    """Whether a driver is one of VFIO's: vfio-pci, or mlx5_vfio_pci and its like."""
    return driver is not None and "vfio" in driver


def harmless(driver: str | None) -> bool:
    """Whether a driver leaves its device's group to VFIO (driver_managed_dma in Linux)."""
    return driver is None or driver in HARMLESS or is_vfio(driver)


class Sysfs:
    """A reader of /sys.

    Args:
        kernel: Through whom it reads.
        root: Where /sys is mounted.
    """

    def __init__(self, kernel: Kernel | None = None, root: str = "/sys") -> None:
        self.kernel = kernel or KERNEL
        self.root = root

    def pci_path(self, address: PciAddress) -> str:
        """Return where a PCI function's folder is found."""
        return f"{self.root}/bus/pci/devices/{address}"

    def pci_addresses(self) -> tuple[PciAddress, ...]:
        """Return the addresses of all PCI functions, sorted.

        Raises:
            VfioError: /sys cannot be read.
        """
        names = self._list(f"{self.root}/bus/pci/devices")
        return tuple(sorted(PciAddress.parse(name) for name in names))

    def pci_functions(self) -> tuple[PciFunction, ...]:
        """Return all PCI functions in order of their addresses.

        Raises:
            VfioError: /sys cannot be read.
        """
        return tuple(self.pci(address) for address in self.pci_addresses())

    def pci(self, address: PciAddress | str) -> PciFunction:
        """Return the PCI function at an address.

        Raises:
            NotAvailable: there is none.
            VfioError: /sys cannot be read.
        """
        if isinstance(address, str):
            address = PciAddress.parse(address)
        path = self.pci_path(address)
        if not self.kernel.exists(path):
            raise errors.NotAvailable(
                errno.ENOENT, "open", path, advice=f"there is no PCI function at {address}"
            )
        override = self._read(path, "driver_override")
        return PciFunction(
            address,
            path,
            int(self._read(path, "vendor") or "0", 16),
            int(self._read(path, "device") or "0", 16),
            int(self._read(path, "class") or "0", 16),
            self._link_name(path, "driver"),
            None if override in ("", "(null)") else override,
            self._group(path),
            tuple((self._read(path, "reset_method") or "").split()),
        )

    def place(self, where: PciAddress | str) -> Place:
        """Find a device by its PCI address or by its folder (QEMU's sysfsdev).

        Raises:
            NotAvailable: there is none, or it is in no IOMMU group.
            ValueError: `where` is neither.
        """
        if isinstance(where, str) and not where.startswith("/"):
            where = PciAddress.parse(where)
        path = where if isinstance(where, str) else self.pci_path(where)
        try:
            path = self.kernel.real_path(path)
        except OSError as error:
            plain = VfioError.of(error, "realpath", path)
            raise plain.refined(errors.NotAvailable, "there is no such device") from error
        group = self._group(path)
        if group is None:
            raise errors.NotAvailable(
                errno.ENOENT,
                "readlink",
                f"{path}/iommu_group",
                advice="the device is in no IOMMU group: switch the IOMMU on in the firmware, and"
                " in Linux (intel_iommu=on or amd_iommu=on)",
            )
        return Place(path, PurePosixPath(path).name, group, self._link_name(path, "driver"))

    def cdev(self, place: Place) -> str | None:
        """Return a device's own file, None if the kernel has none for it.

        That is so before Linux 6.6, without CONFIG_VFIO_DEVICE_CDEV, without an IOMMU, and for a
        device that is not bound to VFIO.

        Raises:
            VfioError: /sys cannot be read.
        """
        folder = f"{place.path}/vfio-dev"
        try:
            names = self.kernel.list_folder(folder)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise VfioError.of(error, "readdir", folder) from error
        # Where devices have no files of their own they have this folder, but no number in it.
        for name in names:
            if self._read(f"{folder}/{name}", "dev") is not None:
                return f"/dev/vfio/devices/{name}"
        return None

    def cdev_owner(self, name: str) -> Place | None:
        """Return the device whose own file is called `name`: `vfio3`; None if there is none.

        Raises:
            VfioError: /sys cannot be read.
        """
        try:
            return self.place(f"{self.root}/class/vfio-dev/{name}/device")
        except errors.NotAvailable:
            return None

    def group_members(self, group: int) -> tuple[str, ...]:
        """Return the names of all devices of an IOMMU group, sorted.

        Raises:
            VfioError: there is no such group.
        """
        return tuple(self._list(f"{self.root}/kernel/iommu_groups/{group}/devices"))

    def neighbours(self, group: int) -> dict[str, str | None]:
        """Return who is in an IOMMU group, and the driver of each.

        Raises:
            VfioError: there is no such group.
        """
        folder = f"{self.root}/kernel/iommu_groups/{group}/devices"
        return {
            name: self._link_name(f"{folder}/{name}", "driver")
            for name in self.group_members(group)
        }

    def _group(self, path: str) -> int | None:
        name = self._link_name(path, "iommu_group")
        return None if name is None else int(name)

    def _link_name(self, path: str, name: str) -> str | None:
        """Return the last part of what a link points to, None if there is no link."""
        try:
            return PurePosixPath(self.kernel.read_link(f"{path}/{name}")).name
        except FileNotFoundError:
            return None
        except OSError as error:
            raise VfioError.of(error, "readlink", f"{path}/{name}") from error

    def _read(self, path: str, name: str) -> str | None:
        """Return what is in a file, without the end of its line, None if there is no file."""
        try:
            return self.kernel.read_file(f"{path}/{name}").decode().rstrip("\n")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise VfioError.of(error, "read", f"{path}/{name}") from error

    def _list(self, path: str) -> list[str]:
        try:
            return self.kernel.list_folder(path)
        except OSError as error:
            raise VfioError.of(error, "readdir", path) from error
