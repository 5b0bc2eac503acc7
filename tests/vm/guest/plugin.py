# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest's pytest plugin: reports go to the host as they come, and tests are kept in order.

No test hangs, or leaves anything open, and the kernel has nothing to complain of.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path
from types import FrameType
from typing import BinaryIO

import pytest

from pyvfio import KERNEL
from pyvfio.holders import maps_a_device
from tests.vm.guest import devices
from tests.vm.guest.kernel_log import KernelLog
from tests.vm.guest.ports import port

_PATIENCE = 60  # seconds

_kernel_log = pytest.StashKey[KernelLog]()


class Reporting:
    """Writes what pytest knows of each phase of each test to *stream*, a line of JSON each."""

    def __init__(self, config: pytest.Config, stream: BinaryIO) -> None:
        self._config = config
        self._stream = stream

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Send the report of a set-up, a call or a tear-down."""
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        self._stream.write(json.dumps(data).encode() + b"\n")


def pytest_configure(config: pytest.Config) -> None:
    """Open the port, unbuffered: what a crash leaves is what came before it."""
    stream = port(devices.REPORTS).open("wb", buffering=0)
    config.pluginmanager.register(Reporting(config, stream))
    config.add_cleanup(stream.close)


class TooLong(Exception):
    """A test took too long."""


def _too_long(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - signal.signal's
    raise TooLong(f"not done after {_PATIENCE} s")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    """Interrupt a test that hangs, be it in a system call; the ones after it still run."""
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(_PATIENCE)
    try:
        return (yield)
    finally:
        signal.alarm(0)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failure what the kernel said."""
    report = yield
    log = item.stash.get(_kernel_log, None)
    if report.failed and log is not None:
        report.sections.append(("Kernel log", "\n".join(log.lines())))
    return report


@pytest.fixture(autouse=True)
def kernel_log(request: pytest.FixtureRequest) -> Iterator[KernelLog]:
    """What the kernel says during the test, in which it must not complain of itself."""
    with KernelLog() as log:
        request.node.stash[_kernel_log] = log
        yield log
        del request.node.stash[_kernel_log]
        if log.complaints():
            pytest.fail("\n".join(["the kernel complained:", *log.lines()]), pytrace=False)


def _open_files() -> dict[str, str]:
    """What this process has open, but for /proc itself."""
    found = {}
    for link in Path("/proc/self/fd").iterdir():
        try:
            found[link.name] = os.readlink(link)  # noqa: PTH115 - a target may be no path
        except FileNotFoundError:  # the folder that is being listed
            continue
    return found


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """The test closes what it opens, and unmaps what it maps of devices."""
    before = _open_files()
    yield
    assert _open_files() == before
    assert not maps_a_device(KERNEL)
