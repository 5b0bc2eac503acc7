# SPDX-License-Identifier: GPL-2.0-or-later
"""
Everything that can be wrong with a spec, a class each.

The docstring is the manual entry (`qomgen explain ID`). Ids are stable: 0xx text and shape, 1xx names and types,
2xx properties, 3xx steps and classes, 4xx Python, 5xx generated files. An id that is given up is never used again.
"""

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
    message = "{where} is too short: it takes {least} or more"
    default_hint = "to say that it is absent, leave the key out"


class OneKeyOnly(Diagnostic):
    """A mapping that chooses one of several forms has none of their keys, or more than one."""

    id = "QG016"
    message = "{where}: one of the keys {known} belongs here, and this has {keys}"


class Repeated(Diagnostic):
    """A list has an entry twice that can count only once."""

    id = "QG017"
    message = "{where} has an entry twice"


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


class UnknownParent(Diagnostic):
    """
    A type's parent is described nowhere.

    Every parent has a spec, if only one marked `provided: true`: inherited properties, class members and casts are
    looked up there.
    """

    id = "QG101"
    message = "the parent '{parent}' of type '{type}' is described by no spec{when}"
    default_hint = "describe it with 'provided: true', or correct the name"
    once_a_place = True
    missing = ("{parent}",)


class ParentCycle(Diagnostic):
    """A type is its own ancestor."""

    id = "QG102"
    message = "type '{type}' is its own ancestor: {chain}"


class DuplicateDocument(Diagnostic):
    """
    Two documents describe the same thing in the same series.

    Two documents may share a name if `since:` and `until:` keep them apart.
    """

    id = "QG103"
    message = "{what} '{name}' is described in {other} already"
    once_a_place = True


class UnknownInterface(Diagnostic):
    """A type implements something that is described nowhere, or that is no interface."""

    id = "QG104"
    message = "'{name}' is no interface that a spec describes"
    missing = ("{name}",)


class UnknownStruct(Diagnostic):
    """A type names a struct that no document describes, or not for that series."""

    id = "QG105"
    message = "struct '{name}' is described by no spec{when}"
    once_a_place = True
    missing = ("{name}",)


class FirstField(Diagnostic):
    """
    The first field of an instance or class struct is not the parent's struct.

    QOM casts between them, so the parent's struct must be embedded at offset 0 (include/qom/object.h).
    """

    id = "QG106"
    message = "the first field of {struct} must be the parent's {parent}; it is {actual}"
    once_a_place = True
    missing = ("{struct}", "fields")


class ReservedName(Diagnostic):
    """
    A name becomes an identifier in generated code and is a keyword or a built-in macro there.

    Choose another name; for names that follow from a type's name, `c: {name: ...}` gives another stem.
    """

    id = "QG107"
    message = "'{name}' ({what}) is a reserved word of {language}"


class NotIdentifier(Diagnostic):
    """A name that becomes an identifier in generated code is none: letters, digits and _, no digit first."""

    id = "QG108"
    message = "'{name}' ({what}) is not an identifier in {language}"


class NameClash(Diagnostic):
    """
    Two things get the same name in generated code.

    `my-dev` and `my_dev`, say, both become my_dev. Give one of them another name under `c:`.
    """

    id = "QG109"
    message = "the {what} would be called '{name}' in {language}, like the {other}"
    once_a_place = True


class UnknownType(Diagnostic):
    """A type is named that no document describes."""

    id = "QG110"
    message = "type '{name}' is described by no spec{when}"
    once_a_place = True
    missing = ("{name}",)


class UnitMembership(Diagnostic):
    """
    A type stands in two units, twice in one, or in one where its parent comes later.

    A unit is what one C file registers, parents first.
    """

    id = "QG111"
    message = "type '{type}': {reason}"
    once_a_place = True


class MissingLicense(Diagnostic):
    """
    A type that is generated has no license, and its unit has none.

    Generated files carry an SPDX line, and only the spec knows it.
    """

    id = "QG112"
    message = "type '{type}' has no 'license'"
    default_hint = (
        "add the SPDX license of the generated files, such as 'license: GPL-2.0-or-later'"
    )
    missing = ("license",)


class PciInterface(Diagnostic):
    """
    A concrete PCI type implements none of the PCI interfaces, itself or through an ancestor.

    QEMU aborts when the class is initialised: pci_device_class_base_init() in hw/pci/pci.c asserts it.
    """

    id = "QG113"
    message = "type '{type}' is a concrete PCI device without a PCI interface: QEMU aborts"
    default_hint = (
        "add 'interfaces: [conventional-pci-device]' or 'pci-express-device', or make it abstract"
    )
    once_a_place = True
    missing = ("interfaces", "abstract")


class TooManyInterfaces(Diagnostic):
    """A type lists more interfaces than QEMU's MAX_INTERFACES, 32 (qom/object.c)."""

    id = "QG114"
    message = "type '{type}' lists {count} interfaces; QEMU takes at most 32"


class ProvidedOnly(Diagnostic):
    """A key that only describes what QEMU has stands in a type or struct that is generated, or the reverse."""

    id = "QG115"
    message = "{reason}"


class InterfaceParent(Diagnostic):
    """A type has an interface for a parent. Interfaces are implemented, not inherited from."""

    id = "QG116"
    message = "the parent '{parent}' of type '{type}' is an interface"
    default_hint = "list it under 'interfaces', and name the real parent"
    once_a_place = True


class SmallerStruct(Diagnostic):
    """
    A type names the struct of a distant ancestor, which is smaller than its parent's.

    QEMU aborts when the type is initialised: type_initialize() in qom/object.c asserts that an instance and a class
    are no smaller than the parent's. To take over the parent's struct, leave the key out.
    """

    id = "QG117"
    message = (
        "the {what} of '{type}' is {struct}, which the parent's {parent} is built upon: QEMU aborts"
    )
    default_hint = "leave it out to have the parent's"
    once_a_place = True


class StructOwners(Diagnostic):
    """
    Two types would declare the same struct, and neither descends from the other.

    The first type of a chain that names a struct declares it. Give the two a common ancestor that names it, or each a
    struct of its own.
    """

    id = "QG118"
    message = "struct {struct} would be declared twice: by '{other}' and by '{type}'"
    once_a_place = True


class Registration(Diagnostic):
    """
    The types of a unit can't be registered by array or by macro.

    DEFINE_TYPES registers an array and runs nothing else. OBJECT_DEFINE_* makes a TypeInfo by conventions that a type
    must follow: the names of its functions, all three of them, a class struct called like the instance struct with
    Class at its end. Leave `register` out, or give a function's name, and a function is generated.
    """

    id = "QG119"
    message = "unit '{unit}' can't be registered so: {reason}"
    default_hint = "let 'register' name a function, or leave it out"


class NoEffect(Diagnostic):
    """
    A key is there that changes nothing, in whatever series.

    Most often it stands in the wrong document, or what it speaks of is gone. A file that says what is not so misleads
    whoever reads it.
    """

    id = "QG120"
    message = "'{key}' has no effect here: {reason}"
    default_hint = "remove it"


class BitField(Diagnostic):
    """
    A bit-field or a named bit does not fit its type, or a bit-field is used where it can't be.

    Only integers and bool have bit-fields, no wider than they are; a bit-field has no address, so no property can use
    it. The macros of `flags` are made with `1 << bit`.
    """

    id = "QG121"
    message = "{what}: this takes {expected}; the type is {actual}"
    once_a_place = True


class UnknownKind(Diagnostic):
    """A property's kind is not one of QEMU's, or not in that series."""

    id = "QG201"
    message = "there is no property kind '{kind}'{when}"
    once_a_place = True


class FieldMissing(Diagnostic):
    """
    A property, a step or an argument names a field that the struct does not have in some series.

    A field of an ancestor's struct is reached with `in: <type>`. If the field came later or went earlier than what
    uses it, QEMU would not compile in between: give both the same `since:` and `until:`. Every series at which
    something changes is looked at, not only those with a profile.
    """

    id = "QG202"
    message = "{what}: {reason}"
    once_a_place = True
    missing = ("{field}", "{struct}")


class FieldType(Diagnostic):
    """
    A property's field has a type that the kind can't have.

    The DEFINE_PROP_* macros check it at compile time (type_check in hw/qdev-properties.h).
    """

    id = "QG203"
    message = "property '{property}' is of kind {kind}, which needs {expected}; {field} is of type {actual}"
    once_a_place = True


class KindKey(Diagnostic):
    """A property lacks a key that its kind needs, or has one that its kind has no use for."""

    id = "QG204"
    message = "property '{property}' of kind {kind} {verb} '{key}'"
    missing = ("{lacks}",)


class DefaultRange(Diagnostic):
    """A default does not fit the field. QEMU would cut it off silently."""

    id = "QG205"
    message = "the default {value} of property '{property}' is outside {minimum} to {maximum}"
    once_a_place = True


class DefaultValue(Diagnostic):
    """A default is of the wrong form: a bool takes true or false, an enum one of its words (quoted, if on or off)."""

    id = "QG206"
    message = (
        "'{value}' is no default for property '{property}' of kind {kind}: it takes {expected}"
    )
    once_a_place = True


class DuplicateProperty(Diagnostic):
    """
    A type has a property that it or an ancestor has already.

    QEMU aborts when the class is initialised: object_class_property_add() in qom/object.c asserts it.
    """

    id = "QG207"
    message = "type '{type}' has a property '{property}' already, from '{owner}': QEMU aborts"
    once_a_place = True


class BitRange(Diagnostic):
    """A bit's number is outside its field."""

    id = "QG208"
    message = "bit {bit} of property '{property}' is outside 0 to {maximum}"


class UnknownConstant(Diagnostic):
    """
    A constant is named that no document describes.

    Known are the names under `constants:`, the flags of struct fields and the enumerators. Python needs the value.
    """

    id = "QG209"
    message = "{what}: the constant '{name}' is described by no spec{when}"
    once_a_place = True
    missing = ("{name}",)


class EmptyTable(Diagnostic):
    """
    A type has no property left in a series whose QEMU refuses an empty table (10.0 and later, at compile time).

    Give the `properties` step the `since:` and `until:` of the properties, or their `if:`.
    """

    id = "QG210"
    message = "type '{type}' has no properties left in QEMU {series}{without}, which refuses an empty table"
    default_hint = "give the step 'properties' the 'since' and 'until' of the properties"
    once_a_place = True
    missing = ("properties", "kind")


class UnknownInfo(Diagnostic):
    """A property names a PropertyInfo that no `property_info` document describes."""

    id = "QG211"
    message = "property '{property}': the PropertyInfo '{info}' is described by no spec{when}"
    once_a_place = True
    missing = ("{info}",)


class NotADevice(Diagnostic):
    """A type that is no device has what only devices have: qdev properties or a bootindex."""

    id = "QG212"
    message = "type '{type}' is no device and can't have {what}"
    default_hint = "an object has class_properties"


class BitTaken(Diagnostic):
    """
    Two properties of a type are the same bit of the same field.

    Setting one sets the other, and the second default overwrites the first.
    """

    id = "QG213"
    message = "property '{property}' is bit {bit} of '{field}', and so is '{other}'"
    once_a_place = True


class SecondBootindex(Diagnostic):
    """
    A type has two properties of kind bootindex.

    instance_init adds one, at the place of the `bootindex` step.
    """

    id = "QG214"
    message = "'{property}' is a second bootindex, after '{other}'"
    once_a_place = True


class ClassPropertyKind(Diagnostic):
    """
    A class property of kind link can only be described, of a type that QEMU has.

    object_class_property_add_link() wants an offset and a check function. A qdev property of kind link does the same
    with data.
    """

    id = "QG215"
    message = "class property '{property}' is of kind link, which only describes what QEMU has"
    default_hint = "use a property of kind link"
    once_a_place = True


class GuardedField(Diagnostic):
    """
    A field that is only there under a build symbol is used where the symbol may be off.

    Without the symbol QEMU would not compile. Give what uses the field the same `if:`.
    """

    id = "QG216"
    message = "{what}: field '{field}' is only there with {guard}"
    once_a_place = True


class OutsideType(Diagnostic):
    """
    A property is said to be there in a series in which its type is not.

    One of the two is wrong: `since` and `until` say which QEMU releases have the thing.
    """

    id = "QG217"
    message = "{what} is there {when}, and its type '{type}' {life}"


class NotInClassChain(Diagnostic):
    """A class_init sets members of a class struct that the type's class neither is nor implements."""

    id = "QG301"
    message = "{struct} is not in the class chain of '{type}' ({chain})"
    once_a_place = True
    missing = ("{struct}", "interfaces")


class UnknownMember(Diagnostic):
    """A class_init sets a member that the class struct does not have in that series."""

    id = "QG302"
    message = "{struct} has no member '{member}'{when}"
    once_a_place = True
    missing = ("{member}",)


class MemberType(Diagnostic):
    """A class member is set to something of the wrong form."""

    id = "QG303"
    message = "{struct}.{member} takes {expected}, and this is {actual}"
    once_a_place = True


class ResetAndPhases(Diagnostic):
    """
    A type sets the legacy reset and phases of the three-phase reset.

    device_class_set_legacy_reset() overwrites the phases (hw/core/qdev.c), and whichever comes second wins silently.
    """

    id = "QG304"
    message = (
        "type '{type}' sets DeviceClass.reset and ResettableClass.{phase}: one overwrites the other"
    )
    default_hint = "keep the phases and move the reset into phases.hold"
    once_a_place = True


class ChainField(Diagnostic):
    """
    A chained hook keeps the parent's function in a field that the own class struct does not have.

    Declare it there: `parent_realize: {hook: PCIDeviceClass.realize}`.
    """

    id = "QG305"
    message = "'{parent}' is no field of {struct} that keeps {member}"
    once_a_place = True
    missing = ("{parent}", "class_struct")


class MisplacedStep(Diagnostic):
    """A step stands in a function where it has no meaning, or twice where once is all."""

    id = "QG306"
    message = "{step} {reason}"
    once_a_place = True


class DescriptionOrder(Diagnostic):
    """
    Descriptions are set before the properties exist, or for properties that the type itself does not have.

    object_class_property_set_description() dereferences the property without a check (qom/object.c): QEMU crashes.
    """

    id = "QG307"
    message = "{reason}"
    once_a_place = True


class ArgumentUse(Diagnostic):
    """An argument has no meaning in that function: `value` outside a setter, `errp` where there is none."""

    id = "QG308"
    message = "the argument '{argument}' has no meaning in {where}"


class NotAnAncestor(Diagnostic):
    """`in:` or `self:` names a type that is neither the own one nor an ancestor."""

    id = "QG309"
    message = "'{name}' is neither '{type}' nor one of its ancestors"
    once_a_place = True


class AccessorSteps(Diagnostic):
    """
    An accessor is made of steps that can't do what it has to.

    Steps make a setter of kind str or bool. A getter, and every accessor of another kind, is written by hand and named.
    """

    id = "QG310"
    message = "class property '{property}': {reason}"
    once_a_place = True


class NotAttached(Diagnostic):
    """
    A type has properties in a series in which no step attaches them.

    A step that is not written is placed by itself; one that is written only for some series is missing in the others.
    QEMU would not compile (the table is unused), or crash when it sets descriptions of properties that do not exist.
    """

    id = "QG311"
    message = (
        "type '{type}' has properties in QEMU {series}, and there no step '{step}' attaches them"
    )
    default_hint = "give the step and the properties the same 'since' and 'until'"
    once_a_place = True


class AssignedValue(Diagnostic):
    """
    A step assigns something that the field can't hold.

    C would convert it silently or not compile, and Python would hold another value than C. A pointer or a struct is
    zero when the object is made; what else it is to be, a `call` sets.
    """

    id = "QG312"
    message = "{value} can't be assigned to '{field}' ({actual}): it takes {expected}"
    once_a_place = True


class HookModule(Diagnostic):
    """
    The Python module that has a type's hooks can't be found.

    It is the twin of the C file (hw/vfio/pci.c: hw_vfio.pci) or what `python: {hooks: ...}` names, looked for in the
    folders of `--python-path` and on Python's own path; it is read, never imported.
    """

    id = "QG401"
    message = "the hooks module '{module}' of type '{type}' is not found"
    default_hint = "name it with 'python: {{hooks: package.module}}', give --python-path, or say 'targets: [c]'"
    once_a_place = True


class HookMissing(Diagnostic):
    """
    A hook, a named helper, or a field of a hand-written class does not exist in Python.

    Hooks are bound by class member: PCIDeviceClass.realize is the function `realize` of the hooks module. A function
    or object that a step names keeps its name.
    """

    id = "QG402"
    message = "{what}: {module} has no '{name}'"
    once_a_place = True


class HookArity(Diagnostic):
    """
    A hook takes another number of arguments in Python than in C.

    It takes those of the C prototype in order, without the `Error **errp` at the end: errors are exceptions.
    """

    id = "QG403"
    message = "{what}: {module}.{name} takes {actual} arguments, and the C prototype has {expected} (without errp)"
    once_a_place = True


class NoPythonTwin(Diagnostic):
    """
    A field that a property or a step uses has a type without a Python twin.

    Integers, bool, strings, enums, links to objects and the structs that pyqom has are known. Another struct has a
    hand-written class, which `python: package.Class` names, on the field or on the struct's own document.
    """

    id = "QG404"
    message = "{what}: the type {ctype} of '{field}' has no Python twin"
    default_hint = (
        "name one with 'python: package.Class' on the field or struct, or say 'targets: [c]'"
    )
    once_a_place = True


class ScalarAddress(Diagnostic):
    """
    A call is given the address of a field that in Python is a plain value.

    In C the function could write to the field; in Python it would get the value and nothing would come back. Give it
    the object with `{self: <type>}`, or a struct that has the field.
    """

    id = "QG405"
    message = (
        "the address of '{field}' can't be passed in Python, where it is a plain value ({kind})"
    )
    default_hint = "pass '{{value: {field}}}', or the object: '{{self: <type>}}'"
    once_a_place = True


class ConstantVaries(Diagnostic):
    """
    A constant has other values in other series, and a Python module defines it once.

    C prints its name and is right everywhere. For Python write the value, `by-qemu` where it differs.
    """

    id = "QG406"
    message = (
        "the constant {name} is {first} and {last}; a Python module has one value for all series"
    )
    default_hint = "write the values with 'by-qemu'"
    once_a_place = True


class FieldShadows(Diagnostic):
    """
    A field has the name of something that an ancestor's class has in Python.

    In C the parent's struct is a field of its own, and names do not meet; in Python the object has the attributes of
    all its classes.
    """

    id = "QG407"
    message = "field '{field}' of {struct} would hide {base}.{field} in Python"
    default_hint = "give the field another name"
    once_a_place = True


class NoPythonAncestor(Diagnostic):
    """A type with a Python target has a parent or an interface without one."""

    id = "QG408"
    message = "type '{type}' is to be made for Python, and its {what} '{other}' is not"
    default_hint = "say 'targets: [c]', or give '{other}' a Python target too"
    once_a_place = True


class NotInPyqom(Diagnostic):
    """
    A type needs something of QEMU's that pyqom does not have.

    pyqom, QEMU's object model in Python, has what the types of this project need. Say `targets: [c]` for a type that
    needs more, or add it there.
    """

    id = "QG409"
    message = "{what}: pyqom has no '{name}'"
    default_hint = "say 'targets: [c]'"
    once_a_place = True


class FileMissing(Diagnostic):
    """A file that the specs call for is not there."""

    id = "QG501"
    message = "this generated file is missing"


class FileChanged(Diagnostic):
    """A generated file is not what the specs give: they changed since, or it was edited by hand."""

    id = "QG502"
    message = "this generated file is not what its spec gives"


class FileExtra(Diagnostic):
    """A file is marked as generated, and no spec gives it: its type or series is gone."""

    id = "QG503"
    message = "no spec gives this generated file any more"


class FileUntracked(Diagnostic):
    """A generated file is right but git does not track it: the commit would lack it."""

    id = "QG504"
    message = "git does not track this generated file"


class FileForeign(Diagnostic):
    """
    At the path of an output stands something that qomgen did not write.

    qomgen overwrites only what carries its mark. Move the file away, or choose another `--output`.
    """

    id = "QG505"
    message = "this is not a generated file, and an output belongs here"
    default_hint = "move it away; qomgen overwrites only what it wrote"


def all_rules() -> dict[str, type[Diagnostic]]:
    """Every rule by its id, in order of id."""
    here = {__name__, Diagnostic.__module__}
    rules = {each.id: each for each in Diagnostic.__subclasses__() if each.__module__ in here}
    return dict(sorted(rules.items()))
