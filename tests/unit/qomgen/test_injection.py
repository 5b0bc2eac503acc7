# SPDX-License-Identifier: GPL-2.0-or-later
"""No text of a spec becomes code: as data it comes back unchanged from the compiled program and the imported module.

The oracles are gcc and Python. Both are also asked what is left of a file without its texts: the same tokens, or the
same syntax tree, as of a file with harmless ones.
"""

from __future__ import annotations

import ast
import io
import json
import re
import subprocess
import sys
import tokenize
from collections import Counter
from functools import partial
from pathlib import Path, PurePosixPath

import pytest

from qomgen import pipeline

from . import compiler, hostile
from .conftest import CHECKOUT

SERIES = ("7.2", "10.0", "10.2")
STANDIN = Path(__file__).with_name("standin.h")


def text(number: int, place: str) -> str:
    """The text for a place: hostile at its beginning and at its end, where most defences are thinnest."""
    string = hostile.STRINGS[number]
    return f"{string}{place}{string}"


def harmless(place: str) -> str:
    return f"x{place}x"


def build(folder: Path, *specs: str) -> dict[PurePosixPath, bytes]:
    """Generate from specs that are given as text."""
    folder.mkdir()
    for index, spec in enumerate(specs):
        (folder / f"spec{index}.yaml").write_text(spec, encoding="ascii")
    modules = folder / "modules"
    modules.mkdir()
    (modules / "hostile_hooks.py").write_text(hostile.HOOKS, encoding="ascii")
    path = [modules, CHECKOUT / "runtime"]
    return pipeline.build([CHECKOUT / "device_specs" / "qemu", folder], python_path=path).files


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> dict[PurePosixPath, bytes]:
    """A type for each hostile string, with the string in every place."""
    specs = [hostile.spec(number, partial(text, number)) for number in range(len(hostile.STRINGS))]
    return build(tmp_path_factory.mktemp("hostile") / "specs", *specs)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> dict[PurePosixPath, bytes]:
    """The same with harmless texts, for one type, number 0."""
    folder = tmp_path_factory.mktemp("harmless") / "specs"
    return build(folder, hostile.spec(0, harmless))


def c_source(outputs: dict[PurePosixPath, bytes], series: str, number: int) -> str:
    own = hostile.tag(number)
    unit = f"c/qemu-{series}/hostile-{own}"
    header, body = (outputs[PurePosixPath(f"{unit}.{end}")].decode() for end in ("h.inc", "c.inc"))
    return (
        f"{header}\nstatic void hostile_set_sock_{own}(void)\n{{\n}}\n"
        f"#define hostile_set_sock hostile_set_sock_{own}\n{body}\n#undef hostile_set_sock\n"
        f"static const int canary_{own} = 1;\n"
    )


def program(outputs: dict[PurePosixPath, bytes], series: str, numbers: range) -> str:
    """A program that registers the types; `told()` prints what strings it has."""
    data = "const void" if series == "10.2" else "void"
    sources = "".join(c_source(outputs, series, number) for number in numbers)
    canaries = " + ".join(f"canary_{hostile.tag(number)}" for number in numbers)
    return (
        f"#define DATA {data}\n{STANDIN.read_text()}\n"
        'static void hostile_note(const char *text)\n{\n    told("note", text);\n}\n'
        f'{sources}\nint main(void)\n{{\n    printf("canaries %d\\n", {canaries});\n    return 0;\n}}\n'
    )


FLAGS = ("-Wno-unused-parameter", "-Wno-unused-function", "-Wno-unused-variable")
"""A hook takes what its caller passes; a stand-in has more than one program needs."""

TOLD = {
    "desc": "desc",
    "fw_name": "fw_name",
    "info": "info",
    "suffix": "suffix",
    "fd": "description",
    "sock": "description",
    "visits": "visits",
    "setter_argument": None,
    "init_argument": "note",
    "class_argument": "note",
}
"""How the program calls the text of a place; a setter only runs when somebody sets."""


def told(number: int, series: str) -> Counter[tuple[str, bytes]]:
    """What the program must print of the type `number` besides what does not come from a place."""
    found = Counter((what, text(number, place).encode()) for place, what in TOLD.items() if what)
    level = "level_old" if series == "7.2" else "level"
    return found + Counter([("description", text(number, level).encode())])


@pytest.mark.parametrize("dialect", compiler.DIALECTS, ids=" ".join)
@pytest.mark.parametrize("series", SERIES)
def test_strings_are_data_in_the_program(
    outputs: dict[PurePosixPath, bytes], series: str, dialect: tuple[str, ...], tmp_path: Path
) -> None:
    numbers = range(len(hostile.STRINGS))
    printed = compiler.run(program(outputs, series, numbers), tmp_path, *dialect, *FLAGS)
    *lines, last = printed.decode("ascii").splitlines()
    assert last == f"canaries {len(numbers)}"
    found = Counter(
        (what, bytes.fromhex(data)) for what, _, data in (row.partition(" ") for row in lines)
    )
    fixed = [("property", b"level"), ("property", b"mode"), ("info", b""), ("described", b"fd")]
    fixed += [("described", b"level"), ("described", b"sock"), ("class-property", b"fd")]
    fixed += [("class-property", b"sock"), ("bootindex", b"bootindex")]
    expected = Counter({row: len(numbers) for row in fixed})
    for number in numbers:
        expected += told(number, series) + Counter(
            [("type", f"hostile-{hostile.tag(number)}".encode())]
        )
    assert found == expected


_STRING = re.compile(r'"(?:[^"\\]|\\.)*"(?:\s*"(?:[^"\\]|\\.)*")*')


def blind(tokens: str, number: int) -> list[str]:
    """The tokens with every text replaced, and the type's number by 0."""
    return re.findall(r"\w+|\S", unnumbered(_STRING.sub("TEXT", tokens), number))


def unnumbered(text: str, number: int) -> str:
    return re.sub(hostile.tag(number), hostile.tag(0), text, flags=re.IGNORECASE)


@pytest.mark.parametrize("dialect", compiler.DIALECTS, ids=" ".join)
@pytest.mark.parametrize("series", SERIES)
def test_comments_and_strings_are_no_tokens(
    outputs: dict[PurePosixPath, bytes],
    model: dict[PurePosixPath, bytes],
    series: str,
    dialect: tuple[str, ...],
) -> None:
    marker = "int next_type;"
    numbers = range(len(hostile.STRINGS))
    sources = f"\n{marker}\n".join(c_source(outputs, series, number) for number in numbers)
    left = compiler.preprocess(sources, *dialect).split(marker)
    assert len(left) == len(numbers)
    wanted = blind(compiler.preprocess(c_source(model, series, 0), *dialect), 0)
    for number, tokens in enumerate(left):
        assert blind(tokens, number) == wanted, hostile.STRINGS[number]


# Python


def module(outputs: dict[PurePosixPath, bytes], number: int) -> bytes:
    return outputs[PurePosixPath(f"python/qomgen_devices/hostile_{hostile.tag(number)}.py")]


class _Blind(ast.NodeTransformer):
    """Replaces every text, and the number of the type by 0."""

    def __init__(self, number: int) -> None:
        self.number = number

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        return ast.Constant("TEXT") if isinstance(node.value, str) else node

    def blind(self, source: bytes) -> str:
        dumped = ast.dump(self.visit(ast.parse(source)))
        return unnumbered(dumped, self.number)


def comments(source: bytes) -> list[str]:
    """The comments of a module; `#` within a text is none."""
    tokens = tokenize.tokenize(io.BytesIO(source).readline)
    return [token.string for token in tokens if token.type == tokenize.COMMENT]


def test_texts_are_no_syntax_in_python(
    outputs: dict[PurePosixPath, bytes], model: dict[PurePosixPath, bytes]
) -> None:
    wanted = _Blind(0).blind(module(model, 0))
    for number, string in enumerate(hostile.STRINGS):
        source = module(outputs, number)
        assert source.isascii()
        assert _Blind(number).blind(source) == wanted, string
        assert len(comments(source)) == len(comments(module(model, 0)))


IN_PYTHON = ("desc", "fw_name", "level", "level_old", "info", "suffix", "fd", "sock", "visits",
             "setter_argument", "init_argument", "class_argument")  # fmt: skip


def test_texts_are_constants_in_python(outputs: dict[PurePosixPath, bytes]) -> None:
    for number in range(len(hostile.STRINGS)):
        tree = ast.parse(module(outputs, number))
        constants = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
        assert {text(number, place) for place in IN_PYTHON} <= constants


IMPORTER = """
import json, sys

allowed = {"open", "import", "compile", "exec", "marshal.loads", "os.listdir", "os.scandir", "object.__getattr__",
           "sys._getframe", "builtins.id", "object.__setattr__", "object.__delattr__", "code.__new__"}
seen = set()

def audit(event, arguments):
    seen.add(event)
    if event == "open" and set(str(arguments[1])) & set("wax+"):
        seen.add("open to write")

import pyqom, hw_vfio, hostile_hooks, dataclasses
sys.addaudithook(audit)
import qomgen_devices
found = {}
for number in range(int(sys.argv[1])):
    module = getattr(qomgen_devices, f"hostile_n{number:03}n")
    rows = getattr(module, f"HOSTILE_N{number:03}N_PROPERTIES")
    level = rows[0].description
    found[number] = {"info": rows[1].info.description, "level": str(level)}
    getattr(module, f"hostile_set_fd_n{number:03}n")(None, "")
    found[number]["setter_argument"] = hostile_hooks.NOTES.pop()
    found[number]["names"] = sorted(name for name in vars(module) if not name.startswith("__"))
events = sorted(seen - allowed)
print(json.dumps({"found": found, "events": events}))
"""


def test_importing_executes_nothing_else(
    outputs: dict[PurePosixPath, bytes], tmp_path: Path
) -> None:
    for path, data in outputs.items():
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    (tmp_path / "hostile_hooks.py").write_text(hostile.HOOKS)
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    count = len(hostile.STRINGS)
    done = subprocess.run(
        [sys.executable, "-B", "-c", IMPORTER, str(count)],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{tmp_path / 'python'}:{tmp_path}:{CHECKOUT / 'runtime'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    said = json.loads(done.stdout)
    assert said["events"] == []
    names = {
        unnumbered(" ".join(each["names"]), int(number)) for number, each in said["found"].items()
    }
    assert len({name.lower() for name in names}) == 1
    for number in range(count):
        found = said["found"][str(number)]
        assert found["info"] == text(number, "info")
        assert found["setter_argument"] == text(number, "setter_argument")
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == before


def test_every_place_shows(model: dict[PurePosixPath, bytes]) -> None:
    """A place whose text appears nowhere would prove nothing."""
    everything = b"".join(model.values()).decode()
    shown = {place for place in hostile.PLACES if harmless(place) in everything}
    assert shown == set(hostile.PLACES)


def test_count(outputs: dict[PurePosixPath, bytes], capsys: pytest.CaptureFixture[str]) -> None:
    tried = len(hostile.STRINGS) * len(hostile.PLACES)
    assert len(set(hostile.STRINGS)) == len(hostile.STRINGS)
    with capsys.disabled():
        sys.stdout.write(
            f"\ninjection: {len(hostile.STRINGS)} strings x {len(hostile.PLACES)} places = {tried},"
            f" in {len(outputs)} files for {len(SERIES)} series, {len(compiler.DIALECTS)} dialects of C\n"
        )
