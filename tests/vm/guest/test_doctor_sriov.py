# SPDX-License-Identifier: GPL-2.0-or-later
"""Virtual functions, and the token that opening them wants: whom the doctor sends for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import pyvfio
from pyvfio import Container, Device, cli, errors
from tests.vm.guest import binding, devices

TOKEN = "0d0c70e5-0000-4000-8000-0000000d0c70"  # noqa: S105 - no secret: made up
OTHER = "0d0c70e5-0000-4000-8000-000000000bad"

PARAMETER = Path("/sys/module/vfio_pci/parameters/enable_sriov")


class Functions(NamedTuple):
    """A physical function that is open in a container, and the address of a virtual one."""

    container: Container
    physical: Device
    virtual: str


@pytest.fixture
def functions() -> Iterator[Functions]:
    """Those of the NVMe controller."""
    PARAMETER.write_text("Y\n")
    folder = binding.folder(devices.address("nvme"))
    number = folder / "sriov_numvfs"
    with Container() as container:
        physical = container.open_device(devices.address("nvme"))
        physical.features.set_vf_token(TOKEN)
        number.write_text("1\n")
        yield Functions(container, physical, (folder / "virtfn0").readlink().name)
        number.write_text("0\n")
    PARAMETER.write_text("N\n")


def ask(capsys: pytest.CaptureFixture[str], address: str, *words: str) -> dict[str, Any]:
    """Ask the command, which must end as what it says wants."""
    capsys.readouterr()
    status = cli.main(["doctor", address, "--json", *words])
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert status == (0 if said["healthy"] else 1)
    return said


def test_a_virtual_function_wants_the_token(
    functions: Functions, capsys: pytest.CaptureFixture[str]
) -> None:
    virtual = functions.virtual
    (finding,) = ask(capsys, virtual, "--backend", "legacy")["findings"]
    assert finding["id"] == "vf-token"
    assert f"function of {devices.address('nvme')}, which vfio-pci has" in finding["summary"]
    with pytest.raises(errors.PermissionDenied):
        pyvfio.open_device(virtual, backend="legacy")

    assert ask(capsys, virtual, "--backend", "legacy", "--vf-token", TOKEN)["healthy"]
    pyvfio.open_device(virtual, backend="legacy", vf_token=TOKEN).close()


def test_a_wrong_token_shows_when_it_is_tried(
    functions: Functions, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--backend", "legacy", "--open", "--vf-token")
    (finding,) = ask(capsys, functions.virtual, *words, OTHER)["findings"]
    assert finding["id"] == "unexplained"
    assert "vf_token" in finding["advice"]
    assert ask(capsys, functions.virtual, *words, TOKEN)["healthy"]


def test_this_linux_wants_no_token_through_iommufd(
    functions: Functions, capsys: pytest.CaptureFixture[str]
) -> None:
    """Linux does so since 6.17."""
    assert ask(capsys, functions.virtual, "--backend", "iommufd")["healthy"]
    pyvfio.open_device(functions.virtual, backend="iommufd").close()


def test_the_physical_function_wants_it_while_virtual_ones_are_in_use(
    functions: Functions, capsys: pytest.CaptureFixture[str]
) -> None:
    """It stays open here: the reset that is in closing it takes the virtual ones away (QEMU)."""
    physical = devices.address("nvme")
    with pyvfio.open_device(functions.virtual, backend="legacy", vf_token=TOKEN):
        busy, token = ask(capsys, physical, "--backend", "legacy")["findings"]
        assert (busy["id"], token["id"]) == ("busy", "vf-token")
        assert functions.virtual in token["summary"]
        group = functions.container.open_group(binding.group(physical))
        with pytest.raises(errors.PermissionDenied):
            group.open_device(physical)

        (busy,) = ask(capsys, physical, "--backend", "legacy", "--vf-token", TOKEN)["findings"]
        assert busy["id"] == "busy"
        group.open_device(physical, vf_token=TOKEN).close()


def test_a_physical_function_whose_virtual_ones_nobody_uses_wants_none(
    functions: Functions, capsys: pytest.CaptureFixture[str]
) -> None:
    functions.physical.close()
    assert ask(capsys, devices.address("nvme"), "--backend", "legacy")["healthy"]
    pyvfio.open_device(devices.address("nvme"), backend="legacy").close()
