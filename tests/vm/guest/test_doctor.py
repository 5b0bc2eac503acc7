# SPDX-License-Identifier: GPL-2.0-or-later
"""Set-ups that are broken on purpose: the doctor names what is wrong, that alone, and what helps."""

from __future__ import annotations

import json
import os
import resource
import shlex
import subprocess
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import pyvfio
from pyvfio import cli
from pyvfio.doctor import Wanted, examine
from pyvfio.opening import Backend
from tests.vm.guest import binding, devices
from tests.vm.guest.forked import USER, become_user, forked

KIB = 1 << 10

CONTAINER = Path("/dev/vfio/vfio")
IOMMU = Path("/dev/iommu")
MODULES = Path("/modules")

BACKENDS: tuple[Backend, ...] = ("iommufd", "legacy")

Ask = Callable[..., dict[str, Any]]


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Backend:
    """Each way to a device in turn."""
    name: Backend = request.param
    return name


@pytest.fixture(params=BACKENDS)
def other(request: pytest.FixtureRequest) -> Backend:
    """The way by which somebody else has it."""
    name: Backend = request.param
    return name


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Ask:
    """Ask the command, as root; it must end as what it says wants."""

    def asking(address: str, *words: str) -> dict[str, Any]:
        capsys.readouterr()
        status = cli.main(["doctor", address, "--json", *words])
        said: dict[str, Any] = json.loads(capsys.readouterr().out)
        assert status == (0 if said["healthy"] else 1)
        return said

    return asking


def sole(said: dict[str, Any], cause: str) -> dict[str, Any]:
    """The one finding there is, which must be of this cause."""
    assert [each["id"] for each in said["findings"]] == [cause], said
    finding: dict[str, Any] = said["findings"][0]
    return finding


def follow(finding: dict[str, Any]) -> None:
    """Do what a finding says, to the letter."""
    assert finding["commands"]
    for line in finding["commands"]:
        words = shlex.split(line)
        if words[0] == "pyvfio":
            assert cli.main(words[1:]) == 0
        else:
            subprocess.run(["sh", "-c", line], check=True)


def as_user(address: str, memlock: int | None = None, **wanted: Any) -> dict[str, Any]:
    """What a user without privileges is told."""

    def asking() -> Generator[dict[str, Any]]:
        become_user()
        if memlock is not None:
            resource.setrlimit(resource.RLIMIT_MEMLOCK, (memlock, memlock))
        yield examine(address, wanted=Wanted(**wanted)).to_json()

    with forked(asking) as child:
        return child.value()


def node(name: str) -> Path:
    """The file by which a device's group is opened."""
    return Path(f"/dev/vfio/{binding.group(devices.address(name))}")


def files(name: str, backend: Backend) -> list[Path]:
    """The files that a user must be given to open a device."""
    if backend == "legacy":
        return [node(name)]
    (number,) = (pci(devices.address(name)) / "vfio-dev").iterdir()
    return [IOMMU, Path("/dev/vfio/devices", number.name)]


def pci(address: str) -> Path:
    """What /sys has of a device."""
    return Path("/sys/bus/pci/devices") / address


@contextmanager
def owned(paths: list[Path]) -> Iterator[None]:
    """Let a user without privileges have files for a while."""
    for path in paths:
        os.chown(path, USER, USER)
    yield
    for path in paths:
        os.chown(path, 0, 0)


@pytest.mark.parametrize("name", devices.TESTED)
def test_nothing_is_wrong(name: str, backend: Backend, ask: Ask) -> None:
    address = devices.address(name)
    said = ask(address, "--backend", backend)
    assert (said["healthy"], said["backend"], said["findings"]) == (True, backend, [])
    assert ask(address)["healthy"]


def test_nothing_is_wrong_when_it_is_opened_too(backend: Backend, ask: Ask) -> None:
    said = ask(devices.address("edu"), "--backend", backend, "--open")
    assert said["attempts"][-1]["value"].startswith("ok")


def test_nothing_is_wrong_for_a_user_who_was_given_the_device(backend: Backend) -> None:
    with owned(files("edu", backend)):
        said = as_user(devices.address("edu"))
        assert (said["healthy"], said["backend"]) == (True, backend)


def test_no_device_is_at_the_address(ask: Ask) -> None:
    finding = sole(ask("0000:7f:00.0"), "no-such-device")
    assert finding["seen"][0]["path"] == "/sys/bus/pci/devices/0000:7f:00.0"


def test_the_host_drives_the_device(ask: Ask) -> None:
    address = devices.address("e1000e")
    with binding.given(address, "e1000e"):
        finding = sole(ask(address), "not-bound")
        assert "driver e1000e has it" in finding["summary"]
        follow(finding)
        assert ask(address)["healthy"]


def test_no_driver_has_the_device(ask: Ask) -> None:
    address = devices.address("edu")
    with binding.given(address, None):
        finding = sole(ask(address), "not-bound")
        assert finding["seen"] == [{"path": f"{pci(address)}/driver", "value": "does not exist"}]
        follow(finding)
        assert ask(address)["healthy"]


@contextmanager
def unloaded(module: str) -> Iterator[None]:
    """Take a module out of the kernel for a while."""
    subprocess.run(["rmmod", module], check=True)
    try:
        yield
    finally:
        if not Path("/sys/module", module).exists():
            subprocess.run(["insmod", MODULES / f"{module}.ko"], check=True)
        for name in devices.NAMES:
            address = devices.address(name)
            if binding.driver(address) != binding.VFIO:
                binding.give(address, binding.VFIO)


def test_the_module_of_the_driver_is_not_loaded(ask: Ask) -> None:
    address = devices.address("edu")
    with unloaded("vfio_pci"):
        finding = sole(ask(address), "module-missing")
        assert finding["commands"] == ["modprobe vfio-pci", f"pyvfio bind {address}"]
        subprocess.run(["insmod", MODULES / "vfio_pci.ko"], check=True)
        assert cli.main(["bind", address]) == 0
        assert ask(address)["healthy"]


def test_the_module_of_the_iommu_is_not_loaded(ask: Ask) -> None:
    address = devices.address("edu")
    with unloaded("vfio_iommu_type1"):
        finding = sole(ask(address, "--backend", "legacy"), "module-missing")
        assert finding["commands"] == ["modprobe vfio_iommu_type1"]
    assert ask(address, "--backend", "legacy")["healthy"]


def test_the_host_drives_a_neighbour(backend: Backend, ask: Ask) -> None:
    address, neighbour = (devices.address(f"{each}-in-a-pair") for each in ("edu", "e1000e"))
    with binding.given(neighbour, "e1000e"):
        finding = sole(ask(address, "--backend", backend), "group-not-viable")
        assert f"{neighbour} (e1000e)" in finding["summary"]
        # Whoever may not open the group is told the same, by what /sys shows.
        told = as_user(address, backend=backend)["findings"]
        assert [each["id"] for each in told] == ["group-not-viable", "permission"]
        assert told[0]["summary"] == finding["summary"]
        follow(finding)
        assert ask(address, "--backend", backend)["healthy"]


def test_the_port_above_is_not_to_blame(backend: Backend, ask: Ask) -> None:
    """It is in the group, and a driver of the host has it, which the kernel allows."""
    address = devices.address("edu-with-its-port")
    port = pci(address).resolve().parent.name
    assert binding.group(port) == binding.group(address)
    assert binding.driver(port) == "pcieport"
    assert ask(address, "--backend", backend, "--open")["healthy"]
    (finding,) = as_user(address)["findings"]
    assert finding["id"] == "permission"


def test_a_neighbour_without_a_driver_is_not_to_blame(ask: Ask) -> None:
    with binding.given(devices.address("e1000e-in-a-pair"), None):
        assert ask(devices.address("edu-in-a-pair"))["healthy"]


def holding_by(name: str, backend: Backend) -> Generator[str]:
    """Have a device open."""
    with pyvfio.open_device(devices.address(name), backend=backend) as device:
        yield device.name


def test_another_process_has_the_device(backend: Backend, other: Backend, ask: Ask) -> None:
    address = devices.address("edu")
    with forked(lambda: holding_by("edu", other)) as child:
        child.value()
        finding = sole(ask(address, "--backend", backend), "busy")
        assert f"process {child.pid} of root: python3 " in finding["summary"]
        assert finding["commands"] == [f"kill {child.pid}"]
        child.finish()
    assert ask(address, "--backend", backend)["healthy"]


def test_another_process_has_a_neighbour(backend: Backend, other: Backend, ask: Ask) -> None:
    with forked(lambda: holding_by("e1000e-in-a-pair", other)) as child:
        child.value()
        finding = sole(ask(devices.address("edu-in-a-pair"), "--backend", backend), "busy")
        assert f"process {child.pid} " in finding["summary"]


def test_a_process_that_cannot_be_seen_has_the_device(backend: Backend, other: Backend) -> None:
    with owned(files("edu", backend)), forked(lambda: holding_by("edu", other)) as child:
        child.value()
        finding = sole(as_user(devices.address("edu"), backend=backend), "busy")
        assert "cannot see" in finding["summary"]


def test_who_may_not_open_the_device_learns_too_that_it_is_in_use(other: Backend) -> None:
    with forked(lambda: holding_by("edu", other)) as child:
        child.value()
        found = as_user(devices.address("edu"))["findings"]
        assert [each["id"] for each in found] == ["busy", "permission"]


def test_the_user_may_not_open_the_device(backend: Backend) -> None:
    address = devices.address("edu")
    finding = sole(as_user(address, backend=backend), "permission")
    paths = [str(path) for path in files("edu", backend)]
    assert [each["path"] for each in finding["seen"]] == paths
    assert "mode 0600, owner root" in finding["seen"][-1]["value"]
    follow(finding)
    assert as_user(address, backend=backend)["healthy"]
    for path in paths:
        os.chown(path, 0, 0)


def test_the_user_may_open_neither_the_device_nor_its_group() -> None:
    finding = sole(as_user(devices.address("edu")), "permission")
    assert finding["backends"] == ["iommufd", "legacy"]
    for path in (*files("edu", "iommufd"), node("edu")):
        assert f"chown user {path}" in finding["commands"]


def test_root_asks_for_a_user(ask: Ask) -> None:
    address = devices.address("edu")
    for who in ("user", str(USER)):
        said = ask(address, "--user", who, "--backend", "legacy")
        assert said["user"] == {"name": "user", "uid": USER, "gids": [USER]}
        assert f"user may not open {node('edu')}" in sole(said, "permission")["summary"]
    assert os.geteuid() == 0
    with owned(files("edu", "legacy")):
        assert ask(address, "--user", "user", "--backend", "legacy")["healthy"]


@contextmanager
def moved(path: Path) -> Iterator[None]:
    """Take a file of /dev away for a while.

    It comes back itself: of one that was made in its place, the kernel would know nothing, and
    leave it there when the device goes.
    """
    aside = path.with_name(f"{path.name}-aside")
    path.rename(aside)
    yield
    path.unlink()
    aside.rename(path)


def test_the_user_may_not_open_containers() -> None:
    address = devices.address("edu")
    CONTAINER.chmod(0o660)
    with owned(files("edu", "legacy")):
        finding = sole(as_user(address, backend="legacy"), "permission")
        assert finding["seen"][0]["path"] == str(CONTAINER)
        follow(finding)
        assert as_user(address, backend="legacy")["healthy"]
    os.chown(CONTAINER, 0, 0)
    CONTAINER.chmod(0o666)


def test_a_file_is_not_there(backend: Backend, ask: Ask) -> None:
    address = devices.address("edu")
    needed = [*files("edu", backend), *([CONTAINER] if backend == "legacy" else [])]
    for path in needed:
        before = path.stat()
        with moved(path):
            finding = sole(ask(address, "--backend", backend), "node-missing")
            assert finding["seen"][0]["path"] == str(path)
            follow(finding)
            assert path.stat().st_rdev == before.st_rdev
            assert path.stat().st_mode & 0o777 == (0o666 if path == CONTAINER else 0o600)
            assert ask(address, "--backend", backend)["healthy"]


def test_the_user_may_not_pin_enough(backend: Backend) -> None:
    address = devices.address("edu")
    with owned(files("edu", backend)):
        finding = sole(as_user(address, memlock=64 * KIB), "memlock")
        assert finding["summary"].startswith("65536 bytes may be pinned, and 1048576 are wanted")
        assert "1024 KiB" in finding["advice"]
        assert as_user(address, memlock=64 * KIB, dma=64 * KIB)["healthy"]
        assert as_user(address, memlock=1024 * KIB)["healthy"]


def test_the_device_does_not_answer(ask: Ask) -> None:
    """The port above it passes nothing on any more."""
    address = devices.address(devices.SPARE)
    secondary_bus = 0x19
    config = os.open(pci(address).resolve().parent / "config", os.O_RDWR)
    number = os.pread(config, 1, secondary_bus)
    os.pwrite(config, b"\0", secondary_bus)
    try:
        finding = sole(ask(address), "dead")
        assert finding["seen"][0]["value"] == "64 bytes, all ff"
    finally:
        os.pwrite(config, number, secondary_bus)
        os.close(config)
    assert ask(address)["healthy"]


def test_asking_leaves_nothing_open_and_changes_nothing(ask: Ask) -> None:
    """Nothing that is open is conftest's to see; here is what the device would have felt."""
    address = devices.address("edu")
    with pyvfio.open_device(address) as device:
        device.config.set_bus_master(True)
        before = bytes(device.config.read(0, device.config.size))
        finding = sole(ask(address), "busy")
        assert f"process {os.getpid()} " in finding["summary"]
        assert bytes(device.config.read(0, device.config.size)) == before
