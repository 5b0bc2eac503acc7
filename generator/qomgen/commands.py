# SPDX-License-Identifier: GPL-2.0-or-later
"""What each command does, the long way: with everything that qomgen has."""

from __future__ import annotations

import argparse
import keyword
import shlex
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path, PurePosixPath

from qomgen import (
    buildsystem,
    git,
    naming,
    options,
    pages,
    pipeline,
    problems,
    project,
    publish,
    quick,
    report,
    show,
    speedcache,
    watch,
)
from qomgen.cli import BAD_INPUT, CLEAN, DRIFT, INTERNAL
from qomgen.diagnostics import Diagnostic, Diagnostics, SourceFile, Span, SpecErrors, did_you_mean
from qomgen.integration import command as integrating
from qomgen.integration.qemutree import TreeTroubles
from qomgen.layout import LayoutError
from qomgen.paths import PACKAGE as OWN_FOLDER
from qomgen.paths import data_folder, own_files
from qomgen.plan import Plan, compare, unified_diff
from qomgen.profile import profiles
from qomgen.scaffold import new


class UsageError(Exception):
    """The command line asks for something that is not there; the message says what."""


_OURS = (
    *integrating.ERRORS,
    *new.ERRORS,
    project.BadSettings,
    UsageError,
    pipeline.UnknownSeries,
    LayoutError,
    publish.NotWritten,
    git.GitError,
    buildsystem.UnwritablePath,
)
"""Errors whose message is a sentence for the user."""


def settle() -> None:
    """Behave in a pipe as other programs do: end when the reader is gone, and escape what an encoding lacks."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def run(words: Sequence[str]) -> int:
    """Run a command; the result is the exit code."""
    grammar = options.parser()
    arguments = grammar.parse_args(words)
    if arguments.command is None and not arguments.version:
        grammar.error("a COMMAND is needed")

    def command(typed: argparse.Namespace) -> int:
        settled = grammar.parse_args(project.settled(words))
        # What is typed is kept: a hint shows no more.
        settled.typed = typed
        return _COMMANDS[settled.command](settled)

    return _answered(command, arguments)


def _answered(command: Callable[[argparse.Namespace], int], arguments: argparse.Namespace) -> int:
    """Run `command`, and say what went wrong."""
    try:
        return command(arguments)
    except SpecErrors as error:
        _say_errors(error.diagnostics, arguments.format)
        return BAD_INPUT
    except TreeTroubles as error:
        sys.stderr.write(f"{error}\n")
        return BAD_INPUT
    except OSError as error:
        where = f"{error.filename}: " if error.filename is not None else ""
        sys.stderr.write(f"qomgen: error: {where}{error.strerror or error}\n")
        return BAD_INPUT
    except _OURS as error:
        sys.stderr.write(f"qomgen: error: {error}\n")
        return BAD_INPUT
    except Exception:  # noqa: BLE001 - a bug of ours must not exit with 1, which means drift
        traceback.print_exc()
        sys.stderr.write("qomgen: this is a bug in qomgen; the lines above say where\n")
        return INTERNAL


def _say_errors(found: Sequence[Diagnostic], form: str) -> None:
    """For machines to standard output, for people to standard error."""
    text = report.FORMATS[form](found)
    if form != "text":
        sys.stdout.write(text)
        return
    plural = "" if len(found) == 1 else "s"
    sys.stderr.write(f"{text}{len(found)} error{plural}; nothing was written\n")


# The outputs


def _plan(arguments: argparse.Namespace) -> Plan:
    package: str = arguments.package
    if not package.isidentifier() or keyword.iskeyword(package):
        raise UsageError(f"'{package}' is no name for a Python package")
    request = _cache_request(arguments)
    entry = speedcache.read(request) if request else None
    before = speedcache.state(request, entry) if request and entry else None
    plan = pipeline.build(
        _spec_folders(arguments),
        versions=arguments.qemu,
        targets=arguments.target or pipeline.TARGETS,
        python_path=arguments.python_path,
        package=package,
        base=_base_folders(arguments),
    )
    plan = replace(plan, inputs=(*plan.inputs, *map(Path, project.inputs())))
    if arguments.flat:
        plan = _flat(plan)
    if request:
        speedcache.store(request, plan, before)
    return plan


def _spec_folders(arguments: argparse.Namespace) -> list[Path]:
    given = [str(folder) for folder in arguments.specs or ()]
    return [Path(folder) for folder in quick.spec_folders(given)]


def _base_folders(arguments: argparse.Namespace) -> list[Path]:
    return [Path(each) for each in quick.base_folders(list(map(str, _spec_folders(arguments))))]


def _cache_request(arguments: argparse.Namespace) -> speedcache.Request | None:
    if arguments.no_cache:
        return None
    given = {name: getattr(arguments, name.strip("-").replace("-", "_")) for name in quick.LISTS}
    lists = {name: [str(each) for each in value or ()] for name, value in given.items()}
    return quick.request(lists, arguments.package, flat=arguments.flat)


def _flat(plan: Plan) -> Plan:
    """The outputs without their folders. What else lies beside them is nobody's to remove."""
    folders = sorted({str(path.parent) for path in plan.files})
    if len(folders) > 1:
        told = ", ".join(folders)
        raise UsageError(f"--flat needs one --target, and for C one --qemu; here are {told}")
    files = {PurePosixPath(path.name): data for path, data in plan.files.items()}
    return Plan(files, (), plan.inputs, plan.modules)


def _generate(arguments: argparse.Namespace) -> int:
    plan = _plan(arguments)
    if arguments.list_inputs or arguments.list_outputs:
        outputs = [arguments.output / path for path in plan.files]
        listed = plan.inputs if arguments.list_inputs else outputs
        sys.stdout.write("".join(f"{path}\n" for path in listed))
        return CLEAN
    _say_done(_finish(plan, arguments), arguments.output)
    return CLEAN


def _finish(plan: Plan, arguments: argparse.Namespace) -> publish.Published:
    """Write the outputs, and then what build systems are told of them."""
    output: Path = arguments.output
    done = _publish(plan, output)
    buildsystem.finish(
        plan.inputs,
        [output / path for path in plan.files],
        depfile=arguments.depfile,
        stamp=arguments.stamp,
        folders=[*_spec_folders(arguments), *_base_folders(arguments)],
    )
    return done


def _watch(arguments: argparse.Namespace) -> int:
    """Generate, and again whenever something that it depends on changes; until interrupted."""
    folders = [*_spec_folders(arguments), data_folder("templates")]
    inputs: list[Path] = []
    is_well = False

    def generate(arguments: argparse.Namespace) -> int:
        plan = _plan(arguments)
        # A qomgen that was changed is the next one's to run.
        inputs[:] = set(plan.inputs) - set(own_files())
        done = _finish(plan, arguments)
        if done.written or done.removed or not is_well:
            _say_done(done, arguments.output)
            sys.stdout.flush()
        return CLEAN

    try:
        for _ in watch.changes(
            lambda: {*watch.files(folders), *watch.modules(arguments.python_path), *inputs}
        ):
            is_well = _answered(generate, arguments) == CLEAN
    except KeyboardInterrupt:
        pass
    return CLEAN


def _publish(plan: Plan, output: Path) -> publish.Published:
    try:
        return publish.publish(plan, output)
    except publish.ForeignFiles as error:
        found = error.drift.diagnostics(output)
        foreign = [each for each in found if isinstance(each, problems.FileForeign)]
        raise SpecErrors(tuple(foreign)) from error


def _say_done(done: publish.Published, output: Path) -> None:
    for path in done.written:
        print(f"wrote {output / path}")
    for path in done.removed:
        print(f"removed {output / path}")
    print(quick.done(len(done.written), len(done.removed), done.unchanged))


def _docs(arguments: argparse.Namespace) -> int:
    output: Path = arguments.output
    plan = pages.plan(_checked_catalogs(arguments), data_folder("templates"))
    _say_done(_publish(plan, output), output)
    return CLEAN


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
            print(quick.all_current(len(plan.files)))
        if drift:
            print(f"to mend it: {_generate_command(arguments)}")
        if untracked:
            print(f"to mend it: git add {shlex.join(str(path) for path in untracked)}")
    return DRIFT if found else CLEAN


def _generate_command(arguments: argparse.Namespace) -> str:
    typed: argparse.Namespace = arguments.typed
    words = ["qomgen", "generate"]
    for flag, values in (
        ("--specs", typed.specs),
        ("--python-path", typed.python_path),
        ("--qemu", typed.qemu),
        ("--target", typed.target),
    ):
        for value in values or ():
            words += [flag, str(value)]
    if typed.output != Path("generated"):
        words += ["--output", str(typed.output)]
    if typed.package != naming.PACKAGE:
        words += ["--package", typed.package]
    if typed.flat:
        words += ["--flat"]
    return shlex.join(words)


def _untracked(plan: Plan, missing: Sequence[PurePosixPath], output: Path) -> list[Path]:
    """The outputs that are there and that git does not track."""
    there = [str(path) for path in plan.files if path not in missing]
    return [output / path for path in git.untracked(str(output), there)]


def _integrate(arguments: argparse.Namespace) -> int:
    return integrating.run(arguments, _spec_folders(arguments), _base_folders(arguments))


# What is known


def _checked_catalogs(arguments: argparse.Namespace) -> show.Catalogs:
    found = Diagnostics()
    specs = pipeline.load(_spec_folders(arguments), found, base=_base_folders(arguments))
    made = pipeline.catalogs(specs, found)
    found.raise_if_any()
    return made


def _new(arguments: argparse.Namespace) -> int:
    for line in new.run(arguments):
        print(line)
    return CLEAN


def _list(arguments: argparse.Namespace) -> int:
    sys.stdout.write(show.listing(_checked_catalogs(arguments)))
    return CLEAN


def _show(arguments: argparse.Namespace) -> int:
    catalogs = _checked_catalogs(arguments)
    names = sorted({name for catalog in catalogs.values() for name in catalog.types})
    if arguments.type not in names:
        hint = did_you_mean(arguments.type, names) or "'qomgen list' lists them"
        raise UsageError(f"there is no type '{arguments.type}'; {hint}")
    having = [series for series, catalog in catalogs.items() if arguments.type in catalog.types]
    if arguments.diff:
        old, new = (pipeline.choose([version])[0] for version in arguments.diff)
        sys.stdout.write(show.difference(catalogs, arguments.type, old, new))
        return CLEAN
    series = pipeline.choose([arguments.qemu])[0] if arguments.qemu else having[-1]
    if series not in having:
        raise UsageError(
            f"QEMU {series} has no type '{arguments.type}': it is in {', '.join(map(str, having))}"
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


def _where(arguments: argparse.Namespace) -> int:
    name: str = arguments.folder
    print(OWN_FOLDER / name if name == "schema" else data_folder(name))
    return CLEAN


def _version(arguments: argparse.Namespace) -> int:
    del arguments
    print(f"qomgen {version('qomgen')}")
    return CLEAN


_COMMANDS = {
    None: _version,
    "new": _new,
    "generate": _generate,
    "watch": _watch,
    "check": _check,
    "integrate": _integrate,
    "list": _list,
    "show": _show,
    "docs": _docs,
    "profiles": _profiles,
    "explain": _explain,
    "where": _where,
}
