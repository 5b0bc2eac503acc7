# SPDX-License-Identifier: GPL-2.0-or-later
"""The command pyvfio: look at PCI functions, and give them to VFIO and back."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from pyvfio import binding, report
from pyvfio.address import PciAddress
from pyvfio.doctor import command as doctor
from pyvfio.errors import VfioError
from pyvfio.kernel import Kernel
from pyvfio.opening import choose_backend, open_device
from pyvfio.sysfs import Sysfs, harmless, is_vfio


def address(text: str) -> PciAddress:
    """Read an address for argparse, which tells of its error."""
    try:
        return PciAddress.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def parser() -> argparse.ArgumentParser:
    """Make the parser of the command line."""
    whole = argparse.ArgumentParser(prog="pyvfio", description="PCI devices for userspace.")
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    shown = commands.add_parser("list", help="list PCI functions, their drivers and groups")
    shown.add_argument("--vfio", action="store_true", help="only those that VFIO has")
    info = commands.add_parser("info", help="tell all of one PCI function")
    info.add_argument("address", type=address, metavar="BDF", help="0000:00:10.0, or 00:10.0")
    why = commands.add_parser("doctor", help="tell why a user cannot open a PCI function")
    doctor.add_options(why, address)
    bind = commands.add_parser("bind", help="give PCI functions to VFIO, or to another driver")
    bind.add_argument("--driver", default=binding.DRIVER, metavar="NAME", help="(%(default)s)")
    unbind = commands.add_parser("unbind", help="take PCI functions from VFIO, for the host")
    for each in (bind, unbind):
        each.add_argument("addresses", type=address, nargs="+", metavar="BDF")
        each.add_argument("--dry-run", action="store_true", help="only tell what would be written")
    return whole


def say(text: str) -> None:
    """Write a line for the user."""
    sys.stdout.write(f"{text}\n")


def show_list(sysfs: Sysfs, *, vfio: bool) -> None:
    """List functions."""
    say(report.HEADING)
    for function in sysfs.pci_functions():
        if not vfio or is_vfio(function.driver):
            say(report.line(function))


def show_info(sysfs: Sysfs, where: PciAddress) -> None:
    """Tell of one function: what /sys tells, and what VFIO does if it has it."""
    function = sysfs.pci(where)
    for line in report.of_sysfs(sysfs, function):
        say(line)
    if not is_vfio(function.driver):
        say(f"  VFIO does not have it: pyvfio bind {function.address}")
        return
    say(f"  opened by {choose_backend(function.address, sysfs.kernel)}")
    with open_device(function.address, kernel=sysfs.kernel) as device:
        for line in (*report.of_device(device), *report.of_iommu(device.iommu)):
            say(line)


def change(sysfs: Sysfs, arguments: argparse.Namespace) -> None:
    """Bind or unbind functions; undo what was done if one of them fails."""
    done: list[binding.Binding] = []
    dry_run: bool = arguments.dry_run
    kernel = sysfs.kernel
    try:
        for each in arguments.addresses:
            if arguments.command == "bind":
                made = binding.bind(each, driver=arguments.driver, dry_run=dry_run, kernel=kernel)
            else:
                made = binding.unbind(each, dry_run=dry_run, kernel=kernel)
            done.append(made)
            tell_change(sysfs, made, dry_run=dry_run)
    except VfioError:
        for made in reversed([] if dry_run else done):
            say(f"{made.before.address}: undone")
            made.undo()
        raise


def tell_change(sysfs: Sysfs, made: binding.Binding, *, dry_run: bool) -> None:
    """Tell what was done, and whether the group is VFIO's now."""
    before = made.before
    for step in made.steps:
        say(f"{'would ' if dry_run else ''}{step}")
    if dry_run:
        return
    after = made.after()
    if not made.steps:
        say(f"{before.address}: {before.driver} has it already")
    else:
        say(f"{before.address}: {before.driver or 'no driver'} -> {after.driver or 'no driver'}")
    if after.group is None or not is_vfio(after.driver):
        return
    members = sysfs.neighbours(after.group).items()
    guilty = [f"{name} ({driver})" for name, driver in members if not harmless(driver)]
    if guilty:
        say(f"group {after.group} cannot be used yet: the host has {', '.join(guilty)}")


def main(arguments: Sequence[str] | None = None, kernel: Kernel | None = None) -> int:
    """Run the command.

    Returns:
        0, or 1 if something failed, which is told on the error output. The doctor's are 0 for a
        device that can be opened and 1 for one that cannot.

    Raises:
        SystemExit: the command line is wrong (2), or help was asked for (0).
    """
    given = parser().parse_args(arguments)
    sysfs = Sysfs(kernel)
    try:
        if given.command == "list":
            show_list(sysfs, vfio=given.vfio)
        elif given.command == "info":
            show_info(sysfs, given.address)
        elif given.command == "doctor":
            return doctor.run(given, kernel)
        else:
            change(sysfs, given)
    except VfioError as error:
        sys.stderr.write(f"pyvfio: {error}\n")
        return 1
    return 0
