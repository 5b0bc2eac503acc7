# SPDX-License-Identifier: GPL-2.0-or-later
"""What docs/pyvfio-guide.md says is so: its Python runs, its example works, its tables are whole."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

import pyvfio
from pyvfio.doctor import IDS, examine
from pyvfio.opening import Backend
from tests.vm.guest import binding, devices
from tests.vm.guest.forked import USER, become_user, forked

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs" / "pyvfio-guide.md").read_text()
EXAMPLE = ROOT / "examples" / "nvme_identify.py"


@pytest.fixture(params=["iommufd", "legacy"])
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """Each way to the controller, which a user without privileges may go, and by default does."""
    address = devices.address("nvme")
    paths = [Path(f"/dev/vfio/{binding.group(address)}")]
    if request.param == "iommufd":
        (name,) = (binding.folder(address) / "vfio-dev").iterdir()
        paths += [Path("/dev/iommu"), Path("/dev/vfio/devices") / name.name]
    for path in paths:
        os.chown(path, USER, USER)
    yield request.param
    for path in paths:
        os.chown(path, 0, 0)


def test_its_python_runs(backend: Backend) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    address = devices.address("nvme")

    def running() -> Generator[int]:
        become_user()
        assert pyvfio.choose_backend(address).backend == backend
        names: dict[str, object] = {}
        for block in blocks:
            before = GUIDE[: GUIDE.index(block)].count("\n")
            source = "\n" * before + block.replace("0000:02:00.0", address)
            exec(compile(source, "pyvfio-guide.md", "exec"), names)  # noqa: S102 - our own
        yield len(blocks)

    with forked(running) as child:
        assert child.value() > 10


def run_example(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the example as a user without privileges."""
    return subprocess.run(
        [sys.executable, str(EXAMPLE), devices.address("nvme"), *words],
        user=USER,
        group=USER,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=False,
    )


def test_its_example_identifies_the_controller(backend: Backend) -> None:
    done = run_example("--backend", backend)
    assert re.fullmatch(r"serial qomgen, model QEMU NVMe Ctrl, firmware \S+\n", done.stdout), done


def test_its_example_tells_what_is_wrong() -> None:
    done = run_example()
    assert done.returncode == 1
    assert "Permission denied" in done.stderr


def test_it_tells_of_all_that_the_doctor_says() -> None:
    told = re.findall(r"^\| `([a-z0-9-]+)` \|", GUIDE, re.MULTILINE)
    assert set(told) - {"iommufd", "legacy", "noiommu"} == set(IDS)


def test_its_json_has_the_keys_that_there_are() -> None:
    block = GUIDE[GUIDE.index('{"shape"') : GUIDE.index("`backend` is the way")]
    address = devices.address("nvme")

    def asking() -> Generator[pyvfio.doctor.finding.Json]:
        become_user()
        yield examine(address).to_json()

    def keys(told: object) -> set[str]:
        if isinstance(told, dict):
            return set(told).union(*map(keys, told.values()))
        return set().union(*map(keys, told)) if isinstance(told, list) else set()

    with forked(asking) as child:
        assert keys(child.value()) == set(re.findall(r'"([a-z]+)":', block))


def test_its_udev_rules_are_those_that_the_doctor_gives() -> None:
    address = devices.address("nvme")

    def asking() -> Generator[list[str]]:
        become_user()
        yield [rule for each in examine(address).findings for rule in each.udev]

    with forked(asking) as child:
        rules = child.value()
    assert len(rules) == 3
    for rule in rules:
        assert f"       {rule.replace(address, '0000:02:00.0')}\n" in GUIDE
