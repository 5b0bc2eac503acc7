/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "qom.h"
#include "my-timer.h.inc"

static void my_timer_realize(DeviceState *dev, Error **errp)
{
    (void)dev;
    (void)errp;
}

#include "my-timer.c.inc"
