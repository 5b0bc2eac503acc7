# SPDX-License-Identifier: GPL-2.0-or-later
"""
The reference pages, made from what they describe: `docs/spec-reference.md` and `docs/diagnostics.md`.

    python -m qomgen.reference [--examples FOLDER] DOCS

writes both into the folder DOCS. FOLDER has what is printed for a bad spec of each rule: `QG011-unknown-key.txt`.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qomgen import schema
from qomgen.diagnostics import Diagnostic
from qomgen.problems import all_rules
from qomgen.profile import kinds, profiles

NOTICE = """\
<!-- SPDX-License-Identifier: GPL-2.0-or-later -->
<!-- Made by python -m qomgen.reference; do not edit. -->
"""

_GROUPS = {
    "QG0": "Text and shape",
    "QG1": "Names, types, structs and units",
    "QG2": "Properties and fields",
    "QG3": "Steps and classes",
    "QG4": "The Python target",
    "QG5": "Generated files",
}


# Diagnostics


def diagnostics_page(examples: Path | None) -> str:
    """The page of all rules; with what is printed for an example of each, if a folder has one."""
    rules = all_rules()
    lines = [NOTICE, "# Diagnostics", ""]
    lines += [
        "What `qomgen` has to say about its input, by rule. `qomgen explain QG011` prints the same in a terminal.",
        "An id is stable: it never means anything else, and one that is given up is not used again.",
        "`--format json` prints what `generator/qomgen/schema/diagnostics.schema.json` describes; there are also",
        "`sarif` (2.1.0) and `github` (annotations).",
        "",
    ]
    for start, title in _GROUPS.items():
        group = [rule for id_, rule in rules.items() if id_.startswith(start)]
        lines += [f"**{title}**", ""]
        lines += [f"- [{rule.id}](#{rule.id.lower()}) {_first(rule)}" for rule in group]
        lines.append("")
    for rule in rules.values():
        lines += [f"## {rule.id}", "", f"`{rule.message}`", "", _manual(rule), ""]
        if (example := _example(rule.id, examples)) is not None:
            lines += ["```text", example, "```", ""]
    return "\n".join(lines).rstrip() + "\n"


def _first(rule: type[Diagnostic]) -> str:
    return rule.manual().splitlines()[0]


def _manual(rule: type[Diagnostic]) -> str:
    return rule.manual()


def _example(id_: str, folder: Path | None) -> str | None:
    """The shortest of a rule's examples that tells of that rule first."""
    found = sorted(folder.glob(f"{id_}-*.txt")) if folder else []
    texts = [path.read_text("utf-8").rstrip("\n") for path in found]
    texts.sort(key=lambda text: (f"error[{id_}]" not in text.split("\n", 1)[0], len(text)))
    return texts[0] if texts else None


# The spec language


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the language with a heading of its own."""

    title: str
    node: dict[str, Any]


class SpecPage:
    """The page of the spec language: every key of every mapping, with what it takes and an example."""

    def __init__(self, whole: dict[str, Any]) -> None:
        self.whole = whole
        self.defs: dict[str, dict[str, Any]] = whole["$defs"]
        self.sections: dict[str, Section] = {}
        """By anchor, in the order in which they are first spoken of."""

    def text(self) -> str:
        """The whole page."""
        documents = [f"{kind.replace('_', '-')}-document" for kind in schema.DOCUMENTS]
        for name in documents:
            title = name.removesuffix("-document").replace("-", "_")
            self._section(f"`{title}:`", self.defs[name])
        parts: list[str] = []
        done: set[str] = set()
        # Writing a section may speak of others, which then get theirs.
        while todo := [anchor for anchor in self.sections if anchor not in done]:
            for anchor in todo:
                done.add(anchor)
                parts += self._write(self.sections[anchor])
        lines = [NOTICE, "# The spec language", "", *_INTRODUCTION, "", "**Documents**", ""]
        for index, (anchor, section) in enumerate(self.sections.items()):
            if index == len(documents):
                lines += ["", "**What they are made of**", ""]
            lines.append(f"- [{section.title}](#{anchor})")
        lines += ["- [Kinds of properties](#kinds-of-properties)", "- [Values](#values)", ""]
        lines += [*parts, *_kinds(), "## Values", "", *self._values()]
        return "\n".join(lines).rstrip() + "\n"

    def _section(self, title: str, node: dict[str, Any]) -> str:
        """The anchor of a section, which is made if it is not there yet."""
        anchor = re.sub(r"[^a-z0-9 _-]", "", title.lower()).replace(" ", "-")
        self.sections.setdefault(anchor, Section(title, node))
        return anchor

    def _write(self, section: Section) -> Iterator[str]:
        node = section.node
        yield f"## {section.title}"
        yield ""
        yield _told(node)
        yield ""
        for example in node.get("examples", ()):
            yield f"    {flow(example)}"
        yield ""
        forms = self._forms(node)
        mapping = next((each for each in forms if "properties" in each), None)
        others = [each for each in forms if each is not mapping]
        if others:
            told = _listed([*(self.phrase(each) for each in others), "a mapping:"])
            yield told[0].upper() + told[1:]
            yield ""
        if mapping is not None:
            yield from self._table(mapping)

    def _forms(self, node: dict[str, Any]) -> list[dict[str, Any]]:
        """What a node may be: the ends of its chain of ifs."""
        node = self._resolved(node)
        if "if" not in node:
            return [node]
        found = [form for key in ("then", "else") if key in node for form in self._forms(node[key])]
        if "then" not in node:
            found.insert(0, node["if"])
        return found

    def _resolved(self, node: dict[str, Any]) -> dict[str, Any]:
        """What a reference leads to; of a value that may vary, the value."""
        if set(node) != {"$ref"}:
            return node
        name = node["$ref"].removeprefix("#/$defs/")
        below = self.defs[name]["else"] if name.endswith("-by-qemu") else self.defs[name]
        return self._resolved(below)

    def _table(self, node: dict[str, Any]) -> Iterator[str]:
        required = set(node.get("required", ()))
        choices = [f"`{each['required'][0]}`" for each in node.get("oneOf", ())]
        if choices:
            yield f"It has {_listed(choices)}."
            yield ""
        for key, needed in node.get("dependentRequired", {}).items():
            yield f"`{key}` needs {' and '.join(f'`{each}`' for each in needed)}."
            yield ""
        yield "| key | what | value | example |"
        yield "|---|---|---|---|"
        rows = [(f"`{key}`", key, below) for key, below in node["properties"].items()]
        patterned = node.get("patternProperties", {}).values()
        rows += [("a class struct", "DeviceClass", below) for below in patterned]
        for shown, key, below in rows:
            value = self.phrase(below) + (", may be `by-qemu`" if self._varies(below) else "")
            mark = " (required)" if key in required else ""
            example, *_ = below["examples"]
            text = f"`{key}: {flow(example)}`".replace("|", "\\|")
            yield f"| {shown}{mark} | {below['description']} | {value} | {text} |"
        yield ""

    @staticmethod
    def _varies(node: dict[str, Any]) -> bool:
        return str(node.get("$ref", "")).endswith("-by-qemu")

    def phrase(self, node: dict[str, Any]) -> str:
        """What a value is, in a few words, with a link to where more is said."""
        if (ref := node.get("$ref")) is not None:
            return self._named(str(ref).removeprefix("#/$defs/"))
        if "if" in node:
            return _listed(dict.fromkeys(self.phrase(each) for each in self._forms(node)))
        if "const" in node:
            return f"`{json.dumps(node['const'])}`"
        if "enum" in node:
            return _listed([f"`{word}`" for word in node["enum"]])
        match node.get("type"):
            case "array":
                return f"a list of {self.phrase(node['items'])}"
            case "object":
                names = self.phrase(node.get("propertyNames", {"type": "string"}))
                below = node["additionalProperties"]
                return f"a mapping from {names} to {self.phrase(below)}"
            case list(kinds):
                return _listed([_NOUNS[kind] for kind in kinds])
        return _short(str(node.get("title") or _NOUNS[node["type"]]))

    def _named(self, name: str) -> str:
        node = self.defs[name]
        if name.endswith("-by-qemu"):
            return self.phrase(node["else"])
        if "title" in node:
            return f"[{_short(node['title'])}](#values)"
        has_mapping = any("properties" in form for form in self._forms(node))
        if has_mapping:
            title = _plain(name)
            told = title if title == "Names in C" else title[0].lower() + title[1:]
            return f"[{told}](#{self._section(title, node)})"
        return self.phrase({key: value for key, value in node.items() if key != "description"})

    def _values(self) -> Iterator[str]:
        yield "| value | what | form | example |"
        yield "|---|---|---|---|"
        for name, node in self.defs.items():
            if "title" in node and "pattern" in node and "keyword" not in name:
                example, *_ = node["examples"]
                pattern = node["pattern"].replace("|", "\\|")
                yield f"| {_short(node['title'])} | {_told(node)} | `{pattern}` | `{flow(example)}` |"


def _kinds() -> Iterator[str]:
    """What each kind of property is in C, and what it needs."""
    newest = max(profiles())
    yield "## Kinds of properties"
    yield ""
    yield f"In QEMU {newest}. A kind also needs `field`, of that C type."
    yield ""
    yield "| kind | macro | C type | needs | default |"
    yield "|---|---|---|---|---|"
    for kind in kinds(newest).values():
        if kind.name == "raw":
            continue
        macro = f"`{kind.macro}`" if kind.macro else "none; `instance_init` adds it"
        ctype = (
            f"`{kind.field}`" if kind.field else "`type`" if "type" in kind.then else "a pointer"
        )
        needs = ", ".join(f"`{key}`" for key in kind.then if key != "pointer")
        match kind.default:
            case None:
                default = ""
            case str(word):
                default = "true or false" if word == "bool" else f"a word of {word}"
            case bounds:
                default = f"{bounds.minimum} to {bounds.maximum}"
        yield f"| `{kind.name}` | {macro} | {ctype} | {needs} | {default} |"
    yield ""


_INTRODUCTION = (
    "A spec is a YAML file. Each document in it describes one thing, and its first key says what: a `type`, a",
    "`struct` that several types use, a `unit` of types that one C file registers, and facts about QEMU",
    "(`constants`, `enum`, `property_info`). Unknown keys are errors everywhere.",
    "",
    "Everything that changed between QEMU versions stands in one file:",
    "",
    "- A thing that came or went has `since:` (the first series with it) and `until:` (the first without).",
    '- A value that changed stands beside itself: `{by-qemu: {"7.2": a, "10.0": b}}`. The highest key not above the',
    "  target counts; below the lowest key, or with `null`, it is as if the key were not written.",
    "- Series are quoted: unquoted, 10.10 is the number 10.1.",
    "",
    "A bare name is C that somebody wrote; a mapping with `name:` or `steps:` is C that is generated. Order is the",
    "order written.",
)

_NOUNS = {
    "string": "text",
    "boolean": "true or false",
    "integer": "an integer",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing",
}


_TITLES = {
    "c-names": "Names in C",
    "register": "A registration",
    "python-side": "A Python side",
    "own-property-info": "A PropertyInfo of its own",
    "descriptions-order": "An order of descriptions",
    "member": "A class member",
    "member-value": "A value of a class member",
}


def _plain(name: str) -> str:
    """A heading from the name of a definition: "A class property"."""
    if name in _TITLES:
        return _TITLES[name]
    article = "An" if name[0] in "aeiou" else "A"
    return f"{article} {name.replace('-', ' ')}"


def _told(node: dict[str, Any]) -> str:
    """What a definition is."""
    # An editor shows the description that stands deepest. That of a value is a comment, lest it hide the key's.
    told: str = node.get("description") or node["$comment"]
    return told


def _short(title: str) -> str:
    """A title without its example."""
    return title.partition(" such as ")[0]


def _listed(words: Iterable[str]) -> str:
    """Several things of which one is meant."""
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


_SAFE = re.compile(r"[A-Za-z_(][A-Za-z0-9_ ./()*\[\]<>=-]*")


def flow(value: Any) -> str:
    """A value as YAML in one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{flow(key)}: {flow(below)}" for key, below in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    if isinstance(value, str):
        bare = _SAFE.fullmatch(value) and value not in ("true", "false", "null", "on", "off")
        in_flow = not set(value) & set("[]{},")
        return value if bare and in_flow and value == value.strip() else json.dumps(value)
    if isinstance(value, int) and not isinstance(value, bool) and value > 0xFFFF:
        return f"0x{value:X}"
    return json.dumps(value)


def pages(examples: Path | None) -> dict[str, str]:
    """Both pages, by file name."""
    return {
        "spec-reference.md": SpecPage(json.loads(schema.text())).text(),
        "diagnostics.md": diagnostics_page(examples),
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Write both pages."""
    parser = argparse.ArgumentParser(prog="python -m qomgen.reference", description=__doc__)
    parser.add_argument("docs", type=Path, metavar="DOCS", help="where both pages go")
    parser.add_argument("--examples", type=Path, metavar="FOLDER", help="what is printed, by rule")
    arguments = parser.parse_args(argv)
    for name, text in pages(arguments.examples).items():
        target: Path = arguments.docs / name
        if not target.exists() or target.read_text("utf-8") != text:
            target.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
