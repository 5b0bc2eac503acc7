# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices described in lines of text, for people."""

from __future__ import annotations

from collections.abc import Iterator

from pyvfio.container import Container
from pyvfio.device import Device
from pyvfio.errors import ResetUnsupported, VfioError
from pyvfio.info import RegionInfo
from pyvfio.iommu import Iommu
from pyvfio.sysfs import PciFunction, Sysfs, harmless
from pyvfio.uapi import pci

REGION_NAMES = (*(f"BAR {number}" for number in range(6)), "ROM", "config", "VGA")
UNITS = ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


def size(count: int) -> str:
    """Write a number of bytes in the largest unit that it is a multiple of."""
    for unit, name in UNITS:
        if count >= unit and count % unit == 0:
            return f"{count // unit} {name}"
    return f"{count} B"


def line(function: PciFunction) -> str:
    """Describe a function in one line: address, ids, class, driver, group."""
    group = "-" if function.group is None else str(function.group)
    return (
        f"{function.address}  {function.vendor_id:04x}:{function.device_id:04x}"
        f"  {function.class_code:06x}  {function.driver or '-':<16}  {group:>4}"
    )


HEADING = f"{'address':<12}  {'id':<9}  {'class':<6}  {'driver':<16}  group"


def of_sysfs(sysfs: Sysfs, function: PciFunction) -> Iterator[str]:
    """Describe what /sys tells of a function.

    Raises:
        VfioError: /sys cannot be read.
    """
    yield (
        f"{function.address}: {function.vendor_id:04x}:{function.device_id:04x}, class"
        f" {function.class_code:06x}"
    )
    override = f" (override: {function.driver_override})" if function.driver_override else ""
    yield f"  driver: {function.driver or 'none'}{override}"
    if function.group is None:
        yield "  group: none, since no IOMMU is on"
        return
    members = sysfs.neighbours(function.group)
    guilty = [name for name, driver in members.items() if not harmless(driver)]
    viable = "viable" if not guilty else f"not viable, for {', '.join(guilty)}"
    yield f"  group: {function.group}, {viable}"
    for name, driver in members.items():
        if name != str(function.address):
            yield f"    with {name}, driver {driver or 'none'}"
    yield f"  Linux can reset it by: {' '.join(function.reset_methods) or 'nothing'}"


def of_region(info: RegionInfo) -> str:
    """Describe a region in one line."""
    known = info.index < len(REGION_NAMES)
    name = REGION_NAMES[info.index] if known else f"region {info.index}"
    words = [name for name, yes in (("read", info.readable), ("write", info.writable)) if yes]
    if info.sparse is not None:
        areas = ", ".join(f"{each.offset:#x}+{each.size:#x}" for each in info.sparse)
        words.append(f"mmap ({areas})")
    elif info.mappable:
        words.append("mmap")
    if info.msix_mappable:
        words.append("with MSI-X table")
    if info.type is not None:
        words.append(f"type {info.type.type:#x}.{info.type.subtype}")
    return f"{name:<8} {size(info.size):>8}  {' '.join(words)}"


def of_device(device: Device) -> Iterator[str]:
    """Describe what VFIO tells of an open PCI device.

    Raises:
        VfioError: the kernel refused to tell.
    """
    yield f"  VFIO can reset it alone: {'yes' if device.info.resettable else 'no'}"
    yield f"  a hot reset of its bus resets: {_hot_reset(device)}"
    yield "  regions:"
    for index in range(device.info.num_regions):
        # Only VGA devices have this one; of others it cannot be asked for.
        if index == pci.VFIO_PCI_VGA_REGION_INDEX and device.config.class_code >> 8 != 0x0300:
            continue
        info = device.region_info(index)
        if info.size:
            yield f"    {of_region(info)}"
    yield "  interrupts:"
    for irq in device.irqs:
        try:
            told = irq.info
        except VfioError:
            continue
        flags = ("maskable", "automasked", "noresize")
        words = " ".join(flag for flag in flags if getattr(told, flag))
        if told.count:
            yield f"    {irq.name:<6} {told.count:>4}  {words}".rstrip()
    yield "  capabilities:"
    for capability in device.config.capabilities():
        width = 3 if capability.extended else 2
        yield f"    {capability.offset:0{width}x}  {capability.name}"


def _hot_reset(device: Device) -> str:
    try:
        affected = device.hot_reset_info().affected
    except ResetUnsupported as error:
        return f"nothing: {error.advice}"
    return ", ".join(str(each.address) for each in affected)


def of_iommu(iommu: Iommu) -> Iterator[str]:
    """Describe the address space.

    Raises:
        VfioError: the kernel refused to tell.
    """
    info = iommu.info() if isinstance(iommu, Container) else None
    sizes = iommu.page_size() if info is None else info.page_sizes
    pages = ", ".join(size(1 << bit) for bit in range(64) if sizes >> bit & 1)
    yield f"  IOMMU: {iommu.kind}, pages of {pages}"
    for each in iommu.iova_ranges() if info is None else info.iova_ranges:
        yield f"    DMA at {each.start:#x}..{each.end:#x}"
    if info is not None and info.dma_available is not None:
        yield f"    {info.dma_available} more mappings"
