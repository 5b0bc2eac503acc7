# SPDX-License-Identifier: GPL-2.0-or-later
"""
Whatever the input is: right (0) or wrong (2), and never a bug (3).

Texts, documents by the schema, and real documents with something changed, all through the command line.
QOMGEN_EXAMPLES says how many of each (default: 60).
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from qomgen import cli
from tests.property.qomgen.documents import ROOT, Changed, changed_documents, documents
from tests.property.qomgen.strategies import FRAGMENTS, texts

BASE = ROOT / "device_specs" / "qemu"
HOOKS = ROOT / "tests" / "golden" / "hooks"

SLOW = settings(
    max_examples=int(os.environ.get("QOMGEN_EXAMPLES", "60")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def outcome(files: dict[str, str], *more: str) -> tuple[int, str]:
    """Generate from texts by file name: the exit code, and what was said."""
    with tempfile.TemporaryDirectory() as folder:
        specs = Path(folder) / "specs"
        specs.mkdir()
        for name, text in files.items():
            (specs / name).write_text(text, "utf-8", "surrogatepass")
        words = ["generate", "--specs", str(specs), "--python-path", str(HOOKS), *more]
        words += ["--output", f"{folder}/generated", "--no-cache"]
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = cli.main(words)
        return code, out.getvalue() + err.getvalue()


def check(code: int, said: str) -> None:
    """A sentence about the input, or nothing wrong."""
    assert code in (cli.CLEAN, cli.BAD_INPUT), said
    if code == cli.BAD_INPUT:
        assert "error[QG" in said, said
        assert all(len(line) < 2000 for line in said.splitlines())


_YAML = ("type: my-dev\n", "parent: device\n", "- ", ": ", "? ", "{", "}", "[", "]", ",", "&a ", "*a",
         "!t ", "|\n ", ">\n ", "'", '"', "#", "---\n", "...\n", "%YAML 1.2\n", "<<: ", "by-qemu: ",
         '"7.2": ', "  ", "\n", "\t", "\r", "null", "10.10", "0x", "~", "@", "`", "since: ")  # fmt: skip


@given(
    text=st.one_of(
        texts(surrogates=True, nul=True),
        st.lists(st.sampled_from((*_YAML, *FRAGMENTS)), max_size=40).map("".join),
    )
)
@example(text='type: my-dev\nparent: device\nsince: "10.0\\n"\n')
@example(text="type: my-dev\nproperties: {by-qemu: {kind: bool}}\n")
@SLOW
def test_any_text(text: str) -> None:
    check(*outcome({"a.yaml": text}, "--specs", str(BASE)))


@given(found=st.lists(documents(), min_size=1, max_size=3))
@SLOW
def test_any_documents_by_the_schema(found: list[dict[str, Any]]) -> None:
    # JSON is YAML, but for its escapes of what is beyond 16 bits.
    text = "\n---\n".join(json.dumps(each, ensure_ascii=False) for each in found)
    check(*outcome({"a.yaml": text}, "--specs", str(BASE)))


@given(found=changed_documents())
@SLOW
def test_real_documents_with_something_changed(found: Changed) -> None:
    files = {f"{index}.yaml": json.dumps(each) for index, each in enumerate(found.documents)}
    check(*outcome(files))
