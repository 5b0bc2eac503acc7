# SPDX-License-Identifier: GPL-2.0-or-later
"""A device that `qomgen new` makes on vfio-pci-device, which QEMU has since 10.2: compiled there, unedited."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.qemu import projects
from tests.qemu.checkpatch import complaints
from tests.qemu.integrated import integrated
from tests.qemu.run import run
from tests.qemu.tree import Tree

SERIES = "10.2"

NAME = "edu-bare"


@pytest.fixture(scope="module")
def project() -> Iterator[Path]:
    """The project, unedited."""
    with tempfile.TemporaryDirectory() as folder:
        options = ("--parent", "vfio-pci-device", "--pci-id", "1234:11e8", "--yes")
        queues = ("--property", "queues:uint32=4")
        run([projects.PYTHON, "-m", "qomgen", "new", NAME, *options, *queues], cwd=Path(folder))
        yield Path(folder) / NAME


@pytest.mark.objects
def test_it_compiles_without_a_warning(
    project: Path, series_or_reason: Callable[[str], Tree]
) -> None:
    series_or_reason(SERIES)
    made = integrated(SERIES, [project])
    expected = {f"hw/vfio/{NAME}.c", f"tests/qtest/{NAME}-test.c"}
    assert made.objects().keys() == expected
    assert all("-Werror" in made.build.commands[name] for name in expected)


@pytest.mark.objects
def test_it_has_the_style_of_qemu(project: Path, series_or_reason: Callable[[str], Tree]) -> None:
    tree = series_or_reason(SERIES)
    files = [path for path in (project / "qemu").rglob("*") if path.is_file()]
    assert len(files) == 2
    for path in files:
        inside = path.relative_to(project / "qemu").as_posix()
        assert complaints(tree, inside, path.read_text()) == []
    for path in (project / "generated" / "c" / f"qemu-{SERIES}").iterdir():
        assert complaints(tree, path.name, path.read_text()) == []
