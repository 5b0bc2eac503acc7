# SPDX-License-Identifier: GPL-2.0-or-later
"""Giving functions to VFIO and back: pyvfio.bind, and the command."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pyvfio import cli, errors
from pyvfio.binding import bind, unbind
from tests.vm.guest import binding, devices
from tests.vm.guest.backends import Opener


@pytest.fixture
def host_has() -> Iterator[str]:
    """The address of an e1000e that the host drives."""
    address = devices.address("e1000e")
    with binding.given(address, "e1000e"):
        # What boots so has no driver_override.
        (binding.folder(address) / "driver_override").write_text("\n")
        yield address


def override(address: str) -> str:
    return (binding.folder(address) / "driver_override").read_text().strip()


def test_to_vfio_and_back(host_has: str, open_device: Opener) -> None:
    made = bind(host_has)
    assert binding.driver(host_has) == "vfio-pci"
    open_device(host_has).close()
    made.undo()
    assert (binding.driver(host_has), override(host_has)) == ("e1000e", "(null)")


def test_unbind_lets_the_host_have_it(host_has: str) -> None:
    bind(host_has)
    unbind(host_has)
    assert (binding.driver(host_has), override(host_has)) == ("e1000e", "(null)")


def test_a_dry_run_changes_nothing(host_has: str) -> None:
    steps = bind(host_has, dry_run=True).steps
    assert len(steps) == 3
    assert (binding.driver(host_has), override(host_has)) == ("e1000e", "(null)")


def test_what_is_open_is_not_taken_away(open_device: Opener) -> None:
    address = devices.address("edu")
    with open_device(address), pytest.raises(errors.DeviceBusy):
        unbind(address)
    assert binding.driver(address) == "vfio-pci"


def test_what_no_driver_of_the_host_knows() -> None:
    """Without VFIO nobody has an edu."""
    address = devices.address("edu")
    made = unbind(address)
    assert binding.driver(address) is None
    made.undo()
    assert binding.driver(address) == "vfio-pci"


def test_the_command(host_has: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bind", host_has]) == 0
    assert "e1000e -> vfio-pci" in capsys.readouterr().out
    assert cli.main(["list", "--vfio"]) == 0
    assert host_has in capsys.readouterr().out
    assert cli.main(["info", host_has]) == 0
    assert "MSI-X" in capsys.readouterr().out
    assert cli.main(["unbind", host_has]) == 0
    assert "vfio-pci -> e1000e" in capsys.readouterr().out


def test_the_command_tells_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["info", "0000:00:02.0"]) == 1
    assert "there is no PCI function" in capsys.readouterr().err
