# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line as its users meet it: commands, help, messages and exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from qomgen import cli, options, pipeline
from qomgen.paths import data_folder

from .conftest import CHECKOUT
from .running import NAMES, OPTIONS, SPEC, outputs, project, qomgen


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project, and the process in it."""
    monkeypatch.chdir(project(tmp_path))
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """The exit code, and what was printed and complained."""
    code = cli.main(words)
    said = capsys.readouterr()
    return code, said.out, said.err


# generate and check


def test_generate_says_what_it_does(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "generate", *OPTIONS)
    assert (code, err) == (cli.CLEAN, "")
    assert out.splitlines() == [
        *(f"wrote out/{name}" for name in NAMES),
        "9 written, 0 removed, 0 unchanged",
    ]
    assert sorted(outputs(here / "out")) == NAMES
    assert run(capsys, "generate", *OPTIONS) == (0, "0 written, 0 removed, 9 unchanged\n", "")


@pytest.mark.usefixtures("here")
def test_check_exits_with_0_if_all_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "generate", *OPTIONS)
    assert run(capsys, "check", *OPTIONS) == (0, "9 generated files are current\n", "")


def test_check_exits_with_1_and_writes_nothing(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, "check", *OPTIONS, "--target", "c", "--qemu", "10.0")
    assert (code, err) == (cli.DRIFT, "")
    assert "+++ out/c/qemu-10.0/my-dev.c.inc" in out
    mend = out.splitlines()[-1].removeprefix("to mend it: qomgen ").split()
    assert not (here / "out").exists()
    assert run(capsys, *mend)[0] == 0
    assert run(capsys, "check", *OPTIONS, "--target", "c", "--qemu", "10.0")[0] == 0


def test_bad_input_exits_with_2(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "specs" / "my-dev.yaml").write_text(SPEC.replace("kind: uint32", "kind: uint33"))
    for command in ("generate", "check"):
        code, out, err = run(capsys, command, *OPTIONS)
        assert (code, out) == (cli.BAD_INPUT, "")
        assert "did you mean 'uint32'?" in err
        assert err.endswith("1 error; nothing was written\n")
    assert not (here / "out").exists()


@pytest.mark.usefixtures("here")
def test_an_error_of_ours_exits_with_3(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: object, **_keywords: object) -> NoReturn:
        raise ZeroDivisionError

    monkeypatch.setattr(pipeline, "build", broken)
    code, out, err = run(capsys, "check", *OPTIONS)
    assert (code, out) == (cli.INTERNAL, "")
    assert "ZeroDivisionError" in err
    assert err.endswith("qomgen: this is a bug in qomgen; the lines above say where\n")


@pytest.mark.parametrize("form", ["json", "sarif", "github"])
@pytest.mark.parametrize("command", ["generate", "check", "list", "show"])
def test_errors_for_machines_go_to_standard_output(
    here: Path, capsys: pytest.CaptureFixture[str], command: str, form: str
) -> None:
    (here / "specs" / "my-dev.yaml").write_text(SPEC.replace("kind: uint32", "kind: uint33"))
    words = OPTIONS if command in ("generate", "check") else OPTIONS[:-2]
    code, out, err = run(
        capsys, command, *words, "--format", form, *(["x"] if command == "show" else [])
    )
    assert (code, err) == (cli.BAD_INPUT, "")
    if form == "github":
        assert out.startswith("::error file=specs/my-dev.yaml,line=14,")
    else:
        assert json.loads(out)


def test_what_is_not_ours_is_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = here / "out" / "c" / "qemu-10.0" / "my-dev.c.inc"
    mine.parent.mkdir(parents=True)
    mine.write_text("/* Mine. */\n")
    code, _, err = run(capsys, "generate", *OPTIONS)
    assert code == cli.BAD_INPUT
    assert "out/c/qemu-10.0/my-dev.c.inc" in err
    assert mine.read_text() == "/* Mine. */\n"
    assert outputs(here / "out").keys() == {"c/qemu-10.0/my-dev.c.inc"}


def test_removed_files_are_told(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "generate", *OPTIONS)
    (here / "specs" / "my-dev.yaml").write_text(
        SPEC.replace("python: {hooks: my_hooks.dev}", "targets: [c]")
    )
    assert "removed out/python/qomgen_devices/my_dev.py\n" in run(capsys, "generate", *OPTIONS)[1]


# Wrong questions


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("generate", "--qemu", "9.9"), "no profile for QEMU '9.9'; there are 7.2, 10.0, 10.2"),
        (("show", "vfio-pic"), "there is no type 'vfio-pic'; did you mean 'vfio-pci'?"),
        (("show", "zzz"), "there is no type 'zzz'; 'qomgen list' lists them"),
        (
            ("show", "vfio-pci", "--qemu", "8.2"),
            "no profile for QEMU '8.2'; there are 7.2, 10.0, 10.2",
        ),
        (
            ("show", "vfio-pci-device", "--qemu", "7.2"),
            "QEMU 7.2 has no type 'vfio-pci-device': it is in 10.2",
        ),
        (("show", "vfio-pci", "--diff", "7.2", "11.0"), "no profile for QEMU '11.0'; there are"),
        (("explain", "QG999"), "there is no diagnostic 'QG999'; 'qomgen explain' lists them all"),
        (("generate", "--specs", "nowhere"), "there is no spec folder 'nowhere'"),
        (("check", "--package", "a.b"), "'a.b' is no name for a Python package"),
        (("check", "--package", "class"), "'class' is no name for a Python package"),
        (
            ("generate", "--flat"),
            "--flat needs one --target, and for C one --qemu; here are c/qemu-",
        ),
        (("generate", "--output", "file"), "can't make the folder file: "),
        (("generate", "--output", "out", "--depfile", "no/d"), "no/d: No such file or directory"),
        (("generate", "--output", "out", "--stamp", "no/s"), "no/s: No such file or directory"),
        (("check", "--git", "--output", "."), "--git: "),
    ],
)
def test_what_can_not_be_done_is_said_in_a_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    # The folder is in no checkout, whoever's it is in.
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    (tmp_path / "file").touch()
    code, _, err = run(capsys, *words)
    assert code == cli.BAD_INPUT
    assert err.splitlines()[-1].startswith(f"qomgen: error: {message}")
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "words", [(), ("generat",), ("generate", "--outptu", "x"), ("show",), ("generate", "x")]
)
def test_a_wrong_command_line_exits_with_2(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(words)
    assert caught.value.code == cli.BAD_INPUT
    assert "usage: qomgen" in capsys.readouterr().err


# Help


COMMANDS = (
    "generate",
    "integrate",
    "new",
    "docs",
    "watch",
    "check",
    "list",
    "show",
    "profiles",
    "explain",
    "where",
)


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_command_has_help(capsys: pytest.CaptureFixture[str], command: str) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main([*([command] if command else []), "--help"])
    assert caught.value.code == 0
    out = capsys.readouterr().out
    assert out.startswith("usage: qomgen")
    if not command:
        assert all(f"\n    {each}" in out for each in COMMANDS)
        assert "Exit codes: 0 clean, 1 drift, 2 bad input, 3 internal error." in out


def test_every_option_has_help() -> None:
    top = options.parser()
    (commands,) = (each for each in top._actions if isinstance(each.choices, dict))
    assert isinstance(commands.choices, dict)
    assert sorted(commands.choices) == sorted(COMMANDS)
    for parser in commands.choices.values():
        for action in parser._actions:
            assert action.help or not action.option_strings, action


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--version")
    assert code == 0
    assert out.startswith("qomgen 0.")


# What is known


def test_list(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CHECKOUT)
    code, out, _ = run(capsys, "list")
    assert code == 0
    rows = [line.split() for line in out.splitlines()]
    assert rows[0] == ["TYPE", "PARENT", "QEMU", "TARGETS", "SPEC"]
    (row,) = (row for row in rows if row[0] == "vfio-pci")
    assert row == [*"vfio-pci pci-device / vfio-pci-device".split(), "7.2", "10.0", "10.2", "c", "python",
                   "device_specs/vfio-pci.yaml"]  # fmt: skip


def test_show_diff(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CHECKOUT)
    code, out, _ = run(capsys, "show", "vfio-pci", "--diff", "7.2", "10.0")
    assert code == 0
    assert out.splitlines()[:2] == ["--- QEMU 7.2", "+++ QEMU 10.0"]
    assert "\n+class property fd: str, " in out
    assert run(capsys, "show", "vfio-pci", "--diff", "10.0", "10.0")[1] == (
        "vfio-pci is the same in QEMU 10.0 and 10.0\n"
    )


def test_profiles(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "profiles")
    assert code == 0
    assert [line for line in out.splitlines() if line.startswith("QEMU")] == [
        "QEMU 7.2",
        "QEMU 10.0",
        "QEMU 10.2",
    ]


def test_explain(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "explain", "qg011")
    assert code == 0
    assert out.startswith("QG011: ")
    assert len(run(capsys, "explain")[1].splitlines()) > 40


def test_where(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("device_specs", "templates"):
        assert run(capsys, "where", name) == (0, f"{data_folder(name)}\n", "")
    schema = Path(run(capsys, "where", "schema")[1].strip())
    assert (schema / "spec.schema.json").is_file()


# As a process


def test_a_reader_that_leaves_is_no_error() -> None:
    """`qomgen profiles | true`: the pipe's end is closed before anything is printed."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "qomgen", "profiles"],
        env=os.environ | {"PYTHONPATH": str(CHECKOUT / "generator")},
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (-signal.SIGPIPE, b"")


def test_text_that_the_terminal_can_not_show_is_escaped(tmp_path: Path) -> None:
    folder = project(tmp_path)
    (folder / "specs" / "my-dev.yaml").write_text(
        SPEC.replace("A device of mine", "Ger\u00e4t"), "utf-8"
    )
    words = ("show", *OPTIONS[:-2], "my-dev")
    done = qomgen(folder, *words, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Ger\\xe4t" in done.stdout


def test_module_and_script_are_the_same(tmp_path: Path) -> None:
    folder = project(tmp_path)
    assert qomgen(folder, "generate", *OPTIONS).returncode == cli.CLEAN
    assert qomgen(folder, "check", *OPTIONS).returncode == cli.CLEAN
    (folder / "out" / "c" / "qemu-7.2" / "my-dev.c.inc").write_text("Generated by qomgen from x")
    assert qomgen(folder, "check", *OPTIONS).returncode == cli.DRIFT
    assert qomgen(folder, "check", *OPTIONS, "--qemu", "1.0").returncode == cli.BAD_INPUT
