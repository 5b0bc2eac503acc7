/*
 * Prints each type that registered itself, with its properties.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <inttypes.h>
#include <stdio.h>

#include "qom.h"

void object_class_property_set_description(ObjectClass *klass, const char *name,
                                           const char *description)
{
    (void)klass;
    printf("  %s: %s\n", name, description);
}

void type_register_static(const TypeInfo *info)
{
    DeviceClass class = { .desc = NULL };

    printf("%s, %zu bytes\n", info->name, info->instance_size);
    info->class_init(&class.parent_class, NULL);
    for (size_t i = 0; i < class.props_count; i++) {
        printf("  %s=%" PRId64 "\n", class.props[i].name, class.props[i].number);
    }
}

int main(void)
{
    return 0;
}
