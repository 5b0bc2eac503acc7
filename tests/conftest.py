# SPDX-License-Identifier: GPL-2.0-or-later
"""What holds for every test: with QOMGEN_NO_SKIP=1 a skip is a failure.

A test that lacks a compiler, a QEMU or a header on somebody's machine skips and says what to
install. Where everything is installed (.ci/run) a skip would hide that an oracle is gone.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeVar

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

AnyReport = TypeVar("AnyReport", pytest.TestReport, pytest.CollectReport)


def _fail_if_skipped(report: AnyReport) -> AnyReport:
    """Turn a skip into a failure that tells its reason; an expected failure (xfail) is no skip."""
    if (
        os.environ.get("QOMGEN_NO_SKIP") == "1"
        and report.skipped
        and not hasattr(report, "wasxfail")
    ):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"QOMGEN_NO_SKIP=1, and yet: {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Look at a test, its set-up and its tear-down."""
    return _fail_if_skipped((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Look at a whole module, which importorskip or a skip at its top takes away."""
    return _fail_if_skipped((yield))


@pytest.fixture(autouse=True, scope="session")
def _own_speed_cache(tmp_path_factory: pytest.TempPathFactory) -> Generator[None]:
    """Keep qomgen's speed cache of the tests apart from that of whoever runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QOMGEN_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield
