# SPDX-License-Identifier: GPL-2.0-or-later
"""The doctor where interrupts are not remapped: that it is told, and not where root allows it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import pyvfio
from pyvfio import cli, errors
from pyvfio.opening import Backend
from tests.vm.guest import binding, devices

PARAMETERS: dict[Backend, Path] = {
    "iommufd": Path("/sys/module/iommufd/parameters/allow_unsafe_interrupts"),
    "legacy": Path("/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"),
}


@pytest.fixture
def address() -> Iterator[str]:
    """An edu that VFIO has; afterwards nothing is allowed any more."""
    address = devices.address("edu")
    binding.give(address, binding.VFIO)
    yield address
    for parameter in PARAMETERS.values():
        parameter.write_text("N\n")


def ask(capsys: pytest.CaptureFixture[str], address: str, *words: str) -> dict[str, Any]:
    """Ask the command, which must end as what it says wants."""
    capsys.readouterr()
    status = cli.main(["doctor", address, "--json", *words])
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert status == (0 if said["healthy"] else 1)
    return said


@pytest.mark.parametrize("backend", PARAMETERS)
def test_interrupts_are_not_remapped(
    address: str, backend: Backend, capsys: pytest.CaptureFixture[str]
) -> None:
    (finding,) = ask(capsys, address, "--backend", backend)["findings"]
    assert finding["id"] == "no-interrupt-remapping"
    assert finding["seen"][0]["path"] == "/proc/interrupts"
    assert finding["commands"] == [f"echo Y > {PARAMETERS[backend]}"]
    with pytest.raises(errors.NoInterruptRemapping):
        pyvfio.open_device(address, backend=backend)

    subprocess.run(["sh", "-c", *finding["commands"]], check=True)
    said = ask(capsys, address, "--backend", backend)
    assert said["healthy"]
    assert any("are not remapped" in note for note in said["notes"])
    pyvfio.open_device(address, backend=backend).close()


def test_a_device_of_the_host_is_told_both(
    address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with binding.given(address, None):
        found = ask(capsys, address)["findings"]
        assert [each["id"] for each in found] == ["not-bound", "no-interrupt-remapping"]
