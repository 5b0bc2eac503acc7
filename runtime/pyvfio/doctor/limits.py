# SPDX-License-Identifier: GPL-2.0-or-later
"""What the user lacks, with all files open: memory to pin, and the token of a virtual function."""

from __future__ import annotations

from typing import Final

from pyvfio.doctor.case import Case
from pyvfio.doctor.finding import IOMMUFD, Finding, Seen
from pyvfio.doctor.processes import holders
from pyvfio.doctor.reading import field, names, target, text
from pyvfio.doctor.users import CAP_IPC_LOCK
from pyvfio.sysfs import is_vfio

TOKEN_ON_CDEV: Final = (6, 17)
"""Since this Linux a device that is opened through iommufd wants its token too."""


def memlock(case: Case) -> Finding | None:
    """Tell that the memory for DMA cannot be pinned."""
    if case.user.can(CAP_IPC_LOCK):
        return None
    limit, path = _memlock_limit(case)
    if limit is None:
        return None
    status = text(case.kernel, "/proc/self/status") or ""
    taken = int((field(status, "VmLck") or "0").split()[0]) * 1024 if case.user.self else 0
    wanted = case.wanted.dma
    if limit - taken >= wanted:
        case.notes.append(f"up to {limit - taken} bytes can be mapped for DMA (RLIMIT_MEMLOCK)")
        return None
    who = case.user.name
    kib = -(-(wanted + taken) // 1024)
    seen = [Seen(path, f"Max locked memory {limit} bytes")]
    if taken:
        seen.append(Seen("/proc/self/status", f"VmLck {taken} bytes"))
    return Finding(
        "memlock",
        f"{limit - taken} bytes may be pinned, and {wanted} are wanted for DMA",
        tuple(seen),
        "Memory that a device reaches is pinned, and counted against RLIMIT_MEMLOCK: mapping more"
        " fails with ENOMEM. The limit is each process's, and what is pinned through iommufd all"
        " of a user's processes share",
        f"raise the limit to {kib} KiB at least, and log in again (for a service of systemd:"
        f" LimitMEMLOCK={kib}K)",
        (f"echo '{who} - memlock {kib}' > /etc/security/limits.d/70-vfio-{who}.conf",),
    )


def _memlock_limit(case: Case) -> tuple[int | None, str]:
    """Return the limit in bytes, None for none or if it is not known, and where it was read."""
    if case.user.self:
        return case.kernel.memlock_limit(), "/proc/self/limits"
    for pid in names(case.kernel, "/proc"):
        status = text(case.kernel, f"/proc/{pid}/status") if pid.isdecimal() else None
        if status is None or (field(status, "Uid") or "").split()[:1] != [str(case.user.uid)]:
            continue
        for line in (text(case.kernel, f"/proc/{pid}/limits") or "").splitlines():
            if line.startswith("Max locked memory"):
                word = line.split()[3]
                return int(word) if word.isdecimal() else None, f"/proc/{pid}/limits"
    case.notes.append(
        f"how much memory {case.user.name} may pin is not known: no process of theirs runs"
    )
    return None, ""


def vf_token(case: Case, backend: str) -> Finding | None:
    """Tell that opening wants a token, which the owner of the physical function sets."""
    if case.wanted.vf_token is not None or (backend == IOMMUFD and not _cdev_wants_token(case)):
        return None
    physical = target(case.kernel, f"{case.folder}/physfn")
    if physical is not None:
        driver = target(case.kernel, f"{case.folder}/physfn/driver")
        if not is_vfio(driver):
            return None
        return Finding(
            "vf-token",
            f"the device is a virtual function of {physical}, which {driver} has",
            (
                Seen(f"{case.folder}/physfn", physical),
                Seen(f"{case.folder}/physfn/driver", driver or ""),
            ),
            "Who has the physical function can read and change what its virtual ones do. So the"
            " kernel wants to hear from both that they know each other: a UUID, which the owner of"
            " the physical function has set (VFIO_DEVICE_FEATURE_PCI_VF_TOKEN). Without it opening"
            " fails with EACCES",
            "ask the owner of the physical function for the token, and give it along:"
            f' pyvfio.open_device("{case.address}", vf_token=UUID). With it, ask again here',
            (f"pyvfio doctor {case.address} --vf-token UUID",),
        )
    return _token_of_physical(case)


def _cdev_wants_token(case: Case) -> bool:
    release = text(case.kernel, "/proc/sys/kernel/osrelease") or ""
    words = release.split("-")[0].split(".")[:2]
    return tuple(int(word) for word in words if word.isdecimal()) >= TOKEN_ON_CDEV


def _token_of_physical(case: Case) -> Finding | None:
    """Tell that a physical function whose virtual ones are in use wants the token as well."""
    used = {}
    for name in names(case.kernel, case.folder):
        if not name.startswith("virtfn"):
            continue
        virtual = f"{case.folder}/{name}"
        # An open device is enabled, and one that VFIO has and nobody uses is not.
        if is_vfio(target(case.kernel, f"{virtual}/driver")) and (
            (text(case.kernel, f"{virtual}/enable") or "0") != "0"
        ):
            used[f"{virtual}/enable"] = target(case.kernel, virtual)
    if not used:
        return None
    groups = [target(case.kernel, f"{path[:-7]}/iommu_group") for path in used]
    users = holders(case.kernel, (f"/dev/vfio/{group}" for group in groups)).certain
    seen = [Seen(path, f"{text(case.kernel, path)} ({name})") for path, name in used.items()]
    return Finding(
        "vf-token",
        f"virtual functions of the device are in use: {', '.join(map(str, used.values()))}",
        (*seen, *(Seen(f"/proc/{each.pid}/fd", str(each)) for each in users)),
        "Who gets the physical function now could change what others do with its virtual ones. The"
        " kernel lets in who knows the token with which these were opened, and nobody else (EACCES)",
        f'give the token: pyvfio.open_device("{case.address}", vf_token=UUID); or close the virtual'
        " functions first",
        (f"pyvfio doctor {case.address} --vf-token UUID",),
    )
