# SPDX-License-Identifier: GPL-2.0-or-later
"""Each kernel call of each operation fails in turn: nothing is left open, mapped or on.

Of each operation the calls of a clean run are counted, in the doing and in the giving back. Then it
is run once for each of them, and that one fails. The error must name the step. What the operation
would have brought must be gone at once, unless the giving back itself failed; and when all that
was prepared is closed, nothing at all may be left.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from pyvfio.device import Device
from pyvfio.errors import VfioError
from tests.unit.pyvfio.fake.kernel import FakeKernel
from tests.unit.pyvfio.fake.machines import standard
from tests.unit.pyvfio.operations import OPERATIONS, Operation
from tests.unit.pyvfio.operations_features import FEATURES
from tests.unit.pyvfio.operations_iommufd import IOMMUFD

ERRNOS = (errno.EIO, errno.EINVAL, errno.EPERM, errno.ENOMEM, errno.EBUSY, errno.ENODEV)
TOLERATED = {
    ("unbind", "readdir"),
    ("bind", "readdir"),
    ("features probe", "VFIO_DEVICE_FEATURE"),
    ("adopt device", "readlink"),
    ("adopt device", "realpath"),
}
"""Looking for processes that have the device open: who may not look goes on. Asking whether a
feature is there: some errors are the answer no. Looking for the name of a device whose descriptor
is given."""


@dataclass
class Run:
    """One run of an operation, in which at most one call fails.

    Attributes:
        doing: How many calls were made when it was done.
        calls: The calls, those of giving back too, but not of preparing and of closing it all.
        raised: What the user saw.
        kept: What was left when it had failed, or had been given back, and was not before.
        left: What was left at the end.
    """

    doing: int
    calls: list[str]
    raised: BaseException | None
    kept: str
    left: str


def run(operation: Operation, fail_at: int | None = None, fail_with: int = errno.EIO) -> Run:
    """Run an operation, and let one of its calls fail."""
    machine = standard()
    kernel = FakeKernel(machine)
    raised: BaseException | None = None
    doing = 0
    calls: list[str] = []
    kept = ""
    try:
        with ExitStack() as stack:
            prepared = operation.prepare(kernel, stack)
            before, had = kernel.leaks(), addresses(prepared)
            kernel.calls.clear()
            kernel.fail_at, kernel.fail_with = fail_at, fail_with
            try:
                done = operation.do(prepared)
                doing = len(kernel.calls)
                if hasattr(done, "close"):
                    done.close()
                del done
            except VfioError as error:
                raised = error
                doing = doing or len(kernel.calls)
            calls = list(kernel.calls)
            kernel.fail_at = None
            after = kernel.leaks()
            kept = "" if after == before else f"{after}, before it was {before}"
            if addresses(prepared) != had:
                kept += f"addresses: {addresses(prepared)}, before it was {had}"
            del prepared
        left = str(kernel.leaks()) if kernel.leaks() else ""
    finally:
        machine.close()
    return Run(doing, calls, raised, kept, left)


def addresses(prepared: object) -> object:
    """Return which addresses of DMA are free, of what has any."""
    if isinstance(prepared, Device) and not prepared.closed:
        return prepared.dma.addresses.free_ranges
    return None


def named(step: str, error: BaseException | None) -> bool:
    """Tell whether an error, or one that it came of, names a step."""
    while error is not None:
        if isinstance(error, VfioError) and error.call == step:
            return True
        error = error.__context__
    return False


def failures(operation: Operation, clean: Run) -> Iterator[str]:
    """Let each call fail with each errno and yield what is wrong."""
    for number, step in enumerate(clean.calls, 1):
        for code in ERRNOS:
            tried = run(operation, number, code)
            what = f"{operation.name}: {errno.errorcode[code]} from call {number}, {step}"
            name = operation.name.removesuffix(", by iommufd")
            told = operation.name.startswith("pyvfio") or (name, step) in TOLERATED
            if not told and not named(step, tried.raised):
                yield f"{what}: raised {tried.raised!r}"
            if tried.kept and number <= clean.doing and not gives_back(operation):
                yield f"{what}: kept {tried.kept}"
            if tried.left:
                yield f"{what}: left {tried.left}"


def gives_back(operation: Operation) -> bool:
    """Tell whether doing it is itself giving back, so that what fails stays."""
    return operation.name.startswith(("close", "dma unmap", "msix disable", "pyvfio"))


@pytest.mark.parametrize(
    "operation", [*OPERATIONS, *FEATURES, *IOMMUFD], ids=lambda operation: operation.name
)
def test_nothing_is_left_whichever_call_fails(
    operation: Operation, steps: list[tuple[str, int, int]]
) -> None:
    clean = run(operation)
    assert clean.raised is None
    assert clean.left == ""
    assert clean.calls, "it asks the kernel nothing"
    if not gives_back(operation):
        assert clean.kept == ""
    wrong = list(failures(operation, clean))
    steps.append((operation.name, len(clean.calls), sum(": left" in each for each in wrong)))
    assert wrong == []
