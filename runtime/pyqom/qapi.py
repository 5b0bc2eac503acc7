# SPDX-License-Identifier: GPL-2.0-or-later
"""Enumerations of QEMU's QAPI schema that properties use.

A member's value is the word a user writes; the first member is C's zero, which is what a field
holds before anything was set.
"""

from __future__ import annotations

from enum import Enum


class QapiEnum(Enum):
    """Base of the QAPI enumerations."""

    @classmethod
    def zero(cls) -> QapiEnum:
        """The member that C numbers 0."""
        return next(iter(cls))


class OnOffAuto(QapiEnum):
    """qapi/common.json: OnOffAuto."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


class OffAutoPCIBAR(QapiEnum):
    """qapi/common.json: OffAutoPCIBAR."""

    OFF = "off"
    AUTO = "auto"
    BAR0 = "bar0"
    BAR1 = "bar1"
    BAR2 = "bar2"
    BAR3 = "bar3"
    BAR4 = "bar4"
    BAR5 = "bar5"


class PCIELinkSpeed(QapiEnum):
    """qapi/common.json: PCIELinkSpeed. 32 and 64 GT/s came after 7.2."""

    SPEED_2_5 = "2_5"
    SPEED_5 = "5"
    SPEED_8 = "8"
    SPEED_16 = "16"
    SPEED_32 = "32"
    SPEED_64 = "64"


class PCIELinkWidth(QapiEnum):
    """qapi/common.json: PCIELinkWidth."""

    WIDTH_1 = "1"
    WIDTH_2 = "2"
    WIDTH_4 = "4"
    WIDTH_8 = "8"
    WIDTH_12 = "12"
    WIDTH_16 = "16"
    WIDTH_32 = "32"
