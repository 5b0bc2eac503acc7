# SPDX-License-Identifier: GPL-2.0-or-later
"""[tool.qomgen] in pyproject.toml: counts as if it were typed, gives way to what is typed, and is closed."""

from __future__ import annotations

from pathlib import Path

import pytest

from qomgen import cli, options, project
from qomgen.project import BadSettings

from .running import OPTIONS, qomgen
from .running import project as lay

SETTINGS = """\
[tool.qomgen]
package = "my_devices"
python-path = [".", "src"]
qemu = ["10.0"]
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_settings_stand_before_what_is_typed(here: Path) -> None:
    (here / "pyproject.toml").write_text(SETTINGS)
    given = [
        "--package",
        "my_devices",
        "--python-path",
        ".",
        "--python-path",
        "src",
        "--qemu",
        "10.0",
    ]
    assert project.settled(["check", "--git"]) == ["check", *given, "--git"]
    assert project.settled(["generate"]) == ["generate", *given]
    assert project.settled(["list"]) == ["list", *given[2:6]]


def test_what_is_typed_takes_the_place_of_a_setting(here: Path) -> None:
    (here / "pyproject.toml").write_text(SETTINGS)
    words = project.settled(["check", "--qemu", "7.2", "--package=other", "--python-path", "x"])
    assert words == ["check", "--qemu", "7.2", "--package=other", "--python-path", "x"]


@pytest.mark.parametrize(
    "words", [[], ["--version"], ["explain", "QG011"], ["new", "x"], ["where", "schema"]]
)
def test_commands_that_take_no_settings(here: Path, words: list[str]) -> None:
    (here / "pyproject.toml").write_text(SETTINGS)
    assert project.settled(words) == words


@pytest.mark.parametrize(
    "text", [None, "", "[project]\nname = 'x'\n", "[tool.other]\nx = 'tool.qomgen'\n"]
)
def test_projects_without_settings(here: Path, text: str | None) -> None:
    if text is not None:
        (here / "pyproject.toml").write_text(text)
    assert project.settled(["check"]) == ["check"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[tool.qomgen]\npakage = 'x'\n", "[tool.qomgen] has no setting 'pakage': there are specs"),
        ("[tool.qomgen]\nqemu = '10.0'\n", "[tool.qomgen] qemu is not a list of strings: '10.0'"),
        ("[tool.qomgen]\nqemu = [10.0]\n", "[tool.qomgen] qemu is not a list of strings: [10.0]"),
        ("[tool.qomgen]\npackage = ['x']\n", "[tool.qomgen] package is not a string: ['x']"),
        ("[tool.qomgen]\noutput = '--git'\n", "[tool.qomgen] output is not a string"),
        ("[tool.qomgen]\noutput = ''\n", "[tool.qomgen] output is not a string"),
        ("[tool.qomgen\n", "pyproject.toml: Expected ']'"),
        ("tool.qomgen = 1\n", "tool.qomgen is no table"),
        ("tool = 'tool.qomgen'\n", "pyproject.toml: "),
    ],
)  # fmt: skip
def test_settings_that_are_wrong(here: Path, text: str, said: str) -> None:
    (here / "pyproject.toml").write_text(text)
    with pytest.raises(BadSettings) as caught:
        project.settled(["check"])
    assert said in str(caught.value)
    done = qomgen(here, "check")
    assert done.returncode == cli.BAD_INPUT
    assert done.stderr == f"qomgen: error: {caught.value}\n"


def test_a_run_with_settings_is_the_run_with_options(tmp_path: Path) -> None:
    """Generated, checked (the quick way too) and told how to mend, with nothing typed."""
    folder = lay(tmp_path)
    pairs = dict(zip(OPTIONS[::2], OPTIONS[1::2], strict=True))
    specs = [
        value for name, value in zip(OPTIONS[::2], OPTIONS[1::2], strict=True) if name == "--specs"
    ]
    (folder / "pyproject.toml").write_text(
        f"[tool.qomgen]\nspecs = {specs!r}\noutput = '{pairs['--output']}'\n"
        f"python-path = ['{pairs['--python-path']}']\n"
    )
    assert qomgen(folder, "generate").stdout.splitlines()[-1] == "9 written, 0 removed, 0 unchanged"
    for _ in range(3):
        assert qomgen(folder, "check").stdout == "9 generated files are current\n"
    (folder / "out" / "c" / "qemu-7.2" / "my-dev.c.inc").unlink()
    done = qomgen(folder, "check")
    assert done.returncode == cli.DRIFT
    assert done.stdout.splitlines()[-1] == "to mend it: qomgen generate"


def test_the_file_with_the_settings_is_an_input(here: Path) -> None:
    """Only if it has any: a build system would else run again for what changes nothing."""
    assert project.inputs() == []
    (here / "pyproject.toml").write_text("[project]\n")
    assert project.inputs() == []
    (here / "pyproject.toml").write_text("[tool.qomgen]\nqemu = ['10.0']\n")
    assert project.inputs() == ["pyproject.toml"]
    listed = qomgen(here, "generate", "--list-inputs").stdout.splitlines()
    assert listed[-1] == "pyproject.toml"
    for _ in range(3):
        (here / "deps").unlink(missing_ok=True)
        assert qomgen(here, "generate", "--depfile", "deps").returncode == cli.CLEAN
        assert "\n\npyproject.toml:\n" in (here / "deps").read_text()


def test_every_setting_is_an_option() -> None:
    grammar = options.parser()
    for command, names in project.COMMANDS.items():
        words = [word for name in names for word in (f"--{name}", "c" if name == "target" else "x")]
        # integrate takes a tree.
        more = {"integrate": ["tree"], "show": ["type"]}.get(command, [])
        assert grammar.parse_args([command, *words, *more]).command == command
