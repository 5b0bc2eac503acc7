# SPDX-License-Identifier: GPL-2.0-or-later
"""
The command line. Only this module prints and exits.

Exit codes: 0 all is well; 1 generated files are not what the specs give; 2 the input is wrong; 3 qomgen is.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from qomgen import pipeline, problems, publish, report, show
from qomgen.diagnostics import Diagnostic, Diagnostics, SourceFile, Span, SpecErrors, did_you_mean
from qomgen.layout import LayoutError
from qomgen.paths import data_folder
from qomgen.plan import Plan, compare, unified_diff
from qomgen.profile import profiles

CLEAN, DRIFT, BAD_INPUT, INTERNAL = range(4)


class UsageError(Exception):
    """The command line asks for something that is not there; the message says what."""


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    top = argparse.ArgumentParser(
        prog="qomgen",
        description="Generate the C and the Python of QEMU device types from one YAML spec each.",
        epilog="Exit codes: 0 clean, 1 drift, 2 bad input, 3 internal error.",
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    specs = argparse.ArgumentParser(add_help=False)
    specs.add_argument(
        "--specs",
        action="append",
        type=Path,
        metavar="DIR",
        help="a folder of specs; may be repeated (default: device_specs here, else qomgen's own)",
    )
    specs.add_argument(
        "--python-path",
        action="append",
        type=Path,
        default=[],
        metavar="DIR",
        help="where to look for hook modules before Python's own path; may be repeated",
    )
    specs.add_argument(
        "--format",
        choices=sorted(report.FORMATS),
        default="text",
        help="how to print what is wrong (default: text)",
    )
    outputs = argparse.ArgumentParser(add_help=False)
    outputs.add_argument(
        "--output", type=Path, default=Path("generated"), metavar="DIR", help="default: generated"
    )
    outputs.add_argument(
        "--qemu",
        action="append",
        metavar="SERIES",
        help="a QEMU series for the C target; may be repeated (default: all that have a profile)",
    )
    outputs.add_argument(
        "--target",
        action="append",
        choices=pipeline.TARGETS,
        help="may be repeated (default: both)",
    )
    outputs.add_argument(
        "--package",
        default=pipeline.PACKAGE,
        metavar="NAME",
        help=f"the Python package of generated modules (default: {pipeline.PACKAGE})",
    )
    commands.add_parser("generate", parents=[specs, outputs], help="write the generated files")
    check = commands.add_parser(
        "check", parents=[specs, outputs], help="say whether the generated files are current"
    )
    check.add_argument(
        "--git", action="store_true", help="also fail for generated files that git does not track"
    )
    commands.add_parser("list", parents=[specs], help="list the types")
    shown = commands.add_parser("show", parents=[specs], help="show one type")
    shown.add_argument("type", metavar="TYPE")
    shown.add_argument(
        "--qemu",
        metavar="SERIES",
        help="the series to show (default: the newest that has the type)",
    )
    shown.add_argument(
        "--diff", nargs=2, metavar=("OLD", "NEW"), help="what changed between two series"
    )
    commands.add_parser(
        "profiles", help="list the QEMU series that are known, and what each asks of C"
    )
    explain = commands.add_parser("explain", help="explain a diagnostic")
    explain.add_argument(
        "id", metavar="ID", nargs="?", help="such as QG011; without one, all are listed"
    )
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the result is the exit code."""
    arguments = parser().parse_args(argv)
    formatter = report.FORMATS[getattr(arguments, "format", "text")]
    try:
        return _COMMANDS[arguments.command](arguments)
    except SpecErrors as error:
        (
            sys.stdout.write(formatter(error.diagnostics))
            if arguments.format != "text"
            else sys.stderr.write(formatter(error.diagnostics) + _count(len(error.diagnostics)))
        )
        return BAD_INPUT
    except (UsageError, pipeline.UnknownSeries, LayoutError, OSError) as error:
        sys.stderr.write(f"qomgen: error: {error}\n")
        return BAD_INPUT
    except Exception:  # noqa: BLE001 - a bug of ours must not exit with 1, which means drift
        traceback.print_exc()
        sys.stderr.write("qomgen: this is a bug in qomgen; the lines above say where\n")
        return INTERNAL


def _count(number: int) -> str:
    return f"{number} error{'' if number == 1 else 's'}; nothing was written\n"


def _specs(arguments: argparse.Namespace) -> list[Path]:
    given: list[Path] | None = arguments.specs
    if given:
        return given
    here = Path("device_specs")
    return [here if here.is_dir() else data_folder("device_specs")]


def _plan(arguments: argparse.Namespace) -> Plan:
    package: str = arguments.package
    if not all(part.isidentifier() for part in package.split(".")) or "." in package:
        raise UsageError(f"'{package}' is no name for a Python package")
    return pipeline.build(
        _specs(arguments),
        versions=arguments.qemu,
        targets=arguments.target or pipeline.TARGETS,
        python_path=arguments.python_path,
        package=package,
    )


def _generate(arguments: argparse.Namespace) -> int:
    plan = _plan(arguments)
    try:
        done = publish.publish(plan, arguments.output)
    except publish.ForeignFiles as error:
        raise SpecErrors(tuple(_foreign(error, arguments.output))) from error
    for path in done.written:
        print(f"wrote {arguments.output / path}")
    for path in done.removed:
        print(f"removed {arguments.output / path}")
    print(f"{len(done.written)} written, {len(done.removed)} removed, {done.unchanged} unchanged")
    return CLEAN


def _foreign(error: publish.ForeignFiles, output: Path) -> list[Diagnostic]:
    return [
        each for each in error.drift.diagnostics(output) if isinstance(each, problems.FileForeign)
    ]


def _check(arguments: argparse.Namespace) -> int:
    plan = _plan(arguments)
    output: Path = arguments.output
    drift = compare(plan, output)
    found = drift.diagnostics(output)
    untracked = _untracked(plan, drift.missing, output) if arguments.git else []
    found += [
        problems.FileUntracked(Span.start_of(SourceFile(str(path), ""))) for path in untracked
    ]
    sys.stdout.write(report.FORMATS[arguments.format](found))
    if arguments.format == "text":
        sys.stdout.write(unified_diff(plan, drift, output))
        if not found:
            print(f"{len(plan.files)} generated files are current")
        if drift:
            print(f"to mend it: {_generate_command(arguments)}")
        if untracked:
            print(f"to mend it: git add {shlex.join(str(path) for path in untracked)}")
    return DRIFT if found else CLEAN


def _generate_command(arguments: argparse.Namespace) -> str:
    words = ["qomgen", "generate"]
    for flag, values in (
        ("--specs", arguments.specs),
        ("--python-path", arguments.python_path),
        ("--qemu", arguments.qemu),
        ("--target", arguments.target),
    ):
        for value in values or ():
            words += [flag, str(value)]
    if arguments.output != Path("generated"):
        words += ["--output", str(arguments.output)]
    if arguments.package != pipeline.PACKAGE:
        words += ["--package", arguments.package]
    return shlex.join(words)


def _untracked(plan: Plan, missing: Sequence[PurePosixPath], output: Path) -> list[Path]:
    """The outputs that are there and that git does not track."""
    if not output.is_dir():
        return []
    command = ["git", "-C", str(output), "ls-files", "-z", "--", "."]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except FileNotFoundError as error:
        raise UsageError("--git needs the program git") from error
    except subprocess.CalledProcessError as error:
        raise UsageError(f"--git: {error.stderr.strip()}") from error
    tracked = {PurePosixPath(name) for name in done.stdout.split("\0") if name}
    return [
        output / path for path in sorted(plan.files) if path not in tracked and path not in missing
    ]


def _checked_catalogs(arguments: argparse.Namespace) -> show.Catalogs:
    found = Diagnostics()
    made = pipeline.catalogs(pipeline.load(_specs(arguments), found), found)
    found.raise_if_any()
    return made


def _list(arguments: argparse.Namespace) -> int:
    sys.stdout.write(show.listing(_checked_catalogs(arguments)))
    return CLEAN


def _show(arguments: argparse.Namespace) -> int:
    catalogs = _checked_catalogs(arguments)
    names = sorted({name for catalog in catalogs.values() for name in catalog.types})
    if arguments.type not in names:
        hint = did_you_mean(arguments.type, names)
        raise UsageError(f"there is no type '{arguments.type}'" + (f"; {hint}" if hint else ""))
    having = [series for series, catalog in catalogs.items() if arguments.type in catalog.types]
    if arguments.diff:
        old, new = (pipeline.choose([version])[0] for version in arguments.diff)
        sys.stdout.write(show.difference(catalogs, arguments.type, old, new))
        return CLEAN
    series = pipeline.choose([arguments.qemu])[0] if arguments.qemu else having[-1]
    if series not in having:
        raise UsageError(
            f"QEMU {series} has no type '{arguments.type}'; {', '.join(map(str, having))} have"
        )
    sys.stdout.write(show.type_(catalogs[series], arguments.type))
    return CLEAN


def _profiles(arguments: argparse.Namespace) -> int:
    del arguments
    for profile in profiles().values():
        sys.stdout.write(show.profile(profile))
    return CLEAN


def _explain(arguments: argparse.Namespace) -> int:
    known = problems.all_rules()
    if arguments.id is None:
        for rule in known.values():
            print(f"{rule.id}  {rule.manual().splitlines()[0]}")
        return CLEAN
    found = known.get(arguments.id.upper())
    if found is None:
        raise UsageError(
            f"there is no diagnostic '{arguments.id}'; 'qomgen explain' lists them all"
        )
    print(f"{found.id}: {found.message}\n\n{found.manual()}")
    return CLEAN


_COMMANDS = {
    "generate": _generate,
    "check": _check,
    "list": _list,
    "show": _show,
    "profiles": _profiles,
    "explain": _explain,
}
