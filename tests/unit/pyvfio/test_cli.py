# SPDX-License-Identifier: GPL-2.0-or-later
"""What the command pyvfio prints, and how it ends."""

from __future__ import annotations

import subprocess
import sys

import pytest

import pyvfio
from pyvfio.cli import main
from tests.unit.pyvfio.fake.kernel import FakeKernel
from tests.unit.pyvfio.fake.machine import Machine
from tests.unit.pyvfio.fake.machines import DISK, NIC, OTHER_TWIN, SPARSE, TWIN


def test_list(kernel: FakeKernel, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"], kernel) == 0
    assert capsys.readouterr().out == (
        "address       id         class   driver            group\n"
        "0000:00:10.0  1234:11e8  00ff00  vfio-pci             3\n"
        "0000:01:00.0  8086:10d3  00ff00  vfio-pci            10\n"
        "0000:02:00.0  1234:11e8  00ff00  nvme                11\n"
        "0000:04:00.0  1234:11e8  00ff00  vfio-pci            12\n"
        "0000:04:00.1  1234:11e8  00ff00  vfio-pci            12\n"
        "0000:05:00.0  1234:11e8  00ff00  vfio-pci            13\n"
        "0000:06:00.1  1234:11e8  00ff00  vfio-pci            14\n"
        "0000:07:00.0  1234:11e8  00ff00  vfio-pci            15\n"
        "0000:08:00.0  1234:11e8  00ff00  vfio-pci            16\n"
    )
    assert main(["list", "--vfio"], kernel) == 0
    assert DISK not in capsys.readouterr().out


def test_info(kernel: FakeKernel, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", NIC], kernel) == 0
    assert capsys.readouterr().out == """\
0000:01:00.0: 8086:10d3, class 00ff00
  driver: vfio-pci
  group: 10, viable
  Linux can reset it by: flr bus
  opened by legacy: there is no /dev/iommu (CONFIG_IOMMUFD, module iommufd)
  VFIO can reset it alone: yes
  a hot reset of its bus resets: 0000:01:00.0
  regions:
    BAR 0     128 KiB  read write mmap
    BAR 3      16 KiB  read write mmap with MSI-X table
    config      4 KiB  read write
  interrupts:
    INTx      1  maskable automasked
    MSI       1  noresize
    MSI-X     5  noresize
    ERR       1  noresize
    REQ       1  noresize
  capabilities:
    40  power management
    50  MSI
    60  MSI-X
    70  PCI Express
    100  advanced error reporting
    140  device serial number
  IOMMU: type1, pages of 4 KiB, 2 MiB, 1 GiB
    DMA at 0x0..0xfedfffff
    DMA at 0xfef00000..0x7fffffffff
    65535 more mappings
"""


def test_info_by_iommufd(
    kernel: FakeKernel, machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.iommufd = True
    assert main(["info", NIC], kernel) == 0
    lines = capsys.readouterr().out.splitlines()
    way = f"  opened by iommufd: there are /dev/iommu, and /dev/vfio/devices/vfio1 of {NIC}"
    assert lines[4] == way
    assert lines[-3:] == [
        "  IOMMU: iommufd, pages of 4 KiB",
        "    DMA at 0x0..0xfedfffff",
        "    DMA at 0xfef00000..0x7fffffffff",
    ]


def test_info_of_what_vfio_does_not_have(
    kernel: FakeKernel, machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.functions[OTHER_TWIN].driver = "e1000e"
    machine.functions[TWIN].driver = None
    assert main(["info", TWIN.removeprefix("0000:")], kernel) == 0
    assert capsys.readouterr().out == """\
0000:04:00.0: 1234:11e8, class 00ff00
  driver: none
  group: 12, not viable, for 0000:04:00.1
    with 0000:04:00.1, driver e1000e
  Linux can reset it by: flr bus
  VFIO does not have it: pyvfio bind 0000:04:00.0
"""
    machine.functions[TWIN].group = -1
    assert main(["info", TWIN], kernel) == 0
    assert "  group: none, since no IOMMU is on\n" in capsys.readouterr().out


def test_info_of_what_somebody_has(kernel: FakeKernel, capsys: pytest.CaptureFixture[str]) -> None:
    with pyvfio.open_device(NIC, kernel=kernel):
        assert main(["info", NIC], kernel) == 1
    said = capsys.readouterr()
    assert said.out.startswith("0000:01:00.0: 8086:10d3")
    assert said.err.startswith("pyvfio: open on /dev/vfio/10: Device or resource busy: ")


def test_info_of_areas(kernel: FakeKernel, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", SPARSE], kernel) == 0
    out = capsys.readouterr().out
    assert "    BAR 2      64 KiB  read write mmap (0x1000+0x2000, 0x8000+0x1000)\n" in out
    assert "    BAR 4       4 KiB  read write\n" in out
    assert "hot reset of its bus resets: nothing: the device is on a root bus" in out


def test_bind_and_unbind(
    kernel: FakeKernel, machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bind", DISK, NIC], kernel) == 0
    assert capsys.readouterr().out == """\
write 'vfio-pci' to /sys/bus/pci/devices/0000:02:00.0/driver_override
write '0000:02:00.0' to /sys/bus/pci/drivers/nvme/unbind
write '0000:02:00.0' to /sys/bus/pci/drivers_probe
0000:02:00.0: nvme -> vfio-pci
0000:01:00.0: vfio-pci has it already
"""
    assert main(["unbind", DISK, "--dry-run"], kernel) == 0
    assert capsys.readouterr().out == """\
would write '' to /sys/bus/pci/devices/0000:02:00.0/driver_override
would write '0000:02:00.0' to /sys/bus/pci/drivers/vfio-pci/unbind
would write '0000:02:00.0' to /sys/bus/pci/drivers_probe
"""
    assert machine.functions[DISK].driver == "vfio-pci"
    assert main(["unbind", DISK], kernel) == 0
    assert capsys.readouterr().out.endswith("0000:02:00.0: vfio-pci -> nvme\n")
    assert main(["bind", "--driver", "e1000e", DISK], kernel) == 0
    assert machine.functions[DISK].driver == "e1000e"


def test_bind_tells_who_is_in_the_way(
    kernel: FakeKernel, machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.functions[TWIN].driver = machine.functions[OTHER_TWIN].driver = "e1000e"
    assert main(["bind", TWIN], kernel) == 0
    assert capsys.readouterr().out.endswith(
        "0000:04:00.0: e1000e -> vfio-pci\n"
        "group 12 cannot be used yet: the host has 0000:04:00.1 (e1000e)\n"
    )


def test_bind_of_several_is_undone_if_one_fails(
    kernel: FakeKernel, machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bind", DISK, "0000:77:00.0"], kernel) == 1
    said = capsys.readouterr()
    assert said.out.endswith("0000:02:00.0: nvme -> vfio-pci\n0000:02:00.0: undone\n")
    assert said.err == (
        "pyvfio: open on /sys/bus/pci/devices/0000:77:00.0: No such file or directory: there is"
        " no PCI function at 0000:77:00.0\n"
    )
    assert machine.functions[DISK].driver == "nvme"


@pytest.mark.parametrize("words", [[], ["info"], ["info", "x"], ["bind"], ["list", "x"]])
def test_a_command_line_that_is_wrong(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert "usage: pyvfio" in capsys.readouterr().err


def test_as_a_module() -> None:
    command = [sys.executable, "-m", "pyvfio", "info", "ffff:1f:1f.7"]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert said.returncode == 1
    assert said.stderr.endswith("there is no PCI function at ffff:1f:1f.7\n")
