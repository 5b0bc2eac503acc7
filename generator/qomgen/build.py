# SPDX-License-Identifier: GPL-2.0-or-later
"""From resolved documents to the model of one series. The schema has been there: shapes are right, names unknown."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from qomgen import model, problems
from qomgen.ctype import CType, CTypeError
from qomgen.ctype import parse as _parse_ctype
from qomgen.diagnostics import Diagnostics, Span
from qomgen.series import Series
from qomgen.source import Entry, Mapping, Node, Scalar, Sequence, walk

STEP_MODIFIERS = frozenset({"in", "if", "since", "until", "doc", "args"})
"""Keys of a step that are no action."""

parse_ctype = lru_cache(4096)(_parse_ctype)
"""Types are read anew for each series, and they are mostly the same."""

PLACES = frozenset({"properties", "class_properties", "descriptions", "bootindex"})
"""Steps that say where something declared elsewhere goes."""


def _text(node: Mapping, key: str) -> str | None:
    value = node.get(key)
    return str(value.value) if isinstance(value, Scalar) and value.value is not None else None


def _flag(node: Mapping, key: str) -> bool:
    value = node.get(key)
    return isinstance(value, Scalar) and value.value is True


def _entries(node: Mapping, key: str) -> Iterator[Entry]:
    value = node.get(key)
    if isinstance(value, Mapping):
        yield from value.entries.values()


def _texts(node: Node | None) -> tuple[tuple[str, Span], ...]:
    if not isinstance(node, Sequence):
        return ()
    return tuple((item.text, item.span) for item in node.items if isinstance(item, Scalar))


def _constant(node: Node) -> model.Constant:
    assert isinstance(node, Scalar)
    assert isinstance(node.value, bool | int | str)
    return node.value


def _since(node: Mapping) -> Series | None:
    text = _text(node, "since")
    return Series.parse(text) if text else None


class Builder:
    """Builds model values; a C type that can't be read goes to `found` and the value is left out."""

    def __init__(self, found: Diagnostics) -> None:
        self.found = found

    def ctype(self, node: Node) -> CType | None:
        """The type that a scalar spells."""
        assert isinstance(node, Scalar)
        try:
            return parse_ctype(node.text)
        except CTypeError as error:
            self.found.add(problems.BadCType(node.span, text=node.text, reason=str(error)))
            return None

    @staticmethod
    def guard(node: Mapping) -> model.Guard | None:
        """The guard of an entry, if it has one."""
        value = node.get("if")
        if isinstance(value, Scalar):
            return model.Guard((value.text,))
        if isinstance(value, Mapping):
            if (negated := _text(value, "not")) is not None:
                return model.Guard((negated,), negated=True)
            return model.Guard(tuple(name for name, _ in _texts(value.get("all"))))
        return None

    # Structs

    def field(self, entry: Entry) -> model.Field | None:
        """A field of a struct; None after a diagnostic."""
        if isinstance(entry.value, Scalar):
            ctype = self.ctype(entry.value)
            return model.Field(entry.key, ctype, entry.key_span) if ctype else None
        assert isinstance(entry.value, Mapping)
        node = entry.value
        hook = _text(node, "hook")
        spelled = node.get("type")
        ctype = self.ctype(spelled) if spelled is not None else None
        if ctype is None:
            if hook is None:
                if spelled is None:
                    self.found.add(
                        problems.MissingKey(
                            entry.key_span, key="type", where=f"field '{entry.key}'"
                        )
                    )
                return None
            # The type of a kept hook follows from the class member; see qomgen.catalog.
            ctype = CType("void", ("",))
        bits = node.get("bits")
        return model.Field(
            entry.key,
            ctype,
            entry.key_span,
            doc=_text(node, "doc"),
            guard=self.guard(node),
            bits=bits.value if isinstance(bits, Scalar) and isinstance(bits.value, int) else None,
            flags=tuple(
                (flag.key, flag.value.value)
                for flag in _entries(node, "flags")
                if isinstance(flag.value, Scalar) and isinstance(flag.value.value, int)
            ),
            hook=hook,
            python=_text(node, "python"),
        )

    def member(self, entry: Entry) -> model.Member | None:
        """A member of a class struct; None after a diagnostic."""
        if isinstance(entry.value, Scalar):
            return model.Member(entry.key, entry.value.text, entry.key_span)
        assert isinstance(entry.value, Mapping)
        node = entry.value
        function = node.get("function")
        if isinstance(function, Scalar):
            prototype = None if function.value is True else self.ctype(function)
            holds = "legacy_reset" if _flag(node, "legacy_reset") else "function"
            return model.Member(entry.key, holds, entry.key_span, prototype)
        for form in ("object", "set"):
            if (detail := _text(node, form)) is not None:
                return model.Member(entry.key, form, entry.key_span, detail=detail)
        if _flag(node, "text"):
            return model.Member(entry.key, "text", entry.key_span)
        holds_type = _text(node, "type")
        if holds_type is None:
            self.found.add(
                problems.MissingKey(entry.key_span, key="type", where=f"member '{entry.key}'")
            )
            return None
        return model.Member(entry.key, holds_type, entry.key_span)

    def struct(self, name: str, node: Mapping, *, provided: bool) -> model.Struct:
        """A struct."""
        fields = (self.field(entry) for entry in _entries(node, "fields"))
        members = (self.member(entry) for entry in _entries(node, "members"))
        return model.Struct(
            name,
            node.value_span("struct") if "struct" in node.entries else node.value_span("name"),
            provided,
            fields=tuple(each for each in fields if each),
            members=tuple(each for each in members if each),
            doc=_text(node, "doc"),
            header=_text(node, "header"),
            license=_text(node, "license"),
            cast=_text(node, "cast"),
            local=_text(node, "local"),
            python=_text(node, "python"),
        )

    # Steps

    @staticmethod
    def argument(node: Node) -> model.Argument | None:
        """An argument of a call."""
        if isinstance(node, Scalar):
            return model.Argument("constant", _constant(node), node.span)
        assert isinstance(node, Mapping)
        for form in ("field", "value", "object", "self", "type_name", "text"):
            if (value := _text(node, form)) is not None:
                where = _text(node, "in")
                return model.Argument(
                    form, value, node.value_span(form), where, node.value_span("in")
                )
        return None

    def steps(self, node: Node | None) -> tuple[model.Step, ...]:
        """A list of steps; those that are wrong are left out."""
        assert isinstance(node, Sequence)
        steps = (self.step(item) for item in node.items)
        return tuple(step for step in steps if step)

    def step(self, node: Node) -> model.Step | None:
        """A step; None after a diagnostic."""
        if isinstance(node, Scalar):
            return model.Step(self._place(node.text), node.span)
        assert isinstance(node, Mapping)
        actions = [key for key in node.entries if key not in STEP_MODIFIERS]
        if len(actions) != 1:
            told = " and ".join(f"'{key}'" for key in actions) or "none"
            hint = "write one step for each" if actions else None
            self.found.add(problems.StepActions(node.span, hint, actions=told))
            return None
        (key,) = actions
        if "args" in node.entries and key != "call":
            self.found.add(
                problems.UnknownKey(node.key_span("args"), key="args", where=f"a step with '{key}'")
            )
        value = node.entries[key].value
        return model.Step(
            self._action(key, value, node),
            node.key_span(key),
            in_type=_text(node, "in"),
            guard=self.guard(node),
            doc=_text(node, "doc"),
            in_span=node.value_span("in"),
        )

    @staticmethod
    def _place(word: str) -> model.Action:
        return model.DescriptionsStep() if word == "descriptions" else model.PlaceStep(word)

    def _action(self, key: str, value: Node, node: Mapping) -> model.Action:
        match key:
            case "call":
                arguments = node.get("args")
                items = arguments.items if isinstance(arguments, Sequence) else ()
                read = (self.argument(item) for item in items)
                return model.CallStep(
                    _text(node, "call") or "",
                    tuple(each for each in read if each),
                    node.value_span("call"),
                )
            case "set" | "set_bits":
                assert isinstance(value, Mapping)
                values = tuple(
                    (entry.key, _constant(entry.value), entry.key_span)
                    for entry in value.entries.values()
                )
                spans = tuple(entry.value.span for entry in value.entries.values())
                return model.AssignStep(values, bits=key == "set_bits", value_spans=spans)
            case "descriptions" if isinstance(value, Mapping):
                order = _texts(value.get("order"))
                return model.DescriptionsStep(
                    tuple(name for name, _ in order), tuple(span for _, span in order)
                )
            case "properties" | "class_properties" | "descriptions" | "bootindex":
                return self._place(key)
        assert isinstance(value, Mapping)
        return model.MembersStep(
            key, tuple(self._member_value(entry) for entry in value.entries.values())
        )

    @staticmethod
    def _member_value(entry: Entry) -> model.MemberValue:
        value: model.Constant | tuple[str, ...] | model.VmState | model.ChainedHook | model.TypeName
        words = _texts(entry.value)
        if isinstance(entry.value, Sequence):
            value = tuple(word for word, _ in words)
        elif isinstance(entry.value, Scalar):
            value = _constant(entry.value)
        elif (hook := _text(entry.value, "hook")) is not None:
            kept = _text(entry.value, "parent") or ""
            value = model.ChainedHook(hook, kept, entry.value.value_span("parent"))
        elif (named := _text(entry.value, "type_name")) is not None:
            value = model.TypeName(named)
        else:
            value = model.VmState(_text(entry.value, "name") or "")
        spans = tuple(span for _, span in words)
        return model.MemberValue(entry.key, value, entry.key_span, entry.value.span, spans)

    def function(self, node: Mapping, key: str) -> model.Function | None:
        """What `key` of a type or accessor says: a name, steps, or both."""
        value = node.get(key)
        if value is None:
            return None
        if isinstance(value, Scalar):
            return model.Function(value.span, value.text)
        if isinstance(value, Sequence):
            return model.Function(node.key_span(key), None, self.steps(value))
        return model.Function(
            node.key_span(key),
            _text(value, "name"),
            self.steps(value.get("steps")),
            value.value_span("name"),
        )

    # Properties

    def property(self, entry: Entry) -> model.Property:
        """A property."""
        node = entry.value
        assert isinstance(node, Mapping)
        info: str | model.PropertyInfoCopy | None = _text(node, "info")
        copied = node.get("info")
        if isinstance(copied, Mapping):
            info = model.PropertyInfoCopy(
                _text(copied, "name") or "",
                copied.value_span("name"),
                realized_set_allowed=_flag(copied, "realized_set_allowed"),
                description=_text(copied, "description"),
                doc=_text(copied, "doc"),
            )
        default, bit, spelled, device = (
            node.get(key) for key in ("default", "bit", "type", "device")
        )
        bit_value = _constant(bit) if bit else None
        return model.Property(
            entry.key,
            _text(node, "kind") or "",
            node,
            entry.key_span,
            field=_text(node, "field"),
            in_type=_text(node, "in"),
            default=_constant(default) if default else None,
            bit=None if isinstance(bit_value, bool) else bit_value,
            target=_text(node, "target"),
            info=info,
            ctype=self.ctype(spelled) if spelled else None,
            guard=self.guard(node),
            since=_since(node),
            history=_text(node, "history"),
            description=_text(node, "description"),
            device=self.argument(device) if device else None,
            suffix=_text(node, "suffix"),
        )

    def class_property(self, entry: Entry) -> model.ClassProperty:
        """A class property."""
        node = entry.value
        assert isinstance(node, Mapping)
        return model.ClassProperty(
            entry.key,
            _text(node, "kind") or "",
            entry.key_span,
            qom_type=_text(node, "type"),
            target=_text(node, "target"),
            get=self.function(node, "get"),
            set=self.function(node, "set"),
            guard=self.guard(node),
            since=_since(node),
            history=_text(node, "history"),
            description=_text(node, "description"),
        )

    # Documents

    @staticmethod
    def c_names(node: Mapping) -> model.CNames:
        """What stands under `c:`."""
        below = node.get("c")
        if not isinstance(below, Mapping):
            return model.CNames()
        return model.CNames(
            name=_text(below, "name"),
            stem=_text(below, "stem"),
            properties=_text(below, "properties"),
            class_init=_text(below, "class_init"),
            info=_text(below, "info"),
            type_macro=_text(below, "type_macro"),
            header=_text(below, "header"),
            given=frozenset(name for name, _ in _texts(below.get("given"))),
            typedef=_flag(below, "typedef"),
        )

    def type(self, node: Mapping, written: Mapping) -> tuple[model.Type, list[model.Struct]]:
        """
        A type, and the structs that its document declares.

        Args:
            node: its document, resolved.
            written: the same before resolution: a place step that another series has is not placed by default.
        """
        provided = _flag(node, "provided")
        structs = []
        names: dict[str, str | None] = {}
        for key in ("instance_struct", "class_struct"):
            value = node.get(key)
            if isinstance(value, Mapping):
                struct = self.struct(_text(value, "name") or "", value, provided=provided)
                structs.append(struct)
                names[key] = struct.name
            else:
                names[key] = _text(node, key)
        targets = _texts(node.get("targets"))
        made = model.Type(
            _text(node, "type") or "",
            node,
            node.value_span("type"),
            provided=provided,
            interface=_flag(node, "interface"),
            doc=_text(node, "doc"),
            license=_text(node, "license"),
            parent=_text(node, "parent"),
            abstract=_flag(node, "abstract"),
            interfaces=_texts(node.get("interfaces")),
            targets=(
                frozenset(name for name, _ in targets) if targets else frozenset({"c", "python"})
            ),
            hooks=_hooks(node),
            c=self.c_names(node),
            instance_struct=names["instance_struct"],
            class_struct=names["class_struct"],
            properties=tuple(self.property(entry) for entry in _entries(node, "properties")),
            class_properties=tuple(
                self.class_property(entry) for entry in _entries(node, "class_properties")
            ),
            class_init=self.function(node, "class_init"),
            class_base_init=_text(node, "class_base_init"),
            instance_init=self.function(node, "instance_init"),
            instance_post_init=self.function(node, "instance_post_init"),
            instance_finalize=self.function(node, "instance_finalize"),
            written_places=_written_places(written),
            written_properties=frozenset(
                entry.key
                for key in ("properties", "class_properties")
                for entry in _entries(written, key)
            ),
        )
        return made, structs

    def unit(self, node: Mapping, name: str, types: tuple[tuple[str, Span], ...]) -> model.Unit:
        """A unit from its document, or from that of a type which is its own unit."""
        return model.Unit(
            name,
            node.value_span("unit") if "unit" in node.entries else node.value_span("type"),
            _text(node, "source"),
            types,
            registration=self._registration(node),
            includes=self._includes(node),
            hooks=_hooks(node),
            license=_text(node, "license"),
            doc=_text(node, "doc") if "unit" in node.entries else None,
        )

    @staticmethod
    def _registration(node: Mapping) -> model.Registration:
        value = node.get("register")
        if isinstance(value, Mapping):
            if (array := _text(value, "array")) is not None:
                return model.Registration("array", array)
            return model.Registration("macro", _text(value, "macro"))
        return model.Registration("function", _text(node, "register"))

    @staticmethod
    def _includes(node: Mapping) -> tuple[model.Include, ...]:
        value = node.get("includes")
        if not isinstance(value, Sequence):
            return ()
        return tuple(_include(item) for item in value.items)

    @staticmethod
    def enum(node: Mapping) -> model.Enum:
        """An enum."""
        return model.Enum(
            _text(node, "enum") or "",
            tuple(name for name, _ in _texts(node.get("members"))),
            _text(node, "prefix") or "",
            node.value_span("enum"),
        )

    @staticmethod
    def property_info(node: Mapping) -> model.PropertyInfo:
        """A PropertyInfo written by hand."""
        return model.PropertyInfo(
            _text(node, "property_info") or "",
            _text(node, "qom_type") or "",
            node.value_span("property_info"),
            description=_text(node, "description"),
            python=_text(node, "python"),
        )


def _include(item: Node) -> model.Include:
    if isinstance(item, Scalar):
        return model.Include("header", item.text)
    assert isinstance(item, Mapping)
    if _flag(item, "config_devices"):
        return model.Include("config_devices")
    form = "local" if "local" in item.entries else "header"
    return model.Include(form, _text(item, form) or "")


def _written_places(document: Mapping) -> frozenset[str]:
    """The place steps written for any series."""
    found: set[str] = set()
    for key in ("class_init", "instance_init"):
        value = document.get(key)
        for node in walk(value) if value else ():
            if isinstance(node, Sequence):
                for item in node.items:
                    if isinstance(item, Scalar):
                        found.add(item.text)
                    elif isinstance(item, Mapping):
                        found.update(item.entries)
    return PLACES & found


def _hooks(node: Mapping) -> str | None:
    below = node.get("python")
    return _text(below, "hooks") if isinstance(below, Mapping) else None
