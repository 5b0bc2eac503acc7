# SPDX-License-Identifier: GPL-2.0-or-later
"""Text and shape: what is no spec at all, and what the schema does not allow."""

from __future__ import annotations

from qomgen.diagnostics import Diagnostic


class Unreadable(Diagnostic):
    """
    A spec file can't be read as text.

    A spec is a regular file of UTF-8 text, at most 1 MiB. Check the path and its permissions; convert other encodings,
    for example with `iconv -t UTF-8`.
    """

    id = "QG001"
    message = "this file can't be read: {reason}"


class ControlCharacter(Diagnostic):
    """
    The file has a character that no text needs: a control character, a line separator of Unicode, a noncharacter.

    YAML 1.2 refuses most of them (section 5.1), and in a generated comment or string they could hide what it says.
    U+0085, U+2028 and U+2029 end a line for some YAML libraries and for others not. A text may have any of them but
    NUL as an escape in double quotes; C ends a string at NUL.
    """

    id = "QG002"
    message = "the control character {code} does not belong in a spec"
    default_hint = "remove it"


class YamlSyntax(Diagnostic):
    """
    The file is no YAML.

    The message is the parser's; the place is where it gave up, and the mistake often stands just before it.
    """

    id = "QG003"
    message = "no valid YAML: {problem}"


class YamlFeature(Diagnostic):
    """
    The file uses an anchor, an alias or a tag.

    Specs are plain data: what is written is what is meant, in one place. Aliases would let a few lines expand to
    gigabytes, tags would name types that only one YAML library knows.
    """

    id = "QG004"
    message = "{what} ({text}) is not allowed in a spec"
    default_hint = "write the value out"


class DuplicateKey(Diagnostic):
    """
    A mapping has the same key twice.

    Most YAML libraries silently keep the last one; a property or a field would be lost.
    """

    id = "QG005"
    message = "duplicate key '{key}'; it stands in line {line} already"
    default_hint = "remove one of them"


class KeyNotString(Diagnostic):
    """
    A key is read as something other than text: a number, true, null, a list.

    Keys are names. Quote a name that looks like a number.
    """

    id = "QG006"
    message = "a key must be text, and {text} is not"


class VersionAsNumber(Diagnostic):
    """
    A QEMU series is written without quotes.

    Unquoted, YAML reads 10.10 as the number 10.1, and 10.0 as 10: the series is lost. Write it in quotes.
    """

    id = "QG007"
    message = "a QEMU series in quotes belongs here; unquoted, {text} is a number"
    default_hint = 'write "{meant}"'


class TooDeep(Diagnostic):
    """
    Collections are nested deeper than any spec needs.

    The limit keeps a hostile file from exhausting memory or stack.
    """

    id = "QG008"
    message = "nested deeper than {limit} levels"


class NotADocument(Diagnostic):
    """
    A file has no YAML document, or one that is a list or a bare value.

    A spec document is a mapping that begins with what it describes. A file that is not wanted any more is deleted, not
    emptied.
    """

    id = "QG009"
    message = "this is {what}; a spec document is a mapping, such as 'type: my-device'"


class NoDocumentKind(Diagnostic):
    """
    A document does not say what it is.

    Its first key is one of type, struct, unit, constants, enum and property_info.
    """

    id = "QG010"
    message = "the document does not say what it describes: it needs one of the keys {known}"


class UnknownKey(Diagnostic):
    """
    A mapping has a key that the language does not know there.

    The language is closed: a misspelt key is an error and never passed over. `docs/spec-reference.md` lists all keys.
    """

    id = "QG011"
    message = "unknown key '{key}' in {where}"


class MissingKey(Diagnostic):
    """A mapping lacks a key that it can't do without."""

    id = "QG012"
    message = "{where} lacks the key '{key}'"
    missing = ("{key}",)


class WrongType(Diagnostic):
    """A value is of another YAML type than its key takes: text where a list belongs, a number where text belongs."""

    id = "QG013"
    message = "{where}: {expected} belongs here, and this is {actual}"


class BadValue(Diagnostic):
    """A value is of the right YAML type but not one that its key takes."""

    id = "QG014"
    message = "'{value}' is not {expected}"


class TooFew(Diagnostic):
    """A text, a list or a mapping is empty or too short. To say "absent", leave the key out."""

    id = "QG015"
    message = "{where} {few}"
    default_hint = "to say that it is absent, leave the key out"


class OneKeyOnly(Diagnostic):
    """A mapping that chooses one of several forms has none of their keys, or more than one."""

    id = "QG016"
    message = "{where}: one of the keys {known} belongs here, and this has {keys}"


class Repeated(Diagnostic):
    """A list has an entry twice that can count only once."""

    id = "QG017"
    message = "'{value}' stands twice in {where}"


class StepActions(Diagnostic):
    """
    A step has no action, or several.

    A step does one thing: set members of one class struct, `set`, `set_bits`, `call`, or place one of `properties`,
    `class_properties`, `descriptions`, `bootindex`. Everything else in it (`in`, `if`, `since`, `doc`) only modifies
    that.
    """

    id = "QG018"
    message = "a step has one action; this has {actions}"


class BadCType(Diagnostic):
    """
    A C type does not follow the grammar.

    A type is a base (`uint32_t`, `struct foo`, `unsigned int`), pointers, and array bounds or one function pointer, as
    a C abstract declarator: `uint8_t *`, `VFIOBAR[PCI_NUM_REGIONS - 1]`, `int (*)(struct Foo *foo)`. Lists are
    `QLIST_HEAD(, T)` and its kin. There is no other C text.
    """

    id = "QG019"
    message = "'{text}' is not a C type: {reason}"


class TooMany(Diagnostic):
    """
    A file has more values than any spec needs.

    The limit keeps a hostile file from exhausting memory and time.
    """

    id = "QG020"
    message = "more than {limit} values in one file"


class SeriesOrder(Diagnostic):
    """
    The keys of a `by-qemu` do not go from old to new.

    Order changes nothing for qomgen, but a reader takes the last value for the newest.
    """

    id = "QG022"
    message = "QEMU {series} stands after {other}: by-qemu goes from old to new"


class NeverThere(Diagnostic):
    """
    Something is gone before it came: `until` is not above `since`.

    `since` is the first series that has the thing, `until` the first that has it no more.
    """

    id = "QG023"
    message = "this is never there: until {until}, and since {since}"
