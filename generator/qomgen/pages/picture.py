# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a type stands in the QOM tree, as boxes and lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# Pixels. The letters are of one width, so that a box can be made to fit without asking a browser.
_LETTER = 7.9
_PADDING = 10
_BOX = 26
_ROW = 38
_INDENT = 34
_GAP = 14
_MARGIN = 2


@dataclass(frozen=True, slots=True)
class Place:
    """A type in a walk through the tree: `depth` ancestors stand above it."""

    name: str
    depth: int
    is_subject: bool = False
    """It is the one that the picture is of."""
    has_page: bool = False
    is_abstract: bool = False
    interfaces: tuple[str, ...] = ()
    """Those that it declares itself."""


@dataclass(frozen=True, slots=True)
class Box:
    """A name in a box; `x` and `y` are its upper left corner."""

    text: str
    x: int
    y: int
    width: int
    height: int = _BOX
    look: str = ""
    """subject, abstract, interface, or nothing."""
    link: str | None = None
    """The type whose page it leads to."""

    @property
    def middle(self) -> int:
        """Where its line of text has its middle."""
        return self.y + self.height // 2


@dataclass(frozen=True, slots=True)
class Line:
    """From a parent down and right to a child: an elbow, or a straight line to an interface."""

    points: tuple[tuple[int, int], ...]
    is_dashed: bool = False

    @property
    def path(self) -> str:
        """As SVG's polyline takes it."""
        return " ".join(f"{x},{y}" for x, y in self.points)


@dataclass(frozen=True, slots=True)
class Picture:
    """Boxes, lines, and the room they take."""

    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    width: int
    height: int
    text: str
    """The same for those who can't see it."""


def picture(places: Sequence[Place]) -> Picture:
    """
    Draw `places`, each below and right of its parent.

    Args:
        places: in the order of a walk through the tree: a type before those below it.
    """
    boxes: list[Box] = []
    lines: list[Line] = []
    above: list[Box] = []
    for row, place in enumerate(places):
        look = "subject" if place.is_subject else "abstract" if place.is_abstract else ""
        link = place.name if place.has_page and not place.is_subject else None
        box = _box(place.name, _MARGIN + place.depth * _INDENT, row, look, link)
        del above[place.depth :]
        if above:
            parent = above[-1]
            corner = parent.x + _INDENT // 2
            elbow = ((corner, parent.y + parent.height), (corner, box.middle), (box.x, box.middle))
            lines.append(Line(elbow))
        above.append(box)
        boxes.append(box)
        left = box
        for name in place.interfaces:
            start = left.x + left.width
            right = _box(name, start + _GAP, row, "interface", None)
            lines.append(Line(((start, box.middle), (right.x, box.middle)), is_dashed=True))
            boxes.append(right)
            left = right
    width = max(box.x + box.width for box in boxes) + _MARGIN
    return Picture(
        tuple(boxes),
        tuple(lines),
        width,
        len(places) * _ROW - _ROW + _BOX + 2 * _MARGIN,
        _words(places),
    )


def _box(text: str, x: int, row: int, look: str, link: str | None) -> Box:
    return Box(
        text, x, _MARGIN + row * _ROW, round(len(text) * _LETTER) + 2 * _PADDING, _BOX, look, link
    )


def _words(places: Sequence[Place]) -> str:
    """The ancestors from the root on, and what is below."""
    subject = next(index for index, place in enumerate(places) if place.is_subject)
    text = " > ".join(place.name for place in places[: subject + 1])
    below = ", ".join(place.name for place in places[subject + 1 :])
    return f"{text}; below it: {below}" if below else text
