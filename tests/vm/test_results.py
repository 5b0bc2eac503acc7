# SPDX-License-Identifier: GPL-2.0-or-later
"""What a guest leaves beside its reports: nothing got lost on the way."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from .machine import Results


def test_the_guest_ran_what_the_host_collected(
    results: Results, request: pytest.FixtureRequest
) -> None:
    junit = ET.fromstring(results.files["junit.xml"])  # noqa: S314 - our own pytest wrote it
    cases = junit.iter("testcase")
    ran = sorted(str(case.get("name")) for case in cases)
    assert ran == sorted(item.name for item in request.session.items if "guest" in item.path.parts)


def test_the_kernels_log_came_back(results: Results) -> None:
    assert b"DMAR: IOMMU enabled" in results.files["dmesg"]


def test_the_kernel_took_modules_of_its_own_source(results: Results) -> None:
    """They are not signed, and nothing else is to be said of them."""
    lines = results.files["dmesg"].decode().splitlines()
    assert sum("module verification failed" in line for line in lines) == 1
    assert not [line for line in lines if "disagrees about version" in line or "WARNING:" in line]
