# SPDX-License-Identifier: GPL-2.0-or-later
"""Why the kernel would not map memory for devices, be it in a container or in an iommufd."""

from __future__ import annotations

import errno

from pyvfio import errors
from pyvfio.errors import VfioError
from pyvfio.iommu import Translation
from pyvfio.iova import IovaRange, describe, within
from pyvfio.kernel import Kernel


def explain_map(
    error: VfioError, where: Translation, vaddr: int, iova: int, size: int
) -> VfioError:
    """Tell what is wrong with a mapping by the errno that it failed with."""
    match error.errno:
        case errno.EEXIST:
            return error.refined(errors.DmaOverlap, "a part of it is mapped already")
        case errno.EFAULT:
            advice = "the process has no memory at vaddr, or may not write to it"
            return error.refined(VfioError, advice)
        case errno.EINVAL | errno.EOVERFLOW:
            return _explain_invalid(error, where, vaddr, iova, size)
    return error


def explain_memlock(error: VfioError, kernel: Kernel, size: int, locked: int | None) -> VfioError:
    """Tell of RLIMIT_MEMLOCK where memory of `size` bytes could not be pinned (ENOMEM).

    Args:
        error: The failure.
        kernel: Whose limit.
        size: Bytes that were to be pinned.
        locked: Bytes that were pinned before, None if that is not known.
    """
    limit = kernel.memlock_limit()
    if limit is None:
        return error
    before = "" if locked is None else f", {locked} are locked"
    advice = (
        f"{size} bytes are to be pinned{before}, and RLIMIT_MEMLOCK is {limit}. Raise it"
        " (ulimit -l, LimitMEMLOCK= of systemd, limits.conf), or map less"
    )
    return error.refined(errors.MemlockExceeded, advice, limit=limit, locked=locked)


def _explain_invalid(
    error: VfioError, where: Translation, vaddr: int, iova: int, size: int
) -> VfioError:
    try:
        page, ranges = where.page_size(), where.iova_ranges()
    except VfioError:
        return error
    if size == 0 or (vaddr | iova | size) & (page - 1):
        advice = f"vaddr, iova and size must be multiples of {page}, and size not 0"
        return error.refined(errors.Misaligned, advice)
    if not within(IovaRange(iova, iova + size - 1), ranges):
        advice = f"the IOMMU translates {describe(ranges)}"
        return error.refined(errors.IovaOutOfRange, advice, ranges=ranges)
    return error
