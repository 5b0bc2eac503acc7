# SPDX-License-Identifier: GPL-2.0-or-later
"""Why a user cannot open a device, found from what Linux shows: `pyvfio doctor`.

Nothing is changed. Files below /dev are opened and closed again, as the diagnosis tells; what the
device itself would feel - opening it resets it - is done only where it is asked for.
"""

from __future__ import annotations

from typing import Final

from pyvfio.address import PciAddress
from pyvfio.doctor import group as groups
from pyvfio.doctor import host, limits, ways
from pyvfio.doctor.case import DEFAULT_DMA, Case, Wanted
from pyvfio.doctor.finding import (
    AUTO,
    IDS,
    IOMMUFD,
    LEGACY,
    NOIOMMU,
    SHAPE,
    Diagnosis,
    Finding,
    Seen,
    merged,
)
from pyvfio.doctor.users import User, acting_as, current, named
from pyvfio.errors import VfioError
from pyvfio.kernel import KERNEL, Kernel
from pyvfio.opening import Backend, open_device

__all__ = [
    "DEFAULT_DMA",
    "IDS",
    "SHAPE",
    "Diagnosis",
    "Finding",
    "Seen",
    "User",
    "Wanted",
    "current",
    "examine",
    "named",
]


def examine(
    address: PciAddress | str,
    *,
    user: User | None = None,
    wanted: Wanted | None = None,
    kernel: Kernel | None = None,
) -> Diagnosis:
    """Find out why a user cannot open a device.

    Args:
        address: Of the device.
        user: Who wants to open it, None for the user of this process. For another one this process
            must be root's; it opens files as that user for a moment (seteuid), all of its threads.
        wanted: How.
        kernel: Where.

    Raises:
        ValueError: `address` is none.
        PermissionError: another user was asked for, and this process is not root's.
    """
    kernel = kernel or KERNEL
    if isinstance(address, str):
        address = PciAddress.parse(address)
    case = Case(kernel, address, user or current(kernel), wanted or Wanted())
    backend, findings = _examine(case)
    if not findings and backend is not None and case.wanted.really:
        findings = _open(case, backend)
    return Diagnosis(
        address,
        case.user,
        None if findings else backend,
        findings,
        tuple(case.notes),
        tuple(case.attempts),
    )


def _examine(case: Case) -> tuple[Backend | None, tuple[Finding, ...]]:
    """Return the way by which the device can be opened, or what is in the way."""
    gone = host.no_such_device(case) or host.dead(case)
    if gone is not None:
        return None, (gone,)
    if case.wanted.backend == NOIOMMU:
        return _examine_noiommu(case)
    if (unprotected := host.no_iommu(case)) is not None:
        # Without an IOMMU no driver of VFIO takes the device: one cause, not two.
        return None, (unprotected,)
    found = [host.not_bound(case)]
    group = groups.open_group(case)
    found += [groups.not_viable(case, group), limits.memlock(case)]
    if not case.bound:
        found.append(host.no_remapping(case, "vfio_iommu_type1"))
        return None, tuple(each for each in found if each is not None)
    found.append(groups.busy(case, group))
    backend, barred = _ways(case, group)
    return backend, merged((*(each for each in found if each is not None), *barred))


def _ways(case: Case, group: groups.GroupState) -> tuple[Backend | None, tuple[Finding, ...]]:
    """Return the way that is open, or what bars it.

    As `pyvfio.choose_backend`: iommufd, where the kernel has it and the user may open its files.
    """
    wanted = case.wanted.backend
    asked: tuple[Backend, ...] = (IOMMUFD, LEGACY) if wanted == AUTO else (wanted,)
    barred: list[Finding] = []
    lacking: list[Seen] = []
    for backend in asked:
        if (lacks := ways.why_not_offered(case, backend)) is not None:
            lacking.append(lacks)
            continue
        found = tuple(ways.iommufd(case) if backend == IOMMUFD else ways.legacy(case, group))
        if wanted == AUTO and not any(each.id in _CLOSED for each in found):
            case.notes += [f"not through {each.backends[0]}: {each.summary}" for each in barred]
            return backend, tuple(each.barring(backend) for each in found)
        barred += [each.barring(backend) for each in found]
    if lacking and not barred:
        return None, (_not_offered(case, lacking),)
    return (None if barred else asked[0]), tuple(barred)


_CLOSED: Final = ("permission", "node-missing")


def _not_offered(case: Case, lacking: list[Seen]) -> Finding:
    return Finding(
        "backend-missing",
        f"the kernel does not offer the device in the way that is wanted ({case.wanted.backend})",
        tuple(lacking),
        "A device is opened through its group in a container, or by itself through iommufd; what"
        " the kernel was built without, or has not loaded, is not there to be opened",
        "load the module, or ask for the other way",
        ("modprobe -a vfio_iommu_type1 iommufd",),
    )


def _examine_noiommu(case: Case) -> tuple[Backend | None, tuple[Finding, ...]]:
    if case.group is not None and not case.unprotected:
        has = Seen(f"{case.folder}/iommu_group", f"{case.group}, which is an IOMMU's")
        return None, (_not_offered(case, [has]),)
    # Without the mode no driver of VFIO takes the device: one cause, not two.
    unready = host.noiommu_off(case) or host.not_bound(case)
    if unready is not None:
        return None, (unready.barring(NOIOMMU),)
    group = groups.open_group(case)
    in_use = groups.busy(case, group)
    found = (*(() if in_use is None else (in_use,)), *ways.noiommu(case, group))
    return NOIOMMU, merged(each.barring(NOIOMMU) for each in found)


def _open(case: Case, backend: Backend) -> tuple[Finding, ...]:
    """Open the device as a program would, and tell of what nobody foresaw."""
    try:
        with acting_as(case.user):
            open_device(
                case.address,
                backend=backend,
                vf_token=case.wanted.vf_token,
                kernel=case.kernel,
            ).close()
    except VfioError as error:
        case.attempts.append(Seen(str(case.address), error.strerror or ""))
        return (
            Finding(
                "unexplained",
                "nothing of what is known here is in the way, and yet it cannot be opened",
                (Seen(error.path, str(error)),),
                "Something is wrong that pyvfio does not know of",
                error.advice or "look into the kernel's log",
                ("dmesg | tail",),
                backends=(backend,),
            ),
        )
    case.attempts.append(Seen(f"{case.address} through {backend}", "ok; this has reset it"))
    return ()
