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
