# SPDX-License-Identifier: GPL-2.0-or-later
"""pyvfio.uapi is what the kernel's header says; the compiler is asked."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import pytest

from pyvfio.uapi import device
from pyvfio.uapi.base import Struct
from tests.unit.pyvfio import header


@pytest.fixture(scope="module")
def compiler() -> str:
    command = header.find_compiler()
    if command is None:
        pytest.skip(f"install a C compiler: one of {', '.join(header.COMPILERS)}")
    return command


def agree(report: header.Report, oracles: list[str], at_least: int = 300) -> None:
    oracles.append(str(report).splitlines()[0])
    assert report.wrong == []
    assert report.unknown == []
    assert report.equal > at_least


def test_uapi_is_the_header_of_this_machine(compiler: str, oracles: list[str]) -> None:
    if not (header.SYSTEM / "linux/vfio.h").exists():
        pytest.skip("install linux-libc-dev")
    agree(header.compare(header.SYSTEM, compiler), oracles)


def test_uapi_is_a_newer_kernels_header(compiler: str, oracles: list[str]) -> None:
    """QOMGEN_KERNEL_HEADERS names folders such as a kernel's include/uapi, separated by colons."""
    named = os.environ.get("QOMGEN_KERNEL_HEADERS", "")
    found = [Path(each) for each in named.split(":") if each]
    found = found or sorted(Path("/usr/src").glob("linux-headers-*-common/include/uapi"))
    if not found:
        pytest.skip("install linux-headers-6.12.*-common, or name folders in QOMGEN_KERNEL_HEADERS")
    for include in found:
        agree(header.compare(include, compiler), oracles)
        agree(header.compare(include, compiler, header.IOMMUFD), oracles, 150)


def test_a_field_in_the_wrong_place_is_found(
    compiler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class vfio_irq_info(Struct):  # noqa: N801 (the header's name)
        _fields_ = (
            ("argsz", ctypes.c_uint32),
            ("index", ctypes.c_uint32),
            ("flags", ctypes.c_uint32),
            ("count", ctypes.c_uint64),
        )

    monkeypatch.setattr(device, "vfio_irq_info", vfio_irq_info)
    monkeypatch.setattr(device, "VFIO_IRQ_INFO_NORESIZE", 4)
    assert header.compare(header.SYSTEM, compiler).wrong == [
        "VFIO_IRQ_INFO_NORESIZE: 4 here, 8 in C",
        "vfio_irq_info: 24 here, 16 in C",
        "vfio_irq_info.index offset: 4 here, 8 in C",
        "vfio_irq_info.flags offset: 8 here, 4 in C",
        "vfio_irq_info.count offset: 16 here, 12 in C",
        "vfio_irq_info.count size: 8 here, 4 in C",
    ]


def test_a_number_that_is_forgotten_is_found(
    compiler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(device, "VFIO_DEVICE_RESET")
    assert header.compare(header.SYSTEM, compiler).unknown == ["VFIO_DEVICE_RESET"]
