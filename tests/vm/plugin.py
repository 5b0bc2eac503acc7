# SPDX-License-Identifier: GPL-2.0-or-later
"""A pytest plugin of the host: the tests of one folder run in a guest, and report here.

pytest collects the folder on the host as any other, so that ``-k``, ``--collect-only`` and test
ids work; what was selected then runs in one guest, in one pytest, whose reports are shown as they
come.
"""

from __future__ import annotations

import json
import shlex
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.qemu import cache
from tests.qemu.run import CommandError

from .machine import TAIL, GuestError, Machine, Results
from .packages import Missing

# -o addopts=: the host's options are not the guest's; junit.xml comes back with the rest of /out.
_PYTEST = (
    "python3 -m pytest -o addopts=--import-mode=importlib -p tests.vm.guest.plugin"
    " -p no:cacheprovider --junitxml=/out/junit.xml"
).split()


class GuestTests:
    """Replaces the running of the tests below *folder* by one run in a guest.

    *boot* makes the guest that runs a command.
    """

    def __init__(self, folder: Path, boot: Callable[[str], Machine]) -> None:
        self._folder = folder
        self._boot = boot
        self._run: _Run | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> bool | None:
        """Show what the guest reports of *item*, if it is one of the guest's."""
        if not self._is_guests(item):
            return None
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        try:
            run = self._started(item.session)
            for report in run.reports(item.nodeid):
                item.ihook.pytest_runtest_logreport(report=report)
            if nextitem is None or not self._is_guests(nextitem):
                run.results()
        except (GuestError, Missing, CommandError) as error:
            item.ihook.pytest_runtest_logreport(report=_failure(item, str(error)))
            item.session.shouldfail = "there is no guest, or none any more"
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def results(self, session: pytest.Session) -> Results:
        """What the guest left, once it has run all that was selected.

        Raises `GuestError` when the guest did not come to its end.
        """
        return self._started(session).results()

    def pytest_sessionfinish(self) -> None:
        """End the guest, which still runs if pytest was interrupted."""
        if self._run is not None:
            self._run.machine.close()

    def _is_guests(self, item: pytest.Item) -> bool:
        return item.path.is_relative_to(self._folder)

    def _started(self, session: pytest.Session) -> _Run:
        if self._run is None:
            selected = [item.nodeid for item in session.items if self._is_guests(item)]
            command = shlex.join([*_PYTEST, *selected]) if selected else "true"
            self._run = _Run(session.config, self._boot(command))
        return self._run


class _Run:
    """A machine on its way through the tests, in their order."""

    def __init__(self, config: pytest.Config, machine: Machine) -> None:
        self.machine = machine
        self._config = config
        self._lines = machine.reports()
        self._received: defaultdict[str, list[pytest.TestReport]] = defaultdict(list)
        self._error: GuestError | None = None
        self._results: Results | None = None

    def reports(self, nodeid: str) -> list[pytest.TestReport]:
        """The guest's reports of one test: of its set-up, its call and its tear-down."""
        received = self._received[nodeid]
        while not any(report.when == "teardown" for report in received):
            if not self._receive():
                raise GuestError(f"the guest did not run it:\n{self.results().console[-TAIL:]}")
        return received

    def results(self) -> Results:
        """What the guest left after all tests."""
        while self._results is None:
            if not self._receive():
                try:
                    self._results = self.machine.results()
                except GuestError as error:
                    self._error = error
                    raise
                _keep(self._results)
        return self._results

    def _receive(self) -> bool:
        """Take in the next report; False says that there was none before the guest's end."""
        if self._error is not None:
            raise self._error
        try:
            line = next(self._lines, None)
        except GuestError as error:
            self._error = error
            raise
        if line is None:
            return False
        report = self._config.hook.pytest_report_from_serializable(
            config=self._config, data=json.loads(line)
        )
        assert isinstance(report, pytest.TestReport)
        self._received[report.nodeid].append(report)
        return True


def _keep(results: Results) -> None:
    """Leave the files where a person looks for them after a run."""
    folder = cache.root() / "vm" / "last"
    for name, data in {**results.files, "console": results.console.encode()}.items():
        cache.write(folder / name, data)


def _failure(item: pytest.Item, text: str) -> pytest.TestReport:
    return pytest.TestReport(
        item.nodeid, item.location, keywords={}, outcome="failed", longrepr=text, when="call"
    )
