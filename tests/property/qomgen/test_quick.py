# SPDX-License-Identifier: GPL-2.0-or-later
"""The short way reads a command line as argparse does, or not at all."""

from __future__ import annotations

import contextlib
import io
from pathlib import PurePosixPath

from hypothesis import given
from hypothesis import strategies as st

from qomgen import options, quick, speedcache
from qomgen.report import FORMATS

OPTIONS = (*quick.LISTS, *quick.VALUES, *quick.OF_GENERATE)
FLAGS = (*quick.FLAGS, *quick.OF_CHECK, "--no-cache", "--list-inputs", "--list-outputs", "-h", "--")
VALUES = st.one_of(
    st.sampled_from(
        ("a", "./a//b/", "10.0", "c", "python", "text", "json", "", "-", "--", "a b", "-x", "--git")
    ),
    st.text(max_size=4),
)
WORDS = st.one_of(
    st.tuples(st.sampled_from(OPTIONS), VALUES),
    st.sampled_from(FLAGS).map(lambda flag: (flag,)),
    st.tuples(st.builds("{}={}".format, st.sampled_from(OPTIONS), VALUES)),
    st.tuples(st.sampled_from(("--spec", "--out", "--python", "--depfil", "--fl")), VALUES),
    st.tuples(VALUES),
)
LINES = st.tuples(st.sampled_from(("check", "generate", "list")), st.lists(WORDS, max_size=5)).map(
    lambda line: [line[0], *(word for words in line[1] for word in words)]
)


@given(words=LINES)
def test_what_is_read_is_what_argparse_reads(words: list[str]) -> None:
    found = quick.scan(words)
    if found is None:
        return
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            arguments = options.parser().parse_args(words)
    except SystemExit:
        # argparse knows choices, and may refuse what was read; then the cache can't know the request either.
        assert (
            set(found.lists["--target"]) - {"c", "python"}
            or found.values["--format"] not in FORMATS
        )
        return
    assert arguments.command == found.command
    for name, values in found.lists.items():
        given_values = getattr(arguments, name[2:].replace("-", "_")) or []
        assert [speedcache.spelled(value) for value in values] == [
            speedcache.spelled(str(value)) for value in given_values
        ]
    for name, value in found.values.items():
        assert str(getattr(arguments, name[2:])) in (value, speedcache.spelled(value))
    for flag in (*quick.FLAGS, *quick.OF_CHECK):
        assert getattr(arguments, flag[2:], False) == (flag in found.flags)
    assert not arguments.no_cache


@given(path=st.text(st.sampled_from("a./ ")))
def test_paths_are_spelled_as_pathlib_does(path: str) -> None:
    if not path.startswith("//"):
        # Two slashes at the beginning are special to POSIX, and to nobody else.
        assert speedcache.spelled(path) == str(PurePosixPath(path))
