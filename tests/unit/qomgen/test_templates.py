# SPDX-License-Identifier: GPL-2.0-or-later
"""Every expression that a template prints is encoded: shown by type, and refused when it runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import jinja2
import pytest

from qomgen import pipeline, render
from qomgen.cview import UnitView
from qomgen.encode import CComment, CIdent, License, PyIdent
from qomgen.pyfiles import LayoutView
from qomgen.pyview import ModuleView
from qomgen.render import Mark, NotEncoded
from qomgen.scaffold.cfiles import BehaviourView, QTestView
from qomgen.scaffold.files import ProjectView

from .conftest import CHECKOUT
from .template_walk import Hint, Walk

TEMPLATES = CHECKOUT / "templates"

RENDERED: dict[str, dict[str, Hint]] = {
    "c/unit.c.inc": {"mark": Mark, "unit": UnitView},
    "c/unit.h.inc": {"mark": Mark, "unit": UnitView},
    "python/module.py": {"mark": Mark, "module": ModuleView},
    "python/layouts.py": {"mark": Mark, "structs": tuple[LayoutView, ...], "license": License},
    "python/package.py": {"mark": Mark, "modules": tuple[PyIdent, ...], "license": License},
}
"""The templates that the pipeline renders, with what it gives them."""

SCAFFOLDED: dict[str, dict[str, Hint]] = {
    "scaffold/passthrough.c": {"device": BehaviourView},
    "scaffold/plain.c": {"device": BehaviourView},
    "scaffold/bare.c": {"device": BehaviourView},
    "scaffold/passthrough-test.c": {"test": QTestView},
    "scaffold/plain-test.c": {"test": QTestView},
    **{
        f"scaffold/{name}": {"project": ProjectView}
        for name in (
            "passthrough.yaml",
            "passthrough_hooks.py",
            "passthrough_test.py",
            "bare.yaml",
            "bare_hooks.py",
            "bare_test.py",
            "plain.yaml",
            "plain_hooks.py",
            "plain_test.py",
            "package.py",
            "pyproject.toml",
            "pre-commit-config.yaml",
            "gitignore",
            "README.md",
        )
    },
}
"""Those that a new device begins with."""


def read(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def walk(source: Callable[[str], str] = read) -> Walk:
    made = Walk(render.environment(TEMPLATES), source)
    for name, scope in (RENDERED | SCAFFOLDED).items():
        made.template(name, scope)
    return made


def test_every_printed_expression_is_encoded() -> None:
    made = walk()
    assert sorted(map(str, made.findings)) == []
    assert made.printed > 80


def test_every_template_is_walked() -> None:
    files = {
        path.relative_to(TEMPLATES).as_posix()
        for path in TEMPLATES.rglob("*")
        # Pages escape what they print by themselves: test_pages.py.
        if path.is_file() and path.parent.name != "docs"
    }
    assert walk().walked == files


def test_what_the_pipeline_renders_is_what_is_walked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table above, asked of a real run."""
    given: dict[str, set[str]] = {}
    real = render.render

    def spy(env: jinja2.Environment, template: str, mark: Mark, **views: object) -> str:
        given.setdefault(template, set()).update({"mark", *views})
        return real(env, template, mark, **views)

    monkeypatch.setattr(render, "render", spy)
    pipeline.build([CHECKOUT / "device_specs"], python_path=[CHECKOUT / "runtime"])
    assert given == {name: set(scope) for name, scope in RENDERED.items()}


@pytest.mark.parametrize(
    ("name", "old", "new", "finding"),
    [
        # A text of the view class that is no encoded one.
        ("c/_banner.h.inc", "{{ unit.license }}", "{{ unit.facts.const_properties }}", "prints bool"),
        ("c/unit.c.inc", "{{ type.type_macro }}", "{{ type.abstract }}", "prints bool"),
        ("c/unit.h.inc", "{{ struct.name }}", "{{ struct.groups }}", "prints tuple[qomgen.cbody.Group"),
        # A filter of Jinja's makes a str of it.
        ("python/module.py", "{{ module.title }}", "{{ module.title|upper }}", "'upper' takes"),
        ("python/module.py", "{{ module.title }}", "{{ module.title|string }}", "prints"),
        ("c/_body.c.inc", "{{ group.guard.opening }}", "{{ group.guard.opening|safe }}", "prints"),
        # An encoder goes through the wrong filter; an argument is not the template's own.
        ("c/_banner.h.inc", "unit.title|paragraph", "unit.title|call(4)", "'call' takes Call, not CComment"),
        ("c/_type.c.inc", 'entry|call(4, ",")', "entry|call(4, type.name)", "no constant"),
        # What does not exist, and what Jinja can do besides.
        ("c/unit.c.inc", "{{ unit.array }}", "{{ unit.aray }}", "UnitView has no 'aray'"),
        ("c/unit.c.inc", "{{ unit.array }}", "{{ unit.array ~ unit.register }}", "does not know: Concat"),
        ("c/unit.c.inc", "{{ unit.array }}", "{{ unit['array'] }}", "does not know: Getitem"),
        ("c/unit.c.inc", "{{ unit.array }}", "{{ unit.array.text }}", "CIdent has no 'text'"),
        ("c/unit.c.inc", "{{ unit.array }}", "{{ lipsum() }}", "does not know: Call"),
        ("c/unit.c.inc", "{{ unit.array }}", "{{ 'text' }}", "prints str"),
        ("c/unit.c.inc", "{{ unit.array }}", "{{ loop.index }}", "does not know: Name"),
        ("c/unit.c.inc", "{{ unit.array }}", "{{ mark.digest if unit.array else 1 }}", "prints int"),
        ("c/unit.c.inc", "{{ unit.array }}", "{% set x = unit.array %}", "does not know: Assign"),
        ("c/unit.c.inc", "{{ unit.array }}", "{% filter upper %}{% endfilter %}", "does not know: FilterBlock"),
        ("c/unit.c.inc", "{{ unit.array }}", "{% include unit.array %}", "does not know: Include"),
        ("c/unit.c.inc", "for type in unit.types %", "for type in unit.name %", "which is no tuple"),
        ("python/module.py", "{{ keyword.value }}", "{{ loop.index }}", "prints int"),
        ("python/package.py", "{{ name }}", "{{ name.__class__ }}", "PyIdent has no '__class__'"),
    ],
)  # fmt: skip
def test_a_template_that_prints_anything_else_is_found(
    name: str, old: str, new: str, finding: str
) -> None:
    assert old in read(name)
    found = walk(lambda asked: read(asked).replace(old, new) if asked == name else read(asked))
    assert any(finding in str(each) for each in found.findings), found.findings


MARK = Mark(CComment("a"), CComment("b"), CComment("c"))


def rendered(folder: Path, template: str, **views: object) -> str:
    (folder / "t").write_text(template, encoding="ascii")
    return render.render(render.environment(folder), "t", MARK, **views)


@pytest.mark.parametrize("value", ["text", 1, True, None, b"x", ("a",), CIdent, Path("x")])
def test_finalize_refuses_what_is_not_encoded(tmp_path: Path, value: object) -> None:
    with pytest.raises(NotEncoded, match=r"a template prints .*: not encoded"):
        rendered(tmp_path, "{{ value }}", value=value)


def test_finalize_refuses_a_constant_of_the_template(tmp_path: Path) -> None:
    with pytest.raises(NotEncoded):
        rendered(tmp_path, "{{ 'text' }}")


def test_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    for template in ("{{ value }}", "{{ mark.nothing }}", "{% if value %}{% endif %}"):
        with pytest.raises(jinja2.UndefinedError):
            rendered(tmp_path, template)


def test_encoded_text_is_printed_as_it_is(tmp_path: Path) -> None:
    assert (
        rendered(tmp_path, "{{ value }}\n", value=CComment("a < b & c {{ d }}"))
        == "a < b & c {{ d }}\n"
    )


def test_indented_moves_lines_that_are_not_empty(tmp_path: Path) -> None:
    template = "{% filter indented(2) %}\na\n\nb\n{% endfilter %}\n"
    assert rendered(tmp_path, template) == "  a\n\n  b\n"
