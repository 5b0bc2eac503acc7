# SPDX-License-Identifier: GPL-2.0-or-later
"""The ways to a device: its group in a container, itself through iommufd, or without an IOMMU."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pyvfio.doctor import host, limits
from pyvfio.doctor.case import Case
from pyvfio.doctor.finding import IOMMUFD, LEGACY, Finding, Seen
from pyvfio.doctor.group import GroupState
from pyvfio.doctor.nodes import opened, refused
from pyvfio.errors import VfioError
from pyvfio.handle import Handle
from pyvfio.uapi import container as uapi

CONTAINER: Final = "/dev/vfio/vfio"
CONTAINER_NUMBER: Final = "/sys/class/misc/vfio/dev"
IOMMU: Final = "/dev/iommu"
IOMMU_NUMBER: Final = "/sys/class/misc/iommu/dev"

# By themselves these two lead to no device, and the kernel gives the first one this mode itself.
_EVERYBODY: Final = "0666"
_SHARED: Final = f'SUBSYSTEM=="misc", KERNEL=="{{}}", MODE="{_EVERYBODY}"'


def why_not_offered(case: Case, backend: str) -> Seen | None:
    """Tell what the kernel lacks for a way to the device; None if it lacks nothing."""
    if backend == IOMMUFD:
        if not case.kernel.exists(IOMMU_NUMBER):
            return Seen(IOMMU_NUMBER, "does not exist: there is no module iommufd")
        if case.device_node is None:
            return Seen(
                f"{case.folder}/vfio-dev/{case.vfio_device or '*'}/dev",
                "does not exist: the kernel has no CONFIG_VFIO_DEVICE_CDEV",
            )
        return None
    if not case.kernel.exists(CONTAINER_NUMBER):
        return Seen(CONTAINER_NUMBER, "does not exist: the kernel has no CONFIG_VFIO_CONTAINER")
    if case.group_number is None:
        return Seen("/sys/class/vfio", "does not have the group: no CONFIG_VFIO_GROUP")
    return None


def legacy(case: Case, group: GroupState) -> Iterator[Finding]:
    """Find what is in the way of opening the group in a container."""
    with opened(case, CONTAINER) as container:
        if isinstance(container, VfioError):
            rules = (_SHARED.format("vfio"),)
            yield refused(case, container, CONTAINER_NUMBER, rules, _EVERYBODY)
        elif not _knows_type1(container):
            yield host.no_type1(case)
    if group.error is not None and not group.busy:
        # A group has no fixed number, and no parent that udev would know.
        member = f"/sys/kernel/iommu_groups/%k/devices/{case.address}"
        rule = f'SUBSYSTEM=="vfio", PROGRAM=="/usr/bin/test -e {member}", OWNER="{case.user.name}"'
        yield refused(case, group.error, case.group_number or "", (rule,))
    for each in (host.no_remapping(case, "vfio_iommu_type1"), limits.vf_token(case, LEGACY)):
        if each is not None:
            yield each


def _knows_type1(container: Handle) -> bool:
    kind = uapi.VFIO_TYPE1v2_IOMMU
    try:
        return container.ioctl(uapi.VFIO_CHECK_EXTENSION, kind, extension=kind) > 0
    except VfioError:
        return False


def iommufd(case: Case) -> Iterator[Finding]:
    """Find what is in the way of opening the device itself."""
    rule = f'SUBSYSTEM=="vfio-dev", KERNELS=="{case.address}", OWNER="{case.user.name}"'
    number = f"{case.folder}/vfio-dev/{case.vfio_device}/dev"
    for path, numbers, rules in (
        (IOMMU, IOMMU_NUMBER, (_SHARED.format("iommu"),)),
        (case.device_node or "", number, (rule,)),
    ):
        with opened(case, path) as answer:
            if isinstance(answer, VfioError):
                yield refused(case, answer, numbers, rules)
    for each in (host.no_remapping(case, "iommufd"), limits.vf_token(case, IOMMUFD)):
        if each is not None:
            yield each


def noiommu(case: Case, group: GroupState) -> Iterator[Finding]:
    """Find what is in the way of opening a device that no IOMMU protects memory from."""
    with opened(case, CONTAINER) as container:
        if isinstance(container, VfioError):
            rules = (_SHARED.format("vfio"),)
            yield refused(case, container, CONTAINER_NUMBER, rules, _EVERYBODY)
    if group.error is not None and not group.busy:
        yield refused(case, group.error, case.group_number or "", ())
