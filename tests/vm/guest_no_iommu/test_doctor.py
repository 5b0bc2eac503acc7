# SPDX-License-Identifier: GPL-2.0-or-later
"""The doctor where there is no IOMMU: that it is told, and what would have to be allowed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import pyvfio
from pyvfio import cli
from tests.vm.guest import binding, devices

SWITCH = Path("/sys/module/vfio/parameters/enable_unsafe_noiommu_mode")

Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def address() -> Iterator[str]:
    """The address of an edu, which nobody may use before or after the test."""
    address = devices.address("edu")
    yield address
    if binding.driver(address) is not None:
        binding.give(address, None)
    SWITCH.write_text("N\n")


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Ask:
    """Ask the command, which must end as what it says wants."""

    def asking(address: str, *words: str) -> dict[str, Any]:
        capsys.readouterr()
        status = cli.main(["doctor", address, "--json", *words])
        said: dict[str, Any] = json.loads(capsys.readouterr().out)
        assert status == (0 if said["healthy"] else 1)
        return said

    return asking


def test_there_is_no_iommu(address: str, ask: Ask) -> None:
    """It is one cause, though the device is bound to no driver either."""
    for backend in ("auto", "iommufd", "legacy"):
        (finding,) = ask(address, "--backend", backend)["findings"]
        assert finding["id"] == "no-iommu"
        seen = {each["path"]: each["value"] for each in finding["seen"]}
        assert seen["/sys/class/iommu"] == "empty"
        assert seen["/sys/firmware/acpi/tables"] == "has neither DMAR nor IVRS"
        assert "for a virtual machine give it a virtual IOMMU" in finding["advice"]


def test_devices_without_an_iommu_are_not_allowed(address: str, ask: Ask) -> None:
    (finding,) = ask(address, "--backend", "noiommu")["findings"]
    assert finding["id"] == "noiommu-off"
    assert SWITCH.read_text() == "N\n"

    allow, bind = finding["commands"]
    subprocess.run(["sh", "-c", allow], check=True)
    (finding,) = ask(address, "--backend", "noiommu")["findings"]
    assert finding["id"] == "not-bound"
    assert cli.main(bind.split()[1:]) == 0
    said = ask(address, "--backend", "noiommu", "--open")
    assert (said["healthy"], said["backend"]) == (True, "noiommu")
    pyvfio.open_device(address, backend="noiommu").close()


def test_what_is_allowed_must_be_asked_for(address: str, ask: Ask) -> None:
    SWITCH.write_text("Y\n")
    binding.give(address, binding.VFIO)
    (finding,) = ask(address)["findings"]
    assert finding["id"] == "no-iommu"
    (finding,) = ask(address, "--backend", "noiommu", "--user", "user")["findings"]
    assert finding["id"] == "permission"
    assert "CAP_SYS_RAWIO" in finding["summary"]
    with pyvfio.open_device(address, backend="noiommu"):
        (finding,) = ask(address, "--backend", "noiommu")["findings"]
        assert finding["id"] == "busy"
