/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "qom.h"
#include "my-dev.h.inc"

static void my_dev_realize(DeviceState *dev, Error **errp)
{
    (void)dev;
    (void)errp;
}

#include "my-dev.c.inc"
