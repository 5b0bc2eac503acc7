# SPDX-License-Identifier: GPL-2.0-or-later
"""The pages of `qomgen docs` in a real browser: what is laid out by reckoning fits, and nothing runs over."""

from __future__ import annotations

from pathlib import Path

import pytest

from qomgen import pages, pipeline, publish
from qomgen.diagnostics import Diagnostics

from .browser import Chromium

CHECKOUT = Path(__file__).resolve().parents[2]

BOXES = """[...document.querySelectorAll('svg')].flatMap(svg => [...svg.querySelectorAll('g')].map(g => {
  const all = svg.getBoundingClientRect(), box = g.querySelector('rect').getBoundingClientRect();
  const text = g.querySelector('text').getBoundingClientRect();
  return {text: g.textContent, left: text.left - box.left, right: box.right - text.right,
    above: text.top - box.top, below: box.bottom - text.bottom,
    inside: all.left <= box.left && box.right <= all.right && box.bottom <= all.bottom};
}))"""
"""Of each box in the pictures: how far its text is from its sides, in pixels."""

WIDTHS = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
ROWS = "[...document.querySelectorAll('h2#properties ~ div tbody tr')].map(row => row.id)"
COLORS = """['h1', 'p', '.soft', 'td', 'a', '.before', '.after'].map(name => document.querySelector(name))
  .filter(Boolean).map(found => getComputedStyle(found).color)"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All pages of our own specs."""
    found = Diagnostics()
    catalogs = pipeline.catalogs(pipeline.load([CHECKOUT / "device_specs"], found), found)
    found.raise_if_any()
    made = tmp_path_factory.mktemp("html")
    publish.publish(pages.plan(catalogs, CHECKOUT / "templates"), made)
    return made


def test_names_fit_into_their_boxes(chromium: Chromium, folder: Path) -> None:
    for name in ("vfio-pci", "host-iommu-device-iommufd-vfio"):
        boxes = chromium.evaluate(folder / "types" / f"{name}.html", BOXES, 1280)
        assert len(boxes) > 3
        for box in boxes:
            assert box["inside"], box
            assert min(box["left"], box["right"]) >= 4, box
            assert min(box["above"], box["below"]) >= 2, box
            # ... and are in their middle, more or less.
            assert abs(box["left"] - box["right"]) <= 8, box


@pytest.mark.parametrize("width", [500, 1280])
def test_nothing_runs_over_the_side(chromium: Chromium, folder: Path, width: int) -> None:
    for page in ("index.html", "types/vfio-pci.html"):
        content, window = chromium.evaluate(folder / page, WIDTHS, width)
        assert content <= window, page


def test_all_properties_are_there_in_their_order(chromium: Chromium, folder: Path) -> None:
    rows = chromium.evaluate(folder / "types" / "vfio-pci.html", ROWS, 1280)
    assert rows[:2] == ["vfio-pci.host", "vfio-pci.vf-token"]
    assert len(rows) > 40


def test_what_came_and_what_went_have_colours_of_their_own(
    chromium: Chromium, folder: Path
) -> None:
    colours = chromium.evaluate(folder / "types" / "vfio-pci.html", COLORS, 1280)
    assert len(colours) == 7
    assert len(set(colours)) == 5


def test_a_page_can_be_drawn(chromium: Chromium, folder: Path, tmp_path: Path) -> None:
    picture = tmp_path / "page.png"
    chromium.screenshot(folder / "types" / "vfio-pci.html", picture, 1280, 1500)
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 50_000
