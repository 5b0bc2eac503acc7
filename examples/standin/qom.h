/*
 * What stands in for QEMU's headers in these examples: as little of QOM as
 * makes the generated C compile and show what it registered.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef STANDIN_QOM_H
#define STANDIN_QOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Error Error;
typedef struct Object { int unused; } Object;
typedef struct ObjectClass { int unused; } ObjectClass;
typedef struct DeviceState { Object parent_obj; } DeviceState;
typedef struct Property { const char *name; size_t offset; int64_t number; } Property;

typedef struct DeviceClass {
    ObjectClass parent_class;
    const char *desc;
    void (*realize)(DeviceState *dev, Error **errp);
    const Property *props;
    size_t props_count;
} DeviceClass;

typedef struct TypeInfo {
    const char *name;
    const char *parent;
    size_t instance_size;
    void (*class_init)(ObjectClass *klass, void *data);
} TypeInfo;

#define TYPE_DEVICE "device"
#define DEVICE_CLASS(klass) ((DeviceClass *)(klass))

#define OBJECT_DECLARE_SIMPLE_TYPE(Instance, NAME)             \
    typedef struct Instance Instance;                          \
    static inline Instance *NAME(void *object)                 \
    {                                                          \
        return object;                                         \
    }

#define DEFINE_PROP_UINT32(the_name, State, member, value) \
    { .name = the_name, .offset = offsetof(State, member), .number = value }

#define device_class_set_props(dc, table) \
    ((dc)->props = (table), (dc)->props_count = sizeof(table) / sizeof((table)[0]))

void object_class_property_set_description(ObjectClass *klass, const char *name,
                                           const char *description);
void type_register_static(const TypeInfo *info);

#define type_init(function) \
    __attribute__((constructor)) static void function##_constructor(void) { function(); }

#endif
