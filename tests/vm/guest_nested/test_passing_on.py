# SPDX-License-Identifier: GPL-2.0-or-later
"""QEMU 10.0 with generated types passes a device of the guest on to a machine of its own.

The innermost machine reads a register of edu: through QEMU in the guest, the guest's VFIO and IOMMU,
to the emulated device of the machine around them.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vm.guest import binding, devices
from tests.vm.guest_nested.innermost import ENVIRONMENT, FOLDER, PROGRAM, Innermost, QemuError

TYPES = ("vfio-pci", "edu-passthru")
"""The first is generated in place of QEMU's own text, the second new."""

ID, ID_REGISTER, LIVENESS = 0x010000ED, 0x00, 0x04
SLOT = 4
BAR = 0xFE000000

BACKENDS = {
    "legacy": ("", ()),
    "iommufd": (",iommufd=iommu", ("-object", "iommufd,id=iommu")),
}
"""What is added to -device, and what stands before it."""


@pytest.fixture
def edu() -> Iterator[str]:
    """The address of an edu that vfio-pci has."""
    address = devices.address("edu")
    with binding.given(address, binding.VFIO):
        yield address


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("type_", TYPES)
def test_the_innermost_machine_reads_the_register(type_: str, backend: str, edu: str) -> None:
    option, before = BACKENDS[backend]
    device = f"{type_},host={edu},id=dev,addr={SLOT}.0{option}"
    with Innermost(*before, "-device", device) as machine:
        (bus,) = machine.qmp("query-pci")
        (found,) = [each for each in bus["devices"] if each["qdev_id"] == "dev"]
        assert (found["id"]["vendor"], found["id"]["device"]) == (0x1234, 0x11E8)
        machine.place_bar(SLOT, BAR)
        assert machine.read(BAR + ID_REGISTER) == ID


@pytest.mark.parametrize("where", ["host={}", "sysfsdev=/sys/bus/pci/devices/{}"])
def test_either_name_of_the_device_will_do(where: str, edu: str) -> None:
    with Innermost("-device", f"edu-passthru,{where.format(edu)},addr={SLOT}.0") as machine:
        machine.place_bar(SLOT, BAR)
        assert machine.read(BAR + ID_REGISTER) == ID


def test_plugged_in_while_it_runs_and_out_again(edu: str) -> None:
    with Innermost("-device", "pcie-root-port,id=rp") as machine:
        for _ in range(2):
            assert machine.hmp(f"device_add edu-passthru,host={edu},bus=rp,id=dev") == ""
            assert machine.hmp("device_del dev") == ""
            # No guest runs that would let it go. A reset does.
            machine.qmp("system_reset")
            machine.wait("DEVICE_DELETED")


def test_another_device_is_refused_and_let_go() -> None:
    nvme = devices.address("nvme")
    with (
        binding.given(nvme, binding.VFIO),
        Innermost("-device", "pcie-root-port,id=rp") as machine,
    ):
        for _ in range(2):
            # The second time it says that the first has let the device go.
            said = machine.hmp(f"device_add edu-passthru,host={nvme},bus=rp")
            assert said == (
                "Error: edu-passthru: the device of the host is 1b36:0010, not 1234:11e8"
            )
        assert machine.hmp(f"device_add vfio-pci,host={nvme},bus=rp") == ""


def test_one_that_another_has_is_refused(edu: str) -> None:
    with Innermost("-device", f"edu-passthru,host={edu}"):
        group = f"/dev/vfio/{binding.group(edu)}"
        with (
            pytest.raises(QemuError, match=f"Could not open '{group}': Device or resource busy"),
            Innermost("-device", f"edu-passthru,host={edu}"),
        ):
            pass


@pytest.mark.parametrize(
    ("type_", "name", "properties"), [("edu-passthru", "edu", 1), ("ten-kinds-passed", "nvme", 10)]
)
def test_its_qtest_tries_the_life_of_a_real_device(
    type_: str, name: str, properties: int, tmp_path: Path
) -> None:
    variable = type_.replace("-", "_").upper() + "_HOST"
    address = devices.address(name)
    with binding.given(address, binding.VFIO):
        ran = subprocess.run(
            [FOLDER / f"{type_}-test", "--tap"],
            env={**ENVIRONMENT, "QTEST_QEMU_BINARY": str(PROGRAM), variable: address},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    results = [line for line in ran.stdout.splitlines() if line.startswith(("ok", "not ok"))]
    assert any(line.endswith(f"/{type_}/life") for line in results)
    assert len([line for line in results if f"/{type_}/property/" in line]) == properties
    assert not any("SKIP" in line or line.startswith("not ok") for line in results), results
