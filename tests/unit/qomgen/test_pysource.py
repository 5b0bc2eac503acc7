# SPDX-License-Identifier: GPL-2.0-or-later
"""What a Python module defines, read and never run."""

from __future__ import annotations

from pathlib import Path

import pytest

from qomgen.pysource import HookFinder, HookRef

MODULE = """
import os
from .base import Base, helper as help_me
from typing import Any

raise SystemExit("nobody runs this")

A = B = 1
C: int = 2
D, (E, F) = 1, (2, 3)

def none(): ...
def one(a, /): ...
def some(a, b=1, *, c=2): ...
def many(a, *rest): ...
def named(a, *, b): ...
async def later(a): ...

class Thing(Base, list):
    x: int = 0
    y = 1
    def __init__(self):
        self.z = 1
        other.w = 2
    def method(self): ...

if os.name:
    def under_if(a): ...
else:
    def under_else(a): ...
try:
    def under_try(a): ...
except ValueError:
    def under_except(a): ...
"""


@pytest.fixture
def finder(tmp_path: Path) -> HookFinder:
    package = tmp_path / "hooks_for_test"
    package.mkdir()
    (package / "__init__.py").write_text("from .base import Base as Renamed\n")
    (package / "thing.py").write_text(MODULE)
    (package / "base.py").write_text(
        "from .other import Root\nclass Base(Root):\n    inherited: int\ndef helper(a, b): ...\n"
    )
    (package / "other.py").write_text("from .base import Base\nclass Root:\n    root = 1\n")
    (package / "broken.py").write_text("def (:\n")
    (package / "nul.py").write_bytes(b"a = 1\0")
    (package / "deep.py").write_text("(" * 1000)
    (package / "loop.py").write_text("from .loop import a\n")
    return HookFinder([tmp_path])


@pytest.mark.parametrize(
    ("name", "told", "fits"),
    [
        ("none", "0 arguments", [0]),
        ("one", "1 argument", [1]),
        ("some", "1 to 2 arguments", [1, 2]),
        ("many", "1 or more arguments", [1, 2, 3, 4]),
        ("named", "1 argument and needs b by name", []),
        ("later", "1 argument", [1]),
        ("under_if", "1 argument", [1]),
        ("under_else", "1 argument", [1]),
        ("under_try", "1 argument", [1]),
        ("under_except", "1 argument", [1]),
    ],
)
def test_functions(finder: HookFinder, name: str, told: str, fits: list[int]) -> None:
    module = finder.module("hooks_for_test.thing")
    assert module is not None
    arity = module.functions[name]
    assert str(arity) == told
    assert [count for count in range(5) if arity.takes(count)] == fits


def test_values_and_imports(finder: HookFinder) -> None:
    module = finder.module("hooks_for_test.thing")
    assert module is not None
    assert module.values == {"A", "B", "C", "D", "E", "F"}
    assert module.imports["help_me"] == HookRef("hooks_for_test.base", "helper")
    assert module.imports["Any"] == HookRef("typing", "Any")


def test_attributes_of_a_class_and_its_bases(finder: HookFinder) -> None:
    found = finder.attributes(HookRef("hooks_for_test.thing", "Thing"))
    assert found == frozenset({"x", "y", "z", "__init__", "method", "inherited", "root"})
    renamed = finder.attributes(HookRef("hooks_for_test", "Renamed"))
    assert renamed == frozenset({"inherited", "root"})
    assert finder.attributes(HookRef("hooks_for_test.thing", "none")) is None
    assert finder.attributes(HookRef("hooks_for_test.absent", "Thing")) is None


def test_imports_are_followed_and_end(finder: HookFinder) -> None:
    assert finder.home(HookRef("hooks_for_test", "Renamed")) == HookRef(
        "hooks_for_test.base", "Base"
    )
    assert finder.home(HookRef("hooks_for_test.loop", "a")).name == "a"
    assert finder.has(HookRef("hooks_for_test", "Renamed"))
    assert not finder.has(HookRef("hooks_for_test", "Base"))


@pytest.mark.parametrize("name", ["broken", "nul", "deep", "absent", "thing.absent"])
def test_what_can_not_be_read_is_not_there(finder: HookFinder, name: str) -> None:
    assert finder.module(f"hooks_for_test.{name}") is None


def test_the_modules_beside_one(finder: HookFinder) -> None:
    names = [module.name for module in finder.siblings("hooks_for_test.thing")]
    assert names == [f"hooks_for_test.{each}" for each in ("thing", "base", "loop", "other")]
