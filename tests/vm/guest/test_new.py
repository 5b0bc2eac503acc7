# SPDX-License-Identifier: GPL-2.0-only
"""A device type that `qomgen new` made, with no line of it edited, drives edu: realize, BAR, refusal, reset."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hw_vfio.region import vfio_region_read
from pyqom import Error, device_add, device_cold_reset, object_property_get_int, object_unparent
from pyvfio.opening import Backend
from qomgen_devices.vfio_pci import VFIOPCIDevice
from tests.vm.guest import devices, edu, plugs
from tests.vm.guest.backends import BACKENDS

TYPE = "edu-passthru"

BARE = "edu-bare"
"""The same on vfio-pci-device, which QEMU has since 10.2."""

TOP = Path(__file__).parents[3]
"""Where the image has their projects, in the guest."""


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The projects are on Python's path, as if they were installed; importing a module registers its type."""
    for name in (TYPE, BARE):
        for folder in (TOP / name, TOP / name / "generated" / "python"):
            monkeypatch.syspath_prepend(str(folder))
        stem = name.replace("-", "_")
        importlib.import_module(f"{stem}_devices.{stem}")


# 7.2 has no iommufd.
@pytest.fixture(
    params=[("7.2", "legacy"), *((new, way) for new in ("10.0", "10.2") for way in BACKENDS)]
)
def machine(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """A machine of each QEMU series, by each way to a device that the series has."""
    series, backend = request.param
    with plugs.machine(series, backend):
        yield backend


@contextmanager
def plugged(
    backend: Backend, name: str, type_: str = TYPE, **options: int
) -> Iterator[VFIOPCIDevice]:
    """A realized edu-passthru, or another type, of the device *name*, unplugged at the end."""
    words: dict[str, str | int] = {"host": devices.address(name)}
    if backend == "iommufd":
        words["iommufd"] = plugs.IOMMUFD
    words |= {key.replace("_", "-"): value for key, value in options.items()}
    dev = device_add({"driver": type_, **words})
    assert isinstance(dev, VFIOPCIDevice)
    try:
        yield dev
    finally:
        object_unparent(dev)


@pytest.mark.parametrize("name", devices.EDUS)
def test_the_id_register_of_edu_is_read_through_the_bar(machine: Backend, name: str) -> None:
    with plugged(machine, name, queues=3) as dev:
        plugs.switch_on(dev)
        assert vfio_region_read(dev, 0, edu.REG_ID, 4) == 0x010000ED
        assert object_property_get_int(dev, "queues") == 3


def test_another_device_is_refused_and_let_go(machine: Backend) -> None:
    with pytest.raises(Error) as caught, plugged(machine, "nvme"):
        pass
    found = r"edu-passthru: the device of the host is 1b36:0010, not 1234:11e8"
    assert re.fullmatch(found, str(caught.value))
    # Nothing of it is held: it can be had again at once.
    with plugs.plugged("nvme"):
        pass


def test_a_reset_reaches_the_device(machine: Backend) -> None:
    with plugged(machine, "edu") as dev:
        plugs.switch_on(dev)
        device_cold_reset(dev)
        plugs.switch_on(dev)
        assert vfio_region_read(dev, 0, edu.REG_ID, 4) == edu.ID


@pytest.fixture
def newest() -> Iterator[None]:
    """A machine of the series that has vfio-pci-device."""
    with plugs.machine("10.2", "legacy"):
        yield


@pytest.mark.usefixtures("newest")
@pytest.mark.parametrize("name", devices.EDUS)
def test_a_device_that_is_no_vfio_pci_does_the_same(name: str) -> None:
    with plugged("legacy", name, BARE, queues=3) as dev:
        plugs.switch_on(dev)
        assert vfio_region_read(dev, 0, edu.REG_ID, 4) == edu.ID
        assert object_property_get_int(dev, "queues") == 3
        device_cold_reset(dev)
        plugs.switch_on(dev)
        assert vfio_region_read(dev, 0, edu.REG_ID, 4) == edu.ID


@pytest.mark.usefixtures("newest")
def test_another_device_is_let_go_by_that_one_too() -> None:
    found = "edu-bare: the device of the host is 1b36:0010, not 1234:11e8"
    with pytest.raises(Error, match=f"^{found}$"), plugged("legacy", "nvme", BARE):
        pass
    with plugs.plugged("nvme"):
        pass


@pytest.mark.parametrize("name", [TYPE, BARE])
def test_the_projects_own_tests_pass_here(name: str) -> None:
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(TOP / name)]
    done = subprocess.run(words, cwd=TOP / name, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
