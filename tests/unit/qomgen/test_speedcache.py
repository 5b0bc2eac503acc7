# SPDX-License-Identifier: GPL-2.0-or-later
"""The speed cache: believed when nothing has changed, never otherwise, and harmless when it is broken."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pytest

from qomgen import naming, paths, quick, speedcache
from qomgen.plan import Plan

from .conftest import CHECKOUT
from .running import SPEC, project

ASK = """
import sys
from qomgen.cli import main
code = main(sys.argv[1:])
print("the short way" if "qomgen.commands" not in sys.modules else "the long way")
sys.exit(code)
"""


@dataclass(frozen=True)
class House:
    """A project with qomgen itself in it, so that everything can be changed."""

    folder: Path

    def run(self, command: str, *words: str, **environment: str) -> tuple[int, str, str]:
        """The exit code, what was said and which way was gone."""
        options = [
            "--specs",
            "qemu",
            "--specs",
            "specs",
            "--python-path",
            "hooks",
            "--output",
            "out",
        ]
        done = subprocess.run(
            [sys.executable, "-c", ASK, command, *options, *words],
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": "generator:extra", **self.cache(), **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in (0, 1), done.stderr
        *said, way = done.stdout.splitlines()
        return done.returncode, said[-1], way

    def cache(self) -> dict[str, str]:
        return {"QOMGEN_CACHE_DIR": str(self.folder / "cache")}

    def entries(self) -> list[Path]:
        return sorted((self.folder / "cache").iterdir())

    def is_quick(self, command: str = "check") -> bool:
        code, _, way = self.run(command)
        assert code == 0
        return way == "the short way"

    def warm(self, **environment: str) -> None:
        """Run until the cache knows: the first run finds out what there is to watch, the second watches it."""
        self.run("generate", **environment)
        self.run("generate", **environment)


def build(folder: Path) -> House:
    project(folder)
    shutil.copytree(
        CHECKOUT / "generator",
        folder / "generator",
        ignore=shutil.ignore_patterns(".*", "__pycache__"),
    )
    shutil.copytree(CHECKOUT / "templates", folder / "templates")
    shutil.copytree(CHECKOUT / "device_specs", folder / "device_specs")
    shutil.copytree(CHECKOUT / "device_specs" / "qemu", folder / "qemu")
    (folder / "extra").mkdir()
    return House(folder)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return build(tmp_path)


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house whose cache knows everything; whoever changes it changes it back."""
    made = build(tmp_path_factory.mktemp("house"))
    made.warm()
    return made


def test_the_third_run_is_quick(house: House) -> None:
    ways = [house.run("generate") for _ in range(3)]
    assert ways == [
        (0, "9 written, 0 removed, 0 unchanged", "the long way"),
        (0, "0 written, 0 removed, 9 unchanged", "the long way"),
        (0, "0 written, 0 removed, 9 unchanged", "the short way"),
    ]
    # `check` asks for the same.
    assert house.run("check") == (0, "9 generated files are current", "the short way")


def test_after_an_edit_one_run_is_long(house: House) -> None:
    house.warm()
    (house.folder / "specs" / "my-dev.yaml").write_text(SPEC.replace("default: 7", "default: 8"))
    assert house.run("generate")[1:] == ("4 written, 0 removed, 5 unchanged", "the long way")
    assert house.is_quick("generate")


def append(path: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        with (folder / path).open("a") as stream:
            stream.write("\n")

    return change


def add(path: str, text: str = "") -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        assert not (folder / path).exists()
        (folder / path).write_text(text)

    return change


def remove(path: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / path).unlink()

    return change


def rename(old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / old).rename(folder / new)

    return change


def flip(path: str) -> Callable[[Path], None]:
    """One bit, with size and times as before."""

    def change(folder: Path) -> None:
        times = (folder / path).stat()
        data = bytearray((folder / path).read_bytes())
        data[-2] ^= 1
        (folder / path).write_bytes(data)
        os.utime(folder / path, ns=(times.st_atime_ns, times.st_mtime_ns))

    return change


MARKED = "/* Generated by qomgen from x */\n"

CHANGES = {
    "a spec": append("specs/my-dev.yaml"),
    "a bit of a spec": flip("specs/my-dev.yaml"),
    "a parent's spec": append("qemu/device.yaml"),
    "a base spec": append("device_specs/vfio-pci.yaml"),
    "a new base spec": add("device_specs/below/new.yaml", "# nothing\n"),
    "a new spec": add("specs/below/new.yaml", "# nothing\n"),
    "a spec renamed": rename("specs/my-dev.yaml", "specs/other.yaml"),
    "a layout": add("specs/layouts/qemu-10.0.json", '{"structs": {}}'),
    "a template": append("templates/c/unit.c.inc"),
    "a new template": add("templates/c/new.inc"),
    "a profile": append("generator/qomgen/profiles/qemu-7.2.yaml"),
    "the kinds": append("generator/qomgen/kinds.yaml"),
    "the schema": append("generator/qomgen/schema/spec.schema.json"),
    "our code": append("generator/qomgen/cview.py"),
    "our code below": append("generator/qomgen/checks/hooks.py"),
    "a hook module": append("hooks/my_hooks/dev.py"),
    "a module beside it": add("hooks/my_hooks/new.py"),
    "an output": append("out/c/qemu-10.0/my-dev.c.inc"),
    "a bit of an output": flip("out/python/qomgen_devices/my_dev.py"),
    "an output gone": remove("out/c/qemu-7.2/my-dev.h.inc"),
    "an orphan": add("out/c/qemu-7.2/gone.c.inc", MARKED),
    "an orphan in a folder of its own": add("out/c/qemu-6.0/gone.c.inc", MARKED),
    "what a killed run left": add("out/c/qemu-7.2/.my-dev.c.inc.qomgen-tmp"),
    "a library": add("extra/a_library-1.0.dist-info/METADATA"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_change_is_seen(warm: House, tmp_path: Path, change: Callable[[Path], None]) -> None:
    """Asked of the cache, which must say that it does not know; what then is, the long way finds out."""
    house = warm
    assert asked(house), "the cache is warm"
    saved = tmp_path / "saved"
    shutil.copytree(house.folder, saved, symlinks=True)
    try:
        change(house.folder)
        assert not asked(house)
    finally:
        shutil.rmtree(house.folder)
        shutil.copytree(saved, house.folder, symlinks=True)
    assert asked(house)


def asked(house: House) -> bool:
    """Whether the cache of the house knows that its outputs are current."""
    words = [
        "check",
        "--specs",
        "qemu",
        "--specs",
        "specs",
        "--python-path",
        "hooks",
        "--output",
        "out",
    ]
    source = f"import sys; from qomgen import quick; sys.exit(not quick.run({words!r}))"
    done = subprocess.run(
        [sys.executable, "-c", source],
        cwd=house.folder,
        env=os.environ | {"PYTHONPATH": "generator:extra", **house.cache()},
        capture_output=True,
        check=False,
    )
    assert not done.stderr, done.stderr
    return done.returncode == 0


def test_a_module_nearer_by_is_seen(house: House) -> None:
    """The hook module is found elsewhere than before, and nothing that was read has changed."""
    (house.folder / "extra" / "my_hooks").mkdir()
    shutil.copytree(
        house.folder / "hooks" / "my_hooks", house.folder / "extra" / "my_hooks", dirs_exist_ok=True
    )
    (house.folder / "hooks" / "my_hooks").rename(house.folder / "hooks" / "away")
    house.warm()
    assert house.is_quick()
    (house.folder / "hooks" / "away").rename(house.folder / "hooks" / "my_hooks")
    assert not asked(house)


def test_what_is_no_input_does_not_matter(house: House) -> None:
    house.warm()
    (house.folder / "notes.txt").write_text("x")
    (house.folder / "out" / "c" / "mine.c").write_text("mine")
    (house.folder / "specs" / "my-dev.yaml").touch()
    assert house.is_quick()


@pytest.mark.parametrize(
    "words",
    [
        ["--qemu", "10.0"],
        ["--target", "c"],
        ["--package", "x"],
        ["--target", "c", "--target", "python"],
    ],
)
def test_another_question_has_another_answer(warm: House, words: list[str]) -> None:
    assert warm.run("check", *words)[2] == "the long way"


# A broken cache


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def make_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def make_a_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def make_text(path: Path) -> None:
    path.write_text("hello\n")


@pytest.mark.parametrize(
    "break_it", [truncate, empty, flip_a_bit, make_a_folder, make_a_fifo, make_text]
)
def test_a_broken_entry_is_ignored(house: House, break_it: Callable[[Path], None]) -> None:
    house.warm()
    (entry,) = house.entries()
    break_it(entry)
    assert house.run("check") == (0, "9 generated files are current", "the long way")


def test_a_difference_is_shown_though_the_cache_is_warm(house: House) -> None:
    house.warm()
    output = house.folder / "out" / "c" / "qemu-10.0" / "my-dev.c.inc"
    text = output.read_text()
    output.write_text(text.replace("Included by", "Excluded by"))
    code, said, way = house.run("check")
    assert (code, way) == (1, "the long way")
    assert said.startswith("to mend it: qomgen generate ")


@pytest.mark.parametrize("place", ["/dev/null/x", "/proc/x"])
def test_a_cache_that_can_not_be_written_is_none(house: House, place: str) -> None:
    for _ in range(3):
        assert house.run("generate", QOMGEN_CACHE_DIR=place)[2] == "the long way"


def test_no_cache_neither_reads_nor_writes(house: House) -> None:
    for _ in range(3):
        assert house.run("generate", "--no-cache")[2] == "the long way"
    assert not (house.folder / "cache").exists()
    house.warm()
    assert house.run("check", "--no-cache")[2] == "the long way"


def test_runs_at_the_same_time_leave_a_whole_entry(house: House) -> None:
    house.run("generate")
    children = []
    for number in range(6):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                house.run("generate" if number % 2 else "check")
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 6
    assert len(house.entries()) == 1
    assert house.is_quick()


# Its parts


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("QOMGEN_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(project(tmp_path / "project"))
    return tmp_path / "cache"


def request() -> speedcache.Request:
    lists = {"--specs": ["specs"], "--python-path": ["hooks"], "--qemu": [], "--target": []}
    return quick.request(lists, "package", flat=False)


PLAN = Plan(
    {PurePosixPath("c/a"): b"x"},
    (PurePosixPath("c"),),
    (Path("specs/my-dev.yaml"),),
    {"no_such": None},
)


def test_an_entry_is_read_as_it_was_written(own_cache: Path) -> None:
    speedcache.store(request(), PLAN, None)
    (file,) = own_cache.iterdir()
    entry = speedcache.read(request())
    assert entry is not None
    assert entry.write() == file.read_bytes()
    assert (entry.scope, entry.inputs, entry.modules) == (
        ["c"],
        ["specs/my-dev.yaml"],
        {"no_such": None},
    )
    assert list(entry.outputs) == ["c/a"]
    assert entry.state == ""


def test_an_entry_is_believed_if_nothing_changed_during_the_run(own_cache: Path) -> None:
    del own_cache
    Path("c").mkdir()
    Path("c/a").write_bytes(b"x")
    speedcache.store(request(), PLAN, None)
    entry = speedcache.read(request())
    assert entry is not None
    before = speedcache.state(request(), entry)
    assert before
    assert speedcache.current(request(), ".") is None
    speedcache.store(request(), PLAN, "as something was before")
    assert speedcache.current(request(), ".") is None
    speedcache.store(request(), PLAN, before)
    assert speedcache.current(request(), ".") is not None


def test_the_cache_does_not_grow_for_ever(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speedcache, "MAX_ENTRIES", 4)
    own_cache.mkdir()
    for number in range(10):
        (own_cache / f"old{number}").touch()
        os.utime(own_cache / f"old{number}", (number, number))
    speedcache.store(request(), PLAN, None)
    names = {path.name for path in own_cache.iterdir()}
    assert names == {*(f"old{number}" for number in range(5, 10)), request().name}


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        ({"QOMGEN_CACHE_DIR": "/a", "XDG_CACHE_HOME": "/b", "HOME": "/c"}, "/a/"),
        ({"XDG_CACHE_HOME": "/b", "HOME": "/c"}, "/b/qomgen"),
        ({"XDG_CACHE_HOME": "b", "HOME": "/c"}, "/c/.cache/qomgen"),
        ({"HOME": "/c"}, "/c/.cache/qomgen"),
        ({"HOME": "c"}, None),
        ({}, None),
    ],
)
def test_where_it_lies(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], place: str | None
) -> None:
    for name in ("QOMGEN_CACHE_DIR", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert speedcache.folder() == place


def test_the_short_way_knows_what_the_long_way_knows() -> None:
    """What is written twice, since loading it takes time."""
    assert quick.VALUES["--package"] == naming.PACKAGE
    for name in ("templates", "device_specs"):
        assert quick.own(name) == str(paths.data_folder(name))


def test_the_short_way_loads_little() -> None:
    """No timing here: what takes long is not loaded."""
    source = "import sys; from qomgen import cli; print(*sorted(sys.modules))"
    done = subprocess.run(
        [
            sys.executable,
            "-I",
            "-c",
            f"import sys; sys.path.insert(0, {str(CHECKOUT / 'generator')!r}); {source}",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    heavy = {
        "argparse",
        "pathlib",
        "typing",
        "dataclasses",
        "json",
        "subprocess",
        "inspect",
        "jinja2",
        "black",
    }
    # What Python loads by itself, here or with an editable install, is not ours to avoid.
    bare = subprocess.run(
        [sys.executable, "-I", "-c", "import sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (set(done.stdout.split()) & heavy) - set(bare.stdout.split()) == set()
