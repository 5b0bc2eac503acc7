# SPDX-License-Identifier: GPL-2.0-or-later
"""The command `pyvfio doctor`."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import uuid
from collections.abc import Callable
from typing import Final

from pyvfio.address import PciAddress
from pyvfio.doctor import Wanted, examine, named
from pyvfio.doctor.case import DEFAULT_DMA
from pyvfio.doctor.finding import AUTO, IOMMUFD, LEGACY, NOIOMMU
from pyvfio.doctor.users import User
from pyvfio.kernel import Kernel

HEALTHY, CAUSES, USAGE = 0, 1, 2
"""Exit codes."""

UNITS: Final = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def size(text: str) -> int:
    """Read `64M` for argparse, in bytes."""
    found = re.fullmatch(r"([0-9]+)([KMG]?)", text.upper())
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size like 64M")
    return int(found[1]) * UNITS[found[2]]


def user(text: str) -> User:
    """Look up a user for argparse."""
    if os.geteuid() != 0:
        raise argparse.ArgumentTypeError("only root may ask for another user")
    try:
        return named(text)
    except LookupError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def token(text: str) -> str:
    """Read a UUID for argparse."""
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no UUID") from error


def add_options(parser: argparse.ArgumentParser, address: Callable[[str], PciAddress]) -> None:
    """Add what the command takes."""
    add = parser.add_argument
    add("address", type=address, metavar="BDF", help="0000:00:10.0, or 00:10.0")
    add("--json", action="store_true", help="tell it to a program")
    add("--user", type=user, metavar="USER", help="for this user, by name or number (root only)")
    ways = (AUTO, IOMMUFD, LEGACY, NOIOMMU)
    add("--backend", choices=ways, default=AUTO, help="how it shall be opened (%(default)s)")
    add(
        "--dma",
        type=size,
        default=DEFAULT_DMA,
        metavar="SIZE",
        help="how much memory the program maps for DMA (1M)",
    )
    add("--vf-token", type=token, metavar="UUID", help="that will be given when it is opened")
    add("--open", action="store_true", help="also open it as a program would, which resets it")


def run(given: argparse.Namespace, kernel: Kernel | None) -> int:
    """Examine, tell, and return the exit code."""
    wanted = Wanted(given.backend, given.dma, given.vf_token, given.open)
    diagnosis = examine(given.address, user=given.user, wanted=wanted, kernel=kernel)
    if given.json:
        sys.stdout.write(json.dumps(diagnosis.to_json(), indent=2) + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in diagnosis.lines())
    return HEALTHY if diagnosis.healthy else CAUSES
