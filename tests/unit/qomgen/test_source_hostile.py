# SPDX-License-Identifier: GPL-2.0-or-later
"""Hostile input at the door: clear errors, in bounded time and memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

MAX_RSS = 400
"""MiB; a run without hostile input takes about 90."""

MAX_CPU = 30
"""Seconds; a run without hostile input takes about one."""

RUN = f"""
import json, resource, sys
resource.setrlimit(resource.RLIMIT_CPU, ({MAX_CPU}, {MAX_CPU}))
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
from qomgen import cli
code = cli.main(["generate", "--specs", "device_specs", "--specs", sys.argv[1], "--output", sys.argv[2]])
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps([code, used.ru_maxrss >> 10, used.ru_utime + used.ru_stime]))
"""

HEAD = "type: my-dev\nlicense: GPL-2.0-or-later\ntargets: [c]\nparent: device\nsource: hw/a.c\n"
MIB = 1 << 20


def _aliases(levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [
        f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, levels)
    ]
    return "\n".join(lines) + "\n"


def _fill(pattern: str) -> str:
    return (HEAD + pattern * (MIB // len(pattern)))[: MIB - 1]


def _types(count: int, parent: str) -> str:
    """Return a document a type; the parent may have the type's number in it."""
    texts = (
        HEAD.replace("my-dev", f"t{i}").replace("device", parent.format(i, i + 1))
        for i in range(count)
    )
    return "---\n".join(texts)


_FIELDS = "".join(f"    f{i}: bool\n" for i in range(2500))
_PROPERTIES = "".join(f"  p{i}: {{kind: uint8, field: f{i}, default: 0}}\n" for i in range(1500))
_SERIES = [f"{major}.{minor}" for major in range(4, 99) for minor in range(30)]

TEXTS = {
    "a bomb of aliases": (_aliases(40), "QG004"),
    "a bomb of merge keys": (HEAD + "a: &a {b: c}\n" + "d: {<<: [*a, *a]}\n", "QG004"),
    "a million brackets": (HEAD + "interfaces: " + "[" * (MIB - 200), "QG008"),
    "a million braces": (_fill("{a: "), "QG003"),
    "a million dashes": (_fill("- "), "QG003"),
    "deep blocks": (HEAD + "".join(f"{' ' * i}a:\n" for i in range(1000)), "QG008"),
    "a list of a million": (HEAD + "interfaces: [" + "a," * (MIB // 2 - 200) + "]", "QG020"),
    "a million commas": (HEAD + "interfaces: [" + "," * (MIB - 200) + "]", "QG003"),
    "a million documents": (_fill("---\n"), "QG020"),
    "a million anchors": (_fill("&a "), "QG003"),
    "a key of a million letters": (HEAD + "a" * (MIB - 200) + ": 1\n", "QG003"),
    "a quoted key of a million letters": (HEAD + '? "' + "a" * (MIB - 200) + '"\n: 1\n', "QG011"),
    "a text of a million letters": (HEAD + "abstract: " + "a" * (MIB - 200) + "\n", "QG013"),
    "a C type of a million letters": (
        HEAD + "instance_struct: {name: A, fields: {a: " + "a" * (MIB - 300) + "}}\n",
        "QG019",
    ),
    "five thousand unknown keys": (HEAD + "".join(f"kez{i}: 1\n" for i in range(5000)), "QG011"),
    "five thousand errors in one line": (
        HEAD + "properties: {" + ",".join(f"p{i}: {{kind: x, a: b}}" for i in range(2500)) + "}\n",
        "QG201",
    ),
    "two thousand unknown constants": (
        HEAD
        + "class_init:\n"
        + "".join(f"  - call: f\n    args: [PCI_ANY_IT{i}]\n" for i in range(2000)),
        "QG209",
    ),
    "fields and properties by the thousand": (
        HEAD
        + f"instance_struct:\n  name: A\n  fields:\n    p: DeviceState\n{_FIELDS}"
        + f"properties:\n{_PROPERTIES}",
        "QG203",
    ),
    "a type in a unit five thousand times": (
        HEAD + f"---\nunit: u\nsource: hw/u.c\ntypes: [{'my-dev, ' * 5000}my-dev]\n",
        "QG111",
    ),
    "series that never were": (
        HEAD + "class_init:\n" + "".join(f'  - {{call: f, since: "{each}"}}\n' for each in _SERIES),
        "QG014",
    ),
    "a chain of a thousand types": (_types(1000, "t{1}"), "QG122"),
    "a thousand types without a parent": (_types(1000, "u{0}"), "QG101"),
    "a thousand types of one parent": (_types(1000, "device") + "bad: 1\n", "QG011"),
    "a line break of every kind": (HEAD + "a: 1\u2028b: 2\u2029c: 3\x85d: 4\n", "QG002"),
}


def run(specs: Path, output: Path) -> tuple[int, int, float, str]:
    """Generate in a process of its own: exit code, memory, processor time, what it said."""
    environment = {**os.environ, "PYTHONPATH": "generator:runtime:generated/python"}
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(specs), str(output)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    code, memory, time = json.loads(done.stdout.splitlines()[-1])
    return code, memory, time, done.stderr


@pytest.mark.parametrize("name", TEXTS)
def test_a_hostile_text_is_refused_in_bounded_time_and_memory(name: str, tmp_path: Path) -> None:
    text, rule = TEXTS[name]
    specs = tmp_path / "specs"
    specs.mkdir()
    (specs / "hostile.yaml").write_text(text, "utf-8")
    assert (specs / "hostile.yaml").stat().st_size <= MIB
    code, memory, time, said = run(specs, tmp_path / "generated")
    errors = said.count(": error[")
    print(f"{name}: {memory} MiB, {time:.1f} s, {errors} errors")  # noqa: T201 - shown with -s
    assert code == 2
    assert f"error[{rule}]" in said
    assert memory < MAX_RSS
    assert time < MAX_CPU
    # What is said can be read: no line repeats the file.
    assert max(map(len, said.splitlines())) < 2000
    assert not (tmp_path / "generated").exists()


def _large(path: Path) -> None:
    with path.open("wb") as stream:
        stream.truncate(100 * MIB)


FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a hundred megabytes": (_large, "QG001"),
    "a FIFO": (os.mkfifo, "QG001"),
    "a folder": (Path.mkdir, "QG001"),
    "a link to nowhere": (lambda path: path.symlink_to("nowhere"), "QG001"),
    "a link to itself": (lambda path: path.symlink_to(path.name), "QG001"),
    "an endless device": (lambda path: path.symlink_to("/dev/zero"), "QG001"),
    "random bytes": (lambda path: path.write_bytes(bytes(range(256)) * 100), "QG001"),
    "UTF-16": (lambda path: path.write_text(HEAD, "utf-16"), "QG001"),
    "UTF-32": (lambda path: path.write_text(HEAD, "utf-32"), "QG001"),
    "latin-1": (lambda path: path.write_text("doc: é\n", "latin-1"), "QG001"),
    "lone surrogates": (lambda path: path.write_bytes(b"doc: \xed\xa0\x80\n"), "QG001"),
    "overlong": (lambda path: path.write_bytes(b"doc: \xc0\xaf\n"), "QG001"),
    "NUL": (lambda path: path.write_text("doc: \0\n"), "QG002"),
    "nothing": (lambda path: path.touch(), "QG009"),
}


@pytest.mark.parametrize("name", FILES)
def test_what_is_no_file_of_text_is_refused(name: str, tmp_path: Path) -> None:
    make, rule = FILES[name]
    specs = tmp_path / "specs"
    specs.mkdir()
    make(specs / "hostile.yaml")
    code, memory, _, said = run(specs, tmp_path / "generated")
    assert code == 2
    assert said.startswith("specs/hostile.yaml:")
    assert f"error[{rule}]" in said
    assert said.endswith("1 error; nothing was written\n")
    assert memory < MAX_RSS


def test_a_file_name_can_not_attack_a_terminal(tmp_path: Path) -> None:
    specs = tmp_path / "specs"
    specs.mkdir()
    (specs / "\x1b[2J\u202e\n::error::.yaml").touch()
    os.close(os.open(bytes(specs) + b"/\xff.yaml", os.O_CREAT | os.O_WRONLY))
    code, _, _, said = run(specs, tmp_path / "generated")
    assert code == 2
    assert len(said.splitlines()) == 3
    assert said.replace("\n", "").isprintable()
