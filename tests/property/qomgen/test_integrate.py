# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever a tree's build files look like: bringing a project in and taking it back is the identity; twice is once."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qomgen import model
from qomgen.diagnostics import SourceFile, Span
from qomgen.integration import kconfig, mesonbuild
from qomgen.integration import plan as integrate
from qomgen.integration import writer as treewriter
from qomgen.integration.kconfig import Symbol
from qomgen.integration.mesonbuild import QTest, Sources
from qomgen.integration.parts import Hand, Part
from qomgen.integration.qemutree import NotQemu, TreeTroubles, open_tree
from qomgen.integration.record import BadRecord
from qomgen.pipeline import UnknownSeries
from tests.smalltree import TREE, lay

SLOW = settings(max_examples=int(os.environ.get("QOMGEN_EXAMPLES", "60")), deadline=None)

SPAN = Span.start_of(SourceFile("x.yaml", ""))

_names = st.sampled_from(["AAA", "BEEPER", "CLOCK", "MIDI", "TIMER", "VFIO_ONE", "ZZZ"])
_blank = st.sampled_from(["", "\n", "\n\n", "   \n"])
_end = st.sampled_from(["", "\n", "\n\n", "\n# end", "\n# end\n", "\n  \n"])


@st.composite
def kconfigs(draw: st.DrawFn) -> str:
    """A Kconfig file: symbols in any order, comments, blank lines, an end of whatever kind."""
    chunks = []
    for name in draw(st.lists(_names, unique=True, max_size=6)):
        body = draw(
            st.sampled_from(["    bool", "    bool\n    default y", "\tbool\n\n\tselect PCI"])
        )
        head = draw(st.sampled_from(["", "# About it\n"]))
        chunks.append(f"{head}config HAS_{name}\n{body}\n{draw(_blank)}")
    return ("".join(chunks)).rstrip("\n") + draw(_end)


@st.composite
def mesons(draw: st.DrawFn) -> str:
    """A meson.build: statements on one line and on several, blocks, headings."""
    chunks = []
    for name in draw(st.lists(_names, max_size=6)):
        low = name.lower()
        chunks.append(
            draw(
                st.sampled_from(
                    [
                        f"system_ss.add(when: 'CONFIG_{name}', if_true: files('{low}.c'))\n",
                        f"system_ss.add(when: 'CONFIG_{name}', if_true: files(\n  '{low}.c', # (\n))\n",
                        f"specific_ss.add(files('{low}.c'))\n",
                        f"# About {low} [\nsystem_ss.add(files('{low}.c'))\n",
                        f"if have_{low}\n  system_ss.add(files('{low}.c'))\nendif\n",
                        f"subdir('{low}')\n",
                        f"{low} = 'it\\'s (' + \\\n  'more'\n",
                    ]
                )
            )
            + draw(_blank)
        )
    return ("".join(chunks)).rstrip("\n") + draw(_end)


@st.composite
def qtests(draw: st.DrawFn) -> str:
    """A tests/qtest/meson.build with rows of several kinds."""
    rows = draw(
        st.lists(
            st.sampled_from(
                [
                    "  (config_all_devices.has_key('CONFIG_A') ? ['a-test'] : []) + \\\n",
                    "  (config_all_devices.has_key('CONFIG_A') ? ['a-test'] : []) +       \\\n",
                    "  (config_all_devices.has_key('CONFIG_A') and \\\n   x ? ['b-test'] : []) + \\\n",
                    "  qtests_filter +    \\\n",
                ]
            ),
            max_size=5,
        )
    )
    generic = "qtests_generic = [\n  'qom-test',\n]"
    return f"qtests_i386 = \\\n{''.join(rows)}  ['boot-test']\n\n{generic}{draw(_end)}"


@st.composite
def projects(draw: st.DrawFn) -> list[Part]:
    """The parts of a project: one or two units, with tests."""
    parts = []
    for name in draw(
        st.lists(st.sampled_from(["my-dev", "abc", "zyx"]), unique=True, min_size=1, max_size=2)
    ):
        config = f"CONFIG_{name.upper().replace('-', '_')}"
        unit = model.Unit(name, SPAN, f"hw/misc/{name}.c", ())
        files = tuple(draw(st.sampled_from([(f"{name}.c",), (f"{name}-dma.c", f"{name}.c")])))
        part = Part(unit, (), PurePosixPath(f"hw/misc/{name}.c"))
        when = draw(st.sampled_from([(), (config,), (config, "CONFIG_PCI")]))
        part.sources = Sources("system", when, files)
        depends = draw(st.sampled_from([(), ("PCI",), ("PCI", "LINUX")]))
        if config in when:
            part.symbol = Symbol(config.removeprefix("CONFIG_"), "y", depends)
        data = draw(st.binary(max_size=20))
        part.files = {part.folder / each: data for each in (*files, f"{name}.c.inc")}
        part.files[PurePosixPath(f"include/hw/{name}/{name}.h")] = data
        targets = draw(st.sampled_from(["i386", "generic"]))
        part.tests = [QTest(f"{name}-test", targets, when)] if draw(st.booleans()) else []
        part.test_files = {PurePosixPath(f"tests/qtest/{each.name}.c"): data for each in part.tests}
        parts.append(part)
    # As files of specs are read.
    return sorted(parts, key=lambda part: part.unit.name)


@pytest.fixture(autouse=True, scope="module")
def _no_waiting_for_the_disk() -> Iterator[None]:
    """The machine stays on while this is tried."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _descriptor: None)
        yield


def look(root: Path) -> dict[str, bytes | None]:
    """All files of the tree, and its folders."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(root.rglob("*"))
    }


def bring(root: Path, name: str, parts: list[Part]) -> treewriter.Done:
    """Bring a project into a tree."""
    hand = Hand(Path("qemu"), {path: data for part in parts for path, data in part.files.items()})

    def make() -> integrate.Plan:
        return integrate.plan(open_tree(root), name, parts, hand)

    done = treewriter.carry_out(root, name, make)
    assert done is not None
    return done


def undo(root: Path, name: str) -> None:
    """Take a project back."""
    treewriter.carry_out(root, name, lambda: integrate.plan_undo(root, name))


_WORDS = (
    *(
        "config ",
        "source ",
        "../",
        "misc/Kconfig",
        "hw/",
        "MY_DEV",
        "\n",
        "    bool\n",
        "#",
        '"',
        "\r",
    ),
    *(
        "system_ss",
        ".add(",
        "files(",
        "'my-dev.c'",
        "))",
        "[",
        "]",
        "if ",
        "endif\n",
        "\\",
        "'",
        "\x00",
    ),
    *(
        "qtests_i386 = ",
        "\\\n",
        "ss.source_set()",
        "subdir('misc')\n",
        "10.0.",
        "7",
        "{",
        "}",
        "null",
        ":",
    ),
)
_NAMES = (
    *("VERSION", "Kconfig", "hw/Kconfig", "hw/misc/Kconfig", "hw/misc/meson.build", "meson.build"),
    *("tests/qtest/meson.build", ".qomgen/it.json", "hw/misc/my-dev.c", "hw/meson.build"),
)


@SLOW
@given(
    st.sampled_from(_NAMES),
    st.one_of(st.lists(st.sampled_from(_WORDS), max_size=12).map("".join), st.text(max_size=40)),
    projects(),
)
def test_whatever_the_tree_holds_it_is_told_or_undone(
    name: str, text: str, parts: list[Part]
) -> None:
    """What is in the way is an error with a sentence; else the way in and out is the identity."""
    with tempfile.TemporaryDirectory() as folder:
        root = lay(Path(folder), TREE)
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(text.encode("utf-8", "surrogatepass"))
        pristine = look(root)
        try:
            bring(root, "it", parts)
        except (NotQemu, UnknownSeries, BadRecord, TreeTroubles) as error:
            assert str(error)  # noqa: PT017 - which of them it is does not matter
            assert look(root) == pristine
        else:
            undo(root, "it")
            if ".qomgen" not in name:
                assert look(root) == pristine


@SLOW
@given(kconfigs(), mesons(), qtests(), projects(), projects())
def test_in_and_out_is_the_identity(
    kconfig_text: str, meson: str, qtest: str, first: list[Part], second: list[Part]
) -> None:
    files = {
        **TREE,
        "hw/misc/Kconfig": kconfig_text,
        "hw/misc/meson.build": meson,
        "tests/qtest/meson.build": qtest,
    }
    with tempfile.TemporaryDirectory() as folder:
        root = lay(Path(folder), files)
        pristine = look(root)
        bring(root, "it", first)
        once = look(root)
        _check_entries(root, first)
        again = bring(root, "it", first)
        assert (again.written, again.removed) == ((), ())
        assert look(root) == once
        # A newer project takes the older one's place as if that had never been there.
        bring(root, "it", second)
        replaced = look(root)
        undo(root, "it")
        assert look(root) == pristine
        bring(root, "it", second)
        assert look(root) == replaced
        undo(root, "it")
        assert look(root) == pristine


def _check_entries(root: Path, parts: list[Part]) -> None:
    """What was added is found by the readers of these files."""
    defined = {each.name for each in kconfig.entries((root / "hw/misc/Kconfig").read_text())}
    build = (root / "hw/misc/meson.build").read_text()
    top = [each.text for each in mesonbuild.statements(build) if not each.nested]
    for part in parts:
        assert part.symbol is None or part.symbol.name in defined
        assert part.sources is not None
        assert "\n".join(part.sources.lines("system")) in top


@SLOW
@given(kconfigs(), mesons(), projects())
def test_what_comes_later_stays_when_it_goes(
    kconfig_text: str, meson: str, parts: list[Part]
) -> None:
    """Two projects in one tree: the order in which they come and go does not matter to either."""
    files = {**TREE, "hw/misc/Kconfig": kconfig_text, "hw/misc/meson.build": meson}
    other = Part(
        model.Unit("other", SPAN, "hw/misc/other.c", ()), (), PurePosixPath("hw/misc/other.c")
    )
    other.sources = Sources("system", ("CONFIG_OTHER",), ("other.c",))
    other.symbol = Symbol("OTHER", "y", ("PCI",))
    other.files = {PurePosixPath("hw/misc/other.c"): b""}
    with tempfile.TemporaryDirectory() as folder:
        root = lay(Path(folder), files)
        pristine = look(root)
        bring(root, "it", parts)
        bring(root, "other", [other])
        both = look(root)
        again = bring(root, "it", parts)
        assert (again.written, again.removed) == ((), ())
        assert look(root) == both
        undo(root, "it")
        again = bring(root, "other", [other])
        assert (again.written, again.removed) == ((), ())
        undo(root, "other")
        assert look(root) == pristine
