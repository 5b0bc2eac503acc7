/*
 * What stands in for QEMU's headers where a test asks for syntax and data
 * alone: declarations are data, and what registers a type prints every string
 * that reaches it, a line each: what it is, and its bytes in hexadecimal.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef STANDIN_H
#define STANDIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

static inline void told(const char *what, const char *text)
{
    printf("%s ", what);
    for (; text && *text; text++) {
        printf("%02x", (unsigned char)*text);
    }
    printf("\n");
}

/* Objects: one piece of memory is every instance and another every class. */

typedef struct Error Error;
typedef struct Visitor Visitor;
typedef struct Object { int there; } Object;
typedef struct ObjectClass { int there; } ObjectClass;
typedef struct DeviceState { Object parent_obj; } DeviceState;
typedef struct PCIDevice { DeviceState qdev; uint32_t cap_present; } PCIDevice;
typedef struct VMStateDescription { const char *name; int unmigratable; } VMStateDescription;

typedef struct DeviceClass {
    ObjectClass parent_class;
    const char *fw_name;
    const char *desc;
    const char *bus_type;
    void (*reset)(DeviceState *dev);
} DeviceClass;

typedef struct PCIDeviceClass {
    DeviceClass parent_class;
    void (*realize)(PCIDevice *dev, Error **errp);
} PCIDeviceClass;

#define TYPE_PCI_DEVICE "pci-device"
#define INTERFACE_PCIE_DEVICE "pci-express-device"
#define OBJECT(object) ((Object *)(object))
#define DEVICE(object) ((DeviceState *)(object))
#define PCI_DEVICE(object) ((PCIDevice *)(object))
#define DEVICE_CLASS(klass) ((DeviceClass *)(klass))
#define PCI_DEVICE_CLASS(klass) ((PCIDeviceClass *)(klass))

#define OBJECT_DECLARE_TYPE(Instance, Class, NAME)                     \
    typedef struct Instance Instance;                                  \
    typedef struct Class Class;                                        \
    static inline Instance *NAME(const void *object)                   \
    {                                                                  \
        return (Instance *)object;                                     \
    }                                                                  \
    static inline Class *NAME##_CLASS(const void *klass)               \
    {                                                                  \
        return (Class *)klass;                                         \
    }                                                                  \
    static inline Class *NAME##_GET_CLASS(const void *object)          \
    {                                                                  \
        return (Class *)object;                                        \
    }

/* Properties. */

typedef enum OnOffAuto { ON_OFF_AUTO_AUTO, ON_OFF_AUTO_ON, ON_OFF_AUTO_OFF } OnOffAuto;

typedef struct PropertyInfo {
    const char *type;
    const char *description;
    bool realized_set_allowed;
} PropertyInfo;

typedef struct Property {
    const char *name;
    const PropertyInfo *info;
    size_t offset;
    bool set_default;
    union {
        int64_t i;
        uint64_t u;
    } defval;
} Property;

static const PropertyInfo qdev_prop_uint32 = { .type = "uint32" };
static const PropertyInfo qdev_prop_on_off_auto = { .type = "OnOffAuto" };

#define DEFINE_PROP(text, State, member, the_info, type, ...) \
    { .name = (text), .info = &(the_info), .offset = offsetof(State, member), __VA_ARGS__ }
#define DEFINE_PROP_UINT32(text, State, member, value) \
    DEFINE_PROP(text, State, member, qdev_prop_uint32, uint32_t, .defval.u = (value))
#define DEFINE_PROP_ON_OFF_AUTO(text, State, member, value) \
    DEFINE_PROP(text, State, member, qdev_prop_on_off_auto, OnOffAuto, .defval.i = (value))
#define DEFINE_PROP_END_OF_LIST() { .name = NULL }

static inline void told_properties(const Property *properties, size_t count)
{
    for (size_t i = 0; i < count && properties[i].name; i++) {
        told("property", properties[i].name);
        told("info", properties[i].info->description);
    }
}

#define device_class_set_props(dc, properties) \
    ((void)(dc), told_properties(properties, sizeof(properties) / sizeof((properties)[0])))
#define device_class_set_legacy_reset(dc, hook) ((dc)->reset = (hook))

static inline void object_class_property_set_description(ObjectClass *klass, const char *name,
                                                         const char *description)
{
    klass->there = 1;
    told("described", name);
    told("description", description);
}

#define object_class_property_add_str(klass, name, get, set) \
    ((klass)->there = 1, told("class-property", name), (void)(get), (void)(set))
#define object_class_property_add(klass, name, type, get, set, release, data) \
    ((klass)->there = 1, told("class-property", name), told("visits", type), \
     (void)(get), (void)(set), (void)(release), (void)(data))

static inline void device_add_bootindex_property(Object *obj, int32_t *bootindex, const char *name,
                                                 const char *suffix, DeviceState *dev)
{
    obj->there = *bootindex = dev ? 1 : 0;
    told("bootindex", name);
    told("suffix", suffix);
}

/* Types. */

typedef struct InterfaceInfo { const char *type; } InterfaceInfo;

typedef struct TypeInfo {
    const char *name;
    const char *parent;
    size_t instance_size;
    void (*instance_init)(Object *obj);
    bool abstract;
    size_t class_size;
    void (*class_init)(ObjectClass *klass, DATA *data);
    const InterfaceInfo *interfaces;
} TypeInfo;

static inline void type_register_static(const TypeInfo *info)
{
    static union { int64_t align; char bytes[4096]; } object, klass;

    told("type", info->name);
    info->class_init((ObjectClass *)&klass, NULL);
    info->instance_init((Object *)&object);
    told("desc", ((DeviceClass *)&klass)->desc);
    told("fw_name", ((DeviceClass *)&klass)->fw_name);
}

#define type_init(function) \
    __attribute__((constructor)) static void function##_constructor(void) { function(); }

#endif
