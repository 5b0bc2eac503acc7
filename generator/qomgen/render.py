# SPDX-License-Identifier: GPL-2.0-or-later
"""
Views through Jinja templates, nothing else: no decision is made here.

`finalize` refuses to print what is not `Encoded`, so text of a spec can't reach an output without passing an encoder.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from qomgen import clayout
from qomgen.clayout import Call
from qomgen.encode import CCode, Encoded


class NotEncoded(TypeError):
    """A template tried to print a value that no encoder has seen: a bug in a template."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The lines that mark an output as generated."""

    generated: Encoded
    digest: Encoded
    remake: Encoded


def _only_encoded(value: object) -> str:
    if isinstance(value, Encoded):
        return value.text
    # str() of what is undefined raises jinja2.UndefinedError, which knows the name.
    raise NotEncoded(f"a template prints {str(value)!r}, a {type(value).__name__}: not encoded")


def _indented(text: str, columns: int) -> str:
    """What a filter block printed (so it is encoded already), moved to the right."""
    return "".join(
        f"{' ' * columns if line.strip() else ''}{line}" for line in text.splitlines(keepends=True)
    )


def _bare(value: Call) -> CCode:
    return clayout.call(value, 0, "")


@cache
def environment(templates: Path) -> Environment:
    """The Jinja environment over one folder of templates."""
    made = Environment(
        loader=FileSystemLoader(templates),
        undefined=StrictUndefined,
        finalize=_only_encoded,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        # The outputs are C and Python; HTML escaping would damage them. Encoders do the escaping.
        autoescape=False,  # noqa: S701 - see above
    )
    made.filters.update(
        call=clayout.call,
        assign=clayout.assign,
        comment=clayout.comment,
        paragraph=clayout.paragraph,
        declaration=clayout.declaration,
        bare=_bare,
        indented=_indented,
    )
    return made


def render(env: Environment, template: str, mark: Mark, **views: object) -> str:
    """
    One output.

    Raises:
        NotEncoded: if the template prints anything that is not `Encoded`.
        jinja2.TemplateError: if the template is wrong.
    """
    return env.get_template(template).render(mark=mark, **views)
