# SPDX-License-Identifier: GPL-2.0-or-later
"""The HTML pages: all that the catalogs know is on them, links lead somewhere, text stays text."""

from __future__ import annotations

import dataclasses
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath

import pytest

from qomgen import pages, pipeline, show
from qomgen.diagnostics import Diagnostics
from qomgen.pages.picture import Place, picture
from qomgen.plan import Plan
from qomgen.series import Series

from .conftest import CHECKOUT
from .hostile import STRINGS
from .running import project, qomgen

TEMPLATES = CHECKOUT / "templates"


class Page(HTMLParser):
    """What a page has: its text, its tags in order, where its links lead, the cells of its rows."""

    VOID = frozenset({"meta", "br", "rect", "polyline"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.rows: list[list[str]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        told = dict(attrs)
        self.links += [told["href"] or ""] if "href" in told else []
        self.ids += [told["id"] or ""] if "id" in told else []
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.texts.append(data)
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data

    def cells(self, *path: str) -> list[str]:
        """The row that begins with `path`."""
        (found,) = (
            cells
            for cells in ([cell.strip() for cell in row] for row in self.rows)
            if cells[: len(path)] == list(path)
        )
        return found


@pytest.fixture(scope="module")
def catalogs() -> show.Catalogs:
    found = Diagnostics()
    made = pipeline.catalogs(pipeline.load([CHECKOUT / "device_specs"], found), found)
    found.raise_if_any()
    return made


@pytest.fixture(scope="module")
def plan(catalogs: show.Catalogs) -> Plan:
    return pages.plan(catalogs, TEMPLATES)


@pytest.fixture(scope="module")
def parsed(plan: Plan) -> dict[PurePosixPath, Page]:
    return {path: Page(data.decode()) for path, data in plan.files.items()}


def test_every_generated_type_has_a_page(plan: Plan, catalogs: show.Catalogs) -> None:
    listed = [line.split()[0] for line in show.listing(catalogs).splitlines()[1:]]
    assert {str(path) for path in plan.files} == {
        "index.html",
        *(f"types/{name}.html" for name in listed),
    }


def test_every_link_leads_somewhere(parsed: dict[PurePosixPath, Page]) -> None:
    followed = 0
    for path, page in parsed.items():
        for link in page.links:
            target = (CHECKOUT / path.parent / link).resolve().relative_to(CHECKOUT)
            assert PurePosixPath(target.as_posix()) in parsed, f"{path}: {link}"
            followed += 1
    assert followed > len(parsed)


def test_every_property_of_every_series_is_told(
    parsed: dict[PurePosixPath, Page], catalogs: show.Catalogs
) -> None:
    told = 0
    for path, page in parsed.items():
        if path.name == "index.html":
            continue
        having = [series for series in catalogs if path.stem in catalogs[series].types]
        for column, series in enumerate(having):
            catalog = catalogs[series]
            for owner in catalog.chain(catalog.types[path.stem]):
                for each in owner.all_properties:
                    assert f"{owner.name}.{each.name}" in page.ids
                    # A property may have moved from one type of the chain to another.
                    rows = [
                        row for row in page.rows if row[:1] and row[0].split()[:1] == [each.name]
                    ]
                    there = [row for row in rows if "●" in row[5 + column]]
                    assert there, f"{path}: {each.name} in {series}"
                    assert any(each.kind in row[1] for row in there)
                    told += 1
    assert told > 450


def test_what_differs_is_told_with_its_series(parsed: dict[PurePosixPath, Page]) -> None:
    page = parsed[PurePosixPath("types/vfio-pci.html")]
    row = page.cells("x-igd-opregion")
    assert row[2].split() == ["false", "7.2,", "10.0", "true", "10.2"]
    assert row[5:] == ["●", "●", "●"]
    assert page.cells("vf-token")[5:] == ["·", "●", "●"]
    assert page.cells("parent") == ["parent", "pci-device", "vfio-pci-device"]
    assert page.cells("property x-enable-migration")[2] == ""


def test_the_picture_tells_of_the_whole_chain(
    catalogs: show.Catalogs, parsed: dict[PurePosixPath, Page]
) -> None:
    page = pages.type_page(catalogs, "vfio-pci", pages.page_names(catalogs))
    told = {drawn.series: drawn.picture.text for drawn in page.pictures}
    assert told == {
        ("7.2", "10.0"): "object > device > pci-device > vfio-pci; below it: vfio-pci-nohotplug",
        ("10.2",): "object > device > pci-device > vfio-pci-device > vfio-pci;"
        " below it: vfio-pci-nohotplug",
    }
    assert parsed[PurePosixPath("types/vfio-pci.html")].tags.count("svg") == 2


def test_boxes_do_not_touch_and_lines_join_them() -> None:
    drawn = picture(
        [
            Place("root", 0, interfaces=("one", "two")),
            Place("left", 1),
            Place("leaf", 2, is_subject=True),
            Place("right", 1),
        ]
    )
    for index, box in enumerate(drawn.boxes):
        assert box.x >= 0
        assert box.x + box.width <= drawn.width
        assert box.y + box.height <= drawn.height
        for other in drawn.boxes[index + 1 :]:
            assert box.y != other.y or box.x + box.width < other.x
    ends = {line.points[-1] for line in drawn.lines}
    assert ends == {(box.x, box.middle) for box in drawn.boxes if box.text != "root"}
    # `right` hangs on `root`, not on `leaf` above it.
    straight = [line for line in drawn.lines if line.points[-1][1] == drawn.boxes[-1].middle]
    assert [line.points[0][1] for line in straight] == [drawn.boxes[0].y + drawn.boxes[0].height]


@pytest.mark.parametrize(
    "text", [*STRINGS, "<script>canary()</script>", "&lt;", '" onload="canary']
)
def test_text_stays_text(catalogs: show.Catalogs, text: str) -> None:
    """As a description, a doc and a constant; the tags are those of a page with a harmless word."""
    plain, hostile = (
        Page(page_with(catalogs, word).decode(errors="surrogatepass")) for word in ("plain", text)
    )
    assert hostile.tags == plain.tags
    assert hostile.ids == plain.ids
    # HTML reads these as a line's end, or not at all.
    shown = text.replace("\r\n", "\n").replace("\r", "\n")
    assert shown in "".join(hostile.texts).replace("\r\n", "\n").replace("\r", "\n")


def page_with(catalogs: show.Catalogs, text: str) -> bytes:
    series = Series(10, 0)
    catalog = catalogs[series]
    found = catalog.types["iommufd"]
    (own,) = (each for each in found.class_properties if each.name == "fd")
    odd = dataclasses.replace(own, description=text)
    types = catalog.types | {
        "iommufd": dataclasses.replace(found, doc=text, class_properties=(odd,))
    }
    fresh = dataclasses.replace(catalog, types=types, _chains={}, _values={}, _homes={})
    made = pages.plan({series: fresh}, TEMPLATES)
    return made.files[PurePosixPath("types/iommufd.html")]


def test_docs_writes_them_and_leaves_what_is_current(tmp_path: Path) -> None:
    folder = project(tmp_path / "mine")
    words = ("docs", "--specs", str(CHECKOUT / "device_specs" / "qemu"), "--specs", "specs")
    first = qomgen(folder, *words)
    assert first.stderr == ""
    assert first.stdout.splitlines() == [
        "wrote html/index.html",
        "wrote html/types/my-dev.html",
        "2 written, 0 removed, 0 unchanged",
    ]
    assert "How much of it" in (folder / "html/types/my-dev.html").read_text()
    assert qomgen(folder, *words).stdout == "0 written, 0 removed, 2 unchanged\n"


def test_docs_removes_the_page_of_a_type_that_is_gone(tmp_path: Path) -> None:
    folder = project(tmp_path / "mine")
    words = ("docs", "--specs", str(CHECKOUT / "device_specs" / "qemu"), "--specs", "specs")
    qomgen(folder, *words)
    spec = folder / "specs" / "my-dev.yaml"
    spec.write_text(spec.read_text().replace("my-dev", "my-other"))
    assert "removed html/types/my-dev.html" in qomgen(folder, *words).stdout


def test_docs_leaves_what_is_not_its_own(tmp_path: Path) -> None:
    folder = project(tmp_path / "mine")
    (folder / "html").mkdir()
    (folder / "html" / "index.html").write_text("<p>mine</p>")
    words = ("docs", "--specs", str(CHECKOUT / "device_specs" / "qemu"), "--specs", "specs")
    ran = qomgen(folder, *words)
    assert ran.returncode == 2
    assert "index.html" in ran.stderr
    assert (folder / "html" / "index.html").read_text() == "<p>mine</p>"
    assert not (folder / "html" / "types").exists()
