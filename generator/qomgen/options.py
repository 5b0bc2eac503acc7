# SPDX-License-Identifier: GPL-2.0-or-later
"""The grammar of the command line."""

from __future__ import annotations

import argparse
from pathlib import Path

from qomgen.integration import command as integrating
from qomgen.naming import PACKAGE
from qomgen.pipeline import SCHEMA, TARGETS
from qomgen.report import FORMATS
from qomgen.scaffold import new


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    top = argparse.ArgumentParser(
        prog="qomgen",
        description="Generate the C and the Python of QEMU device types from one YAML spec each.",
        epilog="Exit codes: 0 clean, 1 drift, 2 bad input, 3 internal error.",
    )
    top.add_argument("--version", action="store_true", help="say which qomgen this is, and exit")
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
    specs, outputs = _specs(), _outputs()
    new.add_options(
        commands.add_parser(
            "new",
            help="begin a project with a device type of your own",
            description="Make a folder with all that a new device type needs: its spec, what is generated of it,"
            " what it does in C and in Python, and tests of both. Asks for what is not said.",
        )
    )
    generate = commands.add_parser(
        "generate",
        parents=[specs, outputs],
        help="write the generated files",
        description="Write the generated files that are not current, and remove those that nothing asks for any more.",
    )
    _for_build_systems(generate)
    watch = commands.add_parser(
        "watch",
        parents=[specs, outputs],
        help="generate, and again whenever a spec, a template or a hook changes",
        description="Generate, and again whenever a spec, a template or a hook module changes, until interrupted"
        " (Ctrl-C). A mistake is shown, and nothing written until it is mended.",
    )
    watch.set_defaults(depfile=None, stamp=None)
    check = commands.add_parser(
        "check",
        parents=[specs, outputs],
        help="say whether the generated files are current",
        description="Write nothing; show as a diff what 'generate' would change. Exit code 1 if there is anything.",
    )
    check.add_argument(
        "--git", action="store_true", help="also fail for generated files that git does not track"
    )
    integrating.add_options(
        commands.add_parser(
            "integrate",
            parents=[specs],
            help="bring a project into a QEMU source tree, or write patches that do",
            description="Put the generated and the hand-written files of this project into QEMU's source, with the"
            " entries that build them. A second run changes nothing; --undo takes everything back.",
        )
    )
    commands.add_parser("list", parents=[specs], help="list the types")
    _show(commands.add_parser("show", parents=[specs], help="show one type"))
    docs = commands.add_parser(
        "docs",
        parents=[specs],
        help="write a page about each type",
        description="Write HTML: a page about each type, with its place in the QOM tree, its properties"
        " and what differs between QEMU series; and an index of them.",
    )
    docs.add_argument(
        "--output",
        type=Path,
        default=Path("html"),
        metavar="DIR",
        help="the folder of the pages (default: html)",
    )
    commands.add_parser(
        "profiles", help="list the QEMU series that are known, and what each asks of C"
    )
    explain = commands.add_parser("explain", help="explain a diagnostic")
    explain.add_argument(
        "id", metavar="ID", nargs="?", help="such as QG011; without one, all are listed"
    )
    where = commands.add_parser("where", help="print where a folder of qomgen's own lies")
    where.add_argument("folder", choices=("device_specs", "templates", "schema"))
    return top


def _specs() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument(
        "--specs",
        action="append",
        type=Path,
        metavar="DIR",
        help="a folder of specs; may be repeated (default: device_specs here, else qomgen's own, which are"
        " known beside any others)",
    )
    options.add_argument(
        "--python-path",
        action="append",
        type=Path,
        default=[],
        metavar="DIR",
        help="where to look for hook modules before Python's own path; may be repeated",
    )
    options.add_argument(
        "--format",
        choices=sorted(FORMATS),
        default="text",
        help="how to print what is wrong (default: text)",
    )
    return options


def _outputs() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument(
        "--output",
        type=Path,
        default=Path("generated"),
        metavar="DIR",
        help="the folder of generated files (default: generated)",
    )
    options.add_argument(
        "--qemu",
        action="append",
        metavar="SERIES",
        help="a QEMU series for the C target; may be repeated (default: all that have a profile)",
    )
    options.add_argument(
        "--target",
        action="append",
        choices=(*TARGETS, SCHEMA),
        help="may be repeated (default: c and python); schema: the schema of specs, for editors",
    )
    options.add_argument(
        "--package",
        default=PACKAGE,
        metavar="NAME",
        help=f"the Python package of generated modules (default: {PACKAGE})",
    )
    options.add_argument(
        "--flat",
        action="store_true",
        help="no folders below --output, for build systems that want none; needs one --target,"
        " and for C one --qemu",
    )
    options.add_argument(
        "--no-cache", action="store_true", help="neither read nor write the speed cache"
    )
    return options


def _for_build_systems(generate: argparse.ArgumentParser) -> None:
    group = generate.add_argument_group("for build systems")
    group.add_argument(
        "--depfile",
        type=Path,
        metavar="FILE",
        help="write the dependencies of all outputs (with --stamp: of the stamp) to FILE, as Make reads them",
    )
    group.add_argument(
        "--stamp",
        type=Path,
        metavar="FILE",
        help="make FILE when all is done, or set its time to now",
    )
    lists = group.add_mutually_exclusive_group()
    lists.add_argument(
        "--list-inputs",
        action="store_true",
        help="write nothing; print what would be read, a path a line",
    )
    lists.add_argument(
        "--list-outputs",
        action="store_true",
        help="write nothing; print what would be generated, a path a line",
    )


def _show(shown: argparse.ArgumentParser) -> None:
    shown.add_argument("type", metavar="TYPE")
    shown.add_argument(
        "--qemu",
        metavar="SERIES",
        help="the series to show (default: the newest that has the type)",
    )
    shown.add_argument(
        "--diff", nargs=2, metavar=("OLD", "NEW"), help="what changed between two series"
    )
