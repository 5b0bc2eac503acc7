# SPDX-License-Identifier: GPL-2.0-or-later
"""qomgen new: what a project begins with, whose each file is, and that it is there as a whole or not at all."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from qomgen import cli
from qomgen.catalog import Catalog
from qomgen.profile import kinds, profiles
from qomgen.scaffold import answers as ask
from qomgen.scaffold import files as scaffold
from qomgen.scaffold import hostdevice, new
from qomgen.scaffold.answers import Answers, BadAnswer
from qomgen.scaffold.hostdevice import Bar, HostDevice
from qomgen.scaffold.new import NotMade, Wishes
from qomgen.series import Series

from .conftest import CHECKOUT
from .running import outputs, qomgen

RUNTIME = f"{CHECKOUT / 'generator'}:{CHECKOUT / 'runtime'}:{CHECKOUT / 'generated' / 'python'}"

EVERY_KIND = [f"p-{kind}:{kind}" for kind in ask.KINDS if kind != "bootindex"]


@pytest.fixture(scope="module")
def catalogs() -> list[Catalog]:
    """What qomgen knows of QEMU."""
    return new.known()


SERIES = {
    "vfio-pci": ("7.2", "10.0", "10.2"),
    "vfio-pci-device": ("10.2",),
    "pci-device": ("7.2", "10.0", "10.2"),
}
"""Parents, and the series with a profile that have them."""


@pytest.fixture(params=SERIES)
def parent(request: pytest.FixtureRequest) -> str:
    """Each parent in turn."""
    found: str = request.param
    return found


def made(
    folder: Path, catalogs: Sequence[Catalog], parent: str, properties: Sequence[str] = ()
) -> Path:
    """A project below `folder`."""
    wishes = Wishes("my-dev", parent, "1234:11e8", properties)
    answers, _ = new.settle(wishes, catalogs, None)
    new.make(answers, folder / "my-dev", catalogs)
    return folder / "my-dev"


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a module of Python in a project, with qomgen as if it were installed."""
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": RUNTIME, "MYPYPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )


# What is made


FILES = """\
.gitignore
.pre-commit-config.yaml
README.md
device_specs/my-dev.yaml
generated/c/qemu-10.0/my-dev.c.inc
generated/c/qemu-10.0/my-dev.h.inc
generated/c/qemu-10.2/my-dev.c.inc
generated/c/qemu-10.2/my-dev.h.inc
generated/c/qemu-7.2/my-dev.c.inc
generated/c/qemu-7.2/my-dev.h.inc
generated/python/my_dev_devices/__init__.py
generated/python/my_dev_devices/my_dev.py
generated/python/my_dev_devices/py.typed
generated/schema/spec.schema.json
my_dev/__init__.py
my_dev/hooks.py
my_dev/py.typed
pyproject.toml
qemu/hw/{}/my-dev.c
qemu/tests/qtest/my-dev-test.c
tests/test_my_dev.py
""".split()


def test_the_files_of_a_project(tmp_path: Path, catalogs: list[Catalog], parent: str) -> None:
    project = made(tmp_path, catalogs, parent)
    folder = "misc" if parent == "pci-device" else "vfio"
    lacking = {"7.2", "10.0", "10.2"} - {*SERIES[parent]}
    expected = [name for name in FILES if not any(f"-{each}/" in name for each in lacking)]
    assert sorted(outputs(project)) == [name.format(folder) for name in expected]
    assert [path.name for path in tmp_path.iterdir()] == ["my-dev"]


def test_every_file_has_one_owner_and_the_readme_names_it(
    tmp_path: Path, catalogs: list[Catalog], parent: str
) -> None:
    project = made(tmp_path, catalogs, parent)
    source = next((project / "qemu" / "hw").rglob("*.c")).relative_to(project / "qemu")
    owners = scaffold.owners("my-dev", "my_dev", source.as_posix())
    readme = (project / "README.md").read_text()
    used = set()
    for name in outputs(project):
        (owner,) = [
            each for each in owners if name == each or name.startswith(each.rstrip("/") + "/")
        ]
        used.add(owner)
        by_qomgen = owners[owner].startswith("qomgen's")
        assert by_qomgen == name.startswith("generated/")
    assert used == set(owners)
    for path, whose in owners.items():
        assert f"| `{path}` | {whose} |" in readme


@pytest.mark.parametrize("properties", [[], EVERY_KIND], ids=["no property", "every kind"])
def test_a_project_passes_its_own_tests(
    tmp_path: Path, catalogs: list[Catalog], parent: str, properties: list[str]
) -> None:
    """Nothing is edited by hand; nothing is skipped."""
    more = ["boot-place:bootindex"] if properties and parent != "vfio-pci" else []
    project = made(tmp_path, catalogs, parent, [*properties, *more])
    done = run(project, "pytest", "-q", "-W", "error", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout
    tried = len(SERIES[parent]) * len(properties)
    passed = re.search(r"^(\d+) passed in [0-9.]+s$", done.stdout, re.MULTILINE)
    assert passed, done.stdout
    assert int(passed[1]) > 3 * tried


@pytest.mark.parametrize("properties", [[], EVERY_KIND], ids=["no property", "every kind"])
def test_linters_have_nothing_to_say(
    tmp_path: Path, catalogs: list[Catalog], parent: str, properties: list[str]
) -> None:
    project = made(tmp_path, catalogs, parent, properties)
    for words in (["black", "--check", "."], ["ruff", "check", "--no-cache", "."], ["mypy"]):
        done = run(project, *words)
        assert done.returncode == 0, done.stdout + done.stderr


def test_without_a_pci_id_any_device_is_taken(tmp_path: Path, catalogs: list[Catalog]) -> None:
    answers, _ = new.settle(Wishes("my-dev", "vfio-pci"), catalogs, None)
    assert answers.pci_id is None
    new.make(answers, tmp_path / "my-dev", catalogs)
    assert "PCI_ID" not in (tmp_path / "my-dev" / "my_dev" / "hooks.py").read_text()
    done = run(tmp_path / "my-dev", "pytest", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout


def test_a_broken_hook_turns_the_tests_red(tmp_path: Path, catalogs: list[Catalog]) -> None:
    project = made(tmp_path, catalogs, "vfio-pci", ["queues:uint32=8"])
    hooks = project / "my_dev" / "hooks.py"
    text = hooks.read_text()
    for old, new_text in (
        ("if found != PCI_ID:", "if False:"),
        ("    parent(dev)\n", ""),
        ("leave(pci_dev)", "pass"),
    ):
        assert old in text
        hooks.write_text(text.replace(old, new_text))
        assert run(project, "pytest", "-q", "-p", "no:cacheprovider").returncode == 1, old


def test_only_the_series_asked_for(tmp_path: Path, catalogs: list[Catalog]) -> None:
    answers, _ = new.settle(Wishes("my-dev", "vfio-pci", series=["10.0"]), catalogs, None)
    new.make(answers, tmp_path / "my-dev", catalogs)
    folders = [path.name for path in (tmp_path / "my-dev" / "generated" / "c").iterdir()]
    assert folders == ["qemu-10.0"]
    assert qomgen(tmp_path / "my-dev", "check").returncode == 0


# Generated files are never edited, hand-written ones never written again


def test_what_is_written_by_hand_stays(
    tmp_path: Path, catalogs: list[Catalog], parent: str
) -> None:
    project = made(tmp_path, catalogs, parent, ["queues:uint32=8"])
    by_hand = {name for name in outputs(project) if not name.startswith("generated/")}
    spec = project / "device_specs" / "my-dev.yaml"
    for name in by_hand - {"device_specs/my-dev.yaml"}:
        with (project / name).open("a") as stream:
            stream.write("\n" if name.endswith((".py", "typed")) else "\n# mine\n")
    spec.write_text(spec.read_text().replace("default: 8", "default: 9"))
    before = outputs(project)
    done = qomgen(project, "generate")
    count = len(SERIES[parent])
    said = f"{count + 1} written, 0 removed, {count + 3} unchanged"
    assert done.stdout.splitlines()[-1] == said, done.stderr
    after = outputs(project)
    assert {name for name in after if after[name] != before[name]} == {
        *(f"generated/c/qemu-{series}/my-dev.c.inc" for series in SERIES[parent]),
        "generated/python/my_dev_devices/my_dev.py",
    }


def test_an_edit_of_what_is_generated_is_found(tmp_path: Path, catalogs: list[Catalog]) -> None:
    project = made(tmp_path, catalogs, "vfio-pci")
    with (project / "generated" / "c" / "qemu-10.0" / "my-dev.c.inc").open("a") as stream:
        stream.write("/* mine */\n")
    assert qomgen(project, "check").returncode == cli.DRIFT


def test_a_second_new_changes_nothing(tmp_path: Path, catalogs: list[Catalog]) -> None:
    project = made(tmp_path, catalogs, "vfio-pci")
    before = outputs(project)
    done = qomgen(tmp_path, "new", "my-dev", "--parent", "pci-device", "--yes")
    assert done.returncode == cli.BAD_INPUT
    assert done.stderr == (
        "qomgen: error: 'my-dev' is there and not empty; nothing of it is touched. What is generated in a project"
        " is brought up to date by 'qomgen generate' there\n"
    )
    assert outputs(project) == before


def test_git_sees_a_whole_project(tmp_path: Path, catalogs: list[Catalog]) -> None:
    """What git would take, after a run of the tests, is what was made."""
    project = made(tmp_path, catalogs, "vfio-pci")
    run(project, "pytest", "-q")
    subprocess.run(["git", "init", "-q", "."], cwd=project, check=True)
    listed = subprocess.run(
        ["git", "ls-files", "--others", "--exclude-standard"],
        cwd=project,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    assert sorted(listed) == [name.format("vfio") for name in FILES]


def test_the_hook_of_pre_commit(tmp_path: Path, catalogs: list[Catalog]) -> None:
    """What it calls fails until git has all that is generated, and the configuration is one."""
    project = made(tmp_path, catalogs, "vfio-pci")
    done = run(project, "pre_commit", "validate-config", ".pre-commit-config.yaml")
    assert done.returncode == 0, done.stdout
    assert "entry: qomgen check --git\n" in (project / ".pre-commit-config.yaml").read_text()
    subprocess.run(["git", "init", "-q", "."], cwd=project, check=True)
    assert qomgen(project, "check", "--git").returncode == cli.DRIFT
    subprocess.run(["git", "add", "."], cwd=project, check=True)
    done = qomgen(project, "check", "--git")
    assert done.returncode == cli.CLEAN, done.stdout


# A device of this machine


DEVICE = HostDevice(
    "0000:01:00.0",
    0x8086,
    0x10D3,
    0x020000,
    (Bar(0, 1 << 17, "memory, 32 bits"),),
    ((0x11, "MSI-X"),),
    5,
)


@pytest.mark.parametrize("given", [None, "1234:11e8"])
def test_a_project_for_a_device_that_is_there(
    tmp_path: Path,
    catalogs: list[Catalog],
    monkeypatch: pytest.MonkeyPatch,
    parent: str,
    given: str | None,
) -> None:
    """Its id is what the hook looks for, unless another one is said; all that is known of it is noted down."""
    monkeypatch.setattr(hostdevice, "read", {"0000:01:00.0": DEVICE}.__getitem__)
    wishes = Wishes("my-dev", parent, given, [], "0000:01:00.0")
    answers, host = new.settle(wishes, catalogs, None)
    assert answers.pci_id == ((0x1234, 0x11E8) if given else (0x8086, 0x10D3))
    new.make(answers, tmp_path / "my-dev", catalogs, host)
    project = tmp_path / "my-dev"
    notes = [
        "# Made for the device 8086:10d3, class 020000, found at 0000:01:00.0:",
        "# - BAR 0: 128 KiB, memory, 32 bits",
        "# - capabilities: MSI-X (0x11)",
        "# - MSI-X: 5 vectors",
    ]
    for name in ("device_specs/my-dev.yaml", "my_dev/hooks.py"):
        assert "\n".join(notes) in (project / name).read_text()
    shown = "1234:11e8" if given else "8086:10d3"
    vendor = shown.partition(":")[0]
    where = "device_specs/my-dev.yaml" if parent == "pci-device" else "my_dev/hooks.py"
    assert f"0x{vendor.upper()}" in (project / where).read_text()
    assert run(project, "pytest", "-q", "-p", "no:cacheprovider").returncode == 0
    assert run(project, "ruff", "check", "--no-cache", ".").returncode == 0


# What is refused


REFUSED = {
    "My-Dev": "'My-Dev' is no name for a type: two or more small letters",
    "a": "'a' is no name for a type",
    "a--b": "'a--b' is no name",
    "a_b": "'a_b' is no name",
    "a\n": r"'a\u{a}' is no name",
    "../x": "'../x' is no name",
    "x" * 41: "is too long for a name: 40 characters at most",
    "json": "'json' can be no name: 'json' means something else in C or Python",
    "while": "'while' can be no name",
    "pyqom": "'pyqom' can be no name",
    "qomgen": "'qomgen' can be no name",
    "tests": "'tests' can be no name",
    "vfio-pci": "'vfio-pci' can be no name: QEMU has a type of that name",
}


@pytest.mark.parametrize("name", REFUSED)
def test_names_that_are_refused(catalogs: list[Catalog], name: str) -> None:
    with pytest.raises(BadAnswer) as caught:
        ask.name(name, catalogs)
    assert REFUSED[name] in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "1234", "12345:1", "1234:xyz", "1234-11e8", "0:1", "ffff:1", "1:ffff", "1:2\n"]
)
def test_pci_ids_that_are_refused(text: str) -> None:
    with pytest.raises(BadAnswer, match="is no PCI id: "):
        ask.pci_id(text)


def test_pci_ids_that_are_taken() -> None:
    assert ask.pci_id("1234:11e8") == ask.pci_id("0x1234:0x11E8") == (0x1234, 0x11E8)
    assert ask.pci_id("8086:1") == (0x8086, 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("queues", "write NAME:KIND=DEFAULT, such as queues:uint32=8"),
        ("a:b:c", "write NAME:KIND=DEFAULT"),
        ("Queues:uint8", "'Queues' is no name for a property"),
        ("x-:uint8", "'x-' is no name for a property"),
        ("q" * 65 + ":uint8", "a name has 64 characters at most"),
        ("host:string", "vfio-pci has a property 'host' already"),
        ("addr:uint8", "pci-device has a property 'addr' already"),
        ("fd:string", "vfio-pci has a property 'fd' already"),
        ("boot:bootindex", "vfio-pci has a bootindex already"),
        ("a:uint23", "there is no kind 'uint23'; did you mean 'uint32'?: there are bool, bit"),
        ("a:drive", "a property of kind 'drive' is not made by 'new': it needs a backend"),
        ("a:uint8=x", "'x' is no default for a uint8: write a number, such as 8 or 0x10"),
        ("a:uint8=256", "'256' is no default for a uint8: it goes from 0 to 255"),
        ("a:uint8=4K", "'4K' is no default for a uint8: write a number"),
        ("a:size=", "'' is no default for a size: write a number, such as 8 or 0x10 or 4K"),
        ("a:size=17E", "it goes from 0 to 18446744073709551615"),
        ("a:int32=-2147483649", "it goes from -2147483648 to 2147483647"),
        ("a:bool=maybe", "'maybe' is no default for a bool: write true or false"),
        ("a:on-off-auto=of", "write auto, on, off; did you mean 'off'?"),
        ("a:string=x", "a string has no default in QEMU; leave out '=x'"),
    ],
)  # fmt: skip
def test_properties_that_are_refused(catalogs: list[Catalog], text: str, said: str) -> None:
    with pytest.raises(BadAnswer) as caught:
        ask.properties([text], "vfio-pci", catalogs)
    assert said in str(caught.value)
    assert str(caught.value).startswith("property '")


def test_what_only_newer_qemus_have(catalogs: list[Catalog]) -> None:
    with pytest.raises(BadAnswer, match=r"^QEMU 10\.0 has no vfio-pci-device$"):
        new.settle(Wishes("my-dev", "vfio-pci-device", series=["10.2", "10.0"]), catalogs, None)
    with pytest.raises(BadAnswer, match="a vfio-pci-device of one's own has 'host' anyway"):
        ask.properties(["host:string"], "vfio-pci-device", catalogs)


def test_the_same_property_twice(catalogs: list[Catalog]) -> None:
    with pytest.raises(BadAnswer, match="'a' is asked for twice"):
        ask.properties(["a:uint8", "a:bool"], "vfio-pci", catalogs)
    with pytest.raises(BadAnswer, match="one place in the boot order"):
        ask.properties(["a:bootindex", "b:bootindex"], "pci-device", catalogs)
    with pytest.raises(BadAnswer, match="no more than 32 fit in one field"):
        ask.properties([f"a{number}:bit" for number in range(33)], "pci-device", catalogs)


def test_properties_that_are_taken(catalogs: list[Catalog]) -> None:
    texts = ["a:size=16M", "b:uint16=0x10", "c:bool=on", "d:on-off-auto", "x-e:bit", "f:bit=true"]
    found = ask.properties(
        [*texts, "config:uint8", "if:uint8", "x-1:int32=-5"], "vfio-pci", catalogs
    )
    rows = [(each.name, each.default, each.field, each.bit) for each in found]
    assert rows == [
        ("a", 16 << 20, "a", None),
        ("b", 16, "b", None),
        ("c", True, "c", None),
        ("d", "auto", "d", None),
        ("x-e", False, "flags", 0),
        ("f", True, "flags", 1),
        # PCIDevice has a field of that name in Python, and C a keyword.
        ("config", 0, "config_prop", None),
        ("if", 0, "if_prop", None),
        ("x-1", -5, "x_1", None),
    ]


def test_every_kind_is_taken_or_has_a_reason() -> None:
    for series in profiles():
        assert set(kinds(series)) <= set(ask.KINDS) | set(ask._UNUSUAL)
    assert not set(ask.KINDS) & set(ask._UNUSUAL)
    assert len(ask.KINDS) >= 10


@pytest.mark.parametrize(
    "words",
    [
        ["Bad", "--yes"],
        ["my-dev", "--parent", "vfio-pic"],
        ["my-dev", "--pci-id", "x"],
        ["my-dev", "--property", "a"],
        ["my-dev", "--property", "a:uint8", "--property", "b:nothing=1"],
        ["my-dev", "--qemu", "6.0"],
        ["my-dev", "--from-device", "nonsense"],
        ["my-dev", "--from-device", "ffff:ff:1f.7"],
        ["my-dev", "--into", "not/there"],
    ],
)  # fmt: skip
def test_nothing_is_written_for_bad_input(tmp_path: Path, words: list[str]) -> None:
    done = qomgen(tmp_path, "new", *words)
    assert done.returncode == cli.BAD_INPUT
    assert re.fullmatch(r"qomgen: error: [^\n]+\n", done.stderr)
    assert list(tmp_path.iterdir()) == []


# The place


def test_an_empty_folder_is_taken(tmp_path: Path, catalogs: list[Catalog]) -> None:
    (tmp_path / "my-dev").mkdir()
    assert made(tmp_path, catalogs, "vfio-pci").is_dir()


def test_places_that_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("nowhere")
    for into, said in (
        ("file", "is there and no folder"),
        ("link", "is there and no folder"),
        (".", "the current folder can't be the project"),
        ("not/there", "there is no folder 'not' to make 'there' in"),
    ):
        with pytest.raises(NotMade, match=re.escape(said)):
            new.place(Wishes("my-dev", into=Path(into)))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(NotMade, match="not empty"):
        new.place(Wishes("my-dev", into=Path("full")))


def test_a_place_that_is_taken_in_the_meantime(
    tmp_path: Path, catalogs: list[Catalog], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = scaffold.by_hand

    def slow(*args: object, **named: object) -> scaffold.Files:
        (tmp_path / "my-dev").mkdir()
        (tmp_path / "my-dev" / "mine").touch()
        return real(*args, **named)  # type: ignore[arg-type] # passed on as they came

    monkeypatch.setattr(scaffold, "by_hand", slow)
    with pytest.raises(NotMade, match="is there now and not empty"):
        made(tmp_path, catalogs, "vfio-pci")
    assert sorted(outputs(tmp_path)) == ["my-dev/mine"]


@pytest.mark.parametrize("step", ["spec", "by_hand"])
def test_what_fails_leaves_nothing(
    tmp_path: Path, catalogs: list[Catalog], monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*args: object, **named: object) -> None:
        del args, named
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(scaffold, step, fail)
    with pytest.raises(OSError, match="No space"):
        made(tmp_path, catalogs, "vfio-pci")
    assert list(tmp_path.iterdir()) == []


# Questions


class Person:
    """Answers questions in turn."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str]] = []

    def __call__(self, what: str, default: str) -> str:
        self.asked.append((what, default))
        return self.answers.pop(0) or default


def asked(person: Person, catalogs: list[Catalog]) -> Answers:
    return new.settle(Wishes("my-dev"), catalogs, person)[0]


def test_questions_are_asked_until_the_answer_is_right(catalogs: list[Catalog]) -> None:
    person = Person(
        "vfio", "vfio-pci", "nonsense", "1234:11e8", "?", "a:b", "a:uint8=7", "b:bool", ""
    )
    found = asked(person, catalogs)
    assert (found.parent, found.pci_id) == ("vfio-pci", (0x1234, 0x11E8))
    assert [each.name for each in found.properties] == ["a", "b"]
    assert person.answers == []
    told = [what for what, _ in person.asked]
    assert "'vfio' is no parent for a new device" in told[1]
    assert "'nonsense' is no PCI id" in told[3]
    assert "uint8: a number from 0 to 255" in told[5]
    assert "there is no kind 'b'" in told[6]


def test_defaults_of_questions(catalogs: list[Catalog]) -> None:
    found = asked(Person("", "", ""), catalogs)
    assert found == Answers("my-dev", "vfio-pci", None, (), None)
    found = asked(Person("pci-device", "", ""), catalogs)
    assert found.pci_id == ask.EXPERIMENTAL_ID


def test_what_is_said_is_not_asked(catalogs: list[Catalog]) -> None:
    person = Person()
    wishes = Wishes("my-dev", "pci-device", "1:1", ["a:uint8"], series=["7.2"])
    found, _ = new.settle(wishes, catalogs, person)
    assert person.asked == []
    assert found.series == (Series.parse("7.2"),)


def test_on_a_terminal_it_asks(tmp_path: Path) -> None:
    """The real program on a real terminal."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(tmp_path)
        os.environ["PYTHONPATH"] = str(CHECKOUT / "generator")
        os.execv(  # noqa: S606 - there is no shell
            sys.executable, [sys.executable, "-m", "qomgen", "new", "my-dev"]
        )
    said = ""
    deadline = time.monotonic() + 60
    answers = [
        ("Parent:", "pci-device"),
        ("PCI id", "1234:5678"),
        ("A property", "a:uint8"),
        ("A property", ""),
    ]
    try:
        for wanted, answer in answers:
            before = len(said)
            while wanted not in said[before:] or not said.endswith("] "):
                assert time.monotonic() < deadline, said
                said += os.read(terminal, 1000).decode()
            os.write(terminal, f"{answer}\n".encode())
        while b := _rest(terminal):
            said += b
    finally:
        os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, said
    assert "next: cd my-dev && python -m pytest" in said
    spec = (tmp_path / "my-dev" / "device_specs" / "my-dev.yaml").read_text()
    assert "device_id: 0x5678" in spec


def _rest(terminal: int) -> str:
    try:
        return os.read(terminal, 1000).decode()
    except OSError:  # the program is gone
        return ""


def test_known_has_nothing_to_complain_of() -> None:
    assert all("vfio-pci" in catalog.types for catalog in new.known())
