# SPDX-License-Identifier: GPL-2.0-or-later
"""Kinds of device properties: PropertyInfo, and QEMU's general ones.

Twin of the PropertyInfos of hw/core/qdev-properties.c; those that know PCI are in propinfo_pci.
"""

from __future__ import annotations

import dataclasses
import uuid as uuids
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from .cutils import UINT32_MAX
from .errors import Abort, Error
from .fields import field_at
from .property import ObjectProperty, PropertyAccessor, PropertyRelease, object_property_set_default
from .qapi import OffAutoPCIBAR, OnOffAuto, QapiEnum
from .series import ByQemu, is_present, resolve
from .visitors import Visitor
from .world import current

if TYPE_CHECKING:
    from .klass import ObjectClass
    from .object import Object

T = TypeVar("T")

# An array's default is always empty: ().
PropertyDefault = bool | int | str | tuple[()]
EnumType = type[QapiEnum]


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class PropertyInfo:
    """A kind of device property (include/hw/qdev-properties.h, struct PropertyInfo).

    `type` is the QOM type string; texts may be `ByQemu`. `get` and `set` are called with the
    `Property` as their opaque. `print` gives the text of the "legacy-" twin that older QEMUs add.
    `create` adds the property to a class by itself. With `realized_set_allowed` the property may
    be changed on a realized device.
    """

    type: str | ByQemu[str]
    description: str | ByQemu[str | None] | None = None
    enum_table: EnumType | None = None
    realized_set_allowed: bool = False
    print: Callable[[Object, Property], str] | None = None
    set_default_value: Callable[[ObjectProperty, Property], None] | None = None
    create: Callable[[ObjectClass, str, Property], ObjectProperty] | None = None
    get: PropertyAccessor | None = None
    set: PropertyAccessor | None = None
    release: PropertyRelease | None = None


@dataclass(frozen=True, slots=True)
class Property:
    """One line of a device's property table (include/hw/qdev-properties.h, struct Property).

    `field` is a path in the instance struct. `default` is the user's word for enumerations; None
    means that the property has no default. `bit` is the number of a bit, `bitmask` the bits a
    value may have, `link_type` the type a link points at, `array_info` the kind of an array's
    elements. `description` replaces the kind's where the class asks for it
    (`object_class_property_set_descriptions`). The property exists from series `since` on, and
    before `until`.
    """

    name: str
    info: PropertyInfo | ByQemu[PropertyInfo]
    field: str
    default: PropertyDefault | ByQemu[Any] | None = None
    bit: int | None = None
    bitmask: int | None = None
    link_type: str | None = None
    array_info: PropertyInfo | None = None
    description: str | ByQemu[str | None] | None = None
    since: str | None = None
    until: str | None = None

    def for_series(self, series: str) -> Property | None:
        """The property as it is in one series, None if it is not there."""
        if not is_present(series, self.since, self.until):
            return None
        info = resolve(self.info, series)
        if info is None:
            return None
        return dataclasses.replace(
            self,
            info=info,
            default=resolve(self.default, series),
            description=resolve(self.description, series),
        )

    @property
    def kind(self) -> PropertyInfo:
        """The PropertyInfo; only after `for_series` is it sure to be one."""
        if isinstance(self.info, ByQemu):
            found: PropertyInfo | None = self.info.at(current().series)
            if found is None:
                raise Abort(f"property '{self.name}' has no kind in {current().series}")
            return found
        return self.info


def derive(info: PropertyInfo, **changes: Any) -> PropertyInfo:
    """A copy of a PropertyInfo with some members changed.

    QEMU has the idiom of copying a PropertyInfo before registration, to set
    `realized_set_allowed` for one property.
    """
    return dataclasses.replace(info, **changes)


def field_of(obj: Object, prop: Property) -> Any:
    """The value of the property's field (object_field_prop_ptr)."""
    return field_at(prop.field).get(obj)


def set_field_of(obj: Object, prop: Property, value: Any) -> None:
    """Store the value of the property's field (object_field_prop_ptr)."""
    field_at(prop.field).set(obj, value)


# --- defaults -------------------------------------------------------------------------------------


def default_value(op: ObjectProperty, prop: Property) -> None:
    """Have new objects start with the property's default, a value or a word."""
    if isinstance(prop.default, ByQemu):
        raise Abort(f"property '{prop.name}' was not resolved for one series")
    object_property_set_default(op, prop.default)


def _default_list(op: ObjectProperty, prop: Property) -> None:
    object_property_set_default(op, [])


def _default_uuid(op: ObjectProperty, prop: Property) -> None:
    object_property_set_default(op, UUID_VALUE_AUTO)


# --- accessors by visitor method ------------------------------------------------------------------


def _accessors(method: str) -> tuple[PropertyAccessor, PropertyAccessor]:
    """Get and set for a kind whose field is visited as it is."""

    def get(obj: Object, visitor: Visitor, name: str, opaque: Any) -> None:
        getattr(visitor, method)(name, field_of(obj, opaque))

    def set_(obj: Object, visitor: Visitor, name: str, opaque: Any) -> None:
        set_field_of(obj, opaque, getattr(visitor, method)(name, 0))

    return get, set_


def _plain(qom_type: str, method: str, **more: Any) -> PropertyInfo:
    get, set_ = _accessors(method)
    return PropertyInfo(type=qom_type, get=get, set=set_, set_default_value=default_value, **more)


qdev_prop_uint8 = _plain("uint8", "type_uint8")
qdev_prop_uint16 = _plain("uint16", "type_uint16")
qdev_prop_uint32 = _plain("uint32", "type_uint32")
qdev_prop_uint64 = _plain("uint64", "type_uint64")
qdev_prop_int32 = _plain("int32", "type_int32")
qdev_prop_int64 = _plain("int64", "type_int64")
qdev_prop_size = _plain("size", "type_size")
qdev_prop_usize = _plain("usize", "type_uint64")
qdev_prop_bool = _plain("bool", "type_bool", description=ByQemu({"10.0": "on/off"}))


def qdev_propinfo_get_int32(obj: Object, visitor: Visitor, name: str, opaque: Any) -> None:
    """Read an int32 field (qdev_propinfo_get_int32)."""
    visitor.type_int32(name, field_of(obj, opaque))


# --- bits -----------------------------------------------------------------------------------------


def _mask(prop: Property) -> int:
    if prop.bit is None:
        raise Abort(f"property '{prop.name}' is a bit and has no number")
    return 1 << prop.bit


def _get_bit(obj: Object, visitor: Visitor, name: str, opaque: Any) -> None:
    visitor.type_bool(name, bool(field_of(obj, opaque) & _mask(opaque)))


def _set_bit(obj: Object, visitor: Visitor, name: str, opaque: Any) -> None:
    wanted = visitor.type_bool(name, False)
    bits: int = field_of(obj, opaque)
    set_field_of(obj, opaque, bits | _mask(opaque) if wanted else bits & ~_mask(opaque))


qdev_prop_bit = PropertyInfo(
    type="bool", description="on/off", get=_get_bit, set=_set_bit, set_default_value=default_value
)
qdev_prop_bit64 = PropertyInfo(
    type="bool", description="on/off", get=_get_bit, set=_set_bit, set_default_value=default_value
)


@dataclass(eq=False, slots=True)
class OnOffAutoBit64:
    """Up to 64 three-way switches (include/hw/qdev-properties.h, since 10.1)."""

    on_bits: int = 0
    auto_bits: int = 0


def _get_on_off_auto_bit(obj: Object, visitor: Visitor, name: str, opaque: Any) -> None:
    bits: OnOffAutoBit64 = field_of(obj, opaque)
    mask = _mask(opaque)
    value = OnOffAuto.ON if bits.on_bits & mask else OnOffAuto.OFF
    visitor.type_enum(name, OnOffAuto.AUTO if bits.auto_bits & mask else value, OnOffAuto)


def _set_on_off_auto_bit(obj: Object, visitor: Visitor, name: str, opaque: Any) -> None:
    value = visitor.type_enum(name, OnOffAuto.AUTO, OnOffAuto)
    bits: OnOffAutoBit64 = field_of(obj, opaque)
    mask = _mask(opaque)
    bits.on_bits = bits.on_bits | mask if value is OnOffAuto.ON else bits.on_bits & ~mask
    bits.auto_bits = bits.auto_bits | mask if value is OnOffAuto.AUTO else bits.auto_bits & ~mask


qdev_prop_on_off_auto_bit64 = PropertyInfo(
    type="OnOffAuto",
    description="on/off/auto",
    enum_table=OnOffAuto,
    get=_get_on_off_auto_bit,
    set=_set_on_off_auto_bit,
    set_default_value=default_value,
)


# --- numbers with a rule --------------------------------------------------------------------------


def _get_size32(obj: Object, visitor: Visitor, name: str, opaque: Any) -> None:
    visitor.type_size(name, field_of(obj, opaque))


def _set_size32(obj: Object, visitor: Visitor, name: str, opaque: Any) -> None:
    value = visitor.type_size(name, 0)
    if value > UINT32_MAX:
        raise Error(
            f"Property {obj.klass.type.name}.{name} doesn't take value {value}"
            f" (maximum: {UINT32_MAX})"
        )
    set_field_of(obj, opaque, value)


qdev_prop_size32 = PropertyInfo(
    type="size", get=_get_size32, set=_set_size32, set_default_value=default_value
)


def _get_uint64(obj: Object, visitor: Visitor, name: str, opaque: Any) -> None:
    visitor.type_uint64(name, field_of(obj, opaque))


def _set_uint64_checkmask(obj: Object, visitor: Visitor, name: str, opaque: Any) -> None:
    prop: Property = opaque
    value = visitor.type_uint64(name, 0)
    # As in QEMU the value stays, though the error is raised.
    set_field_of(obj, prop, value)
    if prop.bitmask is None:
        raise Abort(f"property '{prop.name}' has no bit mask")
    if value & ~prop.bitmask:
        raise Error(f"Property value for '{name}' has bits outside mask '{prop.bitmask:#x}'")


qdev_prop_uint64_checkmask = PropertyInfo(type="uint64", get=_get_uint64, set=_set_uint64_checkmask)


# --- strings --------------------------------------------------------------------------------------


def _get_string(obj: Object, visitor: Visitor, name: str, opaque: Any) -> None:
    visitor.type_str(name, field_of(obj, opaque) or "")


def _set_string(obj: Object, visitor: Visitor, name: str, opaque: Any) -> None:
    set_field_of(obj, opaque, visitor.type_str(name, ""))


def _release_string(obj: Object, name: str, opaque: Any) -> None:
    set_field_of(obj, opaque, None)


qdev_prop_string = PropertyInfo(
    type="str", get=_get_string, set=_set_string, release=_release_string
)


# --- enumerations ---------------------------------------------------------------------------------


def qdev_propinfo_get_enum(obj: Object, visitor: Visitor, name: str, opaque: Any) -> None:
    """Read an enumeration (qdev_propinfo_get_enum)."""
    visitor.type_enum(name, field_of(obj, opaque), enum_of(opaque))


def qdev_propinfo_set_enum(obj: Object, visitor: Visitor, name: str, opaque: Any) -> None:
    """Set an enumeration (qdev_propinfo_set_enum)."""
    enum = enum_of(opaque)
    set_field_of(obj, opaque, visitor.type_enum(name, enum.zero(), enum))


def enum_of(prop: Property) -> EnumType:
    """The QAPI enumeration of a property's kind."""
    table = prop.kind.enum_table
    if table is None:
        raise Abort(f"property '{prop.name}' is of no enumeration")
    return table


def enum_info(enum: EnumType, description: str | ByQemu[str | None] | None) -> PropertyInfo:
    """A kind for a QAPI enumeration; its QOM type string is the enum's name."""
    return PropertyInfo(
        type=enum.__name__,
        description=description,
        enum_table=enum,
        get=qdev_propinfo_get_enum,
        set=qdev_propinfo_set_enum,
        set_default_value=default_value,
    )


qdev_prop_on_off_auto = enum_info(OnOffAuto, "on/off/auto")
qdev_prop_off_auto_pcibar = enum_info(OffAutoPCIBAR, "off/auto/bar0/bar1/bar2/bar3/bar4/bar5")


# --- UUID -----------------------------------------------------------------------------------------

UUID_VALUE_AUTO = "auto"
_NO_UUID = uuids.UUID(int=0)


@dataclass(eq=False, slots=True)
class QemuUUID:
    """A UUID, all zeros until it is set (include/qemu/uuid.h)."""

    value: uuids.UUID = _NO_UUID

    @property
    def is_null(self) -> bool:
        """Whether it was never set (qemu_uuid_is_null)."""
        return self.value.int == 0

    def __str__(self) -> str:
        return str(self.value)


def bad_value(obj: Object, name: str, value: str) -> Error:
    """`Property 'T.x' doesn't take value 'v'` (error_set_from_qdev_prop_error)."""
    return Error(f"Property '{obj.klass.type.name}.{name}' doesn't take value '{value}'")


def _get_uuid(obj: Object, visitor: Visitor, name: str, opaque: Any) -> None:
    visitor.type_str(name, str(field_of(obj, opaque)))


def _set_uuid(obj: Object, visitor: Visitor, name: str, opaque: Any) -> None:
    text = visitor.type_str(name, "")
    target: QemuUUID = field_of(obj, opaque)
    if text == UUID_VALUE_AUTO:
        target.value = uuids.uuid4()
    else:
        target.value = _parse_uuid(obj, name, text)


def _parse_uuid(obj: Object, name: str, text: str) -> uuids.UUID:
    """Only the form with four hyphens is one, in either case (qemu_uuid_parse)."""
    parts = text.split("-")
    if [len(part) for part in parts] != [8, 4, 4, 4, 12]:
        raise bad_value(obj, name, text)
    if any(char not in "0123456789abcdefABCDEF" for part in parts for char in part):
        raise bad_value(obj, name, text)
    return uuids.UUID(text)


qdev_prop_uuid = PropertyInfo(
    type="str",
    description='UUID (aka GUID) or "auto" for random value (default)',
    get=_get_uuid,
    set=_set_uuid,
    set_default_value=_default_uuid,
)


# --- arrays ---------------------------------------------------------------------------------------


def _element(prop: Property, index: int) -> Property:
    if prop.array_info is None:
        raise Abort(f"property '{prop.name}' is an array of no kind")
    return dataclasses.replace(prop, info=prop.array_info, field=f"{prop.field}[{index}]")


def _get_array(obj: Object, visitor: Visitor, name: str, opaque: Any) -> None:
    values: list[Any] = field_of(obj, opaque)
    visitor.start_list(name, len(values))
    for index in range(len(values)):
        element = _element(opaque, index)
        if element.kind.get is not None:
            element.kind.get(obj, visitor, None, element)  # type: ignore[arg-type] # a list
    visitor.end_list()


def _set_array(obj: Object, visitor: Visitor, name: str, opaque: Any) -> None:
    values: list[Any] = field_of(obj, opaque)
    if values:
        raise Error(f"array size property {name} may not be set more than once")
    length = visitor.start_list(name)
    try:
        for index in range(length):
            element = _element(opaque, index)
            values.append(None)
            if element.kind.set is not None:
                element.kind.set(obj, visitor, None, element)  # type: ignore[arg-type] # a list
    except Error:
        values.clear()
        raise
    finally:
        visitor.end_list()


def _release_array(obj: Object, name: str, opaque: Any) -> None:
    prop: Property = opaque
    if prop.array_info is not None and prop.array_info.release is not None:
        for index in range(len(field_of(obj, prop))):
            prop.array_info.release(obj, name, _element(prop, index))


# The list-valued form of QEMU 9.0 and newer; 7.2's "len-x" and "x[0]" are not there.
qdev_prop_array = PropertyInfo(
    type="list",
    get=_get_array,
    set=_set_array,
    release=_release_array,
    set_default_value=_default_list,
)
