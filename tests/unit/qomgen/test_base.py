# SPDX-License-Identifier: GPL-2.0-or-later
"""A folder of a user's own, with one spec in it: qomgen's specs are known as parents, and nothing is made of them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from qomgen import pipeline, quick
from qomgen.diagnostics import SpecErrors

from .conftest import CHECKOUT
from .running import outputs, qomgen
from .test_speedcache import House, asked, build

BASE = CHECKOUT / "device_specs"

SPEC = (CHECKOUT / "tests" / "data" / "specs" / "my-accel.yaml").read_text()

HOOKS = """\
def realize(dev):
    pass


def reset(dev):
    pass
"""

WORDS = ("--python-path", ".", "--package", "my_devices")

MADE = sorted(
    [f"c/qemu-{series}/my-accel.{end}.inc" for series in ("7.2", "10.0", "10.2") for end in "ch"]
    + [f"python/my_devices/{name}" for name in ("__init__.py", "my_accel.py", "py.typed")]
)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A user's folder."""
    (tmp_path / "device_specs").mkdir()
    (tmp_path / "device_specs" / "my-accel.yaml").write_text(SPEC)
    (tmp_path / "my_accel.py").write_text(HOOKS)
    return tmp_path


def built(folder: Path, *, versions: list[str] | None = None) -> dict[str, str]:
    """What is generated from the specs in `folder` and the base ones."""
    path = [folder, CHECKOUT / "runtime"]
    plan = pipeline.build(
        [folder / "device_specs"], versions=versions, python_path=path, base=[BASE]
    )
    return {str(path): data.decode() for path, data in plan.files.items()}


def errors(folder: Path) -> list[str]:
    with pytest.raises(SpecErrors) as caught:
        built(folder)
    return [f"{each.span}: {each.text}" for each in caught.value.diagnostics]


def test_only_the_users_types_are_generated(here: Path) -> None:
    done = qomgen(here, "generate", *WORDS)
    assert done.returncode == 0, done.stderr
    assert sorted(outputs(here / "generated")) == MADE
    done = qomgen(here, "check", *WORDS)
    assert (done.returncode, done.stdout) == (0, "9 generated files are current\n")


def test_the_users_type_is_the_same_as_beside_our_own_specs(here: Path) -> None:
    """But for where Python finds the parent's struct: there in the package, here in ours."""
    path = [here, CHECKOUT / "runtime"]
    beside = pipeline.build([BASE, here / "device_specs"], python_path=path).files
    for name, text in built(here).items():
        if name.endswith("/__init__.py"):
            continue
        together = {str(path): data.decode() for path, data in beside.items()}[name]
        together = re.sub(
            r"\n\nfrom \.vfio_pci import", "\nfrom qomgen_devices.vfio_pci import", together
        )
        assert re.sub("View: .*", "", text) == re.sub("View: .*", "", together)


def test_all_types_are_listed_and_shown(here: Path) -> None:
    rows = [line.split() for line in qomgen(here, "list").stdout.splitlines()]
    specs = {row[0]: row[-1] for row in rows}
    assert specs["my-accel"] == "device_specs/my-accel.yaml"
    assert specs["vfio-pci"] == "qomgen/device_specs/vfio-pci.yaml"
    assert "x-no-mmap" in qomgen(here, "show", "my-accel").stdout
    assert "x-no-mmap" in qomgen(here, "show", "vfio-pci").stdout


def test_a_users_type_takes_the_place_of_ours(here: Path) -> None:
    """It is generated, and no unit of ours registers it; the other types of the unit stay ours."""
    ours = (BASE / "vfio-pci.yaml").read_text()
    mine = ours.replace(
        "license: GPL-2.0-only\n", "license: GPL-2.0-only\nsource: hw/vfio/mine.c\n"
    )
    mine = mine.replace("License-Identifier", "") + "\npython: {hooks: hw_vfio.pci}\n"
    (here / "device_specs" / "vfio-pci.yaml").write_text(
        mine.replace("x-no-mmap", "x-no-mmap-here")
    )
    made = built(here)
    assert '"x-no-mmap-here"' in made["c/qemu-10.2/vfio-pci.c.inc"]
    assert "vfio-pci-nohotplug" not in made["c/qemu-10.2/vfio-pci.c.inc"]
    assert "python/qomgen_devices/vfio_pci.py" in made
    assert "from .vfio_pci import VFIOPCIDevice" in made["python/qomgen_devices/my_accel.py"]


def test_a_users_type_takes_the_place_of_ours_in_all_series(here: Path) -> None:
    """Also in those that lack it: two types of one name, by series, would be nobody's meaning."""
    text = 'type: vfio-pci\nlicense: GPL-2.0-only\nparent: device\nsince: "10.0"\n'
    (here / "device_specs" / "vfio-pci.yaml").write_text(text)
    assert any("vfio-pci" in each and "7.2" in each for each in errors(here))


def test_a_users_constants_and_structs_take_the_place_of_ours(here: Path) -> None:
    text = "constants: {PCI_ANY_ID: 7}\n"
    (here / "device_specs" / "constants.yaml").write_text(text)
    (here / "device_specs" / "struct.yaml").write_text(
        (BASE / "structs" / "VFIOPCIDevice.yaml").read_text().replace("uint32_t display_xres", "")
    )
    spec = SPEC.replace("default: 8", "default: PCI_ANY_ID")
    (here / "device_specs" / "my-accel.yaml").write_text(spec)
    assert "PCI_ANY_ID = 7\n" in built(here)["python/qomgen_devices/my_accel.py"]


def test_what_breaks_ours_is_said_of_ours(here: Path) -> None:
    text = "struct: VFIOPCIDevice\nfields: {pdev: PCIDevice}\nlicense: GPL-2.0-only\n"
    (here / "device_specs" / "struct.yaml").write_text(text)
    found = errors(here)
    assert any(each.startswith("qomgen/device_specs/vfio-pci.yaml:") for each in found), found


def test_a_unit_registers_none_of_ours(here: Path) -> None:
    unit = (
        "unit: mine\ntypes: [vfio-pci, my-accel]\nsource: hw/vfio/mine.c\nlicense: GPL-2.0-only\n"
    )
    (here / "device_specs" / "unit.yaml").write_text(unit)
    (here / "device_specs" / "my-accel.yaml").write_text(
        re.sub("(?m)^(source|includes|build):.*\n", "", SPEC)
    )
    assert any("it is one of qomgen's own, which QEMU has" in each for each in errors(here))


def test_in_this_checkout_our_specs_are_no_base(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CHECKOUT)
    assert quick.spec_folders([]) == ["device_specs"]
    assert quick.base_folders(["device_specs"]) == []
    assert quick.base_folders(["elsewhere", "generator/../device_specs/"]) == []
    assert quick.base_folders(["device_specs/qemu"]) == [str(BASE)]


def test_where_there_are_no_specs_ours_are_generated(tmp_path: Path) -> None:
    done = qomgen(tmp_path, "generate", "--list-outputs")
    assert "generated/python/qomgen_devices/vfio_pci.py" in done.stdout.splitlines()


def test_our_specs_are_inputs(here: Path) -> None:
    listed = qomgen(here, "generate", *WORDS, "--list-inputs").stdout.splitlines()
    assert {"device_specs/my-accel.yaml", str(BASE / "vfio-pci.yaml")} <= set(listed)
    assert str(BASE / "layouts" / "qemu-10.0.json") not in listed


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A project whose type has a parent of ours, and qomgen itself in it, with a warm cache."""
    made = build(tmp_path)
    shutil.rmtree(tmp_path / "qemu")
    (tmp_path / "qemu").mkdir()
    (tmp_path / "specs" / "my-dev.yaml").write_text(SPEC)
    (tmp_path / "hooks" / "my_accel.py").write_text(HOOKS)
    shutil.copytree(CHECKOUT / "runtime", tmp_path / "runtime")
    made.warm(PYTHONPATH="generator:extra:runtime")
    return made


def test_a_changed_spec_of_ours_makes_outputs_stale(house: House) -> None:
    paths = {"PYTHONPATH": "generator:extra:runtime"}
    code, said, way = house.run("check", **paths)
    assert (code, said, way) == (0, "9 generated files are current", "the short way")
    spec = house.folder / "device_specs" / "vfio-pci.yaml"
    spec.write_text(spec.read_text().replace("\nc:\n", "\nc:\n  type_macro: TYPE_OTHER\n"))
    assert not asked(house)
    code, _, way = house.run("check", **paths)
    assert (code, way) == (1, "the long way")
    house.run("generate", **paths)
    made = house.folder / "out" / "c" / "qemu-10.0" / "my-accel.c.inc"
    assert ".parent = TYPE_OTHER," in made.read_text()
