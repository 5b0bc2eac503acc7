# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes wrong in a guest is seen on the host, with its text."""

from __future__ import annotations

from pathlib import Path

import pytest

from .image import project
from .machine import GuestError, Machine

_ROOT = Path(__file__).resolve().parents[2]

_CONFTEST = """
from pathlib import Path
from tests.vm.image import project
from tests.vm.machine import Machine
from tests.vm.plugin import GuestTests

def pytest_configure(config):
    sample = Path(__file__).parent / "tests" / "sample"
    files = {**project(), "tests/sample": sample}
    plugin = GuestTests(sample, lambda command: Machine(command, files))
    config.pluginmanager.register(plugin)
"""

_SAMPLE = """
import os, signal
from pathlib import Path
import pytest

@pytest.fixture
def broken():
    raise LookupError("no such luck")

def test_good():
    assert os.uname().release.startswith("6.12.")

def test_bad():
    answer = 6 * 9
    assert answer == 42

def test_broken(broken):
    pass

def test_skipping():
    pytest.skip("not in the mood")

def test_hanging():
    signal.alarm(1)
    signal.pause()

def test_warned():
    Path("/dev/kmsg").write_bytes(b"WARNING: all is lost\\n")

def test_forgetful():
    os.open("/dev/null", os.O_RDONLY)

def test_panicking():
    Path("/proc/sysrq-trigger").write_text("c")

def test_after_the_panic():
    pass
"""


def test_what_fails_in_the_guest_fails_here(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(_ROOT))
    pytester.makeini("[pytest]")
    pytester.makeconftest(_CONFTEST)
    sample = pytester.mkdir("tests") / "sample"
    sample.mkdir()
    (sample / "test_sample.py").write_text(_SAMPLE)

    result = pytester.runpytest_subprocess("--import-mode=importlib", "-rA", sample)

    # A test in which the kernel warned, or that leaves a file open, passes; its tear-down does not.
    result.assert_outcomes(passed=3, failed=4, errors=3)
    result.stdout.fnmatch_lines(
        [
            "*LookupError: no such luck",
            "*the kernel complained:",
            "*WARNING: all is lost",
            "*'/dev/null'*",
            "*assert 54 == 42",
            "*not in the mood",
            "*TooLong: not done*",
            "*it brought no results back*",
            "*Kernel panic - not syncing: sysrq triggered crash",
            "*there is no guest, or none any more*",
        ]
    )
    result.stdout.re_match_lines_random(
        [
            "^PASSED .*::test_good",
            "^FAILED .*::test_panicking",
        ]
    )


def test_silence_has_an_end() -> None:
    with (
        Machine("true", project(), silence=0.5) as machine,
        pytest.raises(GuestError, match=r"nothing was heard of it for 0\.5 s"),
    ):
        machine.results()
